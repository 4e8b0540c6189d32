/* SPDX-License-Identifier: MIT */
/* pipe_internal.h - what a pipe is made of. */
#ifndef GUEST_FS_PIPE_INTERNAL_H
#define GUEST_FS_PIPE_INTERNAL_H

#include "guest/fs/pipe.h"

struct pipe_buffer {
	struct page *page;
	u32 offset, len;
	bool can_merge; /* a later write may go on in this page; not for O_DIRECT packets */
	bool packet;
};

struct pipe_inode_info {
	struct mutex mutex; /* everything */
	wait_queue_head_t rd_wait, wr_wait;
	u32 head, tail; /* head - tail buffers are in use */
	u32 ring_size;	/* a power of two */
	u32 readers, writers;
	u32 r_counter, w_counter; /* opens ever, for the ones that wait in open() */
	u32 files;		  /* opens of this object; inode->i_lock */
	struct page *spare;	  /* kept for the next write */
	struct pipe_buffer *bufs;
	struct vfs *vfs;
};

#endif
