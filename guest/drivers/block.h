/* SPDX-License-Identifier: MIT */
/*
 * block.h - disks: what a driver offers, what everybody else asks for. Whole disks only, by name: vda is
 * the first one behind virtio, hda the one on the IDE channel.
 *
 * A buffer lies in the linear map or in the kernel's image (it is one piece of physical memory), and
 * sectors have 512 bytes. Drivers finish requests in any order; a flush makes durable what was
 * finished before it was submitted.
 */
#ifndef GUEST_DRIVERS_BLOCK_H
#define GUEST_DRIVERS_BLOCK_H

#include "guest/lib/list.h"
#include "guest/lib/types.h"
#include "guest/locking/spinlock.h"

#define SECTOR_SIZE 512u

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH };

struct blk_device;

/* The caller's until submitted, the driver's until done() is called. */
struct blk_request {
	enum blk_op op;
	u64 sector;
	u32 nr; /* sectors, at most the device's max_sectors; a flush has none */
	void *buf;
	void (*done)(struct blk_request *rq); /* err is set; IRQs off, any CPU */
	void *arg;			      /* the caller's */
	int err;			      /* 0 or -errno */
	u64 submitted;			      /* ns, for the statistics */
	struct blk_device *dev;
	struct list_head entry; /* the driver's */
};

struct blk_ops {
	/* Takes a request; `more` says that another follows at once. Any context. */
	void (*submit)(struct blk_device *dev, struct blk_request *rq, bool more);
};

/* What a disk has done, by enum blk_op: /proc/diskstats. */
struct blk_stats {
	u64 ios[3], sectors[3], ns[3]; /* ns: each from submission to completion */
	unsigned in_flight;
	u64 busy_ns; /* while something was in flight */
};

struct blk_device {
	const char *name, *driver;
	char serial[21];
	u64 sectors;
	u32 max_sectors; /* of one request */
	bool read_only;
	const struct blk_ops *ops;
	struct list_head entry;
	spinlock_t stats_lock;
	struct blk_stats stats; /* stats_lock */
	u64 busy_since;
};

/* A driver's: from now on others find it. Boot context. */
void blk_register(struct blk_device *dev);

/* By name; NULL: none. "" gives the first of all. */
struct blk_device *blk_find(const char *name);

/* The one after dev in the order of registration; NULL gives the first, and comes after the last. */
struct blk_device *blk_next(const struct blk_device *dev);

/* Up to now. Any context. */
void blk_read_stats(struct blk_device *dev, struct blk_stats *out);

/* A driver's: the request is finished, err is set. Counts it and calls done(). */
void blk_done(struct blk_request *rq);

/* Hands over n requests, each valid for the disk (-EINVAL, -EROFS: err and done() at once). */
void blk_submit(struct blk_device *dev, struct blk_request *rq, size_t n);

/* Reads or writes any number of sectors, or flushes, and waits. 0 or -errno. Thread context. */
int blk_rw(struct blk_device *dev, enum blk_op op, u64 sector, void *buf, u32 nr);
int blk_flush(struct blk_device *dev);

#endif
