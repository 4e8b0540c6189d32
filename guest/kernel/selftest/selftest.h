/* SPDX-License-Identifier: MIT */
/*
 * selftest.h - tests that run inside the kernel and report as TAP 13 on the console.
 *
 * A test is a function `void ktest_GROUP_NAME(struct ktest *t)` and one line in tests.h. It fails
 * by KT_EXPECT() (and goes on) and skips by ktest_skip() with a reason. It runs in a thread, with
 * interrupts and preemption on, and leaves the kernel as it found it.
 */
#ifndef GUEST_KERNEL_SELFTEST_SELFTEST_H
#define GUEST_KERNEL_SELFTEST_SELFTEST_H

#include "guest/lib/types.h"

struct ktest {
	unsigned failures;
	const char *skipped; /* the reason, or NULL */
};

/* Prints the failed expectation as a TAP comment. */
void ktest_fail(struct ktest *t, const char *file, int line, const char *fmt, ...)
	printf_like(4, 5);

static inline void ktest_skip(struct ktest *t, const char *reason)
{
	t->skipped = reason;
}

#define KT_EXPECT(t, cond)                                                          \
	do {                                                                        \
		if (!(cond))                                                        \
			ktest_fail((t), __FILE__, __LINE__, "not true: %s", #cond); \
	} while (0)

#define KT_EXPECT_EQ(t, got, want)                                                             \
	do {                                                                                   \
		u64 got_ = (u64)(got), want_ = (u64)(want);                                    \
		if (got_ != want_)                                                             \
			ktest_fail((t), __FILE__, __LINE__, "%s is %#lx, expected %#lx", #got, \
				   got_, want_);                                               \
	} while (0)

#endif
