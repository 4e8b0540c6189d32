/* SPDX-License-Identifier: MIT */
/*
 * balloon.h - virtio memory balloon (virtio 1.2, 5.5): guest memory that the host gets back.
 *
 * Rule B1: a page that the driver gave is dropped from the host (madvise(2)): it reads as zeroes when the
 *          guest touches it again. Huge pages of a pool stay: it might be dry by then.
 * Rule B2: a page number outside guest memory is ignored, and harms nobody else's.
 */
#ifndef DEVICES_VIRTIO_BALLOON_H
#define DEVICES_VIRTIO_BALLOON_H

#include "devices/abi/virtio_balloon.h"
#include "devices/device.h"

extern const struct device_class virtio_balloon_class;

/* drops: guest memory is ordinary anonymous memory (B1). NULL with errno set. */
struct device *virtio_balloon_create(const struct dev_env *env, const struct dev_range *mmio,
				     struct irq_line irq, bool drops);

/* How much memory the guest should give, in bytes; it is told, and takes its time. Any thread. */
void virtio_balloon_set_target(struct device *dev, u64 bytes);

/*
 * fn is called whenever the driver's own account of what it gave may have changed: on a vCPU thread,
 * with the device's lock held, so that it may do no more than wake somebody. Before the machine runs.
 */
void virtio_balloon_on_change(struct device *dev, void (*fn)(void *arg), void *arg);

struct virtio_balloon_info {
	u64 target, actual; /* bytes: wanted, and given by the driver's own account */
	u64 inflated;	    /* bytes: dropped because the driver inflated, since the start */
	u64 reported;	    /* bytes: dropped because the driver reported them as free */
	bool has_stats;
	u64 stat[VIRTIO_BALLOON_NR_STATS]; /* by VIRTIO_BALLOON_S_*; all-ones: not told */
};

void virtio_balloon_info(struct device *dev, struct virtio_balloon_info *out);

/* Asks the driver for new statistics; they are in the info when it has answered. Any thread. */
void virtio_balloon_ask_stats(struct device *dev);

#endif
