/* SPDX-License-Identifier: MIT */
/* net_tap.c - a tap interface of the host (Linux Documentation/networking/tuntap.rst); see net.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices/net.h"

#define TUN_DEVICE "/dev/net/tun"
/* Frames taken in before others have their turn. */
#define BATCH 64

struct tap {
	struct net_backend nb; /* first */
	int fd;
	bool held; /* the guest has no room; `frame` waits, if it is not empty */
	size_t held_len;
	u8 frame[sizeof(struct virtio_net_hdr) + NET_MAX_FRAME];
};

static bool deliver(struct tap *t)
{
	const struct net_client *c = &t->nb.client;
	struct virtio_net_hdr hdr;

	memcpy(&hdr, t->frame, sizeof(hdr));
	return c->receive(c->arg, &hdr, t->frame + sizeof(hdr), t->held_len - sizeof(hdr));
}

static void on_input(void *arg, u32 events);

static void watch(struct tap *t, bool on)
{
	const struct dev_env *env = t->nb.env;

	env->watch_fd(env->ctx, t->fd, on ? EPOLLIN : 0, on_input, t);
}

static void on_input(void *arg, u32 events)
{
	struct tap *t = arg;
	const struct net_client *c = &t->nb.client;

	(void)events;
	c->enter(c->arg);
	for (int i = 0; i < BATCH && !t->held; i++) {
		ssize_t n;

		/* A card that cannot give a frame back is asked before there is one. */
		t->held = !c->can_receive(c->arg);
		t->held_len = 0;
		if (t->held)
			break;
		n = read(t->fd, t->frame, sizeof(t->frame));
		if (n < (ssize_t)sizeof(struct virtio_net_hdr))
			break;
		t->held_len = (size_t)n;
		t->held = !deliver(t);
	}
	/* The interface's own queue holds the rest, and drops when it is full, as a wire would. */
	if (t->held)
		watch(t, false);
	c->leave(c->arg);
}

static void tap_resume(struct net_backend *nb)
{
	struct tap *t = (struct tap *)nb;

	if (!t->held)
		return;
	t->held = t->held_len && !deliver(t);
	if (!t->held)
		watch(t, true);
}

static void tap_send(struct net_backend *nb, const struct iovec *iov, unsigned n, size_t len)
{
	ssize_t r = writev(((struct tap *)nb)->fd, iov, (int)n);

	(void)len;
	(void)r; /* a frame that the host does not take is lost, as on a wire */
}

static void tap_features(struct net_backend *nb, u64 accepted)
{
	static const struct {
		unsigned bit, tun;
	} map[] = {
		{ VIRTIO_NET_F_GUEST_CSUM, TUN_F_CSUM },
		{ VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4 },
		{ VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6 },
		{ VIRTIO_NET_F_GUEST_ECN, TUN_F_TSO_ECN },
	};
	struct tap *t = (struct tap *)nb;
	unsigned offload = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (accepted >> map[i].bit & 1)
			offload |= map[i].tun;
	/* Without checksums the kernel takes none of the others. */
	ioctl(t->fd, TUNSETOFFLOAD, offload & TUN_F_CSUM ? offload : 0);
}

static void tap_destroy(struct net_backend *nb)
{
	struct tap *t = (struct tap *)nb;

	nb->env->unwatch_fd(nb->env->ctx, t->fd);
	close(t->fd);
	free(t);
}

static const struct net_ops tap_ops = {
	.name = "tap",
	.send = tap_send,
	.resume = tap_resume,
	.features = tap_features,
	.destroy = tap_destroy,
};

static int open_tap(struct tap *t, const char *name, struct error *e)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int hdr = sizeof(struct virtio_net_hdr), err;

	if (!*name || strlen(name) >= sizeof(ifr.ifr_name))
		return error_set(e, -EINVAL, "--net tap=%s: a name of 1 to %zu characters", name,
				 sizeof(ifr.ifr_name) - 1);
	t->fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->fd < 0)
		return error_sys(e, -errno, "--net tap=%s: cannot open " TUN_DEVICE, name);
	strcpy(ifr.ifr_name, name);
	if (ioctl(t->fd, TUNSETIFF, &ifr)) {
		err = -errno;
		if (err == -EPERM)
			return error_set(e, err,
					 "--net tap=%s: not yours; `ip tuntap add %s mode tap user "
					 "$USER` as root, or use --net user",
					 name, name);
		if (err == -EBUSY)
			return error_set(e, err, "--net tap=%s: in use by another VM", name);
		return error_sys(e, err, "--net tap=%s", name);
	}
	if (ioctl(t->fd, TUNSETVNETHDRSZ, &hdr))
		return error_sys(e, -errno, "--net tap=%s: TUNSETVNETHDRSZ", name);
	return 0;
}

static int adopt_tap(struct tap *t, int fd, struct error *e)
{
	const short want = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	int hdr = sizeof(struct virtio_net_hdr), mode = fcntl(fd, F_GETFL);
	struct ifreq ifr;

	t->fd = fd;
	if (ioctl(fd, TUNGETIFF, &ifr))
		return error_sys(e, -errno, "--net tap-fd=%d: not an interface", fd);
	if ((ifr.ifr_flags & want) != want)
		return error_set(e, -EINVAL,
				 "--net tap-fd=%d: %.16s is no tap with IFF_VNET_HDR and without "
				 "packet information",
				 fd, ifr.ifr_name);
	if (fcntl(fd, F_SETFL, mode | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC) ||
	    ioctl(fd, TUNSETVNETHDRSZ, &hdr))
		return error_sys(e, -errno, "--net tap-fd=%d: TUNSETVNETHDRSZ", fd);
	return 0;
}

/* name, or fd when that is NULL. */
static struct net_backend *create(const struct dev_env *env, const char *name, int fd,
				  struct error *e)
{
	struct tap *t = calloc(1, sizeof(*t));
	int err;

	if (!t) {
		error_sys(e, -ENOMEM, "--net tap");
		return NULL;
	}
	t->nb.ops = &tap_ops;
	t->nb.env = env;
	t->fd = -1;
	err = name ? open_tap(t, name, e) : adopt_tap(t, fd, e);
	if (!err)
		err = env->watch_fd(env->ctx, t->fd, EPOLLIN, on_input, t);
	if (err) {
		if (t->fd >= 0)
			close(t->fd);
		free(t);
		return NULL;
	}
	t->nb.offloads = 1ULL << VIRTIO_NET_F_CSUM | 1ULL << VIRTIO_NET_F_GUEST_CSUM |
			 1ULL << VIRTIO_NET_F_GUEST_TSO4 | 1ULL << VIRTIO_NET_F_GUEST_TSO6 |
			 1ULL << VIRTIO_NET_F_GUEST_ECN | 1ULL << VIRTIO_NET_F_HOST_TSO4 |
			 1ULL << VIRTIO_NET_F_HOST_TSO6 | 1ULL << VIRTIO_NET_F_HOST_ECN;
	return &t->nb;
}

struct net_backend *net_tap_create(const struct dev_env *env, const char *name, struct error *e)
{
	return create(env, name, -1, e);
}

struct net_backend *net_tap_adopt(const struct dev_env *env, int fd, struct error *e)
{
	return create(env, NULL, fd, e);
}
