/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/virtio/blk*.c: a driver in every mode, an image with and without io_uring. */
#include "devices/virtio/blk.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#include "devices/abi/virtio_blk.h"
#include "devices/virtio/virtio.h"
#include "tests/unit/devices/virtio_driver.h"

#define SIZE	(4 * MiB)
#define SECTORS (SIZE / 512)

static struct drv d;
static char path[256];

static void create(bool read_only, bool no_uring, unsigned queues)
{
	const struct block_config cfg = { .path = path,
					  .read_only = read_only,
					  .no_uring = no_uring };
	struct virtio_blk_init init = { .serial = "a-serial-number-20ch", .queues = queues };
	struct dev_range mmio = drv_range();
	struct error e;

	ck_assert_int_eq(block_open(&cfg, &init.block, &e), 0);
	d.dev = virtio_blk_create(&d.m.env, &mmio, mock_line(&d.m, DRV_GSI), &init);
	ck_assert_ptr_nonnull(d.dev);
	d.dev->class->reset(d.dev);
}

static void setup(void)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(path, sizeof(path), "%s/vblk.XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, SIZE), 0);
	close(fd);
	drv_init(&d);
}

static void teardown(void)
{
	drv_fini(&d);
	unlink(path);
}

struct request {
	u64 hdr, status;
	u16 token;
};

/* Adds a request whose data lies at `data`, in pieces of `piece` bytes. */
static struct request add(unsigned q, u32 type, u64 sector, u64 data, u32 len, u32 piece, bool in)
{
	struct drv_seg segs[VQ_MAX_SEGS];
	struct request r = { drv_alloc(&d, 16, 16), drv_alloc(&d, 1, 1), 0 };
	struct virtio_blk_req *hdr = drv_ptr(&d, r.hdr, 16);
	unsigned n = 0;

	*hdr = (struct virtio_blk_req){ type, 0, sector };
	*(u8 *)drv_ptr(&d, r.status, 1) = 0xee;
	segs[n++] = (struct drv_seg){ r.hdr, 16, false };
	for (u32 at = 0; at < len; at += piece)
		segs[n++] = (struct drv_seg){ data + at, MIN(piece, len - at), in };
	segs[n++] = (struct drv_seg){ r.status, 1, true };
	r.token = drv_add(&d, q, segs, n);
	return r;
}

static u8 status_of(struct request r)
{
	return *(u8 *)drv_ptr(&d, r.status, 1);
}

/* Turns the loop until queue q has given something back. */
static int wait_used(unsigned q, u32 *len)
{
	int token = -1;

	for (int i = 0; i < 2000 && token < 0; i++) {
		struct pollfd p = { .fd = d.m.epoll_fd, .events = POLLIN };

		mock_poll(&d.m);
		token = drv_used(&d, q, len);
		if (token < 0)
			poll(&p, 1, 5);
	}
	ck_assert_int_ge(token, 0);
	return token;
}

/* One request, answered; its status. */
static u8 run(u32 type, u64 sector, u64 data, u32 len, u32 piece, bool in, u32 *used)
{
	struct request r = add(0, type, sector, data, len, piece, in);
	u32 dummy;

	drv_kick(&d, 0);
	ck_assert_int_eq(wait_used(0, used ? used : &dummy), r.token);
	return status_of(r);
}

static void start(u64 features, int mode)
{
	drv_start(&d, features, drv_modes[mode], 1, 64);
}

#define FLUSH VIRTIO_BIT(VIRTIO_BLK_F_FLUSH)

START_TEST(what_is_written_is_read)
{
	u64 out, in;
	u32 used;
	u8 *p;

	create(false, _i & 1, 1);
	start(FLUSH, _i / 2);
	out = drv_alloc(&d, 8192, 512);
	in = drv_alloc(&d, 8192, 512);
	p = drv_ptr(&d, out, 8192);
	for (int i = 0; i < 8192; i++)
		p[i] = (u8)(i * 31 >> 3);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_OUT, 100, out, 8192, 3000, false, &used), 0);
	ck_assert_uint_eq(used, 1);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_FLUSH, 0, 0, 0, 1, false, &used), 0);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_IN, 100, in, 8192, 1000, true, &used), 0);
	ck_assert_uint_eq(used, 8193);
	ck_assert_mem_eq(drv_ptr(&d, in, 8192), p, 8192);
	ck_assert(drv_ack(&d));
}
END_TEST

START_TEST(header_and_status_may_share_pieces_with_data)
{
	/* Without any assumption on framing: one piece out, one piece in (2.7.4). */
	u64 out, in;
	struct drv_seg seg[2];

	create(false, _i & 1, 1);
	start(FLUSH, 0);
	out = drv_alloc(&d, 16 + 1024, 16);
	in = drv_alloc(&d, 1024 + 1, 16);
	*(struct virtio_blk_req *)drv_ptr(&d, out, 16) = (struct virtio_blk_req){ 1, 0, 8 };
	memset(drv_ptr(&d, out + 16, 1024), 0x77, 1024);
	seg[0] = (struct drv_seg){ out, 16 + 1024, false };
	seg[1] = (struct drv_seg){ in, 1, true };
	drv_add(&d, 0, seg, 2);
	drv_kick(&d, 0);
	wait_used(0, NULL);
	((struct virtio_blk_req *)drv_ptr(&d, out, 16))->type = VIRTIO_BLK_T_IN;
	/* The header in two pieces. */
	seg[0] = (struct drv_seg){ out, 16, false };
	seg[1] = (struct drv_seg){ in, 1025, true };
	drv_add(&d, 0, seg, 2);
	drv_kick(&d, 0);
	wait_used(0, NULL);
	for (int i = 0; i < 1024; i++)
		ck_assert_uint_eq(((u8 *)drv_ptr(&d, in, 1025))[i], 0x77);
	ck_assert_uint_eq(((u8 *)drv_ptr(&d, in, 1025))[1024], VIRTIO_BLK_S_OK);
}
END_TEST

START_TEST(wrong_requests_get_an_error_and_the_disk_lives_on)
{
	u64 data, range;
	struct virtio_blk_range *r;

	create(false, _i & 1, 1);
	start(FLUSH, _i / 2);
	data = drv_alloc(&d, 8192, 512);
	range = drv_alloc(&d, 32, 16);
	r = drv_ptr(&d, range, 32);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_IN, SECTORS, data, 512, 512, true, NULL), 1);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_IN, SECTORS - 1, data, 1024, 512, true, NULL), 1);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_IN, UINT64_MAX, data, 512, 512, true, NULL), 1);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_IN, UINT64_MAX / 512 + 1, data, 512, 512, true, NULL),
			  1);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_OUT, SECTORS, data, 512, 512, false, NULL), 1);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_OUT, 0, data, 511, 511, false, NULL), 1);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_IN, 0, data, 100, 100, true, NULL), 1);
	ck_assert_uint_eq(run(77, 0, data, 512, 512, true, NULL), VIRTIO_BLK_S_UNSUPP);
	*r = (struct virtio_blk_range){ 0, UINT32_MAX, 0 };
	ck_assert_uint_eq(run(VIRTIO_BLK_T_DISCARD, 0, range, 16, 16, false, NULL),
			  VIRTIO_BLK_S_UNSUPP);
	*r = (struct virtio_blk_range){ 0, 8, VIRTIO_BLK_RANGE_F_UNMAP };
	ck_assert_uint_eq(run(VIRTIO_BLK_T_DISCARD, 0, range, 16, 16, false, NULL),
			  VIRTIO_BLK_S_UNSUPP);
	*r = (struct virtio_blk_range){ SECTORS - 1, 8, 0 };
	ck_assert_uint_eq(run(VIRTIO_BLK_T_WRITE_ZEROES, 0, range, 16, 16, false, NULL), 1);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_WRITE_ZEROES, 0, range, 15, 15, false, NULL), 1);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_DISCARD, 0, range, 32, 32, false, NULL), 1);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_IN, 0, data, 512, 512, true, NULL), 0);
	ck_assert(!(drv_reg(&d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET));
}
END_TEST

START_TEST(a_chain_without_header_or_status_breaks_the_device)
{
	struct drv_seg seg[2];

	create(false, _i & 1, 1);
	start(FLUSH, _i / 2);
	seg[0] = (struct drv_seg){ drv_alloc(&d, 16, 16), 15, false };
	seg[1] = (struct drv_seg){ drv_alloc(&d, 16, 16), 16, true };
	drv_add(&d, 0, seg, 2);
	drv_kick(&d, 0);
	ck_assert(drv_reg(&d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET);
	start(FLUSH, _i / 2);
	seg[0].len = 16;
	drv_add(&d, 0, seg, 1);
	drv_kick(&d, 0);
	ck_assert(drv_reg(&d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET);
	start(FLUSH, _i / 2);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_FLUSH, 0, 0, 0, 1, false, NULL), 0);
}
END_TEST

START_TEST(serial_number_discard_and_zeroes)
{
	u64 id, range, data;
	u32 used;

	create(false, _i & 1, 1);
	start(FLUSH, _i / 2);
	id = drv_alloc(&d, 24, 8);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_GET_ID, 0, id, 20, 20, true, &used), 0);
	ck_assert_uint_eq(used, 21);
	ck_assert_mem_eq(drv_ptr(&d, id, 20), "a-serial-number-20ch", 20);
	data = drv_alloc(&d, 8192, 512);
	memset(drv_ptr(&d, data, 8192), 1, 8192);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_OUT, 0, data, 8192, 8192, false, NULL), 0);
	range = drv_alloc(&d, 16, 16);
	*(struct virtio_blk_range *)drv_ptr(&d, range, 16) = (struct virtio_blk_range){ 8, 8, 1 };
	ck_assert_uint_eq(run(VIRTIO_BLK_T_WRITE_ZEROES, 0, range, 16, 16, false, NULL), 0);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_IN, 0, data, 8192, 8192, true, NULL), 0);
	ck_assert_uint_eq(*(u8 *)drv_ptr(&d, data + 4095, 1), 1);
	ck_assert_uint_eq(*(u8 *)drv_ptr(&d, data + 4096, 1), 0);
	*(struct virtio_blk_range *)drv_ptr(&d, range, 16) = (struct virtio_blk_range){ 0, 8, 0 };
	ck_assert_uint_eq(run(VIRTIO_BLK_T_DISCARD, 0, range, 16, 16, false, NULL), 0);
}
END_TEST

START_TEST(read_only_disks_say_so_and_hold)
{
	u64 data;

	create(true, _i & 1, 1);
	ck_assert(drv_offered(&d) & VIRTIO_BIT(VIRTIO_BLK_F_RO));
	ck_assert(!(drv_offered(&d) & VIRTIO_BIT(VIRTIO_BLK_F_DISCARD)));
	start(FLUSH | VIRTIO_BIT(VIRTIO_BLK_F_RO), 0);
	data = drv_alloc(&d, 512, 512);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_OUT, 0, data, 512, 512, false, NULL), 1);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_IN, 0, data, 512, 512, true, NULL), 0);
}
END_TEST

START_TEST(many_requests_on_many_queues_end_once_each)
{
	struct request r[4][16];
	unsigned left[4] = { 16, 16, 16, 16 };
	u64 data;

	create(false, _i & 1, 4);
	ck_assert_uint_eq(d.dev->class->read(d.dev, 0,
					     VIRTIO_MMIO_CONFIG +
						     offsetof(struct virtio_blk_config, num_queues),
					     2),
			  4);
	drv_start(&d, FLUSH | VIRTIO_BIT(VIRTIO_BLK_F_MQ), drv_modes[_i / 2], 4, 64);
	data = drv_alloc(&d, 4 * 16 * 4096, 4096);
	for (unsigned i = 0; i < 64; i++)
		r[i % 4][i / 4] =
			add(i % 4, VIRTIO_BLK_T_IN, i * 8, data + i * 4096, 4096, 4096, true);
	for (unsigned q = 0; q < 4; q++)
		drv_set(&d, VIRTIO_MMIO_QUEUE_NOTIFY, q);
	for (unsigned q = 0; q < 4; q++)
		for (; left[q]; left[q]--)
			wait_used(q, NULL);
	for (unsigned i = 0; i < 64; i++)
		ck_assert_uint_eq(status_of(r[i % 4][i / 4]), 0);
	for (unsigned q = 0; q < 4; q++)
		ck_assert_int_eq(drv_used(&d, q, NULL), -1);
}
END_TEST

START_TEST(more_requests_than_the_image_takes_wait_their_turn)
{
	u64 data;

	/* Four queues of 256 against BLOCK_MAX_IN_FLIGHT requests. */
	create(false, _i, 4);
	drv_start(&d, FLUSH, drv_modes[1], 4, 256);
	data = drv_alloc(&d, 512, 512);
	for (unsigned i = 0; i < 1024; i++)
		add(i % 4, VIRTIO_BLK_T_IN, i, data, 512, 512, true);
	drv_kick(&d, 0);
	for (unsigned i = 0; i < 1024; i++)
		wait_used(i % 4, NULL);
	for (unsigned q = 0; q < 4; q++)
		ck_assert_int_eq(drv_used(&d, q, NULL), -1);
}
END_TEST

START_TEST(a_reset_waits_for_requests_in_flight)
{
	u64 data;
	u8 *p;

	create(false, _i & 1, 1);
	start(FLUSH, _i / 2);
	data = drv_alloc(&d, MiB, 4096);
	p = drv_ptr(&d, data, MiB);
	add(0, VIRTIO_BLK_T_IN, 0, data, MiB, 64 * KiB, true);
	drv_kick(&d, 0);
	drv_set(&d, VIRTIO_MMIO_STATUS, 0);
	/* From here on the memory is the driver's again. */
	memset(p, 0xa5, MiB);
	mock_poll(&d.m);
	poll(NULL, 0, 2);
	mock_poll(&d.m);
	for (u64 i = 0; i < MiB; i += 512)
		ck_assert_uint_eq(p[i], 0xa5);
	start(FLUSH, _i / 2);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_IN, 0, data, 512, 512, true, NULL), 0);
}
END_TEST

START_TEST(a_disk_that_changes_its_size_says_so)
{
	const u64 capacity = VIRTIO_MMIO_CONFIG;
	u64 data;

	create(false, _i & 1, 1);
	ck_assert_uint_eq(d.dev->class->read(d.dev, 0, capacity, 8), SECTORS);
	start(FLUSH, 0);
	ck_assert_int_eq(truncate(path, 2 * SIZE), 0);
	virtio_blk_resized(d.dev);
	ck_assert_uint_eq(d.dev->class->read(d.dev, 0, capacity, 8), 2 * SECTORS);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_INT_CONFIG);
	drv_set(&d, VIRTIO_MMIO_INTERRUPT_ACK, 3);
	data = drv_alloc(&d, 512, 512);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_IN, SECTORS, data, 512, 512, true, NULL), 0);
	/* A cut file is noticed by the request that would have reached behind its end. */
	ck_assert_int_eq(truncate(path, SIZE / 2), 0);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_OUT, SECTORS, data, 512, 512, false, NULL), 1);
	ck_assert_uint_eq(d.dev->class->read(d.dev, 0, capacity, 8), SECTORS / 2);
}
END_TEST

START_TEST(without_flush_a_write_is_synchronous)
{
	struct virtio_dev *vd;
	u64 data;

	create(false, _i & 1, 1);
	start(0, 0);
	vd = to_virtio(d.dev);
	ck_assert(!virtio_accepted(vd, VIRTIO_BLK_F_FLUSH));
	data = drv_alloc(&d, 512, 512);
	ck_assert_uint_eq(run(VIRTIO_BLK_T_OUT, 0, data, 512, 512, false, NULL), 0);
}
END_TEST

int main(void)
{
	const int both = 2 * (int)ARRAY_SIZE(drv_modes);
	Suite *s = suite_create("virtio_blk");
	TCase *t = tcase_create("blk");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, what_is_written_is_read, 0, both);
	tcase_add_loop_test(t, header_and_status_may_share_pieces_with_data, 0, 2);
	tcase_add_loop_test(t, wrong_requests_get_an_error_and_the_disk_lives_on, 0, both);
	tcase_add_loop_test(t, a_chain_without_header_or_status_breaks_the_device, 0, both);
	tcase_add_loop_test(t, serial_number_discard_and_zeroes, 0, both);
	tcase_add_loop_test(t, read_only_disks_say_so_and_hold, 0, 2);
	tcase_add_loop_test(t, many_requests_on_many_queues_end_once_each, 0, both);
	tcase_add_loop_test(t, more_requests_than_the_image_takes_wait_their_turn, 0, 2);
	tcase_add_loop_test(t, a_reset_waits_for_requests_in_flight, 0, both);
	tcase_add_loop_test(t, a_disk_that_changes_its_size_says_so, 0, 2);
	tcase_add_loop_test(t, without_flush_a_write_is_synchronous, 0, 2);
	suite_add_tcase(s, t);

	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
