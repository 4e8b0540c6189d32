/* SPDX-License-Identifier: MIT */
/*
 * check.h - how a conformance program tells what a kernel answered. It judges nothing: it prints one
 * line for each question, the same line on every run, and the runner compares the lines of two kernels.
 *
 * System calls are made by the bare instruction, so that a line shows the kernel's answer and not the C
 * library's. Lines begin with "@area.test "; other lines are for people.
 *
 *   X(call, args...)    prints "call(args) = 3" or "= -EBADF"; returns the kernel's own word
 *   OK(call, args...)   the same, but prints "ok" for all that is no error
 *   Q(call, args...)    makes the call and prints nothing
 *   IS(expr) NUM(expr)  prints the expression's text and yes or no, or its value
 *
 * A test runs in a process and an empty folder of its own and is killed after a while, so one that
 * hangs or dies costs its own lines only.
 */
#ifndef TESTS_USER_LIB_CHECK_H
#define TESTS_USER_LIB_CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>

/* Where these are macros, X(pread64, ...) would look for another call. */
#undef pread64
#undef pwrite64
#undef getdents64
#undef prlimit64
#undef readdir64
#undef fallocate64

struct test {
	const char *name;
	void (*run)(void);
};

/* The last lines of each program: its tests in order. */
#define T(f)                         \
	{                            \
		.name = #f, .run = f \
	}
#define MAIN(area, tests)                                                                       \
	int main(int argc, char **argv)                                                         \
	{                                                                                       \
		return check_main(area, tests, sizeof(tests) / sizeof((tests)[0]), argc, argv); \
	}
/* With arguments only the tests so named; "--list" names them. Status 0 unless a test was killed. */
int check_main(const char *area, const struct test *tests, size_t n, int argc, char **argv);

/* For a helper program that a test has started: its lines begin with "@area.test " too. */
void check_as(const char *area, const char *test);

static inline __attribute__((always_inline)) long check_raw(long nr, long a, long b, long c, long d,
							    long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#define CHECK_CALL(nr, a, b, c, d, e, f, ...) \
	check_raw(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define Q(call, ...)  CHECK_CALL(__NR_##call, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define X(call, ...)  check_told(#call "(" #__VA_ARGS__ ")", Q(call, ##__VA_ARGS__))
#define OK(call, ...) check_okay(#call "(" #__VA_ARGS__ ")", Q(call, ##__VA_ARGS__))
#define IS(expr)      say("%s: %s", #expr, (expr) ? "yes" : "no")
#define NUM(expr)     say("%s = %lld", #expr, (long long)(expr))
#define HEX(expr)     say("%s = 0x%llx", #expr, (unsigned long long)(expr))
/* What a C library's function answered: -1 with errno, or an error number. */
#define LIB(expr) check_lib(#expr, (long)(expr))
#define ERR(expr) check_told(#expr, -(long)(expr))

long check_told(const char *what, long ret); /* both return RET */
long check_okay(const char *what, long ret);
long check_lib(const char *what, long ret);

/* One line, written at once. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "EBADF" of EBADF or -EBADF; "E999" of what has no name. */
const char *err_name(long err);
/* A wait status in words: "exit 3", "killed by 9", "stopped by 19", "continued". */
const char *wait_words(int status);

/* ---- what many tests need; failures end the test with a line ------------------------------------ */

/* A file of the current folder with these contents, closed. */
void put_file(const char *name, const void *data, size_t len);
/* What a file holds, up to SIZE - 1 bytes, with a NUL; its length, or -errno. */
long get_file(const char *name, char *buf, size_t size);
/* Runs fn(arg) in a child that ends with its result; the wait status. */
int in_child(int (*fn)(void *), void *arg);
/* A child that runs fn(arg); its pid. */
pid_t start(int (*fn)(void *), void *arg);
int finish(pid_t pid); /* its wait status, or -1 */
/* Sleeps; for order between processes where nothing can be waited for. */
void nap(int milliseconds);
long long now_ns(void); /* CLOCK_MONOTONIC */
/* True once the process PID sleeps (state S or T or t), waited for at most a few seconds. */
bool await_state(pid_t pid, const char *states);
/* Fresh anonymous pages. */
char *pages(size_t n);

/* Addresses that no kernel may touch on a program's word. */
#define KERNEL_LINEAR ((void *)0xffff888000001000ul)
#define KERNEL_TEXT   ((void *)0xffffffff81000000ul)
#define NON_CANONICAL ((void *)0x0000900000000000ul)
#define LAST_BYTE     ((void *)~0ul)
#define NEAR_NULL     ((void *)8ul)
void *unmapped(void);  /* was mapped, is not */
void *read_only(void); /* a page that can only be read */
void *no_access(void);

#endif
