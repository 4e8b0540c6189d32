/* SPDX-License-Identifier: MIT */
/*
 * block.h - a disk image (a raw file, sparse or not, or a block device) with asynchronous requests;
 * the backend of every disk: virtio-blk, and PIO disks through the synchronous calls.
 *
 * Requests go through io_uring where the host permits it, otherwise through preadv/pwritev on the
 * thread that submits; a caller sees no difference but the time. No lock of its own: one
 * thread at a time, under the device's lock. Nothing is allocated after block_open().
 *
 * Rule D1: done() is called exactly once for each request, from block_submit(), block_reap() or
 *          block_drain(), never later than a block_drain() that follows the submit.
 * Rule D2: a flush makes durable what was done() before it was submitted, and nothing else.
 * Rule D3: a request reaches only [0, block_size()), as the file is now: what lies outside, a file
 *          that was cut short, and a full host are the request's error and never the VMM's.
 * Rule D4: the image is locked (open file description locks): one writer, or any number of readers.
 */
#ifndef DEVICES_BLOCK_H
#define DEVICES_BLOCK_H

#include <sys/uio.h>

#include "base/error.h"
#include "base/types.h"

#define BLOCK_SECTOR	    512u
#define BLOCK_MAX_IN_FLIGHT 256u

struct block;

struct block_config {
	const char *path;
	bool read_only;
	bool direct;   /* O_DIRECT; requests that it cannot take go through the page cache */
	bool no_uring; /* preadv/pwritev even where io_uring is permitted; for tests and bench */
};

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,
	BLOCK_DISCARD,	    /* the range's contents are no longer needed */
	BLOCK_WRITE_ZEROES, /* and stays allocated, unless .unmap */
};

/* Owned by the caller, untouched by it from block_submit() to done(). */
struct block_req {
	enum block_op op;
	bool sync;  /* write, discard, write zeroes: durable when done */
	bool unmap; /* write zeroes: may free the space */
	u64 offset; /* bytes */
	u64 len;    /* bytes; read and write: the sum of iov, not above 2 GiB - 1 */
	const struct iovec *iov;
	unsigned nr_iov;
	/* err: 0, or -errno: -EIO, -ENOSPC, -EROFS, -EINVAL (outside the disk, D3), -EOPNOTSUPP */
	void (*done)(struct block_req *req, int err);

	/* The backend's own. */
	u64 moved;
	struct block_req *next;
};

/*
 * Opens and locks (D4). 0, or -errno with e filled: no such file, a directory, in use (-EBUSY,
 * "... is in use by another process"), not writable (try ro), no O_DIRECT there.
 */
int block_open(const struct block_config *cfg, struct block **out, struct error *e);
void block_close(struct block *b); /* drains; NULL is fine */

u64 block_size(const struct block *b);		/* bytes, whole sectors */
u32 block_logical_size(const struct block *b);	/* 512, or what O_DIRECT or the device asks for */
u32 block_physical_size(const struct block *b); /* a hint */
bool block_read_only(const struct block *b);
bool block_uses_uring(const struct block *b);

/* Looks at the file's size again; true when it changed. One system call. */
bool block_refresh_size(struct block *b);

/*
 * block_submit() takes a request (-EAGAIN: BLOCK_MAX_IN_FLIGHT are under way, not taken);
 * block_push() hands all taken ones to the host in one system call.
 */
int block_submit(struct block *b, struct block_req *req) must_check;
void block_push(struct block *b);

/* Becomes readable (EPOLLIN) when block_reap() has something; -1: never. */
int block_event_fd(const struct block *b);

/* Calls done() for what has ended; returns how many. */
unsigned block_reap(struct block *b);

/* Pushes, and waits until nothing is under way. */
void block_drain(struct block *b);

/* One request, submitted and waited for: 0 or -errno. Others may be under way. */
int block_read(struct block *b, u64 offset, void *buf, u64 len) must_check;
int block_write(struct block *b, u64 offset, const void *buf, u64 len) must_check;
int block_flush(struct block *b) must_check;

#endif
