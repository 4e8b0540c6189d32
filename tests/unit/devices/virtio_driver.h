/* SPDX-License-Identifier: MIT */
/*
 * virtio_driver.h - a small virtio driver for tests: speaks virtio-mmio, split and packed rings, with
 * and without event index and indirect descriptors, to a device in the same process.
 *
 * Guest memory is real; drv_alloc() hands it out and never takes it back. One thread.
 */
#ifndef TESTS_UNIT_DEVICES_VIRTIO_DRIVER_H
#define TESTS_UNIT_DEVICES_VIRTIO_DRIVER_H

#include <check.h>
#include <stdlib.h>

#include "devices/abi/pc.h"
#include "devices/abi/virtio.h"
#include "devices/device.h"
#include "tests/unit/devices/mock_env.h"

#define DRV_MEM	   (8 * MiB)
#define DRV_QUEUES 16
#define DRV_GSI	   16

/* The ways of driving a queue; a test runs under each. */
struct drv_mode {
	bool packed, event_idx, indirect;
};

static const struct drv_mode drv_modes[] = {
	{ false, false, false }, { false, false, true }, { false, true, false },
	{ false, true, true },	 { true, false, false }, { true, false, true },
	{ true, true, false },	 { true, true, true },
};

struct drv_seg {
	u64 gpa;
	u32 len;
	bool in; /* the device writes it */
};

struct drv_queue {
	u16 size;
	u64 desc_gpa, driver_gpa, device_gpa;
	void *desc, *driver, *device;
	u16 next; /* split: avail index; packed: position */
	u16 last; /* split: used index; packed: position */
	u8 wrap, used_wrap;
	u16 free[256];	/* split: descriptor numbers that are not in use */
	bool busy[256]; /* packed: ids in use */
	unsigned nr_free;
	u16 chain_len[256]; /* ring descriptors of the chain with this head or id */
	u16 chain_next[256];
};

struct drv {
	struct mock_env m;
	struct guest_mem *gm;
	struct device *dev;
	struct drv_mode mode;
	u64 heap;
	struct drv_queue q[DRV_QUEUES];
};

static inline struct dev_range drv_range(void)
{
	return (struct dev_range){ DEV_MMIO, PC_VIRTIO_BASE, PC_VIRTIO_STEP };
}

static inline void drv_init(struct drv *d)
{
	const struct mem_config cfg = { .size = DRV_MEM, .backing = MEM_BACKING_4K, .nr_nodes = 1 };
	struct error e;

	memset(d, 0, sizeof(*d));
	mock_init(&d->m);
	if (guest_mem_create(&cfg, &d->gm, &e))
		abort();
	d->m.env.mem = d->gm;
	d->heap = GPA_HIGH_RAM;
}

static inline void drv_fini(struct drv *d)
{
	if (d->dev && d->dev->class->destroy)
		d->dev->class->destroy(d->dev);
	d->dev = NULL;
	guest_mem_destroy(d->gm);
	mock_fini(&d->m);
}

static inline void *drv_ptr(const struct drv *d, u64 gpa, u64 len)
{
	return guest_mem_range(d->gm, GPA(gpa), len);
}

static inline u64 drv_alloc(struct drv *d, u64 len, u64 align)
{
	u64 at = ALIGN_UP(d->heap, align);

	d->heap = at + len;
	ck_assert_uint_le(d->heap, DRV_MEM);
	memset(drv_ptr(d, at, len), 0, len);
	return at;
}

static inline u32 drv_reg(struct drv *d, u64 offset)
{
	return (u32)d->dev->class->read(d->dev, 0, offset, 4);
}

static inline void drv_set(struct drv *d, u64 offset, u32 value)
{
	d->dev->class->write(d->dev, 0, offset, 4, value);
}

static inline u64 drv_offered(struct drv *d)
{
	u64 f;

	drv_set(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	f = drv_reg(d, VIRTIO_MMIO_DEVICE_FEATURES);
	drv_set(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	return f | (u64)drv_reg(d, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
}

/* Up to FEATURES_OK (3.1.1), with the mode's features and `features`. */
static inline bool drv_negotiate(struct drv *d, u64 features, struct drv_mode mode)
{
	u32 s = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;

	d->mode = mode;
	features |= 1ULL << VIRTIO_F_VERSION_1;
	features |= (u64)mode.packed << VIRTIO_F_RING_PACKED;
	features |= (u64)mode.event_idx << VIRTIO_F_RING_EVENT_IDX;
	features |= (u64)mode.indirect << VIRTIO_F_RING_INDIRECT_DESC;
	drv_set(d, VIRTIO_MMIO_STATUS, 0);
	drv_set(d, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_ACKNOWLEDGE);
	drv_set(d, VIRTIO_MMIO_STATUS, s);
	drv_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	drv_set(d, VIRTIO_MMIO_DRIVER_FEATURES, (u32)features);
	drv_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	drv_set(d, VIRTIO_MMIO_DRIVER_FEATURES, (u32)(features >> 32));
	drv_set(d, VIRTIO_MMIO_STATUS, s | VIRTIO_STATUS_FEATURES_OK);
	return drv_reg(d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_FEATURES_OK;
}

static inline void drv_ready(struct drv *d)
{
	drv_set(d, VIRTIO_MMIO_STATUS, drv_reg(d, VIRTIO_MMIO_STATUS) | VIRTIO_STATUS_DRIVER_OK);
	mock_poll(&d->m);
}

static inline void drv_queue_addresses(struct drv *d, unsigned q)
{
	const struct drv_queue *v = &d->q[q];

	drv_set(d, VIRTIO_MMIO_QUEUE_SEL, q);
	drv_set(d, VIRTIO_MMIO_QUEUE_NUM, v->size);
	drv_set(d, VIRTIO_MMIO_QUEUE_DESC_LOW, (u32)v->desc_gpa);
	drv_set(d, VIRTIO_MMIO_QUEUE_DESC_HIGH, (u32)(v->desc_gpa >> 32));
	drv_set(d, VIRTIO_MMIO_QUEUE_DRIVER_LOW, (u32)v->driver_gpa);
	drv_set(d, VIRTIO_MMIO_QUEUE_DRIVER_HIGH, (u32)(v->driver_gpa >> 32));
	drv_set(d, VIRTIO_MMIO_QUEUE_DEVICE_LOW, (u32)v->device_gpa);
	drv_set(d, VIRTIO_MMIO_QUEUE_DEVICE_HIGH, (u32)(v->device_gpa >> 32));
}

static inline void drv_queue_up(struct drv *d, unsigned q, u16 size)
{
	struct drv_queue *v = &d->q[q];
	u64 driver = d->mode.packed ? sizeof(struct virtq_packed_event) : VIRTQ_AVAIL_BYTES(size);
	u64 device = d->mode.packed ? sizeof(struct virtq_packed_event) : VIRTQ_USED_BYTES(size);

	memset(v, 0, sizeof(*v));
	v->size = size;
	v->wrap = v->used_wrap = 1;
	v->desc_gpa = drv_alloc(d, VIRTQ_DESC_BYTES(size), 16);
	v->driver_gpa = drv_alloc(d, driver, 4);
	v->device_gpa = drv_alloc(d, device, 4);
	v->desc = drv_ptr(d, v->desc_gpa, VIRTQ_DESC_BYTES(size));
	v->driver = drv_ptr(d, v->driver_gpa, driver);
	v->device = drv_ptr(d, v->device_gpa, device);
	for (u16 i = 0; i < size; i++)
		v->free[v->nr_free++] = (u16)(size - 1 - i);
	drv_queue_addresses(d, q);
	drv_set(d, VIRTIO_MMIO_QUEUE_READY, 1);
}

/* Everything: features, nr_queues queues of that size, DRIVER_OK. */
static inline void drv_start(struct drv *d, u64 features, struct drv_mode mode, unsigned nr_queues,
			     u16 size)
{
	ck_assert(drv_negotiate(d, features, mode));
	for (unsigned q = 0; q < nr_queues; q++)
		drv_queue_up(d, q, size);
	drv_ready(d);
}

/* --- adding a chain ------------------------------------------------------------------------------- */

static inline u16 drv_seg_flags(const struct drv_seg *s)
{
	return s->in ? VIRTQ_DESC_F_WRITE : 0;
}

/* A table in guest memory for the segments; replaced by one segment that stands for it. */
static inline u64 drv_table(struct drv *d, const struct drv_seg *s, unsigned n)
{
	u64 gpa = drv_alloc(d, n * sizeof(struct virtq_desc), 16);
	struct virtq_desc *t = drv_ptr(d, gpa, n * sizeof(*t));

	for (unsigned i = 0; i < n; i++) {
		u16 flags = drv_seg_flags(&s[i]);

		t[i] = (struct virtq_desc){ .addr = s[i].gpa, .len = s[i].len };
		if (d->mode.packed) { /* flags lie where next does */
			t[i].next = flags;
			t[i].flags = 0;
		} else {
			t[i].flags = flags | (i + 1 < n ? VIRTQ_DESC_F_NEXT : 0);
			t[i].next = (u16)(i + 1);
		}
	}
	return gpa;
}

static inline u16 drv_add_split(struct drv_queue *v, const struct drv_seg *s, unsigned n, u16 extra)
{
	struct virtq_desc *t = v->desc;
	struct virtq_avail *avail = v->driver;
	u16 head = v->free[v->nr_free - 1], at = head;

	for (unsigned i = 0; i < n; i++) {
		at = v->free[--v->nr_free];
		t[at] = (struct virtq_desc){ s[i].gpa, s[i].len,
					     (u16)(drv_seg_flags(&s[i]) | extra), 0 };
		if (i + 1 < n) {
			t[at].flags |= VIRTQ_DESC_F_NEXT;
			t[at].next = v->free[v->nr_free - 1];
			v->chain_next[at] = t[at].next;
		}
	}
	v->chain_len[head] = (u16)n;
	avail->ring[v->next % v->size] = head;
	v->next++;
	__atomic_store_n(&avail->idx, v->next, __ATOMIC_RELEASE);
	return head;
}

static inline u16 drv_add_packed(struct drv_queue *v, const struct drv_seg *s, unsigned n,
				 u16 extra)
{
	struct virtq_packed_desc *ring = v->desc;
	u16 id = 0, first = v->next, first_flags = 0;

	while (v->busy[id])
		id++;
	v->busy[id] = true;
	for (unsigned i = 0; i < n; i++) {
		u16 flags = drv_seg_flags(&s[i]) | extra;

		v->nr_free--;
		flags |= v->wrap ? VIRTQ_PACKED_DESC_F_AVAIL : VIRTQ_PACKED_DESC_F_USED;
		flags |= i + 1 < n ? VIRTQ_DESC_F_NEXT : 0;
		ring[v->next].addr = s[i].gpa;
		ring[v->next].len = s[i].len;
		ring[v->next].id = id;
		if (i)
			ring[v->next].flags = flags;
		else
			first_flags = flags;
		if (++v->next == v->size) {
			v->next = 0;
			v->wrap ^= 1;
		}
	}
	v->chain_len[id] = (u16)n;
	__atomic_store_n(&ring[first].flags, first_flags, __ATOMIC_RELEASE);
	return id;
}

/* Returns a token that drv_used() gives back. */
static inline u16 drv_add(struct drv *d, unsigned q, const struct drv_seg *segs, unsigned n)
{
	struct drv_seg one = { 0, 0, false };
	u16 extra = 0;

	if (d->mode.indirect) {
		one.gpa = drv_table(d, segs, n);
		one.len = n * (u32)sizeof(struct virtq_desc);
		segs = &one;
		n = 1;
		extra = VIRTQ_DESC_F_INDIRECT;
	}
	ck_assert_uint_ge(d->q[q].nr_free, n);
	return d->mode.packed ? drv_add_packed(&d->q[q], segs, n, extra)
			      : drv_add_split(&d->q[q], segs, n, extra);
}

/* Whether the device wants a doorbell now. */
static inline bool drv_wants_kick(const struct drv *d, unsigned q)
{
	const struct drv_queue *v = &d->q[q];

	if (d->mode.packed)
		return ((struct virtq_packed_event *)v->device)->flags != VIRTQ_EVENT_DISABLE;
	if (d->mode.event_idx) { /* the last chain that was added passes the event */
		const u8 *event = (const u8 *)v->device + VIRTQ_USED_BYTES(v->size) - 2;

		return (u16)(event[0] | event[1] << 8) == (u16)(v->next - 1);
	}
	return !(((struct virtq_used *)v->device)->flags & VIRTQ_USED_F_NO_NOTIFY);
}

static inline void drv_kick(struct drv *d, unsigned q)
{
	drv_set(d, VIRTIO_MMIO_QUEUE_NOTIFY, q);
	mock_poll(&d->m);
}

/* The interrupt handler's part: true when there was one for queues. */
static inline bool drv_ack(struct drv *d)
{
	u32 isr = drv_reg(d, VIRTIO_MMIO_INTERRUPT_STATUS);

	drv_set(d, VIRTIO_MMIO_INTERRUPT_ACK, isr);
	return isr & VIRTIO_INT_QUEUE;
}

/* Asks to hear of the next used chain. */
static inline void drv_listen(struct drv *d, unsigned q)
{
	struct drv_queue *v = &d->q[q];

	if (d->mode.packed) {
		struct virtq_packed_event *ev = v->driver;

		ev->off_wrap = (u16)(v->last | v->used_wrap << 15);
		ev->flags = d->mode.event_idx ? VIRTQ_EVENT_DESC : VIRTQ_EVENT_ENABLE;
	} else if (d->mode.event_idx) {
		((struct virtq_avail *)v->driver)->ring[v->size] = v->last;
	} else {
		((struct virtq_avail *)v->driver)->flags = 0;
	}
}

static inline void drv_no_interrupts(struct drv *d, unsigned q)
{
	struct drv_queue *v = &d->q[q];

	if (d->mode.packed)
		((struct virtq_packed_event *)v->driver)->flags = VIRTQ_EVENT_DISABLE;
	else if (d->mode.event_idx)
		((struct virtq_avail *)v->driver)->ring[v->size] = (u16)(v->last - 1);
	else
		((struct virtq_avail *)v->driver)->flags = VIRTQ_AVAIL_F_NO_INTERRUPT;
}

static inline int drv_used_split(struct drv_queue *v, u32 *len)
{
	const struct virtq_used *used = v->device;
	u16 token, at;

	if (__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) == v->last)
		return -1;
	token = (u16)used->ring[v->last % v->size].id;
	*len = used->ring[v->last % v->size].len;
	v->last++;
	at = token;
	for (unsigned i = 0; i < v->chain_len[token]; i++, at = v->chain_next[at])
		v->free[v->nr_free++] = at;
	return token;
}

static inline int drv_used_packed(struct drv_queue *v, u32 *len)
{
	const struct virtq_packed_desc *ring = v->desc;
	u16 flags = __atomic_load_n(&ring[v->last].flags, __ATOMIC_ACQUIRE), token;
	bool avail = flags & VIRTQ_PACKED_DESC_F_AVAIL, used = flags & VIRTQ_PACKED_DESC_F_USED;

	if (avail != used || used != v->used_wrap)
		return -1;
	token = ring[v->last].id;
	*len = ring[v->last].len;
	v->last = (u16)(v->last + v->chain_len[token]);
	if (v->last >= v->size) {
		v->last = (u16)(v->last - v->size);
		v->used_wrap ^= 1;
	}
	v->nr_free += v->chain_len[token];
	v->busy[token] = false;
	return token;
}

/* The next used chain: its token, or -1. */
static inline int drv_used(struct drv *d, unsigned q, u32 *len)
{
	u32 dummy;

	len = len ? len : &dummy;
	return d->mode.packed ? drv_used_packed(&d->q[q], len) : drv_used_split(&d->q[q], len);
}

#endif
