/* SPDX-License-Identifier: MIT */
/* virtio_rng.c - random bytes from the host (virtio 1.2, 5.4): a buffer goes there and comes back full. */
#include "guest/drivers/virtio/virtio.h"
#include "guest/drivers/waiting.h"
#include "guest/kernel/printk.h"
#include "guest/lib/errno.h"
#include "guest/locking/spinlock.h"

struct rng_request {
	struct waiting w;
	u32 got;
};

static struct {
	struct virtio_device *vd; /* NULL: none */
	spinlock_t lock;
	struct virtqueue vq; /* lock */
	u8 memory[VQ_MEMORY] __attribute__((aligned(VQ_MEMORY)));
} rng;

static void rng_interrupt(void *unused)
{
	struct rng_request *r;
	u32 len;

	(void)unused;
	spin_lock(&rng.lock);
	do {
		while ((r = vq_get(&rng.vq, &len))) {
			r->got = len;
			waiting_done(&r->w);
		}
	} while (!vq_listen(&rng.vq));
	spin_unlock(&rng.lock);
}

int virtio_rng_read(void *buf, u32 n)
{
	struct rng_request r;

	/* The device may give fewer bytes than asked for, at least one. */
	for (u8 *to = buf; n; to += r.got, n -= MIN(n, r.got)) {
		const struct vq_buf b = { to, n };
		u64 flags;
		int err;

		if (!rng.vd)
			return -ENODEV;
		waiting_init(&r.w);
		flags = spin_lock_irqsave(&rng.lock);
		err = vq_add(&rng.vq, &b, 0, 1, &r);
		vq_kick(&rng.vq);
		spin_unlock_irqrestore(&rng.lock, flags);
		if (err)
			return err;
		waiting_wait(&r.w);
		if (!r.got)
			return -EIO;
	}
	return 0;
}

int virtio_rng_probe(struct virtio_device *vd)
{
	int err = rng.vd ? -EBUSY : virtio_start(vd, 0);

	if (!err)
		err = vq_setup(vd, &rng.vq, 0, rng.memory);
	if (err)
		return err;
	spin_lock_init(&rng.lock);
	if (!virtio_irq(vd, "hwrng", rng_interrupt, NULL))
		return -ENODEV;
	vq_listen(&rng.vq);
	virtio_ready(vd);
	rng.vd = vd;
	pr_info("  hwrng: virtio");
	return 0;
}
