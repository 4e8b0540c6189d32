/* SPDX-License-Identifier: MIT */
/*
 * Linux is the model: random operations run on a tmpfs of the machine this test runs on and on
 * guest/fs, and every result is compared: value or errno, bytes, attributes, signals. The seed and the
 * last operations are printed when they differ.
 */
#include <check.h>

#include "guest/fs/pagecache.h"
#include "tests/unit/guest/fs_ops_host.h"
#include "tests/unit/guest/fs_ops_ours.h"

#define STEPS 10000u

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

/* ---- running both ---------------------------------------------------------------------------------- */

static struct op history[12];
static struct op_result host_res, our_res;

static void print_op(const struct op *o)
{
	fprintf(stderr, "  %-12s fd %d fd2 %d a %#lx b %#lx n %#lx \"%.60s\" \"%.60s\"\n",
		op_name(o->kind), o->fd, o->fd2, o->a, o->b, o->n, o->path, o->path2);
}

static void explain(u64 seed, unsigned step, const char *mix)
{
	const struct op_stat *hs = (const void *)host_res.data, *os = (const void *)our_res.data;
	int kind = history[step % ARRAY_SIZE(history)].kind;

	fprintf(stderr, "seed %lu, step %u of \"%s\":\n", seed, step, mix);
	for (unsigned i = step + 1 < ARRAY_SIZE(history) ? 0 : step + 1 - ARRAY_SIZE(history);
	     i <= step; i++)
		print_op(&history[i % ARRAY_SIZE(history)]);
	fprintf(stderr, "Linux: %ld, %u bytes, %u signals; ours: %ld, %u bytes, %u signals\n",
		host_res.ret, host_res.len, host_res.signals, our_res.ret, our_res.len,
		our_res.signals);
	if ((kind == OP_FSTAT || kind == OP_FSTATAT) && !host_res.ret && !our_res.ret)
		fprintf(stderr,
			"Linux: mode %o nlink %lu uid %u gid %u size %lu rdev %lx blocks %lu moved %u %u\n"
			"ours:  mode %o nlink %lu uid %u gid %u size %lu rdev %lx blocks %lu moved %u %u\n",
			hs->mode, hs->nlink, hs->uid, hs->gid, hs->size, hs->rdev, hs->blocks,
			hs->atime_moved, hs->mtime_moved, os->mode, os->nlink, os->uid, os->gid,
			os->size, os->rdev, os->blocks, os->atime_moved, os->mtime_moved);
	else
		for (unsigned i = 0; i < host_res.len && i < our_res.len; i++)
			if (host_res.data[i] != our_res.data[i]) {
				fprintf(stderr, "first difference at byte %u: %02x, ours %02x\n", i,
					host_res.data[i], our_res.data[i]);
				break;
			}
}

static bool same(void)
{
	return host_res.ret == our_res.ret && host_res.len == our_res.len &&
	       host_res.signals == our_res.signals &&
	       !memcmp(host_res.data, our_res.data, our_res.len);
}

static unsigned sysctl(const char *name)
{
	char path[80];
	unsigned v = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/fs/%s", name);
	f = fopen(path, "r");
	if (f && fscanf(f, "%u", &v) != 1)
		v = 0;
	if (f)
		fclose(f);
	return v;
}

/* Root of a container may lack some of root's powers. */
static u64 host_capabilities(void)
{
	u64 caps = CAP_FULL;
	char line[200];
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %lx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps & CAP_FULL;
}

static u32 coverage[NR_OPS];

/* FS_CHECK=1: what lies behind the end of a file is zeroes, or it would show when the file grows. */
static void check_tails(struct fs_lab *l)
{
	struct super_block *sb;
	struct inode *inode;

	list_for_each_entry (sb, &l->vfs.supers, s_list)
		list_for_each_entry (inode, &sb->s_inodes, i_sb_list) {
			struct address_space *as = inode->i_mapping;
			struct page *page;
			u64 index;

			if (!as)
				continue;
			ck_assert_msg(!pagecache_check(as), "%s", pagecache_check(as));
			xa_for_each(&as->pages, index, page)
			{
				const u8 *p = page_address(l->vfs.pg, page);

				for (unsigned i = 0; i < PAGE_SIZE; i++)
					CHECK((s64)(index * PAGE_SIZE + i) < inode->i_size ||
					      !p[i]);
			}
		}
}

/* Within one file Linux moves pages that it is writing to at the same time: what comes out depends on
 * how it buffers. */
static bool within_one_file(struct fs_lab *l, const struct op *o)
{
	struct file *a = fget(&l->task, o->fd), *b = fget(&l->task, o->fd2);
	bool same_file = a && b && a->f_inode == b->f_inode && S_ISREG(a->f_inode->i_mode);

	fput(a);
	fput(b);
	return same_file;
}

static void run_mix(const struct mix *m, u64 seed, unsigned steps)
{
	struct fs_host host;
	struct fs_lab *l;
	struct cred *root;
	const char *why = fs_host_too_old();

	if (!why)
		why = fs_host_start(&host);
	if (why) {
		printf("SKIP guest/test_mix: %s\n", why);
		return;
	}
	rand_init(&rng, seed);
	l = fs_ours_start((int)(seed % 6));
	root = cred_copy(l->task.cred);
	root->cap_permitted = root->cap_effective = host_capabilities();
	cred_put(l->task.cred);
	l->task.cred = root;
	l->vfs.protected_symlinks = sysctl("protected_symlinks");
	l->vfs.protected_hardlinks = sysctl("protected_hardlinks");
	l->vfs.protected_fifos = sysctl("protected_fifos");
	l->vfs.protected_regular = sysctl("protected_regular");
	for (unsigned step = 0; step < steps; step++) {
		struct op *o = &history[step % ARRAY_SIZE(history)];

		random_op(o, m);
		if (o->kind == OP_SENDFILE && within_one_file(l, o))
			o->kind = OP_FSYNC;
		fs_host_run(&host, o, &host_res);
		fs_ours_run(l, o, &our_res);
		if (getenv("FS_TRACE") && (strstr(getenv("FS_TRACE"), op_name(o->kind)) ||
					   step + 40 > (unsigned)atoi(getenv("FS_TRACE")))) {
			fprintf(stderr, "%u: %ld", step, host_res.ret);
			print_op(o);
		}
		coverage[o->kind] += our_res.ret >= 0;
		if (getenv("FS_CHECK"))
			check_tails(l);
		if (!same()) {
			if (getenv("FS_GO_ON") && host_res.ret < 0 && our_res.ret < 0) {
				fprintf(stderr, "%ld, ours %ld:", host_res.ret, our_res.ret);
				print_op(o);
				continue;
			}
			explain(seed, step, m->name);
			ck_abort_msg("%s: %s differs", m->name, op_name(o->kind));
		}
		if (step % 256 == 0)
			fs_lab_check(l);
	}
	fs_host_stop(&host);
	fs_lab_free(l);
}

START_TEST(test_mix)
{
	const char *seed = getenv("FS_SEED"), *steps = getenv("FS_STEPS");

	run_mix(&mixes[_i], seed ? strtoull(seed, NULL, 0) : 1000 + (u64)_i,
		steps ? (unsigned)atoi(steps) : STEPS);
	if (getenv("FS_COVERAGE"))
		for (int i = 0; i < NR_OPS; i++)
			fprintf(stderr, "%s %u\n", op_name(i), coverage[i]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fs_conform");
	TCase *tc = tcase_create("against Linux");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 150);
	tcase_add_loop_test(tc, test_mix, 0, ARRAY_SIZE(mixes));
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
