/* SPDX-License-Identifier: MIT */
/*
 * uart16550.c - the serial port as a device: the chip between vCPU threads, chardev and interrupt
 * line. The rules U1..U3 stand in uart16550.h.
 *
 * Every access takes the lock, works on the chip and leaves through settle(), which finds out what
 * the outside must be told. Two accesses that can change nothing outside, the common THR write and
 * LSR read, leave at once.
 */
#include "devices/uart16550.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>

#include "devices/aml.h"
#include "devices/uart16550_chip.h"

#define EDGE_GUARD_NS	4000000ULL
#define CONNECTED_LINES (UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD)

struct uart {
	struct device dev;
	struct chardev *chardev;      /* constant; may be NULL */
	struct dev_timer *rx_timer;   /* constant: character timeout */
	struct dev_timer *edge_timer; /* constant: see retrigger() */
	unsigned index;		      /* constant */

	struct dev_lock lock; /* all that follows */
	struct uart_chip chip;

	bool line_want; /* the level that the chip asks for */
	bool line_sent; /* the level that irq_set() was last given */
	bool line_fell; /* it was low since line_sent rose, though it may be high again */
	bool line_busy; /* some thread is in irq_set() */

	bool rx_armed;	    /* rx_timer runs */
	bool input_refused; /* the chardev waits for a kick */
	bool thr_burst;	    /* THR was written, and nothing else touched since */
	bool edge_owed;	    /* a THRE edge was left out */
	bool edge_armed;    /* edge_timer runs */
};

static struct uart *to_uart(struct device *dev)
{
	return container_of(dev, struct uart, dev);
}

/* ---- the interrupt line and the end of every access ------------------------------------------ */

/* Takes note of the level that the chip asks for now. */
static void follow_line(struct uart *u)
{
	bool want = uart_chip_line(&u->chip);

	if (u->line_want && !want)
		u->line_fell = true;
	u->line_want = want;
}

/*
 * Brings the line from line_sent to line_want; each irq_set() happens without the lock. One thread
 * at a time does so and also plays out what others ask for meanwhile, so that levels cannot arrive
 * out of order; line_fell keeps a low phase in between, which is an edge to an IOAPIC pin.
 * Returns with the lock held.
 */
static void drive_line(struct uart *u)
{
	int level;

	while (!u->line_busy && (u->line_want != u->line_sent || (u->line_fell && u->line_sent))) {
		level = !u->line_sent;
		u->line_sent = level;
		u->line_fell = false;
		u->line_busy = true;
		dev_unlock(&u->lock);
		irq_set(&u->dev.irq, level);
		dev_lock(&u->lock);
		u->line_busy = false;
	}
}

static void arm_timer(struct uart *u, struct dev_timer *t, u64 ns)
{
	const struct dev_env *env = u->dev.env;

	env->timer_arm(env->ctx, t, env->now_ns(env->ctx) + ns);
}

/* Ends an access: tells the outside what has changed and releases the lock. */
static void settle(struct uart *u)
{
	struct uart_chip *c = &u->chip;
	bool arm_rx = !u->rx_armed && uart_chip_timeout_due(c);
	bool arm_edge = u->edge_owed && !u->edge_armed;
	bool kick = u->input_refused && !(c->mcr & UART_MCR_LOOP) &&
		    c->rx_count <= uart_chip_rx_depth(c) / 2;
	u64 timeout = 0;

	if (arm_rx) {
		u->rx_armed = true;
		c->rx_touched = 0;
		timeout = uart_chip_timeout_ns(c);
	}
	if (arm_edge)
		u->edge_armed = true;
	if (kick)
		u->input_refused = false;
	follow_line(u);
	drive_line(u);
	dev_unlock(&u->lock);

	if (arm_rx)
		arm_timer(u, u->rx_timer, timeout);
	if (arm_edge)
		arm_timer(u, u->edge_timer, EDGE_GUARD_NS);
	if (kick)
		chardev_kick_input(u->chardev);
}

/* ---- callbacks on the loop thread -------------------------------------------------------- */

/* chardev_client.receive: what does not fit stays with the chardev (U2). */
static size_t uart_receive(void *arg, const u8 *buf, size_t n)
{
	struct uart *u = arg;
	size_t took;

	dev_lock(&u->lock);
	took = uart_chip_receive(&u->chip, buf, n);
	u->input_refused = took < n;
	settle(u);
	return took;
}

/* Moves the chip's output into the ring; what does not fit waits in the chip (U1). */
static void transmit(struct uart *u)
{
	const u8 *bytes;
	size_t n, took;

	while ((n = uart_chip_tx_next(&u->chip, &bytes)) != 0) {
		took = u->chardev ? chardev_put(u->chardev, bytes, n) : n;
		uart_chip_tx_sent(&u->chip, took);
		if (took < n)
			return;
	}
}

/* chardev_client.writable. */
static void uart_writable(void *arg)
{
	struct uart *u = arg;

	dev_lock(&u->lock);
	transmit(u);
	settle(u);
}

/*
 * Four character times after it was armed. Touched meanwhile: settle() starts another period,
 * which is cheaper than to arm the timer anew with each byte and makes the timeout at most twice
 * as long.
 */
static void rx_timer_fired(void *arg)
{
	struct uart *u = arg;

	dev_lock(&u->lock);
	u->rx_armed = false;
	if (!u->chip.rx_touched)
		uart_chip_timed_out(&u->chip);
	settle(u);
}

static bool thre_holds_line(const struct uart *u)
{
	return u->line_want && uart_chip_cause(&u->chip) == UART_IIR_THRE;
}

/*
 * THR was written and is empty again, while its interrupt was pending all along. On the chip the
 * line drops until the byte is sent, and an edge-triggered interrupt controller needs to see that.
 * A driver that fills the FIFO has no use for 16 such edges, though: in a burst only the first is
 * made, and edge_timer makes up for it, should the guest be waiting for a later one.
 */
static void retrigger(struct uart *u)
{
	if ((u->chip.fcr & UART_FCR_ENABLE) && u->thr_burst)
		u->edge_owed = true;
	else
		u->line_fell = true;
}

static void edge_timer_fired(void *arg)
{
	struct uart *u = arg;

	dev_lock(&u->lock);
	u->edge_armed = false;
	if (u->edge_owed && thre_holds_line(u))
		u->line_fell = true;
	u->edge_owed = false;
	settle(u);
}

void uart16550_break(struct device *dev)
{
	struct uart *u = to_uart(dev);

	dev_lock(&u->lock);
	uart_chip_break(&u->chip);
	settle(u);
}

/* ---- vCPU accesses ----------------------------------------------------------------------- */

static u8 read_reg(struct uart *u, unsigned reg)
{
	u8 value = uart_chip_read(&u->chip, reg);

	u->thr_burst = false;
	if (!u->chip.thre_pending) /* the guest has seen the interrupt (IIR) */
		u->edge_owed = false;
	return value;
}

static void write_reg(struct uart *u, unsigned reg, u8 value)
{
	struct uart_chip *c = &u->chip;
	bool to_thr = reg == UART_THR && !(c->lcr & UART_LCR_DLAB);
	bool held = to_thr && thre_holds_line(u);

	uart_chip_write(c, reg, value);
	transmit(u);
	if (held && thre_holds_line(u))
		retrigger(u);
	u->thr_burst = to_thr;
}

/*
 * The chip sits on an 8-bit bus: a wider access is that many accesses to successive ports. This and
 * write_any() are kept out of line, so that the two accesses which consoles live on stay short.
 * Both are entered with the lock held, and release it.
 */
static __attribute__((noinline)) u64 read_any(struct uart *u, u64 offset, unsigned size)
{
	u64 value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (u64)read_reg(u, (offset + i) % UART_NR_REGS) << (8 * i);
	settle(u);
	return value;
}

static u64 uart_read(struct device *dev, unsigned range, u64 offset, unsigned size)
{
	struct uart *u = to_uart(dev);
	u64 value;

	(void)range;
	dev_lock(&u->lock);
	if (size != 1 || offset != UART_LSR || u->chip.lsr) /* an error to clear */
		return read_any(u, offset, size);
	value = read_reg(u, UART_LSR);
	dev_unlock(&u->lock);
	return value;
}

/* A THR write that can change nothing but the ring's contents. */
static bool thr_goes_straight(const struct uart_chip *c)
{
	return !(c->lcr & UART_LCR_DLAB) && !(c->mcr & UART_MCR_LOOP) &&
	       !(c->ier & UART_IER_THRE) && !c->tx_count;
}

static __attribute__((noinline)) void write_any(struct uart *u, u64 offset, unsigned size,
						u64 value)
{
	for (unsigned i = 0; i < size; i++)
		write_reg(u, (offset + i) % UART_NR_REGS, (u8)(value >> (8 * i)));
	settle(u);
}

static void uart_write(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value)
{
	struct uart *u = to_uart(dev);

	(void)range;
	dev_lock(&u->lock);
	if (size == 1 && offset == UART_THR && thr_goes_straight(&u->chip) && u->chardev &&
	    chardev_put_byte(u->chardev, (u8)value)) {
		u->chip.thre_pending = 1;
		dev_unlock(&u->lock);
		return;
	}
	write_any(u, offset, size, value);
}

/* ---- life and description ---------------------------------------------------------------- */

static u8 connected_lines(const struct uart *u)
{
	return u->chardev ? CONNECTED_LINES : 0;
}

static void uart_reset(struct device *dev)
{
	struct uart *u = to_uart(dev);

	dev_lock(&u->lock);
	u->chip.pins = connected_lines(u);
	uart_chip_reset(&u->chip);
	u->thr_burst = u->edge_owed = false;
	settle(u);
}

static int uart_post_load(struct device *dev)
{
	struct uart *u = to_uart(dev);

	dev_lock(&u->lock);
	if (uart_chip_check(&u->chip)) {
		u->chip = (struct uart_chip){ 0 };
		dev_unlock(&u->lock);
		uart_reset(dev);
		return -EINVAL;
	}
	uart_chip_set_pins(&u->chip, connected_lines(u));
	transmit(u);
	/* Whatever the interrupt controller was restored to, it is told the level once more. */
	follow_line(u);
	u->line_sent = !u->line_want;
	settle(u);
	return 0;
}

static int uart_describe_fdt(const struct device *dev, void *fdt)
{
	const struct dev_range *r = &dev->range[0];
	const u32 port[2] = { cpu_to_fdt32((u32)r->base), cpu_to_fdt32((u32)r->len) };
	char name[32];
	int err;

	snprintf(name, sizeof(name), "serial@%llx", (unsigned long long)r->base);
	err = fdt_begin_node(fdt, name);
	err = err ? err : fdt_property_string(fdt, "compatible", "ns16550a");
	err = err ? err : fdt_property(fdt, "parallax,io-port", port, sizeof(port));
	err = err ? err : fdt_property_u32(fdt, "interrupts", dev->irq.gsi);
	err = err ? err : fdt_property_u32(fdt, "clock-frequency", UART_CLOCK_HZ);
	return err ? err : fdt_end_node(fdt);
}

static void uart_describe_acpi(const struct device *dev, struct aml *a)
{
	const struct uart *u = container_of(dev, const struct uart, dev);
	char name[16];

	snprintf(name, sizeof(name), "COM%u", u->index + 1);
	aml_device_begin(a, name);
	aml_name_eisaid(a, "_HID", "PNP0501");
	aml_name_int(a, "_UID", u->index + 1);
	aml_name_int(a, "_STA", 0xf);
	aml_resources_begin(a, "_CRS");
	aml_resource_io(a, (u16)dev->range[0].base, (u8)dev->range[0].len);
	aml_resource_irq(a, dev->irq.gsi);
	aml_resources_end(a);
	aml_device_end(a);
}

struct device *uart16550_create(const struct dev_env *env, const struct dev_range *pio,
				struct irq_line irq, struct chardev *chardev, unsigned index)
{
	struct uart *u = calloc(1, sizeof(*u));
	struct chardev_client client = {
		.arg = u,
		.receive = uart_receive,
		.writable = uart_writable,
	};

	if (!u)
		return NULL;
	u->dev.class = &uart16550_class;
	u->dev.env = env;
	u->dev.irq = irq;
	u->dev.range[0] = *pio;
	u->dev.nr_ranges = 1;
	u->chardev = chardev;
	u->index = index;
	u->rx_timer = env->timer_create(env->ctx, rx_timer_fired, u);
	u->edge_timer = env->timer_create(env->ctx, edge_timer_fired, u);
	if (!u->rx_timer || !u->edge_timer) {
		free(u);
		return NULL;
	}
	uart_reset(&u->dev);
	if (chardev)
		chardev_set_client(chardev, &client);
	return &u->dev;
}

static void uart_destroy(struct device *dev)
{
	struct uart *u = to_uart(dev);
	const struct dev_env *env = dev->env;
	const struct chardev_client nobody = { 0 };

	env->timer_cancel(env->ctx, u->rx_timer);
	env->timer_cancel(env->ctx, u->edge_timer);
	if (u->chardev)
		chardev_set_client(u->chardev, &nobody);
	free(u);
}

u64 uart16550_tx_overruns(const struct device *dev)
{
	return container_of(dev, const struct uart, dev)->chip.tx_overruns;
}

const struct device_class uart16550_class = {
	.name = "uart16550",
	.description = "16550A serial port",
	.reset = uart_reset,
	.read = uart_read,
	.write = uart_write,
	.destroy = uart_destroy,
	.state_offset = offsetof(struct uart, chip),
	.state_size = sizeof(struct uart_chip),
	.post_load = uart_post_load,
	.describe_fdt = uart_describe_fdt,
	.describe_acpi = uart_describe_acpi,
};
