/* SPDX-License-Identifier: MIT */
/* cpio_maker.h - "newc" archives for tests, right ones and wrong ones. */
#ifndef TESTS_UNIT_GUEST_CPIO_MAKER_H
#define TESTS_UNIT_GUEST_CPIO_MAKER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct cpio {
	unsigned char *data;
	size_t len, room;
	unsigned ino;
};

struct cpio_entry {
	const char *name;
	unsigned mode, uid, gid, nlink, ino, mtime, rdev_major, rdev_minor;
	const void *data;
	size_t len;
	int bad_sum; /* 0: "070701"; 1: "070702" with the right sum; -1: with a wrong one */
};

static inline void cpio_bytes(struct cpio *c, const void *p, size_t n)
{
	if (c->len + n > c->room) {
		c->room = (c->len + n) * 2;
		c->data = realloc(c->data, c->room);
	}
	memcpy(c->data + c->len, p, n);
	c->len += n;
}

static inline void cpio_pad(struct cpio *c, size_t to)
{
	while (c->len % to)
		cpio_bytes(c, "", 1);
}

static inline void cpio_add(struct cpio *c, const struct cpio_entry *e)
{
	const unsigned char *p = e->data;
	unsigned sum = 0;
	char head[120];

	for (size_t i = 0; i < e->len; i++)
		sum += p[i];
	snprintf(head, sizeof(head), "07070%d%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 e->bad_sum ? 2 : 1, e->ino ? e->ino : ++c->ino, e->mode, e->uid, e->gid,
		 e->nlink ? e->nlink : 1, e->mtime, (unsigned)e->len, 8, 1, e->rdev_major,
		 e->rdev_minor, (unsigned)strlen(e->name) + 1,
		 e->bad_sum ? sum + (e->bad_sum < 0) : 0);
	cpio_bytes(c, head, 110);
	cpio_bytes(c, e->name, strlen(e->name) + 1);
	cpio_pad(c, 4);
	if (e->len)
		cpio_bytes(c, e->data, e->len);
	cpio_pad(c, 4);
}

static inline void cpio_end(struct cpio *c)
{
	cpio_add(c, &(struct cpio_entry){ .name = "TRAILER!!!" });
	cpio_pad(c, 512);
}

/* The archive as a gzip file, in place. */
static inline void cpio_gzip(struct cpio *c, int level)
{
	z_stream z = { 0 };
	size_t room = c->len + c->len / 100 + 1000;
	unsigned char *out = malloc(room);

	deflateInit2(&z, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
	z.next_in = c->data;
	z.avail_in = (unsigned)c->len;
	z.next_out = out;
	z.avail_out = (unsigned)room;
	deflate(&z, Z_FINISH);
	free(c->data);
	c->data = out;
	c->len = z.total_out;
	c->room = room;
	deflateEnd(&z);
}

#endif
