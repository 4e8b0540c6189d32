/* SPDX-License-Identifier: MIT */
/*
 * serial_socket.c - see serial_socket.h. The port's character device has one descriptor for its life;
 * so it is given one end of a socket pair, and what comes and goes is at the other end.
 */
#include "vmm/serial_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/loop.h"

#define CHUNK 4096

/* Bytes on their way in one direction. While some wait, their source is not read. */
struct flow {
	u8 buf[CHUNK];
	size_t start, end;
};

struct serial_socket {
	struct loop *loop; /* NULL: not started */
	int listener;
	int guest, ours; /* the pair */
	int client;	 /* -1: none */
	struct flow out, in;
};

int serial_socket_open(int listener, struct serial_socket **out, int *guest_fd, struct error *e)
{
	struct serial_socket *s;
	int pair[2], yes = 0;
	socklen_t len = sizeof(yes);

	if (getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len))
		return error_sys(e, -errno, "serial port: descriptor %d", listener);
	if (!yes)
		return error_set(e, -EINVAL, "serial port: descriptor %d does not listen",
				 listener);
	s = calloc(1, sizeof(*s));
	if (!s || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)) {
		free(s);
		return error_sys(e, -ENOMEM, "serial port: a pair of sockets");
	}
	fcntl(listener, F_SETFD, FD_CLOEXEC);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	s->listener = listener;
	s->guest = pair[0];
	s->ours = pair[1];
	s->client = -1;
	*guest_fd = s->guest;
	*out = s;
	return 0;
}

static void update(struct serial_socket *s);

static void drop_client(struct serial_socket *s)
{
	loop_unwatch(s->loop, s->client);
	close(s->client);
	s->client = -1;
	s->out.start = s->out.end = 0;
}

static bool waiting(const struct flow *f)
{
	return f->start < f->end;
}

/* Moves what it can. 0; -EPIPE when either end is over. */
static int pass(struct flow *f, int from, int to)
{
	if (!waiting(f)) {
		ssize_t n = recv(from, f->buf, sizeof(f->buf), 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return -EPIPE;
		f->start = 0;
		f->end = (size_t)n;
	}
	while (waiting(f)) {
		ssize_t n = send(to, f->buf + f->start, f->end - f->start, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
		f->start += (size_t)n;
	}
	return 0;
}

static void on_guest(void *arg, u32 events)
{
	struct serial_socket *s = arg;

	(void)events;
	if (s->client >= 0) {
		if (pass(&s->out, s->ours, s->client))
			drop_client(s);
		else if (waiting(&s->in) && pass(&s->in, s->client, s->ours))
			drop_client(s);
	} else {
		ssize_t n = recv(s->ours, s->out.buf, sizeof(s->out.buf), 0);

		(void)n; /* nobody listens */
	}
	update(s);
}

static void on_client(void *arg, u32 events)
{
	struct serial_socket *s = arg;
	int err = 0;

	if (waiting(&s->out) && (events & EPOLLOUT))
		err = pass(&s->out, s->ours, s->client);
	if (!err && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		err = pass(&s->in, s->client, s->ours);
	/* A client that has hung up would wake the loop for ever while the guest does not read. */
	if ((events & (EPOLLHUP | EPOLLERR)) && waiting(&s->in))
		err = -EPIPE;
	if (err)
		drop_client(s);
	update(s);
}

static void on_connect(void *arg, u32 events)
{
	struct serial_socket *s = arg;

	(void)events;
	s->client = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (s->client >= 0)
		s->in.start = s->in.end = 0;
	update(s);
}

/* Watches what can be used now: a flow's source, or its sink while bytes wait. */
static void update(struct serial_socket *s)
{
	u32 ours = waiting(&s->out) ? 0 : EPOLLIN;

	if (waiting(&s->in))
		ours |= EPOLLOUT;
	loop_watch(s->loop, s->ours, ours, on_guest, s);
	if (s->client < 0) {
		loop_watch(s->loop, s->listener, EPOLLIN, on_connect, s);
		return;
	}
	loop_unwatch(s->loop, s->listener);
	loop_watch(s->loop, s->client,
		   (waiting(&s->out) ? EPOLLOUT : 0u) | (waiting(&s->in) ? 0u : EPOLLIN), on_client,
		   s);
}

int serial_socket_start(struct serial_socket *s, struct loop *loop)
{
	int err = loop_watch(loop, s->listener, EPOLLIN, on_connect, s);

	if (!err)
		err = loop_watch(loop, s->ours, EPOLLIN, on_guest, s);
	if (!err)
		s->loop = loop;
	return err;
}

void serial_socket_drain(struct serial_socket *s, int ms)
{
	while (s->client >= 0) {
		struct pollfd p = { .fd = s->client, .events = POLLOUT };
		struct pollfd more = { .fd = s->ours, .events = POLLIN };

		if (!waiting(&s->out) && poll(&more, 1, 0) <= 0)
			return;
		if (poll(&p, 1, ms) <= 0 || pass(&s->out, s->ours, s->client))
			return;
	}
}

void serial_socket_close(struct serial_socket *s)
{
	if (!s)
		return;
	if (s->loop) {
		loop_unwatch(s->loop, s->ours);
		loop_unwatch(s->loop, s->listener);
		if (s->client >= 0)
			drop_client(s);
	}
	close(s->listener);
	close(s->guest);
	close(s->ours);
	free(s);
}
