/* SPDX-License-Identifier: MIT */
/*
 * ne2000.c - two places to send from, and a ring of pages for what comes in (DP8390D data sheet, 7.0 to 9.0).
 * Remote DMA moves one thing at a time; who has the card's lock has it.
 *
 * Rule E1: the interrupt is an edge, and the card's line high as long as anything is unacknowledged: the handler
 *          goes on until nothing is.
 * Rule E2: BNRY is the page before the one that is read next, so that a full ring is not taken for an empty one.
 */
#include "guest/drivers/ne2000.h"
#include "guest/arch/x86/asm.h"
#include "guest/drivers/device.h"
#include "guest/drivers/net.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/time.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "devices/abi/ne2000.h"
#include "devices/abi/pc.h"

#define SLOTS	    2u
#define SLOT_PAGES  6u
#define TX_FIRST    NE_PAGE_FIRST
#define RING	    (TX_FIRST + SLOTS * SLOT_PAGES)
#define RING_END    NE_PAGE_END
#define INTERRUPTS  (NE_ISR_PRX | NE_ISR_PTX | NE_ISR_TXE | NE_ISR_OVW)
#define WAIT_US	    2000 /* a frame on its way takes the wire 1.2 ms */
#define COMMAND(rd) (NE_CR_STA | (rd))

static struct ne {
	struct net_device dev; /* its lock is for all that follows, and the card */
	u8 next;	       /* page of the ring that is read next */
	u16 length[SLOTS];     /* of the frame in each slot; 0: free */
	unsigned sending;      /* the slot that is, or will be next */
	bool recovering;       /* frames wait: in loopback they would be lost */
	u8 frame[NE_FRAME_MAX + NE_CRC_LEN] __attribute__((aligned(2)));
} eth0;

static u8 in(unsigned reg)
{
	return inb((u16)(PC_NE2000_PORT + reg));
}

static void out(unsigned reg, unsigned value)
{
	outb((u16)(PC_NE2000_PORT + reg), (u8)value);
}

/* Until one of the bits of ISR is set; false: for too long. Does not sleep. */
static bool wait_isr(u8 bits)
{
	u64 deadline = clock_ns() + WAIT_US * NSEC_PER_USEC;

	while (!(in(NE_ISR)&bits)) {
		if (clock_ns() > deadline)
			return false;
		cpu_relax();
	}
	return true;
}

/* ---- the card's memory -------------------------------------------------------------------------- */

static void start_dma(unsigned rd, unsigned addr, size_t n)
{
	out(NE_RBCR0, (unsigned)n & 0xff);
	out(NE_RBCR1, (unsigned)n >> 8);
	out(NE_RSAR0, addr & 0xff);
	out(NE_RSAR1, addr >> 8);
	out(NE_CR, COMMAND(rd));
}

/* n is even, and so is p. */
static void mem_read(unsigned addr, void *p, size_t n)
{
	size_t words = n / 2;

	start_dma(NE_CR_RD_READ, addr, n);
	__asm__ volatile("rep insw"
			 : "+D"(p), "+c"(words)
			 : "d"((u16)(PC_NE2000_PORT + NE_DATA))
			 : "memory");
	out(NE_ISR, NE_ISR_RDC);
}

static bool mem_write(unsigned addr, const void *p, size_t n)
{
	size_t words = n / 2;
	bool done;

	start_dma(NE_CR_RD_WRITE, addr, n);
	__asm__ volatile("rep outsw"
			 : "+S"(p), "+c"(words)
			 : "d"((u16)(PC_NE2000_PORT + NE_DATA))
			 : "memory");
	/* On a slow bus the card may be behind. */
	done = wait_isr(NE_ISR_RDC);
	out(NE_ISR, NE_ISR_RDC);
	return done;
}

/* ---- starting ------------------------------------------------------------------------------------- */

/* Everything but whether it is connected: TCR says that afterwards. */
static void set_up(struct ne *n)
{
	out(NE_CR, NE_CR_STP | NE_CR_RD_NONE);
	out(NE_DCR, NE_DCR_WTS | NE_DCR_LS | NE_DCR_FT1);
	out(NE_RBCR0, 0);
	out(NE_RBCR1, 0);
	out(NE_RCR, NE_RCR_AB);
	out(NE_TCR, NE_TCR_LB1);
	out(NE_PSTART, RING);
	out(NE_PSTOP, RING_END);
	out(NE_BNRY, RING);
	out(NE_ISR, 0xff);
	out(NE_IMR, INTERRUPTS);
	out(NE_CR, NE_CR_STP | NE_CR_RD_NONE | NE_CR_PAGE(1));
	for (unsigned i = 0; i < 6; i++)
		out(NE_PAR0 + i, n->dev.nif.mac[i]);
	for (unsigned i = 0; i < 8; i++)
		out(NE_MAR0 + i, 0);
	n->next = RING + 1; /* E2 */
	out(NE_CURR, n->next);
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE);
}

static void start(struct ne *n)
{
	memset(n->length, 0, sizeof(n->length));
	n->sending = 0;
	set_up(n);
	out(NE_TCR, 0);
}

/* ---- sending -------------------------------------------------------------------------------------- */

static unsigned slot_page(unsigned slot)
{
	return TX_FIRST + slot * SLOT_PAGES;
}

static void transmit(struct ne *n)
{
	u16 length = n->length[n->sending];

	out(NE_TPSR, slot_page(n->sending));
	out(NE_TBCR0, length & 0xff);
	out(NE_TBCR1, length >> 8);
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE | NE_CR_TXP);
}

/* struct net_if.send; the lock is held. */
static int ne_send(struct net_if *nif, const void *frame, size_t len)
{
	struct ne *n = nif->driver;
	unsigned slot = n->length[n->sending] ? (n->sending + 1) % SLOTS : n->sending;
	u8 padded[NE_FRAME_MIN];

	if (n->length[slot])
		return -ENOSPC;
	if (len < NE_FRAME_MIN) {
		memset(padded, 0, sizeof(padded));
		memcpy(padded, frame, len);
		frame = padded;
		len = NE_FRAME_MIN;
	}
	/* The byte behind an odd frame goes along: where guest/net keeps frames is room for an even one. */
	if (!mem_write(slot_page(slot) * NE_PAGE, frame, (len + 1) & ~1UL))
		return -EIO;
	n->length[slot] = (u16)len;
	if (slot == n->sending && !n->recovering)
		transmit(n);
	return 0;
}

static void sent(struct ne *n)
{
	n->length[n->sending] = 0;
	n->sending = (n->sending + 1) % SLOTS;
	if (n->length[n->sending])
		transmit(n);
}

/* ---- receiving ------------------------------------------------------------------------------------- */

static u8 current_page(void)
{
	u8 page;

	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE | NE_CR_PAGE(1));
	page = in(NE_CURR);
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE);
	return page;
}

/* The frame at n->next; false: what stands there is none. */
static bool take_frame(struct ne *n)
{
	unsigned addr = n->next * NE_PAGE;
	u8 header[NE_HEADER] __attribute__((aligned(2)));
	size_t count, len;

	mem_read(addr, header, sizeof(header));
	count = header[2] | (size_t)header[3] << 8;
	if (!(header[0] & NE_RSR_PRX) || header[1] < RING || header[1] >= RING_END ||
	    count < NE_FRAME_MIN + NE_CRC_LEN || count > sizeof(n->frame))
		return false;
	len = count - NE_CRC_LEN;
	/* The controller's address goes round at the ring's end by itself. */
	mem_read(addr + NE_HEADER, n->frame, (len + 1) & ~1UL);
	n->next = header[1];
	out(NE_BNRY, n->next == RING ? RING_END - 1 : n->next - 1u); /* E2 */
	net_input(&n->dev, n->frame, len);
	return true;
}

static void receive(struct ne *n)
{
	u8 end;

	while ((end = current_page()) != n->next) {
		while (n->next != end) {
			if (take_frame(n))
				continue;
			pr_warn("%s: the ring is broken at page %#x; starting again", n->dev.name,
				n->next);
			start(n);
			return;
		}
	}
}

/* What the data sheet prescribes when the ring has been full; else "the NIC may act in an unpredictable manner". */
static void recover(struct ne *n)
{
	bool busy = n->length[n->sending] != 0, cut = (in(NE_CR)&NE_CR_TXP) != 0;

	out(NE_CR, NE_CR_STP | NE_CR_RD_NONE);
	udelay(WAIT_US);
	out(NE_RBCR0, 0);
	out(NE_RBCR1, 0);
	/* A frame that was on its way has come out, or has to be sent again. */
	cut = cut && !(in(NE_ISR) & (NE_ISR_PTX | NE_ISR_TXE));
	out(NE_TCR, NE_TCR_LB1);
	out(NE_CR, NE_CR_STA | NE_CR_RD_NONE);
	n->recovering = true;
	receive(n);
	n->recovering = false;
	out(NE_ISR, NE_ISR_OVW);
	out(NE_TCR, 0);
	if (n->length[n->sending] && (cut || !busy))
		transmit(n);
}

static void ne_interrupt(void *arg)
{
	struct ne *n = arg;
	u8 isr;

	spin_lock(&n->dev.lock);
	while ((isr = in(NE_ISR)&INTERRUPTS)) { /* E1 */
		/* First, so that what comes while it is dealt with raises the bit again. */
		out(NE_ISR, isr);
		if (isr & (NE_ISR_PTX | NE_ISR_TXE))
			sent(n);
		if (isr & NE_ISR_OVW)
			recover(n);
		else if (isr & NE_ISR_PRX)
			receive(n);
	}
	spin_unlock(&n->dev.lock);
}

/* ---- finding it ------------------------------------------------------------------------------------ */

static bool read_prom(u8 mac[6])
{
	u8 prom[NE_PROM_LEN] __attribute__((aligned(2)));

	out(NE_CR, NE_CR_STP | NE_CR_RD_NONE);
	out(NE_DCR, NE_DCR_WTS | NE_DCR_LS | NE_DCR_FT1);
	mem_read(0, prom, sizeof(prom));
	for (unsigned i = 0; i < 6; i++) {
		if (prom[2 * i] != prom[2 * i + 1])
			return false;
		mac[i] = prom[2 * i];
	}
	return prom[28] == 'W' && prom[30] == 'W';
}

unsigned ne2000_probe(void)
{
	struct ne *n = &eth0;
	u8 mac[6];

	if (in(NE_CR) == 0xff)
		return 0;
	out(NE_RESET, in(NE_RESET));
	if (!wait_isr(NE_ISR_RST) || !read_prom(mac))
		return 0;
	net_device_init(&n->dev, "eth0", mac, ne_send, n);
	if (!device_irq(PC_NE2000_IRQ, "eth0", ne_interrupt, n))
		return 0;
	start(n);
	net_register(&n->dev);
	pr_info("  eth0: NE2000, %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		mac[4], mac[5]);
	return 1;
}
