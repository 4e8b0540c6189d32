/* SPDX-License-Identifier: MIT */
/* names.c - paths, folders, links and what becomes of names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

#define RENAME_NOREPLACE_ 1
#define RENAME_EXCHANGE_  2

static char long_name[300], long_path[PATH_MAX + 10];

static void make_long(void)
{
	memset(long_name, 'n', 256);
	for (size_t i = 0; i < sizeof(long_path) - 2; i += 2)
		memcpy(long_path + i, "./", 2);
}

static void walking(void)
{
	make_long();
	put_file("f", "x", 1);
	Q(mkdir, "d", 0755);
	Q(mkdir, "d/e", 0755);
	OK(open, "d/../f", O_RDONLY);
	OK(open, "d//e/.././../f", O_RDONLY);
	OK(open, "./././f", O_RDONLY);
	X(open, "f/.", O_RDONLY);
	X(open, "f/..", O_RDONLY);
	X(open, "f//", O_RDONLY);
	X(open, "d/none/../../f", O_RDONLY);
	X(open, long_name, O_RDONLY);
	long_name[255] = '\0';
	X(open, long_name, O_RDONLY);
	OK(open, long_name, O_RDWR | O_CREAT, 0600);
	X(open, long_path, O_RDONLY);
	memcpy(long_path + PATH_MAX - 2, "f", 2);
	OK(open, long_path, O_RDONLY);
	OK(open, "/../../..", O_RDONLY);
	Q(symlink, "loop2", "loop1");
	Q(symlink, "loop1", "loop2");
	X(open, "loop1", O_RDONLY);
	X(mkdir, "loop1/x", 0755);
	X(chdir, "loop1");
	Q(symlink, "self/self", "self");
	X(access, "self", F_OK);
	Q(symlink, "d", "ld");
	OK(open, "ld/e", O_RDONLY);
	OK(open, "ld/../f", O_RDONLY);
	/* 40 links in a row are too many, and so are 40 in sum. */
	char from[8], to[8];
	Q(symlink, "f", "s0");
	for (int i = 1; i <= 41; i++) {
		snprintf(from, sizeof(from), "s%d", i - 1);
		snprintf(to, sizeof(to), "s%d", i);
		Q(symlink, from, to);
	}
	OK(open, "s39", O_RDONLY);
	X(open, "s40", O_RDONLY);
}

static void folders(void)
{
	make_long();
	X(mkdir, "d", 0755);
	X(mkdir, "d", 0755);
	X(mkdir, "d/", 0755);
	X(mkdir, "e/", 0755);
	X(mkdir, "none/x", 0755);
	X(mkdir, "", 0755);
	X(mkdir, ".", 0755);
	X(mkdir, "/", 0755);
	X(mkdir, long_name, 0755);
	X(mkdirat, -1, "x", 0755);
	X(mkdir, NULL, 0755);
	put_file("f", "x", 1);
	X(mkdir, "f/x", 0755);
	X(mkdir, "f", 0755);
	X(rmdir, "f");
	X(rmdir, "none");
	X(rmdir, ".");
	X(rmdir, "..");
	X(rmdir, "d/..");
	X(rmdir, "/");
	put_file("d/g", "x", 1);
	X(rmdir, "d");
	X(unlink, "d");
	X(unlink, "d/g");
	X(unlink, "d/none");
	X(unlink, "f/x");
	X(unlink, "f/");
	X(unlinkat, AT_FDCWD, "d", 0);
	X(unlinkat, AT_FDCWD, "d", AT_REMOVEDIR);
	X(unlinkat, AT_FDCWD, "f", AT_REMOVEDIR);
	X(unlinkat, AT_FDCWD, "f", 1);
	X(rmdir, "e/");
	Q(symlink, "/tmp", "l");
	X(rmdir, "l");
	X(rmdir, "l/");
	X(unlink, "l");
	/* A folder that is gone but still somebody's place. */
	Q(mkdir, "gone", 0755);
	X(chdir, "gone");
	X(rmdir, "../gone");
	X(getcwd, long_path, sizeof(long_path));
	X(mkdir, "x", 0755);
	X(open, "x", O_RDWR | O_CREAT, 0600);
	OK(open, ".", O_RDONLY);
	OK(open, "..", O_RDONLY);
}

static void links(void)
{
	struct stat st;
	char b[16];

	put_file("f", "x", 1);
	X(link, "f", "g");
	X(link, "f", "g");
	stat("f", &st);
	NUM(st.st_nlink);
	X(unlink, "f");
	stat("g", &st);
	NUM(st.st_nlink);
	X(link, "none", "h");
	X(link, ".", "h");
	X(link, "g", "none/h");
	X(link, "g/", "h");
	Q(symlink, "g", "s");
	X(link, "s", "s2");
	lstat("s2", &st);
	IS(S_ISLNK(st.st_mode));
	X(linkat, AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW);
	lstat("s3", &st);
	IS(S_ISREG(st.st_mode));
	X(linkat, AT_FDCWD, "s", AT_FDCWD, "s4", 0x8000);
	X(linkat, -1, "s", AT_FDCWD, "s4", 0);
	int fd = (int)Q(open, "g", O_RDONLY);
	X(linkat, fd, "", AT_FDCWD, "again", AT_EMPTY_PATH);
	X(link, "/proc/self/stat", "x");
	X(symlink, "", "t");
	X(symlink, "anything at all", "t");
	X(symlink, "a", "t");
	X(symlink, "a", "");
	X(symlink, "a", "none/t");
	X(readlink, "t", b, sizeof(b));
	say("%.15s", b);
	X(readlink, "t", b, 4);
	X(readlink, "t", b, 0);
	X(readlink, "t", b, -1);
	X(readlink, "g", b, 16);
	X(readlink, "none", b, 16);
	X(readlink, "t", unmapped(), 16);
	fd = (int)Q(open, "t", O_PATH | O_NOFOLLOW);
	X(readlinkat, fd, "", b, sizeof(b));
	X(readlinkat, -1, "t", b, sizeof(b));
	/* The deleted file comes back by no name, but its descriptor's link works. */
	fd = (int)Q(open, ".", O_TMPFILE | O_RDWR, 0600);
	char proc[40];
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	X(linkat, AT_FDCWD, proc, AT_FDCWD, "named", AT_SYMLINK_FOLLOW);
	X(access, "named", F_OK);
}

static void renames(void)
{
	char b[16];

	put_file("a", "A", 1);
	put_file("b", "B", 1);
	Q(mkdir, "d", 0755);
	Q(mkdir, "d/e", 0755);
	Q(mkdir, "empty", 0755);
	X(rename, "a", "c");
	X(access, "a", F_OK);
	X(rename, "c", "b");
	get_file("b", b, sizeof(b));
	say("%s", b);
	X(rename, "none", "x");
	X(rename, "b", "none/x");
	X(rename, "b", "d");
	X(rename, "d", "b");
	X(rename, "d", "d/e/x");
	X(rename, "d", "d");
	X(rename, "empty", "d");
	X(rename, "d/e", "empty");
	X(rename, "d/.", "x");
	X(rename, "d", ".");
	X(rename, "..", "x");
	X(rename, "b/", "x");
	X(rename, "d", "y/");
	X(rename, "b", "y/");
	X(rename, "b", "");
	Q(link, "b", "b2");
	X(rename, "b", "b2");
	X(access, "b", F_OK);
	Q(symlink, "nowhere", "l");
	X(rename, "l", "l2");
	X(readlink, "l2", b, 16);
	X(renameat2, AT_FDCWD, "b", AT_FDCWD, "b2", RENAME_NOREPLACE_);
	X(renameat2, AT_FDCWD, "b", AT_FDCWD, "b3", RENAME_NOREPLACE_);
	put_file("x", "X", 1);
	X(renameat2, AT_FDCWD, "x", AT_FDCWD, "y", RENAME_EXCHANGE_);
	X(access, "y/.", F_OK);
	X(access, "x/.", F_OK);
	X(renameat2, AT_FDCWD, "x", AT_FDCWD, "none", RENAME_EXCHANGE_);
	X(renameat2, AT_FDCWD, "x", AT_FDCWD, "x/y", RENAME_EXCHANGE_);
	X(renameat2, AT_FDCWD, "x", AT_FDCWD, "y", RENAME_EXCHANGE_ | RENAME_NOREPLACE_);
	X(renameat2, AT_FDCWD, "x", AT_FDCWD, "y", 64);
	X(renameat, -1, "x", AT_FDCWD, "y");
	X(rename, "y", "/proc/y");
	X(rename, unmapped(), "y");
}

/* What another one takes the name of keeps its own, and its parent. */
static void replaced(void)
{
	char link[32], b[256] = { 0 }, *tail;
	struct stat st, here;
	int fd;

	Q(mkdir, "elsewhere", 0700);
	Q(mkdir, "elsewhere/new", 0700);
	Q(mkdir, "old", 0700);
	fd = (int)Q(open, "old", O_RDONLY | O_DIRECTORY);
	X(rename, "elsewhere/new", "old");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	Q(readlink, link, b, sizeof(b) - 1);
	tail = strrchr(b, '/');
	say("%s", tail ? tail : b);
	Q(newfstatat, fd, "..", &st, 0);
	Q(stat, ".", &here);
	IS(st.st_ino == here.st_ino);
	X(openat, fd, "x", O_CREAT | O_WRONLY, 0600);
	X(rmdir, "elsewhere");
	X(rmdir, "old");
}

static void places(void)
{
	char b[PATH_MAX];
	int fd;

	X(getcwd, b, sizeof(b));
	say("%s", b);
	X(getcwd, b, 3);
	X(getcwd, b, 0);
	X(getcwd, unmapped(), 100);
	Q(mkdir, "d", 0755);
	X(chdir, "d");
	Q(getcwd, b, sizeof(b));
	say("%s", b);
	Q(rename, "../d", "../moved");
	Q(getcwd, b, sizeof(b));
	say("%s", b);
	X(chdir, "none");
	X(chdir, "");
	X(chdir, unmapped());
	put_file("f", "x", 1);
	X(chdir, "f");
	fd = (int)Q(open, "f", O_RDONLY);
	X(fchdir, fd);
	X(fchdir, 12345);
	fd = (int)Q(open, "..", O_PATH);
	X(fchdir, fd);
	Q(getcwd, b, sizeof(b));
	say("%s", b);
	X(chdir, "/");
	X(chdir, "..");
	Q(getcwd, b, sizeof(b));
	say("%s", b);
}

static void another_root(void)
{
	char b[PATH_MAX];

	Q(mkdir, "r", 0755);
	Q(mkdir, "r/in", 0755);
	put_file("r/f", "inside", 6);
	put_file("f", "outside", 7);
	X(chroot, "none");
	X(chroot, "f");
	X(chroot, "r");
	get_file("/f", b, sizeof(b));
	say("%s", b);
	get_file("f", b, sizeof(b));
	say("%s", b);
	Q(getcwd, b, sizeof(b));
	say("%.13s", b);
	X(chdir, "/in");
	X(chdir, "../../..");
	Q(getcwd, b, sizeof(b));
	say("%s", b);
	X(access, "/tmp", F_OK);
	Q(setresuid, 1000, 1000, 1000);
	X(chroot, "/in");
}

static void nodes(void)
{
	struct stat st;

	X(mknod, "p", S_IFIFO | 0600, 0);
	X(mknod, "r", S_IFREG | 0600, 0);
	X(mknod, "r", S_IFREG | 0600, 0);
	X(mknod, "r0", 0600, 0);
	X(mknod, "d", S_IFDIR | 0600, 0);
	X(mknod, "s", S_IFSOCK | 0600, 0);
	X(mknod, "c", S_IFCHR | 0666, makedev(1, 3));
	X(mknod, "bad", S_IFLNK | 0600, 0);
	X(mknodat, -1, "x", S_IFREG | 0600, 0);
	stat("c", &st);
	HEX(st.st_mode);
	say("%d %d", (int)major(st.st_rdev), (int)minor(st.st_rdev));
	stat("r0", &st);
	HEX(st.st_mode);
	int fd = (int)OK(open, "c", O_RDWR);
	X(write, fd, "12345", 5);
	X(open, "s", O_RDONLY);
	X(mknod, "nodev", S_IFCHR | 0666, makedev(250, 250));
	X(open, "nodev", O_RDONLY);
	X(open, "p", O_WRONLY | O_NONBLOCK);
	OK(open, "p", O_RDONLY | O_NONBLOCK);
	OK(open, "p", O_WRONLY | O_NONBLOCK);
	Q(setresuid, 1000, 1000, 1000);
	X(mknod, "c2", S_IFCHR | 0666, makedev(1, 3));
	X(mknod, "p2", S_IFIFO | 0600, 0);
}

static void rights(void)
{
	Q(mkdir, "open", 0777);
	Q(chmod, "open", 0777);
	Q(mkdir, "sticky", 0777);
	Q(chmod, "sticky", 01777);
	Q(mkdir, "closed", 0700);
	put_file("closed/f", "x", 1);
	put_file("mine", "x", 1);
	put_file("sticky/root", "x", 1);
	put_file("open/root", "x", 1);
	Q(chmod, "mine", 0600);
	X(access, "mine", R_OK | W_OK);
	X(access, "mine", X_OK);
	X(access, "mine", 8);
	X(access, "none", F_OK);
	/* The real ids are asked, not the effective. */
	X(setresuid, 1000, -1, -1);
	X(access, "mine", R_OK);
	X(faccessat2, AT_FDCWD, "mine", R_OK, AT_EACCESS);
	X(faccessat2, AT_FDCWD, "mine", R_OK, 0x8000);
	X(faccessat, AT_FDCWD, "mine", R_OK);
	X(setresuid, 1000, 1000, 1000);
	X(open, "mine", O_RDONLY);
	X(open, "closed/f", O_RDONLY);
	X(access, "closed", R_OK);
	X(chdir, "closed");
	X(mkdir, "closed/x", 0755);
	X(rename, "sticky/root", "sticky/x");
	X(unlink, "sticky/root");
	X(unlink, "open/root");
	X(creat, "sticky/me", 0600);
	X(unlink, "sticky/me");
	X(rmdir, "closed");
	X(mkdir, "/proc/x", 0755);
	X(open, "/proc/self/none", O_RDWR | O_CREAT, 0600);
	X(link, "mine", "open/mine");
}

static void masks(void)
{
	struct stat st;

	X(umask, 027);
	X(umask, 01777);
	X(umask, 077);
	Q(mkdir, "d", 0777);
	stat("d", &st);
	HEX(st.st_mode & 07777);
	Q(umask, 0);
	Q(mkdir, "d2", 01777);
	stat("d2", &st);
	HEX(st.st_mode & 07777);
	Q(open, "f", O_CREAT | O_RDWR, 07777);
	stat("f", &st);
	HEX(st.st_mode & 07777);
	Q(mknod, "p", S_IFIFO | 0666, 0);
	stat("p", &st);
	HEX(st.st_mode & 07777);
	/* A group bit that is not one's own goes as it was asked for, whatever the umask leaves. */
	Q(mkdir, "g", 0700);
	Q(chmod, "g", 02777);
	int dir = (int)Q(open, "g", O_RDONLY | O_DIRECTORY), fd;
	Q(setgroups, 0, NULL);
	Q(setresgid, 1000, 1000, 1000);
	Q(setresuid, 1000, 1000, 1000);
	Q(umask, 077);
	fd = (int)Q(openat, dir, ".", O_TMPFILE | O_RDWR, 07777);
	Q(fstat, fd, &st);
	HEX(st.st_mode & 07777);
	fd = (int)Q(openat, dir, "f", O_CREAT | O_RDWR, 07777);
	Q(fstat, fd, &st);
	HEX(st.st_mode & 07777);
}

struct dirent_64 {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void reading_folders(void)
{
	static char buf[4096], *names[64];
	size_t n = 0;
	long got;
	int fd;

	put_file("file", "x", 1);
	Q(mkdir, "folder", 0755);
	Q(symlink, "x", "symlink");
	Q(mknod, "fifo", S_IFIFO | 0600, 0);
	Q(mknod, "chr", S_IFCHR | 0600, makedev(1, 3));
	fd = (int)Q(open, ".", O_RDONLY | O_DIRECTORY);
	X(getdents64, fd, buf, 20);
	got = Q(getdents64, fd, buf, sizeof(buf));
	for (long at = 0; at < got;) {
		struct dirent_64 *e = (struct dirent_64 *)(buf + at);
		static char text[64][64];

		snprintf(text[n], 64, "%s type %d len %d", e->name, e->type, e->len);
		names[n] = text[n];
		n++;
		at += e->len;
	}
	qsort(names, n, sizeof(names[0]), by_name);
	for (size_t i = 0; i < n; i++)
		say("%s", names[i]);
	X(getdents64, fd, buf, sizeof(buf));
	X(lseek, fd, 0, SEEK_SET);
	IS(Q(getdents64, fd, buf, sizeof(buf)) == got);
	X(read, fd, buf, 10);
	Q(lseek, fd, 0, SEEK_SET);
	X(getdents64, fd, unmapped(), 4096);
	Q(lseek, fd, 0, SEEK_SET);
	X(getdents64, 12345, buf, 4096);
	fd = (int)Q(open, "file", O_RDONLY);
	X(getdents64, fd, buf, 4096);
	Q(mkdir, "gone", 0755);
	fd = (int)Q(open, "gone", O_RDONLY);
	Q(rmdir, "gone");
	X(getdents64, fd, buf, 4096);
}

static void removing_while_reading(void)
{
	char name[16];
	DIR *d;
	struct dirent *e;
	int seen = 0, left = 0;

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		put_file(name, "", 0);
	}
	d = opendir(".");
	while ((e = readdir(d)))
		if (e->d_name[0] == 'f') {
			seen++;
			unlink(e->d_name);
		}
	closedir(d);
	d = opendir(".");
	while ((e = readdir(d)))
		left++;
	closedir(d);
	NUM(seen);
	NUM(left);
}

static const struct test tests[] = {
	T(walking),  T(folders), T(links),	     T(renames),
	T(replaced), T(places),	 T(another_root),    T(nodes),
	T(rights),   T(masks),	 T(reading_folders), T(removing_while_reading),
};
MAIN("names", tests)
