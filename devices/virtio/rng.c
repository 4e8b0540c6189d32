/* SPDX-License-Identifier: MIT */
/* rng.c - see rng.h. One queue, whose buffers are filled. */
#include "devices/virtio/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "devices/virtio/virtio.h"

/*
 * 5.4.6.2 lets a device fill less than was asked for; more would hold up the loop. getrandom(2) is
 * not interrupted and not cut short up to 256 bytes, and checked beyond.
 */
#define MOST_AT_ONCE 4096u

struct rng {
	struct virtio_dev vd; /* first */
	struct vq_chain chain;
};

static bool rng_serve(struct virtio_dev *vd, unsigned q, struct vq_chain *c)
{
	u32 done = 0;

	for (unsigned i = c->nr_out; i < (unsigned)c->nr_out + c->nr_in && done < MOST_AT_ONCE;
	     i++) {
		size_t want = MIN(c->iov[i].iov_len, (size_t)(MOST_AT_ONCE - done));
		ssize_t got = getrandom(c->iov[i].iov_base, want, GRND_NONBLOCK);

		if (got > 0)
			done += (u32)got;
		if (got != (ssize_t)want)
			break;
	}
	vq_push(&vd->vq[q], c, done);
	return true;
}

static void rng_ready(struct virtio_dev *vd, unsigned q)
{
	virtio_serve(vd, q, &((struct rng *)vd)->chain, rng_serve);
}

static const struct virtio_class rng_virtio = {
	.device_id = VIRTIO_ID_RNG,
	.queue_ready = rng_ready,
};

static void rng_destroy(struct device *dev)
{
	virtio_fini(to_virtio(dev));
	free(to_virtio(dev));
}

struct device *virtio_rng_create(const struct dev_env *env, const struct dev_range *mmio,
				 struct irq_line irq)
{
	const struct virtio_init init = {
		.dc = &virtio_rng_class,
		.vc = &rng_virtio,
		.env = env,
		.mmio = *mmio,
		.irq = irq,
		.nr_queues = 1,
		.queue_max = 64,
	};
	struct rng *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return NULL;
	err = virtio_init(&r->vd, &init);
	if (err) {
		free(r);
		errno = -err;
		return NULL;
	}
	return &r->vd.dev;
}

const struct device_class virtio_rng_class = {
	.name = "virtio-rng",
	.description = "virtio entropy source",
	.reset = virtio_mmio_reset,
	.read = virtio_mmio_read,
	.write = virtio_mmio_write,
	.destroy = rng_destroy,
	.state_offset = offsetof(struct virtio_dev, s),
	.state_size = sizeof(struct virtio_state),
	.post_load = virtio_post_load,
	.describe_fdt = virtio_describe_fdt,
	.describe_acpi = virtio_describe_acpi,
};
