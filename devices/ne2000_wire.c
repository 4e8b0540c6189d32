/* SPDX-License-Identifier: MIT */
/* ne2000_wire.c - frames that come in and go out; rules N1 to N3 stand in ne2000.h. */
#include <string.h>

#include "devices/ne2000_priv.h"

#define LARGEST_PAGES	((NE_HEADER + NE_FRAME_MAX + NE_CRC_LEN + NE_PAGE - 1) / NE_PAGE)
#define ETHER_HEADER	14
#define COUNTER_END	192 /* tally counters stop there */
#define COUNTER_WARNING 128

/* ---- the receive ring ---------------------------------------------------------------------------- */

static u8 next_page(const struct ne2000_state *s, u8 page)
{
	page++;
	return page == s->set[NE_PSTOP] ? s->set[NE_PSTART] : page;
}

/* N2: not up to the boundary either. */
static bool has_room(const struct ne2000_state *s, unsigned pages)
{
	u8 page = s->curr;

	while (pages--) {
		page = next_page(s, page);
		if (page == s->set[NE_BNRY])
			return false;
	}
	return true;
}

/* N3. A card that would not store, and a ring that no largest frame ever fits, hold nobody up. */
bool ne2000_would_take(const struct ne2000_state *s)
{
	return !ne2000_running(s) || s->set[NE_TCR] & NE_TCR_LB || s->curr == s->set[NE_BNRY] ||
	       (u8)(s->set[NE_PSTOP] - s->set[NE_PSTART]) < LARGEST_PAGES + 2 ||
	       has_room(s, LARGEST_PAGES);
}

static void count_missed(struct ne2000_state *s)
{
	if (s->missed < COUNTER_END)
		s->missed++;
	if (s->missed >= COUNTER_WARNING)
		s->isr |= NE_ISR_CNT;
}

/* The chip takes the six highest bits of the address's CRC-32, which it computes as on the wire. */
static unsigned multicast_hash(const u8 *mac)
{
	u32 crc = UINT32_MAX;

	for (unsigned i = 0; i < 6; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			bool carry = (crc >> 31) ^ (mac[i] >> bit & 1);

			crc <<= 1;
			if (carry)
				crc ^= 0x04c11db7;
		}
	}
	return crc >> 26;
}

static bool wanted(const struct ne2000_state *s, const u8 *mac)
{
	static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	unsigned hash;

	if (!(mac[0] & 1))
		return s->set[NE_RCR] & NE_RCR_PRO || !memcmp(mac, s->par, 6);
	if (!memcmp(mac, broadcast, 6))
		return s->set[NE_RCR] & NE_RCR_AB;
	hash = multicast_hash(mac);
	return s->set[NE_RCR] & NE_RCR_AM && s->mar[hash >> 3] >> (hash & 7) & 1;
}

struct cursor {
	u8 page;
	u16 offset; /* in the page, below NE_PAGE */
};

static void ring_write(struct ne2000_state *s, struct cursor *c, const u8 *data, size_t len)
{
	while (len) {
		size_t part = MIN(len, (size_t)(NE_PAGE - c->offset));

		if (c->page >= NE_PAGE_FIRST && c->page < NE_PAGE_END) /* N1 */
			memcpy(s->ram + (c->page - NE_PAGE_FIRST) * NE_PAGE + c->offset, data,
			       part);
		data += part;
		len -= part;
		c->offset = (u16)((c->offset + part) % NE_PAGE);
		if (!c->offset)
			c->page = next_page(s, c->page);
	}
}

/* The checksum's bytes are counted and left as they are: no driver looks at them. */
static void store(struct ne2000_state *s, const u8 *frame, size_t len)
{
	static const u8 zeroes[NE_FRAME_MIN];
	size_t count = MAX(len, (size_t)NE_FRAME_MIN) + NE_CRC_LEN;
	unsigned pages = (unsigned)((NE_HEADER + count + NE_PAGE - 1) / NE_PAGE);
	u8 header[NE_HEADER] = { 0, s->curr, (u8)count, (u8)(count >> 8) };
	struct cursor c = { .page = s->curr };

	if (s->set[NE_RCR] & NE_RCR_MON) {
		s->rsr = NE_RSR_MPA | NE_RSR_DIS;
		count_missed(s);
		return;
	}
	if (!has_room(s, pages)) {
		s->rsr = NE_RSR_MPA;
		s->isr |= NE_ISR_OVW | NE_ISR_RST;
		count_missed(s);
		return;
	}
	while (pages--)
		header[1] = next_page(s, header[1]);
	s->rsr = NE_RSR_PRX | (frame[0] & 1 ? NE_RSR_PHY : 0);
	header[0] = s->rsr;
	ring_write(s, &c, header, sizeof(header));
	ring_write(s, &c, frame, len);
	if (len < NE_FRAME_MIN)
		ring_write(s, &c, zeroes, NE_FRAME_MIN - len);
	s->clda = (u16)(c.page * 256u | c.offset);
	s->curr = header[1];
	s->isr |= NE_ISR_PRX;
}

/* ---- the wire: loop thread ------------------------------------------------------------------------- */

/* Nobody but the loop thread comes here: there is nothing to take. */
static void wire_enter(void *arg)
{
	(void)arg;
}

static bool wire_receive(void *arg, const struct virtio_net_hdr *hdr, const u8 *frame, size_t len)
{
	struct ne2000 *n = arg;
	struct ne2000_state *s = &n->s;

	(void)hdr; /* no offload was accepted */
	dev_lock(&n->lock);
	if (len >= ETHER_HEADER && len <= NE_FRAME_MAX && ne2000_running(s) &&
	    !(s->set[NE_TCR] & NE_TCR_LB) && wanted(s, frame))
		store(s, frame, len);
	ne2000_settle(n);
	return true; /* N3 */
}

static bool wire_can_receive(void *arg)
{
	struct ne2000 *n = arg;
	bool room;

	dev_lock(&n->lock);
	room = ne2000_would_take(&n->s);
	n->starved |= !room;
	ne2000_settle(n);
	return room;
}

static void end_transmission(struct ne2000_state *s, u8 tsr, u8 isr)
{
	s->cr &= (u8)~NE_CR_TXP;
	s->tsr = tsr;
	s->isr |= isr;
}

/* The frame that TPSR and TBCR name; 0: there is none to send (any more). Lock held. */
static size_t take_frame(struct ne2000 *n)
{
	struct ne2000_state *s = &n->s;
	size_t crc = s->set[NE_TCR] & NE_TCR_CRC ? NE_CRC_LEN : 0;
	size_t count = s->set[NE_TBCR0] | (size_t)s->set[NE_TBCR1] << 8;
	size_t len = count > crc ? count - crc : 0;
	u16 from = (u16)(s->set[NE_TPSR] << 8);

	if (!(s->cr & NE_CR_TXP) || n->sending)
		return 0;
	/* What is longer the transceiver would have cut off. */
	if (!len || len > NE_FRAME_MAX) {
		end_transmission(s, NE_TSR_ABT, NE_ISR_TXE);
		return 0;
	}
	for (size_t i = 0; i < len; i++)
		n->frame[i] = ne2000_mem_read(n, (u16)(from + i));
	s->clda = (u16)(from + count);
	n->sending = true;
	return len;
}

static void send_frame(struct ne2000 *n, size_t len)
{
	struct virtio_net_hdr hdr = { 0 };
	const struct iovec iov[] = { { &hdr, sizeof(hdr) }, { n->frame, len } };
	const struct net_ops *ops = n->backend->ops;

	ops->send(n->backend, iov, ARRAY_SIZE(iov), sizeof(hdr) + len);
	if (ops->flush)
		ops->flush(n->backend);
}

void ne2000_on_timer(void *arg)
{
	struct ne2000 *n = arg;
	bool resume;
	size_t len;

	dev_lock(&n->lock);
	dev_outputs_fired(&n->out);
	len = take_frame(n);
	resume = n->starved && ne2000_would_take(&n->s);
	n->starved &= !resume;
	dev_unlock(&n->lock);
	if (len)
		send_frame(n, len);
	if (resume)
		n->backend->ops->resume(n->backend);
	dev_lock(&n->lock);
	/* A reset meanwhile has taken the command back. */
	if (len && n->sending && n->s.cr & NE_CR_TXP)
		end_transmission(&n->s, NE_TSR_PTX, NE_ISR_PTX);
	if (len)
		n->sending = false;
	ne2000_settle(n);
}

/*
 * What the receiver would have made of the frame, as the data sheet's tables have it (12.0). Where the chip adds
 * the checksum the receiver, which shares the logic, finds it wrong.
 */
void ne2000_loop_back(struct ne2000 *n)
{
	static const u8 tsr[] = { 0, NE_TSR_PTX | NE_TSR_CRS | NE_TSR_CDH, NE_TSR_PTX | NE_TSR_CDH,
				  NE_TSR_PTX };
	struct ne2000_state *s = &n->s;
	u8 mac[6];

	for (unsigned i = 0; i < 6; i++)
		mac[i] = ne2000_mem_read(n, (u16)((s->set[NE_TPSR] << 8) + i));
	s->rsr = NE_RSR_PRX;
	if (wanted(s, mac) && !(s->set[NE_TCR] & NE_TCR_CRC)) {
		s->rsr = NE_RSR_CRC | (mac[0] & 1 ? NE_RSR_PHY : 0);
		s->isr |= NE_ISR_RXE;
	}
	end_transmission(s, tsr[(s->set[NE_TCR] & NE_TCR_LB) >> 1], NE_ISR_PTX);
}

/* ---- life ----------------------------------------------------------------------------------------- */

void ne2000_plug(struct ne2000 *n, struct net_backend *backend)
{
	n->backend = backend;
	backend->client =
		(struct net_client){ n, wire_enter, wire_enter, wire_receive, wire_can_receive };
	if (backend->ops->features)
		backend->ops->features(backend, 0); /* whole frames with their checksums */
}
