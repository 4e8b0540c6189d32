/* SPDX-License-Identifier: MIT */
/* attributes.c - what files are: stat and its kin, modes, owners, times, file systems. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>
#include <sys/time.h>

#include "tests/user/lib/check.h"

static void show(const char *name)
{
	struct stat st;
	long err = Q(newfstatat, AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW);

	if (err)
		say("%s: %s", name, err_name(err));
	else
		say("%s: mode %o links %d uid %d gid %d size %ld", name, st.st_mode,
		    (int)st.st_nlink, (int)st.st_uid, (int)st.st_gid,
		    S_ISDIR(st.st_mode) ? -1 : (long)st.st_size);
}

static void stats(void)
{
	struct stat a, b;
	int fd;

	put_file("f", "12345", 5);
	Q(mkdir, "d", 0755);
	Q(mkdir, "d/e", 0755);
	Q(symlink, "f", "l");
	Q(mknod, "p", S_IFIFO | 0644, 0);
	show("f");
	show("d");
	show("l");
	show("p");
	show("/dev/null");
	show("none");
	fd = (int)Q(open, "f", O_RDONLY);
	X(fstat, fd, &a);
	X(stat, "l", &b);
	IS(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	X(lstat, "l", &b);
	IS(a.st_ino != b.st_ino);
	NUM(a.st_blksize);
	NUM(a.st_blocks);
	X(fstat, 12345, &a);
	X(stat, "f", unmapped());
	X(stat, "f", KERNEL_LINEAR);
	X(stat, unmapped(), &a);
	X(stat, "", &a);
	X(newfstatat, fd, "", &a, AT_EMPTY_PATH);
	X(newfstatat, fd, "", &a, 0);
	X(newfstatat, fd, "x", &a, 0);
	X(newfstatat, AT_FDCWD, "", &a, AT_EMPTY_PATH);
	X(newfstatat, AT_FDCWD, "f", &a, 0x40000);
	X(newfstatat, 12345, "f", &a, 0);
	Q(stat, "d", &a);
	NUM(a.st_nlink);
	Q(stat, "/dev/zero", &a);
	say("%d %d", (int)major(a.st_rdev), (int)minor(a.st_rdev));
}

struct k_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, attributes_mask;
	struct {
		int64_t sec;
		uint32_t nsec, pad;
	} atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t more[14];
};

static void statxs(void)
{
	struct k_statx s;
	struct stat st;

	put_file("f", "12345", 5);
	X(statx, AT_FDCWD, "f", 0, 0x7ff, &s);
	HEX(s.mask & 0x7ff);
	say("mode %o links %u uid %u size %d blocks %d", s.mode, s.nlink, s.uid, (int)s.size,
	    (int)s.blocks);
	stat("f", &st);
	IS(s.ino == st.st_ino && s.mtime.sec == st.st_mtim.tv_sec);
	IS(s.dev_major == major(st.st_dev) && s.dev_minor == minor(st.st_dev));
	X(statx, AT_FDCWD, "f", 0, 0x80000000u, &s);
	X(statx, AT_FDCWD, "f", 0x40000000, 0x7ff, &s);
	X(statx, AT_FDCWD, "f", 0x6000, 0x7ff, &s);
	X(statx, AT_FDCWD, "none", 0, 0x7ff, &s);
	X(statx, 12345, "f", 0, 0x7ff, &s);
	X(statx, AT_FDCWD, "f", 0, 0x7ff, unmapped());
	X(statx, AT_FDCWD, "", AT_EMPTY_PATH, 0x7ff, &s);
	X(statx, AT_FDCWD, "/dev/null", 0, 0x7ff, &s);
	say("%u %u", s.rdev_major, s.rdev_minor);
}

static void modes(void)
{
	int fd;

	put_file("f", "x", 1);
	Q(mkdir, "d", 0755);
	X(chmod, "f", 04755);
	show("f");
	X(chmod, "f", 0177777);
	show("f");
	X(chmod, "none", 0600);
	X(chmod, "d", 01777);
	show("d");
	fd = (int)Q(open, "f", O_RDWR);
	X(fchmod, fd, 0640);
	X(fchmod, 12345, 0640);
	show("f");
	X(fchmodat, AT_FDCWD, "f", 0600);
	Q(symlink, "f", "l");
	X(chmod, "l", 0611);
	show("f");
	show("l");
	/* Writing by one who is not root drops set-user-id. */
	Q(chmod, "f", 06777);
	Q(setresuid, 1000, 1000, 1000);
	X(chmod, "f", 0600);
	X(write, fd, "y", 1);
	show("f");
}

static void owners(void)
{
	int fd;

	put_file("f", "x", 1);
	Q(symlink, "f", "l");
	X(chown, "f", 1000, 2000);
	show("f");
	X(chown, "f", -1, 3000);
	show("f");
	X(chown, "f", -1, -1);
	X(lchown, "l", 7, 7);
	show("l");
	show("f");
	Q(chmod, "f", 06755);
	X(chown, "f", 1000, -1);
	show("f");
	Q(chmod, "f", 06745);
	X(chown, "f", 1000, -1);
	show("f");
	fd = (int)Q(open, "f", O_RDONLY);
	X(fchown, fd, 0, 0);
	X(fchownat, AT_FDCWD, "l", 5, 5, AT_SYMLINK_NOFOLLOW);
	X(fchownat, fd, "", 1000, 1000, AT_EMPTY_PATH);
	X(fchownat, AT_FDCWD, "l", 5, 5, 0x80000);
	X(fchown, 12345, 0, 0);
	X(chown, "none", 0, 0);
	Q(setresgid, 1000, 1000, 1000);
	Q(setresuid, 1000, 1000, 1000);
	X(chown, "f", 1001, -1);
	X(chown, "f", -1, 1001);
	X(chown, "f", -1, 1000);
	X(chown, "f", 1000, 1000);
	X(chmod, "f", 0600);
	X(chmod, ".", 0777);
}

static void groups_of_new_files(void)
{
	Q(mkdir, "d", 0777);
	Q(chown, "d", 0, 500);
	Q(chmod, "d", 02777);
	put_file("d/f", "x", 1);
	Q(mkdir, "d/e", 0755);
	show("d/f");
	show("d/e");
	Q(setresuid, 1000, 1000, 1000);
	put_file("d/g", "x", 1);
	show("d/g");
}

static void show_times(const char *name)
{
	struct stat st;

	Q(lstat, name, &st);
	say("%s atime %ld.%09ld mtime %ld.%09ld", name, (long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
	    (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void times(void)
{
	struct timespec ts[2] = { { 1000, 5 }, { 2000, 6 } };
	struct timeval tv[2] = { { 111, 222 }, { 333, 444 } };
	struct utimbuf ub = { 77, 88 };
	struct stat a, b;
	int fd;

	put_file("f", "x", 1);
	Q(symlink, "f", "l");
	X(utimensat, AT_FDCWD, "f", ts, 0);
	show_times("f");
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_sec = 3000;
	X(utimensat, AT_FDCWD, "f", ts, 0);
	show_times("f");
	ts[0] = (struct timespec){ 5, 0 };
	ts[1].tv_nsec = UTIME_NOW;
	X(utimensat, AT_FDCWD, "f", ts, 0);
	Q(stat, "f", &a);
	IS(a.st_mtim.tv_sec > 100000 && a.st_atim.tv_sec == 5);
	ts[1].tv_nsec = 1000000000;
	X(utimensat, AT_FDCWD, "f", ts, 0);
	ts[1].tv_nsec = 9;
	X(utimensat, AT_FDCWD, "l", ts, AT_SYMLINK_NOFOLLOW);
	show_times("l");
	fd = (int)Q(open, "f", O_RDWR);
	X(utimensat, fd, NULL, ts, 0);
	show_times("f");
	X(utimensat, fd, NULL, ts, AT_SYMLINK_NOFOLLOW);
	X(utimensat, AT_FDCWD, NULL, ts, 0);
	X(utimensat, AT_FDCWD, "f", unmapped(), 0);
	X(utimensat, AT_FDCWD, "none", ts, 0);
	X(utimensat, AT_FDCWD, "f", ts, 0x80);
	X(utimes, "f", tv);
	show_times("f");
	tv[0].tv_usec = 1000000;
	X(utimes, "f", tv);
	tv[0].tv_usec = 1;
	X(futimesat, AT_FDCWD, "f", tv);
	show_times("f");
	X(utime, "f", &ub);
	show_times("f");
	X(utime, "f", NULL);
	Q(stat, "f", &a);
	nap(30);
	Q(write, fd, "y", 1);
	Q(stat, "f", &b);
	IS(b.st_mtim.tv_sec > a.st_mtim.tv_sec || b.st_mtim.tv_nsec > a.st_mtim.tv_nsec);
	IS(b.st_ctim.tv_sec == b.st_mtim.tv_sec);
	nap(30);
	Q(chmod, "f", 0600);
	Q(stat, "f", &a);
	IS(memcmp(&a.st_mtim, &b.st_mtim, sizeof(a.st_mtim)) == 0);
	IS(memcmp(&a.st_ctim, &b.st_ctim, sizeof(a.st_ctim)) != 0);
	Q(setresuid, 1000, 1000, 1000);
	X(utimensat, AT_FDCWD, "f", ts, 0);
	X(utimensat, AT_FDCWD, "f", NULL, 0);
	X(utime, "f", &ub);
}

static void file_systems(void)
{
	struct statfs s;
	int fd;

	X(statfs, ".", &s);
	HEX(s.f_type);
	NUM(s.f_bsize);
	NUM(s.f_namelen);
	NUM(s.f_frsize);
	IS(s.f_blocks > 0 && s.f_bfree <= s.f_blocks && s.f_ffree > 0);
	X(statfs, "/proc", &s);
	HEX(s.f_type);
	X(statfs, "/sys", &s);
	HEX(s.f_type);
	X(statfs, "/dev/pts", &s);
	HEX(s.f_type);
	X(statfs, "none", &s);
	X(statfs, ".", unmapped());
	X(statfs, unmapped(), &s);
	fd = (int)Q(open, ".", O_RDONLY);
	X(fstatfs, fd, &s);
	X(fstatfs, 12345, &s);
	int p[2];
	Q(pipe, p);
	X(fstatfs, p[0], &s);
	HEX(s.f_type);
}

static const struct test tests[] = {
	T(stats), T(statxs), T(modes), T(owners), T(groups_of_new_files), T(times), T(file_systems),
};
MAIN("attributes", tests)
