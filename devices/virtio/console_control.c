/* SPDX-License-Identifier: MIT */
/*
 * console_control.c - the control queues of a console with several ports (virtio 1.2, 5.3.6.2). What
 * is to be told is kept as bits, so that a driver which never listens costs nothing.
 */
#include <string.h>

#include "devices/virtio/console_priv.h"

static size_t message(const struct console_port *p, unsigned what, u8 *to)
{
	struct virtio_console_control msg = { .id = p->index, .value = 1 };
	struct virtio_console_resize size = { .rows = p->rows, .cols = p->cols };

	switch (what) {
	case TELL_ADD:
		msg.event = VIRTIO_CONSOLE_PORT_ADD;
		break;
	case TELL_CONSOLE:
		msg.event = VIRTIO_CONSOLE_CONSOLE_PORT;
		break;
	case TELL_OPEN:
		msg.event = VIRTIO_CONSOLE_PORT_OPEN;
		break;
	case TELL_RESIZE:
		msg.event = VIRTIO_CONSOLE_RESIZE;
		memcpy(to + sizeof(msg), &size, sizeof(size));
		break;
	}
	memcpy(to, &msg, sizeof(msg));
	return sizeof(msg) + (what == TELL_RESIZE ? sizeof(size) : 0);
}

/* One message; false when the driver has no buffer for it. */
static bool send_one(struct console_port *p)
{
	struct virtio_dev *vd = &p->console->vd;
	struct virtqueue *vq = &vd->vq[VIRTIO_CONSOLE_CTRL_RXQ];
	struct vq_chain *c = &p->console->control;
	u8 bytes[sizeof(struct virtio_console_control) + sizeof(struct virtio_console_resize)];
	unsigned what = p->to_tell & -p->to_tell;
	size_t len = message(p, what, bytes);

	while (!virtio_pop(vd, VIRTIO_CONSOLE_CTRL_RXQ, c))
		if (!vq_listen(vq))
			return false;
	p->to_tell &= ~what;
	vq_push(vq, c, (u32)iov_write(c->iov + c->nr_out, c->nr_in, 0, bytes, len));
	return true;
}

void console_control_send(struct virtio_console *con)
{
	if (con->nr_ports == 1 || !virtio_queue_usable(&con->vd, VIRTIO_CONSOLE_CTRL_RXQ))
		return;
	for (unsigned i = 0; i < con->nr_ports; i++)
		while (con->port[i].to_tell)
			if (!send_one(&con->port[i]))
				goto out;
out:
	virtio_signal(&con->vd, VIRTIO_CONSOLE_CTRL_RXQ);
}

void console_control_tell(struct console_port *p, unsigned what)
{
	p->to_tell |= what;
	console_control_send(p->console);
}

static void take_message(struct virtio_console *con, const struct virtio_console_control *msg)
{
	struct console_port *p;

	if (msg->event == VIRTIO_CONSOLE_DEVICE_READY) {
		for (unsigned i = 0; msg->value && i < con->nr_ports; i++)
			con->port[i].to_tell |= TELL_ADD;
		return;
	}
	if (msg->id >= con->nr_ports)
		return;
	p = &con->port[msg->id];
	switch (msg->event) {
	case VIRTIO_CONSOLE_PORT_READY:
		p->ready = msg->value;
		if (p->ready)
			p->to_tell |= TELL_CONSOLE | TELL_OPEN | TELL_RESIZE;
		break;
	case VIRTIO_CONSOLE_PORT_OPEN:
		p->guest_open = msg->value;
		if (p->guest_open)
			chardev_kick_input(p->chardev);
		break;
	}
}

static bool serve_control(struct virtio_dev *vd, unsigned q, struct vq_chain *c)
{
	struct virtio_console_control msg;

	if (iov_read(c->iov, c->nr_out, 0, &msg, sizeof(msg)) == sizeof(msg))
		take_message(to_console(vd), &msg);
	vq_push(&vd->vq[q], c, 0);
	return true;
}

void console_control_serve(struct virtio_console *con)
{
	virtio_serve(&con->vd, VIRTIO_CONSOLE_CTRL_TXQ, &con->control, serve_control);
	console_control_send(con);
}
