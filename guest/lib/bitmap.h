/* SPDX-License-Identifier: MIT */
/*
 * bitmap.h - arrays of bits, bit 0 in the low bit of word 0.
 *
 * Sizes and positions are in bits. A search returns its `size` argument when there is nothing. Bits
 * of the last word beyond the size count for no question; operations on whole maps may change them.
 * Plain forms need the caller's lock; the atomic forms (set_bit, clear_bit, test_and_*) need none.
 */
#ifndef GUEST_LIB_BITMAP_H
#define GUEST_LIB_BITMAP_H

#include "guest/lib/bitops.h"
#include "guest/lib/types.h"

#define BITS_PER_WORD		64
#define BITS_TO_WORDS(n)	(((n) + BITS_PER_WORD - 1) / BITS_PER_WORD)
#define DECLARE_BITMAP(name, n) u64 name[BITS_TO_WORDS(n)]

/* Bits n and up of a word / bits below n, the last word of a map of n bits (n % 64 == 0: all). */
#define BITMAP_FIRST_WORD_MASK(n) (~0ULL << ((n) % BITS_PER_WORD))
#define BITMAP_LAST_WORD_MASK(n)  (~0ULL >> (-(u64)(n) % BITS_PER_WORD))

static inline bool test_bit(size_t bit, const u64 *map)
{
	return (READ_ONCE(map[bit / BITS_PER_WORD]) >> (bit % BITS_PER_WORD)) & 1;
}

static inline void __set_bit(size_t bit, u64 *map)
{
	map[bit / BITS_PER_WORD] |= BIT(bit % BITS_PER_WORD);
}

static inline void __clear_bit(size_t bit, u64 *map)
{
	map[bit / BITS_PER_WORD] &= ~BIT(bit % BITS_PER_WORD);
}

static inline void __assign_bit(size_t bit, u64 *map, bool value)
{
	if (value)
		__set_bit(bit, map);
	else
		__clear_bit(bit, map);
}

static inline bool __test_and_set_bit(size_t bit, u64 *map)
{
	bool old = test_bit(bit, map);

	__set_bit(bit, map);
	return old;
}

static inline bool __test_and_clear_bit(size_t bit, u64 *map)
{
	bool old = test_bit(bit, map);

	__clear_bit(bit, map);
	return old;
}

/* Atomic, without ordering. */
static inline void set_bit(size_t bit, u64 *map)
{
	__atomic_fetch_or(&map[bit / BITS_PER_WORD], BIT(bit % BITS_PER_WORD), __ATOMIC_RELAXED);
}

static inline void clear_bit(size_t bit, u64 *map)
{
	__atomic_fetch_and(&map[bit / BITS_PER_WORD], ~BIT(bit % BITS_PER_WORD), __ATOMIC_RELAXED);
}

/* Atomic, ordering everything around them (clear_bit_unlock: release only). */
static inline bool test_and_set_bit(size_t bit, u64 *map)
{
	u64 mask = BIT(bit % BITS_PER_WORD);

	return __atomic_fetch_or(&map[bit / BITS_PER_WORD], mask, __ATOMIC_SEQ_CST) & mask;
}

static inline bool test_and_clear_bit(size_t bit, u64 *map)
{
	u64 mask = BIT(bit % BITS_PER_WORD);

	return __atomic_fetch_and(&map[bit / BITS_PER_WORD], ~mask, __ATOMIC_SEQ_CST) & mask;
}

static inline void clear_bit_unlock(size_t bit, u64 *map)
{
	__atomic_fetch_and(&map[bit / BITS_PER_WORD], ~BIT(bit % BITS_PER_WORD), __ATOMIC_RELEASE);
}

/* First set / clear bit at or after `from` and below `size`. */
size_t find_next_bit(const u64 *map, size_t size, size_t from);
size_t find_next_zero_bit(const u64 *map, size_t size, size_t from);
/* Highest set bit below `size`. */
size_t find_last_bit(const u64 *map, size_t size);

static inline size_t find_first_bit(const u64 *map, size_t size)
{
	return find_next_bit(map, size, 0);
}

static inline size_t find_first_zero_bit(const u64 *map, size_t size)
{
	return find_next_zero_bit(map, size, 0);
}

/* The variable is a size_t. */
#define for_each_set_bit(bit, map, size)                            \
	for ((bit) = find_first_bit((map), (size)); (bit) < (size); \
	     (bit) = find_next_bit((map), (size), (bit) + 1))

#define for_each_clear_bit(bit, map, size)                               \
	for ((bit) = find_first_zero_bit((map), (size)); (bit) < (size); \
	     (bit) = find_next_zero_bit((map), (size), (bit) + 1))

/* Ranges; n may be 0. */
void bitmap_set(u64 *map, size_t start, size_t n);
void bitmap_clear(u64 *map, size_t start, size_t n);
bool bitmap_test_all(const u64 *map, size_t start, size_t n); /* all of them set */
bool bitmap_test_none(const u64 *map, size_t start, size_t n);

/*
 * The first run of n clear bits at or after `start` that begins at a multiple of `align` (a power
 * of two; the run ends at or below size), or `size` when there is none. n > 0.
 */
size_t bitmap_find_next_zero_area(const u64 *map, size_t size, size_t start, size_t n,
				  size_t align);

/* Whole maps of n bits; dst may be one of the sources. */
void bitmap_zero(u64 *dst, size_t n);
void bitmap_fill(u64 *dst, size_t n); /* exactly n bits */
void bitmap_copy(u64 *dst, const u64 *src, size_t n);
void bitmap_and(u64 *dst, const u64 *a, const u64 *b, size_t n);
void bitmap_or(u64 *dst, const u64 *a, const u64 *b, size_t n);
void bitmap_xor(u64 *dst, const u64 *a, const u64 *b, size_t n);
void bitmap_andnot(u64 *dst, const u64 *a, const u64 *b, size_t n);
bool bitmap_equal(const u64 *a, const u64 *b, size_t n);
bool bitmap_intersects(const u64 *a, const u64 *b, size_t n);
bool bitmap_subset(const u64 *sub, const u64 *super, size_t n);
bool bitmap_empty(const u64 *map, size_t n);
bool bitmap_full(const u64 *map, size_t n);
size_t bitmap_weight(const u64 *map, size_t n);

#endif
