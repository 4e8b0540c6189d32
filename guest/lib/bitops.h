/* SPDX-License-Identifier: MIT */
/*
 * bitops.h - questions about single words, in Linux's names.
 *
 * The number of set bits is counted in plain C: without the popcnt instruction the compiler's
 * builtin becomes a call into libgcc, which a freestanding kernel does not have.
 */
#ifndef GUEST_LIB_BITOPS_H
#define GUEST_LIB_BITOPS_H

#include "guest/lib/types.h"

#define BIT(n) (1ULL << (n))
/* Bits h down to l, both included; 63 >= h >= l. */
#define GENMASK(h, l) ((~0ULL >> (63 - (h))) & (~0ULL << (l)))

/* Index of the lowest / highest set bit, from 0; undefined for x == 0. */
static inline unsigned __ffs(u64 x)
{
	return (unsigned)__builtin_ctzll(x);
}

static inline unsigned __fls(u64 x)
{
	return 63u - (unsigned)__builtin_clzll(x);
}

/* Index of the lowest clear bit; undefined for ~0. */
static inline unsigned ffz(u64 x)
{
	return __ffs(~x);
}

/* The same counted from 1, and 0 for "no bit set". */
static inline unsigned ffs64(u64 x)
{
	return x ? __ffs(x) + 1 : 0;
}

static inline unsigned fls64(u64 x)
{
	return x ? __fls(x) + 1 : 0;
}

static inline unsigned fls(u32 x)
{
	return fls64(x);
}

/* Number of set bits. */
static inline unsigned hweight64(u64 x)
{
	x -= (x >> 1) & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (unsigned)((x * 0x0101010101010101ULL) >> 56);
}

static inline unsigned hweight32(u32 x)
{
	return hweight64(x);
}

/* log2, rounded down; x > 0. */
static inline unsigned ilog2(u64 x)
{
	return __fls(x);
}

static inline bool is_power_of_2(u64 x)
{
	return x && !(x & (x - 1));
}

/* log2, rounded up: the smallest order whose 1 << order holds x. 0 for x <= 1. */
static inline unsigned order_base_2(u64 x)
{
	return x > 1 ? __fls(x - 1) + 1 : 0;
}

/* 1 <= x <= 1 << 63. */
static inline u64 roundup_pow_of_two(u64 x)
{
	return 1ULL << order_base_2(x);
}

static inline u64 rounddown_pow_of_two(u64 x)
{
	return 1ULL << ilog2(x);
}

/* Rotate; the amount is taken modulo the width. */
static inline u64 rol64(u64 x, unsigned n)
{
	return (x << (n & 63)) | (x >> (-n & 63));
}

static inline u64 ror64(u64 x, unsigned n)
{
	return (x >> (n & 63)) | (x << (-n & 63));
}

static inline u32 rol32(u32 x, unsigned n)
{
	return (x << (n & 31)) | (x >> (-n & 31));
}

static inline u32 ror32(u32 x, unsigned n)
{
	return (x >> (n & 31)) | (x << (-n & 31));
}

#endif
