/* SPDX-License-Identifier: MIT */
/* virtio.c - a device's life, its doorbell and its interrupt; see virtio.h. Registers: virtio_mmio.c. */
#include "devices/virtio/virtio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/virtio/virtio_priv.h"

#define TRANSPORT_FEATURES                                                   \
	(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_RING_PACKED) | \
	 VIRTIO_BIT(VIRTIO_F_RING_EVENT_IDX) | VIRTIO_BIT(VIRTIO_F_RING_INDIRECT_DESC))

static void ring(int eventfd)
{
	const u64 one = 1;
	ssize_t n = write(eventfd, &one, sizeof(one));

	(void)n; /* EAGAIN: the counter is full, so it is signalled already */
}

/* --- doorbell ------------------------------------------------------------------------------------ */

bool virtio_queue_usable(const struct virtio_dev *vd, unsigned q)
{
	const u32 mask =
		VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_NEEDS_RESET;

	return q < vd->nr_queues && vd->vq[q].desc &&
	       (vd->s.status & mask) == (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_FEATURES_OK);
}

/* Edge-triggered: what the counter holds does not matter, and is never read. */
static void on_kick(void *arg, u32 events)
{
	struct virtio_dev *vd = arg;

	(void)events;
	pthread_mutex_lock(&vd->lock);
	vd->nr_kicks++;
	for (unsigned q = 0; q < vd->nr_queues; q++)
		if (virtio_queue_usable(vd, q))
			vd->vc->queue_ready(vd, q);
	pthread_mutex_unlock(&vd->lock);
}

void virtio_kick(struct virtio_dev *vd)
{
	ring(vd->kick_fd);
}

/* --- interrupts ---------------------------------------------------------------------------------- */

static void interrupt(struct virtio_dev *vd, u32 bit)
{
	__atomic_fetch_or(&vd->s.isr, bit, __ATOMIC_SEQ_CST);
	vd->nr_interrupts++;
	if (vd->irq_fd >= 0) {
		ring(vd->irq_fd);
	} else {
		irq_set(&vd->dev.irq, 1);
		irq_set(&vd->dev.irq, 0);
	}
}

void virtio_signal(struct virtio_dev *vd, unsigned q)
{
	if (virtio_queue_usable(vd, q) && vq_should_signal(&vd->vq[q]))
		interrupt(vd, VIRTIO_INT_QUEUE);
}

void virtio_config_changed(struct virtio_dev *vd)
{
	__atomic_fetch_add(&vd->s.generation, 1, __ATOMIC_RELEASE);
	if (vd->s.status & VIRTIO_STATUS_DRIVER_OK)
		interrupt(vd, VIRTIO_INT_CONFIG);
}

void virtio_broken(struct virtio_dev *vd)
{
	if (vd->s.status & VIRTIO_STATUS_NEEDS_RESET)
		return;
	__atomic_fetch_or(&vd->s.status, VIRTIO_STATUS_NEEDS_RESET, __ATOMIC_SEQ_CST);
	if (vd->s.status & VIRTIO_STATUS_DRIVER_OK)
		interrupt(vd, VIRTIO_INT_CONFIG);
}

int virtio_pop(struct virtio_dev *vd, unsigned q, struct vq_chain *c)
{
	int got = vq_pop(&vd->vq[q], c);

	if (got < 0)
		virtio_broken(vd);
	return got > 0;
}

void virtio_serve(struct virtio_dev *vd, unsigned q, struct vq_chain *c,
		  bool (*serve)(struct virtio_dev *vd, unsigned q, struct vq_chain *c))
{
	struct virtqueue *vq = &vd->vq[q];
	unsigned left = vq->s->size;

	vq_quiet(vq);
	do {
		while (left && virtio_pop(vd, q, c)) {
			left--;
			if (!serve(vd, q, c)) {
				virtio_signal(vd, q);
				return; /* and quiet: whoever said no comes back by itself */
			}
		}
		if (!left) {
			virtio_kick(vd);
			break;
		}
	} while (vq_listen(vq));
	virtio_signal(vd, q);
}

/* --- life ---------------------------------------------------------------------------------------- */

void virtio_quiesce(struct virtio_dev *vd)
{
	if (vd->vc->quiesce)
		vd->vc->quiesce(vd);
}

void virtio_queue_down(struct virtio_dev *vd, unsigned q)
{
	if (vd->vc->queue_stop)
		vd->vc->queue_stop(vd, q);
	vq_stop(&vd->vq[q]);
	memset(vd->vq[q].s, 0, sizeof(*vd->vq[q].s));
}

void virtio_reset_locked(struct virtio_dev *vd)
{
	virtio_quiesce(vd);
	for (unsigned q = 0; q < vd->nr_queues; q++)
		virtio_queue_down(vd, q);
	if (vd->vc->reset)
		vd->vc->reset(vd);
	vd->s.driver_features = 0;
	vd->s.device_features_sel = vd->s.driver_features_sel = 0;
	vd->s.queue_sel = 0;
	__atomic_store_n(&vd->s.isr, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&vd->s.status, 0, __ATOMIC_SEQ_CST);
}

static int connect_fds(struct virtio_dev *vd)
{
	const struct dev_env *env = vd->dev.env;
	const struct dev_range bell = { DEV_MMIO, vd->dev.range[0].base + VIRTIO_MMIO_QUEUE_NOTIFY,
					4 };
	int err;

	vd->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vd->kick_fd < 0)
		return -errno;
	err = env->watch_fd(env->ctx, vd->kick_fd, EPOLLIN | EPOLLET, on_kick, vd);
	if (err)
		return err;
	vd->kernel_doorbell =
		env->doorbell_fd && !env->doorbell_fd(env->ctx, vd->kick_fd, &bell, true);
	if (!env->irq_fd)
		return 0;
	vd->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vd->irq_fd < 0)
		return -errno;
	if (env->irq_fd(env->ctx, vd->irq_fd, vd->dev.irq.gsi, true)) {
		close(vd->irq_fd);
		vd->irq_fd = -1;
	}
	return 0;
}

int virtio_init(struct virtio_dev *vd, const struct virtio_init *init)
{
	int err;

	vd->dev = (struct device){ .class = init->dc,
				   .env = init->env,
				   .irq = init->irq,
				   .range = { init->mmio },
				   .nr_ranges = 1 };
	vd->vc = init->vc;
	vd->features = init->features | TRANSPORT_FEATURES;
	vd->nr_queues = init->nr_queues;
	vd->config = init->config;
	vd->config_len = init->config_len;
	vd->kick_fd = vd->irq_fd = -1;
	vd->vq = calloc(init->nr_queues, sizeof(*vd->vq));
	if (!vd->vq)
		return -ENOMEM;
	pthread_mutex_init(&vd->lock, NULL);
	for (unsigned q = 0; q < vd->nr_queues; q++) {
		vd->vq[q].s = &vd->s.queue[q];
		vd->vq[q].mem = init->env->mem;
		vd->vq[q].max = init->queue_max;
	}
	err = connect_fds(vd);
	if (err)
		virtio_fini(vd);
	return err;
}

void virtio_fini(struct virtio_dev *vd)
{
	const struct dev_env *env = vd->dev.env;

	if (!vd->vq)
		return;
	/* KVM lets go of an eventfd that is closed; the VM ends with its devices. */
	if (vd->kick_fd >= 0) {
		env->unwatch_fd(env->ctx, vd->kick_fd);
		close(vd->kick_fd);
	}
	if (vd->irq_fd >= 0)
		close(vd->irq_fd);
	pthread_mutex_destroy(&vd->lock);
	free(vd->vq);
	vd->vq = NULL;
}

void virtio_mmio_reset(struct device *dev)
{
	struct virtio_dev *vd = to_virtio(dev);

	pthread_mutex_lock(&vd->lock);
	virtio_reset_locked(vd);
	pthread_mutex_unlock(&vd->lock);
}

int virtio_post_load(struct device *dev)
{
	struct virtio_dev *vd = to_virtio(dev);
	int err = 0;

	if (vd->s.driver_features & ~vd->features)
		return -EINVAL;
	pthread_mutex_lock(&vd->lock);
	for (unsigned q = 0; q < VIRTIO_MAX_QUEUES; q++) {
		struct virtq_state *s = &vd->s.queue[q];

		if (!s->ready)
			continue;
		if (q >= vd->nr_queues || vq_start(&vd->vq[q], vd->s.driver_features) ||
		    vq_check(&vd->vq[q])) {
			err = -EINVAL;
			break;
		}
	}
	if (err)
		virtio_reset_locked(vd);
	pthread_mutex_unlock(&vd->lock);
	if (!err)
		virtio_kick(vd);
	return err;
}
