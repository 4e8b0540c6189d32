/* SPDX-License-Identifier: MIT */
/*
 * rcu.h - the kernel's one RCU: guest/locking/rcu.c with real CPUs. A read side is preemption off, so
 * a switch, a tick that finds preemption on, and idling are quiescent states; each CPU's callbacks
 * run in its thread rcu/N.
 */
#ifndef GUEST_KERNEL_RCU_H
#define GUEST_KERNEL_RCU_H

#include "guest/arch/x86/percpu.h"
#include "guest/locking/rcu.h"

extern struct rcu *kernel_rcu; /* set by rcu_setup() */

/* Boot CPU, IRQs off, before the first switch; panics without memory. */
void rcu_setup(unsigned cpus);

/* Creates the threads of the CPUs that are online. Thread or idle context, IRQs on. */
void rcu_start_threads(void);

/* From the tick, IRQs off; preemptible: the interrupted code was in no read side. */
void rcu_tick(bool preemptible);

/* At the start of every interrupt: whoever was idle is so no longer. */
static inline void rcu_irq_enter(void)
{
	if (likely(kernel_rcu) && READ_ONCE(kernel_rcu->cpus[smp_processor_id()].idle))
		rcu_idle_exit(kernel_rcu);
}

#endif
