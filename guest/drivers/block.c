/* SPDX-License-Identifier: MIT */
/* block.c - see block.h. */
#include "guest/drivers/block.h"
#include "guest/drivers/waiting.h"
#include "guest/kernel/printk.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"

static LIST_HEAD(devices); /* written at boot only */

void blk_register(struct blk_device *dev)
{
	list_add_tail(&dev->entry, &devices);
	pr_info("  %s: %s, %lu KiB%s%s%s", dev->name, dev->driver, dev->sectors / 2,
		dev->read_only ? ", read-only" : "", *dev->serial ? ", serial " : "", dev->serial);
}

struct blk_device *blk_find(const char *name)
{
	struct blk_device *dev;

	list_for_each_entry (dev, &devices, entry)
		if (!*name || strcmp(dev->name, name) == 0)
			return dev;
	return NULL;
}

static int refusal(const struct blk_device *dev, const struct blk_request *rq)
{
	if (rq->op == BLK_FLUSH)
		return 0;
	if (rq->op == BLK_WRITE && dev->read_only)
		return -EROFS;
	return rq->nr && rq->nr <= dev->max_sectors && rq->sector < dev->sectors &&
			       dev->sectors - rq->sector >= rq->nr
		       ? 0
		       : -EINVAL;
}

void blk_submit(struct blk_device *dev, struct blk_request *rq, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		rq[i].err = refusal(dev, &rq[i]);
		if (rq[i].err)
			rq[i].done(&rq[i]);
		else
			dev->ops->submit(dev, &rq[i], i + 1 < n);
	}
}

static void finished(struct blk_request *rq)
{
	waiting_done(rq->arg);
}

int blk_rw(struct blk_device *dev, enum blk_op op, u64 sector, void *buf, u32 nr)
{
	struct blk_request rq = { .op = op, .sector = sector, .buf = buf, .done = finished };
	struct waiting w;

	rq.arg = &w;
	do {
		rq.nr = MIN(nr, dev->max_sectors);
		waiting_init(&w);
		blk_submit(dev, &rq, 1);
		waiting_wait(&w);
		nr -= rq.nr;
		rq.sector += rq.nr;
		rq.buf = (u8 *)rq.buf + rq.nr * SECTOR_SIZE;
	} while (nr && !rq.err);
	return rq.err;
}

int blk_flush(struct blk_device *dev)
{
	return blk_rw(dev, BLK_FLUSH, 0, NULL, 0);
}
