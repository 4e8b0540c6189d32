/* SPDX-License-Identifier: MIT */
/*
 * virtio_fuzz.h - a hostile driver: every input is a list of 8-byte operations on the registers of a
 * virtio device and on the guest memory that its rings and buffers lie in.
 *
 * The program that includes this creates the device and may play its backend. After each operation the
 * rules of the queues must hold; a device that reads or writes outside guest memory, loops or leaks is
 * what the sanitizers and the time limit see.
 */
#ifndef TESTS_FUZZ_DEVICES_VIRTIO_FUZZ_H
#define TESTS_FUZZ_DEVICES_VIRTIO_FUZZ_H

#include <stdlib.h>
#include <string.h>

#include "devices/abi/pc.h"
#include "devices/virtio/virtio.h"
#include "tests/unit/devices/mock_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_MEM    (2 * MiB)
#define FUZZ_WINDOW 0x100000UL /* where rings and buffers lie, 64 KiB */
#define FUZZ_LEN    0x10000UL

/* Supplied by the program. `choice` is the input's first byte. */
static struct device *fuzz_create(struct mock_env *m, u8 choice);
static void fuzz_backend(struct mock_env *m, struct device *dev, u8 a, u32 value);
static void fuzz_destroy(struct mock_env *m, struct device *dev);

/* Whether something that the device started has not ended; for devices that work while others wait. */
#ifndef FUZZ_BUSY
#define FUZZ_BUSY(dev) false
#endif

struct fuzz_op {
	u8 what, a;
	u16 b;
	u32 value;
};

struct fuzz_driver {
	struct mock_env m;
	struct guest_mem *gm;
	struct device *dev;
	bool packed;
	u16 size, avail, wrap;
};

/* Where queue q's areas lie: 4 KiB for each, descriptors first. */
static u64 fuzz_ring(unsigned q)
{
	return FUZZ_WINDOW + (q % 8) * 0x1000;
}

static void fuzz_set(struct fuzz_driver *f, u64 offset, u32 value)
{
	f->dev->class->write(f->dev, 0, offset, 4, value);
}

/* A guest address: inside the window as a rule, now and then anywhere. */
static u64 fuzz_address(u8 a, u16 b)
{
	static const u64 odd[] = { 0,	     0x9fff8,	 0xa0000,    0xfffff0,	       FUZZ_MEM - 8,
				   FUZZ_MEM, 0xfeb00000, UINT64_MAX, UINT64_MAX - 4096 };

	if (a >= 0xf0)
		return odd[b % ARRAY_SIZE(odd)];
	return FUZZ_WINDOW + b;
}

/* Brings a queue up the way a sane driver would, so that the rest has something to break. */
static void fuzz_setup(struct fuzz_driver *f, u8 a, u16 b, u32 value)
{
	u32 s = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;

	if (!(value >> 31)) /* only what is offered, as a rule */
		value &= (u32)to_virtio(f->dev)->features;
	f->packed = a & 1;
	f->size = (u16)(1u << (a >> 5)); /* 1..128 */
	f->avail = 0;
	f->wrap = 1;
	fuzz_set(f, VIRTIO_MMIO_STATUS, 0);
	memset(guest_mem_range(f->gm, GPA(FUZZ_WINDOW), FUZZ_LEN / 2), 0, FUZZ_LEN / 2);
	fuzz_set(f, VIRTIO_MMIO_STATUS, s);
	fuzz_set(f, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	fuzz_set(f, VIRTIO_MMIO_DRIVER_FEATURES, (value & 0x00ffffff) | (u32)(a & 6) << 27);
	fuzz_set(f, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	fuzz_set(f, VIRTIO_MMIO_DRIVER_FEATURES, 1 | (u32)f->packed << 2);
	fuzz_set(f, VIRTIO_MMIO_STATUS, s | VIRTIO_STATUS_FEATURES_OK);
	if (!(f->dev->class->read(f->dev, 0, VIRTIO_MMIO_STATUS, 4) & VIRTIO_STATUS_FEATURES_OK)) {
		fuzz_set(f, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
		fuzz_set(f, VIRTIO_MMIO_DRIVER_FEATURES, (u32)(a & 6) << 27);
		fuzz_set(f, VIRTIO_MMIO_STATUS, s | VIRTIO_STATUS_FEATURES_OK);
	}
	for (unsigned q = 0; q < 8; q++) {
		if (!(b & 1u << q) && q)
			continue;
		fuzz_set(f, VIRTIO_MMIO_QUEUE_SEL, q);
		fuzz_set(f, VIRTIO_MMIO_QUEUE_NUM, f->size);
		fuzz_set(f, VIRTIO_MMIO_QUEUE_DESC_LOW, (u32)fuzz_ring(q));
		fuzz_set(f, VIRTIO_MMIO_QUEUE_DRIVER_LOW, (u32)fuzz_ring(q) + 0x800);
		fuzz_set(f, VIRTIO_MMIO_QUEUE_DEVICE_LOW, (u32)fuzz_ring(q) + 0xb00);
		fuzz_set(f, VIRTIO_MMIO_QUEUE_READY, 1);
	}
	fuzz_set(f, VIRTIO_MMIO_STATUS, s | VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
	mock_poll(&f->m);
}

/* Writes descriptor `value >> 24` of queue a's ring, or of a table in the upper half of the window. */
static void fuzz_descriptor(struct fuzz_driver *f, u8 a, u16 b, u32 value)
{
	u64 at = a & 8 ? FUZZ_WINDOW + 0x8000 + (u64)(a >> 4) * 0x100 : fuzz_ring(a);
	struct virtq_desc d = { .addr = fuzz_address((u8)(value >> 16), b),
				.len = value & 0x8000 ? (value & 0x7fff) << 12 : value & 0x7ff };
	u16 flags = (u16)(value >> 16 & 7), other = (u16)(value >> 19 & 0x1f);

	at += (u64)(value >> 24 & 0x7f) * sizeof(d);
	if (f->packed) {
		flags |= f->wrap ? VIRTQ_PACKED_DESC_F_AVAIL : VIRTQ_PACKED_DESC_F_USED;
		d.next = flags; /* the packed layout has them here */
		d.flags = other;
	} else {
		d.flags = flags;
		d.next = other;
	}
	if (guest_mem_write(f->gm, GPA(at), &d, sizeof(d)))
		abort();
}

/* The descriptor where the device looks next becomes one for a table of two at half the window. */
static void fuzz_indirect(struct fuzz_driver *f, u8 a, u32 value)
{
	const struct virtq_state *s = &to_virtio(f->dev)->s.queue[a & 3];
	u16 lap = s->avail_wrap ? VIRTQ_PACKED_DESC_F_AVAIL : VIRTQ_PACKED_DESC_F_USED;
	struct virtq_desc t[2] = { { FUZZ_WINDOW + 0x9000, value & 0xff, VIRTQ_DESC_F_NEXT, 1 },
				   { FUZZ_WINDOW + 0x9100, value >> 8 & 0xfff, VIRTQ_DESC_F_WRITE,
				     0 } };
	struct virtq_desc d = { FUZZ_WINDOW + 0x8000, value >> 24, VIRTQ_DESC_F_INDIRECT, 0 };

	if (f->packed) {
		t[0].next = 0;
		t[1].next = VIRTQ_DESC_F_WRITE;
		d.flags = 0;
		d.next = VIRTQ_DESC_F_INDIRECT | lap;
	}
	if (guest_mem_write(f->gm, GPA(FUZZ_WINDOW + 0x8000), t, sizeof(t)) ||
	    guest_mem_write(f->gm,
			    GPA(fuzz_ring(a & 3) +
				(f->packed && s->size ? s->next_avail % s->size : 0U) * sizeof(d)),
			    &d, sizeof(d)))
		abort();
}

/* Publishes head b in queue a. */
static void fuzz_publish(struct fuzz_driver *f, u8 a, u16 b)
{
	u64 avail = fuzz_ring(a) + 0x800;
	u16 idx, head = b & 0x7f;

	if (f->packed) {
		f->wrap ^= b & 1;
		return;
	}
	if (guest_mem_read(f->gm, GPA(avail + 2), &idx, 2) ||
	    guest_mem_write(f->gm, GPA(avail + 4 + (idx & (f->size - 1)) * 2UL), &head, 2))
		abort();
	idx = (u16)(idx + (b >> 12 ? 1 : b >> 8));
	if (guest_mem_write(f->gm, GPA(avail + 2), &idx, 2))
		abort();
}

/*
 * A chain as a sane driver would build it - 16 bytes to read that begin with (b & 15, 0, value), a piece
 * of either direction, one byte to write - published and rung. Where the device looks next, its own
 * state tells.
 */
static void fuzz_chain(struct fuzz_driver *f, u8 a, u16 b, u32 value)
{
	const struct virtq_state *s = &to_virtio(f->dev)->s.queue[a & 3];
	const u32 header[4] = { b & 15, 0, value & 0xfff, value >> 30 };
	u32 mid_len = a & 0x80 ? value >> 20 & 0x7ff : 512 * (value >> 20 & 7);
	struct virtq_desc d[3] = {
		{ FUZZ_WINDOW + 0x9000, 16, VIRTQ_DESC_F_NEXT, 0 },
		{ FUZZ_WINDOW + 0xa000, mid_len, VIRTQ_DESC_F_NEXT, 0 },
		{ FUZZ_WINDOW + 0x9100, 1, VIRTQ_DESC_F_WRITE, 0 },
	};
	u16 first = f->packed ? s->next_avail : (u16)(b >> 4);
	unsigned at = first, wrap = s->avail_wrap;

	if (s->size < 4)
		return;
	d[1].flags |= b & 0x800 ? VIRTQ_DESC_F_WRITE : 0;
	if (guest_mem_write(f->gm, GPA(FUZZ_WINDOW + 0x9000), header, sizeof(header)))
		abort();
	for (unsigned i = 0; i < 3; i++, at++) {
		u16 flags = d[i].flags;

		if (at % s->size == 0 && i)
			wrap ^= 1;
		if (f->packed) {
			flags |= wrap ? VIRTQ_PACKED_DESC_F_AVAIL : VIRTQ_PACKED_DESC_F_USED;
			d[i].flags =
				b & 0x7f; /* the packed layout has the id here, and flags in next */
			d[i].next = flags;
		} else {
			d[i].next = (u16)((at + 1) % s->size);
		}
		if (guest_mem_write(f->gm, GPA(fuzz_ring(a & 3) + (at % s->size) * sizeof(d[0])),
				    &d[i], sizeof(d[0])))
			abort();
	}
	if (!f->packed)
		fuzz_publish(f, a & 3, (u16)(first % s->size) | 0x1000);
	if (a & 0x40)
		return; /* several in one batch */
	fuzz_set(f, VIRTIO_MMIO_QUEUE_NOTIFY, a & 3);
	mock_poll(&f->m);
}

/*
 * Up to eight chains, a doorbell, and a reset before the device could finish them: once it has said 0, all
 * of the window is the driver's again (rule V1).
 */
static void fuzz_reset_in_flight(struct fuzz_driver *f, u16 b, u32 value)
{
	static u8 now[FUZZ_LEN];
	u8 *window = guest_mem_range(f->gm, GPA(FUZZ_WINDOW), FUZZ_LEN);

	for (unsigned i = 0; i <= (b >> 13); i++)
		fuzz_chain(f, (u8)((b >> 5 & 3) | 0x40), (u16)(b + (i << 4)), value + i * 0x100);
	fuzz_set(f, VIRTIO_MMIO_QUEUE_NOTIFY, b >> 5 & 3);
	if (b & 0x80)
		mock_poll(&f->m); /* taken; what it started has not been heard of */
	if (b & 0x100)
		fuzz_backend(&f->m, f->dev, (u8)b, value);
	fuzz_set(f, VIRTIO_MMIO_STATUS, 0);
	if (f->dev->class->read(f->dev, 0, VIRTIO_MMIO_STATUS, 4) || FUZZ_BUSY(f->dev))
		abort();
	memset(window, (int)(value & 0xff), FUZZ_LEN);
	memcpy(now, window, FUZZ_LEN);
	for (int i = 0; i < 3; i++)
		mock_poll(&f->m);
	if (memcmp(now, window, FUZZ_LEN) != 0)
		abort();
}

static void fuzz_one(struct fuzz_driver *f, const struct fuzz_op *op)
{
	const struct device_class *c = f->dev->class;
	unsigned size = 1u << (op->a & 3);
	u64 offset;

	switch (op->what % 16) {
	case 0:
		fuzz_setup(f, op->a, op->b, op->value);
		break;
	case 1:
		fuzz_indirect(f, op->a, op->value);
		break;
	case 2:
		fuzz_descriptor(f, op->a, op->b, op->value);
		break;
	case 3:
		fuzz_publish(f, op->a, op->b);
		break;
	case 4:
	case 5:
		fuzz_publish(f, op->a, op->b);
		fuzz_set(f, VIRTIO_MMIO_QUEUE_NOTIFY, op->value);
		mock_poll(&f->m);
		break;
	case 6:
		fuzz_set(f, op->b & 0xfc, op->value);
		break;
	case 7: /* inside the page, as the bus guarantees */
		offset = MIN((u64)(op->b & 0x1ff), (u64)PC_VIRTIO_STEP - size);
		if (op->a & 0x80)
			c->write(f->dev, 0, offset, size, op->value);
		else if (c->read(f->dev, 0, offset, size) & ~(UINT64_MAX >> (64 - 8 * size)))
			abort();
		break;
	case 8:
		if (guest_mem_write(f->gm, GPA(FUZZ_WINDOW + (op->b & (FUZZ_LEN - 4))), &op->value,
				    4))
			abort();
		break;
	case 9:
		mock_advance(&f->m, (u64)op->b << 12);
		mock_poll(&f->m);
		break;
	case 10:
		fuzz_backend(&f->m, f->dev, op->a, op->value);
		mock_poll(&f->m);
		break;
	case 11:
		if (op->a < 8)
			c->reset(f->dev);
		else if (op->a < 0x80)
			fuzz_reset_in_flight(f, op->b, op->value);
		break;
	default:
		fuzz_chain(f, op->a, op->b, op->value);
		break;
	}
}

static void fuzz_check(const struct virtio_dev *vd)
{
	for (unsigned q = 0; q < vd->nr_queues; q++)
		if (vq_check(&vd->vq[q]))
			abort();
	if (vd->s.driver_features & ~vd->features && (vd->s.status & VIRTIO_STATUS_FEATURES_OK))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mem_config cfg = { .size = FUZZ_MEM,
					.backing = MEM_BACKING_4K,
					.nr_nodes = 1 };
	static struct fuzz_driver f; /* large; set anew for each input */
	struct error e;

	if (!size)
		return 0;
	memset(&f, 0, sizeof(f));
	mock_init(&f.m);
	if (guest_mem_create(&cfg, &f.gm, &e))
		abort();
	f.m.env.mem = f.gm;
	f.size = 8;
	f.dev = fuzz_create(&f.m, data[0]);
	if (!f.dev)
		abort();
	f.dev->class->reset(f.dev);
	for (size_t at = 1; at + sizeof(struct fuzz_op) <= size && at < 4096;
	     at += sizeof(struct fuzz_op)) {
		struct fuzz_op op;

		memcpy(&op, data + at, sizeof(op));
		fuzz_one(&f, &op);
		fuzz_check(to_virtio(f.dev));
	}
	fuzz_destroy(&f.m, f.dev);
	guest_mem_destroy(f.gm);
	mock_fini(&f.m);
	return 0;
}

#endif
