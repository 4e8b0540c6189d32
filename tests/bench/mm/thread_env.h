/* SPDX-License-Identifier: MIT */
/* thread_env.h - MM_ENV_INLINE of the benchmark: a thread is a CPU and is never preempted by another
 * that plays the same one. */
#ifndef TESTS_BENCH_MM_THREAD_ENV_H
#define TESTS_BENCH_MM_THREAD_ENV_H

extern _Thread_local unsigned bench_cpu;

static inline unsigned mm_cpu_enter(void)
{
	return bench_cpu;
}

static inline void mm_cpu_exit(void)
{
}

#endif
