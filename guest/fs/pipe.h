/* SPDX-License-Identifier: MIT */
/*
 * pipe.h - pipes and FIFOs, pipe(7): a ring of pages between writers and readers.
 *
 * P1 a write of PIPE_BUF bytes or less is not mixed with another's. P2 readers get 0 when nobody can
 * write any more; writers SIGPIPE and -EPIPE when nobody can read. P3 what is moved from another file
 * (IOCB_SPLICE) has a buffer for each page, which no write goes on in.
 */
#ifndef GUEST_FS_PIPE_H
#define GUEST_FS_PIPE_H

#include "guest/fs/vfs.h"

#define PIPE_DEF_BUFFERS 16

/* flags: O_CLOEXEC, O_NONBLOCK, O_DIRECT. fd[0] reads, fd[1] writes. */
s64 fs_pipe2(struct vfs_task *t, int fd[2], u32 flags);
/* The same as files. */
int create_pipe_files(struct vfs_task *t, struct file *out[2], u32 flags);

/* F_GETPIPE_SZ and F_SETPIPE_SZ; -EBADF: not a pipe. */
s64 pipe_fcntl(struct vfs_task *t, struct file *f, unsigned cmd, u64 arg);

/* Before something is moved to f (IOCB_SPLICE): for how many pages there is room, which is waited for
 * unless f is O_NONBLOCK (-EAGAIN). -EPIPE with SIGPIPE: a pipe without readers. INT64_MAX: no pipe. */
s64 pipe_wait_room(struct vfs_task *t, struct file *f);

#endif
