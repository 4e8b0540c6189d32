/* SPDX-License-Identifier: MIT */
/*
 * virtio_net.c - the network card of the para side (virtio 1.2, 5.1): a ring of empty buffers for what comes
 * in, and one of copies of what goes out, which are collected when there is need of them. No offloads: a
 * frame is a frame.
 */
#include "guest/drivers/net.h"
#include "guest/drivers/virtio/virtio.h"
#include "guest/kernel/printk.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "devices/abi/virtio_net.h"

#define BUFFERS 16u
#define HEADER	sizeof(struct virtio_net_hdr)

struct buffer {
	u8 bytes[2048]; /* header and frame; never across a page */
};

static struct vnet {
	struct net_device dev; /* its lock is for all that follows, too */
	struct virtio_device *vd;
	struct virtqueue rx, tx;
	struct buffer *free[BUFFERS]; /* of tx */
	unsigned nr_free;
	u8 memory[2][VQ_MEMORY] __attribute__((aligned(VQ_MEMORY)));
	struct buffer in[BUFFERS], out[BUFFERS];
} eth0 __attribute__((aligned(VQ_MEMORY)));

static void collect(struct vnet *v)
{
	struct buffer *b;

	while ((b = vq_get(&v->tx, NULL)))
		v->free[v->nr_free++] = b;
}

/* struct net_if.send; the lock is held. */
static int vnet_send(struct net_if *nif, const void *frame, size_t n)
{
	struct vnet *v = nif->driver;
	struct buffer *b;
	struct vq_buf buf;

	collect(v);
	if (!v->nr_free)
		return -ENOSPC;
	b = v->free[--v->nr_free];
	memset(b->bytes, 0, HEADER);
	memcpy(b->bytes + HEADER, frame, n);
	buf = (struct vq_buf){ b->bytes, (u32)(HEADER + n) };
	vq_add(&v->tx, &buf, 1, 0, b); /* as many descriptors as buffers */
	vq_kick(&v->tx);
	return 0;
}

static void offer(struct vnet *v, struct buffer *b)
{
	const struct vq_buf buf = { b->bytes, sizeof(b->bytes) };

	vq_add(&v->rx, &buf, 0, 1, b);
}

static void vnet_interrupt(void *arg)
{
	struct vnet *v = arg;

	spin_lock(&v->dev.lock);
	do {
		struct buffer *b;
		u32 len;

		vq_quiet(&v->rx);
		while ((b = vq_get(&v->rx, &len))) {
			if (len > HEADER && len <= sizeof(b->bytes))
				net_input(&v->dev, b->bytes + HEADER, len - HEADER);
			offer(v, b);
		}
		vq_kick(&v->rx);
	} while (!vq_listen(&v->rx));
	spin_unlock(&v->dev.lock);
}

int virtio_net_probe(struct virtio_device *vd)
{
	struct vnet *v = &eth0;
	int err = v->vd ? -EBUSY : virtio_start(vd, VIRTIO_BIT(VIRTIO_NET_F_MAC));
	u8 mac[6];

	if (!err && !virtio_has(vd, VIRTIO_NET_F_MAC))
		err = -ENODEV; /* somebody would have to make one up */
	if (!err)
		err = vq_setup(vd, &v->rx, VIRTIO_NET_RXQ, v->memory[0]);
	if (!err)
		err = vq_setup(vd, &v->tx, VIRTIO_NET_TXQ, v->memory[1]);
	if (!err && (v->rx.num < BUFFERS || v->tx.num < BUFFERS))
		err = -ENODEV;
	if (err)
		return err;
	virtio_config_read(vd, offsetof(struct virtio_net_config, mac), mac, sizeof(mac));
	net_device_init(&v->dev, "eth0", mac, vnet_send, v);
	v->vd = vd;
	for (unsigned i = 0; i < BUFFERS; i++) {
		offer(v, &v->in[i]);
		v->free[v->nr_free++] = &v->out[i];
	}
	if (!virtio_irq(vd, "eth0", vnet_interrupt, v))
		return -ENODEV;
	vq_quiet(&v->tx);
	vq_listen(&v->rx);
	virtio_ready(vd);
	vq_kick(&v->rx);
	net_register(&v->dev);
	pr_info("  eth0: virtio, %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		mac[4], mac[5]);
	return 0;
}
