/* SPDX-License-Identifier: MIT */
/*
 * hrtimer.h - timers with the resolution of the clock: a red-black tree on each CPU, ordered by
 * expiry, of which the hardware is told the first.
 *
 * H1 no function runs before its timer's softexpires. H2 a queued timer is in exactly one tree, its
 * base's. H3 the hardware's event is not later than the first expiry, except while the interrupt
 * that serves it runs. H4 a timer whose function runs stays on that base until it has returned.
 *
 * A hard timer's function runs in the interrupt, IRQs off; a soft one's in softirq, IRQs on. Neither
 * sleeps; both may start and cancel other timers, and start their own again.
 */
#ifndef GUEST_TIME_HRTIMER_H
#define GUEST_TIME_HRTIMER_H

#include "guest/lib/rbtree.h"
#include "guest/locking/spinlock.h"

enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };

/* Modes. A timer is hard or soft for life, by hrtimer_init(). */
#define HRTIMER_MODE_ABS  0
#define HRTIMER_MODE_REL  1
#define HRTIMER_MODE_SOFT 4

enum { HRTIMER_HARD, HRTIMER_SOFT, HRTIMER_NR_KINDS };

struct hrtimer_cpu_base;

struct hrtimer {
	struct rb_node node;
	u64 expires;	 /* ns; the hardware is set to this */
	u64 softexpires; /* it may run from here on, when the CPU is awake anyway */
	/* RESTART: queue it again as it stands now, see hrtimer_forward(). */
	enum hrtimer_restart (*fn)(struct hrtimer *t);
	struct hrtimer_cpu_base *base; /* base->lock */
	bool queued;		       /* base->lock */
	u8 kind;
};

/* One CPU's. Guard: lock, taken with IRQs off, inside any rq->lock. */
struct hrtimer_cpu_base {
	spinlock_t lock;
	unsigned cpu;
	bool in_interrupt; /* it will set the hardware itself on its way out */
	bool soft_raised;  /* the softirq will look at the soft tree */
	struct rb_root_cached tree[HRTIMER_NR_KINDS];
	struct hrtimer *running[HRTIMER_NR_KINDS];
	u64 expires_next; /* what the hardware was told */
	u64 nr_events, nr_retries, nr_hangs;
	struct hrtimers *all;
};

/* All of a machine's. */
struct hrtimers {
	unsigned nr_cpus;
	struct hrtimer_cpu_base *base; /* [nr_cpus] */
};

/* 0 or -ENOMEM. */
int hrtimers_init(struct hrtimers *h, unsigned nr_cpus);
void hrtimers_free(struct hrtimers *h); /* nothing is queued */

void hrtimer_init(struct hrtimers *h, struct hrtimer *t, unsigned mode,
		  enum hrtimer_restart (*fn)(struct hrtimer *t));

/*
 * (Re)starts t on this CPU: fn runs at `time` (mode: absolute, or from now) at the earliest and, if
 * the machine can, not after time + slack. A time that has passed means at once, from the
 * interrupt, never from within this call. Any context.
 */
void hrtimer_start_range_ns(struct hrtimer *t, u64 time, u64 slack, unsigned mode);
static inline void hrtimer_start(struct hrtimer *t, u64 time, unsigned mode)
{
	hrtimer_start_range_ns(t, time, 0, mode);
}

/* 1: was queued and is not any more; 0: was not; -1: fn runs right now. Any context. */
int hrtimer_try_to_cancel(struct hrtimer *t);
/* The same, and waits for fn to end: not from fn, nor holding a lock that fn takes, nor, for a soft
 * timer, in an interrupt. 1 or 0. */
int hrtimer_cancel(struct hrtimer *t);

/* Moves the expiry of a timer that is not queued by whole intervals beyond now; how many. */
u64 hrtimer_forward(struct hrtimer *t, u64 now, u64 interval);

/* Queued, or its function runs. */
bool hrtimer_active(const struct hrtimer *t);
/* ns until softexpires, negative when it has passed. */
s64 hrtimer_remaining(const struct hrtimer *t);

/* First expiry of this CPU, leaving out `but` (may be NULL); UINT64_MAX: none. IRQs off. */
u64 hrtimer_next_event(struct hrtimer_cpu_base *b, const struct hrtimer *but);

void hrtimer_interrupt(struct hrtimer_cpu_base *b);
void hrtimer_run_softirq(struct hrtimer_cpu_base *b);

/* dead's CPU runs no more: its timers go to the calling CPU, whose base is `to`. IRQs off. */
void hrtimers_adopt(struct hrtimer_cpu_base *to, struct hrtimer_cpu_base *dead);

/* NULL, or the broken rule. */
const char *hrtimer_check(struct hrtimer_cpu_base *b);

#endif
