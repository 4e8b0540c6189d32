/* SPDX-License-Identifier: MIT */
/*
 * bug.h - what should not be, and is survivable: a report with the call chain, and the kernel goes on.
 * What is not survivable is BUG_ON() (guest/lib/env.h), which ends in a panic.
 *
 * Conditions are evaluated once and their value is returned, so `if (WARN_ON(x)) return -EINVAL;`
 * works. The _ONCE forms report the first time only, at each place.
 */
#ifndef GUEST_KERNEL_BUG_H
#define GUEST_KERNEL_BUG_H

#include "guest/lib/env.h"

#define BUG() env_panic(__FILE__, __LINE__, "BUG")

/* Prints where, what and the call chain. Any context. */
void warn_report(const char *file, int line, const char *fmt, ...) printf_like(3, 4);

/* Reports so far. */
unsigned warn_count(void);

#define WARN(cond, ...)                                                 \
	({                                                              \
		bool warn_ = (cond);                                    \
		if (unlikely(warn_))                                    \
			warn_report(__FILE__, __LINE__, ##__VA_ARGS__); \
		unlikely(warn_);                                        \
	})

#define WARN_ONCE(cond, ...)                                                                 \
	({                                                                                   \
		static bool told_;                                                           \
		bool warn_ = (cond);                                                         \
		/* Of two CPUs that come here at once, one tells. */                         \
		if (unlikely(warn_) && !__atomic_exchange_n(&told_, true, __ATOMIC_RELAXED)) \
			warn_report(__FILE__, __LINE__, ##__VA_ARGS__);                      \
		unlikely(warn_);                                                             \
	})

#define WARN_ON(cond)	   WARN(cond, "%s", #cond)
#define WARN_ON_ONCE(cond) WARN_ONCE(cond, "%s", #cond)

#endif
