/* SPDX-License-Identifier: MIT */
/* Unit tests of vmm/gdb/points.c: which means is taken on which host, and rules D1 and D2. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb/points.h"

static struct guest_mem *gm;
static struct points p;
static const struct kvm_sregs flat = { .cr0 = 0x11 }; /* no paging: linear is physical */
static struct kvm_sregs nothing;		      /* paging on, nothing mapped */

static void setup(void)
{
	struct mem_config cfg = { .size = 2 * MiB, .nr_nodes = 1 };
	struct error e;
	u8 bytes[256];

	ck_assert_msg(!guest_mem_create(&cfg, &gm, &e), "%s", e.text);
	for (int i = 0; i < 256; i++)
		bytes[i] = (u8)i;
	ck_assert_int_eq(guest_mem_write(gm, GPA(0x1000), bytes, sizeof(bytes)), 0);
	points_init(&p, gm);
	p.support = (struct gdb_support){ .execute = true, .data = true };
	nothing =
		(struct kvm_sregs){ .cr0 = 0x80000011, .cr4 = 0x20, .efer = 0x500, .cr3 = 0x8000 };
}

static void teardown(void)
{
	points_destroy(&p);
	guest_mem_destroy(gm);
}

static u8 byte_at(u64 gpa)
{
	u8 b;

	ck_assert_int_eq(guest_mem_read(gm, GPA(gpa), &b, 1), 0);
	return b;
}

START_TEST(planted_and_hidden)
{
	u8 buf[16];

	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_SOFTWARE, 0x1010, 1), 0);
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_SOFTWARE, 0x1010, 1), 0); /* again */
	ck_assert_uint_eq(p.nr, 1);
	ck_assert_uint_eq(byte_at(0x1010), 0xcc);
	ck_assert(points_int3_at(&p, GPA(0x1010)));
	ck_assert(!points_int3_at(&p, GPA(0x1011)));
	ck_assert_int_eq(guest_mem_read(gm, GPA(0x1008), buf, 16), 0);
	points_hide(&p, GPA(0x1008), buf, 16);
	for (int i = 0; i < 16; i++)
		ck_assert_uint_eq(buf[i], i + 8);
	/* Written over: the new byte is what lies under the int3. */
	ck_assert_int_eq(points_write(&p, GPA(0x100f), (const u8 *)"\xa0\xa1\xa2", 3), 0);
	ck_assert_uint_eq(byte_at(0x1010), 0xcc);
	ck_assert_int_eq(points_remove(&p, GDB_POINT_SOFTWARE, 0x1010, 1), 0);
	ck_assert_uint_eq(byte_at(0x1010), 0xa1);
	ck_assert_int_eq(points_remove(&p, GDB_POINT_SOFTWARE, 0x1010, 1), -ENOENT);
}
END_TEST

START_TEST(guest_writes_over_it)
{
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_SOFTWARE, 0x1010, 1), 0);
	ck_assert_int_eq(guest_mem_write(gm, GPA(0x1010), "\x90", 1), 0);
	points_clear(&p);
	ck_assert_uint_eq(byte_at(0x1010), 0x90); /* its new code stays */
}
END_TEST

/* D2: two names of one byte; it stays patched until both are gone, and is whole afterwards. */
START_TEST(aliases)
{
	struct kvm_sregs s = nothing;
	u64 table[512] = { [0] = 0x83 }; /* 1 GiB at 0 */
	u64 top[512] = { [0] = 0x9003, [1] = 0x9003 };

	ck_assert_int_eq(guest_mem_write(gm, GPA(0x8000), top, 4096), 0);
	ck_assert_int_eq(guest_mem_write(gm, GPA(0x9000), table, 4096), 0);
	ck_assert_int_eq(points_insert(&p, &s, GDB_POINT_SOFTWARE, 0x1020, 1), 0);
	ck_assert_int_eq(points_insert(&p, &s, GDB_POINT_SOFTWARE, 0x8000001020, 1), 0);
	ck_assert_uint_eq(p.nr_int3, 2);
	ck_assert_int_eq(points_remove(&p, GDB_POINT_SOFTWARE, 0x1020, 1), 0);
	ck_assert_uint_eq(byte_at(0x1020), 0xcc);
	ck_assert_int_eq(points_remove(&p, GDB_POINT_SOFTWARE, 0x8000001020, 1), 0);
	ck_assert_uint_eq(byte_at(0x1020), 0x20);
}
END_TEST

START_TEST(unmapped_takes_a_debug_register)
{
	u64 dr[8] = { 0 };

	ck_assert(!points_debug_regs(&p, dr));
	ck_assert_int_eq(points_insert(&p, &nothing, GDB_POINT_SOFTWARE, 0xffffffff80100000, 1), 0);
	ck_assert(points_debug_regs(&p, dr));
	ck_assert_uint_eq(dr[0], 0xffffffff80100000);
	ck_assert_uint_eq(dr[7], 0x202);
	ck_assert_int_eq(point_stop_kind(points_by_dr6(&p, 0xffff0ff1)), GDB_STOP_SWBREAK);
	ck_assert_ptr_null(points_by_dr6(&p, 0xffff0ff2)); /* DR1 is not in use */
	ck_assert_ptr_null(points_by_dr6(&p, 0xffff4ff0));
}
END_TEST

/* The same bytes lie there again, without patches; nothing is mapped any more. */
START_TEST(memory_made_anew)
{
	u64 dr[8] = { 0 };

	for (u64 at = 0x1010; at < 0x1016; at++)
		ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_SOFTWARE, at, 1), 0);
	ck_assert_int_eq(guest_mem_write(gm, GPA(0x1010), "abcdef", 6), 0);
	points_renew(&p, &flat);
	ck_assert_uint_eq(p.nr_int3, 6);
	ck_assert_uint_eq(byte_at(0x1012), 0xcc);
	ck_assert_int_eq(points_remove(&p, GDB_POINT_SOFTWARE, 0x1012, 1), 0);
	ck_assert_uint_eq(byte_at(0x1012), 'c');

	/* Four of five fit the debug registers; the memory is not touched. */
	ck_assert_int_eq(guest_mem_write(gm, GPA(0x1010), "ABCDEF", 6), 0);
	points_renew(&p, &nothing);
	ck_assert_uint_eq(p.nr_int3, 0);
	ck_assert_uint_eq(p.nr, 4);
	ck_assert(points_debug_regs(&p, dr));
	points_clear(&p);
	ck_assert(!points_debug_regs(&p, dr));
	for (unsigned i = 0; i < 6; i++)
		ck_assert_uint_eq(byte_at(0x1010 + i), "ABCDEF"[i]);
}
END_TEST

START_TEST(four_debug_registers)
{
	u64 dr[8] = { 0 };

	for (u64 i = 0; i < 4; i++)
		ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_HARDWARE, 0x1000 + i, 1), 0);
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_HARDWARE, 0x2000, 1), -ENOSPC);
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_WRITE, 0x2000, 1), -ENOSPC);
	ck_assert_int_eq(points_remove(&p, GDB_POINT_HARDWARE, 0x1002, 1), 0);
	/* 8 bytes aligned take one, with LEN 10 and R/W 01. */
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_WRITE, 0x2000, 8), 0);
	points_debug_regs(&p, dr);
	ck_assert_uint_eq(dr[2], 0x2000);
	ck_assert_uint_eq(dr[7] >> 24 & 15, 9);
	points_clear(&p);
	ck_assert(!points_debug_regs(&p, dr));
	/* 7 bytes at an odd address: 1 + 2 + 4; one more of 4 aligned fits, then none. */
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_ACCESS, 0x1001, 7), 0);
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_READ, 0x1010, 4), 0);
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_WRITE, 0x1020, 1), -ENOSPC);
	ck_assert_uint_eq(points_by_dr6(&p, 4)->addr, 0x1001);
	ck_assert_int_eq(point_stop_kind(points_by_dr6(&p, 8)), GDB_STOP_RWATCH);
	/* Too much is refused as a whole: nothing of it stays. */
	points_clear(&p);
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_WRITE, 0x1000, 40), -ENOSPC);
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_WRITE, 0x1001, 31), -ENOSPC);
	ck_assert(!points_debug_regs(&p, dr));
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_WRITE, 0x1000, 32), 0);
}
END_TEST

START_TEST(found_by_stepping)
{
	const struct point *hit;

	p.support = (struct gdb_support){ .int3 = GDB_INT3_TO_GUEST };
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_SOFTWARE, 0x1010, 1), 0);
	ck_assert_uint_eq(byte_at(0x1010), 0x10); /* nothing is patched there */
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_WRITE, 0x1800, 8), 0);
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_WRITE, 0x1800, 65), -ENOTSUP);
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_WRITE, 0x1ffc, 8), -ENOTSUP);
	ck_assert_uint_eq(p.nr_stepped, 2);
	ck_assert_ptr_null(points_stepped(&p, &flat, 0x100f));
	ck_assert_int_eq(point_stop_kind(points_stepped(&p, &flat, 0x1010)), GDB_STOP_SWBREAK);
	ck_assert_int_eq(guest_mem_write(gm, GPA(0x1807), "\x01", 1), 0);
	hit = points_stepped(&p, &flat, 0x100f);
	ck_assert_ptr_nonnull(hit);
	ck_assert_uint_eq(hit->addr, 0x1800);
	ck_assert_ptr_null(points_stepped(&p, &flat, 0x100f)); /* told once */
	points_clear(&p);
	ck_assert_uint_eq(p.nr_stepped, 0);
}
END_TEST

START_TEST(found_by_decoding)
{
	static const u8 load[] = { 0xa1, 0x04, 0x18, 0, 0 };  /* mov eax, [0x1804] */
	static const u8 store[] = { 0xa3, 0x04, 0x18, 0, 0 }; /* mov [0x1804], eax */
	const struct kvm_sregs flat32 = { .cr0 = 0x11, .cs = { .db = 1 }, .ss = { .db = 1 } };
	const struct kvm_regs r = { .rip = 0x1000 };
	struct access_list reading, writing;

	p.support.data = false;
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_READ, 0x1800, 8), 0);
	ck_assert_uint_eq(p.nr_stepped, 1);
	ck_assert_uint_eq(p.nr_decoded, 1);
	ck_assert_ptr_null(points_stepped(&p, &flat, 0x1000));
	access_decode(p.decoder, &r, &flat32, load, sizeof(load), &reading);
	access_decode(p.decoder, &r, &flat32, store, sizeof(store), &writing);
	ck_assert_int_eq(point_stop_kind(points_touched(&p, &reading)), GDB_STOP_RWATCH);
	ck_assert_ptr_null(points_touched(&p, &writing));
	ck_assert_int_eq(points_remove(&p, GDB_POINT_READ, 0x1800, 8), 0);
	ck_assert_ptr_null(points_touched(&p, &reading));
	ck_assert_uint_eq(p.nr_decoded, 0);
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_ACCESS, 0x1806, 1), 0);
	ck_assert_int_eq(point_stop_kind(points_touched(&p, &writing)), GDB_STOP_AWATCH);
	ck_assert_ptr_nonnull(points_touched(&p, &reading));
}
END_TEST

/* Not mapped when it is set: becoming mapped is no change, a store afterwards is. */
START_TEST(watched_before_it_is_mapped)
{
	p.support.data = false;
	ck_assert_int_eq(points_insert(&p, &nothing, GDB_POINT_WRITE, 0x1800, 4), 0);
	ck_assert_ptr_null(points_stepped(&p, &nothing, 0));
	ck_assert_int_eq(guest_mem_write(gm, GPA(0x1800), "\x05", 1), 0);
	ck_assert_ptr_null(points_stepped(&p, &flat, 0));
	ck_assert_int_eq(guest_mem_write(gm, GPA(0x1800), "\x06", 1), 0);
	ck_assert_ptr_nonnull(points_stepped(&p, &flat, 0));
}
END_TEST

START_TEST(bounds)
{
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_WRITE, 0x1000, 0), -EINVAL);
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_WRITE, UINT64_MAX, 8), -EINVAL);
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_WRITE, 0, UINT64_MAX), -EINVAL);
	for (u64 i = 0; i < GDB_MAX_POINTS; i++)
		ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_SOFTWARE, 0x4000 + i, 1), 0);
	ck_assert_int_eq(points_insert(&p, &flat, GDB_POINT_SOFTWARE, 0x1000, 1), -ENOSPC);
	points_clear(&p);
	for (u64 i = 0; i < GDB_MAX_POINTS; i++)
		ck_assert_uint_eq(byte_at(0x4000 + i), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gdb points");
	TCase *t = tcase_create("points");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, planted_and_hidden);
	tcase_add_test(t, guest_writes_over_it);
	tcase_add_test(t, aliases);
	tcase_add_test(t, unmapped_takes_a_debug_register);
	tcase_add_test(t, memory_made_anew);
	tcase_add_test(t, four_debug_registers);
	tcase_add_test(t, found_by_stepping);
	tcase_add_test(t, found_by_decoding);
	tcase_add_test(t, watched_before_it_is_mapped);
	tcase_add_test(t, bounds);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
