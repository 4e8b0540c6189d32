/* SPDX-License-Identifier: MIT */
/*
 * virtio.h - virtio devices behind MMIO registers (virtio 1.2, 2 and 4.2), and their queues (2.7,
 * split rings with event indices).
 *
 * A driver: virtio_start(), vq_setup() for each queue, virtio_ready(), then buffers. A queue is its
 * driver's to lock. A queue costs one page and is never larger.
 *
 * A doorbell is the only register that is touched for a request, and none for an interrupt: an edge
 * needs no acknowledgment, and the rings tell what happened. Only a driver that cares for changes
 * of the configuration asks virtio_config_changed().
 */
#ifndef GUEST_DRIVERS_VIRTIO_VIRTIO_H
#define GUEST_DRIVERS_VIRTIO_VIRTIO_H

#include "guest/kernel/irq.h"
#include "guest/lib/types.h"
#include "devices/abi/virtio.h"

#define VQ_SIZE	      64u /* descriptors: what fits a page with both rings */
#define VQ_MEMORY     4096u
#define VIRTIO_BIT(n) (1ULL << (n))

struct virtio_device {
	volatile u8 *regs;
	u32 id;
	unsigned gsi;
	u64 features; /* negotiated */
};

/* Finds devices in the device tree and starts their drivers. How many got one. Boot context. */
unsigned virtio_probe(void);

/* Whether the device tree has a device of that kind; needs no mapping. Before paging_init() only. */
bool virtio_present_early(u32 id);

/*
 * Resets, and takes those of `wanted` that the device offers, VERSION_1 and EVENT_IDX. 0, or -ENODEV
 * when they cannot agree. Boot context.
 */
int virtio_start(struct virtio_device *vd, u64 wanted);

/* The driver is ready: queues are looked at from here on. */
void virtio_ready(struct virtio_device *vd);
void virtio_reset(struct virtio_device *vd);

static inline bool virtio_has(const struct virtio_device *vd, unsigned bit)
{
	return vd->features & VIRTIO_BIT(bit);
}

/* n bytes of the device's configuration, of 1, 2, 4 each as aligned: a consistent copy. */
void virtio_config_read(const struct virtio_device *vd, u32 offset, void *to, u32 n);
void virtio_config_write32(const struct virtio_device *vd, u32 offset, u32 value);

/* In an interrupt handler: acknowledges; whether the configuration changed. */
bool virtio_config_changed(const struct virtio_device *vd);

/* Wires the device's interrupt. */
bool virtio_irq(struct virtio_device *vd, const char *name, irq_handler_fn fn, void *arg);

/* ---- queues ---------------------------------------------------------------------------------------- */

struct vq_buf {
	void *p; /* in the linear map or the kernel's image */
	u32 len;
};

struct virtqueue {
	struct virtio_device *vd;
	unsigned index;
	u16 num;	   /* descriptors */
	u16 free, nr_free; /* a chain through `next` */
	u16 avail_idx;	   /* ours, ahead of the ring's until vq_kick() */
	u16 kicked;	   /* avail_idx when the device was last asked to look */
	u16 used_idx;	   /* up to where we have looked */
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	volatile struct virtq_used *used;
	void *token[VQ_SIZE];
	u64 kicks; /* doorbells rung */
};

/* memory: VQ_MEMORY bytes, aligned to that. -ENODEV: there is no such queue. */
int vq_setup(struct virtio_device *vd, struct virtqueue *vq, unsigned index, void *memory);

/*
 * Adds a chain: `out` buffers for the device to read, then `in` for it to write. token comes back from
 * vq_get(). -ENOSPC: the queue is full. The device is told by vq_kick().
 */
int vq_add(struct virtqueue *vq, const struct vq_buf *buf, unsigned out, unsigned in, void *token);

/* Rings the doorbell for what was added, unless the device looks anyway. */
void vq_kick(struct virtqueue *vq);

/* A chain that the device is done with: its token, and how many bytes it wrote. NULL: none. */
void *vq_get(struct virtqueue *vq, u32 *len);

/* No interrupts; or one for the next chain used: false when there is one already. */
void vq_quiet(struct virtqueue *vq);
bool vq_listen(struct virtqueue *vq);

/* ---- drivers: each starts on a device of its kind, or says why not. 0 or -errno. --------------- */

int virtio_blk_probe(struct virtio_device *vd);
int virtio_console_probe(struct virtio_device *vd);
int virtio_rng_probe(struct virtio_device *vd);
int virtio_balloon_probe(struct virtio_device *vd);
int virtio_net_probe(struct virtio_device *vd);

struct console;
/* hvc0; NULL: none. */
const struct console *virtio_console(void);
/* From now on fn is called, in the interrupt, when bytes have come in. False: no interrupt. */
bool virtio_console_listen(irq_handler_fn fn);
/* Up to n bytes that have come in; how many. IRQs off. */
size_t virtio_console_read(u8 *buf, size_t n);

/* Fills a buffer with random bytes from the host and waits. -ENODEV without a device. */
int virtio_rng_read(void *buf, u32 n);

#endif
