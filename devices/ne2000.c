/* SPDX-License-Identifier: MIT */
/* ne2000.c - the registers and the data port of an NE2000; rules N1 to N3 stand in ne2000.h. */
#include "devices/ne2000.h"

#include <stdlib.h>
#include <string.h>

#include "devices/aml.h"
#include "devices/ne2000_priv.h"

static struct ne2000 *to_ne2000(struct device *dev)
{
	return container_of(dev, struct ne2000, dev);
}

static bool interrupts(const struct ne2000_state *s)
{
	return s->isr & s->set[NE_IMR] & ~NE_ISR_RST;
}

void ne2000_settle(struct ne2000 *n)
{
	const struct ne2000_state *s = &n->s;
	bool work = (s->cr & NE_CR_TXP && !n->sending) || (n->starved && ne2000_would_take(s));

	n->out.deadline = work ? 0 : DEV_NEVER;
	dev_outputs_level(&n->out, interrupts(s));
	dev_outputs_unlock(&n->out, &n->dev, &n->lock);
}

/* ---- the card's memory -------------------------------------------------------------------------- */

u8 ne2000_mem_read(const struct ne2000 *n, u16 addr)
{
	if (addr < NE_PROM_LEN)
		return n->prom[addr];
	if (addr >= NE_RAM_BASE && addr < NE_RAM_BASE + NE_RAM_LEN) /* N1 */
		return n->s.ram[addr - NE_RAM_BASE];
	return 0xff;
}

static void mem_write(struct ne2000 *n, u16 addr, u8 value)
{
	if (addr >= NE_RAM_BASE && addr < NE_RAM_BASE + NE_RAM_LEN) /* N1 */
		n->s.ram[addr - NE_RAM_BASE] = value;
}

/* ---- commands: lock held ------------------------------------------------------------------------------- */

static void write_command(struct ne2000 *n, u8 value)
{
	struct ne2000_state *s = &n->s;
	u8 rd = value & NE_CR_RD_MASK, before = s->cr;

	if (!(value & (NE_CR_STP | NE_CR_STA)))
		value |= before & (NE_CR_STP | NE_CR_STA);
	s->cr = (u8)((value & ~NE_CR_TXP) | (before & NE_CR_TXP));
	if (!ne2000_running(s))
		s->isr |= NE_ISR_RST;
	else if (value & NE_CR_STA)
		s->isr &= (u8)~NE_ISR_RST;
	if ((rd == NE_CR_RD_READ || rd == NE_CR_RD_WRITE) && !s->rbcr)
		s->isr |= NE_ISR_RDC;
	if (!(value & NE_CR_TXP) || before & NE_CR_TXP || !ne2000_running(s))
		return;
	s->cr |= NE_CR_TXP; /* ne2000_settle() wakes the loop thread */
	s->tsr = 0;
	if (s->set[NE_TCR] & NE_TCR_LB)
		ne2000_loop_back(n);
}

/* What the reset pin does (11.0); the rest stays as it was. */
static void reset_chip(struct ne2000 *n)
{
	struct ne2000_state *s = &n->s;

	s->cr = NE_CR_STP | NE_CR_RD_NONE;
	s->isr = NE_ISR_RST;
	s->set[NE_IMR] = 0;
	s->set[NE_DCR] &= (u8)~NE_DCR_LAS;
	s->set[NE_TCR] &= (u8)~NE_TCR_LB;
	n->sending = false;
}

/* ---- the data port: remote DMA -------------------------------------------------------------------------- */

/* One byte further; the address goes round in the ring as the receiver's does. */
static void dma_step(struct ne2000_state *s)
{
	s->rsar++;
	if (!(s->rsar % NE_PAGE) && s->rsar >> 8 == s->set[NE_PSTOP])
		s->rsar = (u16)(s->set[NE_PSTART] << 8);
	if (--s->rbcr == 0)
		s->isr |= NE_ISR_RDC;
}

/* Bytes that an access of `size` moves: a word's second one is on the bus even if nobody looks. */
static unsigned dma_bytes(const struct ne2000_state *s, unsigned size)
{
	return s->set[NE_DCR] & NE_DCR_WTS ? MAX(size, 2u) : size;
}

static u64 read_data(struct ne2000 *n, unsigned size)
{
	struct ne2000_state *s = &n->s;
	u64 value = UINT64_MAX;

	if ((s->cr & NE_CR_RD_MASK) != NE_CR_RD_READ)
		return value;
	for (unsigned i = 0; i < dma_bytes(s, size) && s->rbcr; i++) {
		value &= ~(0xffUL << (8 * i));
		value |= (u64)ne2000_mem_read(n, s->rsar) << (8 * i);
		dma_step(s);
	}
	return value;
}

static void write_data(struct ne2000 *n, unsigned size, u64 value)
{
	struct ne2000_state *s = &n->s;

	if ((s->cr & NE_CR_RD_MASK) != NE_CR_RD_WRITE)
		return;
	for (unsigned i = 0; i < dma_bytes(s, size) && s->rbcr; i++) {
		mem_write(n, s->rsar, (u8)(value >> (8 * i)));
		dma_step(s);
	}
}

/* ---- registers ---------------------------------------------------------------------------------------- */

static u8 read_page0(struct ne2000_state *s, unsigned reg)
{
	u8 value;

	switch (reg) {
	case NE_CLDA0:
		return (u8)s->clda;
	case NE_CLDA1:
		return (u8)(s->clda >> 8);
	case NE_BNRY:
		return s->set[NE_BNRY];
	case NE_TSR:
		return s->tsr;
	case NE_ISR:
		return s->isr;
	case NE_CRDA0:
		return (u8)s->rsar;
	case NE_CRDA1:
		return (u8)(s->rsar >> 8);
	case NE_RSR:
		return s->rsr;
	case NE_CNTR2:
		value = s->missed;
		s->missed = 0;
		return value;
	case NE_NCR:
	case NE_FIFO:
	case NE_CNTR0:
	case NE_CNTR1:
		return 0;
	}
	return 0xff;
}

/* What page 0 has taken, for diagnostics: PSTART, PSTOP, TPSR, and RCR to IMR. */
static u8 read_page2(const struct ne2000_state *s, unsigned reg)
{
	return 0xf016 >> reg & 1 ? s->set[reg] : 0xff;
}

static u8 *page1_reg(struct ne2000_state *s, unsigned reg)
{
	if (reg >= NE_MAR0)
		return &s->mar[reg - NE_MAR0];
	return reg == NE_CURR ? &s->curr : &s->par[reg - NE_PAR0];
}

static u8 read_reg(struct ne2000_state *s, unsigned reg)
{
	if (reg > 15)
		return 0xff;
	if (reg == NE_CR)
		return s->cr;
	switch (s->cr >> 6) {
	case 0:
		return read_page0(s, reg);
	case 1:
		return *page1_reg(s, reg);
	case 2:
		return read_page2(s, reg);
	}
	return 0xff;
}

static void set_low(u16 *reg, u8 value)
{
	*reg = (u16)((*reg & 0xff00) | value);
}

static void set_high(u16 *reg, u8 value)
{
	*reg = (u16)((*reg & 0xff) | value << 8);
}

static void write_page0(struct ne2000_state *s, unsigned reg, u8 value)
{
	switch (reg) {
	case NE_ISR:
		s->isr &= (u8) ~(value & ~NE_ISR_RST);
		break;
	case NE_RSAR0:
		set_low(&s->rsar, value);
		break;
	case NE_RSAR1:
		set_high(&s->rsar, value);
		break;
	case NE_RBCR0:
		set_low(&s->rbcr, value);
		break;
	case NE_RBCR1:
		set_high(&s->rbcr, value);
		break;
	case NE_BNRY:
		if (ne2000_running(s)) /* frames were taken out of a ring that had been full */
			s->isr &= (u8)~NE_ISR_RST;
		s->set[reg] = value;
		break;
	default:
		s->set[reg] = value;
	}
}

static void write_reg(struct ne2000 *n, unsigned reg, u8 value)
{
	if (reg > 15)
		return;
	if (reg == NE_CR)
		write_command(n, value);
	else if (n->s.cr >> 6 == 0)
		write_page0(&n->s, reg, value);
	else if (n->s.cr >> 6 == 1)
		*page1_reg(&n->s, reg) = value;
}

static u64 ne2000_read(struct device *dev, unsigned range, u64 offset, unsigned size)
{
	struct ne2000 *n = to_ne2000(dev);
	u64 value = 0;

	(void)range;
	dev_lock(&n->lock);
	if (offset >= NE_RESET) {
		reset_chip(n);
		value = UINT64_MAX;
	} else if (offset >= NE_DATA) {
		value = read_data(n, size);
	} else {
		for (unsigned i = 0; i < size; i++)
			value |= (u64)read_reg(&n->s, (unsigned)offset + i) << (8 * i);
	}
	ne2000_settle(n);
	return value;
}

static void ne2000_write(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value)
{
	struct ne2000 *n = to_ne2000(dev);

	(void)range;
	dev_lock(&n->lock);
	if (offset < NE_DATA)
		for (unsigned i = 0; i < size; i++)
			write_reg(n, (unsigned)offset + i, (u8)(value >> (8 * i)));
	else if (offset < NE_RESET)
		write_data(n, size, value);
	ne2000_settle(n);
}

/* ---- life ----------------------------------------------------------------------------------------------- */

static void ne2000_reset(struct device *dev)
{
	struct ne2000 *n = to_ne2000(dev);

	dev_lock(&n->lock);
	n->s = (struct ne2000_state){ 0 };
	reset_chip(n);
	ne2000_settle(n);
}

static int ne2000_post_load(struct device *dev)
{
	struct ne2000 *n = to_ne2000(dev);

	dev_lock(&n->lock);
	n->sending = false;
	dev_outputs_loaded(&n->out, interrupts(&n->s));
	ne2000_settle(n); /* a frame that was to be sent is */
	return 0;
}

static void ne2000_destroy(struct device *dev)
{
	struct ne2000 *n = to_ne2000(dev);

	n->backend->ops->destroy(n->backend);
	free(n);
}

static void ne2000_describe_acpi(const struct device *dev, struct aml *aml)
{
	aml_device_begin(aml, "NET0");
	aml_name_eisaid(aml, "_HID", "PNP80D6");
	aml_resources_begin(aml, "_CRS");
	aml_resource_io(aml, (u16)dev->range[0].base, (u8)dev->range[0].len);
	aml_resource_irq(aml, dev->irq.gsi);
	aml_resources_end(aml);
	aml_device_end(aml);
}

struct device *ne2000_create(const struct dev_env *env, const struct dev_range *ports,
			     struct irq_line irq, struct net_backend *backend, const u8 mac[6])
{
	struct ne2000 *n = calloc(1, sizeof(*n));
	struct dev_timer *timer = n ? env->timer_create(env->ctx, ne2000_on_timer, n) : NULL;

	if (!timer) {
		backend->ops->destroy(backend);
		free(n);
		return NULL;
	}
	n->dev = (struct device){
		.class = &ne2000_class, .env = env, .irq = irq, .range = { *ports }, .nr_ranges = 1
	};
	for (unsigned i = 0; i < 6; i++)
		n->prom[2 * i] = n->prom[2 * i + 1] = mac[i];
	memset(n->prom + NE_PROM_LEN - 4, 'W', 4);
	dev_outputs_init(&n->out, timer);
	ne2000_plug(n, backend);
	return &n->dev;
}

const struct device_class ne2000_class = {
	.name = "ne2000",
	.description = "NE2000 ISA network card",
	.reset = ne2000_reset,
	.read = ne2000_read,
	.write = ne2000_write,
	.destroy = ne2000_destroy,
	.state_offset = offsetof(struct ne2000, s),
	.state_size = sizeof(struct ne2000_state),
	.post_load = ne2000_post_load,
	.describe_acpi = ne2000_describe_acpi,
};
