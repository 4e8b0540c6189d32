/* SPDX-License-Identifier: MIT */
/* mm_test.h - what the memory tests share: whether all that was taken has come back. */
#ifndef GUEST_KERNEL_SELFTEST_MM_TEST_H
#define GUEST_KERNEL_SELFTEST_MM_TEST_H

#include "guest/kernel/mm.h"
#include "guest/kernel/selftest/tests_decl.h"

#define MiB (1UL << 20)

/* Bytes that are free when nothing is held back; what is kept for ever after its first use exists
 * from the first call on. */
u64 mm_test_settle(void);

/* At the end of a test that began with `before`. */
#define MM_TEST_ALL_BACK(t, before) KT_EXPECT_EQ((t), mm_test_settle(), (before))

#endif
