/* SPDX-License-Identifier: MIT */
/*
 * rand.h - repeatable pseudo-random numbers for tests, self-tests and simulations: xoshiro256**
 * seeded through splitmix64 (Blackman and Vigna, "Scrambled linear pseudorandom number generators",
 * 2021). The same seed gives the same numbers everywhere. Not for secrets.
 */
#ifndef GUEST_LIB_RAND_H
#define GUEST_LIB_RAND_H

#include "guest/lib/types.h"

struct rand {
	u64 s[4];
};

void rand_init(struct rand *r, u64 seed);
u64 rand_u64(struct rand *r);

/* 0 .. n - 1, without bias; n > 0. */
u64 rand_below(struct rand *r, u64 n);

/* lo .. hi, both included; lo <= hi. */
static inline u64 rand_range(struct rand *r, u64 lo, u64 hi)
{
	return hi - lo == ~0ULL ? rand_u64(r) : lo + rand_below(r, hi - lo + 1);
}

/* True once in n times on average. */
static inline bool rand_one_in(struct rand *r, u64 n)
{
	return rand_below(r, n) == 0;
}

void rand_fill(struct rand *r, void *buf, size_t n);

#endif
