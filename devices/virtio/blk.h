/* SPDX-License-Identifier: MIT */
/*
 * blk.h - virtio block device (virtio 1.2, 5.2) on a disk image.
 *
 * Rule K1: a request ends once, with a status byte, whatever the image answered.
 * Rule K2: without VIRTIO_BLK_F_FLUSH each write is durable when it ends; with it, what ended before a
 *          flush began is durable when the flush ends.
 */
#ifndef DEVICES_VIRTIO_BLK_H
#define DEVICES_VIRTIO_BLK_H

#include "devices/block.h"
#include "devices/device.h"

#define VIRTIO_BLK_MAX_QUEUES 4u

extern const struct device_class virtio_blk_class;

struct virtio_blk_init {
	struct block *block; /* the device's from here on, also on failure */
	const char *serial;  /* up to 20 bytes are shown; "" for none */
	unsigned queues;     /* 1..VIRTIO_BLK_MAX_QUEUES */
};

/* NULL with errno set. Before the machine runs. */
struct device *virtio_blk_create(const struct dev_env *env, const struct dev_range *mmio,
				 struct irq_line irq, const struct virtio_blk_init *init);

/* The image may have another size now: the guest is told. Loop thread. */
void virtio_blk_resized(struct device *dev);

#endif
