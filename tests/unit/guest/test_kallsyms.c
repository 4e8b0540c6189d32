/* SPDX-License-Identifier: MIT */
/* Unit tests of guest/lib/kallsyms.[ch]: binary search against a linear one. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/kallsyms.h"
#include "guest/lib/rand.h"
#include "tests/unit/guest/fast_check.h"

#define BASE 0xffffffff81000000ULL

static const u32 addrs[] = { 0x10, 0x40, 0x100, 0x2000 };
static const u32 names[] = { 0, 6, 11, 17 };
static const char text[] = "start\0main\0panic\0_etext";
static const struct ksym_table table = { addrs, names, text, 4, BASE };

START_TEST(edges)
{
	struct ksym sym;

	ck_assert_ptr_null(ksym_check(&table));
	ck_assert(!ksym_lookup(&table, 0, &sym));
	ck_assert(!ksym_lookup(&table, BASE - 1, &sym));
	ck_assert(!ksym_lookup(&table, BASE + 0xf, &sym));
	ck_assert(ksym_lookup(&table, BASE + 0x10, &sym));
	ck_assert_str_eq(sym.name, "start");
	ck_assert_uint_eq(sym.offset, 0);
	ck_assert_uint_eq(sym.size, 0x30);
	ck_assert(ksym_lookup(&table, BASE + 0x3f, &sym));
	ck_assert_str_eq(sym.name, "start");
	ck_assert(ksym_lookup(&table, BASE + 0x40, &sym));
	ck_assert_str_eq(sym.name, "main");
	ck_assert(ksym_lookup(&table, BASE + 0x1fff, &sym));
	ck_assert_str_eq(sym.name, "panic");
	ck_assert(!ksym_lookup(&table, BASE + 0x2000, &sym));
	ck_assert(!ksym_lookup(&table, UINT64_MAX, &sym));
	ck_assert(!ksym_lookup(&(struct ksym_table){ 0 }, BASE, &sym));
}
END_TEST

START_TEST(offsets_are_not_cut_to_32_bits)
{
	struct ksym_table low = table;
	struct ksym sym;

	low.base = 0x1000;
	ck_assert(ksym_lookup(&low, 0x1020, &sym));
	ck_assert(!ksym_lookup(&low, 0x1020 + (1ULL << 32), &sym));
}
END_TEST

START_TEST(formatting)
{
	char buf[64];

	ksym_format(&table, BASE + 0x123, buf, sizeof(buf));
	ck_assert_str_eq(buf, "panic+0x23/0x1f00");
	ksym_format(&table, BASE + 0x40, buf, sizeof(buf));
	ck_assert_str_eq(buf, "main+0x0/0xc0");
	ksym_format(&table, 0xdead, buf, sizeof(buf));
	ck_assert_str_eq(buf, "0xdead");
}
END_TEST

START_TEST(random_tables)
{
	enum { N = 200 };
	u32 a[N], n[N];
	char name[N * 8];
	struct rand r;

	rand_init(&r, 50);
	for (int round = 0; round < 300; round++) {
		u32 count = 1 + (u32)rand_below(&r, N), at = 0, len = 0;
		struct ksym_table t = { a, n, name, count, BASE };

		for (u32 i = 0; i < count; i++) {
			a[i] = at += 1 + (u32)rand_below(&r, 40);
			n[i] = len;
			len += (u32)sprintf(name + len, "f%u", i) + 1;
		}
		CHECK(!ksym_check(&t));
		for (u32 off = 0; off < at + 10; off++) {
			struct ksym sym;
			bool found = ksym_lookup(&t, BASE + off, &sym);
			u32 i = 0;

			while (i < count && a[i] <= off)
				i++;
			CHECK_EQ(found, i > 0 && i < count);
			if (found)
				CHECK(sym.name == name + n[i - 1] && sym.offset == off - a[i - 1]);
		}
	}
}
END_TEST

START_TEST(check_finds_damage)
{
	u32 a[] = { 0x10, 0x10, 0x100 }, n[] = { 0, 6, 10 };
	struct ksym_table t = { a, n, text, 3, BASE };

	ck_assert_str_eq(ksym_check(&t), "K1: addresses do not ascend");
	a[1] = 0x20;
	ck_assert_str_eq(ksym_check(&t), "K3: a name does not end before the next");
	n[2] = 6;
	ck_assert_str_eq(ksym_check(&t), "K2: names do not follow each other");
	n[2] = 11;
	ck_assert_ptr_null(ksym_check(&t));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kallsyms");
	TCase *t = tcase_create("kallsyms");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, edges);
	tcase_add_test(t, offsets_are_not_cut_to_32_bits);
	tcase_add_test(t, formatting);
	tcase_add_test(t, random_tables);
	tcase_add_test(t, check_finds_damage);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
