/* SPDX-License-Identifier: MIT */
/*
 * workqueue.h - functions for threads that many users share.
 *
 * A pool of workers for each CPU (one of ordinary, one of high priority) and one of each for work that
 * may run anywhere. A pool lets one worker run at a time: when that one sleeps the scheduler says so
 * (struct task_sleep_hooks) and another takes over, so work gets on without more threads than CPUs can use.
 *
 * Y1 a work of one queue runs at most once at a time, on any CPU. Y2 from queueing until just before its
 * function begins a work is pending, and queueing it again does nothing. Y3 a pool with waiting work
 * has a worker that runs, or one that has been woken, or one that makes a new worker (short of memory
 * it makes do with those it has). Y4 of one queue
 * no more than max_active works run on a pool at a time. Y5 nothing is touched of a work once its
 * function has begun, so the function may free it.
 */
#ifndef GUEST_DEFER_WORKQUEUE_H
#define GUEST_DEFER_WORKQUEUE_H

#include "guest/lib/atomic.h"
#include "guest/locking/mutex.h"
#include "guest/locking/wait.h"
#include "guest/sched/sched.h"
#include "guest/time/timer.h"

/* Flags of a queue. */
#define WQ_UNBOUND	 0x02 /* wherever there is room: long or many works */
#define WQ_HIGHPRI	 0x10 /* workers of nice -20 */
#define WQ_CPU_INTENSIVE 0x20 /* computes for long: others need not wait for it */
#define WQ_ORDERED	 0x40 /* one at a time, in the order of queueing */
#define WQ_MAX_ACTIVE	 512u
#define WQ_DFL_ACTIVE	 256u

struct work_struct;
struct worker_pool;
struct workqueue_struct;
struct pool_workqueue;
struct workqueues;

typedef void (*work_func_t)(struct work_struct *work);

struct work_struct {
	struct list_head entry;	    /* pool->lock */
	struct list_head flushers;  /* who waits for this very queueing; pool->lock */
	struct worker_pool *pool;   /* the last one; pool->lock and the pending bit to change */
	struct pool_workqueue *pwq; /* while on a list */
	work_func_t fn;
	u32 state; /* atomic bits WORK_* */
	u8 color;
	bool inactive; /* on pwq->inactive */
};
#define WORK_PENDING   1u /* whoever sets it owns the work until it is on a list */
#define WORK_CANCELING 2u /* pending so that nobody queues it, while its end is awaited */

struct delayed_work {
	struct work_struct work;
	struct timer_list timer;
	struct workqueue_struct *wq;
	unsigned cpu;
};

struct worker {
	struct list_head node; /* idle or busy list; pool->lock */
	struct list_head all;  /* pool->workers */
	struct worker_pool *pool;
	struct task_struct *task;
	struct task_sleep_hooks hooks;
	struct work_struct *current_work; /* only to compare with, Y5 */
	work_func_t current_fn;
	struct workqueue_struct *current_wq;
	struct list_head scheduled; /* what collided with current_work, Y1 */
	struct list_head flushers;
	bool not_running; /* does not count in pool->nr_running */
	bool sleeping;	  /* its own; taken off nr_running for a sleep */
	bool idle, die;
	u64 idle_since; /* jiffies */
};

struct worker_pool {
	spinlock_t lock;
	unsigned cpu; /* nr_cpus: unbound */
	int nice;
	struct list_head worklist;
	unsigned nr_running; /* workers that neither sleep nor are idle */
	unsigned nr_workers, nr_idle, nr_dying;
	bool managing; /* somebody makes a worker */
	struct list_head idle, busy, workers;
	struct timer_list idle_timer;
	struct workqueues *all;
	u64 nr_works, nr_created, nr_rescued; /* ..: others took over from a sleeper */
};

/* A queue's share of a pool. Guard: pool->lock. */
struct pool_workqueue {
	struct worker_pool *pool;
	struct workqueue_struct *wq;
	unsigned nr_active;
	struct list_head inactive; /* beyond max_active */
};

struct workqueue_struct {
	char name[24];
	unsigned flags, max_active;
	struct workqueues *all;
	struct pool_workqueue *pwq; /* [nr_pwqs]: by CPU, or one */
	unsigned nr_pwqs;
	struct list_head node;
	/* Works in flight, by colour: a flush changes the colour and waits for the old one. */
	struct mutex flush_lock;
	atomic_t in_flight[2];
	u8 color; /* flush_lock to write */
	bool draining;
	wait_queue_head_t flushed;
};

/* All of a machine's. */
struct workqueues {
	unsigned nr_cpus;
	struct worker_pool *pools; /* [(nr_cpus + 1) * 2] */
	struct timers *timers;
	spinlock_t lock;
	struct list_head queues;
	wait_queue_head_t cancelled;
	u64 idle_jiffies; /* an unneeded worker ends after so long */
};

/* 0 or -ENOMEM. Each pool gets its first worker by workqueues_start(), when tasks can be made. */
int workqueues_init(struct workqueues *s, unsigned nr_cpus, struct timers *timers);
int workqueues_start(struct workqueues *s);
/* All queues have been destroyed; ends the workers, which may take them a moment. */
void workqueues_stop(struct workqueues *s);
void workqueues_free(struct workqueues *s); /* the workers have ended */

/* max_active 0: the default. NULL without memory. */
struct workqueue_struct *alloc_workqueue(struct workqueues *s, const char *name, unsigned flags,
					 unsigned max_active);
/* Waits until it is empty, works that queue themselves again included. May sleep. */
void drain_workqueue(struct workqueue_struct *wq);
void destroy_workqueue(struct workqueue_struct *wq);

void INIT_WORK(struct work_struct *work, work_func_t fn);
void INIT_DELAYED_WORK(struct workqueues *s, struct delayed_work *dw, work_func_t fn);

/* Whether it was not pending yet, Y2. Any context. A bound queue uses this CPU, or the one given. */
bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
bool queue_work_on(unsigned cpu, struct workqueue_struct *wq, struct work_struct *work);
bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, u64 jiffies);
/* Changes the delay of what is pending, or queues it; whether it was pending. */
bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, u64 jiffies);

static inline bool work_pending(const struct work_struct *work)
{
	return READ_ONCE(work->state) & WORK_PENDING;
}

/* Waits until the last queueing so far has been done. Whether there was something to wait for. May
 * sleep, and not from the work itself. */
bool flush_work(struct work_struct *work);
bool flush_delayed_work(struct delayed_work *dw); /* without waiting for the timer */
/* All that had been queued when it was called. */
void flush_workqueue(struct workqueue_struct *wq);

/* Takes it back if it has not begun; whether it was pending. Not from an interrupt handler. */
bool cancel_work(struct work_struct *work);
bool cancel_delayed_work(struct delayed_work *dw);
/* The same, and waits for the function if it runs; it is not queued meanwhile, not even by itself. */
bool cancel_work_sync(struct work_struct *work);
bool cancel_delayed_work_sync(struct delayed_work *dw);

/* The body of a worker's task; returns when it shall end. */
void worker_thread(struct worker *w);

/* NULL, or the broken rule. Any context without a pool's lock; workers may be at work meanwhile. */
const char *workqueues_check(struct workqueues *s);

#endif
