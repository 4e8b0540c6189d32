/* SPDX-License-Identifier: MIT */
/*
 * uart16550.h - the PC's serial port: a complete 16550A (National PC16550D data sheet) on a chardev.
 *
 * Transmission takes no time: a byte written to THR is in the chardev's ring at once.
 * Rule U1: a byte that the guest writes after having seen THRE, and the 15 that may follow it, are
 *          kept however slow the host's reader is: what the ring refuses waits in the 16-byte
 *          transmit FIFO, and THRE and TEMT stay clear until that has drained.
 * Rule U2: input is never lost either: the port takes from the chardev what its FIFO can hold.
 * Rule U3: irq_set() is called without the lock and only to change the line's level; changes made
 *          meanwhile by other threads are played out in order, a missed low phase included.
 * The interrupt reaches the line only while MCR.OUT2 is set, as on PC boards.
 */
#ifndef DEVICES_UART16550_H
#define DEVICES_UART16550_H

#include "devices/chardev.h"
#include "devices/device.h"

extern const struct device_class uart16550_class;

/* What a machine's device table says of a serial port. */
struct uart16550_options {
	struct chardev *chardev; /* NULL: nothing is plugged in, output vanishes */
};

/*
 * A port in its power-on state, its 8 registers at pio. index 0 is COM1. Becomes the chardev's
 * client; the chardev stays owned by the caller and must outlive the port. NULL when out of memory.
 * Before the machine runs.
 */
struct device *uart16550_create(const struct dev_env *env, const struct dev_range *pio,
				struct irq_line irq, struct chardev *chardev, unsigned index);

/* The host's user sends a break. Loop thread. Kept until the receive FIFO has room for it. */
void uart16550_break(struct device *dev);

/* Bytes lost because the guest wrote more than a FIFO's worth without looking at THRE. */
u64 uart16550_tx_overruns(const struct device *dev);

#endif
