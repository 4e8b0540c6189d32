/* SPDX-License-Identifier: MIT */
/*
 * net.h - virtio network card (virtio 1.2, 5.1): one queue in, one out, on a struct net_backend.
 *
 * Rule T1: a received frame that takes several buffers appears to the driver at once, or not at all.
 */
#ifndef DEVICES_VIRTIO_NET_H
#define DEVICES_VIRTIO_NET_H

#include "devices/net.h"

extern const struct device_class virtio_net_class;

/*
 * The backend is the device's from here on, also on failure. NULL with errno set. Before the machine
 * runs.
 */
struct device *virtio_net_create(const struct dev_env *env, const struct dev_range *mmio,
				 struct irq_line irq, struct net_backend *backend, const u8 mac[6]);

#endif
