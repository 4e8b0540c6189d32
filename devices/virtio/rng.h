/* SPDX-License-Identifier: MIT */
/* rng.h - virtio entropy device (virtio 1.2, 5.4): the host kernel's random bytes for the guest. */
#ifndef DEVICES_VIRTIO_RNG_H
#define DEVICES_VIRTIO_RNG_H

#include "devices/device.h"

extern const struct device_class virtio_rng_class;

/* NULL with errno set. Before the machine runs. */
struct device *virtio_rng_create(const struct dev_env *env, const struct dev_range *mmio,
				 struct irq_line irq);

#endif
