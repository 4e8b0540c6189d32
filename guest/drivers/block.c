/* SPDX-License-Identifier: MIT */
/* block.c - see block.h. */
#include "guest/drivers/block.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/time.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/locking/wait.h"

static LIST_HEAD(devices); /* written at boot only */

void blk_register(struct blk_device *dev)
{
	spin_lock_init(&dev->stats_lock);
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

struct blk_device *blk_next(const struct blk_device *dev)
{
	const struct list_head *next = dev ? dev->entry.next : devices.next;

	return next == &devices ? NULL : list_entry(next, struct blk_device, entry);
}

/* ---- statistics ------------------------------------------------------------------------------------------ */

static void count_start(struct blk_device *dev, struct blk_request *rq)
{
	u64 flags = spin_lock_irqsave(&dev->stats_lock);

	rq->dev = dev;
	rq->submitted = clock_ns();
	if (!dev->stats.in_flight++)
		dev->busy_since = rq->submitted;
	spin_unlock_irqrestore(&dev->stats_lock, flags);
}

void blk_done(struct blk_request *rq)
{
	struct blk_device *dev = rq->dev;
	u64 flags = spin_lock_irqsave(&dev->stats_lock), now = clock_ns();
	struct blk_stats *st = &dev->stats;

	st->ios[rq->op]++;
	st->sectors[rq->op] += rq->op == BLK_FLUSH ? 0 : rq->nr;
	st->ns[rq->op] += now - MIN(now, rq->submitted);
	if (!--st->in_flight)
		st->busy_ns += now - MIN(now, dev->busy_since);
	spin_unlock_irqrestore(&dev->stats_lock, flags);
	rq->done(rq);
}

void blk_read_stats(struct blk_device *dev, struct blk_stats *out)
{
	u64 flags = spin_lock_irqsave(&dev->stats_lock), now = clock_ns();

	*out = dev->stats;
	if (out->in_flight)
		out->busy_ns += now - MIN(now, dev->busy_since);
	spin_unlock_irqrestore(&dev->stats_lock, flags);
}

/* ---- requests -------------------------------------------------------------------------------------------- */

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
		if (rq[i].err) {
			rq[i].done(&rq[i]);
			continue;
		}
		count_start(dev, &rq[i]);
		dev->ops->submit(dev, &rq[i], i + 1 < n);
	}
}

static void finished(struct blk_request *rq)
{
	complete(rq->arg);
}

int blk_rw(struct blk_device *dev, enum blk_op op, u64 sector, void *buf, u32 nr)
{
	struct blk_request rq = { .op = op, .sector = sector, .buf = buf, .done = finished };
	struct completion c;

	rq.arg = &c;
	init_completion(&c);
	do {
		rq.nr = MIN(nr, dev->max_sectors);
		blk_submit(dev, &rq, 1);
		wait_for_completion(&c);
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
