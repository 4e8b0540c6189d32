/* SPDX-License-Identifier: MIT */
/* virtqueue_priv.h - between virtqueue.c and the two ring layouts; for virtqueue*.c only. */
#ifndef DEVICES_VIRTIO_VIRTQUEUE_PRIV_H
#define DEVICES_VIRTIO_VIRTQUEUE_PRIV_H

#include <string.h>

#include "devices/virtio/virtqueue.h"

/* A descriptor of either layout: next is the split one's. */
struct vq_desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next; /* packed: the buffer's id */
};

/*
 * A copy that the compiler cannot make anew from memory that the driver may have changed since. The
 * packed layout has id before flags, the split one flags before next.
 */
static inline struct vq_desc vq_load_desc(const void *table, u32 index, bool packed)
{
	struct virtq_desc d;

	memcpy(&d, (const u8 *)table + (u64)index * sizeof(d), sizeof(d));
	__asm__ volatile("" : "+m"(d));
	return (struct vq_desc){ d.addr, d.len, packed ? d.next : d.flags,
				 packed ? d.flags : d.next };
}

/* Adds [addr, addr + len) to the chain; false: not guest memory, or a broken rule. */
bool vq_add_piece(const struct guest_mem *mem, struct vq_chain *c, const struct vq_desc *d);

/* Adds the table that the indirect descriptor d points to; false as above. */
bool vq_add_indirect(const struct virtqueue *vq, struct vq_chain *c, const struct vq_desc *d);

/* 2.7.10: the driver asked to hear when `event` is passed on the way from `old` to `new`. */
static inline bool vq_event_passed(u16 event, u16 new, u16 old)
{
	return (u16)(new - event - 1) < (u16)(new - old);
}

int vq_split_pop(struct virtqueue *vq, struct vq_chain *c); /* as vq_pop() */
void vq_split_push(struct virtqueue *vq, const struct vq_used *u, unsigned n);
bool vq_split_should_signal(struct virtqueue *vq);
void vq_split_listen(struct virtqueue *vq, bool on);
bool vq_split_pending(const struct virtqueue *vq);

int vq_packed_pop(struct virtqueue *vq, struct vq_chain *c);
void vq_packed_push(struct virtqueue *vq, const struct vq_used *u, unsigned n);
bool vq_packed_should_signal(struct virtqueue *vq);
void vq_packed_listen(struct virtqueue *vq, bool on);
bool vq_packed_pending(const struct virtqueue *vq);
void vq_packed_unpop(struct virtqueue *vq, u16 nr_desc);

#endif
