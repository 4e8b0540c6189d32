/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/ne2000*.c: registers, remote DMA and transmission as a driver of the DP8390 sees them. */
#include "ne2000_fixture.h"

START_TEST(reset_state)
{
	ck_assert_uint_eq(in(NE_CR), NE_CR_STP | NE_CR_RD_NONE);
	ck_assert_uint_eq(in(NE_ISR), NE_ISR_RST);
	start();
	ck_assert_uint_eq(in(NE_ISR), 0);
	ck_assert_uint_eq(in(NE_CR), NE_CR_STA | NE_CR_RD_NONE);
	/* Neither start nor stop: as it was. */
	out(NE_CR, NE_CR_RD_NONE);
	ck_assert_uint_eq(in(NE_CR), NE_CR_STA | NE_CR_RD_NONE);
	arrive(mac, 60, 0);
	ck_assert_int_eq(line(), 1);
	/* The reset port is read. */
	out(NE_RESET, 0);
	ck_assert_int_eq(line(), 1);
	ck_assert_uint_eq(in(NE_RESET), 0xff);
	ck_assert_int_eq(line(), 0);
	ck_assert_uint_eq(in(NE_CR), NE_CR_STP | NE_CR_RD_NONE);
	ck_assert_uint_eq(in(NE_ISR), NE_ISR_RST);
	out(NE_ISR, 0xff); /* it says what is, and cannot be acknowledged */
	ck_assert_uint_eq(in(NE_ISR), NE_ISR_RST);
	/* Page 2 shows what page 0 was told; the ring has outlived the reset, the mask has not. */
	out(NE_CR, NE_CR_STP | NE_CR_RD_NONE | NE_CR_PAGE(2));
	ck_assert_uint_eq(in(NE_PSTART), RING);
	ck_assert_uint_eq(in(NE_PSTOP), RING_END);
	ck_assert_uint_eq(in(NE_IMR), 0);
	ck_assert_uint_eq(in(NE_RSAR0), 0xff);
	out(NE_CR, NE_CR_STP | NE_CR_RD_NONE | NE_CR_PAGE(3));
	ck_assert_uint_eq(in(NE_PSTART), 0xff);
}
END_TEST

START_TEST(station_address)
{
	u8 prom[NE_PROM_LEN];

	start();
	take(0, prom, sizeof(prom));
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_uint_eq(prom[2 * i], mac[i]);
		ck_assert_uint_eq(prom[2 * i + 1], mac[i]);
	}
	ck_assert_mem_eq(prom + 28, "WWWW", 4);
	/* It cannot be written, and there is nothing between it and the memory, nor above that. */
	give(0, broadcast, 6);
	give(0x3ffe, mac, 4);
	give(0x7ffe, mac, 4);
	take(0, prom, 6);
	ck_assert_uint_eq(prom[0], mac[0]);
	take(0x3ffe, prom, 4);
	ck_assert_mem_eq(prom, ((u8[]){ 0xff, 0xff, mac[2], mac[3] }), 4);
	/* Behind the last page the address goes to the ring's first, as the receiver's would. */
	take(0x7ffe, prom, 4);
	ck_assert_mem_eq(prom, mac, 4);
	take(RING << 8, prom, 2);
	ck_assert_mem_eq(prom, mac + 2, 2);
}
END_TEST

/* Words and bytes, and one more than was asked for. */
START_TEST(remote_dma)
{
	u8 data[7] = { 1, 2, 3, 4, 5, 6, 7 }, back[8] = { 0 };

	start();
	give(0x4100, data, 7); /* the last word has one byte */
	dma(NE_CR_RD_READ, 0x4100, 7);
	ck_assert_uint_eq(dev->class->read(dev, 0, NE_DATA, 4) & 0xffffffff, 0x04030201);
	ck_assert_uint_eq(in(NE_CRDA0), 4);
	ck_assert_uint_eq(in(NE_CRDA1), 0x41);
	ck_assert_uint_eq(in(NE_ISR)&NE_ISR_RDC, 0);
	ck_assert_uint_eq(in(NE_DATA), 5); /* takes a word all the same */
	ck_assert_uint_eq(dev->class->read(dev, 0, NE_DATA, 2) & 0xff, 7);
	dma_done();
	ck_assert_uint_eq(dev->class->read(dev, 0, NE_DATA, 2) & 0xffff, 0xffff);
	dev->class->write(dev, 0, NE_DATA, 2, 0x9999); /* not what was begun */
	out(NE_DCR, NE_DCR_LS);
	dma(NE_CR_RD_READ, 0x4100, 3);
	for (unsigned i = 0; i < 3; i++)
		back[i] = in(NE_DATA);
	dma_done();
	ck_assert_mem_eq(back, data, 3);
	dma(NE_CR_RD_READ, 0x4100, 0);
	dma_done();
	/* Aborted: nothing moves. */
	dma(NE_CR_RD_WRITE, 0x4100, 2);
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE);
	out(NE_DATA, 0x55);
	out(NE_DCR, NE_DCR_LS | NE_DCR_WTS);
	take(0x4100, back, 2);
	ck_assert_mem_eq(back, data, 2);
}
END_TEST

START_TEST(transmission)
{
	u8 frame[NE_FRAME_MAX];

	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (u8)(i * 5);
	start();
	give(TX_PAGE << 8, frame, sizeof(frame));
	transmit(TX_PAGE, sizeof(frame));
	/* It is the loop thread's to send. */
	ck_assert_uint_eq(in(NE_CR), NE_CR_STA | NE_CR_RD_NONE | NE_CR_TXP);
	ck_assert_uint_eq(wire.frames, 0);
	transmit(TX_PAGE, 60); /* one at a time, and the length may be as it is by then */
	out(NE_TBCR0, sizeof(frame) & 0xff);
	out(NE_TBCR1, sizeof(frame) >> 8);
	loop_turn();
	ck_assert_uint_eq(wire.frames, 1);
	ck_assert_uint_eq(wire.flushes, 1);
	ck_assert_uint_eq(wire.sent_len, sizeof(frame));
	ck_assert_mem_eq(wire.sent, frame, sizeof(frame));
	ck_assert_uint_eq(in(NE_CR), NE_CR_STA | NE_CR_RD_NONE);
	ck_assert_uint_eq(in(NE_TSR), NE_TSR_PTX);
	ck_assert_uint_eq(in(NE_ISR), NE_ISR_PTX);
	ck_assert_int_eq(line(), 1);
	out(NE_ISR, NE_ISR_PTX);
	ck_assert_int_eq(line(), 0);
	/* A frame that brings its checksum: the wire below wants none. */
	out(NE_TCR, NE_TCR_CRC);
	transmit(TX_PAGE, 64);
	loop_turn();
	ck_assert_uint_eq(wire.sent_len, 60);
	ck_assert_uint_eq(m.rises[PC_NE2000_IRQ], 2);
}
END_TEST

START_TEST(what_cannot_be_sent)
{
	static const unsigned lengths[] = { 0, NE_FRAME_MAX + 1, 0xffff };

	start();
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		transmit(0xff, lengths[i]);
		loop_turn();
		ck_assert_uint_eq(in(NE_ISR), NE_ISR_TXE);
		ck_assert_uint_eq(in(NE_TSR), NE_TSR_ABT);
		ck_assert_uint_eq(in(NE_CR)&NE_CR_TXP, 0);
		out(NE_ISR, 0xff);
	}
	ck_assert_uint_eq(wire.frames, 0);
	/* From outside of the memory, and across its end. */
	transmit(0x7f, 1000);
	loop_turn();
	ck_assert_uint_eq(wire.sent[255], 0);
	ck_assert_uint_eq(wire.sent[256], 0xff);
	transmit(0xff, 1000);
	loop_turn();
	ck_assert_uint_eq(wire.sent[255], 0xff);
	ck_assert_uint_eq(wire.sent[256], mac[0]);
	ck_assert_uint_eq(wire.frames, 2);
	/* Not while it is stopped; what is under way when it is, goes out. */
	out(NE_ISR, 0xff);
	transmit(TX_PAGE, 60);
	out(NE_CR, NE_CR_STP | NE_CR_RD_NONE);
	loop_turn();
	ck_assert_uint_eq(wire.frames, 3);
	ck_assert_uint_eq(in(NE_ISR), NE_ISR_PTX | NE_ISR_RST);
	out(NE_CR, NE_CR_STP | NE_CR_RD_NONE | NE_CR_TXP);
	loop_turn();
	ck_assert_uint_eq(wire.frames, 3);
}
END_TEST

static void reset_and_send_again(void)
{
	wire.during = NULL;
	in(NE_RESET);
	start();
	transmit(TX_PAGE, 77);
}

/* A reset takes the command back, and a new one is not mistaken for it. */
START_TEST(reset_while_sending)
{
	start();
	transmit(TX_PAGE, 60);
	in(NE_RESET);
	loop_turn();
	ck_assert_uint_eq(wire.frames, 0);
	start();
	transmit(TX_PAGE, 60);
	wire.during = reset_and_send_again;
	loop_turn();
	ck_assert_uint_eq(wire.frames, 2);
	ck_assert_uint_eq(wire.sent_len, 77);
	ck_assert_uint_eq(in(NE_ISR), NE_ISR_PTX);
	ck_assert_uint_eq(in(NE_CR)&NE_CR_TXP, 0);
}
END_TEST

START_TEST(loopback)
{
	static const u8 tsr[] = { 0, 0x51, 0x41, 0x01 };

	for (unsigned mode = 1; mode <= 3; mode++) {
		start_with(0, mode << 1);
		give(TX_PAGE << 8, mac, 6);
		transmit(TX_PAGE, 60);
		ck_assert_uint_eq(in(NE_CR)&NE_CR_TXP, 0);
		ck_assert_uint_eq(in(NE_TSR), tsr[mode]);
		ck_assert_uint_eq(in(NE_RSR), NE_RSR_CRC);
		ck_assert_uint_eq(in(NE_ISR), NE_ISR_PTX | NE_ISR_RXE);
		/* Somebody else's. */
		out(NE_ISR, 0xff);
		give(TX_PAGE << 8, broadcast, 6);
		transmit(TX_PAGE, 60);
		ck_assert_uint_eq(in(NE_RSR), NE_RSR_PRX);
		ck_assert_uint_eq(in(NE_ISR), NE_ISR_PTX);
		/* Neither into the ring, nor from the wire. */
		arrive(mac, 60, 0);
		ck_assert_uint_eq(curr(), RING + 1);
	}
	loop_turn();
	ck_assert_uint_eq(wire.frames, 0);
	start();
	ck_assert_uint_eq(in(NE_TSR), 1);
}
END_TEST

/* A state that was saved before the frame was out. */
START_TEST(saved_while_sending)
{
	const struct device_class *c = dev->class;
	u8 *state = (u8 *)dev + c->state_offset, *copy = malloc(c->state_size);

	start();
	transmit(TX_PAGE, 60);
	memcpy(copy, state, c->state_size);
	loop_turn();
	out(NE_ISR, 0xff);
	memcpy(state, copy, c->state_size);
	ck_assert_int_eq(c->post_load(dev), 0);
	loop_turn();
	ck_assert_uint_eq(wire.frames, 2);
	ck_assert_int_eq(line(), 1);
	/* Already interrupting when it was saved. */
	memcpy(copy, state, c->state_size);
	c->reset(dev);
	ck_assert_int_eq(line(), 0);
	memcpy(state, copy, c->state_size);
	ck_assert_int_eq(c->post_load(dev), 0);
	out(NE_IMR, 0);
	ck_assert_int_eq(line(), 0);
	free(copy);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ne2000");
	TCase *t = tcase_create("ne2000");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, reset_state);
	tcase_add_test(t, station_address);
	tcase_add_test(t, remote_dma);
	tcase_add_test(t, transmission);
	tcase_add_test(t, what_cannot_be_sent);
	tcase_add_test(t, reset_while_sending);
	tcase_add_test(t, loopback);
	tcase_add_test(t, saved_while_sending);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
