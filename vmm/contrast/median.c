/* SPDX-License-Identifier: MIT */
/* median.c - several runs of a cell as one; and hosts on which time is instructions. */
#include <stdlib.h>
#include <string.h>

#include "vmm/contrast/contrast.h"
#include "vmm/loop.h"

#define MAX_RUNS 64

static int ascending(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 median(u64 *v, unsigned n)
{
	qsort(v, n, sizeof(*v), ascending);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* By name: a counter that one run has not is zero there. */
static void median_counts(const struct contrast_counts *const *runs, unsigned n,
			  struct contrast_counts *out)
{
	struct contrast_counts names = { .nr = 0 };
	u64 v[MAX_RUNS];

	for (unsigned i = 0; i < n; i++)
		for (size_t k = 0; k < runs[i]->nr; k++)
			contrast_count_add(&names, runs[i]->c[k].name, 1);
	out->nr = 0;
	for (size_t k = 0; k < names.nr; k++) {
		for (unsigned i = 0; i < n; i++)
			v[i] = contrast_count_of(runs[i], names.c[k].name);
		contrast_count_add(out, names.c[k].name, median(v, n));
	}
}

void contrast_median(const struct contrast_cell *runs, unsigned n, struct contrast_cell *out)
{
	const struct contrast_counts *causes[MAX_RUNS], *kvm[MAX_RUNS];
	const struct contrast_cell *good[MAX_RUNS];
	u64 v[MAX_RUNS];
	unsigned nr = 0;

	for (unsigned i = 0; i < n && nr < MAX_RUNS; i++)
		if (!runs[i].skip[0])
			good[nr++] = &runs[i];
	if (!nr) {
		*out = runs[0];
		return;
	}
	memset(out, 0, sizeof(*out));
	out->runs = nr;
	memcpy(out->clock, good[0]->clock, sizeof(out->clock));
	for (int m = 0; m < CONTRAST_METRICS; m++) {
		for (unsigned i = 0; i < nr; i++)
			v[i] = good[i]->v[m];
		out->v[m] = median(v, nr);
	}
	out->guest_ns_low = UINT64_MAX;
	for (unsigned i = 0; i < nr; i++) {
		causes[i] = &good[i]->causes;
		kvm[i] = &good[i]->kvm;
		out->guest_ns_low = MIN(out->guest_ns_low, good[i]->v[CM_GUEST_NS]);
		out->guest_ns_high = MAX(out->guest_ns_high, good[i]->v[CM_GUEST_NS]);
	}
	median_counts(causes, nr, &out->causes);
	median_counts(kvm, nr, &out->kvm);
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
