/* SPDX-License-Identifier: MIT */
/*
 * tty_console.c - see tty_console.h. What a program writes is collected under the terminal's lock and sent
 * when that has been let go of, a buffer at a time: many bytes for each look at the line status, or for
 * each doorbell. Input comes by interrupt. A reader that does not read makes the device wait: the sender
 * holds its bytes back.
 */
#include "guest/kernel/tty_console.h"
#include "guest/drivers/device.h"
#include "guest/drivers/virtio/virtio.h"
#include "guest/fs/chrdev.h"
#include "guest/fs/tty.h"
#include "guest/kernel/fs.h"
#include "guest/kernel/printk.h"
#include "guest/lib/env.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/platform/platform.h"
#include "devices/abi/pc.h"

#define OUT_SIZE 2048 /* a power of two */
#define IN_CHUNK 64

struct console_tty {
	struct tty_struct tty;
	const struct console *con;
	spinlock_t lock;
	u32 head, tail; /* bytes ever put in, taken out; lock */
	bool sending;	/* somebody is; lock */
	u8 out[OUT_SIZE];
};

static struct console_tty uart, hvc;
static struct console_tty *console = &uart;

/* ---- out ------------------------------------------------------------------------------------------------- */

static size_t con_write_room(struct tty_struct *tty)
{
	struct console_tty *c = tty->driver_data;

	return OUT_SIZE - (READ_ONCE(c->head) - READ_ONCE(c->tail));
}

static size_t con_write(struct tty_struct *tty, const u8 *buf, size_t n)
{
	struct console_tty *c = tty->driver_data;
	u64 flags = spin_lock_irqsave(&c->lock);

	n = MIN(n, (size_t)(OUT_SIZE - (c->head - c->tail)));
	for (size_t i = 0; i < n; i++)
		c->out[c->head++ % OUT_SIZE] = buf[i];
	spin_unlock_irqrestore(&c->lock, flags);
	return n;
}

static size_t con_queued(struct tty_struct *tty)
{
	return OUT_SIZE - con_write_room(tty);
}

static void con_flush(struct tty_struct *tty)
{
	struct console_tty *c = tty->driver_data;
	u64 flags = spin_lock_irqsave(&c->lock);

	c->tail = c->head;
	spin_unlock_irqrestore(&c->lock, flags);
}

static void con_pushed(struct tty_struct *tty)
{
	struct console_tty *c = tty->driver_data;
	char buf[256];
	bool was_full = false;
	u64 flags = spin_lock_irqsave(&c->lock);

	/* Whoever sends already sends this, too, and in order. */
	while (c->head != c->tail && !c->sending) {
		size_t n = MIN((size_t)(c->head - c->tail), sizeof(buf));

		was_full |= OUT_SIZE - (c->head - c->tail) < 8;
		for (size_t i = 0; i < n; i++)
			buf[i] = (char)c->out[c->tail++ % OUT_SIZE];
		c->sending = true;
		spin_unlock_irqrestore(&c->lock, flags);
		console_send(c->con, buf, n);
		flags = spin_lock_irqsave(&c->lock);
		c->sending = false;
	}
	spin_unlock_irqrestore(&c->lock, flags);
	if (was_full)
		tty_wakeup(tty);
}

/* ---- in -------------------------------------------------------------------------------------------------- */

static void uart_unthrottle(struct tty_struct *tty)
{
	if (tty_receive_room(tty))
		uart16550_listen(true);
}

static void uart_interrupt(void *unused)
{
	u8 buf[IN_CHUNK];
	size_t n, room;
	int byte;

	(void)unused;
	/* The line rises again only after it was low: nothing may be left behind. */
	for (;;) {
		room = MIN(tty_receive_room(&uart.tty), sizeof(buf));
		if (!room) {
			uart16550_listen(false);
			return;
		}
		for (n = 0; n < room && (byte = uart16550_console_getc()) >= 0; n++)
			buf[n] = (u8)byte;
		if (!n)
			return;
		tty_receive(&uart.tty, buf, n);
	}
}

static void hvc_received(void *unused)
{
	u8 buf[IN_CHUNK];
	size_t n;

	(void)unused;
	while ((n = MIN(tty_receive_room(&hvc.tty), sizeof(buf))) &&
	       (n = virtio_console_read(buf, n)))
		tty_receive(&hvc.tty, buf, n);
}

static void hvc_unthrottle(struct tty_struct *tty)
{
	u64 flags = local_irq_save();

	(void)tty;
	hvc_received(NULL);
	local_irq_restore(flags);
}

/* ---- making ------------------------------------------------------------------------------------------------ */

static const struct tty_operations uart_ops = {
	.write = con_write,
	.write_room = con_write_room,
	.flush = con_flush,
	.queued = con_queued,
	.pushed = con_pushed,
	.unthrottle = uart_unthrottle,
};

static const struct tty_operations hvc_ops = {
	.write = con_write,
	.write_room = con_write_room,
	.flush = con_flush,
	.queued = con_queued,
	.pushed = con_pushed,
	.unthrottle = hvc_unthrottle,
};

static void make(struct console_tty *c, const struct console *con, const struct tty_operations *ops,
		 const char *name, kdev_t dev)
{
	c->con = con;
	spin_lock_init(&c->lock);
	tty_init(&c->tty, &kernel_vfs, ops, name, dev);
	c->tty.driver_data = c;
	if (tty_register(&c->tty))
		env_panic(__FILE__, __LINE__, "no memory for %s", name);
}

void tty_console_init(void)
{
	const struct console *con = virtio_console();

	make(&uart, uart16550_console(), &uart_ops, "ttyS0", MKDEV(TTY_MAJOR, 64));
	if (con) {
		make(&hvc, con, &hvc_ops, "hvc0", MKDEV(HVC_MAJOR, 0));
		if (printk_console_is(con))
			console = &hvc;
	}
	if (tty_devices_init(&kernel_vfs, &console->tty))
		env_panic(__FILE__, __LINE__, "no memory for /dev/console");
	pr_info("  /dev/console is %s", console->tty.name);
}

void tty_console_listen(void)
{
	if (!device_irq(PC_COM1_IRQ, "ttyS0", uart_interrupt, NULL))
		pr_warn("ttyS0: no interrupt: nothing can be typed there");
	uart16550_listen(true);
	if (hvc.con && !virtio_console_listen(hvc_received))
		pr_warn("hvc0: no interrupt: nothing can be typed there");
}

const struct tty_struct *console_tty(void)
{
	return &console->tty;
}
