/* SPDX-License-Identifier: MIT */
/*
 * poll.h - waiting for one of many files: poll(2), select(2), and what a file's poll() calls.
 */
#ifndef GUEST_FS_POLL_H
#define GUEST_FS_POLL_H

#include "guest/fs/vfs.h"

struct poll_table {
	/* Enters the queue; NULL: nobody waits, only the state is asked for. */
	void (*queue)(struct poll_table *pt, struct file *f, wait_queue_head_t *q);
	u32 events; /* what the caller wants to hear of */
};

/* A file's poll() names each queue that is woken when its answer changes, then gives the answer. */
static inline void poll_wait(struct file *f, wait_queue_head_t *q, struct poll_table *pt)
{
	if (pt && pt->queue)
		pt->queue(pt, f, q);
}

/* What the file says; POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM without a poll(). */
u32 vfs_poll(struct file *f, struct poll_table *pt);

/*
 * fds is kernel memory; revents are filled in. deadline: env_now_ns() (0: do not wait, UINT64_MAX:
 * for ever). How many are ready, -EINTR, -ENOMEM, -EINVAL (nr above RLIMIT_NOFILE).
 */
s64 fs_poll(struct vfs_task *t, struct linux_pollfd *fds, unsigned nr, u64 deadline);

/* Bit maps of nr bits (words of 64), in and out; each may be NULL. -EBADF. */
s64 fs_select(struct vfs_task *t, int nr, u64 *in, u64 *out, u64 *ex, u64 deadline);

#endif
