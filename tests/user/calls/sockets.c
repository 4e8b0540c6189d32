/* SPDX-License-Identifier: MIT */
/* sockets.c - AF_UNIX: making, naming, connecting, and what goes through. passing.c: files. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

static struct sockaddr_un name_of(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	return a;
}

/* The same for one call, whose line then tells the name. */
static const struct sockaddr_un *at(const char *path)
{
	static struct sockaddr_un a;

	a = name_of(path);
	return &a;
}
#define UN sizeof(struct sockaddr_un)

static void show_name(const char *what, int fd, long nr)
{
	struct sockaddr_un a = { 0 };
	socklen_t len = sizeof(a);
	long err = check_raw(nr, fd, (long)&a, (long)&len, 0, 0, 0);

	if (err)
		say("%s -%s", what, err_name(err));
	else
		say("%s family %d, %d bytes '%s%s'", what, a.sun_family, (int)len,
		    len > 2 && !a.sun_path[0] ? "@" : "",
		    len > 2 ? a.sun_path + !a.sun_path[0] : "");
}

static int number(int fd, int option)
{
	int n = -1;
	socklen_t len = sizeof(n);
	long err = Q(getsockopt, fd, SOL_SOCKET, option, &n, &len);

	return err ? (int)err : n;
}

static void show_poll(const char *what, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	Q(poll, &p, 1, 0);
	say("%s: %s%s%s%s%s", what, p.revents & POLLIN ? "IN " : "",
	    p.revents & POLLOUT ? "OUT " : "", p.revents & POLLRDHUP ? "RDHUP " : "",
	    p.revents & POLLHUP ? "HUP " : "", p.revents & POLLERR ? "ERR" : "");
}

static int listener(const char *name, int type)
{
	int s = socket(AF_UNIX, type, 0);
	struct sockaddr_un a = name_of(name);

	if (bind(s, (void *)&a, sizeof(a)) || (type != SOCK_DGRAM && listen(s, 5)))
		say("no listener: %s", err_name(errno));
	return s;
}

static int client(const char *name, int type)
{
	int s = socket(AF_UNIX, type, 0);
	struct sockaddr_un a = name_of(name);

	if (connect(s, (void *)&a, sizeof(a)))
		say("not connected: %s", err_name(errno));
	return s;
}

static void making(void)
{
	struct statfs fs;
	struct stat st;
	int fd, p[2];
	char b[64] = "", link[64];

	X(socket, AF_INET6 + 20, SOCK_STREAM, 0);
	X(socket, -1, SOCK_STREAM, 0);
	X(socket, 1000, SOCK_STREAM, 0);
	X(socket, AF_UNIX, 4, 0);
	X(socket, AF_UNIX, 15, 0);
	X(socket, AF_UNIX, SOCK_STREAM, 6);
	X(socket, AF_UNIX, SOCK_STREAM | 0x1000, 0);
	OK(socket, AF_UNIX, SOCK_STREAM, AF_UNIX);
	fd = (int)OK(socket, AF_UNIX, SOCK_RAW, 0);
	NUM(number(fd, SO_TYPE));
	fd = (int)OK(socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	NUM(Q(fcntl, fd, F_GETFD));
	HEX(Q(fcntl, fd, F_GETFL));
	NUM(number(fd, SO_TYPE));
	NUM(number(fd, SO_DOMAIN));
	NUM(number(fd, SO_PROTOCOL));
	Q(fstat, fd, &st);
	say("mode %o nlink %d size %d", st.st_mode, (int)st.st_nlink, (int)st.st_size);
	Q(fstatfs, fd, &fs);
	HEX(fs.f_type);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	Q(readlink, link, b, 63);
	IS(strncmp(b, "socket:[", 8) == 0);
	X(open, link, O_RDWR);
	X(lseek, fd, 0, SEEK_SET);
	X(ftruncate, fd, 0);
	X(fsync, fd);
	X(pread64, fd, b, 1, 0);
	X(mmap, 0, 4096, PROT_READ, MAP_SHARED, fd, 0);
	X(ioctl, fd, 0x1234, 0);
	X(socketpair, AF_UNIX, SOCK_STREAM, 0, unmapped());
	X(socketpair, AF_INET, 77, 0, p);
	X(socketpair, AF_UNIX, SOCK_STREAM, 0, p);
	show_name("pair", p[0], __NR_getsockname);
	show_name("pair's peer", p[0], __NR_getpeername);
}

static void not_sockets(void)
{
	struct msghdr m = { 0 };
	int fd = (int)Q(open, "/dev/null", O_RDWR), n = 0, len = 4;

	X(bind, fd, 0, 0);
	X(accept4, fd, 0, 0, 1);
	X(getsockname, fd, 0, 0);
	X(getpeername, 700, 0, 0);
	X(sendto, fd, "x", 1, 0, 0, 0);
	X(recvfrom, fd, &n, 1, 0, 0, 0);
	X(sendmsg, fd, &m, 0);
	X(shutdown, fd, 0);
	X(getsockopt, fd, SOL_SOCKET, SO_TYPE, &n, &len);
	X(setsockopt, fd, SOL_SOCKET, SO_KEEPALIVE, &n, 4);
}

static void naming(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un a = name_of("here");
	struct stat st;
	int len;

	X(bind, s, &a, 2000);
	X(bind, s, &a, -1);
	X(bind, s, &a, 1);
	X(bind, s, &a, 111);
	X(bind, s, unmapped(), 10);
	a.sun_family = AF_INET;
	X(bind, s, &a, sizeof(a));
	a.sun_family = AF_UNIX;
	show_name("none", s, __NR_getsockname);
	show_name("none", s, __NR_getpeername);
	Q(umask, 027);
	X(bind, s, &a, sizeof(a));
	Q(stat, "here", &st);
	say("mode %o", st.st_mode);
	show_name("path", s, __NR_getsockname);
	X(bind, s, at("there"), UN);
	X(bind, d, &a, sizeof(a));
	X(bind, d, at("no/such"), UN);
	X(bind, d, at("/proc/x"), UN);
	X(open, "here", O_RDWR);
	X(unlink, "here");
	show_name("unlinked", s, __NR_getsockname);
	/* Not all of the room is name. */
	X(bind, d, &a, 2 + 2);
	show_name("short", d, __NR_getsockname);
	d = socket(AF_UNIX, SOCK_DGRAM, 0);
	memcpy(a.sun_path, "\0abs\0tract", 10);
	X(bind, d, &a, 2 + 10);
	len = sizeof(a);
	X(getsockname, d, &a, &len);
	NUM(len);
	IS(memcmp(a.sun_path, "\0abs\0tract", 10) == 0);
	X(bind, socket(AF_UNIX, SOCK_DGRAM, 0), &a, 2 + 10);
	X(bind, socket(AF_UNIX, SOCK_DGRAM, 0), &a, 2 + 9);
	X(bind, socket(AF_UNIX, SOCK_STREAM, 0), &a, 2 + 10);
	d = socket(AF_UNIX, SOCK_DGRAM, 0);
	X(bind, d, &a, 2);
	len = sizeof(a);
	Q(getsockname, d, &a, &len);
	say("a name of its own: %d bytes, %d", len, a.sun_path[0]);
	X(bind, d, &a, 2);
	len = 4;
	Q(getsockname, d, &a, &len);
	NUM(len);
	len = -1;
	X(getsockname, d, &a, &len);
	X(getsockname, d, unmapped(), &len);
	X(getsockname, d, &a, 0);
	memset(a.sun_path, 'p', 108);
	X(bind, socket(AF_UNIX, SOCK_DGRAM, 0), &a, sizeof(a));
	show_name("all of it", 0, __NR_getsockname);
}

static void connecting(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), c, n, len = 0;
	struct sockaddr_un a = { 0 };
	struct ucred cred;
	char b[16] = "";

	X(listen, s, 5);
	X(accept, s, 0, 0);
	X(connect, s, at("nobody"), UN);
	put_file("file", "x", 1);
	X(connect, s, at("file"), UN);
	X(connect, s, &a, 0);
	X(connect, s, &a, sizeof(a));
	Q(bind, s, at("s"), UN);
	c = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	X(connect, c, at("s"), UN);
	NUM(number(s, SO_ACCEPTCONN));
	X(listen, s, 1);
	NUM(number(s, SO_ACCEPTCONN));
	show_poll("listening", s);
	show_poll("fresh", c);
	X(connect, socket(AF_UNIX, SOCK_DGRAM, 0), at("s"), UN);
	X(connect, socket(AF_UNIX, SOCK_SEQPACKET, 0), at("s"), UN);
	X(connect, c, at("s"), UN);
	X(connect, c, at("s"), UN);
	X(connect, c, at("nobody"), UN);
	show_poll("with a connection", s);
	show_name("client", c, __NR_getsockname);
	show_name("client's peer", c, __NR_getpeername);
	X(write, c, "early", 5);
	X(connect, socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), at("s"), UN);
	X(connect, socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), at("s"), UN);
	X(accept, c, 0, 0);
	X(accept4, s, 0, 0, 1);
	len = sizeof(a);
	n = (int)OK(accept4, s, &a, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	say("from family %d, %d bytes", a.sun_family, len);
	NUM(Q(fcntl, n, F_GETFD));
	HEX(Q(fcntl, n, F_GETFL));
	show_name("server", n, __NR_getsockname);
	show_name("server's peer", n, __NR_getpeername);
	X(read, n, b, 16);
	X(read, n, b, 16);
	X(write, n, "back", 4);
	X(read, c, b, 16);
	len = sizeof(cred);
	X(getsockopt, c, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	IS(cred.pid == getpid() && cred.uid == getuid() && cred.gid == getgid());
	X(sendto, c, "x", 1, 0, &a, sizeof(a));
	X(listen, c, 1);
	OK(accept, s, 0, 0);
	X(shutdown, s, SHUT_RDWR);
	X(connect, socket(AF_UNIX, SOCK_STREAM, 0), at("s"), UN);
	X(close, s);
	X(connect, socket(AF_UNIX, SOCK_STREAM, 0), at("s"), UN);
}

static void backlog_ends(void)
{
	int s = listener("s", SOCK_STREAM), c = client("s", SOCK_STREAM);
	char b[4];

	Q(write, c, "x", 1);
	X(close, s);
	show_poll("never accepted", c);
	NUM(number(c, SO_ERROR));
	NUM(number(c, SO_ERROR));
	X(read, c, b, 4);
	X(sendto, c, "y", 1, MSG_NOSIGNAL, 0, 0);
}

static int connect_later(void *arg)
{
	int c = client("s", SOCK_STREAM);
	char b[8] = "";

	(void)arg;
	return Q(read, c, b, 7) == 5 && strcmp(b, "hello") == 0 && Q(write, c, "bye", 3) == 3;
}

static void processes(void)
{
	int s = listener("s", SOCK_STREAM), n;
	pid_t pid = start(connect_later, NULL);
	struct ucred cred;
	socklen_t len = sizeof(cred);
	char b[8] = "";

	n = (int)OK(accept, s, 0, 0);
	Q(getsockopt, n, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	IS(cred.pid == pid);
	X(write, n, "hello", 5);
	X(read, n, b, 8);
	say("child: %s", wait_words(finish(pid)));
	X(read, n, b, 8);
	X(sendto, n, "x", 1, MSG_NOSIGNAL, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	X(write, n, "x", 1);
}

static void streams(void)
{
	struct timeval tv = { 0, 30000 };
	char b[64] = "";
	int p[2], n = 0;

	Q(socketpair, AF_UNIX, SOCK_STREAM, 0, p);
	show_poll("empty", p[0]);
	X(recvfrom, p[0], b, 4, MSG_DONTWAIT, 0, 0);
	X(write, p[0], "abc", 3);
	X(write, p[0], "defgh", 5);
	X(write, p[0], "", 0);
	X(ioctl, p[1], FIONREAD, &n);
	NUM(n);
	X(recvfrom, p[1], b, 2, MSG_PEEK, 0, 0);
	X(recvfrom, p[1], b, 6, MSG_PEEK, 0, 0);
	say("%.6s", b);
	X(recvfrom, p[1], b, 6, MSG_TRUNC, 0, 0);
	X(recvfrom, p[1], b, 0, 0, 0, 0);
	X(read, p[1], b, 64);
	say("%.2s", b);
	X(sendto, p[0], "oob", 3, MSG_NOSIGNAL, p, 200);
	X(sendto, p[0], unmapped(), 3, 0, 0, 0);
	X(write, p[0], "12345", 5);
	X(read, p[1], unmapped(), 5);
	X(read, p[1], b, 5);
	X(setsockopt, p[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	X(read, p[1], b, 5);
	Q(write, p[0], "half", 4);
	X(recvfrom, p[1], b, 8, MSG_WAITALL, 0, 0);
	X(shutdown, p[0], 3);
	X(shutdown, p[0], SHUT_WR);
	show_poll("shut", p[0]);
	show_poll("other's shut", p[1]);
	X(read, p[1], b, 5);
	X(sendto, p[0], "x", 1, MSG_NOSIGNAL, 0, 0);
	X(write, p[1], "still", 5);
	X(read, p[0], b, 5);
	X(close, p[0]);
	show_poll("alone", p[1]);
	X(read, p[1], b, 5);
	X(sendto, p[1], "x", 1, MSG_NOSIGNAL, 0, 0);
	/* What was never read resets. */
	Q(socketpair, AF_UNIX, SOCK_STREAM, 0, p);
	Q(write, p[0], "unread", 6);
	Q(write, p[1], "last", 4);
	Q(close, p[1]);
	show_poll("reset", p[0]);
	X(read, p[0], b, 9);
	X(read, p[0], b, 9);
	X(read, p[0], b, 9);
}

static int write_much(void *arg)
{
	static char much[1 << 20];
	size_t done = 0;

	memset(much, 'm', sizeof(much));
	while (done < sizeof(much)) {
		ssize_t n = write(*(int *)arg, much + done, sizeof(much) - done);

		if (n <= 0)
			return 1;
		done += (size_t)n;
	}
	return 0;
}

static void flow(void)
{
	static char b[100000];
	int p[2];
	size_t sum = 0;
	ssize_t n;
	pid_t pid;
	bool right = true;

	Q(socketpair, AF_UNIX, SOCK_STREAM, 0, p);
	pid = start(write_much, &p[0]);
	Q(close, p[0]);
	while ((n = read(p[1], b, sizeof(b))) > 0) {
		sum += (size_t)n;
		right &= b[0] == 'm' && b[n - 1] == 'm';
	}
	say("%zu bytes, %s", sum, right ? "right" : "wrong");
	say("%s", wait_words(finish(pid)));
	Q(socketpair, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p);
	while ((n = Q(write, p[0], b, sizeof(b))) > 0)
		sum += (size_t)n;
	say("full: %s", err_name(n));
	IS(sum > (1 << 20) + 65536);
	show_poll("full", p[0]);
	show_poll("other", p[1]);
	while (Q(read, p[1], b, sizeof(b)) > 0)
		;
	show_poll("drained", p[0]);
}

static void datagrams(void)
{
	int s = listener("s", SOCK_DGRAM), c = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	static char big[300000];
	struct sockaddr_un a = { 0 };
	int len = sizeof(a), n = 0, other;
	char b[16] = "";

	X(write, c, "x", 1);
	X(listen, c, 1);
	X(accept, c, 0, 0);
	X(sendto, c, "to", 2, 0, at("nobody"), UN);
	X(sendto, c, "one", 3, 0, at("s"), UN);
	X(sendto, c, "", 0, 0, at("s"), UN);
	X(connect, c, at("s"), UN);
	show_name("peer", c, __NR_getpeername);
	X(write, c, "three", 5);
	X(ioctl, s, FIONREAD, &n);
	NUM(n);
	X(recvfrom, s, b, 16, 0, &a, &len);
	NUM(len);
	X(recvfrom, s, b, 16, MSG_DONTWAIT, 0, 0);
	X(recvfrom, s, b, 2, MSG_PEEK | MSG_TRUNC, 0, 0);
	X(recvfrom, s, b, 2, 0, 0, 0);
	X(recvfrom, s, b, 2, MSG_DONTWAIT, 0, 0);
	X(sendto, c, big, sizeof(big), 0, 0, 0);
	Q(bind, c, at("c"), UN);
	X(write, c, "named", 5);
	len = sizeof(a);
	X(recvfrom, s, b, 16, 0, &a, &len);
	say("from '%s', %d", a.sun_path, len);
	X(sendto, s, "answer", 6, 0, &a, len);
	X(read, c, b, 16);
	/* Somebody else may not write to who has a peer. */
	Q(connect, s, at("c"), UN);
	other = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	X(sendto, other, "x", 1, 0, at("c"), UN);
	X(connect, other, at("c"), UN);
	a.sun_family = AF_UNSPEC;
	X(connect, s, &a, sizeof(a));
	X(write, s, "x", 1);
	/* A queue has its length. */
	for (n = 0; Q(sendto, other, "x", 1, 0, at("s"), UN) == 1;)
		n++;
	NUM(n);
	show_poll("unconnected", other);
	Q(connect, other, at("s"), UN);
	show_poll("connected to a full one", other);
	X(write, other, "x", 1);
	X(read, s, b, 16);
	show_poll("room again", other);
	X(shutdown, s, SHUT_RD);
	X(write, other, "x", 1);
	X(close, s);
	X(write, other, "x", 1);
	X(write, other, "x", 1);
	show_poll("without a peer", other);
}

static void packets(void)
{
	int p[2], n = 0, s, c;
	char b[16] = "";

	Q(socketpair, AF_UNIX, SOCK_SEQPACKET, 0, p);
	X(write, p[0], "first", 5);
	X(write, p[0], "second", 6);
	X(ioctl, p[1], FIONREAD, &n);
	NUM(n);
	X(read, p[1], b, 3);
	X(read, p[1], b, 16);
	X(sendto, p[0], "x", 1, 0, at("s"), UN);
	X(read, p[1], b, 16);
	X(close, p[0]);
	show_poll("alone", p[1]);
	X(read, p[1], b, 16);
	X(sendto, p[1], "x", 1, MSG_NOSIGNAL, 0, 0);
	s = listener("s", SOCK_SEQPACKET);
	c = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	X(write, c, "x", 1);
	X(read, c, b, 1);
	X(connect, c, at("s"), UN);
	n = (int)OK(accept, s, 0, 0);
	X(write, c, "over", 4);
	X(read, n, b, 16);
}

static void options(void)
{
	int p[2], n = 1000, len = 4, l[2] = { 5, 6 };
	struct timeval tv = { 1, 2000000 };
	struct sockaddr_un a;

	Q(socketpair, AF_UNIX, SOCK_STREAM, 0, p);
	X(getsockopt, p[0], SOL_SOCKET, 9999, &n, &len);
	X(getsockopt, p[0], 77, 1, &n, &len);
	X(setsockopt, p[0], 77, 1, &n, 4);
	X(setsockopt, p[0], SOL_SOCKET, 9999, &n, 4);
	X(setsockopt, p[0], SOL_SOCKET, SO_TYPE, &n, 4);
	X(setsockopt, p[0], SOL_SOCKET, SO_KEEPALIVE, &n, 3);
	X(setsockopt, p[0], SOL_SOCKET, SO_KEEPALIVE, unmapped(), 4);
	X(setsockopt, p[0], SOL_SOCKET, SO_KEEPALIVE, &n, 4);
	NUM(number(p[0], SO_KEEPALIVE));
	NUM(number(p[0], SO_REUSEADDR));
	NUM(number(p[0], SO_SNDBUF));
	NUM(number(p[0], SO_RCVBUF));
	X(setsockopt, p[0], SOL_SOCKET, SO_SNDBUF, &n, 4);
	NUM(number(p[0], SO_SNDBUF));
	n = 10000;
	X(setsockopt, p[0], SOL_SOCKET, SO_SNDBUF, &n, 4);
	NUM(number(p[0], SO_SNDBUF));
	NUM(number(p[0], SO_ERROR));
	NUM(number(p[0], SO_PASSCRED));
	X(setsockopt, p[0], SOL_SOCKET, SO_PASSCRED, &n, 4);
	NUM(number(p[0], SO_PASSCRED));
	X(setsockopt, p[0], SOL_SOCKET, SO_LINGER, l, 8);
	len = 8;
	X(getsockopt, p[0], SOL_SOCKET, SO_LINGER, l, &len);
	say("%d %d", l[0], l[1]);
	X(setsockopt, p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	tv.tv_usec = 4000;
	X(setsockopt, p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	len = sizeof(tv);
	X(getsockopt, p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, &len);
	say("%ld %ld", (long)tv.tv_sec, (long)tv.tv_usec);
	len = 2;
	X(getsockopt, p[0], SOL_SOCKET, SO_TYPE, &n, &len);
	NUM(len);
	len = -1;
	X(getsockopt, p[0], SOL_SOCKET, SO_TYPE, &n, &len);
	len = sizeof(a);
	X(getsockopt, p[0], SOL_SOCKET, 28, &a, &len);
	NUM(len);
}

static int write_soon(void *arg)
{
	nap(50);
	Q(write, *(int *)arg, "x", 1);
	return 0;
}

static void watching(void)
{
	int p[2], ep = (int)Q(epoll_create1, 0);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u32 = 7 },
			   got = { 0 };
	char b[4];
	pid_t pid;

	Q(socketpair, AF_UNIX, SOCK_STREAM, 0, p);
	X(epoll_ctl, ep, EPOLL_CTL_ADD, p[0], &ev);
	X(epoll_wait, ep, &got, 1, 0);
	pid = start(write_soon, &p[1]);
	X(epoll_wait, ep, &got, 1, 5000);
	HEX(got.events);
	finish(pid);
	X(epoll_wait, ep, &got, 1, 0);
	Q(write, p[1], "y", 1);
	X(epoll_wait, ep, &got, 1, 0);
	X(read, p[0], b, 4);
	Q(close, p[1]);
	X(epoll_wait, ep, &got, 1, 0);
	HEX(got.events);
}

static void table(void)
{
	int s = listener("listens-here", SOCK_STREAM), listens = 0;
	static char b[1 << 20];

	client("listens-here", SOCK_STREAM);
	IS(get_file("/proc/net/unix", b, sizeof(b)) > 0);
	IS(strncmp(b, "Num       RefCount Protocol Flags    Type St Inode Path\n", 55) == 0);
	for (char *line = strtok(b, "\n"); line; line = strtok(NULL, "\n"))
		listens += strstr(line, " 00010000 0001 01 ") && strstr(line, " listens-here");
	NUM(listens);
	Q(close, s);
}

static const struct test tests[] = {
	T(making),    T(not_sockets), T(naming), T(connecting), T(backlog_ends),
	T(processes), T(streams),     T(flow),	 T(datagrams),	T(packets),
	T(options),   T(watching),    T(table),
};
MAIN("sockets", tests)
