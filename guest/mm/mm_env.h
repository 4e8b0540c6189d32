/* SPDX-License-Identifier: MIT */
/*
 * mm_env.h - what memory management asks of the world beyond env.h.
 *
 * The rare questions are a table that whoever makes a memory instance passes in. The two that stand
 * in every fast path, entering and leaving a CPU's own data, are inline; a build that has something
 * better than calls through env.h names a header with the same two functions in MM_ENV_INLINE.
 */
#ifndef GUEST_MM_MM_ENV_H
#define GUEST_MM_MM_ENV_H

#include "guest/lib/env.h"
#include "guest/lib/types.h"

struct mm_env {
	/* The virtual address of physical address 0 in the linear map. */
	u64 linear_base;

	/* Makes the linear addresses of [start, start + size) usable, which is RAM; asked before memory
	 * is touched for the first time. Cannot fail. NULL: all of them are. */
	void (*reach)(phys_t start, u64 size);

	/* Runs fn on every online CPU, this one too, and waits. Interrupts are on. NULL: one CPU. */
	void (*on_each_cpu)(void (*fn)(void *arg), void *arg);

	/* Forgets the translations of [start, end] on every CPU. NULL: no TLB. */
	void (*flush_tlb)(u64 start, u64 last);

	/* The return addresses above the caller, newest first; how many. NULL: unknown. */
	unsigned (*backtrace)(u64 *pc, unsigned max);
};

/*
 * Between the two this CPU's data stays this CPU's: no preemption, but interrupts come, and what
 * they may touch is guarded by a busy flag: whoever finds it set takes the slow way with its lock.
 */
#ifdef MM_ENV_INLINE
#include MM_ENV_INLINE
#else
static inline unsigned mm_cpu_enter(void)
{
	env_preempt_disable();
	return env_cpu();
}

static inline void mm_cpu_exit(void)
{
	env_preempt_enable();
}
#endif

static inline void mm_on_each_cpu(const struct mm_env *env, void (*fn)(void *arg), void *arg)
{
	if (env->on_each_cpu)
		env->on_each_cpu(fn, arg);
	else
		fn(arg);
}

static inline void mm_flush_tlb(const struct mm_env *env, u64 start, u64 last)
{
	if (env->flush_tlb)
		env->flush_tlb(start, last);
}

static inline void mm_reach(const struct mm_env *env, phys_t start, u64 size)
{
	if (env->reach)
		env->reach(start, size);
}

static inline unsigned mm_backtrace(const struct mm_env *env, u64 *pc, unsigned max)
{
	return env->backtrace ? env->backtrace(pc, max) : 0;
}

#endif
