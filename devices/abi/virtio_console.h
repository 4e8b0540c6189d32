/* SPDX-License-Identifier: MIT */
/*
 * virtio_console.h - virtio console (virtio 1.2, 5.3); shared by VMM and guest. Freestanding.
 *
 * Port 0 has queue 0 to receive (the driver gives buffers, the device fills them) and queue 1 to
 * transmit; that is all of it without VIRTIO_CONSOLE_F_MULTIPORT, and for a driver that accepts
 * nothing but VIRTIO_F_VERSION_1 it works at once. With MULTIPORT (several ports) queues 2 and 3 carry control
 * messages (struct virtio_console_control), and port n (from 1) has queues 2n + 2 and 2n + 3. Offered:
 * SIZE, EMERG_WRITE, and MULTIPORT when there are several ports. EMERG_WRITE: a byte written to config.emerg_wr appears on port 0, without a
 * queue, from the first instruction on.
 */
#ifndef DEVICES_ABI_VIRTIO_CONSOLE_H
#define DEVICES_ABI_VIRTIO_CONSOLE_H

#define VIRTIO_CONSOLE_F_SIZE	     0 /* cols and rows are valid */
#define VIRTIO_CONSOLE_F_MULTIPORT   1
#define VIRTIO_CONSOLE_F_EMERG_WRITE 2

#define VIRTIO_CONSOLE_RXQ	     0
#define VIRTIO_CONSOLE_TXQ	     1
#define VIRTIO_CONSOLE_CTRL_RXQ	     2
#define VIRTIO_CONSOLE_CTRL_TXQ	     3

/* struct virtio_console_control.event; D: the device says it, G: the driver. */
#define VIRTIO_CONSOLE_DEVICE_READY 0 /* G: value 1: the driver is ready for port messages */
#define VIRTIO_CONSOLE_PORT_ADD	    1 /* D */
#define VIRTIO_CONSOLE_PORT_REMOVE  2 /* D */
#define VIRTIO_CONSOLE_PORT_READY   3 /* G: value 1: this port is ready */
#define VIRTIO_CONSOLE_CONSOLE_PORT 4 /* D: the port is for a console */
#define VIRTIO_CONSOLE_RESIZE	    5 /* D: a struct virtio_console_resize follows */
#define VIRTIO_CONSOLE_PORT_OPEN    6 /* both: value 1 open, 0 closed */
#define VIRTIO_CONSOLE_PORT_NAME    7 /* D: the name follows, without a NUL */

#ifndef __ASSEMBLER__
#include <stdint.h>

struct virtio_console_config {
	uint16_t cols, rows;
	uint32_t max_nr_ports;
	uint32_t emerg_wr;
} __attribute__((packed));

struct virtio_console_control {
	uint32_t id; /* port */
	uint16_t event;
	uint16_t value;
};

/* Linux reads rows first, whatever 5.3.6.2 says, and so this device sends them first. */
struct virtio_console_resize {
	uint16_t rows, cols;
};
#endif

#endif
