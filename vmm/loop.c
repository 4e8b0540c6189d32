/* SPDX-License-Identifier: MIT */
/* loop.c - see loop.h. */
#include "vmm/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define NEVER UINT64_MAX

struct watch {
	struct watch *next;
	int fd; /* -1: removed while the loop was handing out events; freed after the round */
	void (*fn)(void *arg, u32 events);
	void *arg;
};

struct loop_timer {
	struct loop *loop;
	struct loop_timer *next;
	u64 deadline; /* loop->lock; NEVER: not armed */
	u32 round;    /* loop thread: the round that ran it last */
	void (*fn)(void *arg);
	void *arg;
};

struct loop {
	int epoll, wake;
	atomic_bool stop;
	pthread_mutex_t lock;
	struct loop_timer *timers; /* lock; a handful at most, so a list is searched whole */
	u64 sleeping_until;	   /* lock; 0 while timers run: no wake-up is needed then */
	u32 round;		   /* loop thread */
	struct watch *watches;	   /* loop thread */
};

u64 loop_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ULL + (u64)ts.tv_nsec;
}

static void loop_wake(struct loop *l)
{
	u64 one = 1;
	ssize_t n = write(l->wake, &one, sizeof(one));

	(void)n; /* EAGAIN: the counter is full, so the loop is awake already */
}

struct loop *loop_create(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	struct epoll_event ev = { .events = EPOLLIN };

	if (!l)
		return NULL;
	pthread_mutex_init(&l->lock, NULL);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epoll < 0 || l->wake < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->wake, &ev)) {
		int err = errno;

		loop_destroy(l);
		errno = err;
		return NULL;
	}
	return l;
}

void loop_destroy(struct loop *l)
{
	if (!l)
		return;
	while (l->watches) {
		struct watch *w = l->watches;

		l->watches = w->next;
		free(w);
	}
	while (l->timers) {
		struct loop_timer *t = l->timers;

		l->timers = t->next;
		free(t);
	}
	if (l->epoll >= 0)
		close(l->epoll);
	if (l->wake >= 0)
		close(l->wake);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static struct watch *find_watch(struct loop *l, int fd)
{
	struct watch *w = l->watches;

	while (w && w->fd != fd)
		w = w->next;
	return w;
}

int loop_watch(struct loop *l, int fd, u32 events, void (*fn)(void *arg, u32 events), void *arg)
{
	struct watch *w = find_watch(l, fd);
	int op = w ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	struct epoll_event ev = { .events = events };

	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return -ENOMEM;
		w->fd = fd;
	}
	ev.data.ptr = w;
	if (epoll_ctl(l->epoll, op, fd, &ev)) {
		int err = -errno;

		if (op == EPOLL_CTL_ADD)
			free(w);
		return err;
	}
	w->fn = fn;
	w->arg = arg;
	if (op == EPOLL_CTL_ADD) {
		w->next = l->watches;
		l->watches = w;
	}
	return 0;
}

void loop_unwatch(struct loop *l, int fd)
{
	struct watch *w = find_watch(l, fd);

	if (!w)
		return;
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
	w->fd = -1;
}

static void reap_watches(struct loop *l)
{
	struct watch **p = &l->watches;

	while (*p) {
		struct watch *w = *p;

		if (w->fd >= 0) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		free(w);
	}
}

struct loop_timer *loop_timer_create(struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct loop_timer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct loop_timer){ .loop = l, .deadline = NEVER, .fn = fn, .arg = arg };
	pthread_mutex_lock(&l->lock);
	t->next = l->timers;
	l->timers = t;
	pthread_mutex_unlock(&l->lock);
	return t;
}

void loop_timer_destroy(struct loop_timer *t)
{
	struct loop_timer **p;

	if (!t)
		return;
	pthread_mutex_lock(&t->loop->lock);
	for (p = &t->loop->timers; *p != t; p = &(*p)->next)
		;
	*p = t->next;
	pthread_mutex_unlock(&t->loop->lock);
	free(t);
}

void loop_timer_arm(struct loop_timer *t, u64 deadline_ns)
{
	struct loop *l = t->loop;
	bool wake;

	pthread_mutex_lock(&l->lock);
	t->deadline = deadline_ns;
	wake = deadline_ns < l->sleeping_until;
	if (wake)
		l->sleeping_until = deadline_ns;
	pthread_mutex_unlock(&l->lock);
	if (wake)
		loop_wake(l);
}

void loop_timer_cancel(struct loop_timer *t)
{
	pthread_mutex_lock(&t->loop->lock);
	t->deadline = NEVER;
	pthread_mutex_unlock(&t->loop->lock);
}

/*
 * Runs what is due; the lock is dropped around each callback. Each timer runs at most once a round,
 * so that one which is always late cannot keep the loop from its fds. Returns the next deadline.
 */
static u64 run_timers(struct loop *l)
{
	u64 next;

	pthread_mutex_lock(&l->lock);
	l->sleeping_until = 0;
	l->round++;
again:
	next = NEVER;
	for (struct loop_timer *t = l->timers; t; t = t->next) {
		if (t->deadline == NEVER)
			continue;
		if (t->round != l->round && t->deadline <= loop_now()) {
			t->deadline = NEVER;
			t->round = l->round;
			pthread_mutex_unlock(&l->lock);
			t->fn(t->arg);
			pthread_mutex_lock(&l->lock);
			goto again; /* the list may have changed */
		}
		next = MIN(next, t->deadline);
	}
	l->sleeping_until = next;
	pthread_mutex_unlock(&l->lock);
	return next;
}

static int wait_events(struct loop *l, struct epoll_event *ev, int max, u64 until)
{
	struct timespec ts;
	u64 now, left;

	if (until == NEVER)
		return epoll_wait(l->epoll, ev, max, -1);
	now = loop_now();
	left = until > now ? until - now : 0;
	ts.tv_sec = (time_t)(left / 1000000000ULL);
	ts.tv_nsec = (long)(left % 1000000000ULL);
	return epoll_pwait2(l->epoll, ev, max, &ts, NULL);
}

void loop_run(struct loop *l)
{
	struct epoll_event ev[16];

	while (!atomic_load(&l->stop)) {
		int n = wait_events(l, ev, (int)ARRAY_SIZE(ev), run_timers(l));

		for (int i = 0; i < n; i++) {
			struct watch *w = ev[i].data.ptr;

			if (!w) {
				u64 count;
				ssize_t got = read(l->wake, &count, sizeof(count));

				(void)got; /* only the wake-up matters */
			} else if (w->fd >= 0) {
				w->fn(w->arg, ev[i].events);
			}
		}
		reap_watches(l);
	}
}

void loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	loop_wake(l);
}
