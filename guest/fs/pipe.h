/* SPDX-License-Identifier: MIT */
/*
 * pipe.h - pipes and FIFOs, pipe(7): a ring of pages between writers and readers.
 *
 * P1 a write of PIPE_BUF bytes or less is not mixed with another's. P2 readers get 0 when nobody can
 * write any more; writers SIGPIPE and -EPIPE when nobody can read.
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

/* Before something is moved to f: -EPIPE with SIGPIPE when it is a pipe without readers, -EAGAIN when
 * it is full and one must not wait; 0 for everything else. */
int pipe_check_room(struct vfs_task *t, struct file *f, bool nonblock);

#endif
