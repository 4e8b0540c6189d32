/* SPDX-License-Identifier: MIT */
/* server.c - see server.h. */
#include "vmm/gdb/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/gdb/session.h"

#define BACKLOG 4

struct gdb_server {
	struct loop *loop;
	struct gdb_x86 *target;
	struct gdb_session *session;
	int listener, peer;					/* -1: none */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* of a unix socket, or "" */
	bool bound;						/* path is ours to remove */
	u8 in[4096];
	size_t in_used; /* what the session did not take yet */
};

/* ---- the address ------------------------------------------------------------------------------- */

struct address {
	const char *path; /* NULL: TCP */
	char host[256];
	const char *port;
};

static int parse_address(const char *text, struct address *a, struct error *e)
{
	const char *colon = strrchr(text, ':');
	unsigned long port;
	size_t n;
	char *end;

	*a = (struct address){ .host = "127.0.0.1", .port = text };
	if (!strncmp(text, "unix:", 5)) {
		a->path = text + 5;
		if (!*a->path || strlen(a->path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
			return error_set(e, -EINVAL,
					 "--gdb %s: a socket's path has 1 to %zu characters", text,
					 sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
		return 0;
	}
	if (colon) {
		bool bracketed = text[0] == '[' && colon > text + 1 && colon[-1] == ']';

		a->port = colon + 1;
		n = (size_t)(colon - text) - (bracketed ? 2 : 0);
		if (n >= sizeof(a->host))
			return error_set(e, -EINVAL, "--gdb: a host name of %zu characters", n);
		if (n) { /* ":PORT" means the default host */
			memcpy(a->host, text + bracketed, n);
			a->host[n] = 0;
		}
	}
	port = strtoul(a->port, &end, 10);
	if (a->port[0] < '0' || a->port[0] > '9' || *end || !port || port > 65535)
		return error_set(e, -EINVAL, "--gdb %s: [HOST:]PORT (1 to 65535) or unix:PATH",
				 text);
	return 0;
}

int gdb_address_check(const char *address, struct error *e)
{
	struct address a;

	return parse_address(address, &a, e);
}

/* ---- listening -------------------------------------------------------------------------------- */

static int listen_unix(struct gdb_server *s, const char *path, struct error *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	mode_t mask;
	int err;

	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listener < 0)
		return error_sys(e, -errno, "--gdb unix:%s", path);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	snprintf(s->path, sizeof(s->path), "%s", path);
	mask = umask(0177); /* a debugger can do anything to the guest: owner only */
	err = bind(s->listener, (struct sockaddr *)&sa, sizeof(sa)) ? -errno : 0;
	umask(mask);
	s->bound = !err;
	if (!err && listen(s->listener, BACKLOG))
		err = -errno;
	return err ? error_sys(e, err, "--gdb unix:%s", path) : 0;
}

static int listen_tcp(struct gdb_server *s, const struct address *a, struct error *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list;
	int err = getaddrinfo(a->host, a->port, &hints, &list), one = 1;

	if (err)
		return error_set(e, -EINVAL, "--gdb %s:%s: %s", a->host, a->port,
				 gai_strerror(err));
	s->listener = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	err = s->listener < 0 ? -errno : 0;
	if (!err)
		setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!err &&
	    (bind(s->listener, list->ai_addr, list->ai_addrlen) || listen(s->listener, BACKLOG)))
		err = -errno;
	freeaddrinfo(list);
	return err ? error_sys(e, err, "--gdb %s:%s", a->host, a->port) : 0;
}

/* ---- the peer ------------------------------------------------------------------------------------ */

static void hang_up(struct gdb_server *s)
{
	if (s->peer < 0)
		return;
	loop_unwatch(s->loop, s->peer);
	close(s->peer);
	s->peer = -1;
	s->in_used = 0;
	gdb_session_close(s->session);
}

/* Writes what the socket takes. False when the peer is gone. */
static bool send_output(struct gdb_server *s)
{
	for (;;) {
		size_t n;
		const u8 *buf = gdb_session_output(s->session, &n);
		ssize_t sent = n ? send(s->peer, buf, n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

		if (!n)
			return true;
		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		gdb_session_sent(s->session, (size_t)sent);
	}
}

/* Hands over what was read before, as far as there is room for replies. */
static void feed(struct gdb_server *s)
{
	size_t taken = gdb_session_input(s->session, s->in, s->in_used);

	s->in_used -= taken;
	memmove(s->in, s->in + taken, s->in_used);
}

/* False when the peer is gone. */
static bool receive(struct gdb_server *s)
{
	ssize_t n;

	if (s->in_used == sizeof(s->in))
		return true;
	n = recv(s->peer, s->in + s->in_used, sizeof(s->in) - s->in_used, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	s->in_used += (size_t)n;
	return n > 0;
}

static void on_peer(void *arg, u32 events);

/* Sends, takes further input while replies go out at once, and waits for what comes next. */
static void pump(struct gdb_server *s)
{
	u32 events = EPOLLIN;
	size_t before, waiting;

	do {
		before = s->in_used;
		feed(s);
		if (s->peer < 0)
			return;
		if (!send_output(s)) {
			hang_up(s);
			return;
		}
	} while (s->in_used && s->in_used != before);
	gdb_session_output(s->session, &waiting);
	if (gdb_session_done(s->session) && !waiting) {
		hang_up(s);
		return;
	}
	if (waiting)
		events = s->in_used == sizeof(s->in) ? EPOLLOUT : EPOLLIN | EPOLLOUT;
	loop_watch(s->loop, s->peer, events, on_peer, s);
}

static void on_peer(void *arg, u32 events)
{
	struct gdb_server *s = arg;

	(void)events;
	if (!receive(s)) {
		hang_up(s);
		return;
	}
	pump(s);
}

/* It has closed its end, and the loop has not come to it yet. */
static bool peer_has_gone(const struct gdb_server *s)
{
	char c;
	ssize_t n = recv(s->peer, &c, 1, MSG_PEEK | MSG_DONTWAIT);

	return !n || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void on_connection(void *arg, u32 events)
{
	struct gdb_server *s = arg;
	int one = 1, fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (s->peer >= 0 && peer_has_gone(s))
		hang_up(s);
	if (s->peer >= 0 || loop_watch(s->loop, fd, EPOLLIN, on_peer, s)) {
		close(fd); /* a second debugger is turned away */
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* fails on a unix socket */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	s->peer = fd;
	gdb_session_open(s->session);
}

static void on_stop(void *arg, const struct gdb_stop *stop)
{
	struct gdb_server *s = arg;

	if (s->peer < 0)
		return;
	gdb_session_stopped(s->session, stop);
	pump(s);
}

/* ---- life ------------------------------------------------------------------------------------------ */

int gdb_server_create(const char *text, const struct gdb_machine *m, struct gdb_server **out,
		      struct error *e)
{
	struct gdb_server *s = calloc(1, sizeof(*s));
	struct address a;
	int err;

	if (!s)
		return error_sys(e, -ENOMEM, "--gdb");
	s->listener = s->peer = -1;
	s->loop = m->loop;
	err = parse_address(text, &a, e);
	if (!err)
		err = gdb_x86_create(m, on_stop, s, &s->target, e);
	if (!err)
		err = a.path ? listen_unix(s, a.path, e) : listen_tcp(s, &a, e);
	if (!err) {
		s->session = gdb_session_create(&gdb_x86_ops, s->target);
		err = s->session ? loop_watch(m->loop, s->listener, EPOLLIN, on_connection, s)
				 : -ENOMEM;
		if (err)
			error_sys(e, err, "--gdb %s", text);
	}
	if (err) {
		gdb_server_destroy(s);
		return err;
	}
	*out = s;
	return 0;
}

/* Whether something can be read or written before the deadline. */
static bool wait_for_peer(const struct gdb_server *s, u64 deadline)
{
	struct pollfd p = { .fd = s->peer, .events = POLLIN };
	u64 now = loop_now();
	size_t waiting;

	gdb_session_output(s->session, &waiting);
	if (waiting)
		p.events |= POLLOUT;
	return now < deadline && poll(&p, 1, (int)((deadline - now) / 1000000) + 1) > 0;
}

void gdb_server_ended(struct gdb_server *s, int status, int wait_ms)
{
	u64 deadline = loop_now() + (u64)wait_ms * 1000000;
	size_t waiting;

	if (!s || s->peer < 0)
		return;
	gdb_session_ended(s->session, status);
	while (send_output(s)) {
		gdb_session_output(s->session, &waiting);
		if ((gdb_session_done(s->session) && !waiting) || !wait_for_peer(s, deadline) ||
		    !receive(s))
			break;
		feed(s);
	}
}

void gdb_server_destroy(struct gdb_server *s)
{
	if (!s)
		return;
	if (s->peer >= 0) {
		loop_unwatch(s->loop, s->peer);
		close(s->peer);
	}
	if (s->listener >= 0) {
		loop_unwatch(s->loop, s->listener);
		close(s->listener);
	}
	if (s->bound)
		unlink(s->path);
	gdb_session_destroy(s->session);
	gdb_x86_destroy(s->target);
	free(s);
}

struct gdb_x86 *gdb_server_target(struct gdb_server *s)
{
	return s->target;
}
