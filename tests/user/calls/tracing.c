/* SPDX-License-Identifier: MIT */
/* tracing.c - ptrace as a small debugger uses it, and who may trace whom. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

#undef PTRACE_TRACEME
enum {
	TRACEME = 0,
	PEEKTEXT = 1,
	PEEKDATA = 2,
	PEEKUSER = 3,
	POKEDATA = 5,
	POKEUSER = 6,
	CONT = 7,
	KILL_ = 8,
	SINGLESTEP = 9,
	GETREGS = 12,
	SETREGS = 13,
	ATTACH = 16,
	DETACH = 17,
	SYSCALL_ = 24,
	SETOPTIONS = 0x4200,
	GETSIGINFO = 0x4202,
};

static volatile long data = 0x1234;

static int traced(void *arg)
{
	(void)arg;
	X(ptrace, TRACEME, 0, 0, 0);
	Q(kill, getpid(), SIGSTOP);
	if (data != 0x1234)
		say("data is 0x%lx", data);
	Q(kill, getpid(), SIGUSR1);
	__asm__ volatile("nop; nop; nop");
	return (int)Q(getppid) == 0 ? 1 : 7;
}

static void children(void)
{
	struct user_regs_struct regs;
	siginfo_t si;
	long word = 0;
	int status;
	pid_t pid = start(traced, NULL);

	IS(Q(wait4, pid, &status, 0, NULL) == pid);
	say("%s", wait_words(status));
	IS(await_state(pid, "t"));
	X(ptrace, PEEKDATA, pid, &data, &word);
	HEX(word);
	X(ptrace, POKEDATA, pid, &data, 0x5678);
	X(ptrace, PEEKDATA, pid, KERNEL_LINEAR, &word);
	X(ptrace, PEEKDATA, pid, NEAR_NULL, &word);
	X(ptrace, GETREGS, pid, 0, &regs);
	IS(regs.rip != 0 && regs.rsp != 0 && (regs.cs & 3) == 3);
	X(ptrace, GETSIGINFO, pid, 0, &si);
	NUM(si.si_signo);
	X(ptrace, 0x7777, pid, 0, 0);
	X(ptrace, CONT, pid, 0, 100);
	/* One line, and after the child's. */
	IS(Q(ptrace, CONT, pid, 0, 0) == 0 && Q(wait4, pid, &status, 0, NULL) == pid);
	say("%s", wait_words(status));
	X(ptrace, CONT, pid + 100000, 0, 0);
	/* The signal is taken away; then step by step. */
	int steps = 0;
	X(ptrace, SINGLESTEP, pid, 0, 0);
	while (Q(wait4, pid, &status, 0, NULL) == pid && WIFSTOPPED(status) &&
	       WSTOPSIG(status) == SIGTRAP && steps < 20) {
		steps++;
		Q(ptrace, SINGLESTEP, pid, 0, 0);
	}
	NUM(steps);
	Q(ptrace, CONT, pid, 0, 0);
	if (WIFSTOPPED(status))
		finish(pid);
	pid = start(traced, NULL);
	Q(wait4, pid, &status, 0, NULL);
	X(ptrace, DETACH, pid, 0, 0);
	IS(Q(wait4, pid, &status, 0, NULL) == pid);
	say("%s", wait_words(status));
	X(ptrace, TRACEME, 0, 0, 0);
	X(ptrace, TRACEME, 0, 0, 0);
}

static int sleeps(void *arg)
{
	(void)arg;
	nap(2000);
	return 9;
}

static void attaching(void)
{
	int status;
	char path[64], text[2048];
	pid_t pid = start(sleeps, NULL);

	X(ptrace, ATTACH, pid, 0, 0);
	IS(Q(wait4, pid, &status, 0, NULL) == pid);
	say("%s", wait_words(status));
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	get_file(path, text, sizeof(text));
	char *line = strstr(text, "TracerPid:");
	IS(line && atoi(line + 10) == getpid());
	X(ptrace, ATTACH, pid, 0, 0);
	X(ptrace, DETACH, pid, 0, SIGKILL);
	IS(Q(wait4, pid, &status, 0, NULL) == pid);
	say("%s", wait_words(status));
	X(ptrace, ATTACH, getpid(), 0, 0);
	X(ptrace, ATTACH, 12345678, 0, 0);
	pid = start(sleeps, NULL);
	X(ptrace, CONT, pid, 0, 0);
	Q(setresuid, 1000, 1000, 1000);
	X(ptrace, ATTACH, pid, 0, 0);
}

/* ---- a function called in the middle of a system call, as gdb's "call" does ------------------------------ */

void breaks(void);
__asm__(".pushsection .text; .globl breaks; breaks: int3; .popsection");

static int ends[2];

static int naps(void *unused)
{
	struct timespec ts = { 0, 300000000 };

	(void)unused;
	return Q(nanosleep, &ts, NULL) ? 8 : 7;
}

static int reads(void *unused)
{
	char c;

	(void)unused;
	return Q(read, ends[0], &c, 1) == 1 ? c : 8;
}

static pid_t interrupted(int (*fn)(void *))
{
	struct user_regs_struct before, regs;
	pid_t pid = start(fn, NULL);
	int status;

	IS(await_state(pid, "S"));
	X(ptrace, ATTACH, pid, 0, 0);
	Q(wait4, pid, &status, 0, NULL);
	X(ptrace, GETREGS, pid, 0, &before);
	NUM(before.orig_rax);
	NUM(before.rax);
	regs = before;
	regs.orig_rax = ~0ul;
	regs.rax = 1;
	regs.rip = (unsigned long)breaks;
	X(ptrace, SETREGS, pid, 0, &regs);
	X(ptrace, CONT, pid, 0, 0);
	Q(wait4, pid, &status, 0, NULL);
	say("%s", wait_words(status));
	X(ptrace, GETREGS, pid, 0, &regs);
	IS(regs.rip == (unsigned long)breaks + 1);
	NUM(regs.orig_rax);
	X(ptrace, SETREGS, pid, 0, &before);
	X(ptrace, GETREGS, pid, 0, &regs);
	NUM(regs.orig_rax);
	X(ptrace, DETACH, pid, 0, 0);
	return pid;
}

static void calling(void)
{
	pid_t pid;

	say("%s", wait_words(finish(interrupted(naps))));
	Q(pipe, ends);
	pid = interrupted(reads);
	Q(write, ends[1], "\5", 1);
	say("%s", wait_words(finish(pid)));
}

static const struct test tests[] = { T(children), T(attaching), T(calling) };
MAIN("tracing", tests)
