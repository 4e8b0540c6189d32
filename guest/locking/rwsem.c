/* SPDX-License-Identifier: MIT */
/* rwsem.c - see rwsem.h. Who lets go grants the lock to whoever is first, before waking. */
#include "guest/locking/rwsem.h"
#include "guest/locking/blocked.h"

void init_rwsem_named(struct rw_semaphore *s, const void *key, const char *name)
{
	spin_lock_init(&s->lock);
	s->readers = 0;
	s->writer = NULL;
	INIT_LIST_HEAD(&s->wait_list);
	s->dep = (struct lockdep_map){ key, name };
}

static bool free_for(const struct rw_semaphore *s, bool write)
{
	return !s->writer && (!write || !s->readers);
}

static void take(struct rw_semaphore *s, struct task_struct *p, bool write)
{
	if (write)
		s->writer = p;
	else
		s->readers++;
}

/* The first waiter, or all the readers at the front. */
static void grant(struct rw_semaphore *s)
{
	struct rwsem_waiter *w, *tmp;

	list_for_each_entry_safe (w, tmp, &s->wait_list, node) {
		if (!free_for(s, w->write))
			return;
		take(s, w->task, w->write);
		list_del(&w->node);
		w->granted = true;
		wake_up_state(w->task, TASK_NORMAL | TASK_WAKEKILL);
	}
}

static int down_state(struct rw_semaphore *s, bool write, unsigned state)
{
	struct rwsem_waiter w = { .task = current, .write = write };
	int err = 0;
	u64 flags;

	might_sleep();
	if (unlikely(s->writer == w.task))
		lock_report("rwsem %s locked again by its writer: it will wait for ever",
			    s->dep.name);
	lock_acquire(&s->dep, false);
	flags = spin_lock_irqsave(&s->lock);
	if (list_empty(&s->wait_list) && free_for(s, write)) {
		take(s, w.task, write);
		goto out;
	}
	list_add_tail(&w.node, &s->wait_list);
	task_blocked_on(w.task, s, write ? BLOCKER_WRITE : BLOCKER_READ);
	for (;;) {
		set_current_state(state);
		if (w.granted)
			break;
		if (signal_pending_state(state, w.task)) {
			list_del(&w.node);
			grant(s); /* whom it kept waiting */
			err = -EINTR;
			break;
		}
		spin_unlock_irqrestore(&s->lock, flags);
		schedule();
		flags = spin_lock_irqsave(&s->lock);
	}
	__set_current_state(TASK_RUNNING);
	task_unblocked(w.task);
out:
	spin_unlock_irqrestore(&s->lock, flags);
	if (err)
		lock_release(&s->dep);
	return err;
}

static bool trylock(struct rw_semaphore *s, bool write)
{
	u64 flags = spin_lock_irqsave(&s->lock);
	bool got = list_empty(&s->wait_list) && free_for(s, write);

	if (got)
		take(s, current, write);
	spin_unlock_irqrestore(&s->lock, flags);
	if (got)
		lock_acquire(&s->dep, true);
	return got;
}

void down_read(struct rw_semaphore *s)
{
	down_state(s, false, TASK_UNINTERRUPTIBLE);
}

int down_read_killable(struct rw_semaphore *s)
{
	return down_state(s, false, TASK_KILLABLE);
}

bool down_read_trylock(struct rw_semaphore *s)
{
	return trylock(s, false);
}

void down_write(struct rw_semaphore *s)
{
	down_state(s, true, TASK_UNINTERRUPTIBLE);
}

int down_write_killable(struct rw_semaphore *s)
{
	return down_state(s, true, TASK_KILLABLE);
}

bool down_write_trylock(struct rw_semaphore *s)
{
	return trylock(s, true);
}

void up_read(struct rw_semaphore *s)
{
	u64 flags;

	if (unlikely(!s->readers)) { /* W3 */
		lock_report("rwsem %s: up_read without a reader", s->dep.name);
		return;
	}
	lock_release(&s->dep);
	flags = spin_lock_irqsave(&s->lock);
	s->readers--;
	grant(s);
	spin_unlock_irqrestore(&s->lock, flags);
}

void up_write(struct rw_semaphore *s)
{
	u64 flags;

	if (unlikely(s->writer != current)) { /* W3 */
		lock_report("rwsem %s: up_write by a task that is not the writer", s->dep.name);
		return;
	}
	lock_release(&s->dep);
	flags = spin_lock_irqsave(&s->lock);
	s->writer = NULL;
	grant(s);
	spin_unlock_irqrestore(&s->lock, flags);
}

void downgrade_write(struct rw_semaphore *s)
{
	u64 flags;

	if (unlikely(s->writer != current)) {
		lock_report("rwsem %s: downgraded by a task that is not the writer", s->dep.name);
		return;
	}
	flags = spin_lock_irqsave(&s->lock);
	s->writer = NULL;
	s->readers++;
	grant(s);
	spin_unlock_irqrestore(&s->lock, flags);
}

const char *rwsem_check(struct rw_semaphore *s)
{
	const struct rwsem_waiter *w =
		list_first_entry_or_null(&s->wait_list, struct rwsem_waiter, node);

	if (s->writer && s->readers)
		return "W1: a writer among readers";
	if (w && free_for(s, w->write))
		return "W2: the first waiter could go";
	return list_check(&s->wait_list, 1000000);
}
