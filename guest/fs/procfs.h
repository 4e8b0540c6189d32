/* SPDX-License-Identifier: MIT */
/*
 * procfs.h - /proc: what is not about processes comes as pseudo entries; processes come from the
 * process layer as the dynamic part of the root.
 */
#ifndef GUEST_FS_PROCFS_H
#define GUEST_FS_PROCFS_H

#include "guest/fs/pseudo.h"

struct procfs {
	struct file_system_type type;
	struct pseudo_tree tree;
};

/* The tree with what the VFS itself knows: filesystems, mounts -> self/mounts, sys/fs. Registers the
 * type "proc". One per struct vfs. */
int procfs_init(struct procfs *p, struct vfs *vfs);
void procfs_destroy(struct procfs *p);

/* Text of /proc/PID/mounts and mountinfo as seen from root. */
void show_mounts(struct seq *s, struct vfs *vfs, const struct path *root);
void show_mountinfo(struct seq *s, struct vfs *vfs, const struct path *root);
void show_filesystems(struct seq *s, struct vfs *vfs);

/* The same for /sys: type "sysfs", with the usual empty folders. */
struct sysfs {
	struct file_system_type type;
	struct pseudo_tree tree;
};
int sysfs_init(struct sysfs *s, struct vfs *vfs);
void sysfs_destroy(struct sysfs *s);

#endif
