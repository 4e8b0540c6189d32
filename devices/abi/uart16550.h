/* SPDX-License-Identifier: MIT */
/*
 * uart16550.h - registers of the 16550A serial port (National PC16550D data sheet, section 8);
 * shared by VMM and guest. Freestanding: plain numbers only, usable from C and assembly.
 */
#ifndef DEVICES_ABI_UART16550_H
#define DEVICES_ABI_UART16550_H

#define UART_CLOCK_HZ  1843200 /* baud = clock / 16 / divisor */
#define UART_FIFO_SIZE 16

/* Offsets from the base port. Two of them show the divisor while LCR.DLAB is set. */
#define UART_RBR     0 /* read: received byte */
#define UART_THR     0 /* write: byte to send */
#define UART_DLL     0 /* DLAB: divisor, low byte */
#define UART_IER     1
#define UART_DLM     1 /* DLAB: divisor, high byte */
#define UART_IIR     2 /* read */
#define UART_FCR     2 /* write */
#define UART_LCR     3
#define UART_MCR     4
#define UART_LSR     5
#define UART_MSR     6
#define UART_SCR     7
#define UART_NR_REGS 8

/* Interrupt enable. */
#define UART_IER_RX    0x01 /* received data, and the FIFO's character timeout */
#define UART_IER_THRE  0x02
#define UART_IER_LINE  0x04
#define UART_IER_MODEM 0x08
#define UART_IER_MASK  0x0f

/* Interrupt identification, in order of priority; the FIFO bits are or'ed in. */
#define UART_IIR_LINE	 0x06
#define UART_IIR_RX	 0x04
#define UART_IIR_TIMEOUT 0x0c
#define UART_IIR_THRE	 0x02
#define UART_IIR_MODEM	 0x00
#define UART_IIR_NONE	 0x01
#define UART_IIR_ID_MASK 0x0f
#define UART_IIR_FIFOS	 0xc0

/* FIFO control. */
#define UART_FCR_ENABLE	   0x01
#define UART_FCR_RX_RESET  0x02
#define UART_FCR_TX_RESET  0x04
#define UART_FCR_DMA	   0x08
#define UART_FCR_TRIG_1	   0x00
#define UART_FCR_TRIG_4	   0x40
#define UART_FCR_TRIG_8	   0x80
#define UART_FCR_TRIG_14   0xc0
#define UART_FCR_TRIG_MASK 0xc0

/* Line control. */
#define UART_LCR_5BITS	   0x00
#define UART_LCR_6BITS	   0x01
#define UART_LCR_7BITS	   0x02
#define UART_LCR_8BITS	   0x03
#define UART_LCR_BITS_MASK 0x03
#define UART_LCR_STOP2	   0x04
#define UART_LCR_PARITY	   0x08
#define UART_LCR_EVEN	   0x10
#define UART_LCR_STICK	   0x20
#define UART_LCR_BREAK	   0x40
#define UART_LCR_DLAB	   0x80

/* Modem control. On a PC, OUT2 lets the interrupt reach the bus. */
#define UART_MCR_DTR  0x01
#define UART_MCR_RTS  0x02
#define UART_MCR_OUT1 0x04
#define UART_MCR_OUT2 0x08
#define UART_MCR_LOOP 0x10
#define UART_MCR_MASK 0x1f

/* Line status. */
#define UART_LSR_DR	  0x01
#define UART_LSR_OE	  0x02
#define UART_LSR_PE	  0x04
#define UART_LSR_FE	  0x08
#define UART_LSR_BI	  0x10
#define UART_LSR_THRE	  0x20
#define UART_LSR_TEMT	  0x40
#define UART_LSR_FIFO_ERR 0x80
#define UART_LSR_ERRORS	  0x1e /* what the line status interrupt reports */

/* Modem status: changes since the last read, then the lines. */
#define UART_MSR_DCTS	0x01
#define UART_MSR_DDSR	0x02
#define UART_MSR_TERI	0x04
#define UART_MSR_DDCD	0x08
#define UART_MSR_DELTAS 0x0f
#define UART_MSR_CTS	0x10
#define UART_MSR_DSR	0x20
#define UART_MSR_RI	0x40
#define UART_MSR_DCD	0x80
#define UART_MSR_LINES	0xf0

#endif
