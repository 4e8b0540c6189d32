/* SPDX-License-Identifier: MIT */
/* memory.c - address spaces: mmap, munmap, mprotect, mremap, madvise, brk, msync, mincore, mlock. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

#define PAGE	  4096l
#define ANON	  (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW	  (PROT_READ | PROT_WRITE)
#define RWX	  (RW | PROT_EXEC)
#define AT	  ((char *)0x200000000l) /* nothing lives there */
#define NOREPLACE 0x100000

static sigjmp_buf back;
static siginfo_t fault;

static void on_fault(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	fault = *si;
	siglongjmp(back, 1);
}

static void catch_faults(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

/* Tries to read or write a byte and tells what came of it. */
static void touch(const char *what, volatile char *p, bool write)
{
	if (sigsetjmp(back, 1)) {
		say("%s: signal %d code %d address %s", what, fault.si_signo, fault.si_code,
		    fault.si_addr == (void *)p ? "exact" : "other");
		return;
	}
	if (write)
		*p = 'w';
	say("%s: %s", what, write ? "written" : *p ? "has data" : "zero");
}
#define READ(p)	 touch("read " #p, p, false)
#define WRITE(p) touch("write " #p, p, true)

static void anonymous(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);

	catch_faults();
	IS(((uintptr_t)p & 4095) == 0);
	READ(p);
	WRITE(p + 3 * PAGE);
	READ(p + 3 * PAGE);
	X(munmap, p + PAGE, PAGE);
	READ(p + PAGE);
	WRITE(p + PAGE);
	READ(p + 3 * PAGE);
	READ(p);
	X(munmap, p, 4 * PAGE);
	READ(p);
	X(munmap, p, 4 * PAGE);
	X(munmap, p + 1, PAGE);
	X(munmap, p, 0);
	X(munmap, KERNEL_LINEAR, PAGE);
	X(munmap, AT, PAGE);
	X(mmap, NULL, 0, RW, ANON, -1, 0);
	X(mmap, NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0);
	X(mmap, NULL, PAGE, RW, MAP_ANONYMOUS | 0x3, -1, 1);
	X(mmap, NULL, ~0ul, RW, ANON, -1, 0);
	X(mmap, NULL, 1ul << 47, RW, ANON, -1, 0);
	OK(mmap, NULL, PAGE, RW, ANON, 12345, 0);
	X(mmap, NULL, PAGE, RW, MAP_PRIVATE, -1, 0);
	X(mmap, NULL, PAGE, RW, MAP_PRIVATE, 12345, 0);
	READ((char *)NEAR_NULL);
	READ((char *)KERNEL_LINEAR);
	READ((char *)NON_CANONICAL);
	p = mmap(NULL, PAGE, PROT_NONE, ANON, -1, 0);
	READ(p);
	p = mmap(NULL, PAGE, PROT_READ, ANON, -1, 0);
	READ(p);
	WRITE(p);
	p = mmap(NULL, PAGE, PROT_WRITE, ANON, -1, 0);
	WRITE(p);
	p = mmap(NULL, PAGE, RW, ANON | MAP_POPULATE | MAP_NORESERVE | MAP_STACK, -1, 0);
	WRITE(p);
	char *q = mmap(NULL, PAGE, RW, ANON | MAP_32BIT, -1, 0);
	IS((uintptr_t)q < 1ul << 32);
}

static void fixed(void)
{
	char *p;

	catch_faults();
	HEX(Q(mmap, AT, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
	WRITE(AT);
	X(mmap, AT, PAGE, RW, ANON | NOREPLACE, -1, 0);
	X(mmap, AT + PAGE, PAGE, RW, ANON | NOREPLACE, -1, 0);
	HEX(Q(mmap, AT + 2 * PAGE, PAGE, RW, ANON | NOREPLACE, -1, 0));
	READ(AT);
	HEX(Q(mmap, AT, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	READ(AT);
	X(mmap, AT + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	X(mmap, 0, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	X(mmap, 1ul << 47, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	X(mmap, (1ul << 47) - PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	X(mmap, KERNEL_LINEAR, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	p = mmap(AT + 64 * PAGE, PAGE, RW, ANON, -1, 0);
	IS(p == AT + 64 * PAGE);
	p = mmap(AT + 64 * PAGE, PAGE, RW, ANON, -1, 0);
	IS(p != AT + 64 * PAGE && p != MAP_FAILED);
	p = mmap(AT + 100 * PAGE + 5, PAGE, RW, ANON, -1, 0);
	IS(p == AT + 100 * PAGE || p == AT + 101 * PAGE);
}

static void run_data(void *p)
{
	if (!sigsetjmp(back, 1))
		((int (*)(void))p)();
	say("running data: signal %d code %d", fault.si_signo, fault.si_code);
}

static void protection(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);

	catch_faults();
	memset(p, 'x', (size_t)(4 * PAGE));
	X(mprotect, p + PAGE, PAGE, PROT_READ);
	WRITE(p + PAGE);
	READ(p + PAGE);
	WRITE(p);
	WRITE(p + 2 * PAGE);
	X(mprotect, p, 4 * PAGE, PROT_NONE);
	READ(p + PAGE);
	X(mprotect, p, 4 * PAGE, RW);
	READ(p + PAGE);
	WRITE(p + PAGE);
	X(mprotect, p + 1, PAGE, RW);
	X(mprotect, p, 0, RW);
	X(mprotect, p, PAGE, 0x100);
	X(mprotect, AT, PAGE, RW);
	X(mprotect, KERNEL_LINEAR, PAGE, RW);
	Q(munmap, p + 2 * PAGE, PAGE);
	X(mprotect, p, 4 * PAGE, PROT_READ);
	WRITE(p);
	WRITE(p + 3 * PAGE);
	/* Code that is written, then run; and data that must not run. */
	p = mmap(NULL, PAGE, RW, ANON, -1, 0);
	memcpy(p, "\xb8\x2a\x00\x00\x00\xc3", 6);
	run_data(p);
	X(mprotect, p, PAGE, PROT_READ | PROT_EXEC);
	NUM(((int (*)(void))p)());
	put_file("f", "12345", 5);
	int fd = (int)Q(open, "f", O_RDONLY);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	X(mprotect, p, PAGE, RW);
	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	X(mprotect, p, PAGE, RW);
	WRITE(p);
}

static void files(void)
{
	static char text[10000];
	char b[16] = { 0 };
	char *p, *q;
	int fd, ro;

	catch_faults();
	memset(text, 'a', sizeof(text));
	put_file("f", text, sizeof(text));
	fd = (int)Q(open, "f", O_RDWR);
	ro = (int)Q(open, "f", O_RDONLY);
	p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
	q = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, ro, 0);
	READ(p);
	READ(p + 10000);
	READ(p + 3 * PAGE);
	WRITE(p + 3 * PAGE);
	p[1] = 'S';
	say("%c", q[1]);
	q[2] = 'P';
	say("%c", p[2]);
	p[2] = 'T';
	say("%c", q[2]);
	Q(pread64, fd, b, 4, 0);
	say("%s", b);
	Q(pwrite64, fd, "WXYZ", 4, PAGE);
	say("%.4s %.4s", p + PAGE, q + PAGE);
	/* The rest of the last page is the program's own affair and not in the file. */
	p[10001] = '!';
	X(lseek, fd, 0, SEEK_END);
	X(ftruncate, fd, 5000);
	READ(p + 2 * PAGE);
	READ(q + 2 * PAGE);
	READ(p + PAGE + 904);
	X(ftruncate, fd, 10000);
	READ(p + 2 * PAGE);
	X(msync, p, 4 * PAGE, MS_SYNC);
	X(msync, p, 4 * PAGE, MS_ASYNC);
	X(msync, p, 4 * PAGE, MS_SYNC | MS_ASYNC);
	X(msync, p, 4 * PAGE, 0x100);
	X(msync, p + 1, PAGE, MS_SYNC);
	X(msync, AT, PAGE, MS_SYNC);
	X(mmap, NULL, PAGE, RW, MAP_SHARED, ro, 0);
	OK(mmap, NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	X(mmap, NULL, PAGE, RW, MAP_SHARED, fd, 100);
	OK(mmap, NULL, PAGE, RW, MAP_SHARED, fd, PAGE * 100);
	fd = (int)Q(open, ".", O_RDONLY);
	X(mmap, NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	fd = (int)Q(open, "f", O_WRONLY);
	X(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	fd = (int)Q(open, "/dev/zero", O_RDWR);
	p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	READ(p);
	WRITE(p);
}

static int writes_both(void *arg)
{
	char *const *m = arg;

	m[0][0] = 'C';
	m[1][0] = 'C';
	return m[2][0];
}

static void copy_on_write(void)
{
	char *m[3];
	static char data[8] = "data";

	m[0] = mmap(NULL, PAGE, RW, ANON, -1, 0);
	m[1] = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	m[2] = mmap(NULL, PAGE, RW, ANON, -1, 0);
	m[0][0] = m[1][0] = 'P';
	m[2][0] = 7;
	say("%s", wait_words(in_child(writes_both, m)));
	say("%c %c", m[0][0], m[1][0]);
	pid_t pid = fork();
	if (!pid) {
		memcpy(data, "CHILD", 6);
		m[0][0] = 'Q';
		_exit(data[0]);
	}
	m[0][0] = 'R';
	say("%s", wait_words(finish(pid)));
	say("%s %c", data, m[0][0]);
}

static void inheritance(void)
{
	char *p = pages(3);
	pid_t pid;

	catch_faults();
	memset(p, 'x', (size_t)(3 * PAGE));
	X(madvise, p, PAGE, MADV_DONTFORK);
	X(madvise, p + PAGE, PAGE, 18); /* MADV_WIPEONFORK */
	pid = fork();
	if (!pid) {
		READ(p);
		READ(p + PAGE);
		READ(p + 2 * PAGE);
		_exit(0);
	}
	finish(pid);
	READ(p);
	READ(p + PAGE);
}

#define MOVED(call, ...) \
	say(#call "(" #__VA_ARGS__ "): %s", Q(call, ##__VA_ARGS__) == (long)p ? "in place" : "no")

static void remapping(void)
{
	char *p = pages(8), *q;

	catch_faults();
	memset(p, 'a', (size_t)(8 * PAGE));
	MOVED(mremap, p, 8 * PAGE, 4 * PAGE, 0);
	READ(p + 4 * PAGE);
	MOVED(mremap, p, 4 * PAGE, 4 * PAGE, 0);
	/* The place behind is free again, then taken. */
	MOVED(mremap, p, 4 * PAGE, 6 * PAGE, 0);
	READ(p + 3 * PAGE);
	READ(p + 5 * PAGE);
	Q(mmap, p + 6 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
	X(mremap, p, 6 * PAGE, 8 * PAGE, 0);
	q = mremap(p, (size_t)(6 * PAGE), (size_t)(16 * PAGE), MREMAP_MAYMOVE);
	IS(q != p && q != MAP_FAILED);
	READ(p);
	READ(q);
	READ(q + 3 * PAGE);
	READ(q + 15 * PAGE);
	HEX(Q(mremap, q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT));
	READ(AT);
	READ(q);
	READ(q + 2 * PAGE);
	X(mremap, AT, 2 * PAGE, 2 * PAGE, MREMAP_FIXED, AT + 64 * PAGE);
	X(mremap, AT, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT + PAGE);
	X(mremap, AT, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT + 5);
	X(mremap, AT + 5, PAGE, PAGE, 0);
	X(mremap, AT, PAGE, 0, 0);
	X(mremap, AT, PAGE, PAGE, 0x100);
	X(mremap, AT + 300 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	X(mremap, AT, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	X(mremap, AT, 0, PAGE, MREMAP_MAYMOVE);
	/* Two mappings are not one. */
	Q(mmap, AT + 2 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
	X(mremap, AT, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	/* Old size 0 of shared memory makes a second view. */
	p = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	q = mremap(p, 0, PAGE, MREMAP_MAYMOVE);
	IS(q != MAP_FAILED && q != p);
	*p = 'v';
	READ(q);
	p = pages(2);
	*p = 'k';
	q = mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | 4, NULL); /* MREMAP_DONTUNMAP */
	IS(q != MAP_FAILED && q != p && *q == 'k');
	READ(p);
	WRITE(p);
}

static void advice(void)
{
	char *p = pages(4);
	unsigned char in[4];

	catch_faults();
	memset(p, 'a', (size_t)(4 * PAGE));
	X(madvise, p, 2 * PAGE, MADV_DONTNEED);
	READ(p);
	READ(p + 2 * PAGE);
	for (int a = 0; a < 5; a++)
		X(madvise, p, PAGE, a);
	X(madvise, p, PAGE, MADV_FREE);
	X(madvise, p, PAGE, MADV_HUGEPAGE);
	X(madvise, p, PAGE, MADV_NOHUGEPAGE);
	X(madvise, p, PAGE, 7777);
	X(madvise, p + 1, PAGE, MADV_DONTNEED);
	X(madvise, p, 0, MADV_DONTNEED);
	X(madvise, p, ~0ul, MADV_DONTNEED);
	X(madvise, AT, PAGE, MADV_DONTNEED);
	Q(munmap, p + PAGE, PAGE);
	X(madvise, p, 4 * PAGE, MADV_DONTNEED);
	READ(p + 2 * PAGE);
	X(mincore, p, 4 * PAGE, in);
	p = pages(4);
	p[0] = p[2 * PAGE] = 1;
	X(mincore, p, 4 * PAGE, in);
	say("%d %d %d %d", in[0], in[1], in[2], in[3]);
	X(mincore, p + 1, PAGE, in);
	X(mincore, p, PAGE, unmapped());
	X(mincore, p, 0, in);
	/* What lies around a page that is read comes along: sixteen pages need no sixteen faults. */
	static char text[16 * 4096];
	struct rusage before, after;
	int sum = 0;

	memset(text, 'f', sizeof(text));
	put_file("pages", text, sizeof(text));
	p = mmap(NULL, sizeof(text), PROT_READ, MAP_PRIVATE, (int)Q(open, "pages", O_RDONLY), 0);
	getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < 16; i++)
		sum += ((volatile char *)p)[i * PAGE];
	getrusage(RUSAGE_SELF, &after);
	NUM(sum);
	IS(after.ru_minflt - before.ru_minflt < 8);
	/* A private file page goes back to the file's. */
	put_file("f", "file", 4);
	int fd = (int)Q(open, "f", O_RDWR);
	p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	memcpy(p, "MINE", 4);
	X(madvise, p, PAGE, MADV_DONTNEED);
	say("%.4s", p);
	X(madvise, p, PAGE, MADV_REMOVE);
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	memcpy(p, "OURS", 4);
	X(madvise, p, PAGE, MADV_DONTNEED);
	say("%.4s", p);
	X(madvise, p, PAGE, MADV_REMOVE);
	READ(p);
}

static void breaks(void)
{
	char *start_ = (char *)Q(brk, 0), *now;
	struct rlimit l = { 1 << 20, 1 << 20 };

	catch_faults();
	IS(((uintptr_t)start_ & 4095) == 0 || start_ != NULL);
	IS((char *)Q(brk, start_ + 10000) == start_ + 10000);
	WRITE(start_ + 9999);
	IS((char *)Q(brk, 0) == start_ + 10000);
	now = (char *)Q(brk, start_ + 100);
	IS(now == start_ + 100);
	READ(start_ + 9 * PAGE);
	IS((char *)Q(brk, NEAR_NULL) == start_ + 100);
	IS((char *)Q(brk, KERNEL_LINEAR) == start_ + 100);
	IS((char *)Q(brk, start_ + 20000) == start_ + 20000);
	READ(start_ + 10000);
	Q(setrlimit, RLIMIT_DATA, &l);
	IS((char *)Q(brk, start_ + (4 << 20)) == start_ + 20000);
	/* Memory in the way. */
	char *wall = (char *)(((uintptr_t)start_ + 40000) & ~4095ul);
	Q(mmap, wall, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
	IS((char *)Q(brk, wall + 100) == start_ + 20000);
}

static int grows(int depth)
{
	volatile char room[4000];

	room[0] = (char)depth;
	return depth ? grows(depth - 1) + room[0] : 0;
}

static void stacks(void)
{
	struct rlimit l = { 1 << 20, 8 << 20 };
	static char other[65536] __attribute__((aligned(16)));
	stack_t ss = { .ss_sp = other, .ss_size = sizeof(other) };
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	Q(setrlimit, RLIMIT_STACK, &l);
	NUM(grows(100) != 0);
	if (!sigsetjmp(back, 1))
		grows(1000);
	say("1000 frames: signal %d code %d", fault.si_signo, fault.si_code);
	l.rlim_cur = 8 << 20;
	Q(setrlimit, RLIMIT_STACK, &l);
	fault.si_signo = 0;
	if (!sigsetjmp(back, 1))
		grows(1000);
	NUM(fault.si_signo);
}

static void grows_down(void)
{
	char *p;

	catch_faults();
	Q(mmap, AT, 512 * PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0);
	Q(munmap, AT, 512 * PAGE);
	p = mmap(AT + 400 * PAGE, PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
	WRITE(p - PAGE);
	WRITE(p - 2 * PAGE);
	READ(p + PAGE);
}

static void locking(void)
{
	struct rlimit l = { 4 * PAGE, 4 * PAGE };
	char *p = pages(8);

	X(mlock, p, PAGE);
	X(mlock, p + 100, 100);
	X(munlock, p, PAGE);
	X(munlock, p, PAGE);
	X(mlock, AT, PAGE);
	X(mlock, p, 0);
	X(mlock, p, ~0ul);
	X(mlockall, 0);
	X(mlockall, 8);
	X(mlockall, MCL_CURRENT);
	X(munlockall);
	Q(setrlimit, RLIMIT_MEMLOCK, &l);
	Q(setresuid, 1000, 1000, 1000);
	X(mlock, p, 4 * PAGE);
	X(mlock, p, 5 * PAGE);
	X(mlockall, MCL_CURRENT);
	Q(munlock, p, 8 * PAGE);
	X(mmap, NULL, 8 * PAGE, RW, ANON | MAP_LOCKED, -1, 0);
}

static void limits(void)
{
	struct rlimit l = { 64 << 20, 64 << 20 };

	X(setrlimit, RLIMIT_AS, &l);
	X(mmap, NULL, 100 << 20, RW, ANON, -1, 0);
	OK(mmap, NULL, 10 << 20, RW, ANON, -1, 0);
	/* In the way of the count: how many mappings a process may have. */
	char *p = mmap(NULL, 32 << 20, PROT_NONE, ANON, -1, 0);
	IS(p != MAP_FAILED);
	X(mmap, NULL, 40 << 20, PROT_NONE, ANON, -1, 0);
	Q(munmap, p, 32 << 20);
	OK(mmap, NULL, 40 << 20, PROT_NONE, ANON, -1, 0);
}

/* What /proc/self/maps shows of [AT, ...). */
static void show_maps(void)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "2000", 4) == 0 && strchr(line, '-') == line + 9) {
			line[33] = '\0'; /* addresses, rights, and no inode numbers */
			say("  %.27s", line);
		}
	if (f)
		fclose(f);
}

static void merging(void)
{
	Q(mmap, AT, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	Q(mmap, AT + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	show_maps();
	Q(mmap, AT + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	show_maps();
	Q(mprotect, AT + PAGE, PAGE, PROT_READ);
	show_maps();
	Q(mprotect, AT + PAGE, PAGE, RW);
	show_maps();
	Q(munmap, AT + PAGE, PAGE);
	Q(mmap, AT + PAGE, PAGE, RWX, ANON | MAP_FIXED, -1, 0);
	Q(mmap, AT + 3 * PAGE, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	show_maps();
	Q(munmap, AT, 16 * PAGE);
	show_maps();
}

static int kernel_writes_to_shared(void *arg)
{
	int fd = (int)Q(open, "f", O_RDONLY);

	return (int)Q(read, fd, arg, 4);
}

/* The kernel faults pages in when it reads and writes a program's memory. */
static void kernel_access(void)
{
	char *p = pages(2), *q = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *r;

	put_file("f", "read", 4);
	int fd = (int)Q(open, "f", O_RDWR);
	X(read, fd, p + PAGE - 2, 4);
	say("%.4s", p + PAGE - 2);
	say("%s %.4s", wait_words(in_child(kernel_writes_to_shared, q)), q);
	r = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	X(pread64, fd, r, 4, 0);
	X(pwrite64, fd, r, 4, 100);
	pid_t pid = fork();
	if (!pid) {
		Q(pread64, fd, p, 4, 0);
		_exit(p[0] == 'r' ? 0 : 1);
	}
	say("%s", wait_words(finish(pid)));
	NUM(p[0]);
}

static const struct test tests[] = {
	T(anonymous),	T(fixed),     T(protection), T(files),	 T(copy_on_write),
	T(inheritance), T(remapping), T(advice),     T(breaks),	 T(stacks),
	T(grows_down),	T(locking),   T(limits),     T(merging), T(kernel_access),
};
MAIN("memory", tests)
