/* SPDX-License-Identifier: MIT */
/*
 * atomic.h - atomic integers and ordering in Linux's words, over the compiler's __atomic builtins.
 *
 * As in Linux: an operation that returns a value orders everything around it; one that returns
 * nothing, a read and a set order nothing by themselves. _relaxed, _acquire and _release say
 * otherwise. A failed compare-and-exchange orders nothing. Any context.
 */
#ifndef GUEST_LIB_ATOMIC_H
#define GUEST_LIB_ATOMIC_H

#include "guest/lib/types.h"

typedef struct {
	s32 counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

#define ATOMIC_INIT(v) \
	{              \
		(v)    \
	}
#define ATOMIC64_INIT(v) \
	{                \
		(v)      \
	}

#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

/* On any integer or pointer of 1, 2, 4 or 8 bytes. */
#define xchg(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)

/* Returns what was there; equal to `old` when `new` has been stored. */
#define cmpxchg(p, old, new)                                                                    \
	({                                                                                      \
		__typeof__(*(p)) cmpxchg_old_ = (old);                                          \
		__atomic_compare_exchange_n((p), &cmpxchg_old_, (new), false, __ATOMIC_SEQ_CST, \
					    __ATOMIC_RELAXED);                                  \
		cmpxchg_old_;                                                                   \
	})

/* Returns whether `new` was stored; if not, *oldp becomes what was there. */
#define try_cmpxchg(p, oldp, new) \
	__atomic_compare_exchange_n((p), (oldp), (new), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)

/* One body for both widths: prefix, struct type, integer type. */
#define ATOMIC_OPS(pfx, type, T)                                                                 \
	static inline T pfx##_read(const type *a)                                                \
	{                                                                                        \
		return __atomic_load_n(&a->counter, __ATOMIC_RELAXED);                           \
	}                                                                                        \
	static inline T pfx##_read_acquire(const type *a)                                        \
	{                                                                                        \
		return __atomic_load_n(&a->counter, __ATOMIC_ACQUIRE);                           \
	}                                                                                        \
	static inline void pfx##_set(type *a, T v)                                               \
	{                                                                                        \
		__atomic_store_n(&a->counter, v, __ATOMIC_RELAXED);                              \
	}                                                                                        \
	static inline void pfx##_set_release(type *a, T v)                                       \
	{                                                                                        \
		__atomic_store_n(&a->counter, v, __ATOMIC_RELEASE);                              \
	}                                                                                        \
	static inline void pfx##_add(T v, type *a)                                               \
	{                                                                                        \
		__atomic_fetch_add(&a->counter, v, __ATOMIC_RELAXED);                            \
	}                                                                                        \
	static inline void pfx##_sub(T v, type *a)                                               \
	{                                                                                        \
		__atomic_fetch_sub(&a->counter, v, __ATOMIC_RELAXED);                            \
	}                                                                                        \
	static inline void pfx##_inc(type *a)                                                    \
	{                                                                                        \
		pfx##_add(1, a);                                                                 \
	}                                                                                        \
	static inline void pfx##_dec(type *a)                                                    \
	{                                                                                        \
		pfx##_sub(1, a);                                                                 \
	}                                                                                        \
	static inline void pfx##_or(T v, type *a)                                                \
	{                                                                                        \
		__atomic_fetch_or(&a->counter, v, __ATOMIC_RELAXED);                             \
	}                                                                                        \
	static inline void pfx##_and(T v, type *a)                                               \
	{                                                                                        \
		__atomic_fetch_and(&a->counter, v, __ATOMIC_RELAXED);                            \
	}                                                                                        \
	static inline void pfx##_xor(T v, type *a)                                               \
	{                                                                                        \
		__atomic_fetch_xor(&a->counter, v, __ATOMIC_RELAXED);                            \
	}                                                                                        \
	static inline T pfx##_fetch_add(T v, type *a)                                            \
	{                                                                                        \
		return __atomic_fetch_add(&a->counter, v, __ATOMIC_SEQ_CST);                     \
	}                                                                                        \
	static inline T pfx##_fetch_sub(T v, type *a)                                            \
	{                                                                                        \
		return __atomic_fetch_sub(&a->counter, v, __ATOMIC_SEQ_CST);                     \
	}                                                                                        \
	static inline T pfx##_fetch_or(T v, type *a)                                             \
	{                                                                                        \
		return __atomic_fetch_or(&a->counter, v, __ATOMIC_SEQ_CST);                      \
	}                                                                                        \
	static inline T pfx##_fetch_and(T v, type *a)                                            \
	{                                                                                        \
		return __atomic_fetch_and(&a->counter, v, __ATOMIC_SEQ_CST);                     \
	}                                                                                        \
	static inline T pfx##_fetch_inc(type *a)                                                 \
	{                                                                                        \
		return pfx##_fetch_add(1, a);                                                    \
	}                                                                                        \
	static inline T pfx##_add_return(T v, type *a)                                           \
	{                                                                                        \
		return __atomic_add_fetch(&a->counter, v, __ATOMIC_SEQ_CST);                     \
	}                                                                                        \
	static inline T pfx##_sub_return(T v, type *a)                                           \
	{                                                                                        \
		return __atomic_sub_fetch(&a->counter, v, __ATOMIC_SEQ_CST);                     \
	}                                                                                        \
	static inline T pfx##_inc_return(type *a)                                                \
	{                                                                                        \
		return pfx##_add_return(1, a);                                                   \
	}                                                                                        \
	static inline T pfx##_dec_return(type *a)                                                \
	{                                                                                        \
		return pfx##_sub_return(1, a);                                                   \
	}                                                                                        \
	static inline bool pfx##_dec_and_test(type *a)                                           \
	{                                                                                        \
		return pfx##_sub_return(1, a) == 0;                                              \
	}                                                                                        \
	static inline bool pfx##_inc_and_test(type *a)                                           \
	{                                                                                        \
		return pfx##_add_return(1, a) == 0;                                              \
	}                                                                                        \
	static inline bool pfx##_sub_and_test(T v, type *a)                                      \
	{                                                                                        \
		return pfx##_sub_return(v, a) == 0;                                              \
	}                                                                                        \
	static inline T pfx##_xchg(type *a, T v)                                                 \
	{                                                                                        \
		return __atomic_exchange_n(&a->counter, v, __ATOMIC_SEQ_CST);                    \
	}                                                                                        \
	static inline bool pfx##_try_cmpxchg(type *a, T *old, T v)                               \
	{                                                                                        \
		return try_cmpxchg(&a->counter, old, v);                                         \
	}                                                                                        \
	static inline bool pfx##_try_cmpxchg_acquire(type *a, T *old, T v)                       \
	{                                                                                        \
		return __atomic_compare_exchange_n(&a->counter, old, v, false, __ATOMIC_ACQUIRE, \
						   __ATOMIC_RELAXED);                            \
	}                                                                                        \
	static inline T pfx##_cmpxchg(type *a, T old, T v)                                       \
	{                                                                                        \
		pfx##_try_cmpxchg(a, &old, v);                                                   \
		return old;                                                                      \
	}                                                                                        \
	/* Adds v unless the value is u; returns whether it added. */                            \
	static inline bool pfx##_add_unless(type *a, T v, T u)                                   \
	{                                                                                        \
		T old = pfx##_read(a);                                                           \
		while (old != u)                                                                 \
			if (pfx##_try_cmpxchg(a, &old, old + v))                                 \
				return true;                                                     \
		return false;                                                                    \
	}                                                                                        \
	static inline bool pfx##_inc_not_zero(type *a)                                           \
	{                                                                                        \
		return pfx##_add_unless(a, 1, 0);                                                \
	}

ATOMIC_OPS(atomic, atomic_t, s32)
ATOMIC_OPS(atomic64, atomic64_t, s64)

#endif
