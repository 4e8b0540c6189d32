/* SPDX-License-Identifier: MIT */
/*
 * env.h - the seam: everything that portable guest code may ask of the world.
 *
 * The same unmodified files of guest/lib, guest/sched, guest/locking and guest/mm are linked with
 * one of guest/env/ring0.c (the tiny kernel), guest/env/host.c (unit tests: pthread-free, one
 * thread plays every CPU, allocations can be made to fail) or guest/env/sim.c (virtual time).
 * Portable code has no other way out: no asm, no CPU register, no clock, no libc.
 */
#ifndef GUEST_LIB_ENV_H
#define GUEST_LIB_ENV_H

#include "guest/lib/types.h"

enum env_level { ENV_ERR = 3, ENV_WARN = 4, ENV_NOTICE = 5, ENV_INFO = 6, ENV_DEBUG = 7 };

/* One log record, without a trailing newline. Any context. */
void env_log(enum env_level level, const char *fmt, ...) printf_like(2, 3);

/* Reports where and why, then never returns: the kernel halts, a test fails. Any context. */
_Noreturn void env_panic(const char *file, int line, const char *fmt, ...) printf_like(3, 4);

/* Our own bug: a broken invariant. The condition has no side effects. */
#define BUG_ON(cond)                                                     \
	do {                                                             \
		if (unlikely(cond))                                      \
			env_panic(__FILE__, __LINE__, "BUG: %s", #cond); \
	} while (0)

/* Monotonic nanoseconds since boot. Any context. */
u64 env_now_ns(void);

/* How many CPUs there can be. */
unsigned env_nr_cpus(void);

/* A world where these six are an instruction or two names a header with them in ENV_INLINE. */
#ifdef ENV_INLINE
#include ENV_INLINE
#else
/* The CPU this runs on; stable only while preemption is off. */
unsigned env_cpu(void);

/* Local interrupts off / as they were. Nests through the saved state. */
u64 env_irq_save(void);
void env_irq_restore(u64 state);

/* Preemption off / on; nests. */
void env_preempt_disable(void);
void env_preempt_enable(void);

/* Told to the CPU while waiting in a loop. */
void env_relax(void);
#endif

/*
 * Memory for portable code's own bookkeeping, zeroed, 16-byte aligned; NULL when there is none
 * (every caller handles that; the host environment makes the n-th call fail on request).
 */
void *env_alloc(size_t size);
void env_free(void *ptr, size_t size);

#endif
