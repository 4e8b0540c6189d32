/* SPDX-License-Identifier: MIT */
/* Unit tests of guest/lib/string.[ch]: libc's functions are the oracle of the lib_ ones. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/errno.h"
#include "guest/lib/rand.h"
#include "guest/lib/string.h"
#include "tests/unit/guest/fast_check.h"

enum { SIZE = 100 };

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

START_TEST(memory)
{
	u8 a[SIZE], b[SIZE], got[SIZE], want[SIZE];
	struct rand r;

	rand_init(&r, 10);
	for (int i = 0; i < 100000; i++) {
		size_t n = rand_below(&r, 60), from = rand_below(&r, SIZE - n);
		size_t to = rand_below(&r, SIZE - n);
		int c = (int)rand_below(&r, 256);

		rand_fill(&r, a, SIZE);
		memcpy(b, a, SIZE);
		if (n && rand_one_in(&r, 2))
			b[rand_below(&r, n)] ^= (u8)(1 + rand_below(&r, 255));
		CHECK_EQ(sign(lib_memcmp(a, b, n)), sign(memcmp(a, b, n)));
		CHECK_EQ(lib_memchr(a, c, n), memchr(a, c, n));

		memcpy(got, a, SIZE);
		memcpy(want, a, SIZE);
		CHECK_EQ(lib_memmove(got + to, got + from, n), (void *)(got + to));
		memmove(want + to, want + from, n);
		CHECK(memcmp(got, want, SIZE) == 0);
		CHECK_EQ(lib_memcpy(got + to, b + from, n), (void *)(got + to));
		memcpy(want + to, b + from, n);
		CHECK(memcmp(got, want, SIZE) == 0);
		CHECK_EQ(lib_memset(got + to, c, n), (void *)(got + to));
		memset(want + to, c, n);
		CHECK(memcmp(got, want, SIZE) == 0);
		CHECK_EQ(memchr_inv(got + to, c, n), NULL);
		if (n) {
			size_t odd = rand_below(&r, n);

			got[to + odd] = (u8)~c;
			CHECK_EQ(memchr_inv(got + to, c, n), (void *)(got + to + odd));
		}
	}
}
END_TEST

/* Few letters, so that comparisons and searches often get far. */
static void random_text(struct rand *r, char *s, size_t max)
{
	size_t n = rand_below(r, max);

	for (size_t i = 0; i < n; i++)
		s[i] = "ab\xff"[rand_below(r, 3)];
	s[n] = 0;
}

START_TEST(strings)
{
	char a[40], b[8];
	struct rand r;

	rand_init(&r, 11);
	for (int i = 0; i < 100000; i++) {
		size_t n = rand_below(&r, 12);
		int c = "ab\xff\0x"[rand_below(&r, 5)];

		random_text(&r, a, sizeof(a));
		random_text(&r, b, rand_one_in(&r, 2) ? 4 : sizeof(b));
		CHECK_EQ(lib_strlen(a), strlen(a));
		CHECK_EQ(lib_strnlen(a, n), strnlen(a, n));
		CHECK_EQ(sign(lib_strcmp(a, b)), sign(strcmp(a, b)));
		CHECK_EQ(sign(lib_strncmp(a, b, n)), sign(strncmp(a, b, n)));
		CHECK_EQ(lib_strchr(a, c), strchr(a, c));
		CHECK_EQ(lib_strrchr(a, c), strrchr(a, c));
		CHECK_EQ(lib_strstr(a, b), strstr(a, b));
		CHECK_EQ(str_has_prefix(a, b), strncmp(a, b, strlen(b)) == 0);
	}
}
END_TEST

START_TEST(bounded_copy)
{
	char buf[4] = "zzz";

	ck_assert_int_eq(strscpy(buf, "abc", 4), 3);
	ck_assert_str_eq(buf, "abc");
	ck_assert_int_eq(strscpy(buf, "abcd", 4), -E2BIG);
	ck_assert_str_eq(buf, "abc");
	ck_assert_int_eq(strscpy(buf, "x", 1), -E2BIG);
	ck_assert_str_eq(buf, "");
	buf[0] = 'q';
	ck_assert_int_eq(strscpy(buf, "x", 0), -E2BIG);
	ck_assert_int_eq(buf[0], 'q');
	ck_assert_int_eq(strscpy(buf, "", 1), 0);
}
END_TEST

START_TEST(trimming)
{
	char a[] = " \t two words \r\n", b[] = "   ", c[] = "";

	ck_assert_str_eq(strim(a), "two words");
	ck_assert_str_eq(strim(b), "");
	ck_assert_str_eq(strim(c), "");
	ck_assert_str_eq(skip_spaces("\v\f x "), "x ");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("string");
	TCase *t = tcase_create("string");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, memory);
	tcase_add_test(t, strings);
	tcase_add_test(t, bounded_copy);
	tcase_add_test(t, trimming);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
