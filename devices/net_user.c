/* SPDX-License-Identifier: MIT */
/*
 * net_user.c - a network in user mode by libslirp: its TCP/IP stack ends the guest's connections and
 * makes ordinary sockets of them; see net.h.
 *
 * libslirp is made for a poll(2) loop: it lists its sockets before each sleep, and is asked after it.
 * Here the list is kept in an epoll instance of its own, which the machine's loop watches as one fd.
 * Rule U1: the instance watches exactly what libslirp listed last; refresh() follows every call that may
 *          have changed it.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "devices/net.h"
#include "devices/virtio/virtqueue.h"

#define MAX_SOCKETS 1024
#define IDLE_MS	    1000 /* what libslirp answers when no timer of its own runs */
#define NS_PER_MS   1000000ULL

#define NETWORK	    0x0a000200u /* 10.0.2.0/24, as with QEMU */
#define GATEWAY	    (NETWORK + 2)
#define NAMESERVER  (NETWORK + 3)
#define FIRST_GUEST (NETWORK + 15)

/* What is used of the library. */
struct slirp_api {
	void *lib;
	__typeof__(slirp_new) *new;
	__typeof__(slirp_cleanup) *cleanup;
	__typeof__(slirp_pollfds_fill) *fill;
	__typeof__(slirp_pollfds_poll) *poll;
	__typeof__(slirp_input) *input;
	__typeof__(slirp_add_hostfwd) *add_hostfwd;
};

struct listed {
	int fd;
	u32 events, revents; /* SLIRP_POLL_* */
};

struct user {
	struct net_backend nb; /* first */
	struct slirp_api api;
	Slirp *slirp;
	int epoll;
	struct dev_timer *timer;
	bool asleep; /* the guest has no room: sockets wait in the host */
	unsigned nr, nr_before;
	struct listed list[MAX_SOCKETS];   /* as libslirp listed them, in its order */
	struct listed before[MAX_SOCKETS]; /* what the instance watches */
	u8 frame[NET_MAX_FRAME];
};

/* --- libslirp's sockets ------------------------------------------------------------------------------ */

static u32 to_epoll(u32 events)
{
	return (events & SLIRP_POLL_IN ? EPOLLIN : 0) | (events & SLIRP_POLL_OUT ? EPOLLOUT : 0) |
	       (events & SLIRP_POLL_PRI ? EPOLLPRI : 0);
}

static u32 from_epoll(u32 events)
{
	return (events & EPOLLIN ? SLIRP_POLL_IN : 0) | (events & EPOLLOUT ? SLIRP_POLL_OUT : 0) |
	       (events & EPOLLPRI ? SLIRP_POLL_PRI : 0) | (events & EPOLLERR ? SLIRP_POLL_ERR : 0) |
	       (events & EPOLLHUP ? SLIRP_POLL_HUP : 0);
}

static int list_socket(int fd, int events, void *opaque)
{
	struct user *u = opaque;

	if (u->nr == MAX_SOCKETS)
		return -1;
	u->list[u->nr] = (struct listed){ fd, (u32)events, 0 };
	return (int)u->nr++;
}

static int socket_events(int index, void *opaque)
{
	struct user *u = opaque;

	return index >= 0 && (unsigned)index < u->nr ? (int)u->list[index].revents : 0;
}

static struct listed *find(struct listed *list, unsigned n, int fd)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i].fd == fd)
			return &list[i];
	return NULL;
}

/* U1. An fd that was closed has left the instance by itself, and its number may be another's now. */
static void watch_listed(struct user *u)
{
	for (unsigned i = 0; i < u->nr_before; i++)
		if (!find(u->list, u->nr, u->before[i].fd))
			epoll_ctl(u->epoll, EPOLL_CTL_DEL, u->before[i].fd, NULL);
	for (unsigned i = 0; i < u->nr; i++) {
		const struct listed *old = find(u->before, u->nr_before, u->list[i].fd);
		struct epoll_event ev = { .events = to_epoll(u->list[i].events), .data.u32 = i };

		/* The index is part of it; a call is spared when nothing moved. */
		if (old && old->events == u->list[i].events && old == &u->before[i])
			continue;
		if (epoll_ctl(u->epoll, EPOLL_CTL_MOD, u->list[i].fd, &ev) && errno == ENOENT)
			epoll_ctl(u->epoll, EPOLL_CTL_ADD, u->list[i].fd, &ev);
	}
	memcpy(u->before, u->list, u->nr * sizeof(u->list[0]));
	u->nr_before = u->nr;
}

static void refresh(struct user *u)
{
	const struct dev_env *env = u->nb.env;
	u32 timeout = UINT32_MAX;

	u->nr = 0;
	u->api.fill(u->slirp, &timeout, list_socket, u);
	watch_listed(u);
	if (timeout < IDLE_MS)
		env->timer_arm(env->ctx, u->timer, env->now_ns(env->ctx) + timeout * NS_PER_MS);
	else
		env->timer_cancel(env->ctx, u->timer);
}

static void on_sockets(void *arg, u32 events);

static void poll_slirp(struct user *u)
{
	const struct net_client *c = &u->nb.client;
	const struct dev_env *env = u->nb.env;

	/* Data stays in the sockets while the guest has no room: the peers are held up, nothing is lost. */
	if (!c->can_receive(c->arg)) {
		u->asleep = true;
		env->watch_fd(env->ctx, u->epoll, 0, on_sockets, u);
		return;
	}
	u->api.poll(u->slirp, 0, socket_events, u);
	refresh(u);
}

static void on_sockets(void *arg, u32 events)
{
	struct user *u = arg;
	const struct net_client *c = &u->nb.client;
	struct epoll_event ev[64];
	int n;

	(void)events;
	c->enter(c->arg);
	n = epoll_wait(u->epoll, ev, ARRAY_SIZE(ev), 0);
	for (int i = 0; i < n; i++)
		if (ev[i].data.u32 < u->nr)
			u->list[ev[i].data.u32].revents = from_epoll(ev[i].events);
	poll_slirp(u);
	c->leave(c->arg);
}

/* TCP's own timers. */
static void on_timer(void *arg)
{
	struct user *u = arg;
	const struct net_client *c = &u->nb.client;

	c->enter(c->arg);
	poll_slirp(u);
	c->leave(c->arg);
}

/* --- what libslirp asks of us -------------------------------------------------------------------------- */

static ssize_t send_packet(const void *buf, size_t len, void *opaque)
{
	const struct net_client *c = &((struct user *)opaque)->nb.client;
	const struct virtio_net_hdr hdr = { 0 };

	/* One that finds no room is lost; whoever sent it sends it again. */
	if (c->receive)
		c->receive(c->arg, &hdr, buf, len);
	return (ssize_t)len;
}

static void guest_error(const char *msg, void *opaque)
{
	(void)msg, (void)opaque;
}

static int64_t clock_get_ns(void *opaque)
{
	const struct dev_env *env = ((struct user *)opaque)->nb.env;

	return (int64_t)env->now_ns(env->ctx);
}

/* Timers are for IPv6 router advertisements alone, which this network has not. */
static void *timer_new(SlirpTimerCb cb, void *cb_opaque, void *opaque)
{
	(void)cb, (void)cb_opaque;
	return opaque;
}

static void timer_free(void *timer, void *opaque)
{
	(void)timer, (void)opaque;
}

static void timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
	(void)timer, (void)expire_ms, (void)opaque;
}

static void register_fd(int fd, void *opaque)
{
	(void)fd, (void)opaque;
}

/* About to be closed: forgotten, lest its successor with the same number be taken for it. */
static void unregister_fd(int fd, void *opaque)
{
	struct user *u = opaque;
	struct listed *old = find(u->before, u->nr_before, fd);

	epoll_ctl(u->epoll, EPOLL_CTL_DEL, fd, NULL);
	if (old)
		old->fd = -1;
}

static void notify(void *opaque)
{
	(void)opaque; /* refresh() follows every call into the library anyway */
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = clock_get_ns,
	.timer_new = timer_new,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = register_fd,
	.unregister_poll_fd = unregister_fd,
	.notify = notify,
};

/* --- the backend ------------------------------------------------------------------------------------------ */

static void user_send(struct net_backend *nb, const struct iovec *iov, unsigned n, size_t len)
{
	struct user *u = (struct user *)nb;
	const size_t hdr = sizeof(struct virtio_net_hdr);

	len = iov_read(iov, n, hdr, u->frame, MIN(len - hdr, sizeof(u->frame)));
	u->api.input(u->slirp, u->frame, (int)len);
}

static void user_flush(struct net_backend *nb)
{
	refresh((struct user *)nb);
}

static void user_resume(struct net_backend *nb)
{
	struct user *u = (struct user *)nb;

	if (!u->asleep)
		return;
	u->asleep = false;
	nb->env->watch_fd(nb->env->ctx, u->epoll, EPOLLIN, on_sockets, u);
	refresh(u);
}

static void user_destroy(struct net_backend *nb)
{
	struct user *u = (struct user *)nb;

	if (u->slirp)
		u->api.cleanup(u->slirp);
	if (u->timer)
		nb->env->timer_cancel(nb->env->ctx, u->timer);
	if (u->epoll >= 0) {
		nb->env->unwatch_fd(nb->env->ctx, u->epoll);
		close(u->epoll);
	}
	/* The library stays: glib below it cannot be unloaded. */
	free(u);
}

static const struct net_ops user_ops = {
	.name = "user",
	.send = user_send,
	.flush = user_flush,
	.resume = user_resume,
	.destroy = user_destroy,
};

/* --- life --------------------------------------------------------------------------------------------------- */

static int load_library(struct slirp_api *api, struct error *e)
{
	const struct {
		const char *name;
		void *to;
	} want[] = {
		{ "slirp_new", &api->new },	      { "slirp_cleanup", &api->cleanup },
		{ "slirp_pollfds_fill", &api->fill }, { "slirp_pollfds_poll", &api->poll },
		{ "slirp_input", &api->input },	      { "slirp_add_hostfwd", &api->add_hostfwd },
	};

	api->lib = dlopen("libslirp.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!api->lib)
		return error_set(e, -ENOENT,
				 "--net user: libslirp.so.0 is not installed (Debian: "
				 "libslirp0); or use --net tap=NAME");
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		void *p = dlsym(api->lib, want[i].name);

		if (!p)
			return error_set(e, -ENOSYS, "--net user: libslirp has no %s",
					 want[i].name);
		memcpy(want[i].to, &p, sizeof(p));
	}
	return 0;
}

static struct in_addr address(u32 host_order)
{
	return (struct in_addr){ htonl(host_order) };
}

static int forward(struct user *u, const struct net_forward *f, struct error *e)
{
	struct in_addr host = address(f->host_addr);
	struct in_addr guest = address(f->guest_addr ? f->guest_addr : FIRST_GUEST);
	char text[INET_ADDRSTRLEN];

	if (!u->api.add_hostfwd(u->slirp, f->udp, host, f->host_port, guest, f->guest_port))
		return 0;
	return error_sys(e, -errno, "--net user: forwarding %s port %u of %s",
			 f->udp ? "UDP" : "TCP", f->host_port,
			 inet_ntop(AF_INET, &host, text, sizeof(text)));
}

static int set_up(struct user *u, const struct net_forward *fwd, unsigned nr_fwd, struct error *e)
{
	const struct dev_env *env = u->nb.env;
	const SlirpConfig cfg = {
		.version = 1,
		.in_enabled = true,
		.vnetwork = address(NETWORK),
		.vnetmask = address(0xffffff00),
		.vhost = address(GATEWAY),
		.vhostname = "parallax",
		.vdhcp_start = address(FIRST_GUEST),
		.vnameserver = address(NAMESERVER),
	};
	int err = load_library(&u->api, e);

	if (err)
		return err;
	u->epoll = epoll_create1(EPOLL_CLOEXEC);
	u->timer = env->timer_create(env->ctx, on_timer, u);
	if (u->epoll < 0 || !u->timer)
		return error_sys(e, -ENOMEM, "--net user");
	u->slirp = u->api.new(&cfg, &callbacks, u);
	if (!u->slirp)
		return error_set(e, -ENOMEM, "--net user: libslirp does not start");
	for (unsigned i = 0; i < nr_fwd; i++) {
		err = forward(u, &fwd[i], e);
		if (err)
			return err;
	}
	refresh(u);
	err = env->watch_fd(env->ctx, u->epoll, EPOLLIN, on_sockets, u);
	return err ? error_sys(e, err, "--net user") : 0;
}

struct net_backend *net_user_create(const struct dev_env *env, const struct net_forward *fwd,
				    unsigned nr_fwd, struct error *e)
{
	struct user *u = calloc(1, sizeof(*u));

	if (!u) {
		error_sys(e, -ENOMEM, "--net user");
		return NULL;
	}
	u->nb.ops = &user_ops;
	u->nb.env = env;
	u->epoll = -1;
	if (set_up(u, fwd, nr_fwd, e)) {
		user_destroy(&u->nb);
		return NULL;
	}
	return &u->nb;
}
