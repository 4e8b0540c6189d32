/* SPDX-License-Identifier: MIT */
/*
 * console.h - virtio console (virtio 1.2, 5.3): one port or several, each a chardev at the host end.
 *
 * Rule N1: nothing is lost for want of room: output waits in the driver's queue until the chardev
 *          has room, input in the chardev until the driver gives buffers.
 */
#ifndef DEVICES_VIRTIO_CONSOLE_H
#define DEVICES_VIRTIO_CONSOLE_H

#include "devices/chardev.h"
#include "devices/device.h"

#define VIRTIO_CONSOLE_MAX_PORTS 4

extern const struct device_class virtio_console_class;

/*
 * Port n on ports[n], whose client the device becomes; they outlive the device. All are consoles.
 * NULL with errno set. Before the machine runs.
 */
struct device *virtio_console_create(const struct dev_env *env, const struct dev_range *mmio,
				     struct irq_line irq, struct chardev *const *ports,
				     unsigned nr_ports);

/* The terminal at `port` has another size now. Loop thread, or before the machine runs. */
void virtio_console_resize(struct device *dev, unsigned port, u16 cols, u16 rows);

/*
 * Hands on what the driver has queued and no doorbell was answered for: its last words. Loop thread,
 * after the vCPUs have stopped. True: a chardev is full, flush it and come again.
 */
bool virtio_console_finish(struct device *dev);

#endif
