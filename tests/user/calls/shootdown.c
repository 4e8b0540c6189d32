/* SPDX-License-Identifier: MIT */
/* shootdown.c - what one CPU takes away from an address space is gone for the others at once. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#include "tests/user/lib/check.h"

static struct {
	volatile long *word; /* on a page that comes and goes */
	volatile int closed, stop;
} door;

/* The writer found the page closed: it tries again when that is over. */
static void waits_for_door(int sig)
{
	(void)sig;
	while (door.closed)
		sched_yield();
}

static void *writes_on(void *arg)
{
	(void)arg;
	while (!door.stop)
		++*door.word;
	return NULL;
}

static void closed_door(void)
{
	struct sigaction sa = { .sa_handler = waits_for_door };
	int late = 0;
	pthread_t t;

	sigaction(SIGSEGV, &sa, NULL);
	door.word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_create(&t, NULL, writes_on, NULL);
	for (int round = 0; round < 100; round++) {
		long seen = *door.word;

		while (*door.word == seen)
			sched_yield();
		door.closed = 1;
		mprotect((void *)door.word, 4096, PROT_READ);
		seen = *door.word;
		for (int i = 0; i < 20; i++) {
			sched_yield();
			late += *door.word != seen;
		}
		mprotect((void *)door.word, 4096, PROT_READ | PROT_WRITE);
		door.closed = 0;
	}
	door.stop = 1;
	pthread_join(t, NULL);
	NUM(late);
}

static const struct test tests[] = { T(closed_door) };

MAIN("shootdown", tests)
