/* SPDX-License-Identifier: MIT */
/* test_contrast.c - modes by name, several runs as one, and sentences that follow from the counters. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/contrast/contrast.h"

static struct contrast_cell cell(u64 n, u64 vmm, const char *cause, u64 kvm)
{
	struct contrast_cell c = { .runs = 1 };

	c.v[CM_N] = n;
	c.v[CM_EXITS] = vmm + kvm;
	c.v[CM_VMM_EXITS] = vmm;
	contrast_count_add(&c.causes, cause, vmm);
	contrast_count_add(&c.causes, CAUSE_UNNAMED, kvm);
	return c;
}

static struct contrast_mode mode(const char *name)
{
	struct contrast_mode m;
	struct error e;

	ck_assert_int_eq(contrast_mode_parse(name, strlen(name), &m, &e), 0);
	return m;
}

static const char *explain(const char *workload, const struct contrast_cell *a,
			   const struct contrast_cell *b, enum contrast_verdict *verdict)
{
	static char why[CONTRAST_WHY];
	struct contrast_row row = { .workload =
					    contrast_workload_find(workload, strlen(workload)) };
	struct contrast_mode full = mode("full"), para = mode("para");

	ck_assert_ptr_nonnull(row.workload);
	contrast_explain(&row, &full, a, &para, b, why);
	*verdict = contrast_verdict(&row, a, b);
	return why;
}

#define HAS(text, part)	  ck_assert_msg(strstr((text), (part)), "no \"%s\" in \"%s\"", (part), (text))
#define LACKS(text, part) ck_assert_msg(!strstr((text), (part)), "\"%s\" in \"%s\"", (part), (text))

START_TEST(modes)
{
	static const char *const bad[] = {
		"",	     "ful",
		"full-eoi",  "para-",
		"para-x",    "paraeoi",
		"para-eoi-", "para-eoi-eoi-eoi-eoi-eoi-eoi-eoi-eoi-eoi-eoi-eoi-eoi-eoi"
	};
	struct contrast_mode m;
	struct error e;

	ck_assert_int_eq(mode("full").virt, VIRT_FULL);
	ck_assert_int_eq(mode("para").virt, VIRT_PARA);
	ck_assert_str_eq(mode("para").pv, "");
	ck_assert_str_eq(mode("para-eoi-clock").pv, "-eoi,-clock");
	ck_assert_str_eq(mode("para-eoi-clock").name, "para-eoi-clock");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_lt(contrast_mode_parse(bad[i], strlen(bad[i]), &m, &e), 0);
}
END_TEST

START_TEST(numbers)
{
	char n[32], r[16];

	ck_assert_str_eq(contrast_number(0, n), "0");
	ck_assert_str_eq(contrast_number(999, n), "999");
	ck_assert_str_eq(contrast_number(1000, n), "1,000");
	ck_assert_str_eq(contrast_number(UINT64_MAX, n), "18,446,744,073,709,551,615");
	ck_assert_str_eq(contrast_ratio(0, 5, r), "");
	ck_assert_str_eq(contrast_ratio(100, 38, r), "0.38x");
	ck_assert_str_eq(contrast_ratio(1000, 1, r), "0.001x");
	ck_assert_str_eq(contrast_ratio(1, 12, r), "12.00x");
}
END_TEST

START_TEST(who_wins)
{
	struct contrast_cell a = cell(1024, 73728, "uart16550", 30),
			     b = cell(1024, 0, "virtio-console", 60);
	enum contrast_verdict v;
	const char *why;

	b.v[CM_DOORBELLS] = 12;
	b.v[CM_INTERRUPTS] = 1;
	b.v[CM_EOI_SPARED] = 30;
	b.v[CM_EOI_WRITTEN] = 2;
	why = explain("console", &a, &b, &v);
	ck_assert_int_eq(v, VERDICT_WINS);
	HAS(why, "para wins: ");
	HAS(why, "(60, 73,758)");
	HAS(why, "accesses to the 16550 0 against 73,728");
	HAS(why, "12 doorbells and 1 interrupt,");
	HAS(why, "PV EOI spared 30 of 32");
	LACKS(why, "CPU time"); /* too short to tell */
	why = explain("console", &b, &a, &v);
	ck_assert_int_eq(v, VERDICT_LOSES);
	HAS(why, "does not win");
	HAS(why, "accesses to the 16550 73,728 against 0");
	why = explain("console", &a, &a, &v);
	ck_assert_int_eq(v, VERDICT_EVEN);
	HAS(why, "No clear difference");
}
END_TEST

START_TEST(network)
{
	struct contrast_cell a = cell(64, 5376, "ne2000", 159), b = cell(64, 0, "virtio-net", 199);
	enum contrast_verdict v;
	const char *why;

	b.v[CM_DOORBELLS] = b.v[CM_INTERRUPTS] = 64;
	why = explain("net", &a, &b, &v);
	ck_assert_int_eq(v, VERDICT_WINS);
	HAS(why, "exits for each round trip against 86.48 (199, 5,535)");
	HAS(why, "accesses to the NE2000 0 against 5,376");
	HAS(why, "64 doorbells and 64 interrupts");
	HAS(explain("fork", &a, &a, &v), "exits for each process");
}
END_TEST

/* Work that is done more often takes more exits: that alone is no loss. */
START_TEST(rates)
{
	struct contrast_cell a = cell(100, 0, "", 300), b = cell(200, 0, "", 400);
	enum contrast_verdict v;

	a.v[CM_TICKS] = 100;
	b.v[CM_TICKS] = 200;
	HAS(explain("tick-250", &a, &b, &v), "2 exits for each tick against 3 (400, 300)");
	ck_assert_int_eq(v, VERDICT_WINS);
}
END_TEST

/* Without exits of its own, a work is judged by instructions or not at all. */
START_TEST(no_exits)
{
	struct contrast_cell a = cell(2000, 0, "", 2), b = cell(2000, 0, "", 9);
	enum contrast_verdict v;
	const char *why;

	ck_assert_ptr_nonnull(explain("clock", &a, &b, &v));
	ck_assert_int_eq(v, VERDICT_EVEN);
	a.v[CM_INSTRUCTIONS] = 100000;
	b.v[CM_INSTRUCTIONS] = 190000;
	strcpy(a.clock, "TSC");
	strcpy(b.clock, "kvmclock");
	why = explain("clock", &a, &b, &v);
	ck_assert_int_eq(v, VERDICT_LOSES);
	HAS(why, "para does not win");
	HAS(why, "kvmclock against TSC");
	LACKS(explain("touch", &a, &b, &v), "kvmclock");
	/* How much a vCPU executes while it waits for another says nothing. */
	ck_assert_ptr_nonnull(explain("lock", &a, &b, &v));
	ck_assert_int_eq(v, VERDICT_EVEN);
	a.v[CM_SYS_NS] = 50000000;
	b.v[CM_SYS_NS] = 100000000;
	HAS(explain("clock", &a, &b, &v), "CPU time 2.00x, instructions 1.90x.");
	HAS(explain("clock", &b, &a, &v), "para wins, but not by exits");
}
END_TEST

START_TEST(not_compared)
{
	struct contrast_cell a = cell(1, 40, "ata", 0), b = { .skip = "no disk" };
	enum contrast_verdict v;

	ck_assert_str_eq(explain("disk-read", &a, &b, &v), "Not compared: para: no disk.");
	ck_assert_int_eq(v, VERDICT_NONE);
}
END_TEST

/* Whatever the figures, a sentence that fits. */
START_TEST(extremes)
{
	struct contrast_cell a = { .runs = 1 }, b = { .runs = 1 };
	enum contrast_verdict v;
	char name[48];

	for (int i = 0; i < CONTRAST_METRICS; i++) {
		a.v[i] = UINT64_MAX;
		b.v[i] = i % 2 ? UINT64_MAX : 0;
	}
	for (int i = 0; i < 2 * CONTRAST_MAX_COUNTS; i++) {
		memset(name, 'x', sizeof(name));
		snprintf(name + 40, 8, "%d", i);
		contrast_count_add(i % 2 ? &a.causes : &b.causes, name, UINT64_MAX);
	}
	ck_assert_uint_lt(strlen(explain("lock", &a, &b, &v)), CONTRAST_WHY);
	ck_assert_uint_lt(strlen(explain("console", &b, &a, &v)), CONTRAST_WHY);
}
END_TEST

START_TEST(medians)
{
	struct contrast_cell run[4], out;
	static const u64 exits[] = { 30, 10, 20, 0 }, ns[] = { 5, 900, 7, 1 };

	for (int i = 0; i < 4; i++) {
		run[i] = cell(1, exits[i], "ata", 0);
		run[i].v[CM_GUEST_NS] = ns[i];
	}
	strcpy(run[3].skip, "crashed");
	contrast_median(run, 4, &out);
	ck_assert_uint_eq(out.runs, 3);
	ck_assert_uint_eq(out.v[CM_EXITS], 20);
	ck_assert_uint_eq(contrast_count_of(&out.causes, "ata"), 20);
	ck_assert_uint_eq(out.v[CM_GUEST_NS], 7);
	ck_assert_uint_eq(out.guest_ns_low, 5);
	ck_assert_uint_eq(out.guest_ns_high, 900);
	contrast_median(run + 3, 1, &out);
	ck_assert_str_eq(out.skip, "crashed");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("contrast");
	TCase *tc = tcase_create("contrast");
	SRunner *r;
	int failed;

	tcase_add_test(tc, modes);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, who_wins);
	tcase_add_test(tc, network);
	tcase_add_test(tc, rates);
	tcase_add_test(tc, no_exits);
	tcase_add_test(tc, not_compared);
	tcase_add_test(tc, extremes);
	tcase_add_test(tc, medians);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
