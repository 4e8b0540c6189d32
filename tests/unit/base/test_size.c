/* SPDX-License-Identifier: MIT */
/* Unit tests of base/size.c. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

static const struct {
	const char *text;
	int err;
	u64 bytes;
} parses[] = {
	{ "0", 0, 0 },
	{ "256", 0, 256 * MiB },
	{ "256M", 0, 256 * MiB },
	{ "256m", 0, 256 * MiB },
	{ "256MB", 0, 256 * MiB },
	{ "256MiB", 0, 256 * MiB },
	{ "256mib", 0, 256 * MiB },
	{ "4k", 0, 4096 },
	{ "1G", 0, GiB },
	{ "16T", 0, 16 * TiB },
	{ "16TiB", 0, 16 * TiB },
	{ "1234567B", 0, 1234567 },
	{ "007K", 0, 7 * KiB },
	{ "18446744073709551615B", 0, UINT64_MAX },
	{ "16777215T", 0, 16777215 * TiB },
	{ "17592186044415", 0, UINT64_MAX - MiB + 1 },
	{ "18446744073709551616B", -ERANGE, 0 },
	{ "16777216T", -ERANGE, 0 },
	{ "17592186044416", -ERANGE, 0 },
	{ "99999999999999999999999999", -ERANGE, 0 },
	/* wraps to 0 and to 2^63 in 64 bits */
	{ "36893488147419103232B", -ERANGE, 0 },
	{ "27670116110564327424B", -ERANGE, 0 },
	{ "99999999999999999999999999x", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "M", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },
	{ "+1", -EINVAL, 0 },
	{ " 1", -EINVAL, 0 },
	{ "1 ", -EINVAL, 0 },
	{ "1 G", -EINVAL, 0 },
	{ "1.5G", -EINVAL, 0 },
	{ "0x10", -EINVAL, 0 },
	{ "1P", -EINVAL, 0 },
	{ "1GG", -EINVAL, 0 },
	{ "1Gi", -EINVAL, 0 },
	{ "1BB", -EINVAL, 0 },
	{ "1GiBs", -EINVAL, 0 },
	{ "iB", -EINVAL, 0 },
	{ "1iB", -EINVAL, 0 },
};

START_TEST(parse)
{
	for (size_t i = 0; i < ARRAY_SIZE(parses); i++) {
		u64 out = 42;
		int err = size_parse(parses[i].text, &out);

		ck_assert_msg(err == parses[i].err, "'%s': %d", parses[i].text, err);
		ck_assert_msg(out == (err ? 42 : parses[i].bytes), "'%s': %llu", parses[i].text,
			      (unsigned long long)out);
	}
}
END_TEST

static const struct {
	u64 bytes;
	const char *text;
} formats[] = {
	{ 0, "0" },
	{ 1, "1B" },
	{ 1023, "1023B" },
	{ KiB, "1K" },
	{ 256 * MiB, "256M" },
	{ GiB, "1G" },
	{ 1536 * MiB, "1536M" },
	{ 1025 * KiB, "1025K" },
	{ 1234567, "1234567B" },
	{ 16 * TiB, "16T" },
	{ 16 * TiB - 1, "17592186044415B" },
	{ 16 * TiB - 4 * KiB, "17179869180K" },
	{ 99999999999999, "99999999999999B" },
	{ 100000000000001, "~90T" },
	{ UINT64_MAX, "~16777215T" },
};

START_TEST(format)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		char buf[SIZE_TEXT];

		memset(buf, 'x', sizeof(buf));
		size_format(formats[i].bytes, buf);
		ck_assert_str_eq(buf, formats[i].text);
	}
}
END_TEST

/* Random values of every magnitude up to 64 TiB, with any number of zero bits at the end. */
START_TEST(format_then_parse_is_identity)
{
	srand(7);
	for (unsigned i = 0; i < 20000; i++) {
		u64 v = ((u64)rand() << 31 | (u64)rand()) >> (16 + rand() % 46);
		u64 back = ~v;
		char buf[SIZE_TEXT];

		v &= ~0ULL << rand() % 46;
		size_format(v, buf);
		ck_assert_int_eq(size_parse(buf, &back), 0);
		ck_assert_msg(back == v, "%llu became %s", (unsigned long long)v, buf);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("size");
	TCase *t = tcase_create("size");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, parse);
	tcase_add_test(t, format);
	tcase_add_test(t, format_then_parse_is_identity);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
