/* SPDX-License-Identifier: MIT */
/* rand.c - xoshiro256** and its seeding. */
#include "guest/lib/rand.h"

#include "guest/lib/bitops.h"
#include "guest/lib/minmax.h"
#include "guest/lib/string.h"

/* The generator must not start from all zeros; splitmix64 never gives four in a row. */
void rand_init(struct rand *r, u64 seed)
{
	for (unsigned i = 0; i < 4; i++) {
		u64 z = seed += 0x9e3779b97f4a7c15ULL;

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
		r->s[i] = z ^ (z >> 31);
	}
}

u64 rand_u64(struct rand *r)
{
	u64 *s = r->s;
	u64 result = rol64(s[1] * 5, 7) * 9;
	u64 t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rol64(s[3], 45);
	return result;
}

u64 rand_below(struct rand *r, u64 n)
{
	unsigned __int128 m = (unsigned __int128)rand_u64(r) * n;

	/* Scaling 2^64 values onto n favours some unless the first 2^64 mod n of each are dropped
	 * (Lemire, "Fast random integer generation in an interval", 2019). */
	if ((u64)m < n) {
		u64 drop = -n % n;

		while ((u64)m < drop)
			m = (unsigned __int128)rand_u64(r) * n;
	}
	return (u64)(m >> 64);
}

void rand_fill(struct rand *r, void *buf, size_t n)
{
	u8 *p = buf;

	while (n) {
		u64 v = rand_u64(r);
		size_t step = min_t(size_t, n, sizeof(v));

		memcpy(p, &v, step);
		p += step;
		n -= step;
	}
}
