/* SPDX-License-Identifier: MIT */
/*
 * uart16550.c - input by interrupt, output by polling. One look at the line status tells that the whole FIFO is empty,
 * so up to 16 bytes follow it by string instructions: one look for 16 characters, not 16.
 */
#include "guest/arch/x86/asm.h"
#include "guest/kernel/printk.h"
#include "guest/platform/platform.h"
#include "devices/abi/pc.h"
#include "devices/abi/uart16550.h"

#define BAUD	  115200
#define MAX_POLLS 200000 /* a transmitter that is stuck loses output, it does not stop the kernel */

static void wait_until_empty(void)
{
	for (unsigned i = 0; i < MAX_POLLS; i++) {
		if (inb(PC_COM1_PORT + UART_LSR) & UART_LSR_THRE)
			break;
		cpu_relax();
	}
}

/* Waits when the FIFO has no room for n bytes more, then sends them. n <= UART_FIFO_SIZE. */
static void send(const char *s, size_t n, size_t *room)
{
	if (n > *room) {
		wait_until_empty();
		*room = UART_FIFO_SIZE;
	}
	outsb(PC_COM1_PORT + UART_THR, s, n);
	*room -= n;
}

static void uart16550_write(const char *s, size_t n)
{
	const char *end = s + n;
	size_t room = 0;

	while (s < end) {
		size_t run = 0, most = MIN((size_t)(end - s), room ? room : UART_FIFO_SIZE);

		while (run < most && s[run] != '\n')
			run++;
		if (run)
			send(s, run, &room);
		s += run;
		if (run < most) {
			send("\r\n", 2, &room);
			s++;
		}
	}
}

static void uart16550_send(const char *s, size_t n)
{
	size_t room = 0;

	while (n) {
		size_t part = MIN(n, (size_t)UART_FIFO_SIZE);

		send(s, part, &room);
		s += part;
		n -= part;
	}
}

void uart16550_listen(bool on)
{
	outb(PC_COM1_PORT + UART_IER, on ? UART_IER_RX : 0);
}

int uart16550_console_getc(void)
{
	/* A port that is not there reads as all ones. */
	u8 status = inb(PC_COM1_PORT + UART_LSR);

	return status != 0xff && (status & UART_LSR_DR) ? inb(PC_COM1_PORT + UART_RBR) : -1;
}

static const struct console uart = { "16550 at 0x3f8", uart16550_write, uart16550_send };

const struct console *uart16550_console(void)
{
	return &uart;
}

const struct console *uart16550_console_init(void)
{
	const u16 port = PC_COM1_PORT;
	const unsigned divisor = UART_CLOCK_HZ / 16 / BAUD;

	outb(port + UART_IER, 0);
	outb(port + UART_LCR, UART_LCR_DLAB);
	outb(port + UART_DLL, divisor & 0xff);
	outb(port + UART_DLM, divisor >> 8);
	outb(port + UART_LCR, UART_LCR_8BITS);
	outb(port + UART_FCR, UART_FCR_ENABLE | UART_FCR_RX_RESET | UART_FCR_TX_RESET);
	outb(port + UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	return &uart;
}
