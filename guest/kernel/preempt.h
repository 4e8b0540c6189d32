/* SPDX-License-Identifier: MIT */
/*
 * preempt.h - preemption counting: a task is switched out against its will only while this CPU's
 * count is 0. Interrupt handlers raise it, so does every spinlock.
 *
 * Bit 31 is set while no switch is wanted: then the word is never 0, and a decrement that makes it 0
 * says that there is something to do (Linux's inverted PREEMPT_NEED_RESCHED). It is a hint that is
 * cleared where need_resched is set on this CPU or an interrupt finds it set, and set again by
 * preempt_check().
 */
#ifndef GUEST_KERNEL_PREEMPT_H
#define GUEST_KERNEL_PREEMPT_H

#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/ptrace.h"

#define HARDIRQ_OFFSET	  0x10000
#define PREEMPT_NO_SWITCH 0x80000000u

DECLARE_PER_CPU(u32, preempt_count_);
/* This CPU's rq->need_resched; before there is a queue, a false one. */
DECLARE_PER_CPU(const bool *, resched_flag);

static inline u32 preempt_count(void)
{
	return this_cpu_read(preempt_count_) & ~PREEMPT_NO_SWITCH;
}

static inline bool resched_wanted(void)
{
	return READ_ONCE(*this_cpu_read(resched_flag));
}

static inline bool in_interrupt(void)
{
	return preempt_count() >= HARDIRQ_OFFSET;
}

static inline void preempt_disable(void)
{
	this_cpu_add32(preempt_count_, 1);
	barrier();
}

/* Without the check for a pending switch: for callers that are about to schedule anyway. */
static inline void preempt_enable_no_resched(void)
{
	barrier();
	this_cpu_add32(preempt_count_, -1);
}

/* Switches if one is wanted and interrupts are on. Out of line, in sched.c. */
void preempt_check(void);

/* The next preempt_enable() that ends it all looks. */
static inline void preempt_look_soon(void)
{
	this_cpu_and32(preempt_count_, ~PREEMPT_NO_SWITCH);
}

static inline void preempt_enable(void)
{
	barrier();
	if (unlikely(this_cpu_dec32_is_zero(preempt_count_)))
		preempt_check();
}

/* On the way out of an interrupt, IRQs off: switches if the interrupted code may be preempted. */
void preempt_check_irq(const struct pt_regs *regs);

#endif
