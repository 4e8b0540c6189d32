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
	struct list_head entry;		      /* the driver's */
};

struct blk_ops {
	/* Takes a request; `more` says that another follows at once. Any context. */
	void (*submit)(struct blk_device *dev, struct blk_request *rq, bool more);
};

struct blk_device {
	const char *name, *driver;
	char serial[21];
	u64 sectors;
	u32 max_sectors; /* of one request */
	bool read_only;
	const struct blk_ops *ops;
	struct list_head entry;
};

/* A driver's: from now on others find it. Boot context. */
void blk_register(struct blk_device *dev);

/* By name; NULL: none. "" gives the first of all. */
struct blk_device *blk_find(const char *name);

/* Hands over n requests, each valid for the disk (-EINVAL, -EROFS: err and done() at once). */
void blk_submit(struct blk_device *dev, struct blk_request *rq, size_t n);

/* Reads or writes any number of sectors, or flushes, and waits. 0 or -errno. Thread context. */
int blk_rw(struct blk_device *dev, enum blk_op op, u64 sector, void *buf, u32 nr);
int blk_flush(struct blk_device *dev);

#endif
