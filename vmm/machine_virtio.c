/* SPDX-License-Identifier: MIT */
/* machine_virtio.c - the paravirtual devices of a machine; none is built unless it is asked for. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices/abi/pc.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/console.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/virtio.h"
#include "devices/virtio/net.h"
#include "vmm/disk.h"
#include "vmm/machine_priv.h"

/* Where the next device goes. */
static int next_slot(struct machine *m, struct dev_range *mmio, struct irq_line *irq,
		     struct error *e)
{
	unsigned slot = m->nr_virtio;

	if (slot == PC_VIRTIO_SLOTS)
		return error_set(e, -ENOSPC,
				 "more than %d virtio devices: leave one of --disk, --net, "
				 "--console, --rng, --balloon out",
				 PC_VIRTIO_SLOTS);
	*mmio = (struct dev_range){ DEV_MMIO, PC_VIRTIO_BASE + slot * PC_VIRTIO_STEP,
				    PC_VIRTIO_STEP };
	*irq = irqchip_line(&m->irqchip, PC_VIRTIO_GSI + slot);
	m->nr_virtio++;
	return 0;
}

/* --- console ------------------------------------------------------------------------------------- */

/* The port whose host end is the user's terminal, or -1. */
static int terminal_port(const struct machine *m)
{
	for (int i = 0; i < CONFIG_MAX_CONSOLES; i++)
		if (m->serial[CONFIG_MAX_SERIALS + i].terminal)
			return i;
	return -1;
}

void machine_terminal_resized(struct machine *m)
{
	int port = m->vconsole ? terminal_port(m) : -1;
	struct winsize size;

	if (port >= 0 && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col && size.ws_row)
		virtio_console_resize(m->vconsole, (unsigned)port, size.ws_col, size.ws_row);
}

static int add_console(struct machine *m, struct error *e)
{
	struct chardev *port[CONFIG_MAX_CONSOLES];
	struct dev_range mmio;
	struct irq_line irq = { 0 };
	unsigned n = 0;
	int err;

	while (n < CONFIG_MAX_CONSOLES && m->serial[CONFIG_MAX_SERIALS + n].present) {
		port[n] = machine_add_chardev(m, CONFIG_MAX_SERIALS + n);
		if (!port[n])
			return error_sys(e, -ENOMEM, "--console");
		n++;
	}
	if (!n)
		return 0;
	err = next_slot(m, &mmio, &irq, e);
	if (err)
		return err;
	m->vconsole = virtio_console_create(&m->env, &mmio, irq, port, n);
	if (!m->vconsole)
		return error_sys(e, -errno, "--console");
	err = machine_attach_device(m, m->vconsole, e);
	machine_terminal_resized(m);
	return err;
}

void machine_finish_consoles(struct machine *m, int timeout_ms)
{
	for (int round = 0; m->vconsole && virtio_console_finish(m->vconsole) && round < 64;
	     round++)
		for (int i = CONFIG_MAX_SERIALS; i < MACHINE_LINES; i++)
			if (m->chardev[i] && chardev_flush(m->chardev[i], timeout_ms))
				return; /* whoever reads it is not there any more */
}

/* --- disks --------------------------------------------------------------------------------------- */

/* machine_disks_fn */
static size_t view_disks(void *arg, struct machine_disk *out, size_t max)
{
	struct machine *m = arg;
	size_t n = 0;

	for (; n < CONFIG_MAX_DISKS && n < max && m->disk[n]; n++) {
		const struct block *image = virtio_blk_image(m->disk[n]);
		struct virtio_blk_counts c;

		virtio_blk_counts(m->disk[n], &c);
		snprintf(m->disk_name[n], sizeof(m->disk_name[n]), "disk%zu", n);
		out[n] = (struct machine_disk){
			.id = m->cfg->disk_id[n] ? m->cfg->disk_id[n] : m->disk_name[n],
			.node = m->cfg->disk_node[n],
			.path = m->disk_path[n],
			.format = "raw",
			.read_only = block_read_only(image),
			.size = block_size(image),
			.rd_bytes = c.rd_bytes,
			.wr_bytes = c.wr_bytes,
			.rd_ops = c.rd_ops,
			.wr_ops = c.wr_ops,
			.flush_ops = c.flush_ops,
			.rd_ns = c.rd_ns,
			.wr_ns = c.wr_ns,
			.flush_ns = c.flush_ns,
		};
	}
	return n;
}

static int add_disk(struct machine *m, unsigned index, struct error *e)
{
	const char *text = m->cfg->disk[index];
	struct virtio_blk_init init = { .queues = MIN(m->cfg->cpus, VIRTIO_BLK_MAX_QUEUES) };
	struct dev_range mmio;
	struct disk_spec spec;
	struct irq_line irq = { 0 };
	struct device *d;
	int err = disk_parse(text, &spec, e);

	if (!err)
		err = next_slot(m, &mmio, &irq, e);
	if (!err)
		err = block_open(&(struct block_config){ .path = spec.path,
							 .read_only = spec.read_only,
							 .direct = spec.direct },
				 &init.block, e);
	if (err)
		return err;
	init.serial = spec.serial;
	d = virtio_blk_create(&m->env, &mmio, irq, &init);
	if (!d)
		return error_sys(e, -errno, "--disk %s", text);
	err = machine_attach_device(m, d, e);
	if (err)
		return err;
	m->disk_path[index] = strdup(spec.path);
	if (!m->disk_path[index])
		return error_sys(e, -ENOMEM, "--disk %s", text);
	m->disk[index] = d;
	machine_set_disks(m, view_disks, m);
	return 0;
}

static int add_disks(struct machine *m, struct error *e)
{
	for (unsigned i = 0; i < CONFIG_MAX_DISKS && m->cfg->disk[i]; i++) {
		int err = add_disk(m, i, e);

		if (err)
			return err;
	}
	return 0;
}

/* --- networks ------------------------------------------------------------------------------------ */

static int add_net(struct machine *m, unsigned index, struct error *e)
{
	struct net_backend *nb;
	struct dev_range mmio;
	struct irq_line irq = { 0 };
	struct device *d;
	u8 mac[6];
	int err = next_slot(m, &mmio, &irq, e);

	if (err)
		return err;
	nb = machine_net_backend(m, index, mac, e);
	if (!nb)
		return -ENODEV;
	d = virtio_net_create(&m->env, &mmio, irq, nb, mac);
	if (!d)
		return error_sys(e, -errno, "--net %s", m->cfg->net[index]);
	return machine_attach_device(m, d, e);
}

static int add_nets(struct machine *m, struct error *e)
{
	for (unsigned i = 0; i < CONFIG_MAX_NETS && m->cfg->net[i]; i++) {
		int err = add_net(m, i, e);

		if (err)
			return err;
	}
	return 0;
}

/* --- the others ---------------------------------------------------------------------------------- */

static int add_balloon(struct machine *m, struct error *e)
{
	bool drops =
		m->cfg->mem.backing == MEM_BACKING_4K || m->cfg->mem.backing == MEM_BACKING_THP;
	struct dev_range mmio;
	struct irq_line irq = { 0 };
	int err;

	if (!m->cfg->balloon)
		return 0;
	err = next_slot(m, &mmio, &irq, e);
	if (err)
		return err;
	m->balloon = virtio_balloon_create(&m->env, &mmio, irq, drops);
	if (!m->balloon)
		return error_sys(e, -errno, "--balloon");
	virtio_balloon_set_target(m->balloon, m->cfg->balloon_target);
	err = machine_attach_device(m, m->balloon, e);
	if (!err && machine_watch_balloon(m))
		err = error_sys(e, -ENOMEM, "--balloon");
	return err;
}

static int add_rng(struct machine *m, struct error *e)
{
	struct dev_range mmio;
	struct irq_line irq = { 0 };
	struct device *d;
	int err;

	if (!m->cfg->rng)
		return 0;
	err = next_slot(m, &mmio, &irq, e);
	if (err)
		return err;
	d = virtio_rng_create(&m->env, &mmio, irq);
	if (!d)
		return error_sys(e, -errno, "--rng");
	return machine_attach_device(m, d, e);
}

/* In the order of their slots. */
static int (*const virtio_table[])(struct machine *m, struct error *e) = {
	add_console, add_disks, add_nets, add_rng, add_balloon,
};

int machine_add_virtio(struct machine *m, struct error *e)
{
	if (m->cfg->virt != VIRT_PARA)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(virtio_table); i++) {
		int err = virtio_table[i](m, e);

		if (err)
			return err;
	}
	return 0;
}

void machine_virtio_stats(struct machine *m, struct machine_stats *ms)
{
	struct virtio_balloon_info info;

	for (size_t i = 0; i < m->nr_devices; i++) {
		struct device *d = m->device[i];
		const struct virtio_dev *vd;

		if (d->class->read != virtio_mmio_read || ms->nr_virtio == PC_VIRTIO_SLOTS)
			continue;
		vd = to_virtio(d);
		ms->virtio[ms->nr_virtio++] =
			(struct virtio_counter){ d->class->name, vd->nr_kicks, vd->nr_interrupts };
	}
	if (!m->balloon)
		return;
	virtio_balloon_info(m->balloon, &info);
	ms->balloon_inflated = info.inflated;
	ms->balloon_reported = info.reported;
}
