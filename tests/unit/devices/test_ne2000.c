/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/ne2000*.c: the DP8390 as a driver sees it, on a wire that the test holds. */
#include "devices/ne2000.h"

#include <check.h>
#include <stdlib.h>

#include "devices/abi/ne2000.h"
#include "devices/abi/pc.h"
#include "devices/virtio/virtqueue.h"
#include "mock_env.h"

#define HDR	 sizeof(struct virtio_net_hdr)
#define TX_PAGE	 0x40
#define RING	 0x46
#define RING_END 0x80

static struct mock_env m;
static struct device *dev;
static const u8 mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };
static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* ---- a wire -------------------------------------------------------------------------------------- */

static struct wire {
	struct net_backend nb; /* first */
	u8 sent[2000];
	size_t sent_len;
	unsigned frames, flushes, resumes, destroyed;
	u64 accepted;
	void (*during)(void); /* while a frame is under way */
} wire;

static void wire_send(struct net_backend *nb, const struct iovec *iov, unsigned n, size_t len)
{
	struct wire *w = (struct wire *)nb;

	w->sent_len = iov_read(iov, n, HDR, w->sent, sizeof(w->sent));
	ck_assert_uint_eq(w->sent_len, len - HDR);
	w->frames++;
	if (w->during)
		w->during();
}

static void wire_flush(struct net_backend *nb)
{
	((struct wire *)nb)->flushes++;
}

static void wire_resume(struct net_backend *nb)
{
	((struct wire *)nb)->resumes++;
}

static void wire_features(struct net_backend *nb, u64 accepted)
{
	((struct wire *)nb)->accepted = accepted;
}

static void wire_destroy(struct net_backend *nb)
{
	((struct wire *)nb)->destroyed++;
}

static const struct net_ops wire_ops = { "wire",      wire_send,     wire_flush,
					 wire_resume, wire_features, wire_destroy };

/* A frame of len bytes, each telling which it is. */
static bool arrive(const u8 *to, size_t len, u8 salt)
{
	const struct net_client *c = &wire.nb.client;
	const struct virtio_net_hdr hdr = { 0 };
	u8 frame[2000];
	bool took;

	for (size_t i = 0; i < len; i++)
		frame[i] = (u8)(i * 3 + salt);
	memcpy(frame, to, 6);
	c->enter(c->arg);
	took = c->receive(c->arg, &hdr, frame, len);
	c->leave(c->arg);
	return took;
}

static bool can_receive(void)
{
	return wire.nb.client.can_receive(wire.nb.client.arg);
}

/* ---- a driver ------------------------------------------------------------------------------------ */

static u8 in(unsigned reg)
{
	return (u8)dev->class->read(dev, 0, reg, 1);
}

static void out(unsigned reg, unsigned value)
{
	dev->class->write(dev, 0, reg, 1, value);
}

static int line(void)
{
	return m.level[PC_NE2000_IRQ];
}

static void dma(unsigned rd, unsigned addr, unsigned bytes)
{
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE);
	out(NE_RSAR0, addr & 0xff);
	out(NE_RSAR1, addr >> 8);
	out(NE_RBCR0, bytes & 0xff);
	out(NE_RBCR1, bytes >> 8);
	out(NE_CR, NE_CR_STA | rd);
}

/* Everything that remote DMA moved is acknowledged. */
static void dma_done(void)
{
	ck_assert_uint_eq(in(NE_ISR)&NE_ISR_RDC, NE_ISR_RDC);
	out(NE_ISR, NE_ISR_RDC);
	ck_assert_uint_eq(in(NE_ISR)&NE_ISR_RDC, 0);
}

static void take(unsigned addr, u8 *buf, unsigned n)
{
	dma(NE_CR_RD_READ, addr, n);
	for (unsigned i = 0; i < n; i += 2) {
		u64 v = dev->class->read(dev, 0, NE_DATA, 2);

		buf[i] = (u8)v;
		if (i + 1 < n)
			buf[i + 1] = (u8)(v >> 8);
	}
	dma_done();
}

static void give(unsigned addr, const u8 *buf, unsigned n)
{
	dma(NE_CR_RD_WRITE, addr, n);
	for (unsigned i = 0; i < n; i += 2)
		dev->class->write(dev, 0, NE_DATA, 2,
				  (u64)buf[i] | (i + 1 < n ? (u64)buf[i + 1] << 8 : 0));
	dma_done();
}

static void start_with(unsigned rcr, unsigned tcr)
{
	out(NE_CR, NE_CR_STP | NE_CR_RD_NONE);
	out(NE_DCR, NE_DCR_WTS | NE_DCR_LS | NE_DCR_FT1);
	out(NE_RBCR0, 0);
	out(NE_RBCR1, 0);
	out(NE_RCR, rcr);
	out(NE_TCR, tcr);
	out(NE_PSTART, RING);
	out(NE_PSTOP, RING_END);
	out(NE_BNRY, RING);
	out(NE_ISR, 0xff);
	out(NE_IMR, 0x3f);
	out(NE_CR, NE_CR_STP | NE_CR_RD_NONE | NE_CR_PAGE(1));
	for (unsigned i = 0; i < 6; i++)
		out(NE_PAR0 + i, mac[i]);
	for (unsigned i = 0; i < 8; i++)
		out(NE_MAR0 + i, 0);
	out(NE_CURR, RING + 1);
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE);
}

static void start(void)
{
	start_with(NE_RCR_AB, 0);
}

static u8 curr(void)
{
	u8 page;

	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE | NE_CR_PAGE(1));
	page = in(NE_CURR);
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE);
	return page;
}

static void transmit(unsigned page, unsigned len)
{
	out(NE_TPSR, page);
	out(NE_TBCR0, len & 0xff);
	out(NE_TBCR1, len >> 8);
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE | NE_CR_TXP);
}

static void loop_turn(void)
{
	mock_advance(&m, 0);
}

static void setup(void)
{
	const struct dev_range ports = { DEV_PIO, PC_NE2000_PORT, PC_NE2000_LEN };

	mock_init(&m);
	memset(&wire, 0, sizeof(wire));
	wire.nb.ops = &wire_ops;
	wire.nb.env = &m.env;
	wire.accepted = 1;
	dev = ne2000_create(&m.env, &ports, mock_line(&m, PC_NE2000_IRQ), &wire.nb, mac);
	ck_assert_ptr_nonnull(dev);
	ck_assert_uint_eq(wire.accepted, 0);
	dev->class->reset(dev);
}

static void teardown(void)
{
	dev->class->destroy(dev);
	ck_assert_uint_eq(wire.destroyed, 1);
	mock_fini(&m);
}

/* ---- tests ----------------------------------------------------------------------------------------- */

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
	tcase_add_test(t, ring_goes_round);
	tcase_add_test(t, full_ring);
	tcase_add_test(t, missed_are_counted);
	tcase_add_test(t, address_filter);
	tcase_add_test(t, hostile_rings);
	tcase_add_test(t, saved_while_sending);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
