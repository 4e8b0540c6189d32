/* SPDX-License-Identifier: MIT */
/* blk_priv.h - the inside of the virtio disk; for blk*.c only. */
#ifndef DEVICES_VIRTIO_BLK_PRIV_H
#define DEVICES_VIRTIO_BLK_PRIV_H

#include "devices/abi/virtio_blk.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/virtio.h"

#define BLK_MAX_SEGS  (VQ_MAX_SEGS - 2) /* the header and the status have pieces of their own */
#define BLK_MAX_RANGE (16 * MiB / VIRTIO_BLK_SECTOR)

/* A request under way. */
struct blk_slot {
	struct block_req req; /* first */
	struct virtio_blk *blk;
	struct blk_slot *next; /* while free */
	unsigned queue;
	u8 *status;  /* guest memory */
	u32 written; /* what the driver is told when all goes well, the status included */
	struct vq_chain chain;
};

/* All fields: the device's lock. */
struct virtio_blk {
	struct virtio_dev vd; /* first */
	struct block *block;
	struct virtio_blk_config config;
	char serial[VIRTIO_BLK_ID_BYTES];
	struct blk_slot *slots, *free;
	unsigned nr_slots_used; /* slots that were ever taken */
	u32 to_signal;		/* queues with chains pushed since their last signal */
	u32 stalled;		/* queues that wait for a free slot */
};

static inline struct virtio_blk *to_blk(struct virtio_dev *vd)
{
	return container_of(vd, struct virtio_blk, vd);
}

/* blk_io.c; lock held. */
void blk_queue_ready(struct virtio_dev *vd, unsigned q);
/* Takes in what the image has finished, signals, and goes on with queues that had to wait. */
void blk_complete(struct virtio_blk *blk);
void blk_signal(struct virtio_blk *blk);

/* blk.c: tells the driver when the image has another size. Lock held. */
void blk_check_size(struct virtio_blk *blk);

#endif
