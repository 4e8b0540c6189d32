/* SPDX-License-Identifier: MIT */
/* eventfd.h - eventfd(2): a counter as a file. */
#ifndef GUEST_FS_EVENTFD_H
#define GUEST_FS_EVENTFD_H

#include "guest/fs/vfs.h"

s64 fs_eventfd2(struct vfs_task *t, u32 count, u32 flags);
/* Adds n from inside the kernel; any context. -EINVAL: not an eventfd. */
int eventfd_signal(struct file *f, u64 n);

#endif
