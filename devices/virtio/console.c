/* SPDX-License-Identifier: MIT */
/* console.c - see console.h. The data of the ports; control messages: console_control.c. */
#include "devices/virtio/console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/console_priv.h"

/* --- output -------------------------------------------------------------------------------------- */

/* Puts the rest of the port's chain; false when the chardev is full. */
static bool put_rest(struct console_port *p)
{
	const struct vq_chain *c = &p->out;
	struct iovec part[VQ_MAX_SEGS];
	unsigned n = iov_slice(c->iov, c->nr_out, p->out_done, c->len_out, part);

	for (unsigned i = 0; i < n; i++) {
		size_t put = chardev_put(p->chardev, part[i].iov_base, part[i].iov_len);

		p->out_done += (u32)put;
		if (put < part[i].iov_len)
			return false;
	}
	return true;
}

static bool serve_output(struct virtio_dev *vd, unsigned q, struct vq_chain *c)
{
	struct console_port *p = port_of_queue(to_console(vd), q);

	p->out_done = 0;
	p->out_held = !put_rest(p);
	if (p->out_held)
		return false;
	vq_push(&vd->vq[q], c, 0);
	return true;
}

static void output_ready(struct virtio_dev *vd, unsigned q)
{
	struct console_port *p = port_of_queue(to_console(vd), q);

	if (p->out_held) {
		p->out_held = !put_rest(p);
		if (p->out_held)
			return;
		vq_push(&vd->vq[q], &p->out, 0);
	}
	virtio_serve(vd, q, &p->out, serve_output);
}

/* --- input --------------------------------------------------------------------------------------- */

/* From the chardev: as much as the driver has buffers for. */
static size_t port_receive(void *arg, const u8 *buf, size_t n)
{
	struct console_port *p = arg;
	struct virtio_dev *vd = &p->console->vd;
	unsigned q = rx_queue(p->index);
	struct vq_chain *c = &p->console->in;
	size_t done = 0;

	pthread_mutex_lock(&vd->lock);
	if (virtio_queue_usable(vd, q) && port_open(p)) {
		struct virtqueue *vq = &vd->vq[q];
		unsigned left = vq->s->size;

		do {
			while (done < n && left && virtio_pop(vd, q, c)) {
				size_t put = iov_write(c->iov + c->nr_out, c->nr_in, 0, buf + done,
						       n - done);

				vq_push(vq, c, (u32)put);
				done += put;
				left--;
			}
		} while (done < n && left && vq_listen(vq));
		virtio_signal(vd, q);
	}
	pthread_mutex_unlock(&vd->lock);
	return done;
}

static void port_writable(void *arg)
{
	struct console_port *p = arg;
	struct virtio_dev *vd = &p->console->vd;

	pthread_mutex_lock(&vd->lock);
	if (virtio_queue_usable(vd, tx_queue(p->index)))
		output_ready(vd, tx_queue(p->index));
	pthread_mutex_unlock(&vd->lock);
}

/* --- the class ----------------------------------------------------------------------------------- */

static void console_ready(struct virtio_dev *vd, unsigned q)
{
	struct virtio_console *con = to_console(vd);

	if (q == VIRTIO_CONSOLE_CTRL_RXQ)
		console_control_send(con);
	else if (q == VIRTIO_CONSOLE_CTRL_TXQ)
		console_control_serve(con);
	else if (q % 2)
		output_ready(vd, q);
	else
		chardev_kick_input(port_of_queue(con, q)->chardev);
}

static void console_queue_stop(struct virtio_dev *vd, unsigned q)
{
	if (q % 2 && q != VIRTIO_CONSOLE_CTRL_TXQ)
		port_of_queue(to_console(vd), q)->out_held = false;
}

static void console_reset(struct virtio_dev *vd)
{
	struct virtio_console *con = to_console(vd);

	for (unsigned i = 0; i < con->nr_ports; i++) {
		con->port[i].to_tell = 0;
		con->port[i].ready = false;
		con->port[i].guest_open = false;
	}
}

static void console_config_write(struct virtio_dev *vd, u32 offset, const u8 *bytes, unsigned len)
{
	if (offset == offsetof(struct virtio_console_config, emerg_wr) && len)
		chardev_put_byte(to_console(vd)->port[0].chardev, bytes[0]);
}

static const struct virtio_class console_virtio = {
	.device_id = VIRTIO_ID_CONSOLE,
	.queue_ready = console_ready,
	.queue_stop = console_queue_stop,
	.reset = console_reset,
	.config_write = console_config_write,
};

void virtio_console_resize(struct device *dev, unsigned port, u16 cols, u16 rows)
{
	struct virtio_console *con = to_console(to_virtio(dev));
	struct console_port *p;

	if (port >= con->nr_ports)
		return;
	p = &con->port[port];
	pthread_mutex_lock(&con->vd.lock);
	if (p->cols != cols || p->rows != rows) {
		p->cols = cols;
		p->rows = rows;
		if (!port) {
			con->config.cols = cols;
			con->config.rows = rows;
			virtio_config_changed(&con->vd);
		}
		if (p->ready)
			console_control_tell(p, TELL_RESIZE);
	}
	pthread_mutex_unlock(&con->vd.lock);
}

bool virtio_console_finish(struct device *dev)
{
	struct virtio_console *con = to_console(to_virtio(dev));
	bool more = false;

	pthread_mutex_lock(&con->vd.lock);
	for (unsigned i = 0; i < con->nr_ports; i++) {
		unsigned q = tx_queue(i);

		if (!virtio_queue_usable(&con->vd, q))
			continue;
		output_ready(&con->vd, q);
		more |= con->port[i].out_held || vq_pending(&con->vd.vq[q]);
	}
	pthread_mutex_unlock(&con->vd.lock);
	return more;
}

static void console_destroy(struct device *dev)
{
	struct virtio_console *con = to_console(to_virtio(dev));

	for (unsigned i = 0; i < con->nr_ports; i++)
		chardev_set_client(con->port[i].chardev, &(struct chardev_client){ 0 });
	virtio_fini(&con->vd);
	free(con);
}

struct device *virtio_console_create(const struct dev_env *env, const struct dev_range *mmio,
				     struct irq_line irq, struct chardev *const *ports,
				     unsigned nr_ports)
{
	struct virtio_console *con = calloc(1, sizeof(*con));
	struct virtio_init init = {
		.dc = &virtio_console_class,
		.vc = &console_virtio,
		.env = env,
		.mmio = *mmio,
		.irq = irq,
		.features = VIRTIO_BIT(VIRTIO_CONSOLE_F_SIZE) |
			    VIRTIO_BIT(VIRTIO_CONSOLE_F_EMERG_WRITE),
		.nr_queues = 2,
		.queue_max = 128,
		.config_len = sizeof(con->config),
	};
	int err;

	if (!con)
		return NULL;
	if (nr_ports > 1) {
		init.features |= VIRTIO_BIT(VIRTIO_CONSOLE_F_MULTIPORT);
		init.nr_queues = tx_queue(nr_ports - 1) + 1;
	}
	init.config = (u8 *)&con->config;
	con->nr_ports = nr_ports;
	con->config = (struct virtio_console_config){ 80, 25, nr_ports, 0 };
	err = virtio_init(&con->vd, &init);
	if (err) {
		free(con);
		errno = -err;
		return NULL;
	}
	for (unsigned i = 0; i < nr_ports; i++) {
		struct console_port *p = &con->port[i];

		*p = (struct console_port){
			.console = con, .chardev = ports[i], .index = i, .cols = 80, .rows = 25
		};
		chardev_set_client(ports[i],
				   &(struct chardev_client){ p, port_receive, port_writable });
	}
	return &con->vd.dev;
}

const struct device_class virtio_console_class = {
	.name = "virtio-console",
	.description = "virtio console",
	.reset = virtio_mmio_reset,
	.read = virtio_mmio_read,
	.write = virtio_mmio_write,
	.destroy = console_destroy,
	.state_offset = offsetof(struct virtio_dev, s),
	.state_size = sizeof(struct virtio_state),
	.post_load = virtio_post_load,
	.describe_fdt = virtio_describe_fdt,
	.describe_acpi = virtio_describe_acpi,
};
