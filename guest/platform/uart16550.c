/* SPDX-License-Identifier: MIT */
/*
 * uart16550.c - output by polling. One look at the line status tells that the whole FIFO is empty,
 * so up to 16 bytes follow it as one string instruction: two exits for 16 characters, not 32.
 */
#include "guest/arch/x86/asm.h"
#include "guest/kernel/printk.h"
#include "guest/platform/platform.h"
#include "devices/abi/pc.h"
#include "devices/abi/uart16550.h"

#define BAUD	  115200
#define MAX_POLLS 200000 /* a transmitter that is stuck loses output, it does not stop the kernel */

static void flush(const char *buf, size_t n)
{
	for (unsigned i = 0; i < MAX_POLLS; i++) {
		if (inb(PC_COM1_PORT + UART_LSR) & UART_LSR_THRE)
			break;
		cpu_relax();
	}
	outsb(PC_COM1_PORT + UART_THR, buf, n);
}

static void uart16550_write(const char *s, size_t n)
{
	char fifo[UART_FIFO_SIZE];
	size_t used = 0;

	while (n--) {
		if (used + 2 > sizeof(fifo)) {
			flush(fifo, used);
			used = 0;
		}
		if (*s == '\n')
			fifo[used++] = '\r';
		fifo[used++] = *s++;
	}
	if (used)
		flush(fifo, used);
}

const struct console *uart16550_console_init(void)
{
	static const struct console uart = { "16550 at 0x3f8", uart16550_write };
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
