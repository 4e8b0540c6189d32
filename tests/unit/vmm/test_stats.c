/* SPDX-License-Identifier: MIT */
/* test_stats.c - exit counts by place against a plain list, sums over vCPUs; the Ctrl-a keys. */
#include "vmm/stats.h"

#include <check.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/console.h"

struct model {
	u64 addr, count;
	bool mmio, write;
};

START_TEST(places)
{
	enum { KINDS = 100, ROUNDS = 5000 };
	struct model model[KINDS];
	struct exit_stats s;
	unsigned seed = 3, used = 0;

	ck_assert_int_eq(exit_stats_init(&s, true), 0);
	for (unsigned i = 0; i < KINDS; i++)
		model[i] = (struct model){ .addr = 0x3f8 + i / 4, .mmio = i & 1, .write = i & 2 };
	for (int i = 0; i < ROUNDS; i++) {
		struct model *m = &model[(unsigned)rand_r(&seed) % KINDS];
		struct exit_place *p = exit_stats_place(&s, m->addr, m->mmio, m->write, "thing");

		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq(p->addr, m->addr);
		ck_assert(p->mmio == m->mmio && p->write == m->write);
		ck_assert_uint_eq(p->count, m->count);
		p->count++;
		m->count++;
	}
	for (unsigned i = 0; i < STATS_MAX_PLACES; i++)
		used += s.place[i].used;
	ck_assert_uint_eq(used, KINDS);
	ck_assert_uint_eq(s.places_lost, 0);
	exit_stats_free(&s);
}
END_TEST

START_TEST(full_table)
{
	struct exit_stats s;

	ck_assert_int_eq(exit_stats_init(&s, true), 0);
	for (u64 i = 0; i < STATS_MAX_PLACES; i++)
		ck_assert_ptr_nonnull(exit_stats_place(&s, i << 12, true, false, NULL));
	ck_assert_ptr_null(exit_stats_place(&s, 0x3f8, false, true, NULL));
	ck_assert_ptr_null(exit_stats_place(&s, 0x3f9, false, true, NULL));
	ck_assert_uint_eq(s.places_lost, 2);
	/* What is in the table is still found. */
	ck_assert_uint_eq(exit_stats_place(&s, 5 << 12, true, false, NULL)->addr, 5 << 12);
	exit_stats_free(&s);
}
END_TEST

START_TEST(sums)
{
	struct exit_stats sum, one;

	ck_assert_int_eq(exit_stats_init(&sum, true), 0);
	for (u64 cpu = 1; cpu <= 3; cpu++) {
		struct exit_place *p;

		ck_assert_int_eq(exit_stats_init(&one, true), 0);
		exit_stats_reason(&one, KVM_EXIT_IO);
		exit_stats_reason(&one, 1000); /* a reason of the future */
		one.ns[KVM_EXIT_IO] = 10 * cpu;
		p = exit_stats_place(&one, 0x60, false, false, "a");
		p->count = cpu;
		p->ns = 100 * cpu;
		p = exit_stats_place(&one, 0x1000 * cpu, true, true, NULL);
		p->count = 1;
		exit_stats_add(&sum, &one);
		exit_stats_free(&one);
	}
	ck_assert_uint_eq(exit_stats_total(&sum), 6);
	ck_assert_uint_eq(sum.count[KVM_EXIT_IO], 3);
	ck_assert_uint_eq(sum.count[STATS_MAX_REASON - 1], 3);
	ck_assert_uint_eq(sum.ns[KVM_EXIT_IO], 60);
	ck_assert_uint_eq(exit_stats_place(&sum, 0x60, false, false, "a")->count, 6);
	ck_assert_uint_eq(exit_stats_place(&sum, 0x60, false, false, "a")->ns, 600);
	ck_assert_uint_eq(exit_stats_place(&sum, 0x2000, true, true, NULL)->count, 1);
	ck_assert_uint_eq(sum.places_lost, 0);
	exit_stats_free(&sum);
}
END_TEST

START_TEST(reason_names)
{
	ck_assert_str_eq(exit_reason_name(KVM_EXIT_IO), "io");
	ck_assert_str_eq(exit_reason_name(KVM_EXIT_MMIO), "mmio");
	ck_assert_str_eq(exit_reason_name(UINT32_MAX), "other");
	for (u32 i = 0; i < 2 * STATS_MAX_REASON; i++)
		ck_assert_uint_gt(strlen(exit_reason_name(i)), 0);
}
END_TEST

/* ---- keys ------------------------------------------------------------------------------------ */

struct pressed {
	int quits, breaks;
};

static void on_quit(void *arg)
{
	((struct pressed *)arg)->quits++;
}

static void on_break(void *arg)
{
	((struct pressed *)arg)->breaks++;
}

START_TEST(keys)
{
	static const struct {
		const char *typed, *passed;
		int quits, breaks;
	} cases[] = {
		{ "plain\r\x03\x7f", "plain\r\x03\x7f", 0, 0 },
		{ "a\001xb", "ab", 1, 0 },
		{ "\001X\001b\001B", "", 1, 2 },
		{ "\001a\001\001", "\001\001", 0, 0 },
		{ "\001zq", "q", 0, 0 },
		{ "\001", "", 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int split = 0; split < 2; split++) {
			struct pressed hit = { 0, 0 };
			struct console c = { .raw = true,
					     .terminal = true,
					     .keys = { &hit, on_quit, on_break } };
			size_t len = strlen(cases[i].typed), got = 0;
			u8 buf[32];

			/* In one piece, and byte by byte as typed. */
			for (size_t at = 0; at < len;) {
				size_t n = split ? 1 : len;

				memcpy(buf + got, cases[i].typed + at, n);
				got += console_filter(&c, buf + got, n);
				at += n;
			}
			buf[got] = 0;
			ck_assert_str_eq((char *)buf, cases[i].passed);
			ck_assert_int_eq(hit.quits, cases[i].quits);
			ck_assert_int_eq(hit.breaks, cases[i].breaks);
		}
	}
}
END_TEST

START_TEST(no_keys_without_a_terminal)
{
	struct pressed hit = { 0, 0 };
	struct console c = { .keys = { &hit, on_quit, on_break } };
	u8 buf[] = "\001x\001b";

	ck_assert_uint_eq(console_filter(&c, buf, 4), 4);
	ck_assert_mem_eq(buf, "\001x\001b", 4);
	ck_assert_int_eq(hit.quits + hit.breaks, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("stats");
	TCase *tc = tcase_create("stats");
	SRunner *r;
	int failed;

	tcase_add_test(tc, places);
	tcase_add_test(tc, full_table);
	tcase_add_test(tc, sums);
	tcase_add_test(tc, reason_names);
	tcase_add_test(tc, keys);
	tcase_add_test(tc, no_keys_without_a_terminal);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
