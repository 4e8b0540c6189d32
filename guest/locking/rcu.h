/* SPDX-License-Identifier: MIT */
/*
 * rcu.h - read, copy, update: readers take no lock at all; who replaces something waits until every
 * reader that may still see the old one has gone. P. McKenney, J. Slingwine, "Read-copy update: using
 * execution history to solve concurrency problems", PDCS 1998.
 *
 * A read side is preemption switched off, so a CPU that switches tasks, idles or runs user code has
 * left all read sides it was in: a quiescent state. U1 a grace period ends when every CPU has been
 * through one since it began; idle CPUs count as through. U2 a callback runs when a grace period that
 * began after call_rcu() has ended.
 */
#ifndef GUEST_LOCKING_RCU_H
#define GUEST_LOCKING_RCU_H

#include "guest/locking/debug.h"
#include "guest/locking/spinlock.h"

struct rcu_head {
	struct rcu_head *next;
	u64 gp; /* the grace period that must have ended */
	void (*fn)(struct rcu_head *head);
};

struct rcu_cpu {
	struct rcu_head *head, **tail; /* in the order of gp; the CPU itself, IRQs off */
	u64 nr_queued, nr_invoked;
	bool idle; /* written by the CPU; orders with rcu->qs_mask */
};

struct rcu {
	spinlock_t lock;
	unsigned nr_cpus;
	u64 gp;	       /* latest begun; lock */
	u64 completed; /* latest ended; lock to change */
	u64 wanted;    /* somebody waits for this one; lock */
	u64 *qs_mask;  /* CPUs that the current one waits for; lock to change */
	u64 gp_start, stall_ns, next_report;
	u64 nr_stalls;
	struct rcu_cpu *cpus;
};

static inline void rcu_read_lock(void)
{
	env_preempt_disable();
}

static inline void rcu_read_unlock(void)
{
	env_preempt_enable();
}

/* Readers fetch, writers publish. */
#define rcu_dereference(p)	 __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

/* NULL without memory. stall_ns: how long a grace period may take before it is reported. All CPUs
 * start as idle: each calls rcu_idle_exit() when it comes up. */
struct rcu *rcu_create(unsigned nr_cpus, u64 stall_ns);
void rcu_destroy(struct rcu *rcu); /* no callback left */

/* fn(head) after a grace period, from rcu_process_callbacks(). Any context. */
void call_rcu(struct rcu *rcu, struct rcu_head *head, void (*fn)(struct rcu_head *head));
/* Sleeps through a grace period. */
void synchronize_rcu(struct rcu *rcu);

/* This CPU is in no read side right now: after a switch, from idle, from a tick in user code. */
void rcu_quiescent(struct rcu *rcu);
/* From here on, and until the other call, this CPU has no read sides. IRQs off. */
void rcu_idle_enter(struct rcu *rcu);
void rcu_idle_exit(struct rcu *rcu);
/* dead runs no more: its callbacks go to the calling CPU. IRQs off. */
void rcu_adopt(struct rcu *rcu, unsigned dead);
/* Runs what is due on this CPU; how many. Preemption off, IRQs on. */
u64 rcu_process_callbacks(struct rcu *rcu);
/* From a tick: reports a grace period that takes too long, naming the CPUs; whether it did. */
bool rcu_check_stall(struct rcu *rcu);

const char *rcu_check(struct rcu *rcu);

#endif
