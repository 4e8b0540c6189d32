/* SPDX-License-Identifier: MIT */
/* semaphore.c - see semaphore.h. up() gives the unit to the first waiter: no newcomer can take it. */
#include "guest/locking/semaphore.h"
#include "guest/locking/blocked.h"

void sema_init(struct semaphore *s, unsigned count)
{
	spin_lock_init(&s->lock);
	s->count = count;
	INIT_LIST_HEAD(&s->wait_list);
}

bool down_trylock(struct semaphore *s)
{
	u64 flags = spin_lock_irqsave(&s->lock);
	bool got = s->count > 0;

	if (got)
		s->count--;
	spin_unlock_irqrestore(&s->lock, flags);
	return got;
}

int semaphore_down_begin(struct semaphore *s, struct semaphore_waiter *w)
{
	u64 flags;
	int wait = 1;

	might_sleep();
	flags = spin_lock_irqsave(&s->lock);
	if (s->count) {
		s->count--;
		wait = 0;
	} else {
		*w = (struct semaphore_waiter){ .task = current };
		list_add_tail(&w->node, &s->wait_list);
		task_blocked_on(w->task, s, BLOCKER_SEMAPHORE);
	}
	spin_unlock_irqrestore(&s->lock, flags);
	return wait;
}

int semaphore_down_poll(struct semaphore *s, struct semaphore_waiter *w, unsigned state)
{
	u64 flags = spin_lock_irqsave(&s->lock);
	int err = 1;

	set_current_state(state);
	if (w->up) {
		err = 0;
	} else if (signal_pending_state(state, w->task)) {
		list_del(&w->node);
		err = -EINTR;
	}
	if (err <= 0) {
		__set_current_state(TASK_RUNNING);
		task_unblocked(w->task);
	}
	spin_unlock_irqrestore(&s->lock, flags);
	return err;
}

static int down_state(struct semaphore *s, unsigned state)
{
	struct semaphore_waiter w;
	int err = semaphore_down_begin(s, &w);

	if (!err)
		return 0;
	while ((err = semaphore_down_poll(s, &w, state)) > 0)
		schedule();
	return err;
}

void down(struct semaphore *s)
{
	down_state(s, TASK_UNINTERRUPTIBLE);
}

int down_interruptible(struct semaphore *s)
{
	return down_state(s, TASK_INTERRUPTIBLE);
}

int down_killable(struct semaphore *s)
{
	return down_state(s, TASK_KILLABLE);
}

void up(struct semaphore *s)
{
	u64 flags = spin_lock_irqsave(&s->lock);
	struct semaphore_waiter *w =
		list_first_entry_or_null(&s->wait_list, struct semaphore_waiter, node);

	if (w) {
		list_del(&w->node);
		w->up = true;
		/* With the lock held: the waiter, and w on its stack, stay until we are done. */
		wake_up_state(w->task, TASK_NORMAL | TASK_WAKEKILL);
	} else {
		s->count++;
	}
	spin_unlock_irqrestore(&s->lock, flags);
}

const char *semaphore_check(struct semaphore *s)
{
	if (s->count && !list_empty(&s->wait_list))
		return "A1: waiters although there are units";
	return list_check(&s->wait_list, 1000000);
}
