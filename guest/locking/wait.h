/* SPDX-License-Identifier: MIT */
/*
 * wait.h - wait queues and completions: sleeping until somebody says that something has happened.
 *
 * The sleeper enters the queue and sets its state before it looks at the condition; the waker makes
 * the condition true before it looks at the queue. So one of them sees the other.
 */
#ifndef GUEST_LOCKING_WAIT_H
#define GUEST_LOCKING_WAIT_H

#include "guest/locking/debug.h"
#include "guest/locking/spinlock.h"

typedef struct {
	spinlock_t lock;
	struct list_head head;
} wait_queue_head_t;

struct wait_queue_entry {
	struct list_head node;
	struct task_struct *task;
	bool exclusive;
	/* Instead of waking task: called with the queue's lock held, IRQs off; true counts as woken.
	 * key: what has happened, as POLL* bits; 0: anything. */
	bool (*func)(struct wait_queue_entry *w, unsigned state, u32 key);
};

/* Enters the queue with what func says, without a task that sleeps; and leaves it. */
void add_wait_queue(wait_queue_head_t *q, struct wait_queue_entry *w);
void remove_wait_queue(wait_queue_head_t *q, struct wait_queue_entry *w);

void init_waitqueue_head(wait_queue_head_t *q);

/* Enters the queue (once) with that state. An exclusive one goes to the end. */
void prepare_to_wait(wait_queue_head_t *q, struct wait_queue_entry *w, unsigned state);
void prepare_to_wait_exclusive(wait_queue_head_t *q, struct wait_queue_entry *w, unsigned state);
void finish_wait(wait_queue_head_t *q, struct wait_queue_entry *w);

/* Wakes all that are not exclusive, and nr exclusive ones (0: all). Any context. */
void wake_up_key(wait_queue_head_t *q, unsigned state, unsigned nr, u32 key);
#define wake_up_nr(q, state, nr) wake_up_key((q), (state), (nr), 0)
#define wake_up(q)		 wake_up_nr((q), TASK_NORMAL, 1)
#define wake_up_all(q)		 wake_up_nr((q), TASK_NORMAL, 0)
#define wake_up_interruptible(q) wake_up_nr((q), TASK_INTERRUPTIBLE, 1)

static inline bool waitqueue_active(const wait_queue_head_t *q)
{
	return !list_empty(&q->head);
}

/* 0 or -EINTR. */
#define wait_event_state(q, condition, sleep_state)                                       \
	({                                                                                \
		struct wait_queue_entry wait_ = { .node = { &wait_.node, &wait_.node } }; \
		int wait_err_ = 0;                                                        \
		might_sleep();                                                            \
		for (;;) {                                                                \
			prepare_to_wait((q), &wait_, (sleep_state));                      \
			if (condition)                                                    \
				break;                                                    \
			if (signal_pending_state((sleep_state), current)) {               \
				wait_err_ = -EINTR;                                       \
				break;                                                    \
			}                                                                 \
			schedule();                                                       \
		}                                                                         \
		finish_wait((q), &wait_);                                                 \
		wait_err_;                                                                \
	})
#define wait_event(q, condition)	       ((void)wait_event_state(q, condition, TASK_UNINTERRUPTIBLE))
#define wait_event_interruptible(q, condition) wait_event_state(q, condition, TASK_INTERRUPTIBLE)
#define wait_event_killable(q, condition)      wait_event_state(q, condition, TASK_KILLABLE)

/* Something that happens once for each complete(), or for good (complete_all()). */
struct completion {
	unsigned done;
	wait_queue_head_t wait;
};

#define COMPLETION_ALL UINT32_MAX

void init_completion(struct completion *c);
void wait_for_completion(struct completion *c);
int wait_for_completion_interruptible(struct completion *c);
int wait_for_completion_killable(struct completion *c);
bool try_wait_for_completion(struct completion *c); /* any context */
bool completion_done(struct completion *c);
void complete(struct completion *c); /* any context */
void complete_all(struct completion *c);

#endif
