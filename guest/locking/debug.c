/* SPDX-License-Identifier: MIT */
/* debug.c - see debug.h. The closure is kept up to date edge by edge, so a question is one bit. */
#include "guest/locking/debug.h"

#include "guest/lib/printf.h"
#include "guest/lib/string.h"

static struct lockdep *lockdep_of(const struct task_struct *p)
{
	return p && p->sched ? p->sched->lockdep : NULL;
}

void lock_report(const char *fmt, ...)
{
	struct task_struct *p = current;
	struct lockdep *ld = lockdep_of(p);
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	kvscnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (ld)
		__atomic_fetch_add(&ld->reports, 1, __ATOMIC_RELAXED);
	env_log(ENV_ERR, "BUG: %s; task %d (%s) on CPU %u", text, p ? p->pid : 0,
		p ? p->comm : "none", env_cpu());
	sched_env_backtrace();
}

void might_sleep_at(const char *file, int line)
{
	const char *why = sched_env_atomic();

	if (unlikely(why))
		lock_report("sleeping function called from invalid context at %s:%d: %s", file,
			    line, why);
}

void lockdep_enable(struct sched *s, struct lockdep *ld)
{
	if (ld) {
		memset(ld, 0, sizeof(*ld));
		spin_lock_init(&ld->lock);
	}
	s->lockdep = ld;
}

void lockdep_task_init(struct task_struct *p, struct task_lockdep *tl)
{
	if (tl)
		tl->depth = 0;
	p->lockdep = tl;
}

/* The class's number; LOCKDEP_CLASSES when there is no room. ld->lock held. */
static unsigned class_of(struct lockdep *ld, const struct lockdep_map *map)
{
	unsigned i;

	for (i = 0; i < ld->nr_classes; i++)
		if (ld->classes[i].key == map->key)
			return i;
	if (i == LOCKDEP_CLASSES) {
		ld->full = true;
		return i;
	}
	ld->classes[i].key = map->key;
	ld->classes[i].name = map->name;
	ld->nr_classes++;
	return i;
}

static void add_edge(struct lockdep *ld, unsigned from, unsigned to)
{
	struct lockdep_class *c = ld->classes;

	__set_bit(to, c[from].after);
	if (test_bit(to, c[from].reach))
		return;
	for (unsigned i = 0; i < ld->nr_classes; i++) {
		if (i != from && !test_bit(from, c[i].reach))
			continue;
		bitmap_or(c[i].reach, c[i].reach, c[to].reach, LOCKDEP_CLASSES);
		__set_bit(to, c[i].reach);
	}
}

/* " -> b -> c" from one class to another it reaches, for the report. */
static void describe(const struct lockdep *ld, unsigned from, unsigned to, char *buf, size_t size)
{
	size_t n = 0;

	while (from != to && n < size) {
		unsigned next;

		for (next = 0; next < ld->nr_classes; next++)
			if (test_bit(next, ld->classes[from].after) &&
			    (next == to || test_bit(to, ld->classes[next].reach)))
				break;
		if (next == ld->nr_classes)
			return;
		n += (size_t)kscnprintf(buf + n, size - n, " -> %s", ld->classes[next].name);
		from = next;
	}
}

static void check_order(struct lockdep *ld, const struct task_lockdep *tl, unsigned class)
{
	for (unsigned i = 0; i < tl->depth; i++) {
		unsigned held = tl->held[i].class;
		char chain[120] = "";
		u64 flags;
		bool circle;

		if (held >= LOCKDEP_CLASSES || held == class ||
		    test_bit(class, ld->classes[held].after))
			continue;
		flags = spin_lock_irqsave(&ld->lock);
		circle = test_bit(held, ld->classes[class].reach);
		if (circle)
			describe(ld, class, held, chain, sizeof(chain));
		add_edge(ld, held, class);
		spin_unlock_irqrestore(&ld->lock, flags);
		if (circle)
			lock_report("possible circular locking: taking %s while holding %s, but "
				    "before it was %s%s",
				    ld->classes[class].name, ld->classes[held].name,
				    ld->classes[class].name, chain);
	}
}

void lockdep_acquire(struct task_lockdep *tl, const struct lockdep_map *map, bool trylock)
{
	struct lockdep *ld = lockdep_of(current);
	unsigned class;
	u64 flags;

	if (!ld || !map->key)
		return;
	flags = spin_lock_irqsave(&ld->lock);
	class = class_of(ld, map);
	spin_unlock_irqrestore(&ld->lock, flags);
	if (!trylock && class < LOCKDEP_CLASSES) {
		for (unsigned i = 0; i < tl->depth; i++)
			if (tl->held[i].map == map)
				lock_report("recursive locking of %s", map->name);
		check_order(ld, tl, class);
	}
	if (tl->depth < LOCKDEP_DEPTH) {
		tl->held[tl->depth].map = map;
		tl->held[tl->depth].class = class;
		tl->depth++;
	} else {
		lock_report("more than %d locks held", LOCKDEP_DEPTH);
	}
}

void lockdep_release(struct task_lockdep *tl, const struct lockdep_map *map)
{
	if (!lockdep_of(current) || !map->key)
		return;
	/* Most often the last one; any order is allowed. */
	for (unsigned i = tl->depth; i-- > 0;) {
		if (tl->held[i].map != map)
			continue;
		for (tl->depth--; i < tl->depth; i++)
			tl->held[i] = tl->held[i + 1];
		return;
	}
	lock_report("releasing %s, which this task does not hold", map->name);
}

bool lock_is_held(const struct lockdep_map *map)
{
	struct task_struct *p = current;

	if (!lockdep_of(p) || !p->lockdep || !map->key)
		return true;
	for (unsigned i = 0; i < p->lockdep->depth; i++)
		if (p->lockdep->held[i].map == map)
			return true;
	return false;
}

void lockdep_check_exit(struct task_struct *p)
{
	if (lockdep_of(p) && p->lockdep && p->lockdep->depth)
		lock_report("exiting while holding %u locks, the last one %s", p->lockdep->depth,
			    p->lockdep->held[p->lockdep->depth - 1].map->name);
}

const char *lockdep_check(const struct lockdep *ld)
{
	for (unsigned i = 0; i < ld->nr_classes; i++) {
		const struct lockdep_class *c = &ld->classes[i];
		DECLARE_BITMAP(want, LOCKDEP_CLASSES);
		size_t j;

		bitmap_copy(want, c->after, LOCKDEP_CLASSES);
		for_each_set_bit (j, c->after, LOCKDEP_CLASSES)
			bitmap_or(want, want, ld->classes[j].reach, LOCKDEP_CLASSES);
		if (!bitmap_equal(want, c->reach, LOCKDEP_CLASSES))
			return "L1: reach is not the closure of after";
		if (test_bit(i, c->reach) && !ld->reports)
			return "L2: a circle that was not reported";
	}
	return NULL;
}
