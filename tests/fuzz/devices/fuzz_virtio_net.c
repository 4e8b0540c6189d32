/* SPDX-License-Identifier: MIT */
/*
 * fuzz_virtio_net.c - the virtio network card on a wire that answers some frames at once, delivers
 * frames of any length, and holds one back when the guest has no room.
 */
#include "devices/virtio/net.h"
#include "tests/fuzz/devices/virtio_fuzz.h"

struct wire {
	struct net_backend nb; /* first */
	size_t held;
	u8 frame[NET_MAX_FRAME];
};

static struct wire *wire;

static void deliver(struct wire *w, size_t len)
{
	const struct virtio_net_hdr hdr = { 0 };

	w->held = w->nb.client.receive(w->nb.client.arg, &hdr, w->frame, len) ? 0 : len;
}

static void wire_send(struct net_backend *nb, const struct iovec *iov, unsigned n, size_t len)
{
	struct wire *w = (struct wire *)nb;
	size_t got = iov_read(iov, n, sizeof(struct virtio_net_hdr), w->frame, sizeof(w->frame));

	if (got != len - sizeof(struct virtio_net_hdr))
		abort();
	if (got & 1)
		deliver(w, got);
}

static void wire_resume(struct net_backend *nb)
{
	struct wire *w = (struct wire *)nb;

	if (w->held)
		deliver(w, w->held);
}

static void wire_destroy(struct net_backend *nb)
{
	free(nb);
}

static const struct net_ops wire_ops = {
	.name = "wire", .send = wire_send, .resume = wire_resume, .destroy = wire_destroy
};

static struct device *fuzz_create(struct mock_env *m, u8 choice)
{
	const struct dev_range mmio = { DEV_MMIO, PC_VIRTIO_BASE, PC_VIRTIO_STEP };
	const u8 mac[6] = { 2 };

	wire = calloc(1, sizeof(*wire));
	if (!wire)
		abort();
	wire->nb.ops = &wire_ops;
	wire->nb.env = &m->env;
	wire->nb.offloads = choice & 1 ? VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) : 0;
	return virtio_net_create(&m->env, &mmio, mock_line(m, 16), &wire->nb, mac);
}

static void fuzz_backend(struct mock_env *m, struct device *dev, u8 a, u32 value)
{
	const struct net_client *c = &wire->nb.client;

	(void)m, (void)dev;
	c->enter(c->arg);
	if (a & 1 || c->can_receive(c->arg))
		deliver(wire, a & 2 ? value % NET_MAX_FRAME : value % 1600);
	c->leave(c->arg);
}

static void fuzz_destroy(struct mock_env *m, struct device *dev)
{
	(void)m;
	dev->class->destroy(dev);
}
