/* SPDX-License-Identifier: MIT */
/* semaphore.h - a counter that down() waits to be above 0. No owner: any task, or an interrupt, may
 * call up(). First come, first served. */
#ifndef GUEST_LOCKING_SEMAPHORE_H
#define GUEST_LOCKING_SEMAPHORE_H

#include "guest/locking/debug.h"
#include "guest/locking/spinlock.h"

struct semaphore {
	spinlock_t lock;
	unsigned count;
	struct list_head wait_list;
};

struct semaphore_waiter {
	struct list_head node;
	struct task_struct *task;
	bool up; /* the unit is ours */
};

void sema_init(struct semaphore *s, unsigned count);
void down(struct semaphore *s);
int down_interruptible(struct semaphore *s); /* 0 or -EINTR */
int down_killable(struct semaphore *s);
bool down_trylock(struct semaphore *s); /* true: got it. Any context */
void up(struct semaphore *s);		/* any context */

/* In halves, as mutex_lock_begin(). */
int semaphore_down_begin(struct semaphore *s, struct semaphore_waiter *w);
int semaphore_down_poll(struct semaphore *s, struct semaphore_waiter *w, unsigned state);

const char *semaphore_check(struct semaphore *s);

#endif
