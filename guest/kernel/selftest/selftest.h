/* SPDX-License-Identifier: MIT */
/*
 * selftest.h - tests that run inside the kernel and report as TAP 13 on the console.
 *
 * A test is a function `void ktest_GROUP_NAME(struct ktest *t)` and one line in tests.h. It fails
 * by KT_EXPECT() (and goes on) and skips by ktest_skip() with a reason. It runs in a thread, with
 * interrupts and preemption on, and leaves the kernel as it found it.
 *
 * It never concludes from the time something took: on a busy host a CPU may stand still for hundreds
 * of milliseconds at any instruction. It waits for what must become so, with patience.
 */
#ifndef GUEST_KERNEL_SELFTEST_SELFTEST_H
#define GUEST_KERNEL_SELFTEST_SELFTEST_H

#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
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

/*
 * Fails the test with what check(arg) says. Every CPU is held still in an interrupt meanwhile, so
 * check() takes no lock; one that was stopped halfway through a change with interrupts on gets the
 * time to finish it, and only what stays broken counts. The caller may sleep.
 */
void ktest_check_still(struct ktest *t, const char *(*check)(void *), void *arg);

/* The same for rcu_check() and the kernel's RCU. */
void ktest_check_rcu(struct ktest *t);

#define KT_PATIENCE_NS (30 * NSEC_PER_SEC) /* for what takes milliseconds on an idle host */

/* Sleeps until the condition holds or patience ends; whether it holds. */
#define ktest_eventually(condition)                       \
	({                                                \
		u64 end_ = clock_ns() + KT_PATIENCE_NS;   \
		while (!(condition) && clock_ns() < end_) \
			msleep(1);                        \
		(condition);                              \
	})

#endif
