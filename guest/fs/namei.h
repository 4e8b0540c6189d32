/* SPDX-License-Identifier: MIT */
/*
 * namei.h - from a path to what it names, path_resolution(7), and opening.
 *
 * Paths are NUL-terminated kernel memory, shorter than PATH_MAX. May sleep.
 */
#ifndef GUEST_FS_NAMEI_H
#define GUEST_FS_NAMEI_H

#include "guest/fs/vfs.h"

#define LOOKUP_FOLLOW	     0x0001 /* a symlink at the end */
#define LOOKUP_DIRECTORY     0x0002 /* the end must be a directory */
#define LOOKUP_EMPTY	     0x0004 /* "" is where one starts */
#define LOOKUP_NO_XDEV	     0x0010
#define LOOKUP_NO_MAGICLINKS 0x0020
#define LOOKUP_NO_SYMLINKS   0x0040
#define LOOKUP_BENEATH	     0x0080
#define LOOKUP_IN_ROOT	     0x0100
#define LOOKUP_PARENT	     0x1000 /* inside: stop before the last component */
#define LOOKUP_MOUNTPOINT    0x2000 /* umount: stay below the mount on the last component's... top */

/* The process's root, working directory and umask. */
struct fs_struct {
	atomic_t users;
	spinlock_t lock;
	u32 umask;
	struct path root, pwd;
};

/* Both at the namespace's root, umask 022. NULL without memory. */
struct fs_struct *fs_struct_new(struct vfs *vfs);
struct fs_struct *fs_struct_copy(struct vfs *vfs,
				 struct fs_struct *old); /* fork without CLONE_FS */
struct fs_struct *fs_struct_get(struct fs_struct *fs);
void fs_struct_put(struct vfs *vfs, struct fs_struct *fs);
void get_fs_root(struct fs_struct *fs, struct path *root);
void get_fs_pwd(struct fs_struct *fs, struct path *pwd);
void set_fs_root(struct fs_struct *fs, const struct path *root);
void set_fs_pwd(struct fs_struct *fs, const struct path *pwd);

/* *out referenced. dfd: AT_FDCWD or a descriptor. */
int user_path_at(struct vfs_task *t, int dfd, const char *path, unsigned lookup, struct path *out);

struct open_how {
	u32 flags; /* O_* */
	u32 mode;
	u64 resolve;
};

/* *out has one reference. All of Linux's checks; descriptors are the caller's business. */
int do_filp_open(struct vfs_task *t, int dfd, const char *path, const struct open_how *how,
		 struct file **out);
/* Opens by path from inside the kernel; exec uses FMODE_EXEC checks through this. */
int filp_open(struct vfs_task *t, const char *path, u32 flags, u32 mode, struct file **out);
/* A program file for execve(2): regular, executable, not writable by anybody meanwhile
 * (-ETXTBSY, undone by allow_write_access()). */
int open_exec(struct vfs_task *t, int dfd, const char *path, unsigned lookup, struct file **out);
void allow_write_access(struct file *f);
/* One more reason not to let it be written to, for a file of open_exec(). */
void deny_write_access(struct file *f);
/* Opens what path leads to, as fs->open() of an object found by other means (/proc/PID/fd). */
int dentry_open(struct vfs_task *t, const struct path *path, u32 flags, struct file **out);

#endif
