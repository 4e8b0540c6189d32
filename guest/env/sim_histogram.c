/* SPDX-License-Identifier: MIT */
/* sim_histogram.c - see sim_histogram.h. */
#include "guest/env/sim_histogram.h"

#include "guest/lib/bitops.h"

/* Eight buckets for each power of two; the values below 8 have one each. */
static unsigned bucket_of(u64 ns)
{
	unsigned e = ns < 8 ? 0 : __fls(ns) - 2; /* ns >> (e - 1) has four bits, the first set */

	return e ? e * 8 + (unsigned)(ns >> (e - 1)) % 8 : (unsigned)ns;
}

static u64 bucket_end(unsigned i)
{
	unsigned e = i / 8;

	return e ? ((u64)(8 + i % 8 + 1) << (e - 1)) - 1 : i;
}

void sim_histogram_add(struct sim_histogram *h, u64 ns)
{
	h->bucket[bucket_of(ns)]++;
	h->n++;
	h->sum += ns;
	h->max = MAX(h->max, ns);
}

u64 sim_histogram_at(const struct sim_histogram *h, unsigned permille)
{
	u64 want = (h->n * permille + 999) / 1000, seen = 0;

	for (unsigned i = 0; i < SIM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= want && seen)
			return MIN(bucket_end(i), h->max);
	}
	return 0;
}
