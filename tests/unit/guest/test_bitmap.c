/* SPDX-License-Identifier: MIT */
/* Unit tests of guest/lib/bitmap.[ch] and bitops.h: against arrays of bool. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/bitmap.h"
#include "guest/lib/rand.h"
#include "tests/unit/guest/fast_check.h"

enum { MAX = 400 };

struct pair {
	u64 map[BITS_TO_WORDS(MAX)];
	bool bit[MAX];
};

static void pair_random(struct pair *p, struct rand *r)
{
	unsigned kind = (unsigned)rand_below(r, 4);

	for (size_t i = 0; i < MAX; i++) {
		p->bit[i] = kind == 0	? false
			    : kind == 1 ? true
					: rand_one_in(r, kind == 2 ? 2 : 40);
		__assign_bit(i, p->map, p->bit[i]);
	}
}

/* Bits n and up must not matter: flip them at random. */
static void scramble_beyond(u64 *map, size_t n, struct rand *r)
{
	for (size_t i = n; i < BITS_TO_WORDS(MAX) * 64; i++)
		__assign_bit(i, map, rand_one_in(r, 2));
}

static size_t naive_next(const struct pair *p, size_t n, size_t from, bool value)
{
	for (size_t i = from; i < n; i++)
		if (p->bit[i] == value)
			return i;
	return n;
}

static size_t naive_area(const struct pair *p, size_t size, size_t start, size_t n, size_t align)
{
	for (size_t at = ALIGN_UP(start, align); at + n <= size; at += align)
		if (naive_next(p, at + n, at, true) == at + n)
			return at;
	return size;
}

static size_t naive_weight(const struct pair *p, size_t n)
{
	size_t w = 0;

	for (size_t i = 0; i < n; i++)
		w += p->bit[i];
	return w;
}

START_TEST(searches)
{
	struct pair p;
	struct rand r;

	rand_init(&r, 4);
	for (int round = 0; round < 20000; round++) {
		size_t n = rand_below(&r, MAX + 1), from = rand_below(&r, MAX + 1), last = n;
		size_t len = 1 + rand_below(&r, 80), align = 1ULL << rand_below(&r, 8), bit;

		pair_random(&p, &r);
		scramble_beyond(p.map, n, &r);
		from = from > n ? n : from;
		CHECK_EQ(find_next_bit(p.map, n, from), naive_next(&p, n, from, true));
		CHECK_EQ(find_next_zero_bit(p.map, n, from), naive_next(&p, n, from, false));
		CHECK_EQ(find_first_bit(p.map, n), naive_next(&p, n, 0, true));
		for (size_t i = 0; i < n; i++)
			last = p.bit[i] ? i : last;
		CHECK_EQ(find_last_bit(p.map, n), last);
		CHECK_EQ(bitmap_weight(p.map, n), naive_weight(&p, n));
		CHECK_EQ(bitmap_empty(p.map, n), naive_weight(&p, n) == 0);
		CHECK_EQ(bitmap_full(p.map, n), naive_weight(&p, n) == n);
		CHECK_EQ(bitmap_find_next_zero_area(p.map, n, from, len, align),
			 naive_area(&p, n, from, len, align));
		last = 0;
		for_each_set_bit (bit, p.map, n) {
			CHECK(p.bit[bit]);
			last++;
		}
		for_each_clear_bit (bit, p.map, n) {
			CHECK(!p.bit[bit]);
			last++;
		}
		CHECK_EQ(last, n);
	}
}
END_TEST

START_TEST(ranges)
{
	struct pair p;
	struct rand r;

	rand_init(&r, 5);
	pair_random(&p, &r);
	for (int round = 0; round < 20000; round++) {
		size_t start = rand_below(&r, MAX), n = rand_below(&r, MAX - start + 1);
		size_t w = 0;

		if (rand_one_in(&r, 2))
			n = n > 70 ? 70 : n;
		for (size_t i = start; i < start + n; i++)
			w += p.bit[i];
		CHECK_EQ(bitmap_test_all(p.map, start, n), w == n);
		CHECK_EQ(bitmap_test_none(p.map, start, n), w == 0);
		if (rand_one_in(&r, 2)) {
			bitmap_set(p.map, start, n);
			memset(p.bit + start, true, n);
		} else {
			bitmap_clear(p.map, start, n);
			memset(p.bit + start, false, n);
		}
		if (round % 16 == 0)
			for (size_t i = 0; i < MAX; i++)
				CHECK_EQ(test_bit(i, p.map), p.bit[i]);
	}
}
END_TEST

START_TEST(whole_maps)
{
	struct pair a, b;
	u64 x[BITS_TO_WORDS(MAX)];
	struct rand r;

	rand_init(&r, 6);
	for (int round = 0; round < 1500; round++) {
		size_t n = 1 + rand_below(&r, MAX);
		bool meet = false, sub = true, same = true;

		pair_random(&a, &r);
		pair_random(&b, &r);
		if (rand_one_in(&r, 3))
			b = a;
		scramble_beyond(a.map, n, &r);
		for (size_t i = 0; i < n; i++) {
			meet |= a.bit[i] && b.bit[i];
			sub &= !a.bit[i] || b.bit[i];
			same &= a.bit[i] == b.bit[i];
		}
		CHECK_EQ(bitmap_intersects(a.map, b.map, n), meet);
		CHECK_EQ(bitmap_subset(a.map, b.map, n), sub);
		CHECK_EQ(bitmap_equal(a.map, b.map, n), same);
#define CHECK_OP(call, want)                              \
	do {                                              \
		call;                                     \
		for (size_t i = 0; i < n; i++)            \
			CHECK_EQ(test_bit(i, x), (want)); \
	} while (0)
		CHECK_OP(bitmap_and(x, a.map, b.map, n), a.bit[i] && b.bit[i]);
		CHECK_OP(bitmap_or(x, a.map, b.map, n), a.bit[i] || b.bit[i]);
		CHECK_OP(bitmap_xor(x, a.map, b.map, n), a.bit[i] != b.bit[i]);
		CHECK_OP(bitmap_andnot(x, a.map, b.map, n), a.bit[i] && !b.bit[i]);
		CHECK_OP(bitmap_copy(x, a.map, n), a.bit[i]);
		CHECK_OP(bitmap_fill(x, n), true);
		CHECK_OP(bitmap_zero(x, n), false);
#undef CHECK_OP
	}
}
END_TEST

START_TEST(single_bits)
{
	DECLARE_BITMAP(map, 130) = { 0 };

	ck_assert(!test_and_set_bit(129, map));
	ck_assert(test_and_set_bit(129, map));
	ck_assert_uint_eq(map[2], 2);
	ck_assert(test_and_clear_bit(129, map));
	ck_assert(!test_and_clear_bit(129, map));
	set_bit(64, map);
	ck_assert(!__test_and_set_bit(0, map));
	ck_assert(__test_and_set_bit(0, map));
	ck_assert(__test_and_clear_bit(0, map));
	ck_assert_uint_eq(map[1], 1);
	clear_bit_unlock(64, map);
	ck_assert(bitmap_empty(map, 130));
	set_bit(5, map);
	clear_bit(5, map);
	ck_assert(bitmap_empty(map, 130));
}
END_TEST

START_TEST(words)
{
	struct rand r;

	rand_init(&r, 7);
	CHECK_EQ(fls64(0), 0);
	CHECK_EQ(ffs64(0), 0);
	CHECK_EQ(order_base_2(0), 0);
	for (int i = 0; i < 20000; i++) {
		u64 x = rand_u64(&r) >> rand_below(&r, 64), naive = 0;
		unsigned low = 64, high = 0, n = (unsigned)rand_below(&r, 130);

		for (unsigned b = 0; b < 64; b++) {
			if (!(x >> b & 1))
				continue;
			naive++;
			high = b + 1;
			low = low == 64 ? b : low;
		}
		CHECK_EQ(hweight64(x), naive);
		CHECK_EQ(fls64(x), high);
		CHECK_EQ(ffs64(x), x ? low + 1 : 0);
		CHECK_EQ(fls((u32)x), fls64((u32)x));
		CHECK_EQ(is_power_of_2(x), naive == 1);
		CHECK_EQ(ror64(rol64(x, n), n), x);
		CHECK_EQ(ror32(rol32((u32)x, n), n), (u32)x);
		if (x && x <= 1ULL << 63) {
			CHECK(roundup_pow_of_two(x) >= x);
			CHECK((roundup_pow_of_two(x) - 1) / 2 < x);
			CHECK(rounddown_pow_of_two(x) <= x);
		}
	}
	ck_assert_uint_eq(rol32(0x80000001u, 1), 3);
	ck_assert_uint_eq(GENMASK(7, 4), 0xf0);
	ck_assert_uint_eq(GENMASK(63, 0), ~0ULL);
	ck_assert_uint_eq(ffz(0xff), 8);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bitmap");
	TCase *t = tcase_create("bitmap");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_test(t, searches);
	tcase_add_test(t, ranges);
	tcase_add_test(t, whole_maps);
	tcase_add_test(t, single_bits);
	tcase_add_test(t, words);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
