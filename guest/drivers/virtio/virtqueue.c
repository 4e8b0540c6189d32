/* SPDX-License-Identifier: MIT */
/*
 * virtqueue.c - a split queue from the driver's side (virtio 1.2, 2.7).
 *
 * Whether the other side must be told is a matter of indices (2.7.7.2, 2.7.10): both sides write down at
 * which index they want to hear again, so that a busy device needs no doorbell and a busy driver no
 * interrupt. Each side publishes its index, then looks at the other's: a full barrier between.
 */
#include "guest/arch/x86/paging.h"
#include "guest/drivers/virtio/virtio.h"
#include "guest/lib/atomic.h"
#include "guest/lib/errno.h"

/* Behind the last entry of each ring (2.7.6, 2.7.8). */
static volatile u16 *used_event(const struct virtqueue *vq)
{
	return &vq->avail->ring[vq->num];
}

static u16 avail_event(const struct virtqueue *vq)
{
	return *(const volatile u16 *)&vq->used->ring[vq->num];
}

int vq_add(struct virtqueue *vq, const struct vq_buf *buf, unsigned out, unsigned in, void *token)
{
	unsigned n = out + in;
	u16 head = vq->free, at = head;

	if (n > vq->nr_free)
		return -ENOSPC;
	for (unsigned i = 0; i < n; i++) {
		struct virtq_desc *d = &vq->desc[at];

		d->addr = __pa(buf[i].p);
		d->len = buf[i].len;
		d->flags = (u16)((i >= out ? VIRTQ_DESC_F_WRITE : 0) |
				 (i + 1 < n ? VIRTQ_DESC_F_NEXT : 0));
		at = d->next;
	}
	vq->free = at;
	vq->nr_free = (u16)(vq->nr_free - n);
	vq->token[head] = token;
	vq->avail->ring[vq->avail_idx & (vq->num - 1)] = head;
	vq->avail_idx++;
	return 0;
}

/* Whether an index that went from `old` to `now` passed `event` (2.7.7.2). */
static bool passed(u16 event, u16 now, u16 old)
{
	return (u16)(now - event - 1) < (u16)(now - old);
}

void vq_kick(struct virtqueue *vq)
{
	bool wanted;

	if (vq->kicked == vq->avail_idx)
		return;
	smp_store_release(&vq->avail->idx, vq->avail_idx);
	smp_mb();
	if (virtio_has(vq->vd, VIRTIO_F_RING_EVENT_IDX))
		wanted = passed(avail_event(vq), vq->avail_idx, vq->kicked);
	else
		wanted = !(vq->used->flags & VIRTQ_USED_F_NO_NOTIFY);
	vq->kicked = vq->avail_idx;
	if (!wanted)
		return;
	vq->kicks++;
	*(volatile u32 *)(vq->vd->regs + VIRTIO_MMIO_QUEUE_NOTIFY) = vq->index;
}

static void free_chain(struct virtqueue *vq, u16 head)
{
	u16 at = head, n = 1;

	for (; vq->desc[at].flags & VIRTQ_DESC_F_NEXT; n++)
		at = vq->desc[at].next;
	vq->desc[at].next = vq->free;
	vq->free = head;
	vq->nr_free = (u16)(vq->nr_free + n);
}

void *vq_get(struct virtqueue *vq, u32 *len)
{
	const volatile struct virtq_used_elem *e;
	u16 head;

	if (smp_load_acquire(&vq->used->idx) == vq->used_idx)
		return NULL;
	e = &vq->used->ring[vq->used_idx & (vq->num - 1)];
	head = (u16)e->id;
	if (len)
		*len = e->len;
	vq->used_idx++;
	free_chain(vq, head);
	return vq->token[head];
}

void vq_quiet(struct virtqueue *vq)
{
	vq->avail->flags = VIRTQ_AVAIL_F_NO_INTERRUPT;
	/* As far away as an index can be. */
	*used_event(vq) = (u16)(vq->used_idx + 0x8000);
}

bool vq_listen(struct virtqueue *vq)
{
	vq->avail->flags = 0;
	*used_event(vq) = vq->used_idx;
	smp_mb();
	return READ_ONCE(vq->used->idx) == vq->used_idx;
}
