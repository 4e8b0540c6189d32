/* SPDX-License-Identifier: MIT */
/*
 * test_drivers.c - disks and the entropy source, whatever is behind them: the same code runs on ATA and
 * on virtio. The first disk is written to, so only one that begins with the words below is taken.
 */
#include "guest/drivers/block.h"
#include "guest/drivers/virtio/virtio.h"
#include "guest/drivers/waiting.h"
#include "guest/kernel/selftest/tests_decl.h"
#include "guest/lib/atomic.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"

#define SCRATCH	 "PARALLAX SCRATCH DISK"
#define SECTORS	 320u /* more than one request of either driver takes at ATA's side */
#define AT_ONCE	 48u  /* more than the virtio queue holds */
#define PER_ONCE 4u

/* In the image, which is one piece of physical memory; stacks are not. */
static u64 data[SECTORS * SECTOR_SIZE / 8];

#define WORDS (SECTOR_SIZE / 8)

static struct blk_device *scratch(struct ktest *t)
{
	struct blk_device *disk = blk_find("");

	if (!disk) {
		ktest_skip(t, "no disk (--disk FILE)");
		return NULL;
	}
	if (blk_rw(disk, BLK_READ, 0, data, 1) || memcmp(data, SCRATCH, strlen(SCRATCH)) != 0) {
		ktest_skip(t, "the disk does not begin with PARALLAX SCRATCH DISK");
		return NULL;
	}
	if (disk->sectors < 2048) {
		ktest_skip(t, "the disk is smaller than 1 MiB");
		return NULL;
	}
	if (disk->read_only) {
		KT_EXPECT_EQ(t, blk_rw(disk, BLK_WRITE, 0, data, 1), -EROFS);
		ktest_skip(t, "the disk is read-only");
		return NULL;
	}
	return disk;
}

static u64 expected(u64 sector, u32 i, u64 salt)
{
	return (sector << 16 | i) * 0x9e3779b97f4a7c15ULL + salt;
}

static void fill(u64 sector, u32 nr, u64 salt)
{
	for (u32 s = 0; s < nr; s++)
		for (u32 i = 0; i < WORDS; i++)
			data[s * WORDS + i] = expected(sector + s, i, salt);
}

/* Sectors up to the first one that is not as expected. */
static u32 right(u64 sector, u32 nr, u64 salt)
{
	for (u32 s = 0; s < nr; s++)
		for (u32 i = 0; i < WORDS; i++)
			if (data[s * WORDS + i] != expected(sector + s, i, salt))
				return s;
	return nr;
}

void ktest_drivers_disk(struct ktest *t)
{
	struct blk_device *disk = scratch(t);
	static const u32 sizes[] = { 1, 3, 8, 9, SECTORS };

	for (size_t i = 0; disk && i < ARRAY_SIZE(sizes); i++) {
		u64 at = 100 + i;

		fill(at, sizes[i], i);
		KT_EXPECT_EQ(t, blk_rw(disk, BLK_WRITE, at, data, sizes[i]), 0);
		memset(data, 0xee, sizes[i] * SECTOR_SIZE);
		KT_EXPECT_EQ(t, blk_rw(disk, BLK_READ, at, data, sizes[i]), 0);
		KT_EXPECT_EQ(t, right(at, sizes[i], i), sizes[i]);
	}
}

void ktest_drivers_last_sector(struct ktest *t)
{
	struct blk_device *disk = scratch(t);
	u64 end = disk ? disk->sectors : 0;

	if (!disk)
		return;
	fill(end - 2, 2, 77);
	KT_EXPECT_EQ(t, blk_rw(disk, BLK_WRITE, end - 2, data, 2), 0);
	KT_EXPECT_EQ(t, blk_flush(disk), 0);
	memset(data, 0, 2 * SECTOR_SIZE);
	KT_EXPECT_EQ(t, blk_rw(disk, BLK_READ, end - 2, data, 2), 0);
	KT_EXPECT_EQ(t, right(end - 2, 2, 77), 2);
	KT_EXPECT_EQ(t, blk_rw(disk, BLK_READ, end - 1, data, 2), -EINVAL);
	KT_EXPECT_EQ(t, blk_rw(disk, BLK_READ, end, data, 1), -EINVAL);
	KT_EXPECT_EQ(t, blk_rw(disk, BLK_WRITE, ~0ULL, data, 1), -EINVAL);
}

static struct {
	atomic_t left;
	struct waiting w;
} batch;

static void one_done(struct blk_request *rq)
{
	(void)rq;
	if (atomic_dec_and_test(&batch.left))
		waiting_done(&batch.w);
}

/* All at once, and in the wrong order; the number that failed. */
static unsigned run_batch(struct blk_device *disk, enum blk_op op)
{
	static struct blk_request rq[AT_ONCE];
	unsigned failed = 0;

	for (u32 i = 0; i < AT_ONCE; i++) {
		u32 k = (i * 29 + 5) % AT_ONCE;

		rq[i] = (struct blk_request){ .op = op,
					      .sector = 1000 + (u64)k * PER_ONCE,
					      .nr = PER_ONCE,
					      .buf = data + k * PER_ONCE * WORDS,
					      .done = one_done };
	}
	atomic_set(&batch.left, (s32)AT_ONCE);
	waiting_init(&batch.w);
	blk_submit(disk, rq, AT_ONCE);
	waiting_wait(&batch.w);
	for (u32 i = 0; i < AT_ONCE; i++)
		failed += rq[i].err != 0;
	return failed;
}

void ktest_drivers_many(struct ktest *t)
{
	struct blk_device *disk = scratch(t);

	if (!disk)
		return;
	fill(1000, AT_ONCE * PER_ONCE, 9);
	KT_EXPECT_EQ(t, run_batch(disk, BLK_WRITE), 0);
	memset(data, 0x11, AT_ONCE * PER_ONCE * SECTOR_SIZE);
	KT_EXPECT_EQ(t, run_batch(disk, BLK_READ), 0);
	KT_EXPECT_EQ(t, right(1000, AT_ONCE * PER_ONCE, 9), AT_ONCE * PER_ONCE);
}

void ktest_drivers_random(struct ktest *t)
{
	static u8 a[64], b[64];
	unsigned zeroes = 0;

	if (virtio_rng_read(a, sizeof(a)) == -ENODEV) {
		ktest_skip(t, "no entropy source (--rng)");
		return;
	}
	KT_EXPECT_EQ(t, virtio_rng_read(b, sizeof(b)), 0);
	KT_EXPECT(t, memcmp(a, b, sizeof(a)) != 0);
	for (size_t i = 0; i < sizeof(a); i++)
		zeroes += !a[i] + !b[i];
	KT_EXPECT(t, zeroes < 16); /* of 128 bytes, half a zero is to be expected */
}
