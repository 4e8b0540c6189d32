/* SPDX-License-Identifier: MIT */
/* unknown.c - numbers that are no call, and calls that take flags nobody knows. */
#include <fcntl.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

#define N(nr) check_told(#nr, check_raw(nr, 1, 2, 3, 4, 5, 6))

static void numbers(void)
{
	N(-1l);
	N(-2l);
	N(134); /* uselib */
	N(156); /* _sysctl */
	N(174); /* create_module */
	N(177); /* get_kernel_syms */
	N(178);
	N(180); /* nfsservctl */
	N(181);
	N(185);
	N(205); /* set_thread_area, of 32 bits only */
	N(211);
	N(214); /* epoll_ctl_old */
	N(236); /* vserver */
	N(340);
	N(350);
	N(400);
	N(423);
	N(600);
	N(1000);
	N(4095);
	N(4096);
	N(0x10000);
	N(0x3fffffff);
	N(0x7fffffff);
	N(0xffffffffl);
	/* Above 32 bits nothing counts. */
	IS(check_raw(0x100000000l + SYS_getpid, 0, 0, 0, 0, 0, 0) == getpid());
}

/* What the instruction leaves alone. */
static void registers(void)
{
	long rax = SYS_getpid, rbx = 1, rdx = 2, rsi = 3, rdi = 4, r12 = 5, rcx = 6;
	register long r8 __asm__("r8") = 8;
	register long r9 __asm__("r9") = 9;
	register long r10 __asm__("r10") = 10;
	unsigned long before, after;

	__asm__ volatile("syscall"
			 : "+a"(rax), "+b"(rbx), "+d"(rdx), "+S"(rsi), "+D"(rdi), "+r"(r8),
			   "+r"(r9), "+r"(r10), "+c"(rcx)
			 :
			 : "r11", "memory");
	/* Before any call: these variables are the registers themselves. */
	const long eight = r8, nine = r9, ten = r10;
	IS(rax == getpid());
	say("%ld %ld %ld %ld %ld %ld %ld", rbx, rdx, rsi, rdi, eight, nine, ten);
	NUM(r12);
	/* rcx holds where the program goes on, and the flags survive. */
	IS(rcx != 6);
	__asm__ volatile("stc; pushf; pop %0; mov $39, %%eax; syscall; pushf; pop %1"
			 : "=&r"(before), "=&r"(after)
			 :
			 : "rax", "rcx", "r11", "memory");
	IS((before & 0xcd5) == (after & 0xcd5));
}

static void flags(void)
{
	int p[2];

	X(pipe2, p, 1);
	X(dup3, 0, 50, 1);
	X(epoll_create1, 2);
	X(eventfd2, 0, 2);
	X(getrandom, p, 4, 0x100);
	X(openat, AT_FDCWD, ".", 0x40000000);
	X(unlinkat, AT_FDCWD, "x", 2);
	X(linkat, AT_FDCWD, "x", AT_FDCWD, "y", 2);
	X(renameat2, AT_FDCWD, "x", AT_FDCWD, "y", 8);
	X(faccessat2, AT_FDCWD, "x", 0, 2);
	X(fchownat, AT_FDCWD, "x", 0, 0, 2);
	X(newfstatat, AT_FDCWD, "x", p, 2);
	X(waitid, 0, 0, NULL, 0x40, NULL);
	X(clock_nanosleep, 1, 2, NULL, NULL);
	X(mlockall, 16);
	X(msync, 0, 0, 8);
	X(close_range, 0, 0, 8);
	X(memfd_create, "x", 0x80);
	X(rseq, p, 5, 0, 0);
	X(restart_syscall);
}

static const struct test tests[] = { T(numbers), T(registers), T(flags) };
MAIN("unknown", tests)
