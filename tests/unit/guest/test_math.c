/* SPDX-License-Identifier: MIT */
/* Unit tests of guest/lib/math.[ch], minmax.h, hash.h, atomic.h, crc32.[ch] and errno.h. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "guest/lib/atomic.h"
#include "guest/lib/crc32.h"
#include "guest/lib/errno.h" /* after the host's: a differing number would not compile */
#include "guest/lib/hash.h"
#include "guest/lib/math.h"
#include "guest/lib/minmax.h"
#include "guest/lib/rand.h"
#include "tests/unit/guest/fast_check.h"

START_TEST(wide_division)
{
	struct rand r;

	rand_init(&r, 40);
	for (int i = 0; i < 300000; i++) {
		u64 a = rand_u64(&r) >> rand_below(&r, 64), b = rand_u64(&r) >> rand_below(&r, 64);
		u64 c = (rand_u64(&r) >> rand_below(&r, 64)) | rand_one_in(&r, 2);
		u128 q;

		/* Divisors around a power of two give the worst digit estimates. */
		if (rand_one_in(&r, 4))
			c = (1ULL << rand_below(&r, 64)) - rand_below(&r, 3);
		c = c ? c : 1;
		q = (u128)a * b / c;
		CHECK_EQ(mul_u64_u64_div_u64(a, b, c), q >> 64 ? UINT64_MAX : (u64)q);
		CHECK_EQ(mul_u64_u64_shr(a, b, c & 127), (u64)((u128)a * b >> (c & 127)));
	}
	ck_assert_uint_eq(mul_u64_u64_div_u64(UINT64_MAX, UINT64_MAX, UINT64_MAX), UINT64_MAX);
	ck_assert_uint_eq(mul_u64_u64_div_u64(UINT64_MAX, 1000, 1001), 18428315757951600014ULL);
	ck_assert_uint_eq(mul_u64_u64_div_u64(1ULL << 63, 2, 1), UINT64_MAX);
}
END_TEST

START_TEST(roots_and_divisors)
{
	struct rand r;

	rand_init(&r, 41);
	for (int i = 0; i < 100000; i++) {
		u64 x = rand_u64(&r) >> rand_below(&r, 64), root;
		u64 f = 1 + rand_below(&r, 1 << 20), a = f * rand_below(&r, 1 << 20), g;

		if (rand_one_in(&r, 3))
			x = (u64)(u32)x * (u32)x - rand_below(&r, 2);
		root = int_sqrt64(x);
		CHECK(root * root <= x);
		CHECK((u128)(root + 1) * (root + 1) > x);
		g = gcd(a, f * 7);
		CHECK(g % f == 0 && a % g == 0 && (f * 7) % g == 0);
	}
	ck_assert_uint_eq(int_sqrt64(UINT64_MAX), 0xffffffff);
	ck_assert_uint_eq(int_sqrt64(0), 0);
	ck_assert_uint_eq(gcd(0, 5), 5);
	ck_assert_uint_eq(gcd(12, 18), 6);
}
END_TEST

START_TEST(small_helpers)
{
	int x = 3, y = 4;
	u32 rem;

	swap(x, y);
	ck_assert_int_eq(x * 10 + y, 43);
	ck_assert_int_eq(clamp_t(int, 5, 1, 3), 3);
	ck_assert_int_eq(clamp_t(int, -5, 1, 3), 1);
	ck_assert_int_eq(clamp_t(int, 2, 1, 3), 2);
	ck_assert_int_eq(min_t(s64, -1, 1u), -1);
	ck_assert_int_eq(max_t(s64, -1, 1u), 1);
	ck_assert_uint_eq(DIV_ROUND_UP(7, 3), 3);
	ck_assert_uint_eq(div_u64_rem(100, 7, &rem) * 10 + rem, 142);
	ck_assert_uint_eq(mul_u64_u32_shr(1ULL << 40, 3, 20), 3ULL << 20);
	ck_assert_int_eq(ENOTSUP, 95);
	ck_assert(IS_ERR(ERR_PTR(-ENOMEM)));
	ck_assert(!IS_ERR(&x));
	ck_assert_int_eq(PTR_ERR(ERR_PTR(-ENOMEM)), -ENOMEM);
}
END_TEST

START_TEST(hashes_spread)
{
	unsigned bucket[64] = { 0 }, worst = 0;

	/* Page-aligned keys have only high bits: a plain modulo would put all of them in one. */
	for (u64 i = 0; i < 6400; i++)
		bucket[hash_64(i << 12, 6)]++;
	for (int i = 0; i < 64; i++)
		worst = MAX(worst, bucket[i]);
	ck_assert_uint_lt(worst, 200);
	ck_assert_uint_lt(hash_32(~0u, 1), 2);
	ck_assert_uint_lt(hash_ptr(bucket, 5), 32);
	/* The FNV-1a test vectors of its authors. */
	ck_assert_uint_eq(hash_bytes("", 0), 0xcbf29ce484222325ULL);
	ck_assert_uint_eq(hash_bytes("foobar", 6), 0x85944171f73967e8ULL);
}
END_TEST

START_TEST(crc)
{
	ck_assert_uint_eq(crc32_ieee(0, "123456789", 9), 0xcbf43926);
	ck_assert_uint_eq(crc32_ieee(crc32_ieee(0, "1234", 4), "56789", 5), 0xcbf43926);
	ck_assert_uint_eq(crc32_ieee(0, "", 0), 0);
}
END_TEST

START_TEST(atomics)
{
	atomic_t a = ATOMIC_INIT(5);
	atomic64_t b = ATOMIC64_INIT(1LL << 40);
	s32 old = 9;
	u64 word = 1;

	ck_assert_int_eq(atomic_add_return(3, &a), 8);
	ck_assert_int_eq(atomic_fetch_sub(8, &a), 8);
	ck_assert(!atomic_inc_not_zero(&a));
	atomic_inc(&a);
	ck_assert(atomic_inc_not_zero(&a));
	ck_assert(!atomic_dec_and_test(&a));
	ck_assert(atomic_dec_and_test(&a));
	atomic_set(&a, 9);
	ck_assert_int_eq(atomic_cmpxchg(&a, 8, 1), 9);
	ck_assert(atomic_try_cmpxchg(&a, &old, 1));
	ck_assert(!atomic_try_cmpxchg_acquire(&a, &old, 2));
	ck_assert_int_eq(old, 1);
	ck_assert(!atomic_add_unless(&a, 4, 1));
	ck_assert_int_eq(atomic_xchg(&a, 0x0f), 1);
	ck_assert_int_eq(atomic_fetch_or(0xf0, &a), 0x0f);
	atomic_and(0x3c, &a);
	atomic_xor(0x04, &a);
	ck_assert_int_eq(atomic_read_acquire(&a), 0x38);
	ck_assert_int_eq(atomic64_inc_return(&b), (1LL << 40) + 1);
	ck_assert_uint_eq(xchg(&word, 2), 1);
	ck_assert_uint_eq(cmpxchg(&word, 1, 3), 2);
	ck_assert_uint_eq(cmpxchg(&word, 2, 3), 2);
	smp_store_release(&word, 4);
	ck_assert_uint_eq(smp_load_acquire(&word), 4);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("math");
	TCase *t = tcase_create("math");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, wide_division);
	tcase_add_test(t, roots_and_divisors);
	tcase_add_test(t, small_helpers);
	tcase_add_test(t, hashes_spread);
	tcase_add_test(t, crc);
	tcase_add_test(t, atomics);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
