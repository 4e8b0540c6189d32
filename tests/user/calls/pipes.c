/* SPDX-License-Identifier: MIT */
/* pipes.c - pipes, FIFOs and eventfd counters: what flows, what blocks, what ends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

static char big[1 << 20];

static void flow(void)
{
	char b[64] = { 0 };
	int p[2], n = -1;

	X(pipe, p);
	IS(p[1] == p[0] + 1);
	X(write, p[1], "abc", 3);
	X(write, p[1], "def", 3);
	X(ioctl, p[0], 0x541b, &n);
	NUM(n);
	X(read, p[0], b, 4);
	say("%.4s", b);
	X(read, p[0], b, 64);
	say("%.2s", b);
	X(write, p[0], "x", 1);
	X(read, p[1], b, 1);
	X(lseek, p[0], 0, SEEK_SET);
	X(pread64, p[0], b, 1, 0);
	X(pwrite64, p[1], b, 1, 0);
	X(write, p[1], unmapped(), 1);
	X(write, p[1], b, 0);
	Q(write, p[1], "abc", 3);
	X(read, p[0], unmapped(), 3);
	X(read, p[0], b, 3);
	X(close, p[1]);
	X(read, p[0], b, 1);
	X(read, p[0], b, 1);
	X(pipe, NULL);
	X(pipe, KERNEL_LINEAR);
	X(pipe2, p, 0x1000000);
	X(pipe2, p, O_CLOEXEC | O_NONBLOCK);
	X(fcntl, p[0], F_GETFD);
	HEX(Q(fcntl, p[0], F_GETFL));
	HEX(Q(fcntl, p[1], F_GETFL));
	X(read, p[0], b, 1);
	X(read, p[0], b, 0);
	X(pipe2, p, O_DIRECT);
	Q(write, p[1], "one", 3);
	Q(write, p[1], "two", 3);
	X(read, p[0], b, 64);
	X(read, p[0], b, 2);
	struct stat st;
	Q(fstat, p[0], &st);
	HEX(st.st_mode);
	NUM(st.st_size);
}

static void sizes(void)
{
	int p[2];
	long total = 0, n;

	Q(pipe2, p, O_NONBLOCK);
	X(fcntl, p[0], F_GETPIPE_SZ);
	while ((n = Q(write, p[1], big, 4096)) > 0)
		total += n;
	NUM(total);
	say("%s", err_name(n));
	X(write, p[1], big, 1);
	X(read, p[0], big, 100);
	X(write, p[1], big, 100);
	X(write, p[1], big, 4096);
	X(read, p[0], big, 4000);
	X(write, p[1], big, 4096);
	X(write, p[1], big, 5000);
	X(read, p[0], big, sizeof(big));
	X(write, p[1], big, 70000);
	X(read, p[0], big, sizeof(big));
	X(fcntl, p[1], F_SETPIPE_SZ, 4096);
	X(fcntl, p[1], F_SETPIPE_SZ, 5000);
	X(fcntl, p[1], F_SETPIPE_SZ, 1 << 20);
	X(write, p[1], big, 1 << 20);
	X(fcntl, p[1], F_SETPIPE_SZ, 4096);
	X(fcntl, p[1], F_SETPIPE_SZ, 0);
	X(fcntl, p[1], F_SETPIPE_SZ, -1);
	X(fcntl, p[0], F_GETPIPE_SZ);
}

static int writes_all(void *arg)
{
	const int *p = arg;

	Q(close, p[0]);
	/* More than a pipe holds: the writer waits for the reader. */
	return Q(write, p[1], big, 300000) == 300000 ? 5 : 6;
}

static void blocking(void)
{
	int p[2];
	long total = 0, n;
	pid_t pid;

	Q(pipe, p);
	pid = start(writes_all, p);
	IS(await_state(pid, "S"));
	Q(close, p[1]);
	while ((n = Q(read, p[0], big, 7777)) > 0)
		total += n;
	NUM(total);
	NUM(n);
	say("%s", wait_words(finish(pid)));
}

static int writes_into_nothing(void *arg)
{
	const int *p = arg;

	Q(close, p[0]);
	Q(write, p[1], "x", 1);
	return 1;
}

static void broken_pipe(void)
{
	int p[2];

	Q(pipe, p);
	Q(close, p[0]);
	p[0] = -1;
	say("%s", wait_words(in_child(writes_into_nothing, p)));
	signal(SIGPIPE, SIG_IGN);
	X(write, p[1], "x", 1);
	X(write, p[1], "x", 0);
	struct iovec v = { "abc", 3 };
	X(writev, p[1], &v, 1);
}

static int half_then_close(void *arg)
{
	const int *p = arg;

	Q(close, p[1]);
	nap(50);
	Q(read, p[0], big, 4096);
	nap(50);
	return 0;
}

static void reader_leaves(void)
{
	int p[2];
	long n;

	signal(SIGPIPE, SIG_IGN);
	Q(pipe, p);
	pid_t pid = start(half_then_close, p);
	Q(close, p[0]);
	n = Q(write, p[1], big, 200000);
	/* What was taken before the reader left counts. */
	IS(n >= 65536 && n < 200000);
	finish(pid);
	X(write, p[1], big, 10);
}

static volatile sig_atomic_t got_alarm;

static void on_alarm(int sig)
{
	got_alarm = sig;
}

static void interrupted(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	int p[2];

	sigaction(SIGALRM, &sa, NULL);
	Q(pipe, p);
	Q(alarm, 1);
	X(read, p[0], big, 1);
	NUM(got_alarm);
	Q(alarm, 1);
	/* A write that has begun tells how far it came. */
	X(write, p[1], big, 100000);
	Q(alarm, 1);
	X(write, p[1], big, 1);
}

static int opens_writer(void *arg)
{
	int fd = (int)Q(open, arg, O_WRONLY);

	return Q(write, fd, "fifo", 4) == 4 ? 0 : 1;
}

static void fifos(void)
{
	char b[16] = { 0 };
	int fd, w;
	pid_t pid;

	X(mknod, "p", S_IFIFO | 0600, 0);
	X(open, "p", O_WRONLY | O_NONBLOCK);
	pid = start(opens_writer, "p");
	fd = (int)OK(open, "p", O_RDONLY);
	X(read, fd, b, 16);
	say("%s", b);
	finish(pid);
	X(read, fd, b, 16);
	Q(close, fd);
	fd = (int)OK(open, "p", O_RDONLY | O_NONBLOCK);
	X(read, fd, b, 16);
	w = (int)OK(open, "p", O_WRONLY);
	X(read, fd, b, 16);
	X(write, w, "x", 1);
	Q(close, fd);
	/* Bytes stay as long as one end is open. */
	fd = (int)OK(open, "p", O_RDONLY | O_NONBLOCK);
	X(read, fd, b, 16);
	X(close, w);
	X(read, fd, b, 16);
	Q(close, fd);
	fd = (int)OK(open, "p", O_RDWR);
	X(write, fd, "both", 4);
	X(read, fd, b, 16);
	X(lseek, fd, 0, SEEK_SET);
	X(truncate, "p", 0);
}

/* What comes out of a file has a buffer for each of its pages, and no write goes on in those. */
static void moved_in(void)
{
	int fd = (int)Q(open, "f", O_RDWR | O_CREAT, 0600), p[2], ep = (int)Q(epoll_create1, 0);
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET };
	off_t at = 16;

	Q(write, fd, big, 200000);
	Q(pipe, p);
	X(sendfile, p[1], fd, &at, 150000);
	NUM(at);
	X(ioctl, p[0], 0x541b, &(int){ 0 });
	Q(fcntl, p[1], F_SETFL, O_NONBLOCK);
	X(sendfile, p[1], fd, &at, 1);
	X(sendfile, p[1], fd, &at, 0);
	X(read, p[0], big, 4080);
	X(sendfile, p[1], fd, &at, 10);
	X(write, p[1], big, 1);
	Q(pipe2, p, O_NONBLOCK);
	Q(fcntl, p[1], F_SETPIPE_SZ, 8192);
	X(write, p[1], big, 3000);
	X(sendfile, p[1], fd, &at, 1000);
	X(write, p[1], big, 1);
	X(read, p[0], big, 3000);
	X(write, p[1], big, 1);
	X(write, p[1], big, 1);
	X(read, p[0], big, 5000);
	/* Who waits for room hears nothing of what is written. */
	Q(epoll_ctl, ep, EPOLL_CTL_ADD, p[1], &ev);
	X(epoll_wait, ep, &ev, 1, 0);
	X(write, p[1], big, 1);
	X(epoll_wait, ep, &ev, 1, 0);
	/* Who waits for something to read hears of a write that finds no room, too. */
	ev.events = EPOLLIN | EPOLLET;
	Q(epoll_ctl, ep, EPOLL_CTL_ADD, p[0], &ev);
	X(epoll_wait, ep, &ev, 1, 0);
	X(epoll_wait, ep, &ev, 1, 0);
	X(write, p[1], big, 8192);
	X(epoll_wait, ep, &ev, 1, 0);
	X(write, p[1], big, 8192);
	X(epoll_wait, ep, &ev, 1, 0);
}

static void events(void)
{
	uint64_t v = 5;
	int fd = (int)OK(eventfd2, 3, O_NONBLOCK);

	X(read, fd, &v, 8);
	NUM(v);
	X(read, fd, &v, 8);
	v = 10;
	X(write, fd, &v, 8);
	X(write, fd, &v, 8);
	X(read, fd, &v, 4);
	X(write, fd, &v, 4);
	X(read, fd, &v, 8);
	NUM(v);
	v = ~0ul;
	X(write, fd, &v, 8);
	v = ~0ul - 1;
	X(write, fd, &v, 8);
	v = 1;
	X(write, fd, &v, 8);
	v = 0;
	X(write, fd, &v, 8);
	X(read, fd, &v, 8);
	HEX(v);
	X(write, fd, unmapped(), 8);
	X(lseek, fd, 0, SEEK_SET);
	fd = (int)OK(eventfd2, 3, 1 | O_NONBLOCK | O_CLOEXEC);
	for (int i = 0; i < 4; i++)
		X(read, fd, &v, 8);
	X(fcntl, fd, F_GETFD);
	X(eventfd2, 0, 0x10);
	OK(eventfd, 7);
}

static const struct test tests[] = {
	T(flow),	T(sizes), T(blocking), T(broken_pipe), T(reader_leaves),
	T(interrupted), T(fifos), T(events),   T(moved_in),
};
MAIN("pipes", tests)
