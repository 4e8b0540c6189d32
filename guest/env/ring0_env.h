/* SPDX-License-Identifier: MIT */
/*
 * ring0_env.h - ENV_INLINE of the kernel: the questions of env.h that an instruction or two answer. Locks
 * ask them all the time.
 */
#ifndef GUEST_ENV_RING0_ENV_H
#define GUEST_ENV_RING0_ENV_H

#include "guest/kernel/preempt.h"

static inline unsigned env_cpu(void)
{
	return smp_processor_id();
}

static inline u64 env_irq_save(void)
{
	return local_irq_save();
}

static inline void env_irq_restore(u64 state)
{
	local_irq_restore(state);
}

static inline void env_preempt_disable(void)
{
	preempt_disable();
}

static inline void env_preempt_enable(void)
{
	preempt_enable();
}

static inline void env_relax(void)
{
	cpu_relax();
}

#endif
