/* SPDX-License-Identifier: MIT */
/* virtqueue_split.c - the split layout (virtio 1.2, 2.7): a table, an available and a used ring. */
#include <errno.h>
#include <stdatomic.h>

#include "devices/virtio/virtqueue_priv.h"

static u16 load16(const u16 *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* used_event lies behind the available ring, avail_event behind the used one. */
static u16 *avail_event(const struct virtqueue *vq)
{
	return (u16 *)&((struct virtq_used *)vq->device)->ring[vq->s->size];
}

static u16 avail_idx(const struct virtqueue *vq)
{
	const struct virtq_avail *avail = vq->driver;

	return __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE); /* Q3 */
}

bool vq_split_pending(const struct virtqueue *vq)
{
	return avail_idx(vq) != vq->s->next_avail;
}

int vq_split_pop(struct virtqueue *vq, struct vq_chain *c)
{
	const struct virtq_avail *avail = vq->driver;
	struct virtq_state *s = vq->s;
	u16 waiting = (u16)(avail_idx(vq) - s->next_avail);
	u16 at;

	if (!waiting)
		return 0;
	if (waiting > s->size || s->in_flight >= s->size)
		return -EIO;
	at = load16(&avail->ring[s->next_avail & (s->size - 1)]);
	c->id = at;
	while (at < s->size && c->nr_desc < MIN(s->size, VQ_MAX_SEGS)) { /* Q1 */
		struct vq_desc d = vq_load_desc(vq->desc, at, false);

		c->nr_desc++;
		if (d.flags & VIRTQ_DESC_F_INDIRECT) {
			if (!vq_add_indirect(vq, c, &d))
				return -EIO;
		} else if (!vq_add_piece(vq->mem, c, &d)) {
			return -EIO;
		}
		if (!(d.flags & VIRTQ_DESC_F_NEXT)) {
			s->next_avail++;
			return 1;
		}
		at = d.next;
	}
	return -EIO;
}

void vq_split_push(struct virtqueue *vq, const struct vq_used *u, unsigned n)
{
	struct virtq_used *used = vq->device;
	struct virtq_state *s = vq->s;

	for (unsigned i = 0; i < n; i++) {
		struct virtq_used_elem *e = &used->ring[s->next_used & (s->size - 1)];

		e->id = u[i].id;
		e->len = u[i].written;
		s->next_used++;
	}
	__atomic_store_n(&used->idx, s->next_used, __ATOMIC_RELEASE); /* Q3 */
}

bool vq_split_should_signal(struct virtqueue *vq)
{
	const struct virtq_avail *avail = vq->driver;
	struct virtq_state *s = vq->s;
	u16 old = s->signalled_used;

	if (old == s->next_used)
		return false;
	s->signalled_used = s->next_used;
	/* Our index before the driver's wish (2.7.10). */
	atomic_thread_fence(memory_order_seq_cst);
	if (vq->event_idx)
		return vq_event_passed(load16(&avail->ring[s->size]), s->next_used, old);
	return !(load16(&avail->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT);
}

void vq_split_listen(struct virtqueue *vq, bool on)
{
	struct virtq_used *used = vq->device;

	if (!vq->event_idx)
		__atomic_store_n(&used->flags, on ? 0 : VIRTQ_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
	else if (on) /* an event that lies in the past is never reached: quiet by itself */
		__atomic_store_n(avail_event(vq), vq->s->next_avail, __ATOMIC_RELAXED);
}
