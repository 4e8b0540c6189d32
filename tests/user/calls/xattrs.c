/* SPDX-License-Identifier: MIT */
/* xattrs.c - extended attributes, xattr(7): on tmpfs, which keeps them, and where nobody does. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

#undef XATTR_CREATE
#undef XATTR_REPLACE
enum { CREATE = 1, REPLACE = 2 };

static char value[70000];

/* The names, in an order of ours: which comes first is the file system's affair. */
static void show_names(const char *path)
{
	char b[1024], *name[16];
	long n = Q(llistxattr, path, b, sizeof(b));
	int count = 0;

	for (char *at = b; at < b + n && count < 16; at += strlen(at) + 1) {
		int i = count++;

		for (; i && strcmp(name[i - 1], at) > 0; i--)
			name[i] = name[i - 1];
		name[i] = at;
	}
	say("%s: %ld bytes", path, n);
	for (int i = 0; i < count; i++)
		say("    %s", name[i]);
}

/* By names of a space that every tmpfs keeps; user.*, which came later, is below. */
static void keeping(void)
{
	int fd;

	put_file("f", "x", 1);
	X(getxattr, "f", "trusted.a", value, 10);
	X(listxattr, "f", value, 10);
	X(setxattr, "f", "trusted.a", "12345", 5, REPLACE);
	X(setxattr, "f", "trusted.a", "12345", 5, 0);
	X(setxattr, "f", "trusted.a", "12345", 5, CREATE);
	X(setxattr, "f", "trusted.b", NULL, 0, CREATE);
	X(setxattr, "f", "trusted.t", "t", 1, 0);
	X(setxattr, "f", "security.s", "s", 1, 0);
	show_names("f");
	X(getxattr, "f", "trusted.a", NULL, 0);
	X(getxattr, "f", "trusted.a", value, 4);
	X(getxattr, "f", "trusted.a", value, 5);
	say("%.5s", value);
	X(getxattr, "f", "trusted.b", value, 5);
	X(setxattr, "f", "trusted.a", "new", 3, REPLACE);
	fd = open("f", O_RDONLY);
	X(fgetxattr, fd, "trusted.a", value, 100);
	say("%.3s", value);
	X(fsetxattr, fd, "trusted.c", "by fd", 5, 0);
	X(flistxattr, fd, NULL, 0);
	X(flistxattr, fd, value, 9);
	X(fremovexattr, fd, "trusted.c");
	X(fremovexattr, fd, "trusted.c");
	X(removexattr, "f", "trusted.b");
	X(removexattr, "f", "trusted.t");
	X(removexattr, "f", "security.s");
	show_names("f");
	/* They are the file's, not the name's. */
	X(link, "f", "g");
	X(unlink, "f");
	show_names("g");
}

static void arguments(void)
{
	char name[300];
	int fd;

	put_file("f", "x", 1);
	memset(name, 'n', sizeof(name));
	memcpy(name, "trusted.", 8);
	name[256] = 0;
	X(setxattr, "f", name, "x", 1, 0);
	name[255] = 0;
	X(setxattr, "f", name, "x", 1, 0);
	X(removexattr, "f", name);
	X(setxattr, "f", "trusted.a", value, 65537, 0);
	X(setxattr, "f", "trusted.a", "x", 1, 4);
	X(setxattr, "f", "trusted.a", "x", 1, CREATE | REPLACE);
	X(setxattr, "f", "", "x", 1, 0);
	X(setxattr, "f", "trusted.", "x", 1, 0);
	X(setxattr, "f", "plain", "x", 1, 0);
	X(setxattr, "f", "other.a", "x", 1, 0);
	X(getxattr, "f", "other.a", value, 1);
	X(removexattr, "f", "other.a");
	X(setxattr, "f", NULL, "x", 1, 0);
	X(setxattr, "f", unmapped(), "x", 1, 0);
	X(setxattr, "f", "trusted.a", unmapped(), 1, 0);
	X(setxattr, unmapped(), "trusted.a", "x", 1, 0);
	X(setxattr, "f", "trusted.a", "x", 1, 0);
	X(getxattr, "f", "trusted.a", unmapped(), 1);
	X(listxattr, "f", unmapped(), 100);
	X(setxattr, "none", "trusted.a", "x", 1, 0);
	X(getxattr, "none", "trusted.a", "x", 1);
	X(listxattr, "none", "x", 1);
	X(removexattr, "none", "trusted.a");
	X(getxattr, "", "trusted.a", "x", 1);
	X(fsetxattr, -1, "trusted.a", "x", 1, 0);
	X(fgetxattr, 700, "trusted.a", "x", 1);
	X(flistxattr, 700, "x", 1);
	X(fremovexattr, 700, "trusted.a");
	fd = open("f", O_PATH);
	X(fsetxattr, fd, "trusted.b", "x", 1, 0);
}

static void kinds(void)
{
	Q(mkdir, "d", 01777);
	Q(chmod, "d", 01777);
	put_file("f", "x", 1);
	Q(symlink, "f", "l");
	Q(symlink, "none", "broken");
	Q(mknod, "p", S_IFIFO | 0666, 0);
	X(setxattr, "d", "user.a", "x", 1, 0);
	X(setxattr, "p", "user.a", "x", 1, 0);
	X(getxattr, "p", "user.a", value, 1);
	X(setxattr, "p", "trusted.a", "x", 1, 0);
	X(setxattr, "l", "user.a", "through", 7, 0);
	X(lgetxattr, "l", "user.a", value, 10);
	X(lsetxattr, "l", "user.a", "x", 1, 0);
	X(lsetxattr, "l", "trusted.a", "own", 3, 0);
	X(lgetxattr, "l", "trusted.a", value, 10);
	X(getxattr, "l", "trusted.a", value, 10);
	X(lremovexattr, "l", "trusted.a");
	X(setxattr, "broken", "user.a", "x", 1, 0);
	show_names("f");
	show_names("d");
}

static void rights(void)
{
	put_file("f", "x", 1);
	put_file("secret", "x", 1);
	Q(chmod, "secret", 0600);
	Q(mkdir, "sticky", 01777);
	Q(chmod, "sticky", 01777);
	Q(chmod, ".", 0777);
	X(setxattr, "f", "user.a", "x", 1, 0);
	X(setxattr, "f", "trusted.a", "x", 1, 0);
	X(setxattr, "f", "security.a", "x", 1, 0);
	X(setxattr, "secret", "user.a", "x", 1, 0);
	Q(setresgid, 1000, 1000, 1000);
	Q(setresuid, 1000, 1000, 1000);
	X(getxattr, "f", "user.a", value, 1);
	X(setxattr, "f", "user.a", "y", 1, 0);
	X(getxattr, "f", "trusted.a", value, 1);
	X(setxattr, "f", "trusted.a", "x", 1, 0);
	X(removexattr, "f", "trusted.a");
	X(getxattr, "f", "security.a", value, 1);
	X(setxattr, "f", "security.a", "x", 1, 0);
	X(removexattr, "f", "security.a");
	X(getxattr, "secret", "user.a", value, 1);
	X(setxattr, "secret", "user.a", "x", 1, 0);
	X(setxattr, "sticky", "user.a", "x", 1, 0);
	show_names("f");
	show_names("secret");
	put_file("mine", "x", 1);
	X(setxattr, "mine", "user.a", "x", 1, 0);
}

static void elsewhere(void)
{
	X(getxattr, "/proc/self/status", "user.a", value, 1);
	X(listxattr, "/proc/self/status", value, 1);
	X(setxattr, "/proc/self/comm", "user.a", "x", 1, 0);
	X(removexattr, "/proc/self/comm", "user.a");
}

static const struct test tests[] = {
	T(keeping), T(arguments), T(kinds), T(rights), T(elsewhere),
};

MAIN("xattrs", tests)
