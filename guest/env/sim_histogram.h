/* SPDX-License-Identifier: MIT */
/* sim_histogram.h - how long things took, in little memory. */
#ifndef GUEST_ENV_SIM_HISTOGRAM_H
#define GUEST_ENV_SIM_HISTOGRAM_H

#include "guest/lib/types.h"

/* Times fall into buckets an eighth of their size wide. */
#define SIM_BUCKETS 512
struct sim_histogram {
	u64 n, sum, max;
	u32 bucket[SIM_BUCKETS];
};
void sim_histogram_add(struct sim_histogram *h, u64 ns);
/* The least bucket's upper end below which `permille` of the values lie. */
u64 sim_histogram_at(const struct sim_histogram *h, unsigned permille);

#endif
