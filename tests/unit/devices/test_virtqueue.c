/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/virtio/virtqueue*.c and the transport, through a device that echoes. */
#include "devices/virtio/virtio.h"

#include "tests/unit/devices/virtio_driver.h"

/* Answers each chain with its read bytes, reversed; can be told to hold chains back. */
struct echo {
	struct virtio_dev vd; /* first */
	u8 config[8];
	struct vq_chain chain;
	struct vq_chain held[64];
	unsigned nr_held, served;
	bool hold;
	unsigned quiesced, stopped, resets;
};

static struct drv d;
static struct echo *echo;

static void answer(struct virtio_dev *vd, unsigned q, const struct vq_chain *c)
{
	u8 buf[4096];
	size_t n = iov_read(c->iov, c->nr_out, 0, buf, sizeof(buf));

	for (size_t i = 0; i < n / 2; i++) {
		u8 t = buf[i];

		buf[i] = buf[n - 1 - i];
		buf[n - 1 - i] = t;
	}
	vq_push(&vd->vq[q], c, (u32)iov_write(c->iov + c->nr_out, c->nr_in, 0, buf, n));
}

static bool serve(struct virtio_dev *vd, unsigned q, struct vq_chain *c)
{
	struct echo *e = (struct echo *)vd;

	e->served++;
	if (e->hold && e->nr_held < ARRAY_SIZE(e->held))
		e->held[e->nr_held++] = *c;
	else
		answer(vd, q, c);
	return true;
}

static void ready(struct virtio_dev *vd, unsigned q)
{
	virtio_serve(vd, q, &((struct echo *)vd)->chain, serve);
}

static void release(bool backwards)
{
	while (echo->nr_held) {
		unsigned at = backwards ? echo->nr_held - 1 : 0;
		struct vq_chain c = echo->held[at];

		memmove(&echo->held[at], &echo->held[at + 1], (echo->nr_held - at - 1) * sizeof(c));
		echo->nr_held--;
		answer(&echo->vd, 0, &c);
	}
	virtio_signal(&echo->vd, 0);
}

static void quiesce(struct virtio_dev *vd)
{
	((struct echo *)vd)->quiesced++;
	release(false);
}

static void queue_stop(struct virtio_dev *vd, unsigned q)
{
	(void)q;
	((struct echo *)vd)->stopped++;
}

static void echo_reset(struct virtio_dev *vd)
{
	((struct echo *)vd)->resets++;
}

static void config_write(struct virtio_dev *vd, u32 offset, const u8 *bytes, unsigned len)
{
	memcpy(((struct echo *)vd)->config + offset, bytes, len);
}

static const struct virtio_class echo_virtio = {
	.device_id = 42,
	.queue_ready = ready,
	.quiesce = quiesce,
	.queue_stop = queue_stop,
	.reset = echo_reset,
	.config_write = config_write,
};

static void echo_destroy(struct device *dev)
{
	virtio_fini(to_virtio(dev));
	free(dev);
}

static const struct device_class echo_class = {
	.name = "echo",
	.reset = virtio_mmio_reset,
	.read = virtio_mmio_read,
	.write = virtio_mmio_write,
	.destroy = echo_destroy,
	.post_load = virtio_post_load,
};

static void setup(void)
{
	struct virtio_init init = {
		.dc = &echo_class,
		.vc = &echo_virtio,
		.mmio = drv_range(),
		.features = VIRTIO_BIT(3),
		.nr_queues = 2,
		.queue_max = 64,
		.config_len = 8,
	};

	drv_init(&d);
	echo = calloc(1, sizeof(*echo));
	memcpy(echo->config, "\1\2\3\4\5\6\7\10", 8);
	init.env = &d.m.env;
	init.irq = mock_line(&d.m, DRV_GSI);
	init.config = echo->config;
	ck_assert_int_eq(virtio_init(&echo->vd, &init), 0);
	d.dev = &echo->vd.dev;
	d.dev->class->reset(d.dev);
}

static void teardown(void)
{
	drv_fini(&d);
}

/* One request: `len` bytes out in pieces of `piece`, the same back; token returned. */
static u16 send_piecewise(u32 len, u32 piece, u64 *in_gpa)
{
	struct drv_seg segs[VQ_MAX_SEGS];
	u64 out = drv_alloc(&d, len, 8);
	unsigned n = 0;
	u8 *p = drv_ptr(&d, out, len);

	*in_gpa = drv_alloc(&d, len, 8);
	for (u32 i = 0; i < len; i++)
		p[i] = (u8)(i * 7 + len);
	for (u32 at = 0; at < len; at += piece)
		segs[n++] = (struct drv_seg){ out + at, MIN(piece, len - at), false };
	for (u32 at = 0; at < len; at += piece)
		segs[n++] = (struct drv_seg){ *in_gpa + at, MIN(piece, len - at), true };
	return drv_add(&d, 0, segs, n);
}

static void expect_reversed(u64 in_gpa, u32 len)
{
	const u8 *p = drv_ptr(&d, in_gpa, len);

	for (u32 i = 0; i < len; i++)
		ck_assert_uint_eq(p[i], (u8)((len - 1 - i) * 7 + len));
}

static void expect_unbroken(void)
{
	ck_assert_ptr_null(vq_check(&echo->vd.vq[0]));
	ck_assert(!(drv_reg(&d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET));
}

/* --- rings that are driven well ------------------------------------------------------------------- */

START_TEST(every_mode_moves_data_around_the_ring_many_times)
{
	drv_start(&d, VIRTIO_BIT(3), drv_modes[_i], 1, 16);
	for (u32 round = 0; round < 200; round++) {
		u32 len = 1 + round * 3, used;
		u64 in;
		u16 token = send_piecewise(len, 1 + len / (1 + round % 4), &in);

		drv_kick(&d, 0);
		ck_assert_int_eq(drv_used(&d, 0, &used), token);
		ck_assert_uint_eq(used, len);
		expect_reversed(in, len);
		ck_assert_int_eq(drv_used(&d, 0, NULL), -1);
		ck_assert(drv_ack(&d));
		drv_listen(&d, 0);
		d.heap = GPA_HIGH_RAM + MiB;
	}
	expect_unbroken();
}
END_TEST

START_TEST(chains_may_end_out_of_order)
{
	u64 in[8];
	u16 token[8];
	u32 used;

	drv_start(&d, 0, drv_modes[_i], 1, 16);
	echo->hold = true;
	for (int round = 0; round < 10; round++) {
		unsigned n = drv_modes[_i].indirect ? 8 : 4;

		for (unsigned i = 0; i < n; i++)
			token[i] = send_piecewise(100 + i, 60, &in[i]);
		drv_kick(&d, 0);
		ck_assert_int_eq(drv_used(&d, 0, NULL), -1);
		release(true);
		for (unsigned i = n; i-- > 0;) {
			ck_assert_int_eq(drv_used(&d, 0, &used), token[i]);
			ck_assert_uint_eq(used, 100 + i);
			expect_reversed(in[i], 100 + i);
		}
		expect_unbroken();
	}
}
END_TEST

START_TEST(no_interrupt_when_the_driver_wants_none)
{
	u64 in;

	drv_start(&d, 0, drv_modes[_i], 1, 16);
	drv_no_interrupts(&d, 0);
	send_piecewise(10, 10, &in);
	drv_kick(&d, 0);
	ck_assert_uint_eq(d.m.rises[DRV_GSI], 0);
	ck_assert_int_ge(drv_used(&d, 0, NULL), 0);
	drv_listen(&d, 0);
	send_piecewise(10, 10, &in);
	drv_kick(&d, 0);
	ck_assert_uint_eq(d.m.rises[DRV_GSI], 1);
	ck_assert_int_eq(d.m.level[DRV_GSI], 0); /* an edge */
}
END_TEST

START_TEST(one_interrupt_for_many_chains_and_an_event_in_the_middle_counts)
{
	struct drv_queue *v = &d.q[0];
	u64 in;

	drv_start(&d, 0, drv_modes[_i], 1, 16);
	for (int i = 0; i < 3; i++)
		send_piecewise(10, 10, &in);
	drv_kick(&d, 0);
	ck_assert_uint_eq(d.m.rises[DRV_GSI], 1);
	if (!drv_modes[_i].event_idx)
		return;
	for (int i = 0; i < 3; i++)
		ck_assert_int_ge(drv_used(&d, 0, NULL), 0);
	/* The second of three: reached. */
	drv_listen(&d, 0);
	if (drv_modes[_i].packed)
		((struct virtq_packed_event *)v->driver)->off_wrap++;
	else
		((struct virtq_avail *)v->driver)->ring[v->size]++;
	send_piecewise(10, 10, &in);
	drv_kick(&d, 0);
	if (drv_modes[_i].indirect || !drv_modes[_i].packed)
		ck_assert_uint_eq(d.m.rises[DRV_GSI], 1);
	send_piecewise(10, 10, &in);
	drv_kick(&d, 0);
	ck_assert_uint_eq(d.m.rises[DRV_GSI], 2);
}
END_TEST

START_TEST(doorbells_are_wanted_only_while_the_device_rests)
{
	u64 in;

	drv_start(&d, 0, drv_modes[_i], 1, 16);
	for (int i = 0; i < 40; i++) {
		send_piecewise(10, 10, &in);
		ck_assert(drv_wants_kick(&d, 0));
		drv_kick(&d, 0);
		ck_assert_int_ge(drv_used(&d, 0, NULL), 0);
	}
	vq_quiet(&echo->vd.vq[0]);
	send_piecewise(10, 10, &in);
	if (!d.mode.event_idx || d.mode.packed)
		ck_assert(!drv_wants_kick(&d, 0));
	/* What came while nobody listened is seen when listening begins. */
	ck_assert(vq_listen(&echo->vd.vq[0]));
}
END_TEST

START_TEST(a_chain_can_be_given_back_unused)
{
	struct virtqueue *vq = &echo->vd.vq[0];
	struct vq_chain *c = &echo->chain;
	u64 in;

	drv_start(&d, 0, drv_modes[_i], 1, 4);
	for (int i = 0; i < 11; i++) {
		u16 token = send_piecewise(8, 8, &in), id;

		ck_assert_int_eq(vq_pop(vq, c), 1);
		id = c->id;
		ck_assert(!vq_pending(vq));
		vq_unpop(vq, c->nr_desc);
		ck_assert(vq_pending(vq));
		ck_assert_int_eq(vq_pop(vq, c), 1);
		ck_assert_uint_eq(c->id, id);
		answer(&echo->vd, 0, c);
		ck_assert_int_eq(drv_used(&d, 0, NULL), token);
		expect_unbroken();
	}
}
END_TEST

START_TEST(a_flood_lets_others_have_their_turn)
{
	u64 in;

	drv_start(&d, 0, drv_modes[1], 1, 8);
	for (int i = 0; i < 8; i++)
		send_piecewise(8, 8, &in);
	drv_kick(&d, 0);
	ck_assert_uint_eq(echo->served, 8);
	/* A ring's worth was served; the device rang for itself to look again. */
	ck_assert_uint_eq(mock_poll(&d.m), 1);
}
END_TEST

/* --- drivers that break rules ------------------------------------------------------------------- */

static void expect_broken(void)
{
	u32 status;

	drv_kick(&d, 0);
	status = drv_reg(&d, VIRTIO_MMIO_STATUS);
	ck_assert(status & VIRTIO_STATUS_NEEDS_RESET);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_INT_CONFIG);
	ck_assert_int_eq(drv_used(&d, 0, NULL), -1);
	/* Silence until the reset, work after it. */
	drv_set(&d, VIRTIO_MMIO_STATUS, status);
	drv_kick(&d, 0);
	ck_assert_uint_eq(echo->served, 0);
	drv_set(&d, VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_STATUS), 0);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

START_TEST(buffers_outside_ram_break_the_queue)
{
	static const struct {
		u64 gpa;
		u32 len;
	} bad[] = {
		{ 0xa0000, 1 },
		{ 0x9ffff, 2 },
		{ DRV_MEM, 1 },
		{ DRV_MEM - 1, 2 },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX - 7, 16 },
		{ GPA_HIGH_RAM, UINT32_MAX },
		{ 0xfee00000, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drv_seg seg = { bad[i].gpa, bad[i].len, i & 1 };

		drv_start(&d, 0, drv_modes[_i], 1, 8);
		drv_add(&d, 0, &seg, 1);
		expect_broken();
	}
}
END_TEST

START_TEST(a_buffer_may_span_regions_that_touch)
{
	/* 0x9ffff0..0xa00000 ends where the VGA hole begins; low and high BIOS area are one region. */
	struct drv_seg seg[2] = { { 0xfff00, 0x200, false }, { 0x9fff0, 16, true } };
	u32 used;

	drv_start(&d, 0, drv_modes[_i], 1, 8);
	drv_add(&d, 0, seg, 2);
	drv_kick(&d, 0);
	ck_assert_int_ge(drv_used(&d, 0, &used), 0);
	ck_assert_uint_eq(used, 16);
}
END_TEST

START_TEST(reading_after_writing_breaks_the_queue)
{
	struct drv_seg seg[2] = { { GPA_HIGH_RAM, 8, true }, { GPA_HIGH_RAM, 8, false } };

	drv_start(&d, 0, drv_modes[_i], 1, 8);
	drv_add(&d, 0, seg, 2);
	expect_broken();
}
END_TEST

START_TEST(too_many_pieces_break_the_queue)
{
	struct drv_seg seg[VQ_MAX_SEGS + 1];

	for (unsigned i = 0; i < ARRAY_SIZE(seg); i++)
		seg[i] = (struct drv_seg){ GPA_HIGH_RAM + i, 1, false };
	drv_start(&d, 0, drv_modes[_i], 1, 64);
	if (!drv_modes[_i].indirect)
		return; /* such a chain has no room in the ring */
	drv_add(&d, 0, seg, ARRAY_SIZE(seg));
	expect_broken();
	drv_start(&d, 0, drv_modes[_i], 1, 64);
	drv_add(&d, 0, seg, VQ_MAX_SEGS);
	drv_kick(&d, 0);
	ck_assert_int_ge(drv_used(&d, 0, NULL), 0);
}
END_TEST

START_TEST(lengths_that_overflow_break_the_queue)
{
	struct drv_seg seg[2] = { { 0, 0x9f000, false }, { 0, 0, false } };
	struct virtq_desc *t;

	drv_start(&d, 0, drv_modes[1], 1, 8);
	drv_add(&d, 0, seg, 2);
	t = drv_ptr(&d, ((struct virtq_desc *)d.q[0].desc)[d.q[0].free[d.q[0].nr_free]].addr, 32);
	t[0].len = UINT32_MAX;
	expect_broken();
}
END_TEST

START_TEST(split_loops_and_wild_indices_break_the_queue)
{
	struct virtq_desc *t;
	struct virtq_avail *avail;

	for (int kind = 0; kind < 6; kind++) {
		struct drv_seg seg[2] = { { GPA_HIGH_RAM, 8, false }, { GPA_HIGH_RAM, 8, false } };
		u16 head;

		drv_start(&d, 0, drv_modes[0], 1, 8);
		head = drv_add(&d, 0, seg, 2);
		t = d.q[0].desc;
		avail = d.q[0].driver;
		switch (kind) {
		case 0:
			t[head].next = head; /* a loop */
			break;
		case 1:
			t[head].next = 8;
			break;
		case 2:
			avail->ring[0] = 8;
			break;
		case 3:
			avail->idx = 9; /* more than the ring holds */
			break;
		case 4:
			avail->idx = 0x8000;
			break;
		case 5:
			t[head].flags |= VIRTQ_DESC_F_INDIRECT; /* not negotiated */
			break;
		}
		expect_broken();
	}
}
END_TEST

START_TEST(bad_indirect_tables_break_the_queue)
{
	bool packed = _i;

	for (int kind = 0; kind < 7; kind++) {
		struct drv_seg seg[2] = { { GPA_HIGH_RAM, 8, false }, { GPA_HIGH_RAM, 8, true } };
		struct drv_mode mode = { packed, false, true };
		struct virtq_desc *d0, *t;
		u16 token;

		drv_start(&d, 0, mode, 1, 8);
		token = drv_add(&d, 0, seg, 2);
		d0 = (struct virtq_desc *)d.q[0].desc + (packed ? 0 : token);
		t = drv_ptr(&d, d0->addr, 32);
		switch (kind) {
		case 0:
			d0->len = 0;
			break;
		case 1:
			d0->len = 24;
			break;
		case 2:
			d0->addr = DRV_MEM - 16;
			break;
		case 3: /* a table in a table */
			*(packed ? &t[0].next : &t[0].flags) |= VIRTQ_DESC_F_INDIRECT;
			break;
		case 4: /* 2.7.5.3.1: both */
			*(packed ? &d0->next : &d0->flags) |= VIRTQ_DESC_F_NEXT;
			break;
		case 5:
			if (packed)
				t[1].addr = DRV_MEM;
			else
				t[0].next = 2; /* behind its end */
			break;
		case 6:
			if (packed)
				t[0].addr = UINT64_MAX;
			else
				t[0].next = 0; /* a loop */
			break;
		}
		expect_broken();
	}
}
END_TEST

START_TEST(a_packed_chain_without_end_breaks_the_queue)
{
	struct virtq_packed_desc *ring;

	drv_start(&d, 0, drv_modes[4], 1, 8);
	ring = d.q[0].desc;
	for (int i = 0; i < 8; i++)
		ring[i] =
			(struct virtq_packed_desc){ GPA_HIGH_RAM, 1, 0,
						    VIRTQ_DESC_F_NEXT | VIRTQ_PACKED_DESC_F_AVAIL };
	expect_broken();
}
END_TEST

START_TEST(more_chains_than_the_ring_has_break_it)
{
	struct virtq_packed_desc *ring;

	/* The device holds four; the driver marks the same descriptors available again, in the next lap. */
	drv_start(&d, 0, drv_modes[4], 1, 4);
	echo->hold = true;
	ring = d.q[0].desc;
	for (int lap = 0; lap < 2; lap++) {
		for (int i = 0; i < 4; i++)
			ring[i] = (struct virtq_packed_desc){ GPA_HIGH_RAM, 1, (u16)i,
							      lap ? VIRTQ_PACKED_DESC_F_USED
								  : VIRTQ_PACKED_DESC_F_AVAIL };
		drv_kick(&d, 0);
		mock_poll(&d.m);
	}
	ck_assert(drv_reg(&d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET);
	ck_assert_uint_eq(echo->nr_held, 4);
}
END_TEST

START_TEST(queues_that_cannot_be_do_not_come_up)
{
	for (int kind = 0; kind < 8; kind++) {
		struct drv_queue *v = &d.q[0];
		bool packed = drv_modes[_i].packed;

		ck_assert(drv_negotiate(&d, 0, drv_modes[_i]));
		drv_queue_up(&d, 0, 8);
		drv_set(&d, VIRTIO_MMIO_QUEUE_READY, 0);
		switch (kind) {
		case 0:
			v->size = 0;
			break;
		case 1:
			v->size = 128; /* above QUEUE_NUM_MAX */
			break;
		case 2:
			v->size = packed ? 0 : 12; /* no power of two */
			break;
		case 3:
			v->desc_gpa += 8;
			break;
		case 4:
			v->device_gpa += 2;
			break;
		case 5:
			v->desc_gpa = DRV_MEM - 64;
			break;
		case 6:
			v->driver_gpa = UINT64_MAX - 3;
			break;
		case 7:
			v->device_gpa = 0x9fffc;
			v->device_gpa += packed ? 4 : 0;
			break;
		}
		drv_queue_addresses(&d, 0);
		drv_set(&d, VIRTIO_MMIO_QUEUE_READY, 1);
		ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_READY), 0);
		drv_ready(&d);
		drv_kick(&d, 0);
		ck_assert_uint_eq(echo->served, 0);
		ck_assert(drv_reg(&d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET);
	}
}
END_TEST

/* --- the transport --------------------------------------------------------------------------------- */

START_TEST(registers_say_who_it_is)
{
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_MAGIC), 0x74726976);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_VERSION), 2);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_DEVICE_ID), 42);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 64);
	drv_set(&d, VIRTIO_MMIO_QUEUE_SEL, 2);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	drv_set(&d, VIRTIO_MMIO_QUEUE_SEL, UINT32_MAX);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	drv_set(&d, VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_SHM_LEN_LOW), UINT32_MAX);
	drv_set(&d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	ck_assert_uint_eq(d.dev->class->read(d.dev, 0, 0, 1), 0xff);
	ck_assert_uint_eq(d.dev->class->read(d.dev, 0, 2, 4), 0xffffffff);
	ck_assert_uint_eq(d.dev->class->read(d.dev, 0, 0, 8), UINT64_MAX);
}
END_TEST

START_TEST(features_must_be_ones_that_were_offered)
{
	u64 offered = drv_offered(&d);

	ck_assert_uint_eq(offered, VIRTIO_BIT(3) | VIRTIO_BIT(28) | VIRTIO_BIT(29) |
					   VIRTIO_BIT(32) | VIRTIO_BIT(34));
	ck_assert(!drv_negotiate(&d, VIRTIO_BIT(4), drv_modes[0]));
	ck_assert(!drv_negotiate(&d, VIRTIO_BIT(63), drv_modes[0]));
	ck_assert(drv_negotiate(&d, VIRTIO_BIT(3), drv_modes[0]));
	/* Settled: a later write changes nothing. */
	drv_set(&d, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	ck_assert_uint_eq(echo->vd.s.driver_features, VIRTIO_BIT(3) | VIRTIO_BIT(32));
	/* No legacy driver. */
	drv_set(&d, VIRTIO_MMIO_STATUS, 0);
	drv_set(&d, VIRTIO_MMIO_STATUS, 3 | VIRTIO_STATUS_FEATURES_OK);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_STATUS), 3);
}
END_TEST

START_TEST(nothing_works_before_driver_ok)
{
	u64 in;

	ck_assert(drv_negotiate(&d, 0, drv_modes[0]));
	drv_queue_up(&d, 0, 8);
	send_piecewise(8, 8, &in);
	drv_kick(&d, 0);
	ck_assert_uint_eq(echo->served, 0);
	drv_ready(&d); /* buffers that are there already are served without a doorbell */
	ck_assert_uint_eq(echo->served, 1);
	/* DRIVER_OK without FEATURES_OK is nothing. */
	drv_set(&d, VIRTIO_MMIO_STATUS, 0);
	drv_set(&d, VIRTIO_MMIO_STATUS, 7);
	drv_queue_up(&d, 0, 8);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_READY), 0);
	drv_kick(&d, 0);
	ck_assert_uint_eq(echo->served, 1);
}
END_TEST

START_TEST(reset_waits_for_what_is_in_flight)
{
	u64 in;

	drv_start(&d, 0, drv_modes[_i], 2, 16);
	echo->hold = true;
	send_piecewise(30, 30, &in);
	drv_kick(&d, 0);
	ck_assert_uint_eq(echo->nr_held, 1);
	drv_set(&d, VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(echo->nr_held, 0);
	expect_reversed(in, 30);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_STATUS), 0);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	drv_set(&d, VIRTIO_MMIO_QUEUE_SEL, 0);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_READY), 0);
	/* And from the start again. */
	echo->hold = false;
	drv_start(&d, 0, drv_modes[_i], 1, 8);
	send_piecewise(30, 30, &in);
	drv_kick(&d, 0);
	ck_assert_int_ge(drv_used(&d, 0, NULL), 0);
}
END_TEST

START_TEST(one_queue_goes_down_alone)
{
	u64 in;

	drv_start(&d, 0, drv_modes[_i], 2, 16);
	echo->hold = true;
	send_piecewise(30, 30, &in);
	drv_kick(&d, 0);
	drv_set(&d, VIRTIO_MMIO_QUEUE_SEL, 0);
	drv_set(&d, VIRTIO_MMIO_QUEUE_READY, 0);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_READY), 0);
	ck_assert_uint_eq(echo->nr_held, 0);
	drv_set(&d, VIRTIO_MMIO_QUEUE_SEL, 1);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_READY), 1);
	drv_kick(&d, 0);
	expect_unbroken();
}
END_TEST

START_TEST(configuration_space_answers_any_width_and_no_more)
{
	const struct device_class *c = d.dev->class;

	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG, 1), 1);
	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG + 1, 2), 0x0302);
	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG, 8), 0x0807060504030201);
	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG + 7, 4), 0xffffff08);
	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG + 8, 4), 0xffffffff);
	ck_assert_uint_eq(c->read(d.dev, 0, PC_VIRTIO_STEP - 1, 1), 0xff);
	c->write(d.dev, 0, VIRTIO_MMIO_CONFIG + 6, 2, 0xbeef);
	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG + 6, 2), 0xbeef);
	c->write(d.dev, 0, VIRTIO_MMIO_CONFIG + 6, 4, 0); /* reaches out of it: dropped */
	c->write(d.dev, 0, VIRTIO_MMIO_CONFIG + 8, 1, 0);
	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG + 6, 2), 0xbeef);
}
END_TEST

START_TEST(a_changed_configuration_is_told)
{
	u32 generation = drv_reg(&d, VIRTIO_MMIO_CONFIG_GENERATION);

	virtio_config_changed(&echo->vd);
	ck_assert_uint_ne(drv_reg(&d, VIRTIO_MMIO_CONFIG_GENERATION), generation);
	ck_assert_uint_eq(d.m.rises[DRV_GSI], 0); /* nobody drives it */
	drv_start(&d, 0, drv_modes[0], 1, 8);
	virtio_config_changed(&echo->vd);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_INT_CONFIG);
	ck_assert_uint_eq(d.m.rises[DRV_GSI], 1);
	drv_set(&d, VIRTIO_MMIO_INTERRUPT_ACK, 2);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}
END_TEST

START_TEST(a_saved_state_goes_on_where_it_was)
{
	struct virtio_state saved;
	u64 in;

	drv_start(&d, 0, drv_modes[_i], 1, 8);
	for (int i = 0; i < 5; i++) {
		send_piecewise(8, 8, &in);
		drv_kick(&d, 0);
		ck_assert_int_ge(drv_used(&d, 0, NULL), 0);
	}
	saved = echo->vd.s;
	d.dev->class->reset(d.dev);
	echo->vd.s = saved;
	ck_assert_int_eq(virtio_post_load(d.dev), 0);
	send_piecewise(9, 9, &in);
	mock_poll(&d.m);
	ck_assert_int_ge(drv_used(&d, 0, NULL), 0);
	expect_reversed(in, 9);
	/* A damaged one is refused. */
	echo->vd.s.queue[0].desc = DRV_MEM;
	ck_assert_int_eq(virtio_post_load(d.dev), -EINVAL);
	echo->vd.s.driver_features = UINT64_MAX;
	ck_assert_int_eq(virtio_post_load(d.dev), -EINVAL);
}
END_TEST

int main(void)
{
	const int modes = ARRAY_SIZE(drv_modes);
	Suite *s = suite_create("virtqueue");
	TCase *t = tcase_create("rings");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, every_mode_moves_data_around_the_ring_many_times, 0, modes);
	tcase_add_loop_test(t, chains_may_end_out_of_order, 0, modes);
	tcase_add_loop_test(t, no_interrupt_when_the_driver_wants_none, 0, modes);
	tcase_add_loop_test(t, one_interrupt_for_many_chains_and_an_event_in_the_middle_counts, 0,
			    modes);
	tcase_add_loop_test(t, doorbells_are_wanted_only_while_the_device_rests, 0, modes);
	tcase_add_loop_test(t, a_chain_can_be_given_back_unused, 0, modes);
	tcase_add_test(t, a_flood_lets_others_have_their_turn);
	suite_add_tcase(s, t);

	t = tcase_create("hostile");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, buffers_outside_ram_break_the_queue, 0, modes);
	tcase_add_loop_test(t, a_buffer_may_span_regions_that_touch, 0, modes);
	tcase_add_loop_test(t, reading_after_writing_breaks_the_queue, 0, modes);
	tcase_add_loop_test(t, too_many_pieces_break_the_queue, 0, modes);
	tcase_add_test(t, lengths_that_overflow_break_the_queue);
	tcase_add_test(t, split_loops_and_wild_indices_break_the_queue);
	tcase_add_loop_test(t, bad_indirect_tables_break_the_queue, 0, 2);
	tcase_add_test(t, a_packed_chain_without_end_breaks_the_queue);
	tcase_add_test(t, more_chains_than_the_ring_has_break_it);
	tcase_add_loop_test(t, queues_that_cannot_be_do_not_come_up, 0, modes);
	suite_add_tcase(s, t);

	t = tcase_create("transport");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, registers_say_who_it_is);
	tcase_add_test(t, features_must_be_ones_that_were_offered);
	tcase_add_test(t, nothing_works_before_driver_ok);
	tcase_add_loop_test(t, reset_waits_for_what_is_in_flight, 0, modes);
	tcase_add_loop_test(t, one_queue_goes_down_alone, 0, modes);
	tcase_add_test(t, configuration_space_answers_any_width_and_no_more);
	tcase_add_test(t, a_changed_configuration_is_told);
	tcase_add_loop_test(t, a_saved_state_goes_on_where_it_was, 0, modes);
	suite_add_tcase(s, t);

	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
