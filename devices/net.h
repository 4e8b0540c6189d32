/* SPDX-License-Identifier: MIT */
/*
 * net.h - what a network card is plugged into: a user-mode network (no privilege needed) or a tap of
 * the host. Frames go both ways with a struct virtio_net_hdr before them.
 *
 * Calls come on the loop thread, unless they say otherwise. The card's lock is held in every
 * call that the card makes, and in receive(): a backend's own callbacks enter() it first.
 */
#ifndef DEVICES_NET_H
#define DEVICES_NET_H

#include <sys/uio.h>

#include "base/error.h"
#include "devices/abi/virtio_net.h"
#include "devices/device.h"

#define NET_MAX_FRAME (65536u + 64u) /* without the header; a TCP segment that was not cut yet */

/* The card. */
struct net_client {
	void *arg;
	void (*enter)(void *arg); /* takes the card's lock */
	void (*leave)(void *arg); /* signals what came in, and frees it */
	/* A frame for the guest; false: the guest has no room, resume() will say when. */
	bool (*receive)(void *arg, const struct virtio_net_hdr *hdr, const u8 *frame, size_t len);
	/* Whether a small frame would be taken. */
	bool (*can_receive)(void *arg);
};

struct net_backend;

struct net_ops {
	const char *name;
	/* A frame from the guest: pieces that begin with the header. It is gone when the call returns. */
	void (*send)(struct net_backend *nb, const struct iovec *iov, unsigned n, size_t len);
	/* After one or more send(); NULL: nothing to do. */
	void (*flush)(struct net_backend *nb);
	/* The guest has room again after receive() said no. */
	void (*resume)(struct net_backend *nb);
	/* The driver took these VIRTIO_NET_F_* bits of `offloads`; NULL: there are none. vCPU thread. */
	void (*features)(struct net_backend *nb, u64 accepted);
	void (*destroy)(struct net_backend *nb);
};

struct net_backend {
	const struct net_ops *ops;
	const struct dev_env *env;
	struct net_client client; /* set by the card, which is created later */
	u64 offloads;		  /* VIRTIO_NET_F_* bits that it can take */
};

/* --- user mode: libslirp, loaded when the first one is made ----------------------------------------- */

struct net_forward {
	bool udp;
	u32 host_addr; /* IPv4, host byte order; 0: all of the host's */
	u16 host_port;
	u32 guest_addr; /* 0: the first address that DHCP gives */
	u16 guest_port;
};

/*
 * A network 10.0.2.0/24 with a DHCP server, a gateway (10.0.2.2, which is the host) and a name
 * server (10.0.2.3); the guest is 10.0.2.15. NULL with e filled: libslirp is not there, a port is taken.
 */
struct net_backend *net_user_create(const struct dev_env *env, const struct net_forward *fwd,
				    unsigned nr_fwd, struct error *e);

/* --- tap: an interface of the host, made beforehand or with CAP_NET_ADMIN ----------------------------- */

struct net_backend *net_tap_create(const struct dev_env *env, const char *name, struct error *e);

#endif
