/* SPDX-License-Identifier: MIT */
/*
 * blocked.h - who waits for whom: a task that sleeps for a lock says for which, so that reports and
 * debuggers can go from it to the one that holds the lock, and on from there.
 *
 * K1 while task->blocker names a lock, the task is inside that lock's own code, so the lock exists. It
 * changes under the task's pi_lock. An rt_mutex is in pi_blocked_on instead, by the same rule.
 */
#ifndef GUEST_LOCKING_BLOCKED_H
#define GUEST_LOCKING_BLOCKED_H

#include "guest/sched/sched.h"

/* In the low bits of task->blocker; locks are aligned to 8 bytes. */
enum blocker_kind { BLOCKER_MUTEX, BLOCKER_READ, BLOCKER_WRITE, BLOCKER_SEMAPHORE };
#define BLOCKER_KINDS 7UL

/* For the slow paths of locks; IRQs off. p is current, and about to sleep; it has the lock, or gave up. */
void task_blocked_on(struct task_struct *p, const void *lock, enum blocker_kind kind);
void task_unblocked(struct task_struct *p);

#define BLOCKED_LINE 160

/*
 * "NAME (PID) waits for mutex LOCK, held by NAME (PID)", and "; a deadlock" where holding and waiting
 * go round in a circle. False when p waits for no lock. s->tasks_lock is held, IRQs off.
 */
bool blocked_describe(struct sched *s, struct task_struct *p, char line[BLOCKED_LINE]);

/* A line for each task that waits for a lock. Any context that has no scheduler lock. */
void blocked_show(struct sched *s, sched_emit_fn emit, void *ctx);

#endif
