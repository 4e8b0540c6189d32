/* SPDX-License-Identifier: MIT */
/* waiting.c - poll, select and epoll on files, pipes, counters; their masks, timeouts and errors. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

static void poll_pipes(void)
{
	struct pollfd f[3];
	int p[2], file = (int)Q(open, "f", O_RDWR | O_CREAT, 0600);
	char b[8];

	Q(pipe, p);
	f[0] = (struct pollfd){ p[0], POLLIN, 0 };
	f[1] = (struct pollfd){ p[1], POLLOUT, 0 };
	f[2] = (struct pollfd){ file, POLLIN | POLLOUT | POLLPRI, 0 };
	X(poll, f, 3, 0);
	say("%x %x %x", f[0].revents, f[1].revents, f[2].revents);
	Q(write, p[1], "x", 1);
	X(poll, f, 1, -1);
	say("%x", f[0].revents);
	Q(read, p[0], b, 1);
	X(poll, f, 1, 20);
	Q(close, p[1]);
	X(poll, f, 2, 0);
	say("%x %x", f[0].revents, f[1].revents);
	f[1].fd = -1;
	X(poll, f, 2, 0);
	say("%x", f[1].revents);
	f[1].fd = 12345;
	X(poll, f, 2, -1);
	say("%x", f[1].revents);
	Q(pipe, p);
	Q(close, p[0]);
	f[0] = (struct pollfd){ p[1], POLLOUT, 0 };
	X(poll, f, 1, 0);
	say("%x", f[0].revents);
	f[0] = (struct pollfd){ file, 0, 0 };
	X(poll, f, 1, 0);
	X(poll, NULL, 0, 10);
	X(poll, NULL, 1, 0);
	X(poll, unmapped(), 1, 0);
	struct rlimit l = { 16, 16 };
	Q(setrlimit, RLIMIT_NOFILE, &l);
	X(poll, f, 17, 0);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void ppoll_and_masks(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct timespec ts = { 0, 20000000 };
	struct pollfd f;
	unsigned long mask = 0;
	long long t0;
	int p[2];

	Q(pipe, p);
	f = (struct pollfd){ p[0], POLLIN, 0 };
	t0 = now_ns();
	X(ppoll, &f, 1, &ts, NULL, 0);
	IS(now_ns() - t0 >= 20000000);
	IS(ts.tv_sec == 0 && ts.tv_nsec == 0);
	ts.tv_nsec = 1000000000;
	X(ppoll, &f, 1, &ts, NULL, 0);
	ts = (struct timespec){ -1, 0 };
	X(ppoll, &f, 1, &ts, NULL, 0);
	X(ppoll, &f, 1, unmapped(), NULL, 0);
	ts = (struct timespec){ 0, 0 };
	X(ppoll, &f, 1, &ts, &mask, 4);
	X(ppoll, &f, 1, &ts, unmapped(), 8);
	/* A blocked signal that came before is seen only with the mask of ppoll. */
	sigaction(SIGUSR1, &sa, NULL);
	unsigned long block = 1ul << (SIGUSR1 - 1);
	Q(rt_sigprocmask, SIG_BLOCK, &block, NULL, 8);
	Q(kill, getpid(), SIGUSR1);
	X(ppoll, &f, 1, &ts, NULL, 0);
	X(ppoll, &f, 1, NULL, &mask, 8);
	Q(rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8);
	HEX(mask);
	/* Never restarted, SA_RESTART or not. */
	Q(rt_sigprocmask, SIG_UNBLOCK, &block, NULL, 8);
	sigaction(SIGALRM, &sa, NULL);
	Q(alarm, 1);
	X(poll, &f, 1, 20000);
}

static void selects(void)
{
	struct timeval tv = { 0, 0 };
	fd_set r, w, e;
	int p[2], q[2];

	Q(pipe, p);
	Q(pipe, q);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&e);
	FD_SET(p[0], &r);
	FD_SET(q[0], &r);
	FD_SET(p[1], &w);
	FD_SET(p[0], &e);
	X(select, q[1] + 1, &r, &w, &e, &tv);
	say("%d %d %d %d", !!FD_ISSET(p[0], &r), !!FD_ISSET(q[0], &r), !!FD_ISSET(p[1], &w),
	    !!FD_ISSET(p[0], &e));
	Q(write, q[1], "x", 1);
	FD_SET(p[0], &r);
	FD_SET(q[0], &r);
	X(select, q[1] + 1, &r, NULL, NULL, NULL);
	say("%d %d", !!FD_ISSET(p[0], &r), !!FD_ISSET(q[0], &r));
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	tv = (struct timeval){ 0, 30000 };
	X(select, p[0] + 1, &r, NULL, NULL, &tv);
	say("%d left %ld %ld", !!FD_ISSET(p[0], &r), (long)tv.tv_sec, (long)tv.tv_usec);
	FD_SET(600, &r);
	X(select, 700, &r, NULL, NULL, &tv);
	X(select, -1, NULL, NULL, NULL, &tv);
	tv = (struct timeval){ -1, 0 };
	X(select, 0, NULL, NULL, NULL, &tv);
	tv = (struct timeval){ 0, 2000000 };
	tv.tv_usec = 0;
	X(select, 0, NULL, NULL, NULL, &tv);
	X(select, 10, unmapped(), NULL, NULL, &tv);
	X(select, 10, NULL, NULL, NULL, unmapped());
	/* The highest number is below nfds: others are not looked at. */
	FD_ZERO(&r);
	FD_SET(q[0], &r);
	X(select, q[0], &r, NULL, NULL, &tv);
	struct timespec ts = { 0, 0 };
	X(pselect6, q[0] + 1, &r, NULL, NULL, &ts, NULL);
	struct {
		const void *mask;
		size_t len;
	} six = { unmapped(), 8 };
	X(pselect6, q[0] + 1, &r, NULL, NULL, &ts, &six);
	six.mask = &(unsigned long){ 0 };
	six.len = 5;
	X(pselect6, q[0] + 1, &r, NULL, NULL, &ts, &six);
	six.len = 8;
	X(pselect6, q[0] + 1, &r, NULL, NULL, &ts, &six);
}

static void show(const struct epoll_event *ev, long n)
{
	for (long i = 0; i < n; i++)
		say("  events %x data %d", ev[i].events, (int)ev[i].data.u32);
}

static void epolls(void)
{
	struct epoll_event ev[8] = { 0 }, one = { EPOLLIN, { .u32 = 11 } };
	char b[8];
	int ep, p[2], file;
	long n;

	ep = (int)OK(epoll_create1, O_CLOEXEC);
	X(fcntl, ep, F_GETFD);
	X(epoll_create1, 1);
	X(epoll_create, 0);
	OK(epoll_create, 1);
	Q(pipe, p);
	X(epoll_ctl, ep, EPOLL_CTL_ADD, p[0], &one);
	X(epoll_ctl, ep, EPOLL_CTL_ADD, p[0], &one);
	one.data.u32 = 22;
	X(epoll_ctl, ep, EPOLL_CTL_MOD, p[1], &one);
	X(epoll_ctl, ep, EPOLL_CTL_DEL, p[1], NULL);
	X(epoll_ctl, ep, EPOLL_CTL_ADD, 12345, &one);
	X(epoll_ctl, ep, EPOLL_CTL_ADD, ep, &one);
	X(epoll_ctl, p[0], EPOLL_CTL_ADD, p[1], &one);
	X(epoll_ctl, 12345, EPOLL_CTL_ADD, p[1], &one);
	X(epoll_ctl, ep, 9, p[1], &one);
	X(epoll_ctl, ep, EPOLL_CTL_ADD, p[1], unmapped());
	file = (int)Q(open, "f", O_RDWR | O_CREAT, 0600);
	X(epoll_ctl, ep, EPOLL_CTL_ADD, file, &one);
	X(epoll_wait, ep, ev, 8, 0);
	Q(write, p[1], "x", 1);
	show(ev, X(epoll_wait, ep, ev, 8, -1));
	show(ev, X(epoll_wait, ep, ev, 8, 0));
	one.events = EPOLLOUT;
	X(epoll_ctl, ep, EPOLL_CTL_ADD, p[1], &one);
	n = X(epoll_wait, ep, ev, 8, 0);
	IS(n == 2 && ev[0].data.u32 + ev[1].data.u32 == 33);
	X(epoll_wait, ep, ev, 1, 0);
	X(epoll_wait, ep, ev, 0, 0);
	X(epoll_wait, ep, ev, -1, 0);
	X(epoll_wait, ep, unmapped(), 8, 0);
	X(epoll_wait, p[0], ev, 8, 0);
	X(epoll_wait, 12345, ev, 8, 0);
	Q(read, p[0], b, 1);
	X(epoll_ctl, ep, EPOLL_CTL_DEL, p[1], NULL);
	/* The other end is gone: reported though nobody asked. */
	Q(close, p[1]);
	show(ev, X(epoll_wait, ep, ev, 8, 0));
	Q(close, p[0]);
	X(epoll_wait, ep, ev, 8, 0);
	X(read, ep, b, 8);
	X(lseek, ep, 0, SEEK_SET);
	X(epoll_pwait, ep, ev, 8, 0, unmapped(), 8);
	X(epoll_pwait, ep, ev, 8, 0, &(unsigned long){ 0 }, 7);
	X(epoll_pwait, ep, ev, 8, 0, &(unsigned long){ 0 }, 8);
}

static void edges(void)
{
	struct epoll_event ev[8], one = { EPOLLIN | EPOLLET, { .u32 = 1 } };
	char b[8];
	int ep = (int)Q(epoll_create1, 0), p[2];

	Q(pipe2, p, O_NONBLOCK);
	Q(epoll_ctl, ep, EPOLL_CTL_ADD, p[0], &one);
	Q(write, p[1], "abc", 3);
	show(ev, X(epoll_wait, ep, ev, 8, 0));
	X(epoll_wait, ep, ev, 8, 0);
	Q(write, p[1], "d", 1);
	show(ev, X(epoll_wait, ep, ev, 8, 0));
	Q(read, p[0], b, 2);
	X(epoll_wait, ep, ev, 8, 0);
	X(epoll_ctl, ep, EPOLL_CTL_MOD, p[0], &one);
	show(ev, X(epoll_wait, ep, ev, 8, 0));
	one.events = EPOLLIN | EPOLLONESHOT;
	X(epoll_ctl, ep, EPOLL_CTL_MOD, p[0], &one);
	show(ev, X(epoll_wait, ep, ev, 8, 0));
	X(epoll_wait, ep, ev, 8, 0);
	Q(write, p[1], "e", 1);
	X(epoll_wait, ep, ev, 8, 0);
	X(epoll_ctl, ep, EPOLL_CTL_MOD, p[0], &one);
	show(ev, X(epoll_wait, ep, ev, 8, 0));
	one.events = EPOLLIN | EPOLLEXCLUSIVE;
	X(epoll_ctl, ep, EPOLL_CTL_MOD, p[0], &one);
}

/* A counter tells what has happened to it: who waits to add does not hear of what is added. */
static void edges_of_a_kind(void)
{
	struct epoll_event ev[8], add = { EPOLLOUT | EPOLLET, { .u32 = 1 } },
				  take = { EPOLLIN | EPOLLET, { .u32 = 2 } };
	int fd = (int)Q(eventfd2, 0, O_NONBLOCK), other = (int)Q(dup, fd);
	int ep = (int)Q(epoll_create1, 0);
	uint64_t v = 1;

	Q(epoll_ctl, ep, EPOLL_CTL_ADD, fd, &add);
	Q(epoll_ctl, ep, EPOLL_CTL_ADD, other, &take);
	show(ev, X(epoll_wait, ep, ev, 8, 0));
	X(write, fd, &v, 8);
	show(ev, X(epoll_wait, ep, ev, 8, 0));
	X(read, fd, &v, 8);
	show(ev, X(epoll_wait, ep, ev, 8, 0));
}

static void nested(void)
{
	struct epoll_event ev[8], one = { EPOLLIN, { .u32 = 5 } };
	struct pollfd f;
	int a = (int)Q(epoll_create1, 0), b = (int)Q(epoll_create1, 0), p[2], d;

	Q(pipe, p);
	X(epoll_ctl, a, EPOLL_CTL_ADD, p[0], &one);
	one.data.u32 = 6;
	X(epoll_ctl, b, EPOLL_CTL_ADD, a, &one);
	X(epoll_ctl, a, EPOLL_CTL_ADD, b, &one);
	f = (struct pollfd){ b, POLLIN, 0 };
	X(poll, &f, 1, 0);
	Q(write, p[1], "x", 1);
	X(poll, &f, 1, 0);
	show(ev, X(epoll_wait, b, ev, 8, 0));
	/* A duplicate keeps the file in the set after the first descriptor is closed. */
	d = (int)Q(dup, p[0]);
	Q(close, p[0]);
	show(ev, X(epoll_wait, a, ev, 8, 0));
	Q(close, d);
	X(epoll_wait, a, ev, 8, 0);
}

static int writes_later(void *arg)
{
	nap(60);
	return (int)Q(write, *(int *)arg, "x", 1);
}

static void waking(void)
{
	struct epoll_event ev[2], one = { EPOLLIN, { .u32 = 1 } };
	struct pollfd f;
	char b[4];
	int p[2], ep = (int)Q(epoll_create1, 0);
	pid_t pid;

	Q(pipe, p);
	f = (struct pollfd){ p[0], POLLIN, 0 };
	pid = start(writes_later, &p[1]);
	X(poll, &f, 1, 20000);
	finish(pid);
	Q(read, p[0], b, 1);
	Q(epoll_ctl, ep, EPOLL_CTL_ADD, p[0], &one);
	pid = start(writes_later, &p[1]);
	X(epoll_wait, ep, ev, 2, 20000);
	finish(pid);
	Q(read, p[0], b, 1);
	fd_set r;
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	pid = start(writes_later, &p[1]);
	X(select, p[0] + 1, &r, NULL, NULL, NULL);
	finish(pid);
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigaction(SIGALRM, &sa, NULL);
	Q(read, p[0], b, 1);
	Q(alarm, 1);
	X(epoll_wait, ep, ev, 2, 20000);
}

static void counters(void)
{
	struct pollfd f = { (int)Q(eventfd2, 0, O_NONBLOCK), POLLIN | POLLOUT, 0 };
	uint64_t v = ~0ul - 1;

	X(poll, &f, 1, 0);
	say("%x", f.revents);
	Q(write, f.fd, &v, 8);
	X(poll, &f, 1, 0);
	say("%x", f.revents);
	v = 1;
	Q(read, f.fd, &v, 8);
	Q(write, f.fd, &(uint64_t){ 1 }, 8);
	X(poll, &f, 1, 0);
	say("%x", f.revents);
}

static const struct test tests[] = {
	T(poll_pipes),	    T(ppoll_and_masks), T(selects), T(epolls),	 T(edges),
	T(edges_of_a_kind), T(nested),		T(waking),  T(counters),
};
MAIN("waiting", tests)
