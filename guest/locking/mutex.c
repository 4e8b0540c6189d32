/* SPDX-License-Identifier: MIT */
/* mutex.c - see mutex.h. Uncontended, locking and unlocking are one atomic operation each. */
#include "guest/locking/mutex.h"
#include "guest/locking/blocked.h"

#define WAITERS 1UL /* unlocking has to look at the list */
#define HANDOFF 2UL /* the first waiter wants it handed over */
#define PICKUP	4UL /* handed over to the task named, which has not noticed yet */
#define FLAGS	7UL

static struct task_struct *owner_task(uintptr_t owner)
{
	return (struct task_struct *)(owner & ~FLAGS);
}

void mutex_init_named(struct mutex *m, const void *key, const char *name)
{
	m->owner = 0;
	spin_lock_init(&m->wait_lock);
	INIT_LIST_HEAD(&m->wait_list);
	m->dep = (struct lockdep_map){ key, name };
}

struct task_struct *mutex_owner(const struct mutex *m)
{
	return owner_task(__atomic_load_n(&m->owner, __ATOMIC_RELAXED));
}

bool mutex_is_locked(const struct mutex *m)
{
	return mutex_owner(m) != NULL;
}

/* Free, or handed over to us: takes it. wait_lock is held when there are waiters. */
static bool take(struct mutex *m, struct task_struct *self)
{
	uintptr_t owner = __atomic_load_n(&m->owner, __ATOMIC_RELAXED);

	for (;;) {
		struct task_struct *task = owner_task(owner);
		uintptr_t next = (owner & WAITERS) | (uintptr_t)self;

		if (task && (task != self || !(owner & PICKUP)))
			return false;
		if (__atomic_compare_exchange_n(&m->owner, &owner, next, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	}
}

bool mutex_trylock(struct mutex *m)
{
	if (!take(m, current))
		return false;
	lock_acquire(&m->dep, true);
	return true;
}

int mutex_lock_begin(struct mutex *m, struct mutex_waiter *w)
{
	struct task_struct *self = current;
	uintptr_t owner = 0;
	u64 flags;

	might_sleep();
	if (unlikely(owner_task(m->owner) == self)) /* M2 */
		lock_report("mutex %s locked again by its owner: it will wait for ever",
			    m->dep.name);
	lock_acquire(&m->dep, false);
	if (__atomic_compare_exchange_n(&m->owner, &owner, (uintptr_t)self, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return 0;
	flags = spin_lock_irqsave(&m->wait_lock);
	w->task = self;
	w->lost = false;
	if (list_empty(&m->wait_list) && take(m, self)) {
		spin_unlock_irqrestore(&m->wait_lock, flags);
		return 0;
	}
	list_add_tail(&w->node, &m->wait_list);
	__atomic_fetch_or(&m->owner, WAITERS, __ATOMIC_RELAXED);
	task_blocked_on(self, m, BLOCKER_MUTEX);
	spin_unlock_irqrestore(&m->wait_lock, flags);
	return 1;
}

static void remove_waiter(struct mutex *m, struct mutex_waiter *w)
{
	list_del(&w->node);
	if (list_empty(&m->wait_list))
		__atomic_fetch_and(&m->owner, ~(WAITERS | HANDOFF), __ATOMIC_RELAXED);
}

int mutex_lock_poll(struct mutex *m, struct mutex_waiter *w, unsigned state)
{
	u64 flags = spin_lock_irqsave(&m->wait_lock);
	bool first = m->wait_list.next == &w->node;
	int err = 1;

	/* Before looking: an unlock from now on finds the state and wakes. */
	set_current_state(state);
	if (take(m, w->task)) {
		remove_waiter(m, w);
		err = 0;
	} else if (signal_pending_state(state, w->task)) {
		remove_waiter(m, w);
		lock_release(&m->dep);
		err = -EINTR;
	} else if (first) {
		/* M4: woken, and somebody else was faster. */
		if (w->lost)
			__atomic_fetch_or(&m->owner, HANDOFF, __ATOMIC_RELAXED);
		w->lost = true;
		/* It may have been let go of since: then nobody saw the flag. */
		if (take(m, w->task)) {
			remove_waiter(m, w);
			err = 0;
		}
	}
	if (err <= 0) {
		__set_current_state(TASK_RUNNING);
		task_unblocked(w->task);
	}
	spin_unlock_irqrestore(&m->wait_lock, flags);
	return err;
}

static int lock_state(struct mutex *m, unsigned state)
{
	struct mutex_waiter w;
	int err = mutex_lock_begin(m, &w);

	if (!err)
		return 0;
	while ((err = mutex_lock_poll(m, &w, state)) > 0)
		schedule();
	return err;
}

void mutex_lock(struct mutex *m)
{
	lock_state(m, TASK_UNINTERRUPTIBLE);
}

int mutex_lock_interruptible(struct mutex *m)
{
	return lock_state(m, TASK_INTERRUPTIBLE);
}

int mutex_lock_killable(struct mutex *m)
{
	return lock_state(m, TASK_KILLABLE);
}

void mutex_unlock(struct mutex *m)
{
	struct task_struct *self = current;
	uintptr_t owner = (uintptr_t)self;
	struct mutex_waiter *first;
	u64 flags;

	if (unlikely(mutex_owner(m) != self)) { /* M1 */
		const struct task_struct *o = mutex_owner(m);

		lock_report("mutex %s unlocked by a task that does not own it; owner: %s",
			    m->dep.name, o ? o->comm : "nobody");
		return;
	}
	lock_release(&m->dep);
	if (__atomic_compare_exchange_n(&m->owner, &owner, 0, false, __ATOMIC_RELEASE,
					__ATOMIC_RELAXED))
		return;
	flags = spin_lock_irqsave(&m->wait_lock);
	first = list_first_entry_or_null(&m->wait_list, struct mutex_waiter, node);
	owner = __atomic_load_n(&m->owner, __ATOMIC_RELAXED);
	if (first && (owner & HANDOFF))
		__atomic_store_n(&m->owner, (uintptr_t)first->task | WAITERS | PICKUP,
				 __ATOMIC_RELEASE);
	else
		__atomic_store_n(&m->owner, first ? WAITERS : 0, __ATOMIC_RELEASE);
	/* With wait_lock held: until it is let go of, the waiter cannot leave and vanish. */
	if (first)
		wake_up_state(first->task, TASK_NORMAL | TASK_WAKEKILL);
	spin_unlock_irqrestore(&m->wait_lock, flags);
}

const char *mutex_check(struct mutex *m)
{
	uintptr_t owner = m->owner;

	if (!list_empty(&m->wait_list) && !(owner & WAITERS))
		return "M5: waiters without the flag";
	if (list_empty(&m->wait_list) && (owner & (WAITERS | HANDOFF)))
		return "M5: the flag without waiters";
	if ((owner & PICKUP) &&
	    list_first_entry(&m->wait_list, struct mutex_waiter, node)->task != owner_task(owner))
		return "M4: handed over to somebody who is not first";
	return list_check(&m->wait_list, 1000000);
}
