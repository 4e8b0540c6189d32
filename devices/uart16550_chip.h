/* SPDX-License-Identifier: MIT */
/*
 * uart16550_chip.h - the 16550A alone: registers, FIFOs and what they make of each other. Private
 * to uart16550.c and its tests.
 *
 * Plain data and plain functions: no lock, no clock, no fd. Bytes written to THR collect in the
 * transmit FIFO until the owner takes them out (uart_chip_tx_next, uart_chip_tx_sent).
 */
#ifndef DEVICES_UART16550_CHIP_H
#define DEVICES_UART16550_CHIP_H

#include "base/types.h"
#include "devices/abi/uart16550.h"

/* Also what a snapshot holds. */
struct uart_chip {
	u8 ier, fcr, lcr, mcr, scr, dll, dlm;
	u8 lsr;		 /* the sticky errors alone; the other bits follow from the FIFOs */
	u8 msr;		 /* lines and deltas as the guest sees them */
	u8 pins;	 /* the modem lines that come from outside, as MSR bits */
	u8 rbr;		 /* the byte read last, which an empty receiver shows again */
	u8 thre_pending; /* THRE interrupt latched: set when THR empties, cleared by IIR or THR */
	u8 rx_timeout;	 /* character timeout latched */
	u8 rx_touched;	 /* a byte came or went; cleared by the owner of the timeout's timer */
	u8 break_held;	 /* a break from outside waits for room */
	u8 rx_head, rx_count;
	u8 tx_head, tx_count;
	u8 rx[UART_FIFO_SIZE];
	u8 tx[UART_FIFO_SIZE];
	u16 rx_break;	 /* bit n: rx[n] is a break */
	u32 tx_overruns; /* bytes written while the transmit FIFO was full, and lost */
};

/* Power-on state (data sheet table III), but bytes already written to THR stay to be sent. */
void uart_chip_reset(struct uart_chip *c);

/* One register access, side effects included. reg is below UART_NR_REGS. */
u8 uart_chip_read(struct uart_chip *c, unsigned reg);
void uart_chip_write(struct uart_chip *c, unsigned reg, u8 value);

/* The modem lines from outside (UART_MSR_LINES bits). */
void uart_chip_set_pins(struct uart_chip *c, u8 pins);

/* Bytes from outside; returns how many fitted. None do in loopback. */
size_t uart_chip_receive(struct uart_chip *c, const u8 *buf, size_t n);

/* A break from outside; it is held until there is room for it. */
void uart_chip_break(struct uart_chip *c);

/* The bytes to send next (a run of the FIFO; 0: none), and that n of them are sent. */
size_t uart_chip_tx_next(const struct uart_chip *c, const u8 **bytes);
void uart_chip_tx_sent(struct uart_chip *c, size_t n);

/* The highest pending interrupt: UART_IIR_NONE or another UART_IIR_ value. */
u8 uart_chip_cause(const struct uart_chip *c);

/* The level on the board's interrupt line: a cause, let through by OUT2. */
bool uart_chip_line(const struct uart_chip *c);

/* Whether received bytes should time out, after how long, and that they did. */
bool uart_chip_timeout_due(const struct uart_chip *c);
u64 uart_chip_timeout_ns(const struct uart_chip *c);
void uart_chip_timed_out(struct uart_chip *c);

/* How many bytes the receiver can hold: 16, or 1 with the FIFOs off. */
static inline unsigned uart_chip_rx_depth(const struct uart_chip *c)
{
	return c->fcr & UART_FCR_ENABLE ? UART_FIFO_SIZE : 1;
}

/* NULL, or which rule a state breaks that cannot have come from the functions above. */
const char *uart_chip_check(const struct uart_chip *c);

#endif
