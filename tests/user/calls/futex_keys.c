/* SPDX-License-Identifier: MIT */
/* futex_keys.c - which word a futex is: FUTEX_PRIVATE_FLAG, shared mappings, requeue between them. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

enum {
	WAIT = 0,
	WAKE = 1,
	REQUEUE = 3,
	CMP_REQUEUE = 4,
	WAKE_OP = 5,
	PRIVATE = 128,
};

struct waiter {
	uint32_t *f;
	int op;
};

#define STACK 16384

static int waits(void *arg)
{
	struct waiter *w = arg;

	long err = Q(futex, w->f, w->op, 0, NULL);

	return (int)-err;
}

/* A thread that shares all but its signals; begun to wait when this returns. */
static pid_t start_thread(struct waiter *w)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid = clone(waits, stack + STACK, CLONE_VM | CLONE_FILES | SIGCHLD, w);

	IS(await_state(pid, "S"));
	nap(20);
	return pid;
}

static void await_threads(const pid_t *pids, int n)
{
	for (int i = 0; i < n; i++)
		say("%s", wait_words(finish(pids[i])));
}

static void *shared_file(size_t size)
{
	int fd = (int)Q(open, "shared", O_RDWR | O_CREAT, 0600);

	Q(ftruncate, fd, 16384);
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

/* A word is one for those who say that nobody shares it, and another one for the rest. */
static void two_of_a_word(uint32_t *f)
{
	struct waiter w = { f, WAIT }, own = { f, WAIT | PRIVATE };
	pid_t pids[2] = { start_thread(&w), start_thread(&own) };

	X(futex, f + 1, WAKE, 9);
	X(futex, f, REQUEUE | PRIVATE, 0, 9, f + 2);
	X(futex, f, REQUEUE, 0, 9, f + 3);
	X(futex, f, WAKE | PRIVATE, 9);
	X(futex, f, WAKE, 9);
	X(futex, f + 2, WAKE, 9);
	X(futex, f + 3, WAKE | PRIVATE, 9);
	X(futex, f + 2, CMP_REQUEUE | PRIVATE, 0, 9, f, 0);
	X(futex, f + 3, WAKE_OP, 0, 9, f + 3, 0);
	X(futex, f, WAKE, 9);
	X(futex, f, WAKE | PRIVATE, 9);
	await_threads(pids, 2);
}

static void keys(void)
{
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600);
	char *p;

	Q(ftruncate, fd, 8192);
	two_of_a_word((uint32_t *)pages(1));
	two_of_a_word(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	two_of_a_word((uint32_t *)p);
	p[4096] = 1;
	two_of_a_word((uint32_t *)(p + 4096 + 64));
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	two_of_a_word((uint32_t *)(p + 4096));
}

/* Two processes have it at addresses of their own. */
static int waits_elsewhere(void *arg)
{
	struct waiter w = { (uint32_t *)((char *)shared_file(8192) + 4096 + 8), *(int *)arg };

	return waits(&w);
}

static void elsewhere(void)
{
	char *p = shared_file(16384);
	uint32_t *f = (uint32_t *)(p + 4096 + 8);
	int op = WAIT;
	pid_t pid = start(waits_elsewhere, &op);

	IS(await_state(pid, "S"));
	nap(20);
	X(futex, f, WAKE | PRIVATE, 1);
	X(futex, f, REQUEUE, 0, 1, p + 12288);
	X(futex, f, WAKE, 1);
	X(futex, p + 12288, WAKE, 1);
	say("%s", wait_words(finish(pid)));
	op = WAIT | PRIVATE;
	pid = start(waits_elsewhere, &op);
	IS(await_state(pid, "S"));
	nap(20);
	X(futex, f, WAKE | PRIVATE, 1);
	X(futex, f, WAKE, 1);
	Q(kill, pid, SIGKILL);
	say("%s", wait_words(finish(pid)));
}

static const struct test tests[] = { T(keys), T(elsewhere) };
MAIN("futex_keys", tests)
