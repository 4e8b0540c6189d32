/* SPDX-License-Identifier: MIT */
/* fast_check.h - an assertion for inner loops: ck_assert() reports every pass to its parent. */
#ifndef TESTS_UNIT_GUEST_FAST_CHECK_H
#define TESTS_UNIT_GUEST_FAST_CHECK_H

#include <check.h>

#define CHECK(cond)                                                   \
	do {                                                          \
		if (!(cond))                                          \
			ck_abort_msg("line %d: %s", __LINE__, #cond); \
	} while (0)
#define CHECK_EQ(a, b) CHECK((a) == (b))

#endif
