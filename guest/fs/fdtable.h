/* SPDX-License-Identifier: MIT */
/*
 * fdtable.h - descriptors: small numbers for open files.
 *
 * D1 a set bit in open_fds <=> reserved or in use; fd[n] is NULL while only reserved.
 * D2 no open descriptor is below next_fd's promise: every number below next_fd is in use.
 */
#ifndef GUEST_FS_FDTABLE_H
#define GUEST_FS_FDTABLE_H

#include "guest/fs/vfs.h"

struct files_struct {
	atomic_t count; /* tasks that share it */
	spinlock_t lock;
	unsigned max_fds, next_fd; /* lock */
	struct file **fd;	   /* [max_fds]; lock */
	u64 *open_fds, *close_on_exec;
};

/* Empty. NULL without memory. */
struct files_struct *files_new(struct vfs *vfs);
/* A copy with the same open files (fork). */
struct files_struct *files_dup(struct vfs *vfs, struct files_struct *old);
struct files_struct *files_get(struct files_struct *files);
/* The last one closes everything. May sleep. */
void files_put(struct vfs_task *t, struct files_struct *files);
/* execve(2): closes what is marked. The table must not be shared. */
void files_close_on_exec(struct vfs_task *t);

/* The lowest free number >= start, reserved; -EMFILE, -ENOMEM. */
int get_unused_fd(struct vfs_task *t, unsigned start, bool cloexec);
void put_unused_fd(struct vfs_task *t, int fd);
/* Puts the file (its reference goes along) behind a reserved number. */
void fd_install(struct vfs_task *t, int fd, struct file *f);

/* The file with a reference, or NULL; not for O_PATH files / for all. */
struct file *fget(struct vfs_task *t, int fd);
struct file *fget_raw(struct vfs_task *t, int fd);
/* Of somebody else's table: /proc/PID/fd. */
struct file *files_lookup(struct files_struct *files, unsigned fd, u32 *flags_out);
/* The next open number >= fd, or -1. */
int files_next_fd(struct files_struct *files, unsigned fd);

/*
 * For the time of one call: no reference is taken where nobody else could close the descriptor.
 * fdput() ends it.
 */
struct fd {
	struct file *file; /* NULL: no such descriptor */
	bool need_put;
};
struct fd fdget(struct vfs_task *t, int fd);
struct fd fdget_raw(struct vfs_task *t, int fd);
static inline void fdput(struct fd f)
{
	if (f.need_put)
		fput(f.file);
}

int close_fd(struct vfs_task *t, int fd); /* -EBADF */
const char *files_check(const struct files_struct *files);

#endif
