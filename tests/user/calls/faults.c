/* SPDX-License-Identifier: MIT */
/* faults.c - what the processor objects to, as signals; and how each signal ends a program. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

static siginfo_t last;

static sigjmp_buf back;

static void jumps(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	last = *si;
	siglongjmp(back, 1);
}

#define CRASH(what, code)                                                             \
	do {                                                                          \
		last.si_addr = NULL;                                                  \
		if (!sigsetjmp(back, 1)) {                                            \
			code;                                                         \
			say(what ": nothing");                                        \
		} else                                                                \
			say(what ": signal %d code %d", last.si_signo, last.si_code); \
	} while (0)

static void exceptions(void)
{
	struct sigaction sa = { .sa_sigaction = jumps, .sa_flags = SA_SIGINFO };
	const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		sigaction(sigs[i], &sa, NULL);
	CRASH("null", *(volatile char *)NEAR_NULL = 1);
	CRASH("kernel", *(volatile char *)KERNEL_LINEAR = 1);
	CRASH("non-canonical", *(volatile char *)0x8000000000000000ul = 1);
	CRASH("divide", __asm__ volatile("xor %%ecx, %%ecx; mov $1, %%eax; cdq; idiv %%ecx" ::
						 : "eax", "ecx", "edx"));
	CRASH("overflow",
	      __asm__ volatile("mov $0x80000000, %%eax; cdq; mov $-1, %%ecx; idiv %%ecx" ::
				       : "eax", "ecx", "edx"));
	CRASH("ud2", __asm__ volatile("ud2"));
	CRASH("int3", __asm__ volatile("int3"));
	CRASH("hlt", __asm__ volatile("hlt"));
	CRASH("cli", __asm__ volatile("cli"));
	CRASH("in", __asm__ volatile("inb $0x80, %%al" ::: "al"));
	CRASH("mov cr0", __asm__ volatile("mov %%cr0, %%rax" ::: "rax"));
	CRASH("rdmsr", __asm__ volatile("rdmsr" ::: "eax", "edx"));
	CRASH("lgdt", __asm__ volatile("lgdt (%rsp)"));
	CRASH("jump to null", ((void (*)(void))NEAR_NULL)());
	CRASH("jump to kernel", ((void (*)(void))KERNEL_TEXT)());
	CRASH("misaligned sse", __asm__ volatile("movaps 1(%%rsp), %%xmm5" ::: "xmm5"));
	CRASH("x87 divide", __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" ::"m"(
				    (short){ 0x37b })));
	CRASH("sse divide", {
		unsigned csr = 0x1f80 & ~0x200u;
		__asm__ volatile(
			"ldmxcsr %0; xorps %%xmm5, %%xmm5; movaps %%xmm5, %%xmm6; divss %%xmm5, %%xmm6; "
			"mov $0x3f800000, %%eax; movd %%eax, %%xmm6; divss %%xmm5, %%xmm6"
			:
			: "m"(csr)
			: "eax", "xmm5", "xmm6");
	});
}

static void nothing(int sig)
{
	(void)sig;
}

static int dies_of(void *arg)
{
	const unsigned long all = ~0ul;
	struct rlimit none = { 0, 0 };

	Q(setrlimit, RLIMIT_CORE, &none);
	switch ((long)arg) {
	case 0:
		*(volatile char *)NEAR_NULL = 1;
		break;
	case 1:
		Q(rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
		*(volatile char *)NEAR_NULL = 1;
		break;
	case 2:
		signal(SIGSEGV, SIG_IGN);
		*(volatile char *)NEAR_NULL = 1;
		break;
	case 3: /* no room for the frame */
		signal(SIGUSR1, nothing);
		__asm__ volatile(
			"mov %0, %%rsp; mov $39, %%eax; syscall; mov %%eax, %%edi; mov $10, %%esi; "
			"mov $62, %%eax; syscall"
			:
			: "r"(0x1000l)
			: "memory");
		break;
	case 4: /* a return from nowhere */
		__asm__ volatile("mov %0, %%rsp; mov $15, %%eax; syscall"
				 :
				 : "r"(0x1000l)
				 : "memory");
		break;
	default:
		Q(kill, getpid(), (long)arg - 100);
		nap(20);
	}
	return 50;
}

static void deaths(void)
{
	for (long i = 0; i < 5; i++)
		say("%ld: %s", i, wait_words(in_child(dies_of, (void *)i)));
	for (long sig = 1; sig <= 64; sig++)
		if (sig != SIGSTOP && sig != SIGTSTP && sig != SIGTTIN && sig != SIGTTOU)
			say("signal %ld: %s", sig,
			    wait_words(in_child(dies_of, (void *)(100 + sig))));
}

static const struct test tests[] = { T(exceptions), T(deaths) };
MAIN("faults", tests)
