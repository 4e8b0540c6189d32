/* SPDX-License-Identifier: MIT */
/* pidfd.h - processes as files, for the rest of the process layer. */
#ifndef GUEST_PROCESS_PIDFD_H
#define GUEST_PROCESS_PIDFD_H

#include "guest/process/process.h"

/* A file for p and a number for it, which is not yet in use: fd_install() or put_unused_fd() and
 * fput(). flags: O_NONBLOCK. -errno. */
int pidfd_prepare(struct process *p, u32 flags, struct file **out);

/* Whose it is, with a reference. -EBADF. */
int pidfd_process(int fd, struct process **p, bool *nonblock);

/* p has ended: who polls its files hears it. proc_lock held. */
void pidfds_notify(struct process *p);

#endif
