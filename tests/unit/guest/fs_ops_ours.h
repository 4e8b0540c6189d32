/* SPDX-License-Identifier: MIT */
/* fs_ops_ours.h - fs_ops.h on guest/fs. */
#ifndef TESTS_UNIT_GUEST_FS_OPS_OURS_H
#define TESTS_UNIT_GUEST_FS_OPS_OURS_H

#include "tests/unit/guest/fs_lab.h"
#include "tests/unit/guest/fs_ops.h"

static void ours_put(struct op_result *r, const void *data, size_t n)
{
	memcpy(r->data + r->len, data, n);
	r->len += (u32)n;
}

static s64 ours_io(struct vfs_task *t, const struct op *o, struct op_result *r)
{
	static u8 buf[OP_DATA_MAX + 64];
	size_t n = (size_t)o->n;
	iovec_t iov[3] = { { (u64)buf, n / 3 },
			   { (u64)(buf + n / 3), 0 },
			   { (u64)(buf + n / 3), n - n / 3 } };
	struct iov_iter one = user_iter(buf, n), vec;
	s64 ret;

	CHECK_EQ(iov_iter_vec(&vec, &lab_ua, iov, 3), 0);
	op_fill(buf, n, o->b);
	switch (o->kind) {
	case OP_READ:
		ret = fs_read(t, o->fd, &one);
		break;
	case OP_PREAD:
		ret = fs_pread(t, o->fd, &one, o->a, 0);
		break;
	case OP_READV:
		ret = fs_read(t, o->fd, &vec);
		break;
	case OP_WRITE:
		return fs_write(t, o->fd, &one);
	case OP_PWRITE:
		return fs_pwrite(t, o->fd, &one, o->a, 0);
	default:
		return fs_write(t, o->fd, &vec);
	}
	if (ret > 0)
		ours_put(r, buf, (size_t)ret);
	return ret;
}

static s64 ours_stat(s64 err, const struct kstat *k, struct op_result *r)
{
	struct linux_stat st;

	if (!err) {
		kstat_to_linux(k, &st);
		put_stat(r, &st);
	}
	return err;
}

static s64 ours_listdir(struct vfs_task *t, const struct op *o, struct op_result *r)
{
	static struct op_dirent ents[2000];
	static u8 buf[4096] __attribute__((aligned(8)));
	unsigned nr = 0;
	s64 n = fs_lseek(t, o->fd, 0, SEEK_SET);

	if (n < 0)
		return n;
	for (;;) {
		struct iov_iter it = user_iter(buf, sizeof(buf));

		n = fs_getdents64(t, o->fd, &it);
		if (n <= 0)
			break;
		nr += parse_dents(buf, n, ents + nr);
	}
	return n < 0 ? n : put_listing(r, ents, nr);
}

static s64 ours_poll(struct vfs_task *t, const struct op *o, struct op_result *r)
{
	struct linux_pollfd p[3] = { { o->fd, (s16)o->a, 0 },
				     { o->fd2, (s16)o->a, 0 },
				     { -1, POLLIN, 0 } };
	u64 sets[3] = { (u64)o->a & 0xfff, (u64)o->b & 0xfff, 0 };
	s64 ret;

	if (o->kind == OP_POLL) {
		ret = fs_poll(t, p, 3, 0);
		ours_put(r, p, sizeof(p));
	} else {
		ret = fs_select(t, (int)o->n, &sets[0], &sets[1], &sets[2], 0);
		ours_put(r, sets, sizeof(sets));
	}
	return ret;
}

static s64 ours_epoll(struct vfs_task *t, const struct op *o, struct op_result *r)
{
	struct linux_epoll_event ev[8] = { { (u32)o->a, (u64)o->b } };
	struct iov_iter it = user_iter(ev, sizeof(ev));
	s64 ret;

	if (o->kind == OP_EPOLL_CTL)
		return fs_epoll_ctl(t, o->fd, (int)o->n, o->fd2, ev);
	ret = fs_epoll_wait(t, o->fd, &it, 8, 0);
	if (ret > 0) {
		qsort(ev, (size_t)ret, sizeof(*ev), event_cmp);
		ours_put(r, ev, (size_t)ret * sizeof(*ev));
	}
	return ret;
}

static s64 ours_setuid(struct fs_lab *l, const struct op *o)
{
	struct cred *c = cred_copy(l->task.cred);

	CHECK(c);
	c->euid = c->fsuid = (u32)o->a;
	c->egid = c->fsgid = (u32)o->b;
	c->cap_effective = o->a ? 0 : c->cap_permitted;
	cred_put(l->task.cred);
	l->task.cred = c;
	return 0;
}

static s64 ours_text(s64 ret, const char *text, struct op_result *r)
{
	if (ret > 0)
		ours_put(r, text, (size_t)ret);
	return ret;
}

static s64 ours_misc(struct fs_lab *l, const struct op *o, struct op_result *r)
{
	struct vfs_task *t = &l->task;
	struct linux_timespec ts[2] = { { OP_OLD_TIME, o->a }, { OP_OLD_TIME, o->b } };
	struct op_flock fl = { (s16)(o->a % 4), (s16)(o->a / 4 % 4), o->b, o->n, 0 };
	struct linux_statfs fs;
	static char text[4200];
	struct iov_iter it;
	s64 ret, pos;
	s32 n32 = 0;
	int fds[2];

	switch (o->kind) {
	case OP_OPENAT2:
		return fs_openat2(t, o->fd, o->path, (u64)o->a, (u64)o->b, (u64)o->n);
	case OP_GETCWD:
		return ours_text(fs_getcwd(t, text, (size_t)o->n), text, r);
	case OP_READLINKAT:
		if ((int)o->n <= 0) /* the call's own argument check */
			return -EINVAL;
		it = user_iter(text, (size_t)o->n);
		return ours_text(fs_readlinkat(t, o->fd, o->path, &it), text, r);
	case OP_UTIMENSAT:
		return fs_utimensat(t, o->fd, o->n & 1 ? NULL : o->path, o->n & 2 ? NULL : ts,
				    (int)(o->n >> 8));
	case OP_PIPE2:
		ret = fs_pipe2(t, fds, (u32)o->a | O_NONBLOCK);
		if (!ret)
			ours_put(r, fds, sizeof(fds));
		return ret;
	case OP_SETLK:
		ret = fs_fcntl(t, o->fd, o->fd2 & 1 ? F_GETLK : F_SETLK, (u64)&fl);
		ours_put(r, &fl.type, 2);
		return ret;
	case OP_IOCTL_FIONREAD:
		ret = fs_ioctl(t, o->fd, FIONREAD, (u64)&n32);
		ours_put(r, &n32, 4);
		return ret;
	case OP_SENDFILE:
		pos = o->a;
		ret = fs_sendfile(t, o->fd, o->fd2, o->a < 0 ? NULL : &pos, (size_t)o->n);
		ours_put(r, &pos, 8);
		return ret;
	case OP_COPY_RANGE:
		return fs_copy_file_range(t, o->fd, NULL, o->fd2, NULL, (size_t)o->n, 0);
	case OP_STATFS:
		ret = fs_statfs(t, o->path, &fs);
		if (!ret) {
			u64 v[6] = { (u64)fs.f_type, (u64)fs.f_bsize, 0, 0, (u64)fs.f_namelen, 0 };

			/* Without size=, the limit follows from the machine's memory. */
			if (fs.f_blocks == OP_ROOT_BLOCKS) {
				v[2] = fs.f_blocks;
				v[3] = fs.f_bfree;
			}

			ours_put(r, v, sizeof(v));
		}
		return ret;
	case OP_MOUNT:
		return fs_mount(t, o->n ? o->path2 : "none", o->path, o->n ? NULL : "tmpfs",
				(u64)o->a, NULL);
	case OP_RLIMIT:
		l->rlimit[o->a] = (u64)o->n;
		return 0;
	default:
		return -999;
	}
}

static s64 ours_names(struct vfs_task *t, const struct op *o, struct op_result *r)
{
	struct kstat k;

	switch (o->kind) {
	case OP_MKDIRAT:
		return fs_mkdirat(t, o->fd, o->path, (u32)o->a);
	case OP_MKNODAT:
		return fs_mknodat(t, o->fd, o->path, (u32)o->a, (u32)o->b);
	case OP_UNLINKAT:
		return fs_unlinkat(t, o->fd, o->path, (int)o->a);
	case OP_LINKAT:
		return fs_linkat(t, o->fd, o->path, o->fd2, o->path2, (int)o->a);
	case OP_SYMLINKAT:
		return fs_symlinkat(t, o->path2, o->fd, o->path);
	case OP_RENAMEAT2:
		return fs_renameat2(t, o->fd, o->path, o->fd2, o->path2, (u32)o->a);
	case OP_FSTATAT:
		return ours_stat(fs_stat(t, o->fd, o->path, (int)o->a, &k), &k, r);
	case OP_FSTAT:
		return ours_stat(fs_fstat(t, o->fd, &k), &k, r);
	case OP_FACCESSAT2:
		return fs_faccessat(t, o->fd, o->path, (int)o->a, (int)o->b);
	case OP_FCHMODAT:
		return fs_fchmodat(t, o->fd, o->path, (u32)o->a, (int)o->b);
	case OP_FCHMOD:
		return fs_fchmod(t, o->fd, (u32)o->a);
	case OP_FCHOWNAT:
		return fs_fchownat(t, o->fd, o->path, (u32)o->a, (u32)o->b, (int)o->n);
	case OP_FCHOWN:
		return fs_fchown(t, o->fd, (u32)o->a, (u32)o->b);
	case OP_TRUNCATE:
		return fs_truncate(t, o->path, o->a);
	case OP_FTRUNCATE:
		return fs_ftruncate(t, o->fd, o->a);
	case OP_FALLOCATE:
		return fs_fallocate(t, o->fd, (int)o->b, o->a, o->n);
	case OP_CHDIR:
		return fs_chdir(t, o->path);
	case OP_FCHDIR:
		return fs_fchdir(t, o->fd);
	case OP_CHROOT:
		return fs_chroot(t, o->path);
	default:
		return -999;
	}
}

static s64 ours_op(struct fs_lab *l, const struct op *o, struct op_result *r)
{
	struct vfs_task *t = &l->task;
	static u8 buf[OP_DATA_MAX] __attribute__((aligned(8)));
	struct iov_iter it;
	s64 ret;

	switch (o->kind) {
	case OP_OPENAT:
		return fs_openat(t, o->fd, o->path, (u32)o->a, (u32)o->b);
	case OP_CLOSE:
		return fs_close(t, o->fd);
	case OP_READ:
	case OP_WRITE:
	case OP_PREAD:
	case OP_PWRITE:
	case OP_READV:
	case OP_WRITEV:
		return ours_io(t, o, r);
	case OP_LSEEK:
		return fs_lseek(t, o->fd, o->a, (int)o->b);
	case OP_UMASK:
		return fs_umask(t, (u32)o->a);
	case OP_LISTDIR:
		return ours_listdir(t, o, r);
	case OP_GETDENTS:
		it = user_iter(buf, (size_t)o->n);
		ret = fs_getdents64(t, o->fd, &it);
		return ret > 0 ? 1 : ret;
	case OP_DUP:
		return fs_dup(t, o->fd);
	case OP_DUP2:
		return fs_dup2(t, o->fd, o->fd2);
	case OP_DUP3:
		return fs_dup3(t, o->fd, o->fd2, (u32)o->a);
	case OP_FCNTL:
		return fs_fcntl(t, o->fd, (u32)o->a, (u64)o->b);
	case OP_CLOSE_RANGE:
		return fs_close_range(t, (u32)o->fd, (u32)o->fd2, (u32)o->a);
	case OP_EVENTFD2:
		return fs_eventfd2(t, (u32)o->a, (u32)o->b);
	case OP_POLL:
	case OP_SELECT:
		return ours_poll(t, o, r);
	case OP_EPOLL_CREATE1:
		return fs_epoll_create1(t, (u32)o->a);
	case OP_EPOLL_CTL:
	case OP_EPOLL_WAIT:
		return ours_epoll(t, o, r);
	case OP_FLOCK:
		return fs_flock(t, o->fd, (u32)o->a | LOCK_NB);
	case OP_FSYNC:
		return fs_fsync(t, o->fd, false);
	case OP_UMOUNT2:
		return fs_umount2(t, o->path, (int)o->a);
	case OP_SETUID:
		return ours_setuid(l, o);
	default:
		ret = ours_names(t, o, r);
		return ret == -999 ? ours_misc(l, o, r) : ret;
	}
}

static void fs_ours_run(struct fs_lab *l, const struct op *o, struct op_result *r)
{
	memset(l->signals, 0, sizeof(l->signals));
	r->len = 0;
	r->ret = ours_op(l, o, r);
	r->signals = l->signals[SIGXFSZ] + l->signals[SIGPIPE];
}

/* The same root as the model's: a small tmpfs. */
static inline struct fs_lab *fs_ours_start(int allocator)
{
	struct fs_lab *l = fs_lab_new(allocator);

	CHECK_EQ(fs_mkdirat(&l->task, AT_FDCWD, "/r", 0755), 0);
	CHECK_EQ(fs_mount(&l->task, "none", "/r", "tmpfs", 0, "size=512k,nr_inodes=300,mode=755"),
		 0);
	CHECK_EQ(fs_chroot(&l->task, "/r"), 0);
	CHECK_EQ(fs_chdir(&l->task, "/"), 0);
	return l;
}

#endif
