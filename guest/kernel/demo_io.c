/* SPDX-License-Identifier: MIT */
/*
 * demo_io.c - demo=io: the console and the first disk at work, for whoever counts the exits outside.
 * reads=N and writes=N requests of 4 KiB (256 and 64; writes only to a disk that begins with the words
 * of the self-tests), depth=N of them at once, lines=N lines of console (0).
 */
#include "guest/drivers/block.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/init.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/time.h"
#include "guest/lib/string.h"
#include "guest/locking/wait.h"

#define SCRATCH	  "PARALLAX SCRATCH DISK"
#define REQ_BYTES 4096u
#define SECTORS	  (REQ_BYTES / SECTOR_SIZE)
#define MAX_DEPTH 16u

static struct {
	struct blk_device *disk;
	enum blk_op op;
	spinlock_t lock; /* what follows */
	u64 left;	 /* to be submitted */
	unsigned busy, failed;
	u64 place;
	struct completion done;
} io;

static u8 buffer[MAX_DEPTH][REQ_BYTES];

/* Pseudo-random places, away from the first sectors. */
static u64 next_place(void)
{
	u64 slots = io.disk->sectors / SECTORS - 1;

	io.place = io.place * 6364136223846793005ULL + 1442695040888963407ULL;
	return SECTORS * (1 + (io.place >> 33) % slots);
}

/* Takes one more; false when there is none left. */
static bool prepare(struct blk_request *rq)
{
	u64 flags = spin_lock_irqsave(&io.lock);
	bool more = io.left != 0;

	if (more) {
		io.left--;
		rq->sector = next_place();
	} else if (!--io.busy) {
		complete(&io.done);
	}
	spin_unlock_irqrestore(&io.lock, flags);
	return more;
}

static void finished(struct blk_request *rq)
{
	io.failed += rq->err != 0;
	if (prepare(rq))
		blk_submit(io.disk, rq, 1);
}

static void run(const char *what, enum blk_op op, u64 count, unsigned depth)
{
	static struct blk_request rq[MAX_DEPTH];
	u64 start = clock_ns(), ns;

	if (!count)
		return;
	depth = (unsigned)MIN((u64)depth, count);
	io.op = op;
	io.left = count - depth;
	io.busy = depth;
	io.failed = 0;
	init_completion(&io.done);
	for (unsigned i = 0; i < depth; i++)
		rq[i] = (struct blk_request){ .op = op,
					      .sector = next_place(),
					      .nr = SECTORS,
					      .buf = buffer[i],
					      .done = finished };
	blk_submit(io.disk, rq, depth);
	wait_for_completion(&io.done);
	ns = clock_ns() - start;
	console_printf(
		"%s: %lu requests of 4 KiB at random places, %u at once: %lu us each, %u failed\n",
		what, count, depth, ns / count / NSEC_PER_USEC, io.failed);
}

static bool may_write(void)
{
	return !io.disk->read_only && !blk_rw(io.disk, BLK_READ, 0, buffer[0], 1) &&
	       memcmp(buffer[0], SCRATCH, strlen(SCRATCH)) == 0;
}

void demo_io(void)
{
	unsigned depth = (unsigned)boot_option_u64("depth", 1);
	u64 lines = boot_option_u64("lines", 0), writes = boot_option_u64("writes", 64);

	for (u64 i = 0; i < lines; i++)
		console_printf("%4lu  forty-eight bytes of console output a line\n", i);
	io.disk = blk_find("");
	if (!io.disk || io.disk->sectors < 4 * SECTORS) {
		console_printf("no disk: --disk FILE\n");
		return;
	}
	spin_lock_init(&io.lock);
	depth = MIN(MAX(depth, 1u), MAX_DEPTH);
	console_printf("%s: %s, %lu KiB\n", io.disk->name, io.disk->driver, io.disk->sectors / 2);
	run("reads", BLK_READ, boot_option_u64("reads", 256), depth);
	if (!writes)
		return;
	if (may_write())
		run("writes", BLK_WRITE, writes, depth);
	else
		console_printf("not written to: it does not begin with %s\n", SCRATCH);
}
