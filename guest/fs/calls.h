/* SPDX-License-Identifier: MIT */
/*
 * calls.h - the file system calls, one function each: what the system-call layer calls once strings
 * and structures are in kernel memory. Named as the calls; results are theirs (a count, a
 * descriptor, 0, or -errno). Data goes through iov_iter, whose memory may be the user's.
 *
 * Paths are kernel strings below PATH_MAX (the caller answers -ENAMETOOLONG and -EFAULT). Process
 * context; may sleep.
 */
#ifndef GUEST_FS_CALLS_H
#define GUEST_FS_CALLS_H

#include "guest/fs/fdtable.h"
#include "guest/fs/namei.h"

/* open.c */
s64 fs_openat(struct vfs_task *t, int dfd, const char *path, u32 flags, u32 mode);
s64 fs_openat2(struct vfs_task *t, int dfd, const char *path, u64 flags, u64 mode, u64 resolve);
s64 fs_close(struct vfs_task *t, int fd);
s64 fs_close_range(struct vfs_task *t, unsigned first, unsigned last, unsigned flags);
s64 fs_faccessat(struct vfs_task *t, int dfd, const char *path, int mode, int flags);
s64 fs_chdir(struct vfs_task *t, const char *path);
s64 fs_fchdir(struct vfs_task *t, int fd);
s64 fs_chroot(struct vfs_task *t, const char *path);
s64 fs_getcwd(struct vfs_task *t, char *buf, size_t size); /* length with the NUL */
s64 fs_fchmodat(struct vfs_task *t, int dfd, const char *path, u32 mode, int flags);
s64 fs_fchmod(struct vfs_task *t, int fd, u32 mode);
s64 fs_fchownat(struct vfs_task *t, int dfd, const char *path, u32 uid, u32 gid, int flags);
s64 fs_fchown(struct vfs_task *t, int fd, u32 uid, u32 gid);
/* Mode, owner and times (atime too: mtime) as st says, of the path itself. */
s64 fs_restore(struct vfs_task *t, const char *path, const struct kstat *st);
/* Makes a folder, a node (st->rdev as mknod(2) has it) or a link to `target` that is like that. */
s64 fs_restore_new(struct vfs_task *t, const char *path, const struct kstat *st,
		   const char *target);
s64 fs_truncate(struct vfs_task *t, const char *path, s64 len);
s64 fs_ftruncate(struct vfs_task *t, int fd, s64 len);
s64 fs_fallocate(struct vfs_task *t, int fd, int mode, s64 offset, s64 len);
/* The same of an open file. */
int vfs_fallocate(struct vfs_task *t, struct file *f, int mode, s64 offset, s64 len);
/* times NULL: now. path NULL: the descriptor itself. */
s64 fs_utimensat(struct vfs_task *t, int dfd, const char *path,
		 const struct linux_timespec times[2], int flags);
s64 fs_umask(struct vfs_task *t, u32 mask);

/* read_write.c */
s64 fs_read(struct vfs_task *t, int fd, struct iov_iter *to);
s64 fs_write(struct vfs_task *t, int fd, struct iov_iter *from);
s64 fs_pread(struct vfs_task *t, int fd, struct iov_iter *to, s64 pos, u32 rwf);
s64 fs_pwrite(struct vfs_task *t, int fd, struct iov_iter *from, s64 pos, u32 rwf);
/* preadv2(2), pwritev2(2): position -1 is the file's own. */
s64 fs_preadv2(struct vfs_task *t, int fd, struct iov_iter *to, s64 pos, u32 rwf);
s64 fs_pwritev2(struct vfs_task *t, int fd, struct iov_iter *from, s64 pos, u32 rwf);
s64 fs_lseek(struct vfs_task *t, int fd, s64 offset, int whence);
/* pos NULL: the position of in_fd; else it is read and updated. */
s64 fs_sendfile(struct vfs_task *t, int out_fd, int in_fd, s64 *pos, size_t count);
s64 fs_copy_file_range(struct vfs_task *t, int in_fd, s64 *in_pos, int out_fd, s64 *out_pos,
		       size_t len, unsigned flags);
/* Fills the iterator with struct linux_dirent64. */
s64 fs_getdents64(struct vfs_task *t, int fd, struct iov_iter *to);
s64 fs_fsync(struct vfs_task *t, int fd, bool datasync);

/* names.c */
s64 fs_mkdirat(struct vfs_task *t, int dfd, const char *path, u32 mode);
s64 fs_mknodat(struct vfs_task *t, int dfd, const char *path, u32 mode, u32 user_dev);
s64 fs_unlinkat(struct vfs_task *t, int dfd, const char *path, int flags);
s64 fs_linkat(struct vfs_task *t, int odfd, const char *old, int ndfd, const char *new_path,
	      int flags);
s64 fs_symlinkat(struct vfs_task *t, const char *target, int dfd, const char *path);
s64 fs_readlinkat(struct vfs_task *t, int dfd, const char *path, struct iov_iter *to);

/* rename.c */
s64 fs_renameat2(struct vfs_task *t, int odfd, const char *old, int ndfd, const char *new_path,
		 unsigned flags);

/* stat.c */
/* statx(2) without its mask: flags AT_*; path "" with AT_EMPTY_PATH is dfd itself. */
s64 fs_stat(struct vfs_task *t, int dfd, const char *path, int flags, struct kstat *st);
s64 fs_fstat(struct vfs_task *t, int fd, struct kstat *st);
void kstat_to_linux(const struct kstat *st, struct linux_stat *out);
void kstat_to_statx(const struct kstat *st, struct linux_statx *out);
s64 fs_statfs(struct vfs_task *t, const char *path, struct linux_statfs *st);
s64 fs_fstatfs(struct vfs_task *t, int fd, struct linux_statfs *st);

/* fcntl.c; arg is a number, or a user address for the F_*LK commands */
s64 fs_fcntl(struct vfs_task *t, int fd, unsigned cmd, u64 arg);
s64 fs_dup(struct vfs_task *t, int fd);
s64 fs_dup3(struct vfs_task *t, int oldfd, int newfd, u32 flags); /* dup2(2): see fs_dup2() */
s64 fs_dup2(struct vfs_task *t, int oldfd, int newfd);
/* F_DUPFD: the lowest free number >= start for a file that is held. */
s64 fs_dupfd(struct vfs_task *t, struct file *f, u64 start, bool cloexec);
s64 fs_ioctl(struct vfs_task *t, int fd, u32 cmd, u64 arg);
s64 fs_flock(struct vfs_task *t, int fd, unsigned op);

/* namespace.c */
s64 fs_mount(struct vfs_task *t, const char *source, const char *target, const char *type,
	     u64 flags, const char *options); /* source, type, options may be NULL */
s64 fs_umount2(struct vfs_task *t, const char *path, int flags);
s64 fs_pivot_root(struct vfs_task *t, const char *new_root, const char *put_old);

/* pipe.c, eventfd.c, select.c, epoll.c: pipe.h, eventfd.h, poll.h, epoll.h */

/* xattr.c: of what path names; the buffers are the user's. */
s64 fs_setxattr(struct vfs_task *t, const struct path *path, const char *name, u64 value,
		size_t size, int flags);
s64 fs_removexattr(struct vfs_task *t, const struct path *path, const char *name);
/* Bytes; size 0: how many there would be. */
s64 fs_getxattr(struct vfs_task *t, const struct path *path, const char *name, u64 value,
		size_t size);
s64 fs_listxattr(struct vfs_task *t, const struct path *path, u64 list, size_t size);

#endif
