/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/virtio/virtqueue*.c, driven well and driven badly. */
#include "tests/unit/devices/virtio_echo.h"

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

	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
