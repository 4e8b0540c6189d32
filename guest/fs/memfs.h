/* SPDX-License-Identifier: MIT */
/*
 * memfs.h - file systems whose only storage is the page cache: ramfs, without limits, and tmpfs, with
 * size= nr_inodes= mode= uid= gid=. tmpfs(5).
 */
#ifndef GUEST_FS_MEMFS_H
#define GUEST_FS_MEMFS_H

#include "guest/fs/vfs.h"

extern const struct file_system_type ramfs_fs_type, tmpfs_fs_type;

/* A file without a name on a tmpfs of the kernel's own: shared anonymous memory, memfd. *out has one
 * reference. Who wants to seal it clears F_SEAL_SEAL of its inode. */
int shmem_file_setup(struct vfs_task *t, const char *name, s64 size, u32 flags, struct file **out);

/* Makes an entry from inside the kernel (devtmpfs); -EEXIST. */
int memfs_make_node(struct super_block *sb, struct dentry *parent, const char *name, u32 mode,
		    kdev_t dev, u32 uid, u32 gid);

/* Removes an entry of the root; whoever has it open keeps it. */
void memfs_remove_node(struct super_block *sb, const char *name);

#endif
