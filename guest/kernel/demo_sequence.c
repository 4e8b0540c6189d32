/* SPDX-License-Identifier: MIT */
/*
 * demo_sequence.c - demo=sequence: writes numbered blocks to the first disk, batch by batch, flushes after
 * each batch, and then says so: "flushed N" means that every block up to number N is safe. Whoever
 * ends the machine at any moment can hold the disk to that.
 *
 * Block N of 4 KiB lies in place N modulo the disk's blocks, where block 0 is the one with the words of
 * the self-tests, without which nothing is written. Each sector begins and ends with its own copy of
 * struct stamp, so that a block that is half written tells which half.
 *
 * count=N blocks (0: for ever) in batches of batch=N (16); errors are counted, and do not end it.
 * verify: what should be there is read back in the end.
 */
#include "guest/drivers/block.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/init.h"
#include "guest/kernel/printk.h"
#include "guest/lib/string.h"
#include "guest/locking/wait.h"

#define SCRATCH	      "PARALLAX SCRATCH DISK"
#define BLOCK_BYTES   4096u
#define SECTORS	      (BLOCK_BYTES / SECTOR_SIZE)
#define MAX_BATCH     32u
#define STAMP_MAGIC   0x65636e6575716573ULL /* "sequence" */
#define COMPLAINTS    4			    /* failures that are told one by one */
#define DEFAULT_COUNT 256

struct stamp {
	u64 magic, number, sector;
};

struct sequence {
	struct blk_device *disk;
	u64 places;	/* blocks that the disk has for us */
	u64 next;	/* the next block's number; the first one has 1 */
	u64 safe, lost; /* blocks in batches that were flushed, and in batches that failed */
	unsigned told;
	atomic_t left;
	struct completion done;
	struct blk_request rq[MAX_BATCH];
};

static u8 buffer[MAX_BATCH][BLOCK_BYTES] __attribute__((aligned(BLOCK_BYTES)));

static u64 sector_of(const struct sequence *s, u64 number)
{
	return (1 + (number - 1) % s->places) * SECTORS;
}

static struct stamp *stamp_at(u8 *sector, bool last)
{
	return (struct stamp *)(sector + (last ? SECTOR_SIZE - sizeof(struct stamp) : 0));
}

static void stamp_block(u8 *block, u64 number, u64 sector)
{
	for (u32 i = 0; i < SECTORS; i++) {
		const struct stamp st = { STAMP_MAGIC, number, sector + i };

		*stamp_at(block + i * SECTOR_SIZE, false) = st;
		*stamp_at(block + i * SECTOR_SIZE, true) = st;
	}
}

static bool stamped(u8 *block, u64 number, u64 sector)
{
	for (u32 i = 0; i < 2 * SECTORS; i++) {
		const struct stamp *st = stamp_at(block + i / 2 * SECTOR_SIZE, i & 1);

		if (st->magic != STAMP_MAGIC || st->number != number ||
		    st->sector != sector + i / 2)
			return false;
	}
	return true;
}

static void one_done(struct blk_request *rq)
{
	struct sequence *s = rq->arg;

	if (atomic_dec_and_test(&s->left))
		complete(&s->done);
}

/* Submits n requests that are filled in but for who is told, and waits. The first error, or 0. */
static int run_batch(struct sequence *s, u32 n)
{
	int err = 0;

	atomic_set(&s->left, (s32)n);
	init_completion(&s->done);
	for (u32 i = 0; i < n; i++) {
		s->rq[i].done = one_done;
		s->rq[i].arg = s;
	}
	blk_submit(s->disk, s->rq, n);
	wait_for_completion(&s->done);
	for (u32 i = 0; i < n && !err; i++)
		err = s->rq[i].err;
	return err;
}

static void fill(struct sequence *s, enum blk_op op, u64 from, u32 n)
{
	for (u32 i = 0; i < n; i++)
		s->rq[i] = (struct blk_request){
			.op = op, .sector = sector_of(s, from + i), .nr = SECTORS, .buf = buffer[i]
		};
}

static void complain(struct sequence *s, const char *what, u64 number, int err)
{
	if (s->told++ < COMPLAINTS)
		console_printf("%s failed near block %lu: error %d\n", what, number, -err);
}

static void write_batch(struct sequence *s, u32 n)
{
	int err;

	for (u32 i = 0; i < n; i++)
		stamp_block(buffer[i], s->next + i, sector_of(s, s->next + i));
	fill(s, BLK_WRITE, s->next, n);
	err = run_batch(s, n);
	if (err)
		complain(s, "write", s->next, err);
	if (!err) {
		err = blk_flush(s->disk);
		if (err)
			complain(s, "flush", s->next, err);
	}
	s->next += n;
	if (err) {
		s->lost += n;
		return;
	}
	s->safe += n;
	console_printf("flushed %lu\n", s->next - 1);
}

/* The last lap's blocks, as far as they were written. */
static void verify(struct sequence *s, u32 batch)
{
	u64 from = s->next > s->places ? s->next - s->places : 1;
	u64 right = 0, wrong = 0, failed = 0;

	for (u32 n; from < s->next; from += n) {
		n = (u32)MIN((u64)batch, s->next - from);
		fill(s, BLK_READ, from, n);
		memset(buffer, 0, n * BLOCK_BYTES);
		run_batch(s, n);
		for (u32 i = 0; i < n; i++) {
			if (s->rq[i].err)
				failed++;
			else if (stamped(buffer[i], from + i, sector_of(s, from + i)))
				right++;
			else
				wrong++;
		}
	}
	console_printf("read back: %lu right, %lu wrong, %lu failed\n", right, wrong, failed);
}

static bool may_write(const struct sequence *s)
{
	return !s->disk->read_only && !blk_rw(s->disk, BLK_READ, 0, buffer[0], 1) &&
	       memcmp(buffer[0], SCRATCH, strlen(SCRATCH)) == 0;
}

void demo_sequence(void)
{
	static struct sequence s;
	u64 count = boot_option_u64("count", DEFAULT_COUNT);
	u32 batch = (u32)MIN(MAX(boot_option_u64("batch", 16), 1ul), (u64)MAX_BATCH);

	s = (struct sequence){ .disk = blk_find(""), .next = 1 };
	if (!s.disk || s.disk->sectors < (1 + MAX_BATCH) * SECTORS) {
		console_printf("no disk, or one of less than %u KiB: --disk FILE\n",
			       (1 + MAX_BATCH) * BLOCK_BYTES >> 10);
		return;
	}
	if (!may_write(&s)) {
		console_printf("not written to: it does not begin with %s\n", SCRATCH);
		return;
	}
	s.places = s.disk->sectors / SECTORS - 1;
	console_printf("%s: %s, %lu places\n", s.disk->name, s.disk->driver, s.places);
	while (!count || s.next <= count)
		write_batch(&s, count ? (u32)MIN((u64)batch, count - s.next + 1) : batch);
	console_printf("sequence: %lu blocks flushed, %lu lost\n", s.safe, s.lost);
	if (boot_option("verify"))
		verify(&s, batch);
}
