/* SPDX-License-Identifier: MIT */
/*
 * mutex.h - mutual exclusion for tasks that may sleep.
 *
 * M1 only the owner unlocks. M2 not recursive. M3 not from interrupts or with preemption off (the
 * try and unlock forms neither). M4 a waiter that lost its turn to a newcomer once gets the lock
 * handed over, so none starves. In all the int functions: 0, or -EINTR when a signal came first.
 */
#ifndef GUEST_LOCKING_MUTEX_H
#define GUEST_LOCKING_MUTEX_H

#include "guest/locking/debug.h"
#include "guest/locking/spinlock.h"

struct mutex {
	uintptr_t owner; /* struct task_struct *, and flags in the low bits */
	spinlock_t wait_lock;
	struct list_head wait_list; /* first come, first served; wait_lock */
	struct lockdep_map dep;
};

struct mutex_waiter {
	struct list_head node;
	struct task_struct *task;
	bool lost; /* has been woken in vain */
};

#define MUTEX_INIT(m)                                                              \
	{                                                                          \
		.wait_list = { &(m).wait_list, &(m).wait_list }, .dep = { #m, #m } \
	}
#define DEFINE_MUTEX(m) struct mutex m = MUTEX_INIT(m)

void mutex_init_named(struct mutex *m, const void *key, const char *name);
/* All locks that this line initialises are one class for the order checker. */
#define mutex_init(m)                             \
	do {                                      \
		static const char key_;           \
		mutex_init_named((m), &key_, #m); \
	} while (0)

void mutex_lock(struct mutex *m);
int mutex_lock_interruptible(struct mutex *m);
int mutex_lock_killable(struct mutex *m);
bool mutex_trylock(struct mutex *m); /* true: got it */
void mutex_unlock(struct mutex *m);
bool mutex_is_locked(const struct mutex *m);
struct task_struct *mutex_owner(const struct mutex *m);

/*
 * The blocking call in halves, for callers without a stack to sleep on. begin: 0 got it, 1 waits now.
 * Then poll until it does not return 1, scheduling in between: 0 got it, -EINTR gave up.
 */
int mutex_lock_begin(struct mutex *m, struct mutex_waiter *w);
int mutex_lock_poll(struct mutex *m, struct mutex_waiter *w, unsigned state);

const char *mutex_check(struct mutex *m);

#endif
