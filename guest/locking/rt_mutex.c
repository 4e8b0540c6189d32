/* SPDX-License-Identifier: MIT */
/*
 * rt_mutex.c - see rt_mutex.h. The chain is walked one step at a time, holding the locks of two
 * neighbours at most; what changes behind the walker is somebody else's walk.
 */
#include "guest/locking/rt_mutex.h"

#include "guest/sched/internal.h"

#define MAX_CHAIN 1024

static struct rt_mutex_waiter *waiter_of(const struct rb_node *node)
{
	return rb_entry(node, struct rt_mutex_waiter, node);
}

static struct rt_mutex_waiter *pi_waiter_of(const struct rb_node *node)
{
	return rb_entry(node, struct rt_mutex_waiter, pi_node);
}

static bool better(int prio, u64 deadline, int than_prio, u64 than_deadline)
{
	if (prio != than_prio)
		return prio < than_prio;
	return dl_prio(prio) && deadline < than_deadline;
}

static bool node_less(const struct rb_node *a, const struct rb_node *b)
{
	const struct rt_mutex_waiter *x = waiter_of(a), *y = waiter_of(b);

	return better(x->prio, x->deadline, y->prio, y->deadline);
}

static bool pi_node_less(const struct rb_node *a, const struct rb_node *b)
{
	const struct rt_mutex_waiter *x = pi_waiter_of(a), *y = pi_waiter_of(b);

	return better(x->pi_prio, x->pi_deadline, y->pi_prio, y->pi_deadline);
}

static struct rt_mutex_waiter *top_waiter(const struct rt_mutex *m)
{
	struct rb_node *first = rb_first_cached(&m->waiters);

	return first ? waiter_of(first) : NULL;
}

/* All tasks below SCHED_FIFO are equal here: nice values lend no priority to each other. */
static int waiter_prio(const struct task_struct *p)
{
	return p->prio < MAX_RT_PRIO ? p->prio : DEFAULT_PRIO;
}

/* ---- a task's priority; p->pi_lock held --------------------------------------------------------------- */

static void pi_enqueue(struct task_struct *p, struct rt_mutex_waiter *w)
{
	w->pi_prio = w->prio;
	w->pi_deadline = w->deadline;
	rb_add_cached(&w->pi_node, &p->pi_waiters, pi_node_less);
	w->in_pi = true;
}

static void pi_dequeue(struct task_struct *p, struct rt_mutex_waiter *w)
{
	if (!w->in_pi)
		return;
	rb_erase_cached(&w->pi_node, &p->pi_waiters);
	w->in_pi = false;
}

static void adjust_prio(struct task_struct *p)
{
	struct rb_node *first = rb_first_cached(&p->pi_waiters);

	sched_pi_setprio(p, first ? pi_waiter_of(first)->task : NULL);
}

/* ---- the chain ------------------------------------------------------------------------------------------ */

static void lock_set_waiter_prio(struct rt_mutex *m, struct rt_mutex_waiter *w)
{
	rb_erase_cached(&w->node, &m->waiters);
	w->prio = waiter_prio(w->task);
	w->deadline = w->task->dl.deadline;
	rb_add_cached(&w->node, &m->waiters, node_less);
}

/* The owner's view of which waiter is m's best. m->wait_lock and owner->pi_lock held. */
static void owner_new_top(struct rt_mutex *m, struct task_struct *owner,
			  struct rt_mutex_waiter *old_top, struct rt_mutex_waiter *changed)
{
	struct rt_mutex_waiter *top = top_waiter(m);

	if (old_top)
		pi_dequeue(owner, old_top);
	if (changed)
		pi_dequeue(owner, changed);
	if (top)
		pi_enqueue(owner, top);
	adjust_prio(owner);
}

enum walk { WALK_END, WALK_ON, WALK_RETRY, WALK_CIRCLE };

/* One lock further. IRQs and preemption off. WALK_ON: *next is its owner, with a hold on it. */
static enum walk walk_step(struct task_struct *task, const struct task_struct *start,
			   struct task_struct **next)
{
	struct rt_mutex_waiter *w, *old_top;
	enum walk result = WALK_END;
	struct task_struct *owner;
	struct rt_mutex *m;
	bool same;

	raw_spin_lock(&task->pi_lock);
	w = task->pi_blocked_on;
	if (!w) {
		raw_spin_unlock(&task->pi_lock);
		return WALK_END;
	}
	m = w->lock;
	/* The other way round than T4: only try. */
	if (!raw_spin_trylock(&m->wait_lock)) {
		raw_spin_unlock(&task->pi_lock);
		env_relax();
		return WALK_RETRY;
	}
	owner = m->owner;
	same = w->prio == waiter_prio(task) &&
	       (!dl_prio(w->prio) || w->deadline == task->dl.deadline);
	old_top = top_waiter(m);
	if (!same)
		lock_set_waiter_prio(m, w);
	raw_spin_unlock(&task->pi_lock);

	if (start && owner == start) {
		result = WALK_CIRCLE;
	} else if (!owner) {
		/* Free, and the one that was woken may not be the best any more. */
		if (top_waiter(m) != old_top)
			wake_up_state(top_waiter(m)->task, TASK_NORMAL | TASK_WAKEKILL);
	} else {
		bool changed = !same && (top_waiter(m) != old_top || old_top == w);

		if (changed) {
			raw_spin_lock(&owner->pi_lock);
			owner_new_top(m, owner, old_top, w);
			raw_spin_unlock(&owner->pi_lock);
		}
		if (changed || start) {
			sched_env_task_hold(owner);
			*next = owner;
			result = WALK_ON;
		}
	}
	raw_spin_unlock(&m->wait_lock);
	return result;
}

/*
 * task's priority has changed, or (with start) somebody began to wait for it: tells the owner of the
 * lock that task waits for, and so on. No lock held. -EDEADLK when the chain comes back to start.
 */
static int walk_chain(struct task_struct *task, const struct task_struct *start)
{
	enum walk result = WALK_ON;
	unsigned steps = 0;

	sched_env_task_hold(task);
	while (result == WALK_ON || result == WALK_RETRY) {
		struct task_struct *next = NULL;
		u64 flags;

		env_preempt_disable();
		flags = env_irq_save();
		result = walk_step(task, start, &next);
		env_irq_restore(flags);
		env_preempt_enable();
		if (result != WALK_ON)
			continue;
		sched_env_task_drop(task);
		task = next;
		if (++steps == MAX_CHAIN) {
			lock_report("a chain of more than %d locks", MAX_CHAIN);
			break;
		}
	}
	sched_env_task_drop(task);
	return result == WALK_CIRCLE ? -EDEADLK : 0;
}

void rt_mutex_adjust_pi(struct task_struct *p)
{
	if (READ_ONCE(p->pi_blocked_on))
		walk_chain(p, NULL);
}

/* ---- taking; wait_lock held ------------------------------------------------------------------------------ */

static bool try_take(struct rt_mutex *m, struct task_struct *self, struct rt_mutex_waiter *w)
{
	struct rt_mutex_waiter *top = top_waiter(m);

	if (m->owner)
		return false;
	if (w) {
		if (top != w)
			return false;
	} else if (top && waiter_prio(self) >= top->prio) {
		return false; /* only the more important one goes before who waits */
	}
	raw_spin_lock(&self->pi_lock);
	if (w) {
		rb_erase_cached(&w->node, &m->waiters);
		self->pi_blocked_on = NULL;
		top = top_waiter(m);
	}
	if (top) { /* T2 */
		pi_enqueue(self, top);
		adjust_prio(self);
	}
	raw_spin_unlock(&self->pi_lock);
	m->owner = self;
	return true;
}

/* Out of the list, without the lock. wait_lock held, is released; the chain is told. */
static void remove_waiter(struct rt_mutex *m, struct rt_mutex_waiter *w, u64 flags)
{
	struct task_struct *owner = m->owner, *self = w->task;
	bool was_top = top_waiter(m) == w;

	raw_spin_lock(&self->pi_lock);
	rb_erase_cached(&w->node, &m->waiters);
	self->pi_blocked_on = NULL;
	raw_spin_unlock(&self->pi_lock);
	if (owner && was_top) {
		raw_spin_lock(&owner->pi_lock);
		owner_new_top(m, owner, w, NULL);
		raw_spin_unlock(&owner->pi_lock);
		sched_env_task_hold(owner);
		spin_unlock_irqrestore(&m->wait_lock, flags);
		walk_chain(owner, NULL);
		sched_env_task_drop(owner);
		return;
	}
	if (!owner && was_top && top_waiter(m)) /* the lock was being left to us */
		wake_up_state(top_waiter(m)->task, TASK_NORMAL | TASK_WAKEKILL);
	spin_unlock_irqrestore(&m->wait_lock, flags);
}

/* ---- the calls ------------------------------------------------------------------------------------------- */

void rt_mutex_init_named(struct rt_mutex *m, const void *key, const char *name)
{
	spin_lock_init(&m->wait_lock);
	m->owner = NULL;
	m->waiters = RB_ROOT_CACHED;
	m->dep = (struct lockdep_map){ key, name };
}

bool rt_mutex_trylock(struct rt_mutex *m)
{
	u64 flags = spin_lock_irqsave(&m->wait_lock);
	bool got = try_take(m, current, NULL);

	spin_unlock_irqrestore(&m->wait_lock, flags);
	if (got)
		lock_acquire(&m->dep, true);
	return got;
}

/* Into the queue of a lock, whose owner, if there is one, is told and held. wait_lock held. */
static void add_waiter(struct rt_mutex *m, struct rt_mutex_waiter *w, struct task_struct *task)
{
	struct rt_mutex_waiter *old_top = top_waiter(m);
	struct task_struct *owner = m->owner;

	raw_spin_lock(&task->pi_lock);
	*w = (struct rt_mutex_waiter){ .task = task, .lock = m };
	w->prio = waiter_prio(task);
	w->deadline = task->dl.deadline;
	rb_add_cached(&w->node, &m->waiters, node_less);
	task->pi_blocked_on = w;
	raw_spin_unlock(&task->pi_lock);
	if (!owner)
		return;
	raw_spin_lock(&owner->pi_lock);
	if (top_waiter(m) == w)
		owner_new_top(m, owner, old_top, NULL);
	raw_spin_unlock(&owner->pi_lock);
	sched_env_task_hold(owner);
}

int rt_mutex_lock_begin(struct rt_mutex *m, struct rt_mutex_waiter *w)
{
	struct task_struct *self = current, *owner;
	u64 flags;

	might_sleep();
	lock_acquire(&m->dep, false);
	flags = spin_lock_irqsave(&m->wait_lock);
	if (try_take(m, self, NULL)) {
		spin_unlock_irqrestore(&m->wait_lock, flags);
		return 0;
	}
	owner = m->owner;
	if (owner == self) {
		spin_unlock_irqrestore(&m->wait_lock, flags);
		lock_release(&m->dep);
		return -EDEADLK;
	}
	add_waiter(m, w, self);
	spin_unlock_irqrestore(&m->wait_lock, flags);
	if (owner) {
		int err = walk_chain(owner, self);

		sched_env_task_drop(owner);
		if (err) {
			rt_mutex_cancel(m, w);
			return err;
		}
	}
	return 1;
}

int rt_mutex_lock_poll(struct rt_mutex *m, struct rt_mutex_waiter *w, unsigned state)
{
	u64 flags = spin_lock_irqsave(&m->wait_lock);

	set_current_state(state);
	if (try_take(m, w->task, w)) {
		__set_current_state(TASK_RUNNING);
		spin_unlock_irqrestore(&m->wait_lock, flags);
		return 0;
	}
	if (signal_pending_state(state, w->task)) {
		__set_current_state(TASK_RUNNING);
		remove_waiter(m, w, flags);
		lock_release(&m->dep);
		return -EINTR;
	}
	spin_unlock_irqrestore(&m->wait_lock, flags);
	return 1;
}

void rt_mutex_cancel(struct rt_mutex *m, struct rt_mutex_waiter *w)
{
	remove_waiter(m, w, spin_lock_irqsave(&m->wait_lock));
	lock_release(&m->dep);
}

static int lock_state(struct rt_mutex *m, unsigned state)
{
	struct rt_mutex_waiter w;
	int err = rt_mutex_lock_begin(m, &w);

	if (err <= 0)
		return err;
	while ((err = rt_mutex_lock_poll(m, &w, state)) > 0)
		schedule();
	return err;
}

void rt_mutex_lock(struct rt_mutex *m)
{
	if (lock_state(m, TASK_UNINTERRUPTIBLE) == -EDEADLK) {
		lock_report("deadlock on rt_mutex %s: its owner waits for this task", m->dep.name);
		/* Nobody can ever let go of it. */
		env_panic(__FILE__, __LINE__, "deadlock on rt_mutex %s", m->dep.name);
	}
}

int rt_mutex_lock_interruptible(struct rt_mutex *m)
{
	return lock_state(m, TASK_INTERRUPTIBLE);
}

void rt_mutex_unlock(struct rt_mutex *m)
{
	struct task_struct *self = current;
	u64 flags = spin_lock_irqsave(&m->wait_lock);
	struct rt_mutex_waiter *top = top_waiter(m);

	if (unlikely(m->owner != self)) {
		spin_unlock_irqrestore(&m->wait_lock, flags);
		lock_report("rt_mutex %s unlocked by a task that does not own it", m->dep.name);
		return;
	}
	lock_release(&m->dep);
	m->owner = NULL;
	if (top) {
		raw_spin_lock(&self->pi_lock);
		pi_dequeue(self, top);
		adjust_prio(self); /* T3: what was lent goes back */
		raw_spin_unlock(&self->pi_lock);
		wake_up_state(top->task, TASK_NORMAL | TASK_WAKEKILL);
	}
	spin_unlock_irqrestore(&m->wait_lock, flags);
}

/* ---- on behalf of others ------------------------------------------------------------------------------- */

void rt_mutex_proxy_init(struct rt_mutex *m, struct task_struct *owner)
{
	*m = (struct rt_mutex){ .owner = owner, .waiters = RB_ROOT_CACHED };
	spin_lock_init(&m->wait_lock);
}

int rt_mutex_proxy_start(struct rt_mutex *m, struct rt_mutex_waiter *w, struct task_struct *task)
{
	u64 flags = spin_lock_irqsave(&m->wait_lock);
	struct task_struct *owner = m->owner;
	int err;

	if (owner == task) {
		spin_unlock_irqrestore(&m->wait_lock, flags);
		return -EDEADLK;
	}
	add_waiter(m, w, task);
	spin_unlock_irqrestore(&m->wait_lock, flags);
	err = walk_chain(owner, task);
	sched_env_task_drop(owner);
	if (err)
		rt_mutex_proxy_cancel(m, w);
	return err;
}

void rt_mutex_proxy_cancel(struct rt_mutex *m, struct rt_mutex_waiter *w)
{
	remove_waiter(m, w, spin_lock_irqsave(&m->wait_lock));
}

struct rt_mutex_waiter *rt_mutex_top_waiter(struct rt_mutex *m)
{
	u64 flags = spin_lock_irqsave(&m->wait_lock);
	struct rt_mutex_waiter *top = top_waiter(m);

	spin_unlock_irqrestore(&m->wait_lock, flags);
	return top;
}

struct rt_mutex_waiter *rt_mutex_hand_over(struct rt_mutex *m)
{
	u64 flags = spin_lock_irqsave(&m->wait_lock);
	struct rt_mutex_waiter *top = top_waiter(m), *next;
	struct task_struct *old = m->owner, *heir;

	if (top) {
		raw_spin_lock(&old->pi_lock);
		pi_dequeue(old, top);
		adjust_prio(old); /* T3: what was lent goes back */
		raw_spin_unlock(&old->pi_lock);
		heir = top->task;
		raw_spin_lock(&heir->pi_lock);
		rb_erase_cached(&top->node, &m->waiters);
		heir->pi_blocked_on = NULL;
		next = top_waiter(m);
		if (next) { /* T2 */
			pi_enqueue(heir, next);
			adjust_prio(heir);
		}
		raw_spin_unlock(&heir->pi_lock);
	}
	m->owner = top ? top->task : NULL;
	spin_unlock_irqrestore(&m->wait_lock, flags);
	return top;
}

const char *rt_mutex_check(struct rt_mutex *m)
{
	const char *bad = rb_check_cached(&m->waiters, node_less, NULL); /* T1 */
	struct rt_mutex_waiter *top = top_waiter(m);
	struct rb_node *node;

	if (bad)
		return bad;
	for (node = rb_first_cached(&m->waiters); node; node = rb_next(node)) {
		struct rt_mutex_waiter *w = waiter_of(node);

		if (w->lock != m || w->task->pi_blocked_on != w)
			return "T1: a waiter that does not wait";
		if (w->in_pi != (m->owner && w == top))
			return "T2: pi_waiters is not the best waiters";
		if (w->prio != waiter_prio(w->task))
			return "T1: a waiter's priority is out of date";
	}
	if (m->owner && top && m->owner->prio > top->prio && top->prio < MAX_RT_PRIO)
		return "T3: the owner is less important than its waiter";
	return NULL;
}
