/* SPDX-License-Identifier: MIT */
/*
 * ring0_mm.h - MM_ENV_INLINE of the kernel: entering and leaving a CPU's own data is raising and
 * lowering its preemption count, an instruction each.
 */
#ifndef GUEST_ENV_RING0_MM_H
#define GUEST_ENV_RING0_MM_H

#include "guest/kernel/preempt.h"

static inline unsigned mm_cpu_enter(void)
{
	preempt_disable();
	return smp_processor_id();
}

static inline void mm_cpu_exit(void)
{
	preempt_enable();
}

#endif
