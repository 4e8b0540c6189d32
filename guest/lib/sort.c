/* SPDX-License-Identifier: MIT */
/* sort.c - heapsort and binary search over elements of any size. */
#include "guest/lib/sort.h"

#include "guest/lib/minmax.h"

static void swap_elements(u8 *a, u8 *b, size_t size)
{
	for (; size >= 8; size -= 8, a += 8, b += 8) {
		u64 x, y;

		__builtin_memcpy(&x, a, 8);
		__builtin_memcpy(&y, b, 8);
		__builtin_memcpy(a, &y, 8);
		__builtin_memcpy(b, &x, 8);
	}
	for (; size; size--, a++, b++)
		swap(*a, *b);
}

/* Rule H1: no element comes after its parent (i - 1) / 2's. Holds for all of heap[0..n) but for
 * element i, which sinks to where it does. */
static void sift_down(u8 *heap, size_t i, size_t n, size_t size, sort_cmp_fn cmp, void *arg)
{
	for (;;) {
		size_t big = 2 * i + 1;

		if (big >= n)
			return;
		if (big + 1 < n && cmp(heap + (big + 1) * size, heap + big * size, arg) > 0)
			big++;
		if (cmp(heap + big * size, heap + i * size, arg) <= 0)
			return;
		swap_elements(heap + i * size, heap + big * size, size);
		i = big;
	}
}

void sort_r(void *base, size_t n, size_t size, sort_cmp_fn cmp, void *arg)
{
	u8 *heap = base;

	for (size_t i = n / 2; i-- > 0;)
		sift_down(heap, i, n, size, cmp, arg);
	while (n > 1) {
		n--;
		swap_elements(heap, heap + n * size, size);
		sift_down(heap, 0, n, size, cmp, arg);
	}
}

size_t sorted_lower_bound(const void *key, const void *base, size_t n, size_t size, sort_cmp_fn cmp,
			  void *arg)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (cmp((const u8 *)base + mid * size, key, arg) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
