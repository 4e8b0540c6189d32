/* SPDX-License-Identifier: MIT */
/* net.c - see net.h. */
#include "devices/virtio/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/virtio.h"

#define HDR_LEN sizeof(struct virtio_net_hdr)

/* Buffers of one received frame: the largest one in buffers of 1 KiB. */
#define MAX_BUFFERS 66

/* All fields: the device's lock. */
struct virtio_net {
	struct virtio_dev vd; /* first */
	struct net_backend *backend;
	struct virtio_net_config config;
	bool starved; /* receive() said no */
	struct vq_used used[MAX_BUFFERS];
	struct vq_chain first, rx, tx;
};

static struct virtio_net *to_net(struct virtio_dev *vd)
{
	return container_of(vd, struct virtio_net, vd);
}

/* --- receiving ------------------------------------------------------------------------------------- */

/* Pops a buffer, if need be after telling the driver to ring when it adds one. */
static bool pop_buffer(struct virtio_dev *vd, struct vq_chain *c)
{
	while (!virtio_pop(vd, VIRTIO_NET_RXQ, c))
		if (!vq_listen(&vd->vq[VIRTIO_NET_RXQ]))
			return false;
	return true;
}

static void put_back(struct virtio_net *net, unsigned n)
{
	while (n)
		vq_unpop(&net->vd.vq[VIRTIO_NET_RXQ], net->used[--n].nr_desc);
}

/*
 * Copies the frame into as many buffers as it takes. 1: done; 0: too few buffers for now, none is
 * taken; -EMSGSIZE: it never fits.
 */
static int fill_buffers(struct virtio_net *net, const u8 *frame, size_t len)
{
	struct vq_chain *c = &net->first;
	bool mergeable = virtio_accepted(&net->vd, VIRTIO_NET_F_MRG_RXBUF);
	size_t done = 0, offset = HDR_LEN;
	unsigned n = 0;

	for (;;) {
		size_t part;

		if (!pop_buffer(&net->vd, c)) {
			put_back(net, n);
			return 0;
		}
		part = iov_write(c->iov + c->nr_out, c->nr_in, offset, frame + done, len - done);
		done += part;
		net->used[n++] = vq_used(c, (u32)(part + offset));
		if (done == len && c->len_in >= offset)
			break;
		if (!mergeable || n == MAX_BUFFERS || c->len_in <= offset) {
			put_back(net, n);
			return -EMSGSIZE;
		}
		offset = 0;
		c = &net->rx;
	}
	return (int)n;
}

static bool net_receive(void *arg, const struct virtio_net_hdr *hdr, const u8 *frame, size_t len)
{
	struct virtio_net *net = arg;
	struct virtio_net_hdr h = *hdr;
	int n;

	if (!virtio_queue_usable(&net->vd, VIRTIO_NET_RXQ))
		return true; /* nobody is there: lost, as on a wire */
	n = fill_buffers(net, frame, len);
	if (n == 0) {
		net->starved = true;
		return false;
	}
	if (n < 0)
		return true;
	h.num_buffers = (u16)n;
	iov_write(net->first.iov + net->first.nr_out, net->first.nr_in, 0, &h, sizeof(h));
	vq_push_all(&net->vd.vq[VIRTIO_NET_RXQ], net->used, (unsigned)n); /* T1 */
	return true;
}

static bool net_can_receive(void *arg)
{
	struct virtio_net *net = arg;

	if (!virtio_queue_usable(&net->vd, VIRTIO_NET_RXQ))
		return true;
	if (vq_pending(&net->vd.vq[VIRTIO_NET_RXQ]) || vq_listen(&net->vd.vq[VIRTIO_NET_RXQ]))
		return true;
	net->starved = true;
	return false;
}

static void net_enter(void *arg)
{
	pthread_mutex_lock(&((struct virtio_net *)arg)->vd.lock);
}

static void net_leave(void *arg)
{
	struct virtio_net *net = arg;

	virtio_signal(&net->vd, VIRTIO_NET_RXQ);
	pthread_mutex_unlock(&net->vd.lock);
}

/* --- sending ---------------------------------------------------------------------------------------- */

static bool serve_tx(struct virtio_dev *vd, unsigned q, struct vq_chain *c)
{
	struct net_backend *nb = to_net(vd)->backend;

	/* What is no frame, and what no wire carries, is dropped. */
	if (c->len_out > HDR_LEN && c->len_out <= HDR_LEN + NET_MAX_FRAME)
		nb->ops->send(nb, c->iov, c->nr_out, c->len_out);
	vq_push(&vd->vq[q], c, 0);
	return true;
}

static void net_queue_ready(struct virtio_dev *vd, unsigned q)
{
	struct virtio_net *net = to_net(vd);
	struct net_backend *nb = net->backend;

	if (q == VIRTIO_NET_TXQ) {
		if (!vq_pending(&vd->vq[q]))
			return;
		virtio_serve(vd, q, &net->tx, serve_tx);
		if (nb->ops->flush)
			nb->ops->flush(nb);
		virtio_signal(vd, VIRTIO_NET_RXQ); /* answers that came at once */
	} else if (net->starved && vq_pending(&vd->vq[q])) {
		net->starved = false;
		nb->ops->resume(nb);
		virtio_signal(vd, q);
	}
}

/* --- life --------------------------------------------------------------------------------------------- */

static void net_features(struct virtio_dev *vd, u64 accepted)
{
	struct net_backend *nb = to_net(vd)->backend;

	if (nb->ops->features)
		nb->ops->features(nb, accepted);
}

static const struct virtio_class net_virtio = {
	.device_id = VIRTIO_ID_NET,
	.features = net_features,
	.queue_ready = net_queue_ready,
};

static void net_destroy(struct device *dev)
{
	struct virtio_net *net = to_net(to_virtio(dev));

	net->backend->ops->destroy(net->backend);
	virtio_fini(&net->vd);
	free(net);
}

struct device *virtio_net_create(const struct dev_env *env, const struct dev_range *mmio,
				 struct irq_line irq, struct net_backend *backend, const u8 mac[6])
{
	struct virtio_net *net = calloc(1, sizeof(*net));
	struct virtio_init init = {
		.dc = &virtio_net_class,
		.vc = &net_virtio,
		.env = env,
		.mmio = *mmio,
		.irq = irq,
		.features = backend->offloads | VIRTIO_BIT(VIRTIO_NET_F_MAC) |
			    VIRTIO_BIT(VIRTIO_NET_F_STATUS) | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF),
		.nr_queues = 2,
		.queue_max = VIRTQ_MAX_SIZE,
		.config_len = sizeof(struct virtio_net_config),
	};
	int err = net ? 0 : -ENOMEM;

	if (net) {
		memcpy(net->config.mac, mac, 6);
		net->config.status = VIRTIO_NET_S_LINK_UP;
		net->config.max_virtqueue_pairs = 1;
		net->backend = backend;
		init.config = (u8 *)&net->config;
		err = virtio_init(&net->vd, &init);
	}
	if (err) {
		backend->ops->destroy(backend);
		free(net);
		errno = -err;
		return NULL;
	}
	backend->client =
		(struct net_client){ net, net_enter, net_leave, net_receive, net_can_receive };
	return &net->vd.dev;
}

const struct device_class virtio_net_class = {
	.name = "virtio-net",
	.description = "virtio network card",
	.reset = virtio_mmio_reset,
	.read = virtio_mmio_read,
	.write = virtio_mmio_write,
	.destroy = net_destroy,
	.state_offset = offsetof(struct virtio_dev, s),
	.state_size = sizeof(struct virtio_state),
	.post_load = virtio_post_load,
	.describe_fdt = virtio_describe_fdt,
	.describe_acpi = virtio_describe_acpi,
};
