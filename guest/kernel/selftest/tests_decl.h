/* SPDX-License-Identifier: MIT */
/* tests_decl.h - declares every function of tests.h. */
#ifndef GUEST_KERNEL_SELFTEST_TESTS_DECL_H
#define GUEST_KERNEL_SELFTEST_TESTS_DECL_H

#include "guest/kernel/selftest/selftest.h"

#define KTEST(group, name, words) void ktest_##group##_##name(struct ktest *t);
#include "guest/kernel/selftest/tests.h"
#undef KTEST

#endif
