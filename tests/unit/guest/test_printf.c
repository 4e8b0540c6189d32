/* SPDX-License-Identifier: MIT */
/* Unit tests of guest/lib/printf.[ch]: libc's snprintf() is the oracle. */
#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/printf.h"
#include "guest/lib/rand.h"

/* The formats are made at run time; what they take is checked by construction. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat"

/* Both formatters on the same format and arguments, in a buffer of `room` bytes. */
#define COMPARE(room, ...)                                                               \
	do {                                                                             \
		char want[700], got[700];                                                \
		int w, g;                                                                \
		memset(want, 'X', sizeof(want));                                         \
		memset(got, 'X', sizeof(got));                                           \
		w = snprintf(want, (room), __VA_ARGS__);                                 \
		g = ksnprintf(got, (room), __VA_ARGS__);                                 \
		if (w != g)                                                              \
			ck_abort_msg("\"%s\": length %d, not %d", fmt, g, w);            \
		if (memcmp(want, got, sizeof(got)) != 0)                                 \
			ck_abort_msg("\"%s\": <%.*s> not <%.*s>", fmt, (int)(room), got, \
				     (int)(room), want);                                 \
	} while (0)

struct conv {
	char fmt[64];
	unsigned stars;
	int star[2];
};

static void make_conv(struct rand *r, struct conv *c, const char *length, char letter, bool zero_ok)
{
	const char *flags = zero_ok ? "-+ #0" : "-";
	char *p = c->fmt;

	c->stars = 0;
	if (rand_one_in(r, 3))
		p += sprintf(p, "lit");
	*p++ = '%';
	while (rand_one_in(r, 2) && p < c->fmt + 20)
		*p++ = flags[rand_below(r, strlen(flags))];
	if (rand_one_in(r, 3))
		p += sprintf(p, "%u", (unsigned)rand_range(r, 1, 40));
	else if (rand_one_in(r, 4)) {
		*p++ = '*';
		c->star[c->stars++] = (int)rand_range(r, 0, 60) - 30;
	}
	if (letter != 'c' && letter != 'p') {
		if (rand_one_in(r, 3))
			p += sprintf(p, ".%u", (unsigned)rand_below(r, 30));
		else if (rand_one_in(r, 8))
			*p++ = '.';
		else if (rand_one_in(r, 6)) {
			p += sprintf(p, ".*");
			c->star[c->stars++] = (int)rand_range(r, 0, 30) - 5;
		}
	}
	p += sprintf(p, "%s%c", length, letter);
	if (rand_one_in(r, 3))
		p += sprintf(p, "%%%%tail");
}

#define COMPARE_CONV(room, c, value)                                           \
	do {                                                                   \
		const char *fmt = (c)->fmt;                                    \
		if ((c)->stars == 0)                                           \
			COMPARE(room, fmt, value);                             \
		else if ((c)->stars == 1)                                      \
			COMPARE(room, fmt, (c)->star[0], value);               \
		else                                                           \
			COMPARE(room, fmt, (c)->star[0], (c)->star[1], value); \
	} while (0)

static u64 random_value(struct rand *r)
{
	static const u64 edges[] = { 0,		1,	   9,	      10,
				     99,	100,	   INT_MAX,   INT_MIN,
				     UINT_MAX,	INT64_MAX, INT64_MIN, UINT64_MAX,
				     SCHAR_MIN, SHRT_MIN,  0xff,      0xffff };

	return rand_one_in(r, 3) ? edges[rand_below(r, sizeof(edges) / sizeof(edges[0]))]
				 : rand_u64(r) >> rand_below(r, 64);
}

START_TEST(integers)
{
	static const char *lengths[] = { "", "hh", "h", "l", "ll", "z", "t", "j" };
	struct conv c;
	struct rand r;

	rand_init(&r, 8);
	for (int i = 0; i < 120000; i++) {
		size_t l = rand_below(&r, 8);
		size_t room = rand_one_in(&r, 3) ? rand_below(&r, 30) : 600;
		u64 v = random_value(&r);

		make_conv(&r, &c, lengths[l], "diuoxX"[rand_below(&r, 6)], true);
		if (l >= 3)
			COMPARE_CONV(room, &c, v);
		else
			COMPARE_CONV(room, &c, (int)v);
	}
}
END_TEST

START_TEST(strings_and_pointers)
{
	static const char *words[] = { "", "a", "hello", "a longer word with blanks", NULL };
	struct conv c;
	struct rand r;

	rand_init(&r, 9);
	for (int i = 0; i < 40000; i++) {
		size_t room = rand_one_in(&r, 3) ? rand_below(&r, 30) : 600;
		const char *s = words[rand_below(&r, 5)];
		int ch = (int)rand_range(&r, 1, 126);
		void *ptr = (void *)(uintptr_t)random_value(&r);

		make_conv(&r, &c, "", 's', false);
		COMPARE_CONV(room, &c, s);
		make_conv(&r, &c, "", 'c', false);
		COMPARE_CONV(room, &c, ch);
		make_conv(&r, &c, "", 'p', false);
		COMPARE_CONV(room, &c, ptr);
	}
}
END_TEST

START_TEST(unterminated_string_with_precision)
{
	/* A precision allows a string without NUL: one byte more must not be read (ASan sees). */
	char *bytes = malloc(4), buf[16];

	memcpy(bytes, "abcd", 4);
	ck_assert_int_eq(ksnprintf(buf, sizeof(buf), "%.4s|", bytes), 5);
	ck_assert_str_eq(buf, "abcd|");
	free(bytes);
}
END_TEST

START_TEST(several_conversions)
{
	volatile int wide = 1000000; /* volatile: not for the compiler to judge */
	const char *fmt = "%d %s %#lx %5.3u%% %-6c| %*d %p";

	COMPARE(600, fmt, -5, "text", 0xabcdUL, 7, 'q', 9, 42, (void *)0x1000);
	fmt = "no conversion";
	COMPARE(600, fmt);
	fmt = "";
	COMPARE(600, fmt);
	fmt = "%*d";
	COMPARE(600, fmt, wide, 5);
	fmt = "%.*d";
	COMPARE(600, fmt, wide, 5);
	ck_assert_int_eq(ksnprintf(NULL, 0, "%s-%d", "abc", 12), 6);
}
END_TEST

START_TEST(unknown_conversions_stay_visible)
{
	char buf[64];

	ksnprintf(buf, sizeof(buf), "a%qb %d", 7);
	ck_assert_str_eq(buf, "a%qb 7");
	ksnprintf(buf, sizeof(buf), "end%");
	ck_assert_str_eq(buf, "end%");
	ksnprintf(buf, sizeof(buf), "end%-08l");
	ck_assert_str_eq(buf, "end%-08l");
	ksnprintf(buf, sizeof(buf), "%n%d", 7);
	ck_assert_str_eq(buf, "%n7");
	ksnprintf(buf, sizeof(buf), "%+p% p", (void *)0x12, (void *)0x34);
	ck_assert_str_eq(buf, "0x120x34");
	ksnprintf(buf, sizeof(buf), "%f", 7);
	ck_assert_str_eq(buf, "%f");
}
END_TEST

START_TEST(scnprintf_returns_what_is_there)
{
	char buf[8];

	ck_assert_int_eq(kscnprintf(buf, sizeof(buf), "%s", "0123456789"), 7);
	ck_assert_str_eq(buf, "0123456");
	ck_assert_int_eq(kscnprintf(buf, sizeof(buf), "abc"), 3);
	ck_assert_int_eq(kscnprintf(buf, 0, "abc"), 0);
	ck_assert_int_eq(kscnprintf(buf, 1, "abc"), 0);
	ck_assert_str_eq(buf, "");
}
END_TEST

static int format_symbol(void *arg, char *buf, size_t size, const void *ptr)
{
	return ksnprintf(buf, size, "%s+%#lx", (const char *)arg, (u64)(uintptr_t)ptr & 0xfff);
}

START_TEST(pointer_extensions)
{
	static char name[] = "start";
	static char very_long[300];
	struct printf_ext table[] = { { 'S', format_symbol, name },
				      { 'L', format_symbol, very_long },
				      { 0 } };
	char buf[256];

	ksnprintf(buf, sizeof(buf), "%pS.", (void *)0x1234);
	ck_assert_str_eq(buf, "0x1234.");
	printf_set_ext(table);
	ksnprintf(buf, sizeof(buf), "<%pS> <%12pS> <%-12pS> %px", (void *)0x1234, (void *)0x1234,
		  (void *)0x1234, (void *)0x1234);
	ck_assert_str_eq(buf, "<start+0x234> < start+0x234> <start+0x234 > 0x1234x");
	memset(very_long, 'l', sizeof(very_long) - 1);
	ck_assert_int_eq(ksnprintf(buf, sizeof(buf), "%pL", (void *)1), 127);
	printf_set_ext(NULL);
	ksnprintf(buf, sizeof(buf), "%pS", (void *)0x1234);
	ck_assert_str_eq(buf, "0x1234");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("printf");
	TCase *t = tcase_create("printf");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_test(t, integers);
	tcase_add_test(t, strings_and_pointers);
	tcase_add_test(t, unterminated_string_with_precision);
	tcase_add_test(t, several_conversions);
	tcase_add_test(t, unknown_conversions_stay_visible);
	tcase_add_test(t, scnprintf_returns_what_is_there);
	tcase_add_test(t, pointer_extensions);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
