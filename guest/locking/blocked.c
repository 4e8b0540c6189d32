/* SPDX-License-Identifier: MIT */
/* blocked.c - see blocked.h. */
#include "guest/locking/blocked.h"

#include "guest/lib/printf.h"
#include "guest/locking/mutex.h"
#include "guest/locking/rt_mutex.h"
#include "guest/locking/rwsem.h"
#include "guest/locking/semaphore.h"

#define MAX_CHAIN 1024 /* longer ones are not followed to their end */

static void set_blocker(struct task_struct *p, uintptr_t blocker)
{
	raw_spin_lock(&p->pi_lock);
	p->blocker = blocker;
	raw_spin_unlock(&p->pi_lock);
}

void task_blocked_on(struct task_struct *p, const void *lock, enum blocker_kind kind)
{
	set_blocker(p, (uintptr_t)lock | kind);
}

void task_unblocked(struct task_struct *p)
{
	set_blocker(p, 0);
}

/* A copy of what one task waits for. */
struct wait {
	const char *what, *name; /* "mutex", its name; a semaphore has none */
	const void *lock;
	struct task_struct *owner; /* NULL: nobody, or readers */
	unsigned readers;
};

static void rwsem_wait(struct wait *w, const struct rw_semaphore *s, const char *what)
{
	*w = (struct wait){ .what = what, .name = s->dep.name, .lock = s };
	w->owner = READ_ONCE(s->writer);
	w->readers = READ_ONCE(s->readers);
}

/* pi_lock held, so the lock stays (K1). */
static bool look(const struct task_struct *p, struct wait *w)
{
	const void *lock = (const void *)(p->blocker & ~BLOCKER_KINDS);
	const struct rt_mutex *rt = p->pi_blocked_on ? p->pi_blocked_on->lock : NULL;
	const struct mutex *m = lock;

	if (rt) {
		*w = (struct wait){ .what = "rt_mutex", .name = rt->dep.name, .lock = rt };
		w->owner = READ_ONCE(rt->owner);
		return true;
	}
	if (!lock)
		return false;
	switch ((enum blocker_kind)(p->blocker & BLOCKER_KINDS)) {
	case BLOCKER_MUTEX:
		*w = (struct wait){ .what = "mutex", .name = m->dep.name, .lock = lock };
		w->owner = mutex_owner(m);
		break;
	case BLOCKER_READ:
		rwsem_wait(w, lock, "reading rwsem");
		break;
	case BLOCKER_WRITE:
		rwsem_wait(w, lock, "writing rwsem");
		break;
	case BLOCKER_SEMAPHORE:
		*w = (struct wait){ .what = "semaphore", .lock = lock };
		break;
	}
	return true;
}

static bool waits_for(struct task_struct *p, struct wait *w)
{
	bool waits;

	raw_spin_lock(&p->pi_lock);
	waits = look(p, w);
	raw_spin_unlock(&p->pi_lock);
	return waits;
}

/* A task that ended with a lock in its hands has left its address there, and no more. */
static bool exists(const struct sched *s, const struct task_struct *p)
{
	const struct task_struct *t;

	list_for_each_entry (t, &s->tasks, sched_node)
		if (t == p)
			return true;
	return false;
}

/* Whether whoever holds what w is about waits for p, over any number of locks. */
static bool circle(const struct sched *s, const struct task_struct *p, struct wait w)
{
	for (unsigned i = 0; i < MAX_CHAIN && w.owner && exists(s, w.owner); i++) {
		if (w.owner == p)
			return true;
		if (!waits_for(w.owner, &w))
			return false;
	}
	return false;
}

bool blocked_describe(struct sched *s, struct task_struct *p, char line[BLOCKED_LINE])
{
	struct wait w;
	size_t n;

	if (!waits_for(p, &w))
		return false;
	n = (size_t)kscnprintf(line, BLOCKED_LINE, "%s (%d) waits for %s ", p->comm, p->pid,
			       w.what);
	if (w.name)
		n += (size_t)kscnprintf(line + n, BLOCKED_LINE - n, "%s", w.name);
	else
		n += (size_t)kscnprintf(line + n, BLOCKED_LINE - n, "%#lx", (u64)w.lock);
	if (w.owner && exists(s, w.owner))
		n += (size_t)kscnprintf(line + n, BLOCKED_LINE - n, ", held by %s (%d)",
					w.owner->comm, w.owner->pid);
	else if (w.owner)
		n += (size_t)kscnprintf(line + n, BLOCKED_LINE - n,
					", held by a task that has ended");
	else if (w.readers)
		n += (size_t)kscnprintf(line + n, BLOCKED_LINE - n, ", held by %u reader%s",
					w.readers, w.readers == 1 ? "" : "s");
	if (circle(s, p, w))
		kscnprintf(line + n, BLOCKED_LINE - n, "; a deadlock");
	return true;
}

void blocked_show(struct sched *s, sched_emit_fn emit, void *ctx)
{
	char line[BLOCKED_LINE];
	struct task_struct *p;
	u64 flags = spin_lock_irqsave(&s->tasks_lock);

	list_for_each_entry (p, &s->tasks, sched_node)
		if (blocked_describe(s, p, line))
			emit(ctx, line);
	spin_unlock_irqrestore(&s->tasks_lock, flags);
}
