/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/virtio/balloon.c by a driver in every mode. */
#include "devices/virtio/balloon.h"

#include <sys/mman.h>

#include "devices/virtio/virtio.h"
#include "tests/unit/devices/virtio_driver.h"

#define STATS	  VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ)
#define REPORTING VIRTIO_BIT(VIRTIO_BALLOON_F_REPORTING)
#define BALLOON	  (4 * MiB) /* pages from here on are given */

static struct drv d;

static void create(bool drops)
{
	struct dev_range mmio = drv_range();

	d.dev = virtio_balloon_create(&d.m.env, &mmio, mock_line(&d.m, DRV_GSI), drops);
	ck_assert_ptr_nonnull(d.dev);
	d.dev->class->reset(d.dev);
}

static void setup(void)
{
	drv_init(&d);
}

static void teardown(void)
{
	drv_fini(&d);
}

/* Whether the host has a page behind the guest's. */
static bool resident(u64 gpa)
{
	unsigned char vec;

	ck_assert_int_eq(mincore(drv_ptr(&d, gpa, 4096), 4096, &vec), 0);
	return vec & 1;
}

static struct virtio_balloon_info info(void)
{
	struct virtio_balloon_info i;

	virtio_balloon_info(d.dev, &i);
	return i;
}

static void inflate(const u32 *pfn, u32 n)
{
	struct drv_seg seg = { drv_alloc(&d, 4UL * n, 4), 4 * n, false };

	memcpy(drv_ptr(&d, seg.gpa, 4UL * n), pfn, 4UL * n);
	drv_add(&d, VIRTIO_BALLOON_INFLATEQ, &seg, 1);
	drv_kick(&d, VIRTIO_BALLOON_INFLATEQ);
	ck_assert_int_ge(drv_used(&d, VIRTIO_BALLOON_INFLATEQ, NULL), 0);
}

START_TEST(inflated_pages_leave_the_host_and_come_back_empty)
{
	const u32 first = BALLOON >> 12;
	const u32 up[] = { first, first + 1, first + 2, first + 9 };
	const u32 down[] = { first + 22, first + 21, first + 20 };

	create(true);
	drv_start(&d, STATS | REPORTING, drv_modes[_i], 2, 16);
	memset(drv_ptr(&d, BALLOON, 32 * 4096), 0x55, 32 * 4096);
	inflate(up, 4);
	inflate(down, 3);
	for (u64 i = 0; i < 32; i++) {
		bool given = i < 3 || i == 9 || (i >= 20 && i <= 22);

		ck_assert_int_eq(resident(BALLOON + i * 4096), !given);
	}
	ck_assert_uint_eq(info().inflated, 7 * 4096);
	ck_assert_uint_eq(*(u8 *)drv_ptr(&d, BALLOON, 1), 0);
	ck_assert_uint_eq(*(u8 *)drv_ptr(&d, BALLOON + 3 * 4096, 1), 0x55);
}
END_TEST

START_TEST(page_numbers_that_are_no_memory_harm_nobody)
{
	const u32 end = DRV_MEM >> 12;
	const u32 bad[] = { 0xa0,	0xbf,		end - 1, end, end + 1,
			    UINT32_MAX, UINT32_MAX - 1, 0xfeb00, 7 };

	create(true);
	drv_start(&d, 0, drv_modes[_i], 2, 16);
	memset(drv_ptr(&d, DRV_MEM - 8192, 8192), 1, 8192);
	memset(drv_ptr(&d, 7 * 4096, 4096), 1, 4096);
	inflate(bad, ARRAY_SIZE(bad));
	ck_assert(!resident(DRV_MEM - 4096));
	ck_assert(resident(DRV_MEM - 8192));
	ck_assert(!resident(7 * 4096));
	ck_assert_uint_eq(info().inflated, 2 * 4096);
	ck_assert(!(drv_reg(&d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET));
}
END_TEST

START_TEST(pages_of_a_pool_stay)
{
	const u32 pfn = BALLOON >> 12;

	create(false);
	ck_assert(!(drv_offered(&d) & REPORTING));
	drv_start(&d, 0, drv_modes[0], 2, 16);
	memset(drv_ptr(&d, BALLOON, 4096), 0x55, 4096);
	inflate(&pfn, 1);
	ck_assert(resident(BALLOON));
	ck_assert_uint_eq(info().inflated, 0);
}
END_TEST

START_TEST(free_pages_that_are_reported_leave_the_host)
{
	struct drv_seg seg[2] = { { BALLOON, 64 * 1024, true },
				  { BALLOON + 128 * 1024 + 100, 8192, true } };
	/* The queue follows the statistics, which may be missing (5.5.2). */
	bool stats = _i & 1;
	unsigned q = stats ? 3 : 2;

	create(true);
	drv_start(&d, REPORTING | (stats ? STATS : 0), drv_modes[_i / 2], q + 1, 16);
	memset(drv_ptr(&d, BALLOON, 256 * 1024), 1, 256 * 1024);
	drv_add(&d, q, seg, 2);
	drv_kick(&d, q);
	ck_assert_int_ge(drv_used(&d, q, NULL), 0);
	ck_assert(!resident(BALLOON));
	ck_assert(!resident(BALLOON + 15 * 4096));
	ck_assert(resident(BALLOON + 16 * 4096));
	/* Only the whole pages of a piece that begins in the middle of one. */
	ck_assert(resident(BALLOON + 128 * 1024));
	ck_assert(!resident(BALLOON + 132 * 1024));
	ck_assert_uint_eq(info().reported, 17 * 4096);
}
END_TEST

START_TEST(the_target_is_told_and_the_answer_read)
{
	create(true);
	drv_start(&d, 0, drv_modes[0], 2, 16);
	virtio_balloon_set_target(d.dev, MiB);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_CONFIG), 256);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_INT_CONFIG);
	drv_set(&d, VIRTIO_MMIO_CONFIG + 4, 100);
	drv_set(&d, VIRTIO_MMIO_CONFIG, 7); /* not the driver's to write */
	ck_assert_uint_eq(info().target, MiB);
	ck_assert_uint_eq(info().actual, 100 * 4096);
	virtio_balloon_set_target(d.dev, UINT64_MAX);
	ck_assert_uint_eq(info().target, DRV_MEM);
}
END_TEST

START_TEST(statistics_come_when_they_are_asked_for)
{
	struct virtio_balloon_stat s[2] = { { VIRTIO_BALLOON_S_MEMFREE, 1000 }, { 99, 5 } };
	struct drv_seg seg = { drv_alloc(&d, sizeof(s), 8), sizeof(s), false };
	u16 token;

	create(true);
	drv_start(&d, STATS, drv_modes[_i], 3, 16);
	memcpy(drv_ptr(&d, seg.gpa, sizeof(s)), s, sizeof(s));
	token = drv_add(&d, 2, &seg, 1);
	drv_kick(&d, 2);
	ck_assert(info().has_stats);
	ck_assert_uint_eq(info().stat[VIRTIO_BALLOON_S_MEMFREE], 1000);
	ck_assert_uint_eq(info().stat[VIRTIO_BALLOON_S_MEMTOT], UINT64_MAX);
	ck_assert_int_eq(drv_used(&d, 2, NULL), -1); /* kept */
	virtio_balloon_ask_stats(d.dev);
	ck_assert_int_eq(drv_used(&d, 2, NULL), token);
	s[0].val = 2000;
	memcpy(drv_ptr(&d, seg.gpa, sizeof(s)), s, sizeof(s));
	drv_add(&d, 2, &seg, 1);
	drv_kick(&d, 2);
	ck_assert_uint_eq(info().stat[VIRTIO_BALLOON_S_MEMFREE], 2000);
	/* Asked before there is an answer: the next one comes back at once. */
	virtio_balloon_ask_stats(d.dev);
	ck_assert_int_ge(drv_used(&d, 2, NULL), 0);
	virtio_balloon_ask_stats(d.dev);
	drv_add(&d, 2, &seg, 1);
	drv_kick(&d, 2);
	ck_assert_int_ge(drv_used(&d, 2, NULL), 0);
	/* What is kept is forgotten by a reset. */
	drv_add(&d, 2, &seg, 1);
	drv_kick(&d, 2);
	drv_start(&d, STATS, drv_modes[_i], 3, 16);
	virtio_balloon_ask_stats(d.dev);
	ck_assert_int_eq(drv_used(&d, 2, NULL), -1);
}
END_TEST

int main(void)
{
	const int modes = ARRAY_SIZE(drv_modes);
	Suite *s = suite_create("virtio_balloon");
	TCase *t = tcase_create("balloon");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, inflated_pages_leave_the_host_and_come_back_empty, 0, modes);
	tcase_add_loop_test(t, page_numbers_that_are_no_memory_harm_nobody, 0, modes);
	tcase_add_test(t, pages_of_a_pool_stay);
	tcase_add_loop_test(t, free_pages_that_are_reported_leave_the_host, 0, 2 * modes);
	tcase_add_test(t, the_target_is_told_and_the_answer_read);
	tcase_add_loop_test(t, statistics_come_when_they_are_asked_for, 0, modes);
	suite_add_tcase(s, t);

	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
