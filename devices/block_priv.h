/* SPDX-License-Identifier: MIT */
/* block_priv.h - the inside of a disk image; for block*.c only. */
#ifndef DEVICES_BLOCK_PRIV_H
#define DEVICES_BLOCK_PRIV_H

#include <liburing.h>

#include "devices/block.h"

struct block {
	int fd;	     /* O_DIRECT when asked for */
	int page_fd; /* through the page cache: for what O_DIRECT cannot take; or fd itself */
	bool read_only, device, direct;
	u32 logical, physical;
	u32 mem_align, offset_align; /* of O_DIRECT */
	u64 size;
	bool fresh; /* size was looked at since the last push */

	bool uring;
	struct io_uring ring;
	unsigned in_flight;		/* taken and not done() */
	unsigned prepared;		/* of them: not handed to the host yet */
	struct block_req *first, *last; /* without io_uring: the prepared ones */
};

/* The file's size in whole sectors, or -errno. */
s64 block_file_size(const struct block *b);

/* The request, or what `req->moved` leaves of it, by blocking calls: 0 or -errno. */
int block_do_sync(struct block *b, struct block_req *req);

#endif
