/* SPDX-License-Identifier: MIT */
/* console_priv.h - the inside of the virtio console; for console*.c only. */
#ifndef DEVICES_VIRTIO_CONSOLE_PRIV_H
#define DEVICES_VIRTIO_CONSOLE_PRIV_H

#include "devices/abi/virtio_console.h"
#include "devices/virtio/console.h"
#include "devices/virtio/virtio.h"

/* What the driver is yet to be told of a port, in the order of the bits. */
enum {
	TELL_ADD = 1,
	TELL_CONSOLE = 2,
	TELL_OPEN = 4,
	TELL_RESIZE = 8,
};

/* All fields: the device's lock. */
struct console_port {
	struct virtio_console *console;
	struct chardev *chardev;
	unsigned index;
	u16 cols, rows;
	unsigned to_tell;
	bool ready;	 /* the driver said PORT_READY */
	bool guest_open; /* and PORT_OPEN */
	bool out_held;	 /* `out` waits for room in the chardev */
	u32 out_done;
	struct vq_chain out;
};

struct virtio_console {
	struct virtio_dev vd; /* first */
	struct virtio_console_config config;
	unsigned nr_ports;
	struct vq_chain in, control;
	struct console_port port[VIRTIO_CONSOLE_MAX_PORTS];
};

static inline struct virtio_console *to_console(struct virtio_dev *vd)
{
	return container_of(vd, struct virtio_console, vd);
}

/* 5.3.2: port 0 has queues 0 and 1, the control queues are 2 and 3, port n has 2n + 2 and 2n + 3. */
static inline unsigned rx_queue(unsigned port)
{
	return port ? 2 * port + 2 : VIRTIO_CONSOLE_RXQ;
}

static inline unsigned tx_queue(unsigned port)
{
	return rx_queue(port) + 1;
}

/* Not for the control queues. */
static inline struct console_port *port_of_queue(struct virtio_console *con, unsigned q)
{
	return &con->port[q < 2 ? 0 : q / 2 - 1];
}

/* Whether somebody in the guest reads the port. */
static inline bool port_open(const struct console_port *p)
{
	return !virtio_accepted(&p->console->vd, VIRTIO_CONSOLE_F_MULTIPORT) || p->guest_open;
}

/* Sends what is to be told, as far as the driver gives buffers. Lock held. */
void console_control_send(struct virtio_console *con);
/* Adds to what is to be told, and sends. Lock held. */
void console_control_tell(struct console_port *p, unsigned what);
/* Takes the driver's messages. Lock held. */
void console_control_serve(struct virtio_console *con);

#endif
