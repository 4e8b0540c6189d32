/* SPDX-License-Identifier: MIT */
/* ne2000_fixture.h - a wire that the test holds, and the least of a driver for the NE2000 on it. */
#ifndef TESTS_UNIT_DEVICES_NE2000_FIXTURE_H
#define TESTS_UNIT_DEVICES_NE2000_FIXTURE_H

#include <check.h>
#include <stdlib.h>

#include "devices/abi/ne2000.h"
#include "devices/abi/pc.h"
#include "devices/ne2000.h"
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

static inline void wire_send(struct net_backend *nb, const struct iovec *iov, unsigned n,
			     size_t len)
{
	struct wire *w = (struct wire *)nb;

	w->sent_len = iov_read(iov, n, HDR, w->sent, sizeof(w->sent));
	ck_assert_uint_eq(w->sent_len, len - HDR);
	w->frames++;
	if (w->during)
		w->during();
}

static inline void wire_flush(struct net_backend *nb)
{
	((struct wire *)nb)->flushes++;
}

static inline void wire_resume(struct net_backend *nb)
{
	((struct wire *)nb)->resumes++;
}

static inline void wire_features(struct net_backend *nb, u64 accepted)
{
	((struct wire *)nb)->accepted = accepted;
}

static inline void wire_destroy(struct net_backend *nb)
{
	((struct wire *)nb)->destroyed++;
}

static const struct net_ops wire_ops = { "wire",      wire_send,     wire_flush,
					 wire_resume, wire_features, wire_destroy };

/* A frame of len bytes, each telling which it is. */
static inline bool arrive(const u8 *to, size_t len, u8 salt)
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

static inline bool can_receive(void)
{
	return wire.nb.client.can_receive(wire.nb.client.arg);
}

/* ---- a driver ------------------------------------------------------------------------------------ */

static inline u8 in(unsigned reg)
{
	return (u8)dev->class->read(dev, 0, reg, 1);
}

static inline void out(unsigned reg, unsigned value)
{
	dev->class->write(dev, 0, reg, 1, value);
}

static inline int line(void)
{
	return m.level[PC_NE2000_IRQ];
}

static inline void dma(unsigned rd, unsigned addr, unsigned bytes)
{
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE);
	out(NE_RSAR0, addr & 0xff);
	out(NE_RSAR1, addr >> 8);
	out(NE_RBCR0, bytes & 0xff);
	out(NE_RBCR1, bytes >> 8);
	out(NE_CR, NE_CR_STA | rd);
}

/* Everything that remote DMA moved is acknowledged. */
static inline void dma_done(void)
{
	ck_assert_uint_eq(in(NE_ISR)&NE_ISR_RDC, NE_ISR_RDC);
	out(NE_ISR, NE_ISR_RDC);
	ck_assert_uint_eq(in(NE_ISR)&NE_ISR_RDC, 0);
}

static inline void take(unsigned addr, u8 *buf, unsigned n)
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

static inline void give(unsigned addr, const u8 *buf, unsigned n)
{
	dma(NE_CR_RD_WRITE, addr, n);
	for (unsigned i = 0; i < n; i += 2)
		dev->class->write(dev, 0, NE_DATA, 2,
				  (u64)buf[i] | (i + 1 < n ? (u64)buf[i + 1] << 8 : 0));
	dma_done();
}

static inline void start_with(unsigned rcr, unsigned tcr)
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

static inline void start(void)
{
	start_with(NE_RCR_AB, 0);
}

static inline u8 curr(void)
{
	u8 page;

	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE | NE_CR_PAGE(1));
	page = in(NE_CURR);
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE);
	return page;
}

static inline void transmit(unsigned page, unsigned len)
{
	out(NE_TPSR, page);
	out(NE_TBCR0, len & 0xff);
	out(NE_TBCR1, len >> 8);
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE | NE_CR_TXP);
}

static inline void loop_turn(void)
{
	mock_advance(&m, 0);
}

static inline void setup(void)
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

static inline void teardown(void)
{
	dev->class->destroy(dev);
	ck_assert_uint_eq(wire.destroyed, 1);
	mock_fini(&m);
}

#endif
