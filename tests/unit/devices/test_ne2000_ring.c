/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/ne2000_wire.c: what comes in, and where it may not go. */
#include "ne2000_fixture.h"

/* The header at `page`, and the frame behind it, across the ring's end. */
static unsigned expect_frame(u8 page, const u8 *to, size_t len, u8 salt, u8 status)
{
	unsigned count = (unsigned)(len < 60 ? 60 : len) + 4;
	unsigned pages = (4 + count + 255) / 256, next = page + pages;
	u8 buf[4 + 1518 + 1];

	if (next >= RING_END)
		next = next - RING_END + RING;
	take((unsigned)page << 8, buf, (4 + count + 1) & ~1u);
	ck_assert_uint_eq(buf[0], status);
	ck_assert_uint_eq(buf[1], next);
	ck_assert_uint_eq(buf[2] | (unsigned)buf[3] << 8, count);
	ck_assert_mem_eq(buf + 4, to, 6);
	for (size_t i = 6; i < len; i++)
		ck_assert_uint_eq(buf[4 + i], (u8)(i * 3 + salt));
	for (size_t i = len; i < 60; i++)
		ck_assert_uint_eq(buf[4 + i], 0);
	return next;
}

START_TEST(ring_goes_round)
{
	static const size_t lengths[] = { 60,  14,  59,	 61,  248, 249,	 504,  505,
					  760, 761, 800, 999, 5,   1272, 1273, 1514 };
	u8 page = RING + 1;

	start();
	for (unsigned i = 0; i < 200; i++) {
		size_t len = lengths[i % ARRAY_SIZE(lengths)];

		ck_assert(arrive(i & 1 ? mac : broadcast, len, (u8)i));
		if (len < 14) {
			ck_assert_uint_eq(curr(), page);
			continue;
		}
		ck_assert_int_eq(line(), 1);
		page = (u8)expect_frame(page, i & 1 ? mac : broadcast, len, (u8)i,
					i & 1 ? NE_RSR_PRX : NE_RSR_PRX | NE_RSR_PHY);
		ck_assert_uint_eq(curr(), page);
		ck_assert_uint_eq(in(NE_ISR), NE_ISR_PRX);
		out(NE_ISR, NE_ISR_PRX);
		ck_assert_int_eq(line(), 0);
		out(NE_BNRY, page == RING ? RING_END - 1 : page - 1u);
	}
	ck_assert_uint_eq(m.rises[PC_NE2000_IRQ], 188);
}
END_TEST

START_TEST(full_ring)
{
	u8 before;
	unsigned n;

	start();
	ck_assert(can_receive());
	for (n = 0; n < 100 && !(in(NE_ISR)&NE_ISR_OVW); n++) {
		before = curr();
		ck_assert(arrive(mac, 1000, (u8)n)); /* 4 pages */
	}
	/* 58 pages, of which one is before the first and one is not filled. */
	ck_assert_uint_eq(n, 14 + 1);
	ck_assert_uint_eq(in(NE_ISR), NE_ISR_PRX | NE_ISR_OVW | NE_ISR_RST);
	out(NE_BNRY, RING);
	ck_assert_uint_eq(in(NE_ISR), NE_ISR_PRX | NE_ISR_OVW);
	ck_assert_uint_eq(curr(), before);
	ck_assert_uint_ne(before, RING);
	ck_assert_uint_eq(in(NE_RSR), NE_RSR_MPA);
	ck_assert_uint_eq(in(NE_CNTR2), 1);
	ck_assert_uint_eq(in(NE_CNTR2), 0);
	expect_frame(RING + 1, mac, 1000, 0, NE_RSR_PRX);
	ck_assert(!can_receive());
	loop_turn();
	ck_assert_uint_eq(wire.resumes, 0);
	/* Room for a small one, but not for the largest. */
	out(NE_BNRY, RING + 5 - 1);
	out(NE_ISR, 0xff);
	ck_assert(arrive(mac, 60, 0));
	ck_assert_uint_eq(in(NE_ISR), NE_ISR_PRX);
	loop_turn();
	ck_assert_uint_eq(wire.resumes, 0);
	out(NE_BNRY, RING + 9);
	loop_turn();
	ck_assert_uint_eq(wire.resumes, 1);
	ck_assert(can_receive());
	loop_turn();
	ck_assert_uint_eq(wire.resumes, 1);
	/* Who waits when the card is stopped need not wait longer. */
	out(NE_BNRY, curr() + 1u);
	ck_assert(!can_receive());
	out(NE_CR, NE_CR_STP | NE_CR_RD_NONE);
	loop_turn();
	ck_assert_uint_eq(wire.resumes, 2);
}
END_TEST

START_TEST(missed_are_counted)
{
	start_with(NE_RCR_AB | NE_RCR_MON, 0);
	for (unsigned i = 0; i < 127; i++)
		arrive(mac, 60, 0);
	ck_assert_uint_eq(in(NE_RSR), NE_RSR_MPA | NE_RSR_DIS);
	ck_assert_uint_eq(in(NE_ISR), 0);
	for (unsigned i = 0; i < 200; i++)
		arrive(mac, 60, 0);
	ck_assert_uint_eq(in(NE_ISR), NE_ISR_CNT);
	ck_assert_uint_eq(in(NE_CNTR2), 192);
	ck_assert_uint_eq(in(NE_CNTR0), 0);
	ck_assert_uint_eq(in(NE_CNTR1), 0);
	ck_assert_uint_eq(curr(), RING + 1);
}
END_TEST

static bool taken(const u8 *to)
{
	u8 before = curr();

	out(NE_BNRY, before == RING ? RING_END - 1u : before - 1u);
	arrive(to, 60, 0);
	return curr() != before;
}

START_TEST(address_filter)
{
	const u8 other[6] = { 0x52, 0x54, 0, 1, 2, 4 };
	const u8 all_hosts[6] = { 1, 0, 0x5e, 0, 0, 1 }, v6[6] = { 0x33, 0x33, 0, 0, 0, 1 };

	start_with(0, 0);
	ck_assert(taken(mac));
	ck_assert(!taken(other));
	ck_assert(!taken(broadcast));
	out(NE_RCR, NE_RCR_AB);
	ck_assert(taken(broadcast));
	ck_assert(!taken(all_hosts));
	out(NE_RCR, NE_RCR_PRO);
	ck_assert(taken(other));
	ck_assert(!taken(broadcast));
	/* CRC-32 by zlib, its bits turned round: 31. */
	out(NE_RCR, NE_RCR_AM);
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE | NE_CR_PAGE(1));
	out(NE_MAR0 + 31 / 8, 1 << 31 % 8);
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE);
	ck_assert(taken(all_hosts));
	ck_assert(!taken(v6));
	ck_assert(!taken(broadcast));
	/* Too long for the wire. */
	ck_assert(arrive(mac, NE_FRAME_MAX + 1, 0));
	ck_assert_uint_eq(in(NE_ISR)&NE_ISR_OVW, 0);
	out(NE_CR, NE_CR_STP | NE_CR_RD_NONE);
	ck_assert(arrive(mac, 60, 0));
}
END_TEST

/* Whatever the ring's registers say, only the card's memory is written, and no loop is endless. */
START_TEST(hostile_rings)
{
	static const u8 pages[] = { 0, 1, 0x3f, 0x40, 0x41, 0x7f, 0x80, 0x81, 0xfe, 0xff };
	const size_t n = ARRAY_SIZE(pages);

	start();
	for (size_t i = 0; i < n * n * n * n; i++) {
		out(NE_PSTART, pages[i % n]);
		out(NE_PSTOP, pages[i / n % n]);
		out(NE_BNRY, pages[i / n / n % n]);
		out(NE_CR, NE_CR_STA | NE_CR_RD_NONE | NE_CR_PAGE(1));
		out(NE_CURR, pages[i / n / n / n]);
		out(NE_CR, NE_CR_STA | NE_CR_RD_NONE);
		can_receive();
		ck_assert(arrive(mac, i & 1 ? 1514 : 60, 0));
		dma(NE_CR_RD_WRITE, (pages[i % n] << 8 | 0xfe) & 0xffff, 0xffff);
		dev->class->write(dev, 0, NE_DATA, 4, 0);
		dev->class->read(dev, 0, NE_CRDA0, 4);
		loop_turn();
	}
	/* Registers beyond the last, and wide accesses to the ends of ranges. */
	ck_assert_uint_eq(dev->class->read(dev, 0, 14, 4) >> 16, 0xffff);
	dev->class->write(dev, 0, 14, 4, 0);
	dev->class->read(dev, 0, 0x17, 4);
	ck_assert_uint_eq(in(NE_CR)&NE_CR_STP, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ne2000_ring");
	TCase *t = tcase_create("ne2000");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, ring_goes_round);
	tcase_add_test(t, full_ring);
	tcase_add_test(t, missed_are_counted);
	tcase_add_test(t, address_filter);
	tcase_add_test(t, hostile_rings);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
