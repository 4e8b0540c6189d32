/* SPDX-License-Identifier: MIT */
/* signals.c - sending, blocking, handling, restarting; the frame a handler sees; alternate stacks. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

struct k_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	unsigned long mask;
};

#define BIT(sig) (1ul << ((sig)-1))

static volatile int count, order[16];
static siginfo_t last;

static void handler(int sig, siginfo_t *si, void *context)
{
	(void)context;
	if (count < 16)
		order[count] = sig;
	count++;
	last = *si;
}

static void on(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	sigaction(sig, &sa, NULL);
	count = 0;
}

static void block(int how, unsigned long set)
{
	Q(rt_sigprocmask, how, &set, NULL, 8);
}

static unsigned long mask_now(void)
{
	unsigned long m = 0;

	Q(rt_sigprocmask, SIG_BLOCK, NULL, &m, 8);
	return m;
}

static unsigned long pending_now(void)
{
	unsigned long m = 0;

	Q(rt_sigpending, &m, 8);
	return m;
}

static void actions(void)
{
	struct k_sigaction a = { 0 }, old;
	struct sigaction sa;

	X(rt_sigaction, 0, NULL, &old, 8);
	X(rt_sigaction, 65, NULL, &old, 8);
	X(rt_sigaction, 64, NULL, &old, 8);
	X(rt_sigaction, -1, NULL, &old, 8);
	X(rt_sigaction, SIGKILL, &a, NULL, 8);
	X(rt_sigaction, SIGSTOP, &a, NULL, 8);
	X(rt_sigaction, SIGKILL, NULL, &old, 8);
	X(rt_sigaction, SIGUSR1, NULL, &old, 4);
	X(rt_sigaction, SIGUSR1, unmapped(), NULL, 8);
	X(rt_sigaction, SIGUSR1, NULL, unmapped(), 8);
	a.handler = (void *)1;
	a.flags = SA_RESTART | SA_NODEFER;
	a.mask = ~0ul;
	X(rt_sigaction, SIGUSR1, &a, NULL, 8);
	X(rt_sigaction, SIGUSR1, NULL, &old, 8);
	HEX(old.flags);
	HEX(old.mask);
	IS(old.handler == (void *)1);
	a.flags = 0xfffffffful & ~(unsigned long)SA_NOCLDWAIT;
	X(rt_sigaction, SIGUSR1, &a, NULL, 8);
	Q(rt_sigaction, SIGUSR1, NULL, &old, 8);
	HEX(old.flags);
	sigaction(SIGUSR2, NULL, &sa);
	IS(sa.sa_handler == SIG_DFL && sa.sa_flags == 0);
	/* What pends is dropped when it becomes ignored. */
	on(SIGUSR2, 0);
	block(SIG_BLOCK, BIT(SIGUSR2));
	Q(kill, getpid(), SIGUSR2);
	HEX(pending_now());
	signal(SIGUSR2, SIG_IGN);
	HEX(pending_now());
}

static void masks(void)
{
	unsigned long m = BIT(SIGUSR1) | BIT(SIGKILL) | BIT(SIGSTOP), old = 1;

	X(rt_sigprocmask, SIG_BLOCK, &m, &old, 8);
	HEX(old);
	HEX(mask_now());
	m = BIT(SIGUSR2);
	X(rt_sigprocmask, SIG_BLOCK, &m, &old, 8);
	HEX(mask_now());
	m = BIT(SIGUSR1);
	X(rt_sigprocmask, SIG_UNBLOCK, &m, NULL, 8);
	HEX(mask_now());
	m = ~0ul;
	X(rt_sigprocmask, SIG_SETMASK, &m, NULL, 8);
	HEX(mask_now());
	X(rt_sigprocmask, 7, &m, NULL, 8);
	X(rt_sigprocmask, 7, NULL, &old, 8);
	X(rt_sigprocmask, SIG_BLOCK, &m, NULL, 16);
	X(rt_sigprocmask, SIG_BLOCK, unmapped(), NULL, 8);
	X(rt_sigprocmask, SIG_BLOCK, NULL, unmapped(), 8);
	X(rt_sigpending, &m, 9);
	X(rt_sigpending, &m, 4);
	X(rt_sigpending, unmapped(), 8);
}

static pid_t gettid_(void)
{
	return (pid_t)Q(gettid);
}

static void delivery(void)
{
	on(SIGUSR1, 0);
	on(SIGUSR2, 0);
	on(SIGTERM, 0);
	on(40, 0);
	on(41, 0);
	X(kill, getpid(), SIGUSR1);
	NUM(count);
	say("code %d pid %s uid %d", last.si_code, last.si_pid == getpid() ? "right" : "wrong",
	    (int)last.si_uid);
	X(tkill, gettid_(), SIGUSR1);
	say("code %d", last.si_code);
	X(tgkill, getpid(), gettid_(), SIGUSR1);
	say("code %d", last.si_code);
	X(tgkill, getpid() + 1, gettid_(), SIGUSR1);
	X(tgkill, -1, gettid_(), SIGUSR1);
	X(tkill, -1, SIGUSR1);
	X(tkill, 0, SIGUSR1);
	X(tkill, 12345678, SIGUSR1);
	X(kill, getpid(), 0);
	X(kill, getpid(), 65);
	X(kill, getpid(), -1);
	X(kill, 12345678, 0);
	X(kill, -12345678, 0);
	X(kill, (long)(int)0x80000000, 0);
	X(kill, -getpid() - 100000, SIGUSR1);
	/* Standard signals are not counted, real-time ones are, and the lower comes first. */
	count = 0;
	block(SIG_BLOCK, ~0ul);
	for (int i = 0; i < 3; i++) {
		Q(kill, getpid(), 41);
		Q(kill, getpid(), SIGUSR2);
		Q(kill, getpid(), 40);
		Q(kill, getpid(), SIGUSR1);
	}
	HEX(pending_now());
	block(SIG_SETMASK, 0);
	NUM(count);
	/* The last to be given runs first: each frame is put on top. */
	for (int i = 0; i < count && i < 16; i++)
		say("%d", order[i]);
}

static void queued(void)
{
	siginfo_t si = { .si_code = SI_QUEUE };

	on(SIGUSR1, 0);
	on(40, 0);
	si.si_value.sival_int = 77;
	X(rt_sigqueueinfo, getpid(), SIGUSR1, &si);
	say("code %d value %d", last.si_code, last.si_value.sival_int);
	block(SIG_BLOCK, BIT(40));
	for (int i = 0; i < 5; i++) {
		si.si_value.sival_int = i;
		Q(rt_sigqueueinfo, getpid(), 40, &si);
	}
	struct timespec none = { 0, 0 };
	for (int i = 0; i < 6; i++) {
		unsigned long set = BIT(40);
		siginfo_t got = { 0 };
		X(rt_sigtimedwait, &set, &got, &none, 8);
		NUM(got.si_value.sival_int);
	}
	si.si_code = SI_USER;
	X(rt_sigqueueinfo, getppid(), SIGUSR1, &si);
	si.si_code = SI_QUEUE;
	X(rt_sigqueueinfo, getpid(), 65, &si);
	X(rt_sigqueueinfo, getpid(), SIGUSR1, unmapped());
	X(rt_sigqueueinfo, 12345678, 0, &si);
	struct rlimit l = { 3, 3 };
	Q(setrlimit, RLIMIT_SIGPENDING, &l);
	Q(setresuid, 5555, 5555, 5555);
	for (int i = 0; i < 5; i++)
		X(rt_sigqueueinfo, getpid(), 40, &si);
	X(kill, getpid(), 40);
}

static void waiting_for(void)
{
	unsigned long set = BIT(SIGUSR1) | BIT(SIGUSR2), none = 0;
	struct timespec ts = { 0, 20000000 }, bad = { 0, 1000000000 };
	siginfo_t si;

	on(SIGUSR1, 0);
	on(SIGALRM, 0);
	block(SIG_BLOCK, set);
	X(rt_sigtimedwait, &set, &si, &ts, 8);
	Q(kill, getpid(), SIGUSR2);
	Q(kill, getpid(), SIGUSR1);
	X(rt_sigtimedwait, &set, &si, NULL, 8);
	NUM(si.si_signo);
	X(rt_sigtimedwait, &set, NULL, NULL, 8);
	X(rt_sigtimedwait, &set, &si, &bad, 8);
	X(rt_sigtimedwait, unmapped(), &si, &ts, 8);
	X(rt_sigtimedwait, &set, &si, unmapped(), 8);
	X(rt_sigtimedwait, &set, &si, &ts, 4);
	Q(kill, getpid(), SIGUSR1);
	X(rt_sigtimedwait, &set, unmapped(), &ts, 8);
	HEX(pending_now());
	Q(alarm, 1);
	X(rt_sigtimedwait, &set, &si, NULL, 8);
	NUM(count);
	/* sigsuspend: the handler runs with the mask of before in place afterwards. */
	Q(kill, getpid(), SIGUSR1);
	X(rt_sigsuspend, &none, 8);
	NUM(count);
	HEX(mask_now());
	X(rt_sigsuspend, unmapped(), 8);
	X(rt_sigsuspend, &none, 4);
	Q(alarm, 1);
	X(pause);
}

static unsigned long in_mask;

static void notes_mask(int sig)
{
	(void)sig;
	in_mask = mask_now();
}

static void raises_again(int sig)
{
	static int depth;

	depth++;
	if (++count < 3)
		Q(kill, getpid(), sig);
	order[--depth] = count;
}

static void while_handling(void)
{
	struct sigaction sa = { .sa_handler = notes_mask }, now;

	sigaddset(&sa.sa_mask, SIGTERM);
	sigaction(SIGUSR1, &sa, NULL);
	Q(kill, getpid(), SIGUSR1);
	HEX(in_mask);
	HEX(mask_now());
	sa.sa_flags = SA_NODEFER;
	sigaction(SIGUSR1, &sa, NULL);
	Q(kill, getpid(), SIGUSR1);
	HEX(in_mask);
	sa = (struct sigaction){ .sa_handler = raises_again };
	sigaction(SIGUSR2, &sa, NULL);
	count = 0;
	Q(kill, getpid(), SIGUSR2);
	say("%d: %d %d %d", count, order[0], order[1], order[2]);
	sa.sa_flags = SA_NODEFER;
	sigaction(SIGUSR2, &sa, NULL);
	count = 0;
	Q(kill, getpid(), SIGUSR2);
	say("%d: %d %d %d", count, order[0], order[1], order[2]);
	sa = (struct sigaction){ .sa_handler = notes_mask, .sa_flags = SA_RESETHAND };
	sigaction(SIGUSR1, &sa, NULL);
	Q(kill, getpid(), SIGUSR1);
	sigaction(SIGUSR1, NULL, &now);
	IS(now.sa_handler == SIG_DFL);
}

static int p[2];

/* A read, a wait and a lock that a signal meets, with and without SA_RESTART. */
static int disturber(void *arg)
{
	pid_t parent = getppid();

	(void)arg;
	await_state(parent, "S");
	nap(30);
	Q(kill, parent, SIGUSR1);
	nap(60);
	await_state(parent, "S");
	Q(write, p[1], "x", 1);
	return 0;
}

static int sleeper(void *arg)
{
	(void)arg;
	nap(400);
	return 7;
}

static void restarts(void)
{
	char b[4];

	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		struct timespec ts = { 0, 300000000 }, left = { 9, 9 };
		int status = -1;
		pid_t d, s;

		say("flags %x", flags);
		on(SIGUSR1, flags);
		Q(pipe, p);
		d = start(disturber, NULL);
		X(read, p[0], b, 1);
		NUM(count);
		finish(d);
		s = start(sleeper, NULL);
		d = start(disturber, NULL);
		IS(Q(wait4, s, &status, 0, NULL) == -EINTR);
		say("%s", status == -1 ? "no status" : wait_words(status));
		finish(d);
		finish(s);
		d = start(disturber, NULL);
		X(nanosleep, &ts, &left);
		IS(left.tv_sec == 0 && left.tv_nsec > 0);
		finish(d);
		Q(close, p[0]);
		Q(close, p[1]);
	}
}

static int stopper(void *arg)
{
	pid_t parent = getppid();

	(void)arg;
	await_state(parent, "S");
	Q(kill, parent, SIGSTOP);
	await_state(parent, "T");
	nap(30);
	Q(kill, parent, SIGCONT);
	nap(60);
	Q(write, p[1], "x", 1);
	return 0;
}

/* Stopped and continued without a handler: most calls go on as if nothing had been. */
static int is_stopped(void *arg)
{
	struct timespec ts = { 0, 100000000 };
	long long t0;
	char b[4];
	pid_t d;

	(void)arg;
	Q(pipe, p);
	d = start(stopper, NULL);
	X(read, p[0], b, 1);
	finish(d);
	t0 = now_ns();
	d = start(stopper, NULL);
	X(nanosleep, &ts, NULL);
	IS(now_ns() - t0 >= 100000000);
	finish(d);
	return 0;
}

static void stopped_calls(void)
{
	say("%s", wait_words(in_child(is_stopped, NULL)));
}

static stack_t seen_stack;
static char *handler_sp;

static void on_alternate(int sig, siginfo_t *si, void *context)
{
	char here;

	(void)sig;
	(void)si;
	(void)context;
	handler_sp = &here;
	sigaltstack(NULL, &seen_stack);
	count = (int)Q(sigaltstack, &(stack_t){ 0 }, NULL);
}

static void alternate_stacks(void)
{
	static char room[32768] __attribute__((aligned(16)));
	struct sigaction sa = { .sa_sigaction = on_alternate, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t ss = { .ss_sp = room, .ss_size = sizeof(room) }, old;

	X(sigaltstack, NULL, &old);
	NUM(old.ss_flags);
	X(sigaltstack, &ss, &old);
	X(sigaltstack, NULL, &old);
	IS(old.ss_sp == room && old.ss_size == sizeof(room) && old.ss_flags == 0);
	sigaction(SIGUSR1, &sa, NULL);
	Q(kill, getpid(), SIGUSR1);
	IS(handler_sp > room && handler_sp < room + sizeof(room));
	NUM(seen_stack.ss_flags);
	say("%s", err_name(count));
	ss.ss_size = 100;
	X(sigaltstack, &ss, NULL);
	ss.ss_flags = 77;
	X(sigaltstack, &ss, NULL);
	X(sigaltstack, unmapped(), NULL);
	X(sigaltstack, NULL, unmapped());
	ss = (stack_t){ .ss_sp = room, .ss_size = sizeof(room), .ss_flags = (int)(1u << 31) };
	X(sigaltstack, &ss, NULL);
	Q(kill, getpid(), SIGUSR1);
	IS(handler_sp > room && handler_sp < room + sizeof(room));
	NUM(seen_stack.ss_flags);
	NUM(count);
	ss.ss_flags = SS_DISABLE;
	X(sigaltstack, &ss, NULL);
	Q(kill, getpid(), SIGUSR1);
	IS(handler_sp > room && handler_sp < room + sizeof(room));
}

static volatile long changed;

static void edits_frame(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)si;
	/* The program goes on behind the ud2 and finds what was put into rbx. */
	changed = uc->uc_mcontext.gregs[REG_RAX];
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	uc->uc_mcontext.gregs[REG_RBX] = 0x1234;
	__asm__ volatile("pxor %%xmm5, %%xmm5" ::: "xmm5");
}

static void frames(void)
{
	struct sigaction sa = { .sa_sigaction = edits_frame, .sa_flags = SA_SIGINFO };
	long rbx = 0, flags_before, flags_after;
	double kept = 0;

	sigaction(SIGILL, &sa, NULL);
	__asm__ volatile(
		"movq %[v], %%xmm5; mov $0x55, %%eax; ud2; mov %%rbx, %[o]; movq %%xmm5, %[k]"
		: [o] "=r"(rbx), [k] "=r"(*(long *)&kept)
		: [v] "r"(0x7777l)
		: "rax", "rbx", "xmm5");
	HEX(changed);
	HEX(rbx);
	HEX(*(long *)&kept);
	__asm__ volatile("std; pushf; pop %0; mov $0x55, %%eax; ud2; pushf; pop %1; cld"
			 : "=&r"(flags_before), "=&r"(flags_after)
			 :
			 : "rax", "rbx");
	IS(((flags_before ^ flags_after) & 0x400) == 0);
}

static void permission(void)
{
	pid_t other = start(sleeper, NULL);

	Q(setresuid, 1000, 1000, 1000);
	X(kill, other, 0);
	X(kill, other, SIGTERM);
	X(kill, other, 65);
	X(kill, 1, SIGTERM);
	X(kill, -1, 0);
	X(kill, other, SIGCONT);
	X(tgkill, other, other, SIGUSR1);
}

static const struct test tests[] = {
	T(actions),	     T(masks),		T(delivery),   T(queued),
	T(waiting_for),	     T(while_handling), T(restarts),   T(stopped_calls),
	T(alternate_stacks), T(frames),		T(permission),
};
MAIN("signals", tests)
