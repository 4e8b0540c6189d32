/* SPDX-License-Identifier: MIT */
/* passing.c - what goes beside the bytes of AF_UNIX: open files, credentials, flags; many at once. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

#define ROOM	       2048
#define SO_PEERGROUPS_ 59

static struct message {
	struct msghdr h;
	struct iovec v;
	char data[64];
	char control[ROOM] __attribute__((aligned(8)));
} out, in;

static void put(const char *text)
{
	memset(&out, 0, sizeof(out));
	strcpy(out.data, text);
	out.v = (struct iovec){ out.data, strlen(text) };
	out.h.msg_iov = &out.v;
	out.h.msg_iovlen = 1;
	out.h.msg_control = out.control;
}

static void add(int type, const void *data, size_t len)
{
	struct cmsghdr *c = (void *)(out.control + out.h.msg_controllen);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	out.h.msg_controllen += CMSG_SPACE(len);
}

static long get(int fd, size_t n, size_t control, int flags)
{
	memset(&in, 0, sizeof(in));
	in.v = (struct iovec){ in.data, n };
	in.h.msg_iov = &in.v;
	in.h.msg_iovlen = 1;
	in.h.msg_control = control ? in.control : NULL;
	in.h.msg_controllen = control;
	in.h.msg_flags = -1;
	return Q(recvmsg, fd, &in.h, flags);
}

/* Receives and tells it; the last file that came, or -1. */
static int tell(const char *what, int fd, size_t n, size_t control, int flags)
{
	long got = get(fd, n, control, flags);
	int last = -1;

	if (got < 0) {
		say("%s: -%s", what, err_name(got));
		return -1;
	}
	say("%s: %ld '%s', flags 0x%x, control %d", what, got, in.data, in.h.msg_flags,
	    (int)in.h.msg_controllen);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&in.h); c; c = CMSG_NXTHDR(&in.h, c)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_type == SCM_RIGHTS) {
			say("    %zu files", len / sizeof(int));
			memcpy(&last, CMSG_DATA(c) + len - sizeof(int), sizeof(int));
		} else {
			struct ucred u = { 0, 0, 0 };

			memcpy(&u, CMSG_DATA(c), len < sizeof(u) ? len : sizeof(u));
			say("    credentials: %s, %u, %u",
			    u.pid == getpid()	 ? "me"
			    : u.pid == getppid() ? "parent"
			    : u.pid		 ? "?"
						 : "none",
			    u.uid, u.gid);
		}
	}
	return last;
}

static void rights(void)
{
	int p[2], q[2], fd, three[3];
	char b[16] = "";

	Q(socketpair, AF_UNIX, SOCK_STREAM, 0, p);
	Q(pipe, q);
	put("file");
	add(SCM_RIGHTS, &q[1], 4);
	X(sendmsg, p[0], &out.h, 0);
	Q(close, q[1]);
	fd = tell("received", p[1], 64, ROOM, 0);
	X(write, fd, "through", 7);
	X(read, q[0], b, 16);
	NUM(Q(fcntl, fd, F_GETFD));
	Q(close, fd);
	X(read, q[0], b, 16);
	three[0] = three[1] = three[2] = q[0];
	put("three");
	add(SCM_RIGHTS, three, 12);
	Q(sendmsg, p[0], &out.h, 0);
	fd = tell("with cloexec", p[1], 64, ROOM, MSG_CMSG_CLOEXEC);
	NUM(Q(fcntl, fd, F_GETFD));
	Q(sendmsg, p[0], &out.h, 0);
	tell("room for two", p[1], 64, CMSG_LEN(8), 0);
	Q(sendmsg, p[0], &out.h, 0);
	tell("room for none", p[1], 64, CMSG_LEN(0), 0);
	Q(sendmsg, p[0], &out.h, 0);
	tell("no room", p[1], 64, 0, 0);
	Q(sendmsg, p[0], &out.h, 0);
	X(read, p[1], b, 16);
	Q(sendmsg, p[0], &out.h, 0);
	tell("looked at", p[1], 2, ROOM, MSG_PEEK);
	tell("a part", p[1], 2, ROOM, 0);
	tell("the rest", p[1], 64, ROOM, 0);
	/* Bytes before and behind a file. */
	Q(write, p[0], "before", 6);
	Q(sendmsg, p[0], &out.h, 0);
	Q(write, p[0], "behind", 6);
	tell("joined", p[1], 64, ROOM, 0);
	tell("joined", p[1], 64, ROOM, 0);
	put("");
	add(SCM_RIGHTS, three, 12);
	X(sendmsg, p[0], &out.h, 0);
	tell("nothing to go with", p[1], 64, ROOM, MSG_DONTWAIT);
	X(close, q[0]);
}

static void bad_control(void)
{
	int p[2], bad = 700, fds[254];
	struct cmsghdr *c = (void *)out.control;

	Q(socketpair, AF_UNIX, SOCK_DGRAM, 0, p);
	for (int i = 0; i < 254; i++)
		fds[i] = p[0];
	put("x");
	add(SCM_RIGHTS, &bad, 4);
	X(sendmsg, p[0], &out.h, 0);
	put("x");
	add(SCM_RIGHTS, fds, sizeof(fds));
	X(sendmsg, p[0], &out.h, 0);
	put("x");
	add(SCM_RIGHTS, fds, sizeof(fds) - 4);
	X(sendmsg, p[0], &out.h, 0);
	put("x");
	add(77, fds, 4);
	X(sendmsg, p[0], &out.h, 0);
	put("x");
	add(SCM_RIGHTS, fds, 4);
	c->cmsg_len = 8;
	X(sendmsg, p[0], &out.h, 0);
	c->cmsg_len = 800;
	X(sendmsg, p[0], &out.h, 0);
	c->cmsg_len = CMSG_LEN(3);
	X(sendmsg, p[0], &out.h, 0);
	c->cmsg_level = 99;
	X(sendmsg, p[0], &out.h, 0);
	out.h.msg_controllen = 8;
	X(sendmsg, p[0], &out.h, 0);
	out.h.msg_controllen = 1 << 20;
	X(sendmsg, p[0], &out.h, 0);
	out.h.msg_controllen = 24;
	out.h.msg_control = unmapped();
	X(sendmsg, p[0], &out.h, 0);
	put("x");
	out.h.msg_iovlen = 1025;
	X(sendmsg, p[0], &out.h, 0);
	put("x");
	out.h.msg_iov = unmapped();
	X(sendmsg, p[0], &out.h, 0);
	X(sendmsg, p[0], unmapped(), 0);
	X(recvmsg, p[0], unmapped(), MSG_DONTWAIT);
}

static int from_child(void *arg)
{
	int fd = *(int *)arg;
	struct ucred u = { getpid(), 1000, 1000 };

	put("plain");
	Q(sendmsg, fd, &out.h, 0);
	Q(setresgid, 1000, 1000, 1000);
	Q(setresuid, 1000, 1000, 1000);
	Q(sendmsg, fd, &out.h, 0);
	put("mine");
	add(SCM_CREDENTIALS, &u, sizeof(u));
	X(sendmsg, fd, &out.h, 0);
	u.uid = 0;
	put("root");
	add(SCM_CREDENTIALS, &u, sizeof(u));
	X(sendmsg, fd, &out.h, 0);
	u = (struct ucred){ getppid(), 1000, 1000 };
	put("parent");
	add(SCM_CREDENTIALS, &u, sizeof(u));
	X(sendmsg, fd, &out.h, 0);
	return 0;
}

static int as_parent(void *arg)
{
	struct ucred u = { getppid(), 5, 6 };

	put("parent");
	add(SCM_CREDENTIALS, &u, sizeof(u));
	X(sendmsg, *(int *)arg, &out.h, 0);
	u.pid = 4000000;
	put("nobody");
	add(SCM_CREDENTIALS, &u, sizeof(u));
	X(sendmsg, *(int *)arg, &out.h, 0);
	put("short");
	add(SCM_CREDENTIALS, &u, 8);
	X(sendmsg, *(int *)arg, &out.h, 0);
	return 0;
}

static void credentials(void)
{
	int p[2], one = 1;

	Q(socketpair, AF_UNIX, SOCK_DGRAM, 0, p);
	put("unasked");
	Q(sendmsg, p[0], &out.h, 0);
	Q(setsockopt, p[1], SOL_SOCKET, SO_PASSCRED, &one, 4);
	tell("sent before", p[1], 64, ROOM, 0);
	Q(sendmsg, p[0], &out.h, 0);
	tell("sent behind", p[1], 64, ROOM, 0);
	Q(sendmsg, p[0], &out.h, 0);
	tell("cut", p[1], 64, CMSG_LEN(4), 0);
	Q(sendmsg, p[0], &out.h, 0);
	tell("no room", p[1], 64, 0, 0);
	in_child(from_child, &p[0]);
	for (int i = 0; i < 3; i++) {
		get(p[1], 64, ROOM, MSG_DONTWAIT);
		struct ucred *u = (void *)CMSG_DATA((struct cmsghdr *)in.control);

		say("%s: %s %u %u", in.data, u->pid == getpid() ? "me" : "child", u->uid, u->gid);
	}
	in_child(as_parent, &p[0]);
	tell("for me", p[1], 64, ROOM, MSG_DONTWAIT);
	tell("no more", p[1], 64, ROOM, MSG_DONTWAIT);
	put("both");
	add(SCM_RIGHTS, p, 8);
	Q(sendmsg, p[0], &out.h, 0);
	tell("both", p[1], 64, ROOM, 0);
}

static int write_as_child(void *arg)
{
	Q(write, *(int *)arg, "child", 5);
	return 0;
}

/* Bytes of different processes are not read together where it is asked who wrote them. */
static void borders(void)
{
	int p[2], one = 1;
	char b[16] = "";

	Q(socketpair, AF_UNIX, SOCK_STREAM, 0, p);
	Q(setsockopt, p[1], SOL_SOCKET, SO_PASSCRED, &one, 4);
	Q(write, p[0], "me", 2);
	Q(write, p[0], "too", 3);
	in_child(write_as_child, &p[0]);
	tell("mine", p[1], 64, ROOM, 0);
	X(read, p[1], b, 16);
}

static void flags(void)
{
	struct iovec v[2];
	int p[2];
	char b[16] = "";

	Q(socketpair, AF_UNIX, SOCK_DGRAM, 0, p);
	put("0123456789");
	Q(sendmsg, p[0], &out.h, 0);
	tell("cut", p[1], 4, ROOM, 0);
	Q(sendmsg, p[0], &out.h, 0);
	tell("its length", p[1], 4, ROOM, MSG_TRUNC | MSG_PEEK);
	tell("whole", p[1], 64, ROOM, 0);
	v[0] = (struct iovec){ (void *)"ab", 2 };
	v[1] = (struct iovec){ (void *)"cd", 2 };
	out.h.msg_iov = v;
	out.h.msg_iovlen = 2;
	X(sendmsg, p[0], &out.h, 0);
	X(read, p[1], b, 16);
	tell("nothing", p[1], 4, ROOM, MSG_DONTWAIT);
	X(readv, p[1], v, 0);
}

static void many(void)
{
	struct mmsghdr m[3];
	struct iovec v[3];
	struct timespec none = { 0, 0 }, bad = { 0, -1 };
	char b[3][8];
	int p[2];

	Q(socketpair, AF_UNIX, SOCK_DGRAM, 0, p);
	memset(m, 0, sizeof(m));
	for (int i = 0; i < 3; i++) {
		v[i] = (struct iovec){ (void *)"message", (size_t)i + 1 };
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	X(sendmmsg, p[0], m, 3, 0);
	NUM(m[2].msg_len);
	for (int i = 0; i < 3; i++)
		v[i] = (struct iovec){ b[i], 8 };
	X(recvmmsg, p[1], m, 2, 0, 0);
	NUM(m[1].msg_len);
	X(recvmmsg, p[1], m, 3, MSG_DONTWAIT, 0);
	X(recvmmsg, p[1], m, 3, MSG_DONTWAIT, 0);
	X(recvmmsg, p[1], m, 3, MSG_DONTWAIT, &bad);
	Q(write, p[0], "x", 1);
	X(recvmmsg, p[1], m, 3, 0x10000, 0);
	Q(write, p[0], "y", 1);
	X(recvmmsg, p[1], m, 3, 0, &none);
	X(sendmmsg, 700, m, 3, 0);
	X(sendmmsg, p[0], m, 0, 0);
	X(sendmmsg, p[0], unmapped(), 1, 0);
}

static bool send_file(int to, int fd)
{
	long n;

	put("f");
	add(SCM_RIGHTS, &fd, 4);
	n = Q(sendmsg, to, &out.h, MSG_DONTWAIT);
	if (n != 1 && n != -ETOOMANYREFS)
		say("not sent: %s", err_name(n));
	return n == 1;
}

/* A pipe's end, closed by us, travels in messages that only each other keep: in the end it is closed. */
static void circles(void)
{
	int p[2], q[2], a[2], l;
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "l" };
	struct pollfd pf;

	Q(pipe, p);
	pf = (struct pollfd){ .fd = p[0], .events = POLLIN };
	/* Each through itself, and both through the other. */
	Q(socketpair, AF_UNIX, SOCK_DGRAM, 0, a);
	send_file(a[0], p[1]);
	send_file(a[1], p[1]);
	send_file(a[0], a[0]);
	send_file(a[0], a[1]);
	send_file(a[1], a[1]);
	send_file(a[1], a[0]);
	Q(close, p[1]);
	NUM(Q(poll, &pf, 1, 0));
	Q(close, a[0]);
	Q(close, a[1]);
	Q(socketpair, AF_UNIX, SOCK_STREAM, 0, q); /* somebody who closes a socket */
	Q(close, q[0]);
	Q(close, q[1]);
	NUM(Q(poll, &pf, 1, 2000));
	HEX(pf.revents);
	/* In the queue of a connection that nobody accepts, whose listener is in its own queue. */
	Q(close, p[0]);
	Q(pipe, p);
	pf.fd = p[0];
	l = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(l, (void *)&name, sizeof(name));
	listen(l, 3);
	a[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	connect(a[0], (void *)&name, sizeof(name));
	send_file(a[0], l);
	send_file(a[0], p[1]);
	Q(close, p[1]);
	Q(close, l);
	NUM(Q(poll, &pf, 1, 0));
	Q(close, a[0]);
	NUM(Q(poll, &pf, 1, 2000));
}

/* A socket in the queue of a socket in the queue ...: as deep as a kernel lets them. */
static void chain(void)
{
	int p[2], before[2], next[2];
	struct pollfd pf;

	Q(pipe, p);
	Q(socketpair, AF_UNIX, SOCK_STREAM, 0, before);
	send_file(before[0], p[1]);
	Q(close, p[1]);
	for (int i = 0; i < 400; i++) {
		Q(socketpair, AF_UNIX, SOCK_STREAM, 0, next);
		if (!send_file(next[0], before[0]) || !send_file(next[0], before[1]))
			break;
		Q(close, before[0]);
		Q(close, before[1]);
		memcpy(before, next, sizeof(next));
	}
	pf = (struct pollfd){ .fd = p[0], .events = POLLIN };
	NUM(Q(poll, &pf, 1, 0));
	Q(close, before[0]);
	Q(close, before[1]);
	NUM(Q(poll, &pf, 1, 20000));
}

/* Looks at what has come, all the time; ends with 1 when a message is not what somebody sent. */
static int looks(void *fd)
{
	static char b[16384];

	for (;;) {
		long n = Q(recvfrom, *(int *)fd, b, sizeof(b), MSG_PEEK | MSG_DONTWAIT, NULL, NULL);

		if (n == 1 && b[0] == 'e')
			return 0;
		for (long i = 0; i < n; i++)
			if (b[i] != 'd' || n != sizeof(b))
				return 1;
	}
}

/* What a peer sent goes with it, but not from under who looks at it. */
static void looked_at(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "looked-at" };
	static char b[16384];
	int s = (int)Q(socket, AF_UNIX, SOCK_DGRAM, 0), refused = 0, sent = 0;
	pid_t pid;

	memset(b, 'd', sizeof(b));
	Q(bind, s, &a, sizeof(a));
	pid = start(looks, &s);
	for (int i = 0; i < 60; i++) {
		struct sockaddr_un old = { .sun_family = AF_UNIX, .sun_path = "goes" };
		int peer = (int)Q(socket, AF_UNIX, SOCK_DGRAM, 0);

		Q(bind, peer, &old, sizeof(old));
		Q(connect, s, &old, sizeof(old));
		for (int k = 0; k < 4; k++)
			sent += Q(sendto, peer, b, sizeof(b), 0, &a, sizeof(a)) == sizeof(b);
		Q(close, peer);
		Q(unlink, "goes");
		refused += Q(sendto, s, b, 1, 0, NULL, 0) == -ECONNREFUSED;
	}
	NUM(sent);
	NUM(refused);
	Q(sendto, s, "e", 1, 0, &a, sizeof(a));
	NUM(finish(pid));
}

static void groups_of(const char *what, int s, int room)
{
	gid_t g[8] = { 0 };
	socklen_t len = (socklen_t)room;
	long err = Q(getsockopt, s, SOL_SOCKET, SO_PEERGROUPS_, g, &len);

	say("%s: %s, %d bytes: %u %u %u", what, err_name(err), (int)len, g[0], g[1], g[2]);
}

/* Those of the other end in the moment when the two met, or when it began to listen. */
static void groups(void)
{
	gid_t three[] = { 7, 3, 5 }, one[] = { 1 };
	struct sockaddr_un a = { AF_UNIX, "s" };
	int s[2], c = (int)Q(socket, AF_UNIX, SOCK_STREAM, 0), n, l;

	groups_of("nobody", c, 32);
	X(setgroups, 3, three);
	Q(socketpair, AF_UNIX, SOCK_STREAM, 0, s);
	l = (int)Q(socket, AF_UNIX, SOCK_STREAM, 0);
	Q(bind, l, &a, sizeof(a));
	Q(listen, l, 1);
	X(setgroups, 1, one);
	groups_of("pair", s[0], 32);
	groups_of("pair", s[1], 12);
	groups_of("pair", s[0], 11);
	groups_of("pair", s[0], 0);
	groups_of("pair", s[0], -1);
	X(getsockopt, s[0], SOL_SOCKET, SO_PEERGROUPS_, unmapped(), (&(int){ 12 }));
	X(getsockopt, s[0], SOL_SOCKET, SO_PEERGROUPS_, unmapped(), (&(int){ 4 }));
	X(setsockopt, s[0], SOL_SOCKET, SO_PEERGROUPS_, three, 12);
	groups_of("listener", l, 32);
	X(connect, c, &a, sizeof(a));
	X(setgroups, 0, one);
	n = (int)Q(accept, l, 0, 0);
	groups_of("client", c, 32);
	groups_of("server", n, 32);
	Q(socketpair, AF_UNIX, SOCK_DGRAM, 0, s);
	groups_of("none", s[0], 32);
	groups_of("none", s[0], 0);
	groups_of("datagrams", (int)Q(socket, AF_UNIX, SOCK_DGRAM, 0), 32);
}

static const struct test tests[] = {
	T(groups), T(rights), T(bad_control), T(credentials), T(borders),
	T(flags),  T(many),   T(circles),     T(chain),	      T(looked_at),
};
MAIN("passing", tests)
