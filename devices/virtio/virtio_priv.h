/* SPDX-License-Identifier: MIT */
/* virtio_priv.h - between virtio.c and virtio_mmio.c. */
#ifndef DEVICES_VIRTIO_VIRTIO_PRIV_H
#define DEVICES_VIRTIO_VIRTIO_PRIV_H

#include "devices/virtio/virtio.h"

/* As after power-on, with V1 kept. Lock held. */
void virtio_reset_locked(struct virtio_dev *vd);

/* Nothing is in flight; then queue q may go down. Lock held. */
void virtio_quiesce(struct virtio_dev *vd);
void virtio_queue_down(struct virtio_dev *vd, unsigned q);

#endif
