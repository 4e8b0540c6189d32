/* SPDX-License-Identifier: MIT */
/*
 * uart16550_chip.c - registers and FIFOs of the 16550A. Section numbers are those of the National
 * PC16550D data sheet.
 *
 * Differences from the chip: what the guest sends during a break still reaches the host; word
 * length shapes the bytes only in loopback, the line to the host being 8 bits wide; a break sets
 * BI alone; the 16450 mode keeps a transmit FIFO of 16, which can only save bytes.
 */
#include "devices/uart16550_chip.h"

#include <string.h>

#define FIFO_MASK	   (UART_FIFO_SIZE - 1)
#define POWER_ON_DIVISOR   1 /* 115200 baud; the chip leaves it undefined */
#define TIMEOUT_MIN_NS	   100000ULL
#define TIMEOUT_MAX_NS	   100000000ULL
#define MSR_STEADY_CHANGES (UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD)
#define FCR_KEPT	   (UART_FCR_ENABLE | UART_FCR_DMA | UART_FCR_TRIG_MASK)

static bool fifo_on(const struct uart_chip *c)
{
	return c->fcr & UART_FCR_ENABLE;
}

static unsigned rx_trigger(const struct uart_chip *c)
{
	static const u8 level[] = { 1, 4, 8, 14 }; /* 8.4 */

	return fifo_on(c) ? level[c->fcr >> 6] : 1;
}

/* ---- interrupts -------------------------------------------------------------------------- */

u8 uart_chip_cause(const struct uart_chip *c)
{
	/* The order is the chip's priority (table IV). */
	if ((c->ier & UART_IER_LINE) && (c->lsr & UART_LSR_ERRORS))
		return UART_IIR_LINE;
	if (c->ier & UART_IER_RX) {
		if (c->rx_count >= rx_trigger(c))
			return UART_IIR_RX;
		if (c->rx_timeout)
			return UART_IIR_TIMEOUT;
	}
	if ((c->ier & UART_IER_THRE) && c->thre_pending)
		return UART_IIR_THRE;
	if ((c->ier & UART_IER_MODEM) && (c->msr & UART_MSR_DELTAS))
		return UART_IIR_MODEM;
	return UART_IIR_NONE;
}

bool uart_chip_line(const struct uart_chip *c)
{
	return (c->mcr & UART_MCR_OUT2) && uart_chip_cause(c) != UART_IIR_NONE;
}

bool uart_chip_timeout_due(const struct uart_chip *c)
{
	return fifo_on(c) && (c->ier & UART_IER_RX) && c->rx_count && !c->rx_timeout &&
	       c->rx_count < rx_trigger(c);
}

/* Four character times (8.9), within what a timer and a person can make sense of. */
u64 uart_chip_timeout_ns(const struct uart_chip *c)
{
	u64 divisor = (u64)(c->dlm << 8 | c->dll);
	u64 stop_bits = c->lcr & UART_LCR_STOP2 ? 2 : 1;
	u64 parity_bits = c->lcr & UART_LCR_PARITY ? 1 : 0;
	u64 bits = 1 + 5 + (c->lcr & UART_LCR_BITS_MASK) + parity_bits + stop_bits;
	u64 ns = 4 * bits * divisor * 16 * 1000000000 / UART_CLOCK_HZ;

	return MAX(TIMEOUT_MIN_NS, MIN(ns, TIMEOUT_MAX_NS));
}

void uart_chip_timed_out(struct uart_chip *c)
{
	if (uart_chip_timeout_due(c))
		c->rx_timeout = 1;
}

/* ---- receiver ---------------------------------------------------------------------------- */

/* A break that has come to the top of the FIFO shows in LSR (8.6). */
static void rx_reveal(struct uart_chip *c)
{
	if (c->rx_count && (c->rx_break >> c->rx_head & 1))
		c->lsr |= UART_LSR_BI;
}

/* One byte arrives. Without room the FIFO keeps the old bytes, the 16450 the new one (8.6). */
static void rx_push(struct uart_chip *c, u8 byte, bool is_break)
{
	unsigned slot;

	if (c->rx_count == uart_chip_rx_depth(c)) {
		c->lsr |= UART_LSR_OE;
		if (fifo_on(c))
			return;
		c->rx_count = 0;
	}
	slot = (c->rx_head + c->rx_count) & FIFO_MASK;
	c->rx[slot] = byte;
	c->rx_break = (u16)((c->rx_break & ~(1u << slot)) | (unsigned)is_break << slot);
	c->rx_count++;
	c->rx_touched = 1;
	if (c->rx_count == 1)
		rx_reveal(c);
}

/* In loopback SIN is disconnected (8.5), so that a break waits as bytes do. */
static void take_held_break(struct uart_chip *c)
{
	if (!c->break_held || (c->mcr & UART_MCR_LOOP) || c->rx_count == uart_chip_rx_depth(c))
		return;
	c->break_held = 0;
	rx_push(c, 0, true);
}

void uart_chip_break(struct uart_chip *c)
{
	c->break_held = 1;
	take_held_break(c);
}

size_t uart_chip_receive(struct uart_chip *c, const u8 *buf, size_t n)
{
	size_t took = 0;

	if (c->mcr & UART_MCR_LOOP)
		return 0;
	while (took < n && c->rx_count < uart_chip_rx_depth(c))
		rx_push(c, buf[took++], false);
	return took;
}

static u8 rx_pop(struct uart_chip *c)
{
	if (c->rx_count) {
		c->rbr = c->rx[c->rx_head];
		c->rx_break &= (u16) ~(1u << c->rx_head);
		c->rx_head = (c->rx_head + 1) & FIFO_MASK;
		c->rx_count--;
		c->rx_timeout = 0;
		c->rx_touched = 1;
		rx_reveal(c);
		take_held_break(c);
	}
	return c->rbr;
}

static void rx_clear(struct uart_chip *c)
{
	c->rx_count = 0;
	c->rx_break = 0;
	c->rx_timeout = 0;
	c->lsr &= (u8)~UART_LSR_BI;
	take_held_break(c);
}

/* ---- transmitter ------------------------------------------------------------------------- */

static void thr_write(struct uart_chip *c, u8 byte)
{
	unsigned bits = 5 + (c->lcr & UART_LCR_BITS_MASK);

	if (c->mcr & UART_MCR_LOOP) {
		if (!(c->lcr & UART_LCR_BREAK)) /* a break drowns what is sent (8.1) */
			rx_push(c, byte & (u8)((1u << bits) - 1), false);
		c->thre_pending = !c->tx_count;
		return;
	}
	c->thre_pending = 0;
	if (c->tx_count == UART_FIFO_SIZE) {
		c->tx_overruns++;
		return;
	}
	c->tx[(c->tx_head + c->tx_count) & FIFO_MASK] = byte;
	c->tx_count++;
}

size_t uart_chip_tx_next(const struct uart_chip *c, const u8 **bytes)
{
	*bytes = &c->tx[c->tx_head];
	return MIN((unsigned)c->tx_count, (unsigned)(UART_FIFO_SIZE - c->tx_head));
}

void uart_chip_tx_sent(struct uart_chip *c, size_t n)
{
	c->tx_head = (u8)((c->tx_head + n) & FIFO_MASK);
	c->tx_count = (u8)(c->tx_count - n);
	if (n && !c->tx_count)
		c->thre_pending = 1;
}

static void tx_clear(struct uart_chip *c)
{
	uart_chip_tx_sent(c, c->tx_count);
}

/* ---- modem lines (8.7; in loopback 8.5) ------------------------------------------------------ */

static u8 modem_lines(const struct uart_chip *c)
{
	u8 lines = 0;

	if (!(c->mcr & UART_MCR_LOOP))
		return c->pins;
	lines |= c->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0;
	lines |= c->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0;
	lines |= c->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0;
	lines |= c->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0;
	return lines;
}

static void modem_update(struct uart_chip *c)
{
	u8 now = modem_lines(c);
	u8 old = c->msr & UART_MSR_LINES;
	u8 deltas = (u8)(((now ^ old) & MSR_STEADY_CHANGES) >> 4);

	if (old & ~now & UART_MSR_RI) /* only the end of a ring counts */
		deltas |= UART_MSR_TERI;
	c->msr = now | (c->msr & UART_MSR_DELTAS) | deltas;
}

void uart_chip_set_pins(struct uart_chip *c, u8 pins)
{
	c->pins = pins & UART_MSR_LINES;
	modem_update(c);
}

/* ---- registers --------------------------------------------------------------------------- */

static bool loopback_break(const struct uart_chip *c)
{
	return (c->mcr & UART_MCR_LOOP) && (c->lcr & UART_LCR_BREAK);
}

static void line_settings(struct uart_chip *c, u8 lcr, u8 mcr)
{
	bool had_break = loopback_break(c);

	c->lcr = lcr;
	c->mcr = mcr & UART_MCR_MASK;
	if (loopback_break(c) && !had_break)
		rx_push(c, 0, true);
	modem_update(c);
	take_held_break(c);
}

static void ier_write(struct uart_chip *c, u8 value)
{
	if ((value & ~c->ier & UART_IER_THRE) && !c->tx_count)
		c->thre_pending = 1;
	c->ier = value & UART_IER_MASK;
}

static void fcr_write(struct uart_chip *c, u8 value)
{
	bool toggled = (value ^ c->fcr) & UART_FCR_ENABLE;

	if (!(value & UART_FCR_ENABLE))
		value = 0; /* the other bits are not programmed then (8.4) */
	c->fcr = value & FCR_KEPT;
	if (toggled || (value & UART_FCR_RX_RESET))
		rx_clear(c);
	if (toggled || (value & UART_FCR_TX_RESET))
		tx_clear(c);
}

void uart_chip_write(struct uart_chip *c, unsigned reg, u8 value)
{
	bool dlab = c->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_THR:
		if (dlab)
			c->dll = value;
		else
			thr_write(c, value);
		break;
	case UART_IER:
		if (dlab)
			c->dlm = value;
		else
			ier_write(c, value);
		break;
	case UART_FCR:
		fcr_write(c, value);
		break;
	case UART_LCR:
		line_settings(c, value, c->mcr);
		break;
	case UART_MCR:
		line_settings(c, c->lcr, value);
		break;
	case UART_SCR:
		c->scr = value;
		break;
	default: /* LSR and MSR: writes are for factory tests (8.6) */
		break;
	}
}

static u8 iir_read(struct uart_chip *c)
{
	u8 id = uart_chip_cause(c);

	if (id == UART_IIR_THRE)
		c->thre_pending = 0;
	return id | (fifo_on(c) ? UART_IIR_FIFOS : 0);
}

static u8 lsr_read(struct uart_chip *c)
{
	u8 lsr = c->lsr;

	if (c->rx_count)
		lsr |= UART_LSR_DR;
	if (!c->tx_count)
		lsr |= UART_LSR_THRE | UART_LSR_TEMT;
	if (c->rx_break && fifo_on(c))
		lsr |= UART_LSR_FIFO_ERR;
	if (lsr & UART_LSR_BI) /* seen, so no longer an error in the FIFO */
		c->rx_break &= (u16) ~(1u << c->rx_head);
	c->lsr = 0;
	return lsr;
}

static u8 msr_read(struct uart_chip *c)
{
	u8 msr = c->msr;

	c->msr &= UART_MSR_LINES;
	return msr;
}

u8 uart_chip_read(struct uart_chip *c, unsigned reg)
{
	bool dlab = c->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_RBR:
		return dlab ? c->dll : rx_pop(c);
	case UART_IER:
		return dlab ? c->dlm : c->ier;
	case UART_IIR:
		return iir_read(c);
	case UART_LCR:
		return c->lcr;
	case UART_MCR:
		return c->mcr;
	case UART_LSR:
		return lsr_read(c);
	case UART_MSR:
		return msr_read(c);
	default:
		return c->scr;
	}
}

void uart_chip_reset(struct uart_chip *c)
{
	struct uart_chip fresh = {
		.dll = POWER_ON_DIVISOR,
		.pins = c->pins,
		.msr = c->pins,
		.tx_head = c->tx_head,
		.tx_count = c->tx_count,
		.tx_overruns = c->tx_overruns,
	};

	memcpy(fresh.tx, c->tx, sizeof(fresh.tx));
	*c = fresh;
}

/* The slots of the receive FIFO that hold a byte. */
static u16 rx_used_slots(const struct uart_chip *c)
{
	u16 used = 0;

	for (unsigned i = 0; i < c->rx_count; i++)
		used |= (u16)(1u << ((c->rx_head + i) & FIFO_MASK));
	return used;
}

const char *uart_chip_check(const struct uart_chip *c)
{
	if (c->rx_head >= UART_FIFO_SIZE || c->tx_head >= UART_FIFO_SIZE)
		return "FIFO position outside the FIFO";
	if (c->tx_count > UART_FIFO_SIZE || c->rx_count > uart_chip_rx_depth(c))
		return "more bytes than the FIFO holds";
	if (c->rx_break & ~rx_used_slots(c))
		return "break in an empty FIFO slot";
	if ((c->ier & ~UART_IER_MASK) || (c->mcr & ~UART_MCR_MASK) || (c->fcr & ~FCR_KEPT) ||
	    (c->fcr && !fifo_on(c)) || (c->lsr & ~(UART_LSR_OE | UART_LSR_BI)) ||
	    (c->pins & ~UART_MSR_LINES))
		return "register bit that cannot be set";
	if (c->thre_pending > 1 || c->rx_timeout > 1 || c->rx_touched > 1 || c->break_held > 1)
		return "latch that is neither 0 nor 1";
	if (c->tx_count && c->thre_pending)
		return "THRE interrupt while bytes wait";
	if (c->rx_timeout && (!c->rx_count || !fifo_on(c)))
		return "timeout of an empty receiver";
	if ((c->msr & UART_MSR_LINES) != modem_lines(c))
		return "MSR differs from the lines";
	return NULL;
}
