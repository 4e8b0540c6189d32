/* SPDX-License-Identifier: MIT */
/*
 * fs_ops.h - file operations as data, and two machines that run them: Linux itself, in a process of
 * its own whose root is a fresh tmpfs and which has no open files; and guest/fs. Both give a result of
 * the same form, so that running is comparing.
 */
#ifndef TESTS_UNIT_GUEST_FS_OPS_H
#define TESTS_UNIT_GUEST_FS_OPS_H

#include "guest/fs/abi.h"
#include "guest/lib/types.h"

enum op_kind {
	OP_OPENAT,
	OP_OPENAT2,
	OP_CLOSE,
	OP_READ,
	OP_WRITE,
	OP_PREAD,
	OP_PWRITE,
	OP_READV,
	OP_WRITEV,
	OP_LSEEK,
	OP_MKDIRAT,
	OP_MKNODAT,
	OP_UNLINKAT,
	OP_LINKAT,
	OP_SYMLINKAT,
	OP_RENAMEAT2,
	OP_READLINKAT,
	OP_FSTATAT,
	OP_FSTAT,
	OP_FACCESSAT2,
	OP_FCHMODAT,
	OP_FCHMOD,
	OP_FCHOWNAT,
	OP_FCHOWN,
	OP_TRUNCATE,
	OP_FTRUNCATE,
	OP_FALLOCATE,
	OP_UTIMENSAT,
	OP_CHDIR,
	OP_FCHDIR,
	OP_CHROOT,
	OP_GETCWD,
	OP_UMASK,
	OP_LISTDIR, /* from the start, all of it, sorted */
	OP_GETDENTS,
	OP_DUP,
	OP_DUP2,
	OP_DUP3,
	OP_FCNTL,
	OP_CLOSE_RANGE,
	OP_PIPE2,
	OP_EVENTFD2,
	OP_POLL,
	OP_SELECT,
	OP_EPOLL_CREATE1,
	OP_EPOLL_CTL,
	OP_EPOLL_WAIT,
	OP_FLOCK,
	OP_SETLK, /* fcntl F_GETLK or F_SETLK */
	OP_IOCTL_FIONREAD,
	OP_SENDFILE,
	OP_COPY_RANGE,
	OP_FSYNC,
	OP_STATFS,
	OP_MOUNT,
	OP_UMOUNT2,
	OP_SETUID, /* effective and file system user and group */
	OP_RLIMIT, /* a: resource, n: soft limit */
	NR_OPS
};

#define OP_PATH_MAX 400
#define OP_DATA_MAX 9000

struct op {
	int kind;
	int fd, fd2;
	s64 a, b, n;
	char path[OP_PATH_MAX], path2[OP_PATH_MAX];
};

/* ret: as the system call in the kernel, a value or -errno. */
struct op_result {
	s64 ret;
	u32 len; /* of data */
	u32 signals;
	u8 data[OP_DATA_MAX];
};

const char *op_name(int kind);

/* What a write writes: a pattern that depends on the operation. */
static inline void op_fill(u8 *buf, size_t n, s64 seed)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (u8)(seed + (s64)(i * 7 + i / 251));
}

/* What is compared of a file's attributes. */
struct op_stat {
	u64 nlink, size, rdev, blocks;
	u32 mode, uid, gid;
	u32 atime_moved, mtime_moved; /* away from OP_OLD_TIME, where utimensat puts them */
};
#define OP_OLD_TIME    1000000000

#define OP_ROOT_BLOCKS 128 /* size=512k */

struct op_dirent {
	char name[256];
	u8 type;
};

#endif
