/* SPDX-License-Identifier: MIT */
/* median.c - several runs of a cell as one; and hosts on which time is instructions. */
#include <stdlib.h>

#include "vmm/contrast/contrast.h"
#include "vmm/loop.h"

#define MAX_RUNS 64

static int ascending(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 median_of(const struct contrast_cell *const *run, unsigned n, enum contrast_metric m)
{
	u64 v[MAX_RUNS] = { 0 };

	for (unsigned i = 0; i < n; i++)
		v[i] = run[i]->v[m];
	qsort(v, n, sizeof(v[0]), ascending);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static int by_exits(const void *a, const void *b)
{
	const struct contrast_cell *const *x = a, *const *y = b;

	return ascending(&(*x)->v[CM_EXITS], &(*y)->v[CM_EXITS]);
}

void contrast_median(const struct contrast_cell *runs, unsigned n, struct contrast_cell *out)
{
	static const enum contrast_metric times[] = { CM_GUEST_NS, CM_WALL_NS, CM_USER_NS,
						      CM_SYS_NS };
	const struct contrast_cell *good[MAX_RUNS];
	unsigned nr = 0;

	for (unsigned i = 0; i < n && nr < MAX_RUNS; i++)
		if (!runs[i].skip[0])
			good[nr++] = &runs[i];
	if (!nr) {
		*out = runs[0];
		return;
	}
	qsort(good, nr, sizeof(good[0]), by_exits);
	*out = *good[(nr - 1) / 2]; /* counts belong together: those of one run */
	out->runs = nr;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		out->v[times[i]] = median_of(good, nr, times[i]);
	out->guest_ns_low = UINT64_MAX;
	out->guest_ns_high = 0;
	for (unsigned i = 0; i < nr; i++) {
		out->guest_ns_low = MIN(out->guest_ns_low, good[i]->v[CM_GUEST_NS]);
		out->guest_ns_high = MAX(out->guest_ns_high, good[i]->v[CM_GUEST_NS]);
	}
}

/* ---- time that is instructions ------------------------------------------------------------------ */

#define LOOPS 100000UL

/* Two instructions a round. */
static u64 time_short_loop(void)
{
	u64 start = loop_now(), n = LOOPS;

	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(n) : : "cc");
	return loop_now() - start;
}

/* Ten: no processor takes five times as long for it, and to the nanosecond what is asked for. */
static u64 time_long_loop(void)
{
	u64 start = loop_now(), n = LOOPS;

	__asm__ volatile("1: nop\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n\t"
			 "dec %0\n\tjnz 1b"
			 : "+r"(n)
			 :
			 : "cc");
	return loop_now() - start;
}

static bool about(u64 value, u64 expected)
{
	return value >= expected && value - expected <= expected / 20;
}

bool contrast_host_counts_instructions(void)
{
	for (int i = 0; i < 3; i++)
		if (about(time_short_loop(), 2 * LOOPS) && about(time_long_loop(), 10 * LOOPS))
			return true;
	return false;
}
