/* SPDX-License-Identifier: MIT */
/* hash.h - spreading keys over a power-of-two table; not for keys chosen by an adversary. */
#ifndef GUEST_LIB_HASH_H
#define GUEST_LIB_HASH_H

#include "guest/lib/types.h"

/* 2^64 and 2^32 divided by the golden ratio, odd: multiplication puts consecutive keys far apart
 * (Knuth, The Art of Computer Programming, volume 3, section 6.4). */
#define HASH_GOLDEN_64 0x9E3779B97F4A7C15ULL
#define HASH_GOLDEN_32 0x9E3779B9U

/* A value of `bits` bits, 1..64 (1..32): the product's high bits are the well mixed ones. */
static inline u64 hash_64(u64 key, unsigned bits)
{
	return (key * HASH_GOLDEN_64) >> (64 - bits);
}

static inline u32 hash_32(u32 key, unsigned bits)
{
	return (key * HASH_GOLDEN_32) >> (32 - bits);
}

static inline u64 hash_ptr(const void *ptr, unsigned bits)
{
	return hash_64((u64)(uintptr_t)ptr, bits);
}

/* FNV-1a over bytes, for names. */
static inline u64 hash_bytes(const void *data, size_t len)
{
	const u8 *p = data;
	u64 h = 0xcbf29ce484222325ULL;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3ULL;
	return h;
}

#endif
