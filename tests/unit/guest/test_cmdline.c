/* SPDX-License-Identifier: MIT */
/* Unit tests of guest/lib/cmdline.[ch] and parse.[ch]. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/cmdline.h"
#include "guest/lib/errno.h"
#include "guest/lib/parse.h"
#include "guest/lib/rand.h"
#include "tests/unit/guest/fast_check.h"

/* The words as "key[=value]|..." with quotes gone. */
static const struct {
	const char *text, *words, *rest;
} split[] = {
	{ "", "", NULL },
	{ "   \t\n ", "", NULL },
	{ "quiet", "quiet|", NULL },
	{ " a  b=1\tc=x=y ", "a|b=1|c=x=y|", NULL },
	{ "a=\"two words\" b", "a=two words|b|", NULL },
	{ "\"a=two words\" b", "a=two words|b|", NULL },
	{ "a=\"\" b= c", "a=|b=|c|", NULL },
	{ "a=x\"y z\"w b", "a=x\"y z\"w|b|", NULL },
	{ "a=\"never closed b", "a=never closed b|", NULL },
	{ "\"", "|", NULL },
	{ "\"\"", "|", NULL },
	{ "=v", "=v|", NULL },
	{ "a -- b c", "a|", "b c" },
	{ "a --", "a|", "" },
	{ "-- ", "", "" },
	{ "--x -- --", "--x|", "--" },
	{ "\"--\" b", "--|b|", NULL },
	{ "a=\"--\" -- \"q\"", "a=--|", "\"q\"" },
};

START_TEST(words_and_rest)
{
	for (size_t i = 0; i < sizeof(split) / sizeof(split[0]); i++) {
		const char *pos = split[i].text, *rest = cmdline_rest(split[i].text);
		struct cmdline_arg arg;
		char got[100] = "";
		size_t n = 0;

		while (cmdline_next(&pos, &arg))
			n += (size_t)sprintf(got + n, "%.*s%s%.*s|", (int)arg.key_len, arg.key,
					     arg.value ? "=" : "", (int)arg.value_len,
					     arg.value ? arg.value : "");
		ck_assert_str_eq(got, split[i].words);
		ck_assert_int_eq(rest != NULL, split[i].rest != NULL);
		if (rest)
			ck_assert_str_eq(rest, split[i].rest);
		ck_assert(!cmdline_next(&pos, &arg));
	}
}
END_TEST

START_TEST(lookup)
{
	const char *text =
		"quiet mem=64M name=\"a b\" mem=1G loud=0 fast=maybe no-smp empty= -- mem=5";
	char buf[8] = "zz";
	u64 v = 7;
	bool b = true;

	ck_assert(cmdline_has(text, "quiet"));
	ck_assert(cmdline_has(text, "mem"));
	ck_assert(!cmdline_has(text, "me"));
	ck_assert(!cmdline_has(text, "memx"));
	ck_assert(cmdline_has(text, "no_smp"));

	ck_assert_int_eq(cmdline_u64(text, "mem", &v), 0);
	ck_assert_uint_eq(v, 1ULL << 30);
	ck_assert_int_eq(cmdline_u64(text, "name", &v), -EINVAL);
	ck_assert_int_eq(cmdline_u64(text, "quiet", &v), -ENOENT);
	ck_assert_int_eq(cmdline_u64(text, "absent", &v), -ENOENT);
	ck_assert_int_eq(cmdline_u64(text, "empty", &v), -EINVAL);
	ck_assert_uint_eq(v, 1ULL << 30);

	ck_assert_int_eq(cmdline_str(text, "name", buf, sizeof(buf)), 3);
	ck_assert_str_eq(buf, "a b");
	ck_assert_int_eq(cmdline_str(text, "name", buf, 4), 3);
	ck_assert_int_eq(cmdline_str(text, "name", buf, 3), -E2BIG);
	ck_assert_str_eq(buf, "");
	ck_assert_int_eq(cmdline_str(text, "empty", buf, 1), 0);
	ck_assert_int_eq(cmdline_str(text, "quiet", buf, 8), -ENOENT);

	ck_assert_int_eq(cmdline_bool(text, "loud", &b), 0);
	ck_assert(!b);
	ck_assert_int_eq(cmdline_bool(text, "quiet", &b), 0);
	ck_assert(b);
	ck_assert_int_eq(cmdline_bool(text, "fast", &b), -EINVAL);
	ck_assert_int_eq(cmdline_bool(text, "absent", &b), -ENOENT);
	ck_assert(b);
}
END_TEST

START_TEST(lists)
{
	const char *text = "selftest=list,rb-tree,,bitmap, none= flag";

	ck_assert(cmdline_list_has(text, "selftest", "list"));
	ck_assert(cmdline_list_has(text, "selftest", "rb-tree"));
	ck_assert(cmdline_list_has(text, "selftest", "bitmap"));
	ck_assert(!cmdline_list_has(text, "selftest", "bit"));
	ck_assert(!cmdline_list_has(text, "selftest", "bitmaps"));
	ck_assert(!cmdline_list_has(text, "selftest", ""));
	ck_assert(!cmdline_list_has(text, "none", "list"));
	ck_assert(!cmdline_list_has(text, "flag", "flag"));
	ck_assert(!cmdline_list_has(text, "absent", "x"));
}
END_TEST

/* Every view lies within the text, whatever it is; exact allocation lets ASan see. */
START_TEST(random_text_stays_inside)
{
	struct rand r;

	rand_init(&r, 12);
	for (int i = 0; i < 50000; i++) {
		size_t n = rand_below(&r, 40), seen = 0, len, at = 0;
		char *text = malloc(n + 1);
		struct cmdline_arg arg;
		const char *pos = text, *item;

		for (size_t k = 0; k < n; k++)
			text[k] = "ab=\" ,-\t"[rand_below(&r, 8)];
		text[n] = 0;
		while (cmdline_next(&pos, &arg)) {
			CHECK(arg.key >= text && arg.key + arg.key_len <= text + n);
			CHECK(!arg.value || arg.value + arg.value_len <= text + n);
			for (at = 0; cmdline_list_next(&arg, &at, &item, &len);)
				CHECK(len && !memchr(item, ',', len) &&
				      item + len <= arg.value + arg.value_len);
			seen++;
		}
		CHECK(seen <= n);
		cmdline_rest(text);
		free(text);
	}
}
END_TEST

static const struct {
	const char *s;
	unsigned base;
	int err;
	u64 value;
} numbers[] = {
	{ "0", 0, 0, 0 },
	{ "42", 0, 0, 42 },
	{ "0x2a", 0, 0, 42 },
	{ "0X2A", 16, 0, 42 },
	{ "2a", 16, 0, 42 },
	{ "052", 0, 0, 42 },
	{ "052", 10, 0, 52 },
	{ "101010", 2, 0, 42 },
	{ "z", 36, 0, 35 },
	{ "18446744073709551615", 0, 0, UINT64_MAX },
	{ "0xffffffffffffffff", 0, 0, UINT64_MAX },
	{ "18446744073709551616", 0, -ERANGE, 0 },
	{ "0x10000000000000000", 0, -ERANGE, 0 },
	{ "99999999999999999999999", 0, -ERANGE, 0 },
	{ "", 0, -EINVAL, 0 },
	{ "0x", 0, -EINVAL, 0 },
	{ "08", 0, -EINVAL, 0 },
	{ "-1", 0, -EINVAL, 0 },
	{ "+1", 0, -EINVAL, 0 },
	{ " 1", 0, -EINVAL, 0 },
	{ "1 ", 0, -EINVAL, 0 },
	{ "12a", 10, -EINVAL, 0 },
	{ "2", 2, -EINVAL, 0 },
};

START_TEST(unsigned_numbers)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		u64 v = 99;
		int err = parse_u64(numbers[i].s, strlen(numbers[i].s), numbers[i].base, &v);

		ck_assert_msg(err == numbers[i].err, "%s: %d", numbers[i].s, err);
		ck_assert_uint_eq(v, err ? 99 : numbers[i].value);
	}
}
END_TEST

START_TEST(signed_numbers)
{
	s64 v = 5;

	ck_assert_int_eq(parse_s64("-9223372036854775808", 20, 0, &v), 0);
	ck_assert_int_eq(v, INT64_MIN);
	ck_assert_int_eq(parse_s64("9223372036854775807", 19, 0, &v), 0);
	ck_assert_int_eq(v, INT64_MAX);
	ck_assert_int_eq(parse_s64("-9223372036854775809", 20, 0, &v), -ERANGE);
	ck_assert_int_eq(parse_s64("9223372036854775808", 19, 0, &v), -ERANGE);
	ck_assert_int_eq(parse_s64("+0x10", 5, 0, &v), 0);
	ck_assert_int_eq(v, 16);
	ck_assert_int_eq(parse_s64("-", 1, 0, &v), -EINVAL);
	ck_assert_int_eq(parse_s64("--1", 3, 0, &v), -EINVAL);
	ck_assert_int_eq(parse_s64("", 0, 0, &v), -EINVAL);
	ck_assert_int_eq(v, 16);
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *s;
		int err;
		u64 value;
	} table[] = {
		{ "1k", 0, 1024 },	 { "64M", 0, 64ULL << 20 }, { "0x10g", 0, 16ULL << 30 },
		{ "2T", 0, 2ULL << 40 }, { "1p", 0, 1ULL << 50 },   { "15E", 0, 15ULL << 60 },
		{ "16E", -ERANGE, 0 },	 { "0x1e", 0, 0x1e },	    { "4096", 0, 4096 },
		{ "K", -EINVAL, 0 },	 { "", -EINVAL, 0 },	    { "1KB", -EINVAL, 0 },
		{ "1x", -EINVAL, 0 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		u64 v = 99;
		int err = parse_size(table[i].s, strlen(table[i].s), &v);

		ck_assert_msg(err == table[i].err, "%s: %d", table[i].s, err);
		ck_assert_uint_eq(v, err ? 99 : table[i].value);
	}
}
END_TEST

START_TEST(switches)
{
	bool b = false;

	ck_assert_int_eq(parse_bool("ON", 2, &b), 0);
	ck_assert(b);
	ck_assert_int_eq(parse_bool("No", 2, &b), 0);
	ck_assert(!b);
	ck_assert_int_eq(parse_bool("truex", 4, &b), 0);
	ck_assert(b);
	ck_assert_int_eq(parse_bool("o", 1, &b), -EINVAL);
	ck_assert_int_eq(parse_bool("offf", 4, &b), -EINVAL);
	ck_assert_int_eq(parse_bool("", 0, &b), -EINVAL);
}
END_TEST

START_TEST(numbers_read_back)
{
	struct rand r;
	char text[32];

	rand_init(&r, 13);
	for (int i = 0; i < 50000; i++) {
		u64 v = rand_u64(&r) >> rand_below(&r, 64), got;
		const char *fmt[] = { "%" PRIu64, "0x%" PRIx64, "0%" PRIo64 };
		int n = snprintf(text, sizeof(text), fmt[rand_below(&r, 3)], v);

		CHECK_EQ(parse_u64(text, (size_t)n, 0, &got), 0);
		CHECK_EQ(got, v);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cmdline");
	TCase *t = tcase_create("cmdline");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, words_and_rest);
	tcase_add_test(t, lookup);
	tcase_add_test(t, lists);
	tcase_add_test(t, random_text_stays_inside);
	tcase_add_test(t, unsigned_numbers);
	tcase_add_test(t, signed_numbers);
	tcase_add_test(t, sizes);
	tcase_add_test(t, switches);
	tcase_add_test(t, numbers_read_back);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
