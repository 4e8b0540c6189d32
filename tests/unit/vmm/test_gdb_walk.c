/* SPDX-License-Identifier: MIT */
/* Unit tests of vmm/gdb/walk.c: every paging mode, page size, and way not to be mapped. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb/walk.h"

#define CR0_PG	 0x80000011
#define CR4_PSE	 0x10
#define CR4_PAE	 0x20
#define CR4_LA57 0x1000
#define LMA	 0x500

static struct guest_mem *gm;
static struct kvm_sregs s;
static struct walk w;

static void setup(void)
{
	struct mem_config cfg = { .size = 16 * MiB, .nr_nodes = 1 };
	struct error e;

	ck_assert_msg(!guest_mem_create(&cfg, &gm, &e), "%s", e.text);
	memset(&s, 0, sizeof(s));
}

static void teardown(void)
{
	guest_mem_destroy(gm);
}

static void put64(u64 table, u64 index, u64 value)
{
	ck_assert_int_eq(guest_mem_write(gm, GPA(table + 8 * index), &value, 8), 0);
}

static void put32(u64 table, u64 index, u32 value)
{
	ck_assert_int_eq(guest_mem_write(gm, GPA(table + 4 * index), &value, 4), 0);
}

static void maps(u64 linear, u64 gpa, u64 size)
{
	ck_assert_msg(!walk_translate(gm, &s, linear, &w), "%lx: %s", linear, w.why);
	ck_assert_uint_eq(w.gpa.v, gpa);
	ck_assert_uint_eq(w.page_size, size);
	ck_assert_ptr_null(w.why);
}

static void fails(u64 linear, const char *why, unsigned entries)
{
	ck_assert_int_lt(walk_translate(gm, &s, linear, &w), 0);
	ck_assert_str_eq(w.why, why);
	ck_assert_uint_eq(w.nr, entries);
}

START_TEST(no_paging)
{
	s.cr0 = 0x11;
	maps(0x12345, 0x12345, 1UL << 32);
	maps(0xfffffffff0012345, 0xf0012345, 1UL << 32); /* 32 bits is all there is */
	ck_assert_str_eq(walk_mode(&s), "off");
}
END_TEST

START_TEST(two_levels)
{
	s.cr0 = CR0_PG;
	s.cr3 = 0x1018; /* PWT, PCD and ignored bits */
	put32(0x1000, 0x300, 0x2007);
	put32(0x2000, 5, 0x00345003);
	put32(0x1000, 0x301, 0x00c00083 | 0x2 << 13); /* 4M, bits 33..32 = 2 */
	maps(0xc0005678, 0x345678, 4096);
	ck_assert_uint_eq(w.nr, 2);
	ck_assert_str_eq(w.entry[0].name, "PD");
	ck_assert_uint_eq(w.entry[1].at.v, 0x2014);
	fails(0xc0006000, "not present", 2);
	fails(0x00000000, "not present", 1);
	s.cr4 = CR4_PSE;
	maps(0xc0412345, 0x200c12345, 4 * MiB);
	s.cr4 = 0; /* the bit means nothing then, and the table it points to lies elsewhere */
	fails(0xc0412345, "not present", 2);
	ck_assert_str_eq(walk_mode(&s), "32-bit");
}
END_TEST

START_TEST(three_levels)
{
	s.cr0 = CR0_PG;
	s.cr4 = CR4_PAE;
	s.cr3 = 0x1020; /* aligned to 32 bytes only */
	put64(0x1020, 3, 0x2001);
	put64(0x2000, 0x1ff, 0x3003);
	put64(0x3000, 0x1ff, 0x8000000000456003); /* NX is no address bit */
	put64(0x2000, 0, 0x600083);
	maps(0xfffff123, 0x456123, 4096);
	maps(0xc0012345, 0x612345, 2 * MiB);
	fails(0x0, "not present", 1);
	ck_assert_str_eq(walk_mode(&s), "PAE");
}
END_TEST

static void long_mode(u64 root)
{
	s.cr0 = CR0_PG;
	s.cr4 |= CR4_PAE;
	s.efer = LMA;
	s.cr3 = root;
}

START_TEST(four_levels)
{
	long_mode(0x1000);
	put64(0x1000, 511, 0x2003);
	put64(0x2000, 510, 0x3003);
	put64(0x3000, 1, 0x4003);
	put64(0x4000, 2, 0x567003);
	put64(0x3000, 2, 0x800083);
	put64(0x2000, 511, 0x40000083);
	maps(0xffffffff80202abc, 0x567abc, 4096);
	ck_assert_str_eq(w.entry[0].name, "PML4");
	ck_assert_str_eq(w.entry[3].name, "PT");
	maps(0xffffffff80412345, 0x812345, 2 * MiB);
	maps(0xffffffffc0123456, 0x40123456, 1 * GiB); /* beyond RAM: still its address */
	fails(0xffffffff80203000, "not present", 4);
	fails(0x0000800000000000, "not a canonical address", 0);
	fails(0xffff000000000000, "not a canonical address", 0);
	put64(0x2000, 0, 0xffff000003);
	fails(0xffffff8000000000, "its page table lies outside of memory", 2);
	put64(0x1000, 0, 0x2083); /* PS in a PML4 entry is reserved: it is a table all the same */
	maps(0x7f80202abc, 0x567abc, 4096);
	ck_assert_str_eq(walk_mode(&s), "4 levels");
}
END_TEST

START_TEST(five_levels)
{
	s.cr4 = CR4_LA57;
	long_mode(0x1000);
	put64(0x1000, 0x110, 0x2003);
	put64(0x2000, 0, 0x3003);
	put64(0x3000, 0, 0x83);
	maps(0xff10000000054321, 0x54321, 1 * GiB);
	ck_assert_uint_eq(w.nr, 3);
	ck_assert_str_eq(w.entry[0].name, "PML5");
	fails(0x0000800000000000, "not present", 1); /* canonical here */
	fails(0x0100000000000000, "not a canonical address", 0);
	ck_assert_str_eq(walk_mode(&s), "5 levels");
}
END_TEST

/* Tables that point at themselves or anywhere end the walk like any others. */
START_TEST(hostile_tables)
{
	u32 x = 99;

	s.cr4 = CR4_LA57;
	long_mode(0x1000);
	put64(0x1000, 0, 0x1003);
	maps(0, 0x1000, 4096);
	for (int i = 0; i < 20000; i++) {
		x = x * 1664525 + 1013904223;
		put64(0x1000, x >> 23, (u64)x << 20 | x >> 12);
		s.cr4 = x >> 7 & (CR4_LA57 | CR4_PAE | CR4_PSE);
		s.efer = x & 0x100 ? LMA : 0;
		s.cr3 = x & 0x200 ? 0x1000 : (u64)x << 12;
		if (!walk_translate(gm, &s, (u64)x << 32 | x, &w))
			ck_assert_uint_le(w.nr, 5);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gdb walk");
	TCase *t = tcase_create("walk");
	SRunner *r = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, no_paging);
	tcase_add_test(t, two_levels);
	tcase_add_test(t, three_levels);
	tcase_add_test(t, four_levels);
	tcase_add_test(t, five_levels);
	tcase_add_test(t, hostile_tables);
	suite_add_tcase(suite, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
