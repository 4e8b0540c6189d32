/* SPDX-License-Identifier: MIT */
/*
 * debug.h - finding locks that are misused: wrong owner, recursion, sleeping where one must not, and
 * orders of locking that can deadlock even if they did not this time.
 *
 * The order checker knows classes of locks (all locks that one place initialises are a class) and
 * remembers which class was ever taken while which other was held. A new pair that closes a circle
 * is reported once. It is on for tasks that were given a struct task_lockdep, in a scheduler that
 * has a struct lockdep.
 */
#ifndef GUEST_LOCKING_DEBUG_H
#define GUEST_LOCKING_DEBUG_H

#include "guest/lib/bitmap.h"
#include "guest/sched/sched.h"

#define LOCKDEP_CLASSES 256
#define LOCKDEP_DEPTH	16

/* In every lock. The class is that of the key: a static object's address. */
struct lockdep_map {
	const void *key;
	const char *name;
};

#define LOCKDEP_MAP_INIT(lock_name)                                \
	{                                                          \
		.key = "" lock_name "" __FILE__, .name = lock_name \
	}

struct lockdep_class {
	const void *key;
	const char *name;
	DECLARE_BITMAP(after, LOCKDEP_CLASSES); /* taken while this was held */
	DECLARE_BITMAP(reach, LOCKDEP_CLASSES); /* the same over any number of steps */
};

struct lockdep {
	spinlock_t lock;
	unsigned nr_classes;
	u64 reports;
	bool full; /* no room for another class: it goes unchecked */
	struct lockdep_class classes[LOCKDEP_CLASSES];
};

struct task_lockdep {
	unsigned depth;
	struct {
		const struct lockdep_map *map;
		unsigned class;
	} held[LOCKDEP_DEPTH];
};

/* Switches the checker on for s, or off (NULL); the memory is the caller's. */
void lockdep_enable(struct sched *s, struct lockdep *ld);
/* p's locks are checked from now on; p holds none. */
void lockdep_task_init(struct task_struct *p, struct task_lockdep *tl);

/* For the two below, of a task that is checked. */
void lockdep_acquire(struct task_lockdep *tl, const struct lockdep_map *map, bool trylock);
void lockdep_release(struct task_lockdep *tl, const struct lockdep_map *map);

/* Before taking (a trylock cannot wait, hence starts no circle) and before letting go. */
static inline void lock_acquire(const struct lockdep_map *map, bool trylock)
{
	struct task_struct *p = current;

	if (unlikely(p && p->lockdep))
		lockdep_acquire(p->lockdep, map, trylock);
}

static inline void lock_release(const struct lockdep_map *map)
{
	struct task_struct *p = current;

	if (unlikely(p && p->lockdep))
		lockdep_release(p->lockdep, map);
}
/* Whether current holds it; true when nobody checks. */
bool lock_is_held(const struct lockdep_map *map);
/* At a task's end: reports what it holds still. */
void lockdep_check_exit(struct task_struct *p);

/* Logs "BUG: ..." with the task and a trace, and counts. Any context. */
void lock_report(const char *fmt, ...) printf_like(1, 2);

/* To be called by whatever may sleep: reports a context where that is wrong. */
void might_sleep_at(const char *file, int line);
#define might_sleep()                                       \
	do {                                                \
		if (unlikely(!sched_env_may_sleep()))       \
			might_sleep_at(__FILE__, __LINE__); \
	} while (0)

/* NULL, or the broken rule: reach is the transitive closure of after, and has no circle but those
 * reported. */
const char *lockdep_check(const struct lockdep *ld);

#endif
