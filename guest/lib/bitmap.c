/* SPDX-License-Identifier: MIT */
/* bitmap.c - searches, ranges and whole-map operations, a word at a time. */
#include "guest/lib/bitmap.h"

#include "guest/lib/minmax.h"
#include "guest/lib/string.h"

/* flip: ~0 to search for clear bits, 0 for set ones. */
static inline size_t find_next(const u64 *map, size_t size, size_t from, u64 flip)
{
	size_t i = from / BITS_PER_WORD;
	u64 word;

	if (from >= size)
		return size;
	word = (map[i] ^ flip) & BITMAP_FIRST_WORD_MASK(from);
	while (!word) {
		i++;
		if (i * BITS_PER_WORD >= size)
			return size;
		word = map[i] ^ flip;
	}
	return min_t(size_t, i * BITS_PER_WORD + __ffs(word), size);
}

size_t find_next_bit(const u64 *map, size_t size, size_t from)
{
	return find_next(map, size, from, 0);
}

size_t find_next_zero_bit(const u64 *map, size_t size, size_t from)
{
	return find_next(map, size, from, ~0ULL);
}

size_t find_last_bit(const u64 *map, size_t size)
{
	size_t i = BITS_TO_WORDS(size);
	u64 mask = BITMAP_LAST_WORD_MASK(size);

	while (i--) {
		u64 word = map[i] & mask;

		if (word)
			return i * BITS_PER_WORD + __fls(word);
		mask = ~0ULL;
	}
	return size;
}

/* The bits of [start, start + n) that lie in the word of `start`; at least one. */
static inline u64 range_mask(size_t start, size_t n)
{
	u64 mask = BITMAP_FIRST_WORD_MASK(start);

	if (start % BITS_PER_WORD + n < BITS_PER_WORD)
		mask &= BITMAP_LAST_WORD_MASK(start + n);
	return mask;
}

/* How many bits of the range the word of `start` holds. */
static inline size_t range_step(size_t start, size_t n)
{
	return min_t(size_t, n, BITS_PER_WORD - start % BITS_PER_WORD);
}

void bitmap_set(u64 *map, size_t start, size_t n)
{
	for (size_t step; n; start += step, n -= step) {
		map[start / BITS_PER_WORD] |= range_mask(start, n);
		step = range_step(start, n);
	}
}

void bitmap_clear(u64 *map, size_t start, size_t n)
{
	for (size_t step; n; start += step, n -= step) {
		map[start / BITS_PER_WORD] &= ~range_mask(start, n);
		step = range_step(start, n);
	}
}

bool bitmap_test_all(const u64 *map, size_t start, size_t n)
{
	return find_next_zero_bit(map, start + n, start) == start + n;
}

bool bitmap_test_none(const u64 *map, size_t start, size_t n)
{
	return find_next_bit(map, start + n, start) == start + n;
}

size_t bitmap_find_next_zero_area(const u64 *map, size_t size, size_t start, size_t n, size_t align)
{
	for (;;) {
		size_t at = find_next_zero_bit(map, size, start);
		size_t busy;

		if (at >= size)
			return size;
		at = ALIGN_UP(at, align);
		/* Written so that neither side can wrap. */
		if (at >= size || n > size - at)
			return size;
		busy = find_next_bit(map, at + n, at);
		if (busy == at + n)
			return at;
		start = busy + 1;
	}
}

void bitmap_zero(u64 *dst, size_t n)
{
	memset(dst, 0, BITS_TO_WORDS(n) * sizeof(u64));
}

void bitmap_fill(u64 *dst, size_t n)
{
	memset(dst, 0xff, n / BITS_PER_WORD * sizeof(u64));
	if (n % BITS_PER_WORD)
		dst[n / BITS_PER_WORD] = BITMAP_LAST_WORD_MASK(n);
}

void bitmap_copy(u64 *dst, const u64 *src, size_t n)
{
	memmove(dst, src, BITS_TO_WORDS(n) * sizeof(u64));
}

void bitmap_and(u64 *dst, const u64 *a, const u64 *b, size_t n)
{
	for (size_t i = 0; i < BITS_TO_WORDS(n); i++)
		dst[i] = a[i] & b[i];
}

void bitmap_or(u64 *dst, const u64 *a, const u64 *b, size_t n)
{
	for (size_t i = 0; i < BITS_TO_WORDS(n); i++)
		dst[i] = a[i] | b[i];
}

void bitmap_xor(u64 *dst, const u64 *a, const u64 *b, size_t n)
{
	for (size_t i = 0; i < BITS_TO_WORDS(n); i++)
		dst[i] = a[i] ^ b[i];
}

void bitmap_andnot(u64 *dst, const u64 *a, const u64 *b, size_t n)
{
	for (size_t i = 0; i < BITS_TO_WORDS(n); i++)
		dst[i] = a[i] & ~b[i];
}

/* Word i of a map of n bits, without what lies beyond n. */
static inline u64 word_of(const u64 *map, size_t i, size_t n)
{
	return (i + 1) * BITS_PER_WORD > n ? map[i] & BITMAP_LAST_WORD_MASK(n) : map[i];
}

bool bitmap_equal(const u64 *a, const u64 *b, size_t n)
{
	for (size_t i = 0; i < BITS_TO_WORDS(n); i++)
		if (word_of(a, i, n) != word_of(b, i, n))
			return false;
	return true;
}

bool bitmap_intersects(const u64 *a, const u64 *b, size_t n)
{
	for (size_t i = 0; i < BITS_TO_WORDS(n); i++)
		if (word_of(a, i, n) & b[i])
			return true;
	return false;
}

bool bitmap_subset(const u64 *sub, const u64 *super, size_t n)
{
	for (size_t i = 0; i < BITS_TO_WORDS(n); i++)
		if (word_of(sub, i, n) & ~super[i])
			return false;
	return true;
}

bool bitmap_empty(const u64 *map, size_t n)
{
	return find_first_bit(map, n) == n;
}

bool bitmap_full(const u64 *map, size_t n)
{
	return find_first_zero_bit(map, n) == n;
}

size_t bitmap_weight(const u64 *map, size_t n)
{
	size_t weight = 0;

	for (size_t i = 0; i < BITS_TO_WORDS(n); i++)
		weight += hweight64(word_of(map, i, n));
	return weight;
}
