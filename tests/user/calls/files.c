/* SPDX-License-Identifier: MIT */
/* files.c - descriptors and what is read and written through them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

static void open_flags(void)
{
	int fd;

	X(open, "none", O_RDONLY);
	fd = (int)OK(open, "a", O_RDWR | O_CREAT | O_EXCL, 0640);
	X(open, "a", O_RDWR | O_CREAT | O_EXCL, 0640);
	X(write, fd, "hello", 5);
	HEX(Q(fcntl, fd, F_GETFL));
	Q(close, fd);
	X(write, fd, "x", 1);
	fd = (int)Q(open, "a", O_RDONLY);
	X(write, fd, "x", 1);
	Q(close, fd);
	fd = (int)Q(open, "a", O_WRONLY);
	X(read, fd, (char[8]){ 0 }, 8);
	Q(close, fd);
	OK(open, "a", O_RDONLY | O_DIRECTORY);
	X(open, ".", O_WRONLY);
	X(open, ".", O_RDWR);
	OK(open, ".", O_RDONLY);
	X(open, ".", O_RDONLY | O_CREAT, 0600);
	X(open, "new/", O_RDWR | O_CREAT, 0600);
	X(open, "", O_RDONLY);
	X(open, "a/", O_RDONLY);
	X(open, "a/b", O_RDONLY);
	X(open, NULL, O_RDONLY);
	X(openat, -1, "a", O_RDONLY);
	X(openat, 9999, "a", O_RDONLY);
	OK(openat, -1, "/proc", O_RDONLY);
	fd = (int)Q(open, "a", O_RDWR | O_TRUNC);
	X(lseek, fd, 0, SEEK_END);
	X(openat, fd, "b", O_RDONLY);
	Q(close, fd);
	fd = (int)OK(open, "a", O_PATH);
	X(read, fd, (char[8]){ 0 }, 8);
	X(write, fd, "x", 1);
	X(fchmod, fd, 0600);
	OK(fstat, fd, &(struct stat){ 0 });
	HEX(Q(fcntl, fd, F_GETFL));
	X(ftruncate, fd, 0);
	Q(close, fd);
	X(creat, "c", 0444);
	X(open, "a", O_RDONLY | O_TMPFILE);
	fd = (int)OK(open, ".", O_RDWR | O_TMPFILE, 0600);
	X(write, fd, "gone", 4);
	Q(symlink, "a", "link");
	X(open, "link", O_RDONLY | O_NOFOLLOW);
	X(open, "link", O_RDONLY | O_CREAT | O_EXCL, 0600);
	OK(open, "link", O_PATH | O_NOFOLLOW);
	Q(symlink, "missing", "dangling");
	X(open, "dangling", O_RDONLY);
	OK(open, "dangling", O_RDWR | O_CREAT, 0600);
	IS(!access("missing", F_OK));
}

static void lowest_descriptor(void)
{
	int fds[3];

	for (int i = 0; i < 3; i++)
		fds[i] = (int)Q(open, "f", O_RDWR | O_CREAT, 0600);
	IS(fds[1] == fds[0] + 1 && fds[2] == fds[1] + 1);
	Q(close, fds[0]);
	IS(Q(dup, fds[2]) == fds[0]);
	Q(close, fds[1]);
	IS(Q(open, "f", O_RDONLY) == fds[1]);
	X(close, 12345);
	X(close, -1);
	X(dup, 12345);
	X(dup2, fds[2], 100);
	X(dup2, 100, 100);
	X(dup2, 12345, 12345);
	X(dup2, fds[2], -1);
	X(dup2, fds[2], 1 << 30);
	X(dup3, fds[2], 101, O_CLOEXEC);
	X(fcntl, 101, F_GETFD);
	X(fcntl, 100, F_GETFD);
	X(dup3, fds[2], fds[2], 0);
	X(dup3, fds[2], 102, O_NONBLOCK);
	X(dup3, 12345, 102, 0);
	X(fcntl, 100, F_DUPFD, 200);
	X(fcntl, 100, F_DUPFD, 200);
	X(fcntl, 100, F_DUPFD_CLOEXEC, 200);
	X(fcntl, 202, F_GETFD);
	X(fcntl, 100, F_DUPFD, -1);
	X(fcntl, 100, F_DUPFD, 1 << 30);
}

static void read_write(void)
{
	char b[64] = { 0 };
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600);

	X(write, fd, "0123456789", 10);
	X(read, fd, b, 10);
	X(lseek, fd, 3, SEEK_SET);
	X(read, fd, b, 4);
	say("%.4s", b);
	X(read, fd, b, 0);
	X(write, fd, b, 0);
	X(lseek, fd, 0, SEEK_CUR);
	X(lseek, fd, -100, SEEK_CUR);
	X(lseek, fd, -3, SEEK_END);
	X(lseek, fd, 0, 77);
	X(lseek, fd, 100, SEEK_SET);
	X(read, fd, b, 10);
	X(write, fd, "z", 1);
	X(lseek, fd, 0, SEEK_END);
	X(pread64, fd, b, 5, 8);
	say("%d %d %d %d %d", b[0], b[1], b[2], b[3], b[4]);
	X(pread64, fd, b, 5, -1);
	X(pwrite64, fd, "AB", 2, 1);
	X(pwrite64, fd, "AB", 2, -1);
	X(lseek, fd, 0, SEEK_CUR);
	X(pread64, fd, b, 5, 0);
	say("%.5s", b);
	X(read, fd, unmapped(), 10);
	X(pread64, fd, unmapped(), 10, 0);
	X(pwrite64, fd, unmapped(), 10, 0);
	X(pwrite64, fd, KERNEL_LINEAR, 10, 0);
	X(pread64, fd, KERNEL_LINEAR, 10, 0);
	X(pread64, fd, read_only(), 10, 0);
	X(pread64, fd, b, (size_t)-1, 0);
	X(lseek, 12345, 0, SEEK_SET);
	Q(lseek, fd, 0, SEEK_SET);
	/* As far as the pages go, then a short count. */
	char *p = pages(2);
	munmap(p + 4096, 4096);
	memset(p, 'q', 4096);
	X(pwrite64, fd, p + 4090, 10, 200);
	X(pread64, fd, p + 4092, 10, 0);
	X(lseek, fd, 0, SEEK_DATA);
	X(lseek, fd, 1 << 20, SEEK_DATA);
	X(ftruncate, fd, 100000);
	X(lseek, fd, 0, SEEK_HOLE);
	X(lseek, fd, 99999, SEEK_HOLE);
	X(lseek, fd, 100000, SEEK_HOLE);
}

static void vectors(void)
{
	char a[4] = { 0 }, b[4] = { 0 }, c[8] = { 0 };
	struct iovec v[3] = { { a, 3 }, { NULL, 0 }, { b, 4 } };
	struct iovec many[1025];
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600);

	Q(write, fd, "abcdefghij", 10);
	Q(lseek, fd, 1, SEEK_SET);
	X(readv, fd, v, 3);
	say("%.3s %.4s", a, b);
	X(readv, fd, v, 3);
	X(readv, fd, v, 3);
	X(readv, fd, v, 0);
	X(readv, fd, v, -1);
	X(readv, fd, NULL, 1);
	X(readv, fd, unmapped(), 1);
	for (int i = 0; i < 1025; i++)
		many[i] = (struct iovec){ c, 1 };
	X(preadv, fd, many, 1024, 0, 0);
	X(preadv, fd, many, 1025, 0, 0);
	X(preadv, fd, v, 3, -1, 0);
	X(preadv, fd, v, 3, 5, 0);
	say("%.3s %.2s", a, b);
	v[1] = (struct iovec){ c, (size_t)-1 };
	X(readv, fd, v, 3);
	X(writev, fd, v, 3);
	v[1] = (struct iovec){ NEAR_NULL, 4 };
	Q(lseek, fd, 0, SEEK_SET);
	X(writev, fd, v, 3);
	X(readv, fd, v, 3);
	v[0] = (struct iovec){ unmapped(), 4 };
	X(writev, fd, v, 3);
	v[0] = (struct iovec){ "xyz", 3 };
	X(pwritev, fd, v, 1, 7, 0);
	X(pwritev, fd, v, 1, -5, 0);
	X(lseek, fd, 0, SEEK_END);
	X(writev, 12345, v, 1);
	Q(close, fd);
	fd = (int)Q(open, "f", O_RDONLY);
	X(writev, fd, v, 1);
	X(pwritev, fd, v, 1, 0, 0);
}

static void append(void)
{
	char b[16] = { 0 };
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT | O_APPEND, 0600);

	X(write, fd, "one", 3);
	Q(lseek, fd, 0, SEEK_SET);
	X(write, fd, "two", 3);
	X(lseek, fd, 0, SEEK_CUR);
	X(pwrite64, fd, "333", 3, 0);
	X(pread64, fd, b, 15, 0);
	say("%s", b);
	X(fcntl, fd, F_SETFL, O_NONBLOCK);
	HEX(Q(fcntl, fd, F_GETFL));
	X(pwrite64, fd, "4", 1, 0);
	X(pread64, fd, b, 1, 0);
	say("%.1s", b);
	X(fcntl, fd, F_SETFL, O_WRONLY | O_APPEND);
	HEX(Q(fcntl, fd, F_GETFL));
}

static void fcntl_calls(void)
{
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600);

	X(fcntl, fd, F_GETFD);
	X(fcntl, fd, F_SETFD, FD_CLOEXEC);
	X(fcntl, fd, F_GETFD);
	X(fcntl, fd, F_SETFD, 0);
	X(fcntl, fd, F_GETFD);
	X(fcntl, 12345, F_GETFD);
	X(fcntl, fd, 9999);
	X(fcntl, fd, F_GETOWN);
	X(fcntl, fd, F_SETOWN, getpid());
	IS(Q(fcntl, fd, F_GETOWN) == getpid());
	X(fcntl, fd, F_GETPIPE_SZ);
	X(ioctl, fd, 0x5401, (char[64]){ 0 });
	X(ioctl, 12345, 0x5401, 0);
	X(ioctl, fd, 0xdead, 0);
	X(ioctl, fd, 0x5451);
	X(fcntl, fd, F_GETFD);
	X(ioctl, fd, 0x5450);
	X(fcntl, fd, F_GETFD);
	X(ioctl, fd, 0x5421, &(int){ 1 });
	HEX(Q(fcntl, fd, F_GETFL));
	X(ioctl, fd, 0x5421, NULL);
	int waiting = -1;
	Q(write, fd, "12345", 5);
	Q(lseek, fd, 2, SEEK_SET);
	X(ioctl, fd, 0x541b, &waiting);
	NUM(waiting);
}

static struct flock lock_of(short type, long begin, long len)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = begin, .l_len = len
	};
}

static int lock_in_child(void *arg)
{
	int fd = *(int *)arg;
	struct flock l = lock_of(F_WRLCK, 10, 10), g = lock_of(F_WRLCK, 0, 0);

	X(fcntl, fd, F_SETLK, &l);
	X(fcntl, fd, F_GETLK, &g);
	say("type %d start %ld len %ld parent %s", g.l_type, (long)g.l_start, (long)g.l_len,
	    g.l_pid == getppid() ? "yes" : "no");
	l = lock_of(F_RDLCK, 15, 10);
	X(fcntl, fd, F_SETLK, &l);
	l = lock_of(F_WRLCK, 20, 10);
	X(fcntl, fd, F_SETLK, &l);
	return 0;
}

static void record_locks(void)
{
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600), other = (int)Q(open, "f", O_RDONLY);
	struct flock l = lock_of(F_WRLCK, 10, 10);

	X(fcntl, fd, F_SETLK, &l);
	in_child(lock_in_child, &fd);
	l = lock_of(F_WRLCK, 0, 0);
	X(fcntl, fd, F_SETLK, &l);
	l = lock_of(F_UNLCK, 12, 3);
	X(fcntl, fd, F_SETLK, &l);
	in_child(lock_in_child, &fd);
	l = lock_of(F_WRLCK, 0, 1);
	X(fcntl, other, F_SETLK, &l);
	l = lock_of(9, 0, 1);
	X(fcntl, fd, F_SETLK, &l);
	l = lock_of(F_RDLCK, -5, 1);
	X(fcntl, fd, F_SETLK, &l);
	X(fcntl, fd, F_SETLK, unmapped());
	l = lock_of(3, LONG_MAX, 1);
	l.l_whence = SEEK_END;
	Q(ftruncate, fd, 1);
	X(fcntl, fd, F_SETLK, &l);
	X(fcntl, fd, F_GETLK, &l);
	Q(ftruncate, fd, 0);
	/* POSIX: any close of the file by this process gives up its locks. */
	Q(close, other);
	in_child(lock_in_child, &fd);
	l = lock_of(F_WRLCK, 0, 0);
	X(fcntl, fd, F_OFD_SETLK, &l);
	in_child(lock_in_child, &fd);
	/* Another open file of the same process is somebody else; a process's lock is, too. */
	other = (int)Q(open, "f", O_RDWR);
	X(fcntl, other, F_OFD_SETLK, &l);
	X(fcntl, other, F_OFD_GETLK, &l);
	say("type %d pid %d", l.l_type, l.l_pid);
	l = lock_of(F_WRLCK, 0, 0);
	l.l_pid = 1;
	X(fcntl, other, F_OFD_SETLK, &l);
	X(fcntl, other, F_OFD_GETLK, &l);
	l = lock_of(F_RDLCK, 3, 1);
	X(fcntl, fd, F_SETLK, &l);
	Q(close, fd);
	l = lock_of(F_WRLCK, 0, 0);
	X(fcntl, other, F_OFD_SETLKW, &l);
}

static int flock_in_child(void *arg)
{
	int fd = (int)Q(open, "f", O_RDWR);

	(void)arg;
	X(flock, fd, LOCK_EX | LOCK_NB);
	X(flock, fd, LOCK_SH | LOCK_NB);
	return 0;
}

static void flocks(void)
{
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600), second = (int)Q(open, "f", O_RDWR);

	X(flock, fd, LOCK_EX);
	X(flock, second, LOCK_EX | LOCK_NB);
	in_child(flock_in_child, NULL);
	X(flock, fd, LOCK_SH);
	in_child(flock_in_child, NULL);
	X(flock, fd, LOCK_UN);
	in_child(flock_in_child, NULL);
	X(flock, fd, 0);
	X(flock, fd, LOCK_NB);
	X(flock, 12345, LOCK_EX);
	/* A change that fails loses what there was. */
	X(flock, fd, LOCK_SH);
	X(flock, second, LOCK_SH);
	X(flock, fd, LOCK_EX | LOCK_NB);
	X(flock, second, LOCK_EX | LOCK_NB);
	X(flock, fd, LOCK_SH | LOCK_NB);
}

static void sizes(void)
{
	char b[8] = "x";
	struct stat st;
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600);

	Q(write, fd, "0123456789", 10);
	X(ftruncate, fd, 4);
	X(pread64, fd, b, 8, 0);
	X(ftruncate, fd, 8192);
	X(pread64, fd, b, 8, 2);
	say("%d %d %d %d", b[0], b[1], b[2], b[3]);
	Q(fstat, fd, &st);
	NUM(st.st_size);
	NUM(st.st_blocks);
	X(ftruncate, fd, -1);
	X(truncate, "f", -1);
	X(truncate, "none", 1);
	X(truncate, ".", 1);
	X(truncate, "", 1);
	X(truncate, "f", 1);
	X(ftruncate, 12345, 1);
	/* The same size again is no change of a file without pages, by its name. */
	Q(ftruncate, fd, 0);
	Q(ftruncate, fd, 1);
	Q(utimensat, fd, NULL, ((struct timespec[]){ { 5, 0 }, { 5, 0 } }), 0);
	X(truncate, "f", 1);
	Q(fstat, fd, &st);
	NUM(st.st_mtime);
	Q(write, fd, "x", 1);
	Q(utimensat, fd, NULL, ((struct timespec[]){ { 5, 0 }, { 5, 0 } }), 0);
	X(truncate, "f", 11);
	Q(fstat, fd, &st);
	IS(st.st_mtime > 5);
	X(ftruncate, fd, 1);
	Q(fstat, fd, &st);
	IS(st.st_mtime > 5);
	X(fallocate, fd, 0, 0, 10000);
	Q(fstat, fd, &st);
	NUM(st.st_size);
	X(fallocate, fd, FALLOC_FL_KEEP_SIZE, 0, 20000);
	Q(fstat, fd, &st);
	NUM(st.st_size);
	X(fallocate, fd, 0, -1, 10);
	X(fallocate, fd, 0, 0, 0);
	X(fallocate, fd, 0, LONG_MAX, 10);
	X(fallocate, fd, 0x8000, 0, 10);
	X(fallocate, fd, FALLOC_FL_PUNCH_HOLE, 0, 10);
	X(fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
	Q(close, fd);
	fd = (int)Q(open, "f", O_RDONLY);
	X(ftruncate, fd, 1);
	X(fallocate, fd, 0, 0, 1);
}

static void file_size_limit(void)
{
	struct rlimit l = { 100, 200 };
	char b[200];
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600);

	memset(b, 'x', sizeof(b));
	signal(SIGXFSZ, SIG_IGN);
	X(setrlimit, RLIMIT_FSIZE, &l);
	X(write, fd, b, 200);
	X(write, fd, b, 200);
	X(pwrite64, fd, b, 10, 150);
	X(ftruncate, fd, 101);
	X(ftruncate, fd, 100);
	X(lseek, fd, 0, SEEK_END);
}

static void descriptor_limit(void)
{
	struct rlimit l = { 20, 20 };
	int fd, last = -1, p[2];

	X(setrlimit, RLIMIT_NOFILE, &l);
	while ((fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600)) >= 0)
		last = fd;
	NUM(last);
	X(open, "f", O_RDONLY);
	X(dup, last);
	X(dup2, last, 20);
	X(dup2, last, 19);
	X(fcntl, last, F_DUPFD, 19);
	X(fcntl, last, F_DUPFD, 20);
	X(pipe, p);
	X(close, 19);
	X(pipe, p);
	X(epoll_create1, 0);
	X(eventfd2, 0, 0);
}

static void close_ranges(void)
{
	for (int i = 100; i < 110; i++)
		Q(dup2, 1, i);
	X(close_range, 103, 105, 0);
	for (int i = 102; i < 107; i++)
		say("%d: %s", i, Q(fcntl, i, F_GETFD) < 0 ? "closed" : "open");
	X(close_range, 106, 107, 4);
	X(fcntl, 106, F_GETFD);
	X(fcntl, 108, F_GETFD);
	X(close_range, 110, 100, 0);
	X(close_range, 100, ~0u, 0);
	X(fcntl, 109, F_GETFD);
	X(close_range, 100, 200, 0x100);
	X(close_range, 100, 200, 2);
}

static void copies(void)
{
	char b[32] = { 0 };
	int in = (int)Q(open, "in", O_RDWR | O_CREAT, 0600),
	    out = (int)Q(open, "out", O_RDWR | O_CREAT, 0600);
	long off = 3;

	Q(write, in, "0123456789", 10);
	X(sendfile, out, in, &off, 4);
	NUM(off);
	X(lseek, in, 0, SEEK_CUR);
	X(lseek, out, 0, SEEK_CUR);
	X(sendfile, out, in, NULL, 4);
	Q(lseek, in, 8, SEEK_SET);
	X(sendfile, out, in, NULL, 100);
	X(pread64, out, b, 31, 0);
	say("%s", b);
	off = -1;
	X(sendfile, out, in, &off, 4);
	X(sendfile, out, 12345, NULL, 4);
	X(sendfile, 12345, in, NULL, 4);
	X(sendfile, out, in, unmapped(), 4);
	off = 1;
	X(copy_file_range, in, &off, out, NULL, 3, 0);
	NUM(off);
	off = 0;
	X(copy_file_range, in, NULL, out, &off, 3, 0);
	X(copy_file_range, in, NULL, out, NULL, 3, 1);
	X(copy_file_range, in, &(long){ 0 }, in, &(long){ 5 }, 6, 0);
	X(copy_file_range, in, &(long){ 0 }, in, &(long){ 20 }, 6, 0);
	X(copy_file_range, 12345, NULL, out, NULL, 3, 0);
	int elsewhere = (int)Q(memfd_create, "m", 0);
	X(copy_file_range, in, NULL, elsewhere, NULL, 0, 0);
	X(copy_file_range, in, NULL, elsewhere, NULL, ~0ul, 0);
	Q(lseek, in, 5, SEEK_SET);
	X(copy_file_range, in, NULL, out, NULL, ~0ul, 0);
	Q(close, out);
	out = (int)Q(open, "out", O_RDONLY);
	X(copy_file_range, in, &(long){ 0 }, out, NULL, 3, 0);
	X(sendfile, out, in, NULL, 4);
}

static void syncing(void)
{
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600), p[2];

	X(fsync, fd);
	X(fdatasync, fd);
	X(syncfs, fd);
	X(sync);
	X(fsync, 12345);
	X(fdatasync, 12345);
	X(syncfs, 12345);
	Q(pipe, p);
	X(fsync, p[0]);
	X(lseek, p[0], 0, SEEK_CUR);
	X(ftruncate, p[1], 0);
	X(fallocate, p[1], 0, 0, 10);
}

/* On a file's own; what is right about it does nothing that could be seen. */
static void advising(void)
{
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600), p[2], dir = (int)Q(open, ".", O_RDONLY);

	Q(pipe, p);
	X(fadvise64, fd, 0, 0, POSIX_FADV_DONTNEED);
	X(fadvise64, fd, 100, 1l << 40, POSIX_FADV_SEQUENTIAL);
	X(fadvise64, fd, 0, -1, POSIX_FADV_NORMAL);
	X(fadvise64, fd, 0, 0, 77);
	X(fadvise64, p[0], 0, 0, POSIX_FADV_NORMAL);
	X(fadvise64, 700, 0, 0, POSIX_FADV_NORMAL);
	X(readahead, fd, 0, 4096);
	X(readahead, p[0], 0, 4096);
	X(readahead, open("f", O_WRONLY), 0, 4096);
	X(sync_file_range, fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	X(sync_file_range, fd, 0, 0, 8);
	X(sync_file_range, fd, -1l, 1, 0);
	X(sync_file_range, fd, 1, ~0ul >> 1, 0);
	X(sync_file_range, dir, 0, 0, 0);
	X(sync_file_range, p[0], 0, 0, 0);
}

static int read_shared(void *arg)
{
	char b[4] = { 0 };

	Q(read, *(int *)arg, b, 3);
	say("child reads %s", b);
	return 0;
}

static void shared_offset(void)
{
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600), other = (int)Q(open, "f", O_RDONLY), d;

	Q(write, fd, "abcdefghi", 9);
	Q(lseek, fd, 0, SEEK_SET);
	in_child(read_shared, &fd);
	X(lseek, fd, 0, SEEK_CUR);
	d = (int)Q(dup, fd);
	in_child(read_shared, &d);
	X(lseek, fd, 0, SEEK_CUR);
	X(lseek, other, 0, SEEK_CUR);
}

static void deleted_file(void)
{
	char b[8] = { 0 };
	struct stat st;
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600);

	X(unlink, "f");
	X(open, "f", O_RDONLY);
	X(write, fd, "alive", 5);
	X(pread64, fd, b, 8, 0);
	Q(fstat, fd, &st);
	NUM(st.st_nlink);
	NUM(st.st_size);
}

static const struct test tests[] = {
	T(open_flags),	     T(lowest_descriptor), T(read_write), T(vectors), T(append),
	T(fcntl_calls),	     T(record_locks),	   T(flocks),	  T(sizes),   T(file_size_limit),
	T(descriptor_limit), T(close_ranges),	   T(copies),	  T(syncing), T(shared_offset),
	T(deleted_file),     T(advising),
};
MAIN("files", tests)
