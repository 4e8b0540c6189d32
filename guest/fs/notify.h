/* SPDX-License-Identifier: MIT */
/*
 * notify.h - telling inotify(7) what happens to files. Where nothing is watched in the whole instance,
 * telling is one comparison. Process context; may sleep; s_tree_sem and i_rwsem may be held.
 */
#ifndef GUEST_FS_NOTIFY_H
#define GUEST_FS_NOTIFY_H

#include "guest/fs/vfs.h"

#define IN_ACCESS	 0x00000001
#define IN_MODIFY	 0x00000002
#define IN_ATTRIB	 0x00000004
#define IN_CLOSE_WRITE	 0x00000008
#define IN_CLOSE_NOWRITE 0x00000010
#define IN_OPEN		 0x00000020
#define IN_MOVED_FROM	 0x00000040
#define IN_MOVED_TO	 0x00000080
#define IN_CREATE	 0x00000100
#define IN_DELETE	 0x00000200
#define IN_DELETE_SELF	 0x00000400
#define IN_MOVE_SELF	 0x00000800
#define IN_UNMOUNT	 0x00002000
#define IN_Q_OVERFLOW	 0x00004000
#define IN_IGNORED	 0x00008000
#define IN_ONLYDIR	 0x01000000
#define IN_DONT_FOLLOW	 0x02000000
#define IN_EXCL_UNLINK	 0x04000000
#define IN_MASK_CREATE	 0x10000000
#define IN_MASK_ADD	 0x20000000
#define IN_ISDIR	 0x40000000
#define IN_ONESHOT	 0x80000000u

s64 fs_inotify_init1(struct vfs_task *t, int flags);
/* path_err: why there is no path, which is told when nothing is wrong with the rest. */
s64 fs_inotify_add_watch(struct vfs_task *t, int fd, const char *path, s64 path_err, u32 mask);
s64 fs_inotify_rm_watch(struct vfs_task *t, int fd, int wd);

static inline bool notify_wanted(const struct vfs *vfs)
{
	return unlikely(READ_ONCE(vfs->nr_watches));
}

/* To those who watch the inode itself. */
void notify_inode(struct inode *inode, u32 mask);
/* To those who watch the folder, about an entry of that name. */
void notify_name(struct inode *dir, const char *name, size_t len, u32 mask, u32 cookie);
/* To both: those of the folder first. */
void notify_dentry(struct dentry *d, u32 mask);
/* The same for names and modes in one: the entry d of dir. */
void notify_entry(struct inode *dir, const struct dentry *d, bool is_dir, u32 mask);
/* A rename from old_name to what `moved` is called now. */
void notify_move(struct inode *old_dir, const char *old_name, size_t len, struct inode *new_dir,
		 struct dentry *moved);
/* A cached name lets go of an inode: its last one, and the watches end. */
void notify_gone(struct inode *inode);
/* The file system goes, and all watches in it. */
void notify_unmount(struct super_block *sb);

static inline void notify_file(struct vfs *vfs, struct file *f, u32 mask)
{
	if (notify_wanted(vfs))
		notify_dentry(f->f_path.dentry, mask);
}

#endif
