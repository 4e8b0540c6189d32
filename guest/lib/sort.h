/* SPDX-License-Identifier: MIT */
/* sort.h - sorting in place, in O(n log n) always: heapsort, without recursion or memory. */
#ifndef GUEST_LIB_SORT_H
#define GUEST_LIB_SORT_H

#include "guest/lib/types.h"

/* <0, 0, >0: a comes before, with, after b. */
typedef int (*sort_cmp_fn)(const void *a, const void *b, void *arg);

/* Ascending; equal elements may change their order. Any context. */
void sort_r(void *base, size_t n, size_t size, sort_cmp_fn cmp, void *arg);

/* The index of the first of n sorted elements that does not come before key, or n. */
size_t sorted_lower_bound(const void *key, const void *base, size_t n, size_t size, sort_cmp_fn cmp,
			  void *arg);

#endif
