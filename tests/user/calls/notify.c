/* SPDX-License-Identifier: MIT */
/* notify.c - inotify(7): what is told of files and folders, in which order, and to whom. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

static const struct {
	unsigned bit;
	const char *name;
} names[] = {
	{ IN_ACCESS, "access" },
	{ IN_MODIFY, "modify" },
	{ IN_ATTRIB, "attrib" },
	{ IN_CLOSE_WRITE, "close-write" },
	{ IN_CLOSE_NOWRITE, "close-nowrite" },
	{ IN_OPEN, "open" },
	{ IN_MOVED_FROM, "moved-from" },
	{ IN_MOVED_TO, "moved-to" },
	{ IN_CREATE, "create" },
	{ IN_DELETE, "delete" },
	{ IN_DELETE_SELF, "delete-self" },
	{ IN_MOVE_SELF, "move-self" },
	{ IN_UNMOUNT, "unmount" },
	{ IN_Q_OVERFLOW, "overflow" },
	{ IN_IGNORED, "ignored" },
	{ IN_ISDIR, "dir" },
};

/* All that waits, in a line for each event. */
static void told(const char *what, int fd)
{
	static char b[65536] __attribute__((aligned(8)));
	long n = Q(read, fd, b, sizeof(b));
	unsigned first_cookie = 0;

	say("after %s: %s", what, n < 0 ? err_name(n) : "");
	for (long at = 0; at < n;) {
		struct inotify_event *e = (void *)(b + at);
		char words[200] = "";

		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (e->mask & names[i].bit)
				sprintf(words + strlen(words), " %s", names[i].name);
		if (e->cookie && !first_cookie)
			first_cookie = e->cookie;
		if (e->cookie)
			sprintf(words + strlen(words), " cookie %u", e->cookie - first_cookie);
		say("    %d:%s '%s' %u", e->wd, words, e->len ? e->name : "", e->len);
		at += (long)(sizeof(*e) + e->len);
	}
}

static int watcher(const char *path, unsigned mask)
{
	int fd = (int)Q(inotify_init1, IN_NONBLOCK);

	if (Q(inotify_add_watch, fd, path, mask) != 1)
		say("not watched");
	return fd;
}

static void calls(void)
{
	int fd, p[2];
	char b[64] = "", link[64];

	X(inotify_init1, 0x1234);
	fd = (int)OK(inotify_init1, IN_CLOEXEC | IN_NONBLOCK);
	NUM(Q(fcntl, fd, F_GETFD));
	HEX(Q(fcntl, fd, F_GETFL));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	Q(readlink, link, b, 63);
	say("%s", b);
	Q(pipe, p);
	put_file("f", "x", 1);
	Q(symlink, "f", "l");
	X(inotify_add_watch, 700, "f", IN_OPEN);
	X(inotify_add_watch, p[0], "f", IN_OPEN);
	X(inotify_add_watch, fd, "none", IN_OPEN);
	X(inotify_add_watch, fd, "f", 0);
	X(inotify_add_watch, fd, "f", IN_OPEN | IN_ONLYDIR);
	X(inotify_add_watch, fd, "f", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE);
	X(inotify_add_watch, fd, unmapped(), IN_OPEN);
	X(inotify_add_watch, 700, unmapped(), IN_OPEN);
	X(inotify_add_watch, p[0], unmapped(), IN_OPEN);
	X(inotify_add_watch, 700, unmapped(), 0);
	X(inotify_add_watch, fd, unmapped(), IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE);
	X(inotify_add_watch, 700, "", IN_OPEN);
	X(inotify_add_watch, fd, "", IN_OPEN);
	X(inotify_add_watch, fd, "f", IN_OPEN);
	X(inotify_add_watch, fd, "l", IN_MODIFY);
	X(inotify_add_watch, fd, "l", IN_MODIFY | IN_DONT_FOLLOW);
	X(inotify_add_watch, fd, "f", IN_ACCESS | IN_MASK_ADD);
	X(inotify_add_watch, fd, "f", IN_ACCESS | IN_MASK_CREATE);
	X(inotify_add_watch, fd, ".", IN_ACCESS | IN_ONLYDIR);
	X(inotify_rm_watch, 700, 1);
	X(inotify_rm_watch, p[0], 1);
	X(inotify_rm_watch, fd, 77);
	X(inotify_rm_watch, fd, -1);
	X(inotify_rm_watch, fd, 2);
	X(inotify_rm_watch, fd, 2);
	X(inotify_add_watch, fd, "l", IN_MODIFY | IN_DONT_FOLLOW);
	told("removing", fd);
	X(write, fd, "x", 1);
	X(lseek, fd, 0, SEEK_SET);
	X(read, fd, b, 10);
}

static void files(void)
{
	int in, fd;

	put_file("f", "first", 5);
	in = watcher("f", IN_ALL_EVENTS);
	get_file("f", (char[16]){ 0 }, 16);
	told("reading", in);
	fd = (int)Q(open, "f", O_RDWR);
	Q(write, fd, "a", 1);
	Q(write, fd, "b", 1);
	Q(pwrite64, fd, "c", 1, 0);
	told("writing", in);
	Q(ftruncate, fd, 1);
	told("ftruncate", in);
	Q(fchmod, fd, 0600);
	Q(fchown, fd, 1, 1);
	told("fchmod, fchown", in);
	Q(utimensat, fd, NULL, NULL, 0);
	told("utimes", in);
	Q(fallocate, fd, 0, 0, 100);
	told("fallocate", in);
	Q(dup, fd);
	Q(close, fd);
	told("one of two closed", in);
	Q(close, fd + 1);
	told("both closed", in);
	Q(truncate, "f", 3);
	told("truncate", in);
	fd = (int)Q(open, "f", O_WRONLY);
	Q(close, fd);
	Q(stat, "f", &(struct stat){ 0 });
	Q(access, "f", R_OK);
	told("looking", in);
	Q(link, "f", "g");
	told("link", in);
	Q(unlink, "f");
	told("unlink", in);
	Q(rename, "g", "h");
	told("rename", in);
	fd = (int)Q(open, "h", O_RDONLY);
	Q(unlink, "h");
	told("the last unlink", in);
	Q(close, fd);
	told("the last close", in);
	X(inotify_rm_watch, in, 1);
}

static void folders(void)
{
	int in, fd;

	Q(mkdir, "d", 0755);
	Q(mkdir, "e", 0755);
	in = watcher("d", IN_ALL_EVENTS);
	Q(inotify_add_watch, in, "e", IN_ALL_EVENTS);
	fd = (int)Q(open, "d/f", O_CREAT | O_WRONLY, 0600);
	Q(write, fd, "x", 1);
	Q(close, fd);
	told("a file", in);
	Q(mkdir, "d/sub", 0700);
	Q(symlink, "f", "d/l");
	Q(mknod, "d/fifo", S_IFIFO | 0600, 0);
	Q(link, "d/f", "d/f2");
	told("other things", in);
	fd = (int)Q(open, "d", O_RDONLY | O_DIRECTORY);
	Q(getdents64, fd, (char[4096]){ 0 }, 4096);
	Q(close, fd);
	told("listing", in);
	Q(chmod, "d/sub", 0755);
	Q(chmod, "d", 0700);
	told("chmod", in);
	Q(rename, "d/f", "d/a name that is rather long");
	told("rename", in);
	Q(rename, "d/a name that is rather long", "e/g");
	told("moving", in);
	Q(rename, "e/g", "g");
	Q(rename, "g", "d/f2");
	told("out and in, over another name of it", in);
	put_file("x", "x", 1);
	Q(rename, "x", "d/f2");
	told("over another", in);
	Q(rename, "d/sub", "e/sub");
	Q(renameat2, AT_FDCWD, "d/f2", AT_FDCWD, "e/sub", 2);
	told("exchange", in);
	Q(unlink, "d/l");
	Q(unlink, "e/sub");
	Q(rmdir, "d/f2");
	told("removing", in);
	Q(rename, "d", "c");
	told("the folder's rename", in);
	Q(unlink, "c/fifo");
	Q(rmdir, "c");
	told("the folder's end", in);
	Q(rmdir, "e");
	told("the other's", in);
}

static void both(void)
{
	int in, fd;

	Q(mkdir, "d", 0755);
	put_file("d/f", "x", 1);
	in = watcher("d", IN_OPEN | IN_CLOSE | IN_DELETE | IN_DELETE_SELF | IN_ATTRIB);
	Q(inotify_add_watch, in, "d/f", IN_OPEN | IN_CLOSE | IN_DELETE_SELF | IN_ATTRIB);
	fd = (int)Q(open, "d/f", O_RDONLY);
	Q(close, fd);
	Q(unlink, "d/f");
	told("a file and its folder", in);
}

static void options(void)
{
	int in = watcher(".", IN_CREATE | IN_ONESHOT), fd;

	put_file("a", "", 0);
	put_file("b", "", 0);
	told("once", in);
	X(inotify_rm_watch, in, 1);
	Q(close, in);
	in = watcher(".", IN_MODIFY | IN_CLOSE_WRITE | IN_EXCL_UNLINK);
	fd = (int)Q(open, "a", O_WRONLY);
	Q(unlink, "a");
	Q(write, fd, "x", 1);
	Q(close, fd);
	told("of no name", in);
	Q(close, in);
	in = watcher(".", IN_MODIFY | IN_CLOSE_WRITE);
	fd = (int)Q(open, "b", O_WRONLY);
	Q(unlink, "b");
	Q(write, fd, "x", 1);
	Q(close, fd);
	told("of no name", in);
}

static void sizes(void)
{
	int in = watcher(".", IN_CREATE), n = 0;
	char b[64];

	put_file("a name of 17 let", "", 0);
	put_file("s", "", 0);
	X(ioctl, in, FIONREAD, &n);
	NUM(n);
	X(read, in, b, 16);
	X(read, in, b, 47);
	X(read, in, b, 48);
	X(read, in, unmapped(), 64);
	X(read, in, b, 64);
}

static int make_later(void *arg)
{
	(void)arg;
	nap(50);
	Q(mkdir, "made", 0755);
	return 0;
}

static void waiting(void)
{
	int in = (int)Q(inotify_init1, 0), ep = (int)Q(epoll_create1, 0);
	struct epoll_event ev = { .events = EPOLLIN }, got = { 0 };
	char b[256];
	pid_t pid;

	Q(inotify_add_watch, in, ".", IN_CREATE);
	Q(epoll_ctl, ep, EPOLL_CTL_ADD, in, &ev);
	X(epoll_wait, ep, &got, 1, 0);
	pid = start(make_later, NULL);
	X(read, in, b, sizeof(b));
	finish(pid);
	Q(rmdir, "made");
	pid = start(make_later, NULL);
	X(epoll_wait, ep, &got, 1, 5000);
	finish(pid);
}

static void unmounting(void)
{
	int in;

	Q(mkdir, "m", 0755);
	if (Q(mount, "none", "m", "tmpfs", 0, NULL))
		say("cannot mount");
	put_file("m/f", "", 0);
	in = watcher("m", IN_ALL_EVENTS);
	X(inotify_add_watch, in, "m/f", IN_OPEN);
	X(umount2, "m", 0);
	told("unmounting", in);
	X(inotify_rm_watch, in, 1);
}

static const struct test tests[] = {
	T(calls), T(files), T(folders), T(both), T(options), T(sizes), T(waiting), T(unmounting),
};
MAIN("notify", tests)
