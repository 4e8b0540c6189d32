/* SPDX-License-Identifier: MIT */
/* virtqueue.c - what both ring layouts share: coming up, chains, indirect tables. See virtqueue.h. */
#include "devices/virtio/virtqueue.h"

#include <errno.h>
#include <stdatomic.h>

#include "devices/virtio/virtqueue_priv.h"

/* --- life -------------------------------------------------------------------------------------- */

/* An area of the ring as host memory; NULL: misaligned, or not all of it in one piece of RAM. */
static void *area(const struct virtqueue *vq, u64 gpa, u64 len, u64 align)
{
	if (gpa % align)
		return NULL;
	return guest_mem_range(vq->mem, GPA(gpa), len);
}

int vq_start(struct virtqueue *vq, u64 features)
{
	const struct virtq_state *s = vq->s;
	u64 n = s->size;

	vq_stop(vq);
	vq->packed = features >> VIRTIO_F_RING_PACKED & 1;
	vq->event_idx = features >> VIRTIO_F_RING_EVENT_IDX & 1;
	vq->indirect = features >> VIRTIO_F_RING_INDIRECT_DESC & 1;
	if (!n || n > vq->max || (!vq->packed && (n & (n - 1))))
		return -EINVAL;
	vq->desc = area(vq, s->desc, VIRTQ_DESC_BYTES(n), VIRTQ_DESC_ALIGN);
	if (vq->packed) {
		const u64 len = sizeof(struct virtq_packed_event);

		vq->driver = area(vq, s->driver, len, VIRTQ_EVENT_ALIGN);
		vq->device = area(vq, s->device, len, VIRTQ_EVENT_ALIGN);
	} else {
		/* Without EVENT_IDX the last two bytes of each ring do not exist. */
		const u64 less = vq->event_idx ? 0 : 2;

		vq->driver = area(vq, s->driver, VIRTQ_AVAIL_BYTES(n) - less, VIRTQ_AVAIL_ALIGN);
		vq->device = area(vq, s->device, VIRTQ_USED_BYTES(n) - less, VIRTQ_USED_ALIGN);
	}
	if (!vq->desc || !vq->driver || !vq->device) {
		vq_stop(vq);
		return -EINVAL;
	}
	return 0;
}

void vq_stop(struct virtqueue *vq)
{
	vq->desc = vq->driver = vq->device = NULL;
}

/* --- chains ------------------------------------------------------------------------------------ */

/* The longest start of [gpa, gpa + len) in one region, when no region holds it all. */
static void *first_part(const struct guest_mem *mem, u64 gpa, u32 len, u32 *n)
{
	const struct mem_region *r;
	size_t nr = guest_mem_regions(mem, &r);

	for (size_t i = 0; i < nr; i++) {
		if (gpa - r[i].gpa.v < r[i].size) {
			*n = (u32)MIN((u64)len, r[i].size - (gpa - r[i].gpa.v));
			return guest_mem_range(mem, GPA(gpa), *n);
		}
	}
	return NULL;
}

bool vq_add_piece(const struct guest_mem *mem, struct vq_chain *c, const struct vq_desc *d)
{
	bool in = d->flags & VIRTQ_DESC_F_WRITE;
	u64 gpa = d->addr;
	u32 left = d->len;

	/* 2.7.4.2: all that the device reads comes before all that it writes. */
	if (!in && c->nr_in)
		return false;
	if (__builtin_add_overflow(in ? c->len_in : c->len_out, d->len,
				   in ? &c->len_in : &c->len_out))
		return false;
	while (left) {
		u32 n = left;
		void *host = guest_mem_range(mem, GPA(gpa), n);

		if (!host)
			host = first_part(mem, gpa, left, &n);
		if (!host || c->nr_out + c->nr_in == VQ_MAX_SEGS)
			return false;
		c->iov[c->nr_out + c->nr_in] = (struct iovec){ host, n };
		if (in)
			c->nr_in++;
		else
			c->nr_out++;
		gpa += n;
		left -= n;
	}
	return true;
}

bool vq_add_indirect(const struct virtqueue *vq, struct vq_chain *c, const struct vq_desc *d)
{
	u32 nr = d->len / sizeof(struct virtq_desc), at = 0;
	const void *table;

	/* 2.7.5.3.1: no chain goes on behind its table. */
	if (!vq->indirect || (d->flags & VIRTQ_DESC_F_NEXT) || !nr ||
	    d->len % sizeof(struct virtq_desc))
		return false;
	table = guest_mem_range(vq->mem, GPA(d->addr), d->len);
	if (!table)
		return false;
	for (unsigned count = 0; count < VQ_MAX_SEGS; count++) {
		struct vq_desc sub = vq_load_desc(table, at, vq->packed);

		if ((sub.flags & VIRTQ_DESC_F_INDIRECT) || !vq_add_piece(vq->mem, c, &sub))
			return false;
		/* 2.8.7: a packed table is used from end to end, a split one is a chain. */
		if (vq->packed) {
			if (++at == nr)
				return true;
		} else if (!(sub.flags & VIRTQ_DESC_F_NEXT)) {
			return true;
		} else if (sub.next >= nr) {
			return false;
		} else {
			at = sub.next;
		}
	}
	return false;
}

/* --- the two layouts ------------------------------------------------------------------------------ */

int vq_pop(struct virtqueue *vq, struct vq_chain *c)
{
	int got;

	if (!vq->desc)
		return 0;
	if (vq->s->broken)
		return -EIO;
	c->nr_out = c->nr_in = c->nr_desc = 0;
	c->len_out = c->len_in = 0;
	got = vq->packed ? vq_packed_pop(vq, c) : vq_split_pop(vq, c);
	if (got > 0)
		vq->s->in_flight++;
	else if (got < 0)
		vq->s->broken = 1;
	return got;
}

void vq_push_all(struct virtqueue *vq, const struct vq_used *u, unsigned n)
{
	if (!vq->desc || vq->s->broken)
		return;
	if (vq->packed)
		vq_packed_push(vq, u, n);
	else
		vq_split_push(vq, u, n);
	vq->s->in_flight = (u16)(vq->s->in_flight - n);
}

void vq_push(struct virtqueue *vq, const struct vq_chain *c, u32 written)
{
	const struct vq_used u = vq_used(c, written);

	vq_push_all(vq, &u, 1);
}

void vq_unpop(struct virtqueue *vq, u16 nr_desc)
{
	if (!vq->desc || vq->s->broken)
		return;
	if (vq->packed)
		vq_packed_unpop(vq, nr_desc);
	else
		vq->s->next_avail--;
	vq->s->in_flight--;
}

bool vq_should_signal(struct virtqueue *vq)
{
	if (!vq->desc)
		return false;
	return vq->packed ? vq_packed_should_signal(vq) : vq_split_should_signal(vq);
}

bool vq_pending(const struct virtqueue *vq)
{
	if (!vq->desc || vq->s->broken)
		return false;
	return vq->packed ? vq_packed_pending(vq) : vq_split_pending(vq);
}

static void listen(struct virtqueue *vq, bool on)
{
	if (!vq->desc)
		return;
	if (vq->packed)
		vq_packed_listen(vq, on);
	else
		vq_split_listen(vq, on);
}

void vq_quiet(struct virtqueue *vq)
{
	listen(vq, false);
}

bool vq_listen(struct virtqueue *vq)
{
	listen(vq, true);
	/* Our wish before the driver's index: the driver looks at them the other way round. */
	atomic_thread_fence(memory_order_seq_cst);
	return vq_pending(vq);
}

const char *vq_check(const struct virtqueue *vq)
{
	const struct virtq_state *s = vq->s;

	if (!vq->desc)
		return vq->driver || vq->device ? "a queue that is down has no areas" : NULL;
	if (!s->size || s->size > vq->max)
		return "size";
	if (s->in_flight > s->size)
		return "Q4: more chains taken than there are";
	if (vq->packed && (s->next_avail >= s->size || s->next_used >= s->size))
		return "a packed position lies inside the ring";
	if (vq->packed && (s->avail_wrap > 1 || s->used_wrap > 1))
		return "a wrap counter is one bit";
	return NULL;
}
