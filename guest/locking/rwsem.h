/* SPDX-License-Identifier: MIT */
/*
 * rwsem.h - many readers or one writer, who may sleep.
 *
 * W1 a writer is alone. W2 first come, first served: a reader that comes after a waiting writer waits
 * too, so writers do not starve; readers that wait in a row go together. W3 who holds it lets go.
 */
#ifndef GUEST_LOCKING_RWSEM_H
#define GUEST_LOCKING_RWSEM_H

#include "guest/locking/debug.h"
#include "guest/locking/spinlock.h"

struct rw_semaphore {
	spinlock_t lock;
	unsigned readers;
	struct task_struct *writer;
	struct list_head wait_list;
	struct lockdep_map dep;
};

struct rwsem_waiter {
	struct list_head node;
	struct task_struct *task;
	bool write, granted;
};

void init_rwsem_named(struct rw_semaphore *s, const void *key, const char *name);
#define init_rwsem(s)                             \
	do {                                      \
		static const char key_;           \
		init_rwsem_named((s), &key_, #s); \
	} while (0)

void down_read(struct rw_semaphore *s);
int down_read_killable(struct rw_semaphore *s); /* 0 or -EINTR */
bool down_read_trylock(struct rw_semaphore *s);
void up_read(struct rw_semaphore *s);
void down_write(struct rw_semaphore *s);
int down_write_killable(struct rw_semaphore *s);
bool down_write_trylock(struct rw_semaphore *s);
void up_write(struct rw_semaphore *s);
/* A writer goes on as a reader, and lets the readers behind it in. */
void downgrade_write(struct rw_semaphore *s);

const char *rwsem_check(struct rw_semaphore *s);

#endif
