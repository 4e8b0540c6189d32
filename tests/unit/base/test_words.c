/* SPDX-License-Identifier: MIT */
/* test_words.c - suggest() against a distance computed by its definition, and JSON strings. */
#include "base/json.h"
#include "base/suggest.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"

/* The definition: the cheapest way to make b of a, tried out. Exponential, so short words only. */
static size_t distance(const char *a, const char *b)
{
	size_t best;

	if (!*a || !*b)
		return strlen(a) + strlen(b);
	best = distance(a + 1, b + 1) + (*a != *b);
	best = MIN(best, distance(a + 1, b) + 1);
	best = MIN(best, distance(a, b + 1) + 1);
	if (a[1] && b[1] && a[0] == b[1] && a[1] == b[0])
		best = MIN(best, distance(a + 2, b + 2) + 1);
	return best;
}

static void random_word(char *word, unsigned *seed)
{
	int len = 1 + rand_r(seed) % 6;

	for (int i = 0; i < len; i++)
		word[i] = (char)('a' + rand_r(seed) % 3);
	word[len] = 0;
}

START_TEST(nearest_by_definition)
{
	enum { N = 6 };
	unsigned seed = 11;

	for (int round = 0; round < 400; round++) {
		char text[N][8], word[8];
		const char *words[N], *got;
		size_t limit, best = 99;

		random_word(word, &seed);
		for (int i = 0; i < N; i++) {
			random_word(text[i], &seed);
			words[i] = text[i];
			best = MIN(best, distance(word, words[i]));
		}
		limit = MAX(strlen(word) / 3, (size_t)1);
		got = suggest(word, words, N);
		if (best > limit)
			ck_assert_ptr_null(got);
		else
			ck_assert_uint_eq(distance(word, got), best);
	}
}
END_TEST

START_TEST(typing_errors)
{
	static const char *const words[] = { "run", "contrast", "doctor", "mem", "hugepages" };
	static const struct {
		const char *typed, *meant;
	} cases[] = {
		{ "rnu", "run" },
		{ "rum", "run" },
		{ "doctr", "doctor" },
		{ "contarst", "contrast" },
		{ "huge-page", "hugepages" },
		{ "memm", "mem" },
		{ "", NULL },
		{ "zebra", NULL },
		{ "hugepagesandmuchmorethanthatreally", NULL },
		{ "runrunrunrunrunrunrunrunrunrunrunrun", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *got = suggest(cases[i].typed, words, ARRAY_SIZE(words));

		if (cases[i].meant)
			ck_assert_str_eq(got, cases[i].meant);
		else
			ck_assert_ptr_null(got);
	}
	ck_assert_ptr_null(suggest("run", words, 0));
}
END_TEST

START_TEST(json_strings)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "", "\"\"" },
		{ "plain", "\"plain\"" },
		{ "a\"b\\c/d", "\"a\\\"b\\\\c/d\"" },
		{ "\n\t\x01\x1f\x7f", "\"\\u000a\\u0009\\u0001\\u001f\\u007f\"" },
		{ "na\xc3\xafve", "\"na\xc3\xafve\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *buf = NULL;
		size_t size;
		FILE *f = open_memstream(&buf, &size);

		ck_assert_ptr_nonnull(f);
		json_put_string(f, cases[i].text);
		fclose(f);
		ck_assert_str_eq(buf, cases[i].json);
		free(buf);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("words");
	TCase *tc = tcase_create("words");
	SRunner *r;
	int failed;

	tcase_add_test(tc, nearest_by_definition);
	tcase_add_test(tc, typing_errors);
	tcase_add_test(tc, json_strings);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
