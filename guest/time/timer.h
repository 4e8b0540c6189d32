/* SPDX-License-Identifier: MIT */
/*
 * timer.h - the timer wheel: cheap timers for timeouts, which are mostly cancelled before they run.
 *
 * Time is counted in jiffies. A wheel has levels of 64 buckets; a bucket of level n is 8^n jiffies
 * wide, and a timer goes where its distance fits:
 *
 *	level	width	distance up to (jiffies)
 *	0	1	63
 *	1	8	504
 *	2	64	4,032	...
 *	8	16 M	1.06 G	(more is cut to this)
 *
 * It stays there: nothing is ever moved down to a finer level (which older wheels did), so starting
 * and cancelling are O(1) for good. The price is that a timer is late by less than its bucket's width,
 * 8/63 of the distance at most: W1. It is never early: W2. W3 next_expiry is not later than
 * any bucket in use, W4 a bit of `used` is set exactly while its bucket has a timer.
 */
#ifndef GUEST_TIME_TIMER_H
#define GUEST_TIME_TIMER_H

#include "guest/lib/list.h"
#include "guest/locking/spinlock.h"

#define WHEEL_SLOTS  64
#define WHEEL_LEVELS 9

/* A wheel's next expiry when it holds nothing. */
#define TIMER_NEVER UINT64_MAX

/* Flags. A deferrable timer does not wake an idle CPU: it runs when something else does. */
#define TIMER_DEFERRABLE 1
/* Stays on the CPU that add_timer_on() named, whoever restarts it. */
#define TIMER_PINNED 2

struct timer_base;
struct timers;

struct timer_list {
	struct hlist_node entry; /* base->lock */
	u64 expires;		 /* jiffies */
	/* In softirq, IRQs on; does not sleep. */
	void (*fn)(struct timer_list *t);
	struct timer_base *base; /* base->lock; NULL for a moment when it moves */
	u16 bucket;		 /* level * WHEEL_SLOTS + slot, while pending */
	u8 flags;
};

/* One CPU's wheel. Guard: lock, taken with IRQs off. */
struct timer_base {
	spinlock_t lock;
	unsigned cpu;
	bool idle;	 /* its CPU sleeps without a tick: an earlier timer has to wake it */
	bool stale;	 /* next_expiry may be too early */
	u64 clk;	 /* the next jiffy to be served */
	u64 next_expiry; /* W3 */
	u64 nr_pending;
	struct timer_list *running;
	struct timers *all;
	u64 used[WHEEL_LEVELS];
	struct hlist_head bucket[WHEEL_LEVELS][WHEEL_SLOTS];
};

enum { TIMER_BASE_STD, TIMER_BASE_DEF, TIMER_NR_BASES };

/* All of a machine's. */
struct timers {
	unsigned nr_cpus;
	u64 tick_ns;
	struct timer_base (*base)[TIMER_NR_BASES]; /* [nr_cpus] */
};

/* 0 or -ENOMEM. */
int timers_init(struct timers *s, unsigned nr_cpus, u64 tick_ns);
void timers_free(struct timers *s);

/* Jiffies since boot, and the first one that begins ns or more from now. Any context. */
u64 timers_jiffies(const struct timers *s);
u64 timers_after_ns(const struct timers *s, u64 ns);

void timer_setup(struct timers *s, struct timer_list *t, void (*fn)(struct timer_list *t),
		 unsigned flags);

/*
 * (Re)starts t: fn runs when jiffy `expires` has begun, W1, W2. Returns whether it was pending. Does
 * nothing after timer_shutdown_sync(). Any context.
 */
bool mod_timer(struct timer_list *t, u64 expires);
/* The same if that is earlier than what it is set to, or nothing is. */
bool timer_reduce(struct timer_list *t, u64 expires);
/* Starts a timer that is not pending, on that CPU. */
void add_timer_on(struct timer_list *t, u64 expires, unsigned cpu);

/* Whether it was pending. Its function may still run. Any context. */
bool del_timer(struct timer_list *t);
/* 1: was pending; 0: was not; -1: its function runs right now. */
int try_to_del_timer_sync(struct timer_list *t);
/* Whether it was pending; afterwards its function does not run. Not from an interrupt, nor from fn,
 * nor holding a lock that fn takes. */
bool del_timer_sync(struct timer_list *t);
/* The same, and it can never be started again: the memory may go. */
bool timer_shutdown_sync(struct timer_list *t);

static inline bool timer_pending(const struct timer_list *t)
{
	return !hlist_unhashed(&t->entry);
}

/* A whole second near j, so that timers which need not be exact run together; a little different on
 * each CPU, so that CPUs do not. Never in the past. */
u64 round_jiffies(const struct timers *s, u64 j, unsigned cpu);

/* Whether the softirq has something to do on that CPU. IRQs off. */
bool timers_due(const struct timers *s, unsigned cpu);
/* The softirq: runs all that is due. */
void timer_run_softirq(struct timers *s, unsigned cpu);

/* The jiffy of the next timer that must wake this CPU, which from now on counts as idle; TIMER_NEVER:
 * none. And back. IRQs off. */
u64 timers_idle_enter(struct timers *s, unsigned cpu);
void timers_idle_exit(struct timers *s, unsigned cpu);

/* dead runs no more: its timers go to CPU `to`, the calling one. IRQs off. */
void timers_adopt(struct timers *s, unsigned to, unsigned dead);

/* NULL, or the broken rule. */
const char *timer_base_check(struct timer_base *b);

#endif
