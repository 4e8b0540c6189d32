/* SPDX-License-Identifier: MIT */
/* wait.c - see wait.h. */
#include "guest/locking/wait.h"

void init_waitqueue_head(wait_queue_head_t *q)
{
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->head);
}

static void prepare(wait_queue_head_t *q, struct wait_queue_entry *w, unsigned state,
		    bool exclusive)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	w->task = current;
	w->exclusive = exclusive;
	if (list_empty(&w->node)) {
		if (exclusive)
			list_add_tail(&w->node, &q->head);
		else
			list_add(&w->node, &q->head);
	}
	set_current_state(state);
	spin_unlock_irqrestore(&q->lock, flags);
}

void prepare_to_wait(wait_queue_head_t *q, struct wait_queue_entry *w, unsigned state)
{
	prepare(q, w, state, false);
}

void prepare_to_wait_exclusive(wait_queue_head_t *q, struct wait_queue_entry *w, unsigned state)
{
	prepare(q, w, state, true);
}

void finish_wait(wait_queue_head_t *q, struct wait_queue_entry *w)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	__set_current_state(TASK_RUNNING);
	list_del_init(&w->node);
	spin_unlock_irqrestore(&q->lock, flags);
}

void add_wait_queue(wait_queue_head_t *q, struct wait_queue_entry *w)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	if (w->exclusive)
		list_add_tail(&w->node, &q->head);
	else
		list_add(&w->node, &q->head);
	spin_unlock_irqrestore(&q->lock, flags);
}

void remove_wait_queue(wait_queue_head_t *q, struct wait_queue_entry *w)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	list_del_init(&w->node);
	spin_unlock_irqrestore(&q->lock, flags);
}

static void wake_locked(wait_queue_head_t *q, unsigned state, unsigned nr, u32 key)
{
	struct wait_queue_entry *w, *tmp;
	unsigned woken = 0;

	list_for_each_entry_safe (w, tmp, &q->head, node) {
		/* Taken out here: a task that is slow to run does not stop the next wake-up from
		 * reaching another one. */
		if (!(w->func ? w->func(w, state, key) : wake_up_state(w->task, state)))
			continue;
		if (w->exclusive) {
			list_del_init(&w->node);
			if (++woken == nr)
				break;
		}
	}
}

void wake_up_key(wait_queue_head_t *q, unsigned state, unsigned nr, u32 key)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	wake_locked(q, state, nr, key);
	spin_unlock_irqrestore(&q->lock, flags);
}

/* ---- completions; `done` is under the queue's lock ------------------------------------------------- */

void init_completion(struct completion *c)
{
	c->done = 0;
	init_waitqueue_head(&c->wait);
}

bool try_wait_for_completion(struct completion *c)
{
	u64 flags = spin_lock_irqsave(&c->wait.lock);
	bool done = c->done > 0;

	if (done && c->done != COMPLETION_ALL)
		c->done--;
	spin_unlock_irqrestore(&c->wait.lock, flags);
	return done;
}

static int wait_state(struct completion *c, unsigned state)
{
	struct wait_queue_entry w = { .node = { &w.node, &w.node } };
	int err = 0;

	might_sleep();
	for (;;) {
		prepare_to_wait_exclusive(&c->wait, &w, state);
		if (try_wait_for_completion(c))
			break;
		if (signal_pending_state(state, current)) {
			err = -EINTR;
			break;
		}
		schedule();
	}
	finish_wait(&c->wait, &w);
	return err;
}

void wait_for_completion(struct completion *c)
{
	wait_state(c, TASK_UNINTERRUPTIBLE);
}

int wait_for_completion_killable(struct completion *c)
{
	return wait_state(c, TASK_KILLABLE);
}

int wait_for_completion_interruptible(struct completion *c)
{
	return wait_state(c, TASK_INTERRUPTIBLE);
}

bool completion_done(struct completion *c)
{
	/* With the lock: once this says yes, complete() is through with c and c may go. */
	u64 flags = spin_lock_irqsave(&c->wait.lock);
	bool done = c->done > 0;

	spin_unlock_irqrestore(&c->wait.lock, flags);
	return done;
}

void complete(struct completion *c)
{
	u64 flags = spin_lock_irqsave(&c->wait.lock);

	if (c->done != COMPLETION_ALL)
		c->done++;
	wake_locked(&c->wait, TASK_NORMAL, 1, 0);
	spin_unlock_irqrestore(&c->wait.lock, flags);
}

void complete_all(struct completion *c)
{
	u64 flags = spin_lock_irqsave(&c->wait.lock);

	c->done = COMPLETION_ALL;
	wake_locked(&c->wait, TASK_NORMAL, 0, 0);
	spin_unlock_irqrestore(&c->wait.lock, flags);
}
