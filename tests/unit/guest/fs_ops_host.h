/* SPDX-License-Identifier: MIT */
/* fs_ops_host.h - fs_ops.h on Linux: raw system calls with our own structures, in a child process. */
#ifndef TESTS_UNIT_GUEST_FS_OPS_HOST_H
#define TESTS_UNIT_GUEST_FS_OPS_HOST_H

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/guest/fs_ops.h"

#define HOST_FILES 1024		    /* descriptors that operations may have, as those of ours */
#define HOST_IN	   (HOST_FILES + 1) /* pipe ends */
#define HOST_OUT   (HOST_FILES + 2)

struct fs_host {
	int to, from;
	pid_t pid;
};

static u32 host_signals;

static void host_signal(int sig)
{
	(void)sig;
	host_signals++;
}

#define SYS(...)                                   \
	({                                         \
		s64 sys_r_ = syscall(__VA_ARGS__); \
		sys_r_ < 0 ? -(s64)errno : sys_r_; \
	})

static void put(struct op_result *r, const void *data, size_t n)
{
	memcpy(r->data + r->len, data, n);
	r->len += (u32)n;
}

static void put_stat(struct op_result *r, const struct linux_stat *st)
{
	struct op_stat s;

	memset(&s, 0, sizeof(s));
	s.nlink = st->st_nlink;
	s.size = (u64)st->st_size;
	s.rdev = st->st_rdev;
	s.blocks = (u64)st->st_blocks;
	s.mode = st->st_mode;
	s.uid = st->st_uid;
	s.gid = st->st_gid;
	s.atime_moved = st->st_atime_sec != OP_OLD_TIME;
	s.mtime_moved = st->st_mtime_sec != OP_OLD_TIME;
	put(r, &s, sizeof(s));
}

static int dirent_cmp(const void *a, const void *b)
{
	return strcmp(((const struct op_dirent *)a)->name, ((const struct op_dirent *)b)->name);
}

/* A buffer of struct linux_dirent64 as entries. */
static unsigned parse_dents(const u8 *buf, s64 n, struct op_dirent *out)
{
	unsigned nr = 0;

	for (s64 at = 0; at < n;) {
		const struct linux_dirent64 *d = (const void *)(buf + at);

		memset(&out[nr], 0, sizeof(out[nr]));
		strcpy(out[nr].name, d->d_name);
		out[nr++].type = d->d_type;
		at += d->d_reclen;
	}
	return nr;
}

static s64 put_listing(struct op_result *r, struct op_dirent *ents, unsigned nr)
{
	qsort(ents, nr, sizeof(*ents), dirent_cmp);
	for (unsigned i = 0; i < nr; i++) {
		if (r->len + 260 > OP_DATA_MAX)
			break;
		put(r, ents[i].name, strlen(ents[i].name) + 1);
		put(r, &ents[i].type, 1);
	}
	return nr;
}

static s64 host_listdir(const struct op *o, struct op_result *r)
{
	static struct op_dirent ents[2000];
	static u8 buf[4096] __attribute__((aligned(8)));
	unsigned nr = 0;
	s64 n = SYS(SYS_lseek, o->fd, 0, SEEK_SET);

	if (n < 0)
		return n;
	while ((n = SYS(SYS_getdents64, o->fd, buf, sizeof(buf))) > 0)
		nr += parse_dents(buf, n, ents + nr);
	return n < 0 ? n : put_listing(r, ents, nr);
}

static s64 host_setuid(const struct op *o)
{
	u32 none = 0;

	if (SYS(SYS_setresuid, -1, 0, -1) || SYS(SYS_setgroups, 0, &none))
		return -1;
	SYS(SYS_setresgid, -1, (u32)o->b, -1);
	return SYS(SYS_setresuid, -1, (u32)o->a, -1);
}

static s64 host_io(const struct op *o, struct op_result *r)
{
	static u8 buf[OP_DATA_MAX + 64];
	size_t n = (size_t)o->n;
	struct linux_iovec iov[3] = { { (u64)buf, n / 3 },
				      { (u64)(buf + n / 3), 0 },
				      { (u64)(buf + n / 3), n - n / 3 } };
	s64 ret;

	op_fill(buf, n, o->b);
	switch (o->kind) {
	case OP_READ:
		ret = SYS(SYS_read, o->fd, buf, n);
		break;
	case OP_PREAD:
		ret = SYS(SYS_pread64, o->fd, buf, n, o->a);
		break;
	case OP_READV:
		ret = SYS(SYS_readv, o->fd, iov, 3);
		break;
	case OP_WRITE:
		return SYS(SYS_write, o->fd, buf, n);
	case OP_PWRITE:
		return SYS(SYS_pwrite64, o->fd, buf, n, o->a);
	default:
		return SYS(SYS_writev, o->fd, iov, 3);
	}
	if (ret > 0)
		put(r, buf, (size_t)ret);
	return ret;
}

static s64 host_poll(const struct op *o, struct op_result *r)
{
	struct linux_pollfd p[3] = { { o->fd, (s16)o->a, 0 },
				     { o->fd2, (s16)o->a, 0 },
				     { -1, POLLIN, 0 } };
	struct linux_timespec zero = { 0, 0 };
	u64 sets[3] = { (u64)o->a & 0xfff, (u64)o->b & 0xfff, 0 };
	s64 ret;

	if (o->kind == OP_POLL) {
		ret = SYS(SYS_ppoll, p, 3, &zero, NULL, 8);
		put(r, p, sizeof(p));
	} else {
		ret = SYS(SYS_pselect6, (int)o->n, &sets[0], &sets[1], &sets[2], &zero, NULL);
		put(r, sets, sizeof(sets));
	}
	return ret;
}

static int event_cmp(const void *a, const void *b)
{
	const struct linux_epoll_event *x = a, *y = b;

	return x->data < y->data ? -1 : x->data > y->data;
}

static s64 host_epoll(const struct op *o, struct op_result *r)
{
	struct linux_epoll_event ev[8] = { { (u32)o->a, (u64)o->b } };
	s64 ret;

	if (o->kind == OP_EPOLL_CTL)
		return SYS(SYS_epoll_ctl, o->fd, (int)o->n, o->fd2, ev);
	ret = SYS(SYS_epoll_wait, o->fd, ev, 8, 0);
	if (ret > 0) {
		qsort(ev, (size_t)ret, sizeof(*ev), event_cmp);
		put(r, ev, (size_t)ret * sizeof(*ev));
	}
	return ret;
}

struct op_flock {
	s16 type, whence;
	s64 start, len;
	s32 pid;
};

static s64 host_misc(const struct op *o, struct op_result *r)
{
	struct linux_timespec ts[2] = { { OP_OLD_TIME, o->a }, { OP_OLD_TIME, o->b } };
	struct op_flock fl = { (s16)(o->a % 4), (s16)(o->a / 4 % 4), o->b, o->n, 0 };
	struct linux_statfs fs;
	u64 lim[2] = { (u64)o->n, RLIM_INFINITY };
	u64 how[3] = { (u64)o->a, (u64)o->b, (u64)o->n };
	char text[4200];
	s64 ret, pos;
	s32 n32 = 0;
	int fds[2];

	switch (o->kind) {
	case OP_OPENAT2:
		return SYS(SYS_openat2, o->fd, o->path, how, sizeof(how));
	case OP_GETCWD:
		ret = SYS(SYS_getcwd, text, (size_t)o->n);
		if (ret > 0)
			put(r, text, (size_t)ret);
		return ret;
	case OP_READLINKAT:
		ret = SYS(SYS_readlinkat, o->fd, o->path, text, (size_t)o->n);
		if (ret > 0)
			put(r, text, (size_t)ret);
		return ret;
	case OP_UTIMENSAT:
		return SYS(SYS_utimensat, o->fd, o->n & 1 ? NULL : o->path, o->n & 2 ? NULL : ts,
			   (int)(o->n >> 8));
	case OP_PIPE2:
		ret = SYS(SYS_pipe2, fds, (int)o->a | O_NONBLOCK);
		if (!ret)
			put(r, fds, sizeof(fds));
		return ret;
	case OP_SETLK:
		ret = SYS(SYS_fcntl, o->fd, o->fd2 & 1 ? F_GETLK : F_SETLK, &fl);
		fl.pid = !!fl.pid;
		put(r, &fl.type, 2);
		return ret;
	case OP_IOCTL_FIONREAD:
		ret = SYS(SYS_ioctl, o->fd, FIONREAD, &n32);
		put(r, &n32, 4);
		return ret;
	case OP_SENDFILE:
		pos = o->a;
		ret = SYS(SYS_sendfile, o->fd, o->fd2, o->a < 0 ? NULL : &pos, (size_t)o->n);
		put(r, &pos, 8);
		return ret;
	case OP_COPY_RANGE:
		return SYS(SYS_copy_file_range, o->fd, NULL, o->fd2, NULL, (size_t)o->n, 0);
	case OP_STATFS:
		ret = SYS(SYS_statfs, o->path, &fs);
		if (!ret) {
			u64 v[6] = { (u64)fs.f_type, (u64)fs.f_bsize, 0, 0, (u64)fs.f_namelen, 0 };

			/* Without size=, the limit follows from the machine's memory. */
			if (fs.f_blocks == OP_ROOT_BLOCKS) {
				v[2] = fs.f_blocks;
				v[3] = fs.f_bfree;
			}

			put(r, v, sizeof(v));
		}
		return ret;
	case OP_MOUNT:
		return SYS(SYS_mount, o->n ? o->path2 : "none", o->path, o->n ? NULL : "tmpfs",
			   (u64)o->a, NULL);
	case OP_RLIMIT:
		return SYS(SYS_prlimit64, 0, (int)o->a, lim, NULL);
	default:
		return -999;
	}
}

static s64 host_op(const struct op *o, struct op_result *r)
{
	struct linux_stat st;
	static u8 buf[OP_DATA_MAX] __attribute__((aligned(8)));
	s64 ret;

	switch (o->kind) {
	case OP_OPENAT:
		return SYS(SYS_openat, o->fd, o->path, (u32)o->a, (u32)o->b);
	case OP_CLOSE:
		return SYS(SYS_close, o->fd);
	case OP_READ:
	case OP_WRITE:
	case OP_PREAD:
	case OP_PWRITE:
	case OP_READV:
	case OP_WRITEV:
		return host_io(o, r);
	case OP_LSEEK:
		return SYS(SYS_lseek, o->fd, o->a, (int)o->b);
	case OP_MKDIRAT:
		return SYS(SYS_mkdirat, o->fd, o->path, (u32)o->a);
	case OP_MKNODAT:
		return SYS(SYS_mknodat, o->fd, o->path, (u32)o->a, (u32)o->b);
	case OP_UNLINKAT:
		return SYS(SYS_unlinkat, o->fd, o->path, (int)o->a);
	case OP_LINKAT:
		return SYS(SYS_linkat, o->fd, o->path, o->fd2, o->path2, (int)o->a);
	case OP_SYMLINKAT:
		return SYS(SYS_symlinkat, o->path2, o->fd, o->path);
	case OP_RENAMEAT2:
		return SYS(SYS_renameat2, o->fd, o->path, o->fd2, o->path2, (u32)o->a);
	case OP_FSTATAT:
		ret = SYS(SYS_newfstatat, o->fd, o->path, &st, (int)o->a);
		if (!ret)
			put_stat(r, &st);
		return ret;
	case OP_FSTAT:
		ret = SYS(SYS_fstat, o->fd, &st);
		if (!ret)
			put_stat(r, &st);
		return ret;
	case OP_FACCESSAT2:
		return SYS(SYS_faccessat2, o->fd, o->path, (int)o->a, (int)o->b);
	case OP_FCHMODAT:
		return SYS(452, o->fd, o->path, (u32)o->a, (int)o->b); /* fchmodat2 */
	case OP_FCHMOD:
		return SYS(SYS_fchmod, o->fd, (u32)o->a);
	case OP_FCHOWNAT:
		return SYS(SYS_fchownat, o->fd, o->path, (u32)o->a, (u32)o->b, (int)o->n);
	case OP_FCHOWN:
		return SYS(SYS_fchown, o->fd, (u32)o->a, (u32)o->b);
	case OP_TRUNCATE:
		return SYS(SYS_truncate, o->path, o->a);
	case OP_FTRUNCATE:
		return SYS(SYS_ftruncate, o->fd, o->a);
	case OP_FALLOCATE:
		return SYS(SYS_fallocate, o->fd, (int)o->b, o->a, o->n);
	case OP_CHDIR:
		return SYS(SYS_chdir, o->path);
	case OP_FCHDIR:
		return SYS(SYS_fchdir, o->fd);
	case OP_CHROOT:
		return SYS(SYS_chroot, o->path);
	case OP_UMASK:
		return SYS(SYS_umask, (u32)o->a);
	case OP_LISTDIR:
		return host_listdir(o, r);
	case OP_GETDENTS: /* how much, not what: the order is the file system's own */
		ret = SYS(SYS_getdents64, o->fd, buf, (size_t)o->n);
		return ret > 0 ? 1 : ret;
	case OP_DUP:
		return SYS(SYS_dup, o->fd);
	case OP_DUP2:
		return SYS(SYS_dup2, o->fd, o->fd2);
	case OP_DUP3:
		return SYS(SYS_dup3, o->fd, o->fd2, (u32)o->a);
	case OP_FCNTL:
		return SYS(SYS_fcntl, o->fd, (int)o->a, o->b);
	case OP_CLOSE_RANGE:
		return SYS(SYS_close_range, (u32)o->fd, (u32)o->fd2, (u32)o->a);
	case OP_EVENTFD2:
		return SYS(SYS_eventfd2, (u32)o->a, (u32)o->b);
	case OP_POLL:
	case OP_SELECT:
		return host_poll(o, r);
	case OP_EPOLL_CREATE1:
		return SYS(SYS_epoll_create1, (u32)o->a);
	case OP_EPOLL_CTL:
	case OP_EPOLL_WAIT:
		return host_epoll(o, r);
	case OP_FLOCK:
		return SYS(SYS_flock, o->fd, (u32)o->a | LOCK_NB);
	case OP_FSYNC:
		return SYS(SYS_fsync, o->fd);
	case OP_UMOUNT2:
		return SYS(SYS_umount2, o->path, (int)o->a);
	case OP_SETUID:
		return host_setuid(o);
	default:
		return host_misc(o, r);
	}
}

static bool read_all(int fd, void *buf, size_t n)
{
	for (size_t at = 0; at < n;) {
		s64 got = read(fd, (u8 *)buf + at, n - at);

		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return true;
}

static void host_serve(void)
{
	static struct op o;
	static struct op_result r;

	while (read_all(HOST_IN, &o, sizeof(o))) {
		r.len = 0;
		host_signals = 0;
		r.ret = host_op(&o, &r);
		r.signals = host_signals;
		if (write(HOST_OUT, &r, offsetof(struct op_result, data) + r.len) < 0)
			break;
	}
	_exit(0);
}

/* NULL when the new root stands; otherwise what could not be done. */
static const char *host_root(const char *dir)
{
	u64 how[3] = { 0 };

	if (geteuid())
		return "not root: the model cannot have a file system of its own";
	/* A container's filter answers for system calls that it does not know. */
	if (SYS(452, -1, "x", 0, 0) != -EBADF ||
	    SYS(SYS_openat2, -1, "x", how, sizeof(how)) != -EBADF)
		return "fchmodat2 or openat2 is kept away from this process";
	if (unshare(CLONE_NEWNS))
		return "no mount namespaces here";
	if (SYS(SYS_mount, "none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return "the mount tree cannot be made private";
	/* Nothing of the real machine stays reachable, whatever the operations do. */
	if (SYS(SYS_mount, "none", dir, "ramfs", 0, "mode=755") || SYS(SYS_chdir, dir) ||
	    SYS(SYS_mkdir, "r", 0755) || SYS(SYS_pivot_root, ".", ".") ||
	    SYS(SYS_umount2, ".", MNT_DETACH) || SYS(SYS_chdir, "/"))
		return "no root file system of the model's own";
	if (SYS(SYS_mount, "none", "/r", "tmpfs", 0, "size=512k,nr_inodes=300,mode=755,huge=never"))
		return "tmpfs cannot be mounted";
	if (SYS(SYS_chroot, "/r") || SYS(SYS_chdir, "/"))
		return "chroot failed";
	return NULL;
}

/* What is compared in detail (fchmodat2, the end of a directory, times of pipes) is recent
 * behaviour; older kernels differ where POSIX leaves it open. */
static const char *fs_host_too_old(void)
{
	struct utsname u;
	unsigned major = 0, minor = 0;

	if (uname(&u) || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return "the kernel does not tell its version";
	return major > 6 || (major == 6 && minor >= 15) ? NULL
							: "the model has to be Linux 6.15 or newer";
}

/* NULL, or why there is no model (SKIP). */
static const char *fs_host_start(struct fs_host *h)
{
	int to[2], from[2];
	static char answer[80];
	char dir[] = "/tmp/parallax-fs-XXXXXX";

	if (!mkdtemp(dir) || pipe(to) || pipe(from))
		return "no temporary folder";
	fflush(NULL);
	h->pid = fork();
	if (!h->pid) {
		struct sigaction sa = { .sa_handler = host_signal };
		const char *why;

		u64 few[2] = { HOST_FILES, HOST_FILES };
		u64 more[2] = { HOST_OUT + 1, HOST_OUT + 1 };

		SYS(SYS_prlimit64, 0, RLIMIT_NOFILE, more, NULL);
		dup2(to[0], HOST_IN);
		dup2(from[1], HOST_OUT);
		SYS(SYS_close_range, 0, HOST_IN - 1, 0);
		SYS(SYS_prlimit64, 0, RLIMIT_NOFILE, few, NULL);
		sigaction(SIGXFSZ, &sa, NULL);
		sigaction(SIGPIPE, &sa, NULL);
		SYS(SYS_umask, 022);
		why = host_root(dir);
		memset(answer, 0, sizeof(answer));
		if (why)
			strcpy(answer, why);
		if (write(HOST_OUT, answer, sizeof(answer)) < 0 || why)
			_exit(1);
		host_serve();
	}
	close(to[0]);
	close(from[1]);
	h->to = to[1];
	h->from = from[0];
	if (!read_all(h->from, answer, sizeof(answer)))
		strcpy(answer, "the model did not start");
	rmdir(dir); /* covered only in the model's own tree of mounts */
	if (!*answer)
		return NULL;
	return answer;
}

static void fs_host_run(struct fs_host *h, const struct op *o, struct op_result *r)
{
	if (write(h->to, o, sizeof(*o)) != sizeof(*o) ||
	    !read_all(h->from, r, offsetof(struct op_result, data)) ||
	    !read_all(h->from, r->data, r->len)) {
		fprintf(stderr, "the model died in %s\n", op_name(o->kind));
		abort();
	}
}

static void fs_host_stop(struct fs_host *h)
{
	close(h->to);
	close(h->from);
	waitpid(h->pid, NULL, 0);
}

#endif
