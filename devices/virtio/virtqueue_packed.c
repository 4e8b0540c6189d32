/* SPDX-License-Identifier: MIT */
/*
 * virtqueue_packed.c - the packed layout (virtio 1.2, 2.8): one ring that both sides write. Whose
 * turn a descriptor is, its two flags say against the lap's wrap counter.
 */
#include <errno.h>
#include <stdatomic.h>

#include "devices/virtio/virtqueue_priv.h"

static u16 flags_at(const struct virtqueue *vq, u16 at)
{
	const struct virtq_packed_desc *ring = vq->desc;

	return __atomic_load_n(&ring[at].flags, __ATOMIC_ACQUIRE); /* Q3 */
}

bool vq_packed_pending(const struct virtqueue *vq)
{
	u16 flags = flags_at(vq, vq->s->next_avail);
	bool avail = flags & VIRTQ_PACKED_DESC_F_AVAIL, used = flags & VIRTQ_PACKED_DESC_F_USED;

	return avail == vq->s->avail_wrap && used != vq->s->avail_wrap;
}

/* Moves a position by n <= size descriptors. */
static void forward(u16 *at, u8 *wrap, u16 n, u16 size)
{
	unsigned to = *at + n;

	if (to >= size) {
		to -= size;
		*wrap ^= 1;
	}
	*at = (u16)to;
}

int vq_packed_pop(struct virtqueue *vq, struct vq_chain *c)
{
	struct virtq_state *s = vq->s;
	u16 at = s->next_avail;
	u8 wrap = s->avail_wrap;

	if (!vq_packed_pending(vq))
		return 0;
	if (s->in_flight >= s->size)
		return -EIO;
	while (c->nr_desc < MIN(s->size, VQ_MAX_SEGS)) { /* Q1 */
		struct vq_desc d = vq_load_desc(vq->desc, at, true);

		c->nr_desc++;
		forward(&at, &wrap, 1, s->size);
		if (d.flags & VIRTQ_DESC_F_INDIRECT) {
			if (!vq_add_indirect(vq, c, &d))
				return -EIO;
		} else if (!vq_add_piece(vq->mem, c, &d)) {
			return -EIO;
		}
		if (!(d.flags & VIRTQ_DESC_F_NEXT)) {
			c->id = d.next; /* 2.8.6: the last descriptor's counts */
			s->next_avail = at;
			s->avail_wrap = wrap;
			return 1;
		}
	}
	return -EIO;
}

void vq_packed_unpop(struct virtqueue *vq, u16 nr_desc)
{
	struct virtq_state *s = vq->s;

	if (s->next_avail < nr_desc) {
		s->next_avail = (u16)(s->next_avail + s->size);
		s->avail_wrap ^= 1;
	}
	s->next_avail = (u16)(s->next_avail - nr_desc);
}

void vq_packed_push(struct virtqueue *vq, const struct vq_used *u, unsigned n)
{
	struct virtq_packed_desc *ring = vq->desc, *first = &ring[vq->s->next_used];
	struct virtq_state *s = vq->s;
	u16 first_flags = 0;

	for (unsigned i = 0; i < n; i++) {
		struct virtq_packed_desc *d = &ring[s->next_used];
		u16 flags = s->used_wrap ? VIRTQ_PACKED_DESC_F_AVAIL | VIRTQ_PACKED_DESC_F_USED : 0;

		if (u[i].in)
			flags |= VIRTQ_DESC_F_WRITE; /* 2.8.3: len means something */
		d->id = u[i].id;
		d->len = u[i].written;
		if (i)
			__atomic_store_n(&d->flags, flags, __ATOMIC_RELAXED);
		else
			first_flags = flags;
		forward(&s->next_used, &s->used_wrap, u[i].nr_desc, s->size);
	}
	/* The driver stops at the first that is not used yet: this one last shows all of them. */
	__atomic_store_n(&first->flags, first_flags, __ATOMIC_RELEASE); /* Q3 */
}

bool vq_packed_should_signal(struct virtqueue *vq)
{
	const struct virtq_packed_event *ev = vq->driver;
	struct virtq_state *s = vq->s;
	/* Positions of this lap; what lies in the lap before counts down from 0. */
	u16 old = (u16)(s->signalled_used - (s->signalled_wrap != s->used_wrap ? s->size : 0));
	u16 flags, off_wrap, event;

	if (old == s->next_used)
		return false;
	s->signalled_used = s->next_used;
	s->signalled_wrap = s->used_wrap;
	/* What was used before the driver's wish (2.8.10). */
	atomic_thread_fence(memory_order_seq_cst);
	flags = __atomic_load_n(&ev->flags, __ATOMIC_ACQUIRE);
	if (flags != VIRTQ_EVENT_DESC || !vq->event_idx)
		return flags != VIRTQ_EVENT_DISABLE;
	off_wrap = __atomic_load_n(&ev->off_wrap, __ATOMIC_RELAXED);
	event = off_wrap & 0x7fff;
	if (off_wrap >> 15 != s->used_wrap)
		event = (u16)(event - s->size);
	return vq_event_passed(event, s->next_used, old);
}

void vq_packed_listen(struct virtqueue *vq, bool on)
{
	struct virtq_packed_event *ev = vq->device;
	const struct virtq_state *s = vq->s;
	u16 flags = VIRTQ_EVENT_DISABLE;

	if (on)
		flags = vq->event_idx ? VIRTQ_EVENT_DESC : VIRTQ_EVENT_ENABLE;
	if (on && vq->event_idx)
		__atomic_store_n(&ev->off_wrap, (u16)(s->next_avail | s->avail_wrap << 15),
				 __ATOMIC_RELAXED);
	__atomic_store_n(&ev->flags, flags, __ATOMIC_RELEASE);
}
