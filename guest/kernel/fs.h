/* SPDX-License-Identifier: MIT */
/* fs.h - the kernel's one file system tree. */
#ifndef GUEST_KERNEL_FS_H
#define GUEST_KERNEL_FS_H

#include "guest/fs/vfs.h"

extern struct vfs kernel_vfs;

/* Boot step: the root, /dev, /proc, /sys, the terminals, and what the loader brought as initrd. */
void fs_init(void);

#endif
