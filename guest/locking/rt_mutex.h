/* SPDX-License-Identifier: MIT */
/*
 * rt_mutex.h - a mutex with priority inheritance: who holds it runs with the priority of its best
 * waiter, and if it waits for another such lock itself, so does that one's owner, and so on.
 * L. Sha, R. Rajkumar, J. Lehoczky, "Priority inheritance protocols", IEEE Trans. Computers 39(9),
 * 1990: a task then waits at most as long as the critical sections of less important tasks last.
 *
 * T1 waiters are in the order of priority (deadlines among deadline tasks), first come first served
 * among equals. T2 each task's pi_waiters are the best waiters of the locks it holds. T3 a task's
 * prio is the best of its own and its first pi_waiter's. T4 order of locks: wait_lock, pi_lock, rq.
 * The rules of use are mutex.h's M1..M3.
 */
#ifndef GUEST_LOCKING_RT_MUTEX_H
#define GUEST_LOCKING_RT_MUTEX_H

#include "guest/locking/debug.h"
#include "guest/locking/spinlock.h"

struct rt_mutex {
	spinlock_t wait_lock;
	struct task_struct *owner;     /* wait_lock */
	struct rb_root_cached waiters; /* wait_lock */
	struct lockdep_map dep;
};

struct rt_mutex_waiter {
	struct rb_node node;	/* lock->waiters; wait_lock */
	struct rb_node pi_node; /* owner->pi_waiters; the owner's pi_lock */
	struct task_struct *task;
	struct rt_mutex *lock;
	int prio; /* order in node's tree */
	u64 deadline;
	int pi_prio; /* order in pi_node's, which has another lock */
	u64 pi_deadline;
	bool in_pi;
};

void rt_mutex_init_named(struct rt_mutex *m, const void *key, const char *name);
#define rt_mutex_init(m)                             \
	do {                                         \
		static const char key_;              \
		rt_mutex_init_named((m), &key_, #m); \
	} while (0)

void rt_mutex_lock(struct rt_mutex *m);
/* 0, -EINTR, or -EDEADLK when the owner waits, over any number of locks, for the caller. */
int rt_mutex_lock_interruptible(struct rt_mutex *m);
bool rt_mutex_trylock(struct rt_mutex *m);
void rt_mutex_unlock(struct rt_mutex *m);

/* In halves, as mutex_lock_begin(); begin may return -EDEADLK. */
int rt_mutex_lock_begin(struct rt_mutex *m, struct rt_mutex_waiter *w);
int rt_mutex_lock_poll(struct rt_mutex *m, struct rt_mutex_waiter *w, unsigned state);
/* The caller gives up waiting. */
void rt_mutex_cancel(struct rt_mutex *m, struct rt_mutex_waiter *w);

/*
 * On behalf of others, for a lock whose owner user mode chooses: it always has one while anybody waits,
 * and goes from hand to hand, never free. The caller has a lock of its own around these; no checker
 * watches them.
 */
void rt_mutex_proxy_init(struct rt_mutex *m, struct task_struct *owner);
/* task begins to wait, the owner is told. 0 or -EDEADLK: it does not wait. */
int rt_mutex_proxy_start(struct rt_mutex *m, struct rt_mutex_waiter *w, struct task_struct *task);
/* It waits no more. */
void rt_mutex_proxy_cancel(struct rt_mutex *m, struct rt_mutex_waiter *w);
/* The best waiter, which becomes the owner and has left the queue; NULL: nobody owns it. */
struct rt_mutex_waiter *rt_mutex_hand_over(struct rt_mutex *m);
struct rt_mutex_waiter *rt_mutex_top_waiter(struct rt_mutex *m);

/* p's own priority has changed: if it waits for a lock, the owner must know. No lock held. */
void rt_mutex_adjust_pi(struct task_struct *p);

const char *rt_mutex_check(struct rt_mutex *m);

#endif
