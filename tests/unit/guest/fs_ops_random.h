/* SPDX-License-Identifier: MIT */
/* fs_ops_random.h - random operations on files: which, how often, with what arguments. */
#ifndef TESTS_UNIT_GUEST_FS_OPS_RANDOM_H
#define TESTS_UNIT_GUEST_FS_OPS_RANDOM_H

#include "guest/lib/rand.h"
#include "tests/unit/guest/fs_ops.h"

/* Sequences of a kind: which operations, how often. */
struct mix {
	const char *name;
	u8 weight[NR_OPS];
	bool users; /* not only root */
};

static const char *const names[NR_OPS] = {
	"openat",	 "openat2",   "close",	    "read",
	"write",	 "pread",     "pwrite",	    "readv",
	"writev",	 "lseek",     "mkdirat",    "mknodat",
	"unlinkat",	 "linkat",    "symlinkat",  "renameat2",
	"readlinkat",	 "fstatat",   "fstat",	    "faccessat2",
	"fchmodat",	 "fchmod",    "fchownat",   "fchown",
	"truncate",	 "ftruncate", "fallocate",  "utimensat",
	"chdir",	 "fchdir",    "chroot",	    "getcwd",
	"umask",	 "listdir",   "getdents",   "dup",
	"dup2",		 "dup3",      "fcntl",	    "close_range",
	"pipe2",	 "eventfd2",  "poll",	    "select",
	"epoll_create1", "epoll_ctl", "epoll_wait", "flock",
	"setlk",	 "fionread",  "sendfile",   "copy_file_range",
	"fsync",	 "statfs",    "mount",	    "umount2",
	"setuid",	 "rlimit",
};

const char *op_name(int kind)
{
	return names[kind];
}

#define NAMES                                                                         \
	[OP_OPENAT] = 40, [OP_OPENAT2] = 10, [OP_CLOSE] = 25, [OP_MKDIRAT] = 30,      \
	[OP_MKNODAT] = 12, [OP_UNLINKAT] = 20, [OP_LINKAT] = 15, [OP_SYMLINKAT] = 20, \
	[OP_RENAMEAT2] = 30, [OP_READLINKAT] = 8, [OP_FSTATAT] = 30, [OP_FSTAT] = 6,  \
	[OP_CHDIR] = 10, [OP_FCHDIR] = 5, [OP_GETCWD] = 6, [OP_LISTDIR] = 15, [OP_GETDENTS] = 4
#define DATA                                                                                \
	[OP_READ] = 20, [OP_WRITE] = 20, [OP_PREAD] = 10, [OP_PWRITE] = 10, [OP_READV] = 8, \
	[OP_WRITEV] = 8, [OP_LSEEK] = 20, [OP_TRUNCATE] = 5, [OP_FTRUNCATE] = 10,           \
	[OP_FALLOCATE] = 8, [OP_SENDFILE] = 6, [OP_COPY_RANGE] = 6, [OP_FSYNC] = 2
#define ATTRS                                                                          \
	[OP_FACCESSAT2] = 15, [OP_FCHMODAT] = 15, [OP_FCHMOD] = 5, [OP_FCHOWNAT] = 12, \
	[OP_FCHOWN] = 5, [OP_UTIMENSAT] = 12, [OP_UMASK] = 2
#define FDS                                                                                \
	[OP_DUP] = 5, [OP_DUP2] = 5, [OP_DUP3] = 4, [OP_FCNTL] = 10, [OP_CLOSE_RANGE] = 1, \
	[OP_PIPE2] = 8, [OP_EVENTFD2] = 5, [OP_POLL] = 15, [OP_SELECT] = 8,                \
	[OP_IOCTL_FIONREAD] = 4, [OP_EPOLL_CREATE1] = 5, [OP_EPOLL_CTL] = 20, [OP_EPOLL_WAIT] = 12

static const struct mix mixes[] = {
	{ "names", { NAMES }, false },
	{ "data",
	  { [OP_OPENAT] = 20,
	    [OP_CLOSE] = 8,
	    [OP_FSTAT] = 10,
	    [OP_STATFS] = 4,
	    [OP_UNLINKAT] = 4,
	    [OP_RLIMIT] = 3,
	    [OP_UTIMENSAT] = 5,
	    DATA },
	  false },
	{ "holes",
	  { [OP_OPENAT] = 15,
	    [OP_CLOSE] = 5,
	    [OP_PWRITE] = 15,
	    [OP_FTRUNCATE] = 8,
	    [OP_LSEEK] = 30,
	    [OP_READ] = 10,
	    [OP_FSTAT] = 10 },
	  false },
	{ "permissions",
	  { NAMES, ATTRS, [OP_SETUID] = 30, [OP_WRITE] = 10, [OP_READ] = 5, [OP_TRUNCATE] = 8 },
	  true },
	{ "descriptors",
	  { [OP_OPENAT] = 12,
	    [OP_CLOSE] = 20,
	    [OP_READ] = 30,
	    [OP_WRITE] = 30,
	    [OP_MKNODAT] = 5,
	    [OP_LSEEK] = 3,
	    [OP_FLOCK] = 10,
	    [OP_SETLK] = 20,
	    [OP_FSTAT] = 5,
	    [OP_SENDFILE] = 4,
	    [OP_RLIMIT] = 1,
	    FDS },
	  false },
	{ "mounts",
	  { NAMES, [OP_MOUNT] = 12, [OP_UMOUNT2] = 10, [OP_WRITE] = 5, [OP_STATFS] = 3 },
	  false },
	{ "everything",
	  { NAMES, DATA, ATTRS, FDS, [OP_SETUID] = 10, [OP_MOUNT] = 2, [OP_UMOUNT2] = 3,
	    [OP_FLOCK] = 4, [OP_SETLK] = 6, [OP_STATFS] = 2, [OP_CHROOT] = 1 },
	  true },
};

/* ---- random operations -------------------------------------------------------------------------- */

static struct rand rng;

static u64 below(u64 n)
{
	return rand_below(&rng, n);
}

#define PICK(array) ((array)[below(ARRAY_SIZE(array))])

static int random_fd(void)
{
	if (below(40) == 0)
		return (int)below(3) - 2;
	return (int)below(10);
}

static int random_dir(void)
{
	return below(3) ? AT_FDCWD : random_fd();
}

static void random_path(char *out)
{
	static const char *const comps[] = { "a",  "b",	 "c", "d",  "e", "f",
					     "l1", "l2", ".", "..", "t" };
	static const char *const odd[] = {
		"",   "/",   "//",   ".",   "..",  "/.",	"../..",
		"a/", "b/.", "c/..", "l1/", "/a/", "nowhere/x", "./a//b"
	};
	char *p = out;
	unsigned n;

	*p = 0;
	if (below(12) == 0) {
		strcpy(out, PICK(odd));
		return;
	}
	if (below(60) == 0) { /* too long, or just not */
		n = 254 + (unsigned)below(3);
		memset(p, 'x', n);
		p[n] = 0;
		return;
	}
	if (below(4) == 0)
		*p++ = '/';
	for (n = 1 + (unsigned)below(below(3) ? 2 : 4); n; n--) {
		const char *c = comps[below(below(6) ? 6 : ARRAY_SIZE(comps))];

		strcpy(p, c);
		p += strlen(p);
		if (n > 1 || below(25) == 0)
			*p++ = '/';
	}
	*p = 0;
}

static u32 random_open_flags(void)
{
	static const u32 bits[] = { O_CREAT,  O_CREAT,	   O_CREAT,	O_EXCL,	    O_TRUNC,
				    O_APPEND, O_DIRECTORY, O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC,
				    O_PATH,   O_NOATIME,   O_TMPFILE,	O_SYNC };
	u32 flags = below(20) ? (u32)below(3) : 3;

	for (u64 n = below(4); n; n--)
		flags |= PICK(bits);
	return flags;
}

static u32 random_mode(void)
{
	static const u32 modes[] = { 0777,  0755,  0700,  0644,	 0600,	0,    0444, 07777,
				     02775, 01777, 04755, 02644, 06777, 0070, 0007, 0111 };

	return PICK(modes);
}

static s64 random_size(void)
{
	static const s64 sizes[] = { 0,	   1,	 2,    7,    8,	   100,	 511,  4095, 4096,
				     4097, 5000, 8191, 8192, 8193, 9000, 3000, 16,   64 };

	return PICK(sizes);
}

static s64 random_offset(void)
{
	static const s64 odd[] = { -1,	   -4096, INT64_MAX, INT64_MAX - 1, 1LL << 40,
				   600000, 70000, 12288,     200000 };

	return below(6) ? random_size() : PICK(odd);
}

static s64 pick_n(const s64 *v, size_t n)
{
	return v[below(n)];
}
#define PICKN(...) pick_n((const s64[]){ __VA_ARGS__ }, sizeof((const s64[]){ __VA_ARGS__ }) / 8)

static void random_names_op(struct op *o)
{
	switch (o->kind) {
	case OP_MKNODAT:
		o->a = random_mode() | (u32)PICKN(0, S_IFREG, S_IFIFO, S_IFIFO, S_IFSOCK, S_IFDIR,
						  S_IFCHR, S_IFBLK, S_IFLNK, 0170000);
		/* Major 120 is nobody's: no device answers, on either side. */
		o->b = PICKN(0, 0x7803, 0x12345, 0xfff00fff);
		break;
	case OP_UNLINKAT:
		o->a = PICKN(0, 0, 0, AT_REMOVEDIR, AT_REMOVEDIR, 1);
		break;
	case OP_LINKAT:
		o->a = PICKN(0, 0, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH, 1);
		break;
	case OP_RENAMEAT2:
		o->a = PICKN(0, 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_EXCHANGE, 3, 8);
		break;
	case OP_READLINKAT:
		o->n = PICKN(0, 1, 3, 400, -1);
		break;
	case OP_FSTATAT:
		o->a = PICKN(0, AT_SYMLINK_NOFOLLOW, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, 1);
		break;
	case OP_GETCWD:
		o->n = PICKN(0, 1, 2, 5, 100, 4000);
		break;
	case OP_GETDENTS:
		o->n = PICKN(0, 1, 24, 48, 4000);
		break;
	case OP_OPENAT:
		/* A FIFO must not make the only task wait. */
		o->a = (s64)(random_open_flags() | O_NONBLOCK);
		o->b = random_mode();
		break;
	case OP_OPENAT2:
		o->a = (s64)(random_open_flags() | (below(8) ? O_NONBLOCK : 0x80000000LL));
		if (o->a & O_PATH)
			o->a &= ~(s64)O_NONBLOCK;
		o->b = o->a & (O_CREAT | O_TMPFILE_BIT) || !below(20) ? random_mode() : 0;
		o->n = PICKN(0, RESOLVE_NO_XDEV, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH,
			     RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS,
			     RESOLVE_BENEATH | RESOLVE_IN_ROOT, 0x40);
		break;
	case OP_MKDIRAT:
		o->a = below(3) ? 0755 : random_mode();
		break;
	default:
		break;
	}
}

static void random_attr_op(struct op *o)
{
	switch (o->kind) {
	case OP_FACCESSAT2:
		o->a = PICKN(0, 1, 2, 4, 7, 8);
		o->b = PICKN(0, 0, AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, 1);
		break;
	case OP_FCHMODAT:
	case OP_FCHMOD:
		o->a = random_mode();
		o->b = PICKN(0, 0, 0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, 1);
		break;
	case OP_FCHOWNAT:
	case OP_FCHOWN:
		o->a = PICKN(-1, 0, 1000, 1001);
		o->b = PICKN(-1, 0, 1000, 1001);
		o->n = PICKN(0, 0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, 1);
		break;
	case OP_UTIMENSAT:
		o->a = PICKN(0, UTIME_NOW, UTIME_OMIT, 1000000000, -1);
		o->b = PICKN(0, UTIME_NOW, UTIME_OMIT, 5);
		o->n = PICKN(0, 0, 0, 2, 1, 3) | PICKN(0, 0, AT_SYMLINK_NOFOLLOW, 1) << 8;
		break;
	case OP_UMASK:
		o->a = PICKN(0, 022, 077, 07777);
		break;
	case OP_SETUID:
		o->a = PICKN(0, 1000, 1000, 1001);
		o->b = o->a ? PICKN(1000, 1001) : 0;
		break;
	case OP_MOUNT:
		o->n = (s64)below(2);
		o->a = o->n ? PICKN(MS_BIND, MS_BIND | MS_REC, MS_MOVE, MS_REMOUNT | MS_BIND,
				    MS_REMOUNT | MS_BIND | MS_RDONLY)
			    : PICKN(0, 0, MS_RDONLY, MS_NODEV | MS_NOATIME);
		break;
	case OP_UMOUNT2:
		o->a = PICKN(0, 0, MNT_DETACH, UMOUNT_NOFOLLOW, 64);
		break;
	default:
		break;
	}
}

static void random_data_op(struct op *o)
{
	switch (o->kind) {
	case OP_LSEEK:
		o->a = random_offset();
		o->b = PICKN(0, 0, 1, 2, 3, 3, 4, 4, 5, -1);
		/* Near the end of all positions Linux's answers are odd. */
		if (o->b >= SEEK_DATA && o->a > 1LL << 60)
			o->a = 0;
		break;
	case OP_TRUNCATE:
	case OP_FTRUNCATE:
		o->a = random_offset();
		break;
	case OP_FALLOCATE:
		o->a = random_offset();
		o->n = random_offset();
		o->b = PICKN(0, 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
			     FALLOC_FL_PUNCH_HOLE);
		break;
	case OP_SENDFILE:
		o->a = below(2) ? -1 : random_size();
		o->n = random_size();
		break;
	case OP_RLIMIT:
		o->a = RLIMIT_FSIZE;
		o->n = PICKN(-1, -1, 5000, 0);
		break;
	default:
		o->n = random_size();
		o->a = random_offset();
		o->b = (s64)below(256);
		break;
	}
}

static void random_fd_op(struct op *o)
{
	switch (o->kind) {
	case OP_DUP2:
	case OP_DUP3:
		o->fd2 = (int)below(14) - 1;
		o->a = PICKN(0, O_CLOEXEC, O_CLOEXEC, 1);
		break;
	case OP_FCNTL:
		o->a = PICKN(F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL,
			     F_GETPIPE_SZ, F_SETPIPE_SZ, F_GETOWN, 999);
		o->b = (s64)below(12);
		if (o->a == F_SETFL)
			o->b = O_NONBLOCK | PICKN(0, O_APPEND, O_CREAT);
		if (o->a == F_SETPIPE_SZ)
			o->b = PICKN(0, 4096, 5000, 16384, 1LL << 21);
		break;
	case OP_CLOSE_RANGE:
		o->a = PICKN(0, CLOSE_RANGE_CLOEXEC, CLOSE_RANGE_UNSHARE, 1);
		/* Not to the end of all numbers: the model's own are there. */
		o->fd2 = MAX(o->fd + (int)below(4) - 1, 0);
		break;
	case OP_PIPE2:
		o->a = PICKN(0, 0, 0, O_CLOEXEC, O_DIRECT, 1);
		break;
	case OP_EVENTFD2:
		o->a = PICKN(0, 1, 5);
		o->b = O_NONBLOCK | PICKN(0, 0, EFD_SEMAPHORE, EFD_CLOEXEC, 8);
		break;
	case OP_POLL:
		o->a = PICKN(POLLIN, POLLOUT, POLLIN | POLLOUT | POLLPRI, POLLRDNORM | POLLWRNORM,
			     0);
		break;
	case OP_SELECT:
		o->a = (s64)below(4096) & (s64)below(4096);
		o->b = (s64)below(4096) & (s64)below(4096);
		o->n = PICKN(0, 4, 12, 12, -1);
		break;
	case OP_EPOLL_CREATE1:
		o->a = PICKN(0, EPOLL_CLOEXEC, 1);
		break;
	case OP_EPOLL_CTL:
		o->n = PICKN(EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD,
			     EPOLL_CTL_DEL, 7);
		o->a = PICKN(POLLIN, POLLOUT, POLLIN | POLLOUT) |
		       PICKN(0, 0, 0, EPOLLET, EPOLLONESHOT);
		o->b = (s64)rand_u64(&rng);
		break;
	case OP_FLOCK:
		o->a = PICKN(LOCK_SH, LOCK_EX, LOCK_UN, 0, 3);
		break;
	case OP_SETLK:
		o->a = (s64)below(16);
		o->b = PICKN(0, 0, 10, 20, 100, -5);
		o->n = PICKN(0, 10, 50, 1, -5);
		o->fd2 = (int)below(2);
		break;
	default:
		break;
	}
}

static void random_op(struct op *o, const struct mix *m)
{
	u64 total = 0, x;
	int kind = 0;

	for (int i = 0; i < NR_OPS; i++)
		total += m->weight[i];
	for (x = below(total); x >= m->weight[kind]; kind++)
		x -= m->weight[kind];
	memset(o, 0, sizeof(*o));
	o->kind = kind;
	random_path(o->path);
	random_path(o->path2);
	o->fd = kind >= OP_MKDIRAT && kind <= OP_FSTATAT ? random_dir() : random_fd();
	o->fd2 = random_dir();
	if (kind == OP_OPENAT || kind == OP_OPENAT2 || kind == OP_FACCESSAT2 ||
	    kind == OP_FCHMODAT || kind == OP_FCHOWNAT || kind == OP_UTIMENSAT)
		o->fd = random_dir();
	if (kind == OP_POLL || kind == OP_EPOLL_CTL || kind == OP_SENDFILE || kind == OP_COPY_RANGE)
		o->fd2 = random_fd();
	if (kind == OP_LSEEK || kind == OP_SENDFILE || kind == OP_RLIMIT ||
	    (kind >= OP_READ && kind <= OP_WRITEV) ||
	    (kind >= OP_TRUNCATE && kind <= OP_FALLOCATE) || kind == OP_COPY_RANGE)
		random_data_op(o);
	else if (kind >= OP_DUP && kind <= OP_SETLK)
		random_fd_op(o);
	else if (kind <= OP_FSTATAT || kind == OP_GETCWD || kind == OP_GETDENTS)
		random_names_op(o);
	else
		random_attr_op(o);
}

#endif
