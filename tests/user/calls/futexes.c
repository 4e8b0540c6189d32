/* SPDX-License-Identifier: MIT */
/* futexes.c - the calls below locks: wait, wake, requeue, bitsets, priority inheritance, robust lists. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

enum {
	WAIT,
	WAKE,
	FD_,
	REQUEUE,
	CMP_REQUEUE,
	WAKE_OP,
	LOCK_PI,
	UNLOCK_PI,
	TRYLOCK_PI,
	WAIT_BITSET,
	WAKE_BITSET,
	WAIT_REQUEUE_PI,
	CMP_REQUEUE_PI,
	LOCK_PI2,
	PRIVATE = 128,
	REALTIME = 256,
};
#define OWNER_DIED 0x40000000
#define WAITERS	   0x80000000

static uint32_t *shared(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void errors(void)
{
	struct timespec ts = { 0, 20000000 }, bad = { 0, 2000000000 };
	uint32_t *f = shared();
	long long t0;

	*f = 1;
	X(futex, f, WAIT, 2, NULL);
	X(futex, f, WAIT | PRIVATE, 2, NULL);
	t0 = now_ns();
	X(futex, f, WAIT, 1, &ts);
	IS(now_ns() - t0 >= 20000000);
	X(futex, f, WAIT, 1, &bad);
	X(futex, f, WAIT, 1, unmapped());
	X(futex, (char *)f + 1, WAIT, 1, &ts);
	X(futex, unmapped(), WAIT, 1, &ts);
	X(futex, unmapped(), WAIT | PRIVATE, 1, &ts);
	X(futex, KERNEL_LINEAR, WAIT, 1, &ts);
	X(futex, NULL, WAKE, 1);
	X(futex, unmapped(), WAKE | PRIVATE, 1);
	X(futex, unmapped(), WAKE, 1);
	X(futex, f, WAKE, 1);
	X(futex, f, WAKE, 0);
	X(futex, f, 99, 1);
	X(futex, f, FD_, 1);
	X(futex, f, WAIT_BITSET, 1, &ts, NULL, 0);
	X(futex, f, WAKE_BITSET, 1, NULL, NULL, 0);
	X(futex, f, WAKE | REALTIME, 1);
	X(futex, f, WAIT | REALTIME, 2, &ts);
	X(futex, f, CMP_REQUEUE, 1, 1, f + 1, 7);
	X(futex, f, CMP_REQUEUE, 1, 1, f + 1, 1);
	X(futex, f, CMP_REQUEUE, -1, 1, f + 1, 1);
	X(futex, f, REQUEUE, 1, 1, f + 1);
	/* An absolute moment that is past. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	X(futex, f, WAIT_BITSET, 1, &ts, NULL, ~0u);
	clock_gettime(CLOCK_REALTIME, &ts);
	X(futex, f, WAIT_BITSET | REALTIME, 1, &ts, NULL, ~0u);
	char *ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ts = (struct timespec){ 0, 1000000 };
	X(futex, ro, WAIT | PRIVATE, 0, &ts);
	X(futex, ro, WAKE, 1);
}

struct waiter {
	uint32_t *f;
	int op;
	uint32_t bits;
};

static int waits(void *arg)
{
	const struct waiter *w = arg;
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += 10;
	return (int)-Q(futex, w->f, w->op, 0, &ts, NULL, w->bits);
}

static void start_waiters(pid_t *pids, int n, struct waiter *w)
{
	for (int i = 0; i < n; i++) {
		pids[i] = start(waits, w);
		IS(await_state(pids[i], "S"));
	}
	nap(20);
}

static int gone(const pid_t *pids, int n)
{
	int done = 0;

	for (int i = 0; i < n; i++) {
		siginfo_t si = { 0 };
		if (!Q(waitid, P_PID, pids[i], &si, WEXITED | WNOHANG | WNOWAIT, NULL) && si.si_pid)
			done++;
	}
	return done;
}

/* How many have ended: ENOUGH of them, which a slow machine is given time for, or after a moment more. */
static int ended(const pid_t *pids, int n, int enough)
{
	for (int i = 0; i < 300 && gone(pids, n) < enough; i++)
		nap(10);
	nap(60);
	return gone(pids, n);
}

static void waking(void)
{
	struct waiter w = { shared(), WAIT_BITSET, ~0u };
	pid_t pids[4];

	start_waiters(pids, 4, &w);
	X(futex, w.f, WAKE | PRIVATE, 9);
	X(futex, w.f + 1, WAKE, 9);
	X(futex, w.f, WAKE, 1);
	NUM(ended(pids, 4, 1));
	X(futex, w.f, WAKE, 2);
	NUM(ended(pids, 4, 3));
	X(futex, w.f, WAKE, INT_MAX);
	X(futex, w.f, WAKE, 1);
	for (int i = 0; i < 4; i++)
		say("%s", wait_words(finish(pids[i])));
}

static void bitsets(void)
{
	struct waiter w = { shared(), WAIT_BITSET, 1 }, v = w;
	pid_t pids[4];

	v.bits = 6;
	start_waiters(pids, 2, &w);
	start_waiters(pids + 2, 2, &v);
	X(futex, w.f, WAKE_BITSET, 9, NULL, NULL, 8);
	X(futex, w.f, WAKE_BITSET, 9, NULL, NULL, 4);
	NUM(ended(pids, 2, 0));
	NUM(ended(pids + 2, 2, 2));
	X(futex, w.f, WAKE, 9);
	for (int i = 0; i < 4; i++)
		finish(pids[i]);
}

static void requeueing(void)
{
	struct waiter w = { shared(), WAIT_BITSET, ~0u };
	pid_t pids[4];

	start_waiters(pids, 4, &w);
	X(futex, w.f, CMP_REQUEUE, 1, 2, w.f + 8, 0);
	NUM(ended(pids, 4, 1));
	X(futex, w.f + 8, WAKE, 9);
	X(futex, w.f, WAKE, 9);
	for (int i = 0; i < 4; i++)
		say("%s", wait_words(finish(pids[i])));
	start_waiters(pids, 3, &w);
	X(futex, w.f, REQUEUE, 0, 9, w.f + 8);
	X(futex, w.f, WAKE, 9);
	X(futex, w.f + 8, WAKE, 9);
	for (int i = 0; i < 3; i++)
		finish(pids[i]);
	/* Wake here, and there if what was there compares: set 5, was 0 < 3. */
	start_waiters(pids, 2, &w);
	struct waiter v = { w.f + 16, WAIT_BITSET, ~0u };
	start_waiters(pids + 2, 2, &v);
	X(futex, w.f, WAKE_OP, 9, 9, w.f + 16, 0 << 28 | 2 << 24 | 5 << 12 | 3);
	NUM(w.f[16]);
	for (int i = 0; i < 4; i++)
		finish(pids[i]);
	X(futex, w.f, WAKE_OP, 9, 9, w.f + 16, 1 << 28 | 0 << 24 | 2 << 12 | 5);
	NUM(w.f[16]);
	X(futex, w.f, WAKE_OP, 9, 9, w.f + 16, 7u << 28 | 0 << 24 | 2 << 12 | 5);
	X(futex, w.f, WAKE_OP, 9, 9, unmapped(), 0);
}

static int lock_then_die(void *arg)
{
	return (int)-Q(futex, arg, LOCK_PI, 0, NULL);
}

static int tries(void *arg)
{
	return (int)-Q(futex, arg, TRYLOCK_PI, 0, NULL);
}

static int unlocks(void *arg)
{
	return (int)-Q(futex, arg, UNLOCK_PI, 0, NULL);
}

static int locks_with_limit(void *arg)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += 50000000;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return (int)-Q(futex, arg, LOCK_PI, 0, &ts);
}

static int locks_and_gives(void *arg)
{
	uint32_t *f = arg;
	long err = Q(futex, f, LOCK_PI, 0, NULL);

	if (err)
		return (int)-err;
	if ((*f & 0x3fffffff) != (uint32_t)Q(gettid))
		return 200;
	return (int)-Q(futex, f, UNLOCK_PI, 0, NULL);
}

static void inheriting(void)
{
	uint32_t *f = shared();
	struct timespec ts = { 0, 0 };
	pid_t pid, second;

	X(futex, f, LOCK_PI, 0, NULL);
	IS(*f == (uint32_t)Q(gettid));
	X(futex, f, LOCK_PI, 0, NULL);
	X(futex, f, TRYLOCK_PI, 0, NULL);
	say("%s", err_name(WEXITSTATUS(in_child(tries, f))));
	say("%s", err_name(WEXITSTATUS(in_child(unlocks, f))));
	say("%s", err_name(WEXITSTATUS(in_child(locks_with_limit, f))));
	IS((*f & 0x3fffffff) == (uint32_t)Q(gettid));
	X(futex, f, UNLOCK_PI, 0, NULL);
	HEX(*f);
	X(futex, f, UNLOCK_PI, 0, NULL);
	X(futex, f, LOCK_PI, 0, &ts);
	pid = start(locks_and_gives, f);
	IS(await_state(pid, "S"));
	second = start(locks_and_gives, f);
	IS(await_state(second, "S"));
	nap(30);
	IS((*f & WAITERS) != 0);
	X(futex, f, WAKE, 1);
	X(futex, f, UNLOCK_PI, 0, NULL);
	say("%s", wait_words(finish(pid)));
	say("%s", wait_words(finish(second)));
	HEX(*f & ~WAITERS);
	/* An owner that is gone, or never was. */
	*f = 0x3ffffff0;
	X(futex, f, LOCK_PI, 0, NULL);
	*f = 0;
	in_child(lock_then_die, f);
	X(futex, f, LOCK_PI, 0, NULL);
	X(futex, unmapped(), LOCK_PI, 0, NULL);
	X(futex, unmapped(), UNLOCK_PI, 0, NULL);
	*f = 0;
	X(futex, f, LOCK_PI2, 0, NULL);
	X(futex, f, CMP_REQUEUE_PI, 1, 1, f + 1, *f);
	X(futex, f, CMP_REQUEUE_PI, 2, 1, f + 1, *f);
	X(futex, f, WAIT_REQUEUE_PI, 99, &ts, f + 1, ~0u);
	X(futex, f, WAIT_REQUEUE_PI, *f, &ts, f, ~0u);
}

struct robust {
	struct robust *next;
	long offset;
	struct robust *pending;
};

static int dies_holding(void *arg)
{
	uint32_t *f = arg;
	static struct robust head;
	struct node {
		struct node *next;
		uint32_t *lock;
	} *a = (void *)(f + 32), *b = (void *)(f + 64);

	/* Locks lie 16 bytes behind their list nodes. */
	head = (struct robust){ (void *)a, 16, NULL };
	a->next = b;
	b->next = (void *)&head;
	f[32 + 4] = (uint32_t)Q(gettid);
	f[64 + 4] = (uint32_t)Q(gettid) | WAITERS;
	f[96 + 4] = (uint32_t)Q(gettid);
	head.pending = (void *)(f + 96);
	f[128] = (uint32_t)Q(gettid);
	Q(set_robust_list, &head, sizeof(head));
	f[0] = 1;
	/* Not before somebody waits, however long that takes. */
	while (!*(volatile uint32_t *)(f + 1))
		nap(5);
	return 0;
}

static int waits_for_robust(void *arg)
{
	uint32_t *f = arg;

	return (int)-Q(futex, f + 64 + 4, WAIT, f[64 + 4], NULL);
}

static void robust_lists(void)
{
	uint32_t *f = shared();
	struct robust *got = NULL;
	size_t len = 0;
	pid_t pid, waiter;

	X(set_robust_list, f, 8);
	X(set_robust_list, NULL, 24);
	X(get_robust_list, 0, &got, &len);
	IS(got == NULL && len == 24);
	X(get_robust_list, 12345678, &got, &len);
	X(get_robust_list, 0, unmapped(), &len);
	X(get_robust_list, -1, &got, &len);
	pid = start(dies_holding, f);
	while (!*(volatile uint32_t *)f)
		nap(5);
	waiter = start(waits_for_robust, f);
	IS(await_state(waiter, "S"));
	f[1] = 1;
	finish(pid);
	HEX(f[32 + 4]);
	HEX(f[64 + 4]);
	HEX(f[96 + 4]);
	IS(f[128] == (uint32_t)pid);
	say("%s", wait_words(finish(waiter)));
}

/* Locks lie 16 bytes behind their list nodes. */
struct node {
	struct node *next;
	uint32_t pad[2], lock, pad2;
};

/* How a list can look when its owner dies; the locks of 0 and 1 have waiters. */
enum {
	LISTED,
	CLEARED,
	SWALLOWED,
	OTHERS,
	BOTH,
	UNREADABLE,
	BAD_NEXT,
	BAD_LOCK,
	CIRCLE,
	NR_SHAPES
};

/* The last 8 bytes before nothing. */
static void *last_word(void)
{
	char *p = pages(2);

	munmap(p + 4096, 4096);
	return p + 4096 - 8;
}

static void shape_list(struct robust *head, struct node *n, int shape)
{
	uint32_t mine = (uint32_t)Q(gettid);

	head->next = (void *)head;
	if (shape == LISTED || shape >= BOTH) {
		head->next = (void *)&n[0];
		n[0].next = (void *)head;
		n[0].lock = mine | WAITERS;
	}
	if (shape != LISTED) {
		head->pending = (void *)&n[1];
		n[1].lock = mine | WAITERS;
	}
	if (shape == CLEARED)
		n[1].lock = 0;
	if (shape == SWALLOWED)
		n[1].lock = OWNER_DIED | WAITERS;
	if (shape == OTHERS)
		n[1].lock = (mine + 1) | WAITERS;
	if (shape == BOTH)
		n[0].next = (void *)&n[1], n[1].next = (void *)head;
	if (shape == UNREADABLE)
		head->next = unmapped();
	if (shape == BAD_NEXT)
		n[0].next = unmapped();
	if (shape == BAD_LOCK) /* a node of which only the list's part is readable, before ours */
		head->next = last_word(), head->next->next = (void *)&n[0];
	if (shape == CIRCLE)
		n[0].next = &n[0];
}

static int dies_in_shape(void *arg)
{
	static struct robust head = { .offset = 16 };
	uint32_t *f = arg;

	shape_list(&head, (void *)(f + 16), (int)f[1]);
	Q(set_robust_list, &head, sizeof(head));
	f[0] = 1;
	while (!*(volatile uint32_t *)(f + 2))
		nap(1);
	return 0;
}

static int waits_for_lock(void *arg)
{
	uint32_t *lock = arg;

	return (int)-Q(futex, lock, WAIT, *lock, NULL);
}

/* Whether one who waits for LOCK when it dies is told, and what the word is then, without the owner. */
static void shapes(void)
{
	for (int shape = 0; shape < NR_SHAPES; shape++) {
		uint32_t *f = shared();
		struct node *n = (void *)(f + 16);
		pid_t owner, waiter[3];

		f[1] = (uint32_t)shape;
		owner = start(dies_in_shape, f);
		while (!*(volatile uint32_t *)f)
			nap(1);
		waiter[0] = start(waits_for_lock, &n[0].lock);
		waiter[1] = start(waits_for_lock, &n[0].lock);
		waiter[2] = start(waits_for_lock, &n[1].lock);
		for (int i = 0; i < 3; i++)
			await_state(waiter[i], "S");
		f[2] = 1;
		finish(owner);
		/* Who is still there was not told. */
		int told = 2 - (int)Q(futex, &n[0].lock, WAKE, 9);
		int pending = 1 - (int)Q(futex, &n[1].lock, WAKE, 9);

		for (int i = 0; i < 3; i++)
			finish(waiter[i]);
		say("shape %d: %d listed and %d pending told, words %x %x", shape, told, pending,
		    n[0].lock & (OWNER_DIED | WAITERS), n[1].lock & (OWNER_DIED | WAITERS));
	}
}

static int clears(void *arg)
{
	nap(50);
	(void)arg;
	return 0;
}

static void cleared_ids(void)
{
	static char stack[32768] __attribute__((aligned(16)));
	uint32_t *f = shared();
	pid_t tid;

	tid = (pid_t)Q(set_tid_address, f);
	IS(tid == Q(gettid));
	tid = clone(clears, stack + sizeof(stack),
		    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_CHILD_CLEARTID |
			    CLONE_CHILD_SETTID | SIGCHLD,
		    NULL, NULL, NULL, f);
	IS(tid > 0);
	while (*(volatile uint32_t *)f == (uint32_t)tid)
		Q(futex, f, WAIT, tid, NULL);
	NUM(*f);
	say("%s", wait_words(finish(tid)));
}

static volatile sig_atomic_t got;

static void on_alarm(int sig)
{
	got = sig;
}

static void interrupted(void)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct timespec ts = { 20, 0 };
	uint32_t *f = shared();
	long long t0;

	sigaction(SIGALRM, &sa, NULL);
	Q(alarm, 1);
	t0 = now_ns();
	/* SA_RESTART does not help a wait for a length of time. */
	X(futex, f, WAIT, 0, &ts);
	IS(now_ns() - t0 >= 1000000000 && got);
	sa.sa_flags = 0;
	sigaction(SIGALRM, &sa, NULL);
	Q(alarm, 1);
	X(futex, f, WAIT, 0, &ts);
}

static const struct test tests[] = {
	T(errors),	 T(waking), T(bitsets),	    T(requeueing),  T(inheriting),
	T(robust_lists), T(shapes), T(cleared_ids), T(interrupted),
};
MAIN("futexes", tests)
