/* SPDX-License-Identifier: MIT */
/* ring0_sched_env.h - SCHED_ENV_INLINE of the kernel: what the scheduler asks all the time is in per-CPU
 * variables. */
#ifndef GUEST_ENV_RING0_SCHED_ENV_H
#define GUEST_ENV_RING0_SCHED_ENV_H

#include "guest/kernel/preempt.h"

DECLARE_PER_CPU(struct task_struct *, current_task);
DECLARE_PER_CPU(struct rq *, runqueues);

static inline struct task_struct *sched_env_current(void)
{
	return this_cpu_read(current_task);
}

static inline struct rq *sched_env_this_rq(void)
{
	return this_cpu_read(runqueues);
}

static inline void sched_env_preempt_enable_no_resched(void)
{
	preempt_enable_no_resched();
}

static inline bool sched_env_may_sleep(void)
{
	return !preempt_count() && !irqs_disabled();
}

static inline void sched_env_resched_here(void)
{
	preempt_look_soon();
}

#endif
