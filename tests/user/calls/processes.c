/* SPDX-License-Identifier: MIT */
/* processes.c - fork, vfork, clone, clone3, exit, wait4, waitid: who is whose, and how each ends. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#define STACK 65536

static char stack[STACK] __attribute__((aligned(16)));

static int ids(void *arg)
{
	pid_t parent = *(pid_t *)arg;

	IS(Q(getppid) == parent);
	IS(Q(gettid) == Q(getpid));
	IS(Q(getpid) != parent);
	IS(Q(getpgrp) == Q(getpgid, parent));
	IS(Q(getsid, 0) == Q(getsid, parent));
	return 3;
}

static void forking(void)
{
	pid_t me = getpid(), pid;

	say("%s", wait_words(in_child(ids, &me)));
	pid = (pid_t)Q(fork);
	if (!pid)
		Q(exit, 256 + 7);
	say("%s", wait_words(finish(pid)));
	pid = (pid_t)Q(fork);
	if (!pid)
		Q(exit_group, -1);
	say("%s", wait_words(finish(pid)));
	pid = vfork();
	if (!pid)
		_exit(9);
	say("%s", wait_words(finish(pid)));
}

static int sleeps(void *arg)
{
	nap((int)(long)arg);
	return 4;
}

static int dies(void *arg)
{
	Q(kill, getpid(), (long)arg);
	return 1;
}

/* Stops itself; once it goes on, its parent has time to see that. */
static int stops(void *arg)
{
	(void)arg;
	Q(kill, getpid(), SIGSTOP);
	nap(150);
	return 1;
}

static void waits(void)
{
	int status = -1;
	struct rusage ru;
	pid_t pid;

	X(wait4, -1, &status, 0, NULL);
	X(wait4, -1, &status, WNOHANG, NULL);
	X(wait4, 12345678, &status, 0, NULL);
	X(wait4, getppid(), &status, 0, NULL);
	X(wait4, -1, &status, 0x10000, NULL);
	X(wait4, (long)(int)0x80000000, &status, 0, NULL);
	pid = start(sleeps, (void *)100l);
	X(wait4, pid, &status, WNOHANG, NULL);
	X(wait4, 0, &status, WNOHANG, NULL);
	X(wait4, -getpgrp(), &status, WNOHANG, NULL);
	X(wait4, -12345678, &status, WNOHANG, NULL);
	IS(Q(wait4, pid, &status, 0, &ru) == pid);
	say("%s", wait_words(status));
	IS(ru.ru_utime.tv_sec < 5);
	X(wait4, pid, &status, 0, NULL);
	pid = start(sleeps, 0);
	X(wait4, pid, unmapped(), 0, NULL);
	X(wait4, pid, &status, 0, NULL);
	pid = start(sleeps, 0);
	X(wait4, pid, &status, 0, unmapped());
	/* Each signal that ends a process, in its status. */
	const int sigs[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGILL,	 SIGABRT,
			     SIGKILL, SIGSEGV, SIGTERM, SIGUSR1, 40 };
	struct rlimit none = { 0, 0 };
	Q(setrlimit, RLIMIT_CORE, &none);
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		say("%d: %s", sigs[i], wait_words(in_child(dies, (void *)(long)sigs[i])));
}

static void show(const siginfo_t *si, pid_t pid)
{
	say("  signo %d code %d status %d pid %s uid %d", si->si_signo, si->si_code, si->si_status,
	    si->si_pid == pid ? "right"
	    : si->si_pid      ? "other"
			      : "0",
	    (int)si->si_uid);
}

static void waitids(void)
{
	siginfo_t si;
	pid_t pid;

	memset(&si, 0, sizeof(si));
	X(waitid, P_ALL, 0, &si, WEXITED, NULL);
	X(waitid, P_ALL, 0, &si, 0, NULL);
	X(waitid, P_ALL, 0, &si, WEXITED | 0x100, NULL);
	X(waitid, 77, 0, &si, WEXITED, NULL);
	X(waitid, P_PID, -1, &si, WEXITED, NULL);
	X(waitid, P_PID, 0, &si, WEXITED, NULL);
	pid = start(sleeps, (void *)80l);
	si.si_pid = si.si_signo = 5;
	X(waitid, P_PID, pid, &si, WEXITED | WNOHANG, NULL);
	show(&si, pid);
	X(waitid, P_PID, pid, &si, WEXITED | WNOWAIT, NULL);
	show(&si, pid);
	X(waitid, P_PID, pid, &si, WEXITED, NULL);
	show(&si, pid);
	X(waitid, P_PID, pid, &si, WEXITED, NULL);
	pid = start(dies, (void *)(long)SIGTERM);
	X(waitid, P_ALL, 0, &si, WEXITED, NULL);
	show(&si, pid);
	pid = start(stops, NULL);
	X(waitid, P_PID, pid, &si, WSTOPPED, NULL);
	show(&si, pid);
	X(waitid, P_PID, pid, &si, WSTOPPED | WNOHANG, NULL);
	Q(kill, pid, SIGCONT);
	X(waitid, P_PID, pid, &si, WCONTINUED, NULL);
	show(&si, pid);
	X(waitid, P_PGID, getpgrp(), &si, WEXITED, NULL);
	show(&si, pid);
	X(waitid, P_PGID, 12345678, &si, WEXITED, NULL);
	pid = start(sleeps, 0);
	X(waitid, P_PID, pid, NULL, WEXITED, NULL);
	pid = start(sleeps, 0);
	X(waitid, P_PID, pid, unmapped(), WEXITED, NULL);
}

static void stopping(void)
{
	int status;
	pid_t pid = start(sleeps, (void *)300l);

	Q(kill, pid, SIGSTOP);
	IS(Q(wait4, pid, &status, WUNTRACED, NULL) == pid);
	say("%s", wait_words(status));
	IS(await_state(pid, "T"));
	X(wait4, pid, &status, WUNTRACED | WNOHANG, NULL);
	Q(kill, pid, SIGCONT);
	IS(Q(wait4, pid, &status, WCONTINUED, NULL) == pid);
	say("%s", wait_words(status));
	Q(kill, pid, SIGSTOP);
	IS(Q(wait4, pid, &status, WUNTRACED, NULL) == pid);
	Q(kill, pid, SIGTERM);
	IS(await_state(pid, "T"));
	Q(kill, pid, SIGCONT);
	IS(Q(wait4, pid, &status, 0, NULL) == pid);
	say("%s", wait_words(status));
	pid = start(sleeps, (void *)300l);
	Q(kill, pid, SIGSTOP);
	Q(wait4, pid, &status, WUNTRACED, NULL);
	Q(kill, pid, SIGKILL);
	IS(Q(wait4, pid, &status, 0, NULL) == pid);
	say("%s", wait_words(status));
}

static void zombies(void)
{
	char path[40], text[512];
	pid_t pid = start(sleeps, 0);

	IS(await_state(pid, "Z"));
	X(kill, pid, 0);
	X(kill, pid, SIGKILL);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	NUM(get_file(path, text, sizeof(text)));
	finish(pid);
	X(kill, pid, 0);
	NUM(get_file(path, text, sizeof(text)));
	/* Nobody waits for the children of a parent that ignores them. */
	signal(SIGCHLD, SIG_IGN);
	pid = start(sleeps, (void *)30l);
	X(wait4, pid, NULL, 0, NULL);
	struct sigaction sa = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
	sigaction(SIGCHLD, &sa, NULL);
	pid = start(sleeps, (void *)30l);
	X(wait4, -1, NULL, 0, NULL);
}

static int orphan(void *arg)
{
	int *p = arg;

	if (!fork()) {
		pid_t old = getppid();
		for (int i = 0; i < 500 && getppid() == old; i++)
			nap(5);
		pid_t now = getppid();
		Q(write, p[1], &now, sizeof(now));
		_exit(0);
	}
	return 0;
}

static void orphans(void)
{
	pid_t now = -1;
	int p[2];

	Q(pipe, p);
	in_child(orphan, p);
	Q(read, p[0], &now, sizeof(now));
	NUM(now);
	X(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	in_child(orphan, p);
	Q(read, p[0], &now, sizeof(now));
	IS(now == getpid());
	IS(Q(wait4, -1, NULL, 0, NULL) > 0);
	X(wait4, -1, NULL, 0, NULL);
}

static int shared_value;
static int raises_value(void *arg)
{
	shared_value += (int)(long)arg;
	return 6;
}

static int checks_fds(void *arg)
{
	Q(close, *(int *)arg);
	Q(chdir, "/");
	return 0;
}

static int new_clone(int (*fn)(void *), int flags, void *arg)
{
	int status = -1;
	pid_t pid = clone(fn, stack + STACK, flags, arg);

	if (pid < 0) {
		say("clone: %s", err_name(errno));
		return -1;
	}
	IS(Q(wait4, pid, &status, __WALL, NULL) == pid);
	return status;
}

static void cloning(void)
{
	char b[64];
	int fd;

	say("%s", wait_words(new_clone(raises_value, SIGCHLD, (void *)5l)));
	NUM(shared_value);
	say("%s", wait_words(new_clone(raises_value, CLONE_VM | SIGCHLD, (void *)5l)));
	NUM(shared_value);
	say("%s",
	    wait_words(new_clone(raises_value, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)7l)));
	NUM(shared_value);
	say("%s",
	    wait_words(new_clone(raises_value, CLONE_VM | CLONE_SIGHAND | SIGCHLD, (void *)7l)));
	fd = (int)Q(open, "/dev/null", O_RDWR);
	new_clone(checks_fds, SIGCHLD, &fd);
	X(write, fd, "x", 1);
	new_clone(checks_fds, CLONE_FILES | SIGCHLD, &fd);
	X(write, fd, "x", 1);
	IS(strcmp(getcwd(b, sizeof(b)), "/") != 0);
	new_clone(checks_fds, CLONE_FS | SIGCHLD, &fd);
	say("%s", getcwd(b, sizeof(b)));
	/* A child without a signal is waited for only with __WCLONE or __WALL. */
	pid_t pid = clone(raises_value, stack + STACK, CLONE_VM, (void *)1l);
	X(wait4, pid, NULL, 0, NULL);
	IS(Q(wait4, pid, NULL, __WCLONE, NULL) == pid);
	X(clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0);
	X(clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0);
	X(clone, CLONE_THREAD | CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0);
	X(clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0);
	pid_t ptid = -1, ctid = -1;
	pid = (pid_t)Q(clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &ptid, &ctid,
		       0);
	if (!pid) {
		IS(ctid == Q(getpid));
		_exit(ptid == Q(getpid) ? 0 : 1);
	}
	say("%s", wait_words(finish(pid)));
	IS(ptid == pid);
	NUM(ctid);
}

static void settling_of_parents(void)
{
	int status;
	pid_t me = getpid(), pid, inner;
	int p[2];

	Q(pipe, p);
	pid = fork();
	if (!pid) {
		/* A sister, not a daughter. */
		inner = (pid_t)Q(clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
		if (!inner)
			_exit(Q(getppid) == me ? 21 : 22);
		Q(write, p[1], &inner, sizeof(inner));
		_exit((int)Q(wait4, inner, NULL, 0, NULL) == -ECHILD ? 23 : 24);
	}
	say("%s", wait_words(finish(pid)));
	Q(read, p[0], &inner, sizeof(inner));
	IS(Q(wait4, inner, &status, 0, NULL) == inner);
	say("%s", wait_words(status));
}

struct k_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size, cgroup;
};

static void clone3s(void)
{
	struct k_clone_args a = { .exit_signal = SIGCHLD };
	struct {
		struct k_clone_args a;
		uint64_t more;
	} large = { .a = { .exit_signal = SIGCHLD } };
	pid_t pid, tid = 0;

	X(clone3, &a, 8);
	X(clone3, unmapped(), sizeof(a));
	X(clone3, &a, 100000);
	a.exit_signal = 300;
	X(clone3, &a, sizeof(a));
	a.exit_signal = SIGCHLD;
	a.flags = 3;
	X(clone3, &a, sizeof(a));
	a.flags = CLONE_SIGHAND;
	X(clone3, &a, sizeof(a));
	a.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
	X(clone3, &a, sizeof(a));
	a.flags = 0;
	a.stack = 4096;
	X(clone3, &a, sizeof(a));
	a.stack = 0;
	a.stack_size = 4096;
	X(clone3, &a, sizeof(a));
	a.stack_size = 0;
	large.more = 1;
	X(clone3, &large, sizeof(large));
	large.more = 0;
	pid = (pid_t)Q(clone3, &large, sizeof(large));
	if (!pid)
		_exit(31);
	say("%s", wait_words(finish(pid)));
	a.flags = CLONE_PARENT_SETTID;
	a.parent_tid = (uint64_t)&tid;
	pid = (pid_t)Q(clone3, &a, 64);
	if (!pid)
		_exit(32);
	say("%s", wait_words(finish(pid)));
	IS(tid == pid);
	/* Handlers go back to the default. */
	signal(SIGUSR1, SIG_IGN);
	struct sigaction sa;
	a.flags = 0x100000000ul;
	pid = (pid_t)Q(clone3, &a, 64);
	if (!pid) {
		sigaction(SIGUSR1, NULL, &sa);
		_exit(sa.sa_handler == SIG_IGN ? 33 : 34);
	}
	say("%s", wait_words(finish(pid)));
	a.flags = CLONE_FS | CLONE_NEWNS;
	X(clone3, &a, 64);
}

static volatile int chlds;

static void on_child(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	chlds++;
	say("SIGCHLD code %d status %d", si->si_code, si->si_status);
}

static void child_signals(void)
{
	struct sigaction sa = { .sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART };
	pid_t pid;

	sigaction(SIGCHLD, &sa, NULL);
	finish(start(sleeps, (void *)20l));
	NUM(chlds);
	finish(start(dies, (void *)(long)SIGKILL));
	NUM(chlds);
	pid = start(stops, NULL);
	waitpid(pid, NULL, WUNTRACED);
	NUM(chlds);
	Q(kill, pid, SIGCONT);
	finish(pid);
	NUM(chlds);
	sa.sa_flags |= SA_NOCLDSTOP;
	sigaction(SIGCHLD, &sa, NULL);
	chlds = 0;
	pid = start(stops, NULL);
	waitpid(pid, NULL, WUNTRACED);
	NUM(chlds);
	Q(kill, pid, SIGKILL);
	finish(pid);
	NUM(chlds);
}

static void process_limit(void)
{
	struct rlimit l = { 3, 3 };
	pid_t pid;

	Q(setresuid, 4321, 4321, 4321);
	X(setrlimit, RLIMIT_NPROC, &l);
	OK(getpid);
	pid = (pid_t)Q(fork);
	if (!pid) {
		pid_t second = (pid_t)Q(fork);
		if (!second) {
			X(fork);
			_exit(0);
		}
		finish(second);
		_exit(0);
	}
	finish(pid);
}

static const struct test tests[] = {
	T(forking), T(waits),	      T(waitids),	T(stopping),
	T(zombies), T(orphans),	      T(cloning),	T(settling_of_parents),
	T(clone3s), T(child_signals), T(process_limit),
};
MAIN("processes", tests)
