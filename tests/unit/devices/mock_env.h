/* SPDX-License-Identifier: MIT */
/*
 * mock_env.h - a dev_env for tests: a clock that the test moves, timers that fire when it does,
 * a real epoll instance that the test turns by hand, and a record of interrupts and requests.
 *
 * The callbacks may come from several threads (vCPUs); mock_advance() and mock_poll() belong to
 * the one that plays the event loop.
 */
#ifndef TESTS_UNIT_DEVICES_MOCK_ENV_H
#define TESTS_UNIT_DEVICES_MOCK_ENV_H

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "devices/device.h"

#define MOCK_MAX_TIMERS 16
#define MOCK_MAX_FDS	8
#define MOCK_MAX_GSIS	32

struct mock_timer { /* what struct dev_timer * points to here */
	void (*fn)(void *arg);
	void *arg;
	u64 deadline;
	bool armed;
};

struct mock_watch {
	int fd; /* -1: free */
	u32 events;
	void (*fn)(void *arg, u32 events);
	void *arg;
};

struct mock_env {
	struct dev_env env; /* hand &m->env to the device */
	pthread_mutex_t lock;
	u64 now;
	u64 wall;
	int epoll_fd;
	struct mock_timer timers[MOCK_MAX_TIMERS];
	unsigned nr_timers;
	unsigned timer_arms;
	struct mock_watch watches[MOCK_MAX_FDS];
	int level[MOCK_MAX_GSIS];
	unsigned rises[MOCK_MAX_GSIS];	   /* 0 -> 1 */
	unsigned irq_calls[MOCK_MAX_GSIS]; /* all irq_set() calls */
	unsigned nr_requests;
	enum machine_request last_request;
	int last_status;
	unsigned nr_msis;
	u64 msi_addr;
	u32 msi_data;
};

static inline u64 mock_now_ns(void *ctx)
{
	struct mock_env *m = ctx;
	u64 now;

	pthread_mutex_lock(&m->lock);
	now = m->now;
	pthread_mutex_unlock(&m->lock);
	return now;
}

static inline u64 mock_wall_ns(void *ctx)
{
	return ((struct mock_env *)ctx)->wall;
}

static inline void mock_request(void *ctx, enum machine_request what, int status)
{
	struct mock_env *m = ctx;

	m->nr_requests++;
	m->last_request = what;
	m->last_status = status;
}

static inline struct mock_watch *mock_find_watch(struct mock_env *m, int fd)
{
	for (unsigned i = 0; i < MOCK_MAX_FDS; i++)
		if (m->watches[i].fd == fd)
			return &m->watches[i];
	return NULL;
}

static inline int mock_watch_fd(void *ctx, int fd, u32 events, void (*fn)(void *, u32), void *arg)
{
	struct mock_env *m = ctx;
	struct mock_watch *w = mock_find_watch(m, fd);
	struct epoll_event ev = { .events = events, .data.fd = fd };
	int op = w ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (epoll_ctl(m->epoll_fd, op, fd, &ev) < 0)
		return -errno;
	if (!w)
		w = mock_find_watch(m, -1);
	if (!w)
		return -ENOSPC;
	*w = (struct mock_watch){ .fd = fd, .events = events, .fn = fn, .arg = arg };
	return 0;
}

static inline void mock_unwatch_fd(void *ctx, int fd)
{
	struct mock_env *m = ctx;
	struct mock_watch *w = mock_find_watch(m, fd);

	epoll_ctl(m->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	if (w)
		*w = (struct mock_watch){ .fd = -1 };
}

static inline struct dev_timer *mock_timer_create(void *ctx, void (*fn)(void *), void *arg)
{
	struct mock_env *m = ctx;
	struct mock_timer *t;

	if (m->nr_timers == MOCK_MAX_TIMERS)
		return NULL;
	t = &m->timers[m->nr_timers++];
	*t = (struct mock_timer){ .fn = fn, .arg = arg };
	return (struct dev_timer *)t;
}

static inline void mock_timer_arm(void *ctx, struct dev_timer *timer, u64 deadline_ns)
{
	struct mock_env *m = ctx;
	struct mock_timer *t = (struct mock_timer *)timer;

	pthread_mutex_lock(&m->lock);
	t->deadline = deadline_ns;
	t->armed = true;
	m->timer_arms++;
	pthread_mutex_unlock(&m->lock);
}

static inline void mock_timer_cancel(void *ctx, struct dev_timer *timer)
{
	struct mock_env *m = ctx;

	pthread_mutex_lock(&m->lock);
	((struct mock_timer *)timer)->armed = false;
	pthread_mutex_unlock(&m->lock);
}

static inline void mock_msi_send(void *ctx, u64 addr, u32 data)
{
	struct mock_env *m = ctx;

	m->nr_msis++;
	m->msi_addr = addr;
	m->msi_data = data;
}

static inline void mock_msi_route(void *ctx, u32 gsi, u64 addr, u32 data)
{
	(void)ctx, (void)gsi, (void)addr, (void)data;
}

static inline void mock_irq_set(void *ctx, u32 gsi, int level)
{
	struct mock_env *m = ctx;

	pthread_mutex_lock(&m->lock);
	m->irq_calls[gsi]++;
	if (level && !m->level[gsi])
		m->rises[gsi]++;
	m->level[gsi] = level;
	pthread_mutex_unlock(&m->lock);
}

static inline struct irq_line mock_line(struct mock_env *m, u32 gsi)
{
	return (struct irq_line){ .set = mock_irq_set, .ctx = m, .gsi = gsi };
}

static inline void mock_init(struct mock_env *m)
{
	memset(m, 0, sizeof(*m));
	pthread_mutex_init(&m->lock, NULL);
	m->now = 1000000000;
	m->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < MOCK_MAX_FDS; i++)
		m->watches[i].fd = -1;
	m->env = (struct dev_env){
		.ctx = m,
		.now_ns = mock_now_ns,
		.wall_ns = mock_wall_ns,
		.request = mock_request,
		.watch_fd = mock_watch_fd,
		.unwatch_fd = mock_unwatch_fd,
		.timer_create = mock_timer_create,
		.timer_arm = mock_timer_arm,
		.timer_cancel = mock_timer_cancel,
		.msi_send = mock_msi_send,
		.msi_route = mock_msi_route,
	};
}

static inline void mock_fini(struct mock_env *m)
{
	close(m->epoll_fd);
	pthread_mutex_destroy(&m->lock);
}

/* The armed timer with the earliest deadline not after `until`, disarmed; NULL: none. */
static inline struct mock_timer *mock_next_timer(struct mock_env *m, u64 until)
{
	struct mock_timer *best = NULL;

	pthread_mutex_lock(&m->lock);
	for (unsigned i = 0; i < m->nr_timers; i++) {
		struct mock_timer *t = &m->timers[i];

		if (t->armed && t->deadline <= until && (!best || t->deadline < best->deadline))
			best = t;
	}
	if (best) {
		best->armed = false;
		if (best->deadline > m->now)
			m->now = best->deadline;
	}
	pthread_mutex_unlock(&m->lock);
	return best;
}

/* Lets ns go by; due timers fire in order (at most 1000, lest one re-arms itself for ever). */
static inline unsigned mock_advance(struct mock_env *m, u64 ns)
{
	u64 until = m->now + ns;
	struct mock_timer *t;
	unsigned fired = 0;

	while (fired < 1000 && (t = mock_next_timer(m, until)) != NULL) {
		t->fn(t->arg);
		fired++;
	}
	pthread_mutex_lock(&m->lock);
	if (m->now < until)
		m->now = until;
	pthread_mutex_unlock(&m->lock);
	return fired;
}

/* One turn of the loop: calls back for each fd that is ready. Returns how many were. */
static inline unsigned mock_poll(struct mock_env *m)
{
	struct epoll_event ev[MOCK_MAX_FDS];
	int n = epoll_wait(m->epoll_fd, ev, MOCK_MAX_FDS, 0);

	for (int i = 0; i < n; i++) {
		struct mock_watch *w = mock_find_watch(m, ev[i].data.fd);

		if (w && w->fn)
			w->fn(w->arg, ev[i].events);
	}
	return n > 0 ? (unsigned)n : 0;
}

#endif
