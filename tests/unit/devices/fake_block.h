/* SPDX-License-Identifier: MIT */
/*
 * fake_block.h - the part of devices/block.h that PIO disks use, over plain memory, with one bad sector
 * and a hook that runs inside each request. Include it once in a program; block.c is not linked then.
 */
#ifndef TESTS_UNIT_DEVICES_FAKE_BLOCK_H
#define TESTS_UNIT_DEVICES_FAKE_BLOCK_H

#include <errno.h>
#include <string.h>

#include "devices/block.h"

#define FAKE_MEMORY  (256u * BLOCK_SECTOR) /* the first sectors are kept, the rest reads as zeroes */
#define FAKE_NOTHING UINT64_MAX

struct block {
	u64 size;
	bool read_only, closed;
	u64 bad_sector; /* FAKE_NOTHING: none */
	int flush_error;
	unsigned reads, writes, flushes;
	void (*during)(void *arg); /* NULL: nothing */
	void *arg;
	u8 bytes[FAKE_MEMORY];
};

static int fake_check(struct block *b, u64 offset, u64 len)
{
	if (b->during)
		b->during(b->arg);
	if (offset > b->size || b->size - offset < len)
		return -EINVAL;
	if (b->bad_sector != FAKE_NOTHING && b->bad_sector >= offset / BLOCK_SECTOR &&
	    b->bad_sector < (offset + len) / BLOCK_SECTOR)
		return -EIO;
	return 0;
}

void block_close(struct block *b)
{
	b->closed = true;
}

u64 block_size(const struct block *b)
{
	return b->size;
}

bool block_read_only(const struct block *b)
{
	return b->read_only;
}

bool block_refresh_size(struct block *b)
{
	(void)b;
	return false;
}

int block_read(struct block *b, u64 offset, void *buf, u64 len)
{
	int err = fake_check(b, offset, len);

	b->reads++;
	if (err)
		return err;
	memset(buf, 0, len);
	if (offset < FAKE_MEMORY)
		memcpy(buf, b->bytes + offset, MIN(len, FAKE_MEMORY - offset));
	return 0;
}

int block_write(struct block *b, u64 offset, const void *buf, u64 len)
{
	int err = b->read_only ? -EROFS : fake_check(b, offset, len);

	b->writes++;
	if (!err && offset < FAKE_MEMORY)
		memcpy(b->bytes + offset, buf, MIN(len, FAKE_MEMORY - offset));
	return err;
}

int block_flush(struct block *b)
{
	if (b->during)
		b->during(b->arg);
	b->flushes++;
	return b->flush_error;
}

#endif
