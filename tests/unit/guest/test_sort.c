/* SPDX-License-Identifier: MIT */
/* Unit tests of guest/lib/sort.[ch] and rand.[ch]: libc's qsort() is the oracle. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/rand.h"
#include "guest/lib/sort.h"
#include "tests/unit/guest/fast_check.h"

enum { MAX = 300, WIDEST = 21 };

struct order {
	size_t size;
	u64 calls;
};

static struct order current;

static int by_bytes(const void *a, const void *b, void *arg)
{
	struct order *o = arg;

	o->calls++;
	return memcmp(a, b, o->size);
}

static int by_bytes_libc(const void *a, const void *b)
{
	return memcmp(a, b, current.size);
}

START_TEST(any_size_any_number)
{
	struct rand r;

	rand_init(&r, 30);
	for (int round = 0; round < 3000; round++) {
		size_t size = 1 + rand_below(&r, WIDEST), n = rand_below(&r, MAX);
		u8 *got = malloc(n * size + 1), *want = malloc(n * size + 1), key[WIDEST];
		size_t naive = 0;

		current = (struct order){ .size = size };
		rand_fill(&r, got, n * size);
		/* Few distinct values: equal elements are common. */
		if (rand_one_in(&r, 2))
			for (size_t i = 0; i < n * size; i++)
				got[i] &= 1;
		memcpy(want, got, n * size);
		sort_r(got, n, size, by_bytes, &current);
		qsort(want, n, size, by_bytes_libc);
		CHECK(memcmp(got, want, n * size) == 0);
		CHECK(current.calls <= 2 * n * 10);

		rand_fill(&r, key, size);
		while (naive < n && memcmp(got + naive * size, key, size) < 0)
			naive++;
		CHECK_EQ(sorted_lower_bound(key, got, n, size, by_bytes, &current), naive);
		if (n) {
			memcpy(key, got + rand_below(&r, n) * size, size);
			naive = sorted_lower_bound(key, got, n, size, by_bytes, &current);
			CHECK(memcmp(got + naive * size, key, size) == 0);
			CHECK(naive == 0 || memcmp(got + (naive - 1) * size, key, size) < 0);
		}
		free(got);
		free(want);
	}
}
END_TEST

/* First outputs of the published generators (splitmix64 and xoshiro256**, prng.di.unimi.it). */
START_TEST(generator_is_the_published_one)
{
	struct rand r = { { 1, 2, 3, 4 } }, seeded;

	ck_assert_uint_eq(rand_u64(&r), 11520);
	ck_assert_uint_eq(rand_u64(&r), 0);
	ck_assert_uint_eq(rand_u64(&r), 1509978240);
	ck_assert_uint_eq(rand_u64(&r), 1215971899390074240ULL);
	rand_init(&seeded, 0);
	ck_assert_uint_eq(seeded.s[0], 0xe220a8397b1dcdafULL);
	ck_assert_uint_eq(seeded.s[1], 0x6e789e6aa1b965f4ULL);
}
END_TEST

START_TEST(ranges_are_fair)
{
	unsigned count[6] = { 0 };
	struct rand r;

	rand_init(&r, 31);
	for (int i = 0; i < 60000; i++)
		count[rand_below(&r, 6)]++;
	for (int i = 0; i < 6; i++) {
		ck_assert_uint_gt(count[i], 9500);
		ck_assert_uint_lt(count[i], 10500);
	}
	for (int i = 0; i < 1000; i++) {
		u64 v = rand_range(&r, 5, 7);

		CHECK(v >= 5 && v <= 7);
		rand_range(&r, 0, UINT64_MAX);
		CHECK_EQ(rand_below(&r, 1), 0);
		CHECK(rand_below(&r, (1ULL << 63) + 1) <= 1ULL << 63);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sort");
	TCase *t = tcase_create("sort");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, any_size_any_number);
	tcase_add_test(t, generator_is_the_published_one);
	tcase_add_test(t, ranges_are_fair);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
