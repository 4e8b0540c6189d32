/* SPDX-License-Identifier: MIT */
/*
 * fuzz_virtio_queue.c - the transport and the queues, below the entropy device (which fills buffers)
 * and the console with one port or three (which reads them, fills them, and has control messages).
 */
#include <fcntl.h>
#include <unistd.h>

#include "devices/virtio/console.h"
#include "devices/virtio/rng.h"
#include "tests/fuzz/devices/virtio_fuzz.h"

static struct chardev *port[3];
static int in[2], sink;
static unsigned nr_ports;

static struct device *fuzz_create(struct mock_env *m, u8 choice)
{
	const struct dev_range mmio = { DEV_MMIO, PC_VIRTIO_BASE, PC_VIRTIO_STEP };
	struct device *dev;

	nr_ports = choice % 3 == 0 ? 0 : choice % 3 == 1 ? 1 : 3;
	if (!nr_ports)
		return virtio_rng_create(&m->env, &mmio, mock_line(m, 16));
	sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (sink < 0 || pipe2(in, O_CLOEXEC | O_NONBLOCK))
		abort();
	for (unsigned i = 0; i < nr_ports; i++) {
		struct chardev_config cfg = { .in_fd = i ? -1 : in[0], .out_fd = sink };

		port[i] = chardev_create(&m->env, &cfg);
		if (!port[i])
			abort();
	}
	dev = virtio_console_create(&m->env, &mmio, mock_line(m, 16), port, nr_ports);
	for (unsigned i = 0; dev && i < nr_ports; i++)
		if (chardev_start(port[i]))
			abort();
	return dev;
}

static void fuzz_backend(struct mock_env *m, struct device *dev, u8 a, u32 value)
{
	ssize_t n;

	(void)m;
	if (!nr_ports)
		return;
	if (a & 1)
		virtio_console_resize(dev, a >> 1, (u16)value, (u16)(value >> 16));
	else if (a & 2)
		virtio_console_finish(dev);
	else if ((n = write(in[1], &value, sizeof(value))) < 0 && n != -1)
		abort();
}

static void fuzz_destroy(struct mock_env *m, struct device *dev)
{
	(void)m;
	dev->class->destroy(dev);
	for (unsigned i = 0; i < nr_ports; i++)
		chardev_destroy(port[i]);
	if (nr_ports) {
		close(in[0]);
		close(in[1]);
		close(sink);
	}
}
