/* SPDX-License-Identifier: MIT */
/*
 * virtio.c - the paravirtual devices of a QEMU command line: a disk is a device that names a format
 * node that names a file node; a network card, a source of entropy and a console name one thing each, a balloon none.
 */
#include <errno.h>
#include <string.h>

#include "vmm/disk.h"
#include "vmm/net.h"
#include "vmm/qemu/command.h"

struct counts {
	unsigned disks, nets, consoles, serials;
	bool used_block[QEMU_MAX_PARTS], used_net[QEMU_MAX_PARTS];
};

static bool is(const struct qemu_device *d, const char *driver)
{
	return !strcmp(d->driver, driver);
}

/* ---- disks ---------------------------------------------------------------------------------------- */

static const struct qemu_blockdev *take_block(struct qemu_command *c, struct counts *n,
					      const char *node)
{
	for (size_t i = 0; node && i < c->nr_blockdevs; i++) {
		if (!c->blockdev[i].node || strcmp(c->blockdev[i].node, node) != 0)
			continue;
		n->used_block[i] = true;
		return &c->blockdev[i];
	}
	return NULL;
}

/* A name as --disk takes it: commas doubled. */
static bool double_commas(const char *s, char *out, size_t room)
{
	size_t n = 0;

	for (; *s; s++) {
		if (n + 3 > room)
			return false;
		out[n++] = *s;
		if (*s == ',')
			out[n++] = ',';
	}
	out[n] = 0;
	return true;
}

static int resolve_disk(struct qemu_command *c, const struct qemu_device *d, struct counts *n,
			struct error *e)
{
	const struct qemu_blockdev *format = take_block(c, n, d->drive), *file = format;
	struct disk_spec scratch;
	char path[4200];
	const char *spec;

	if (!format)
		return error_set(e, -EINVAL, "-device %s: drive=%.100s: no such -blockdev",
				 d->driver, d->drive ? d->drive : "");
	if (!strcmp(format->driver, "raw"))
		file = take_block(c, n, format->file);
	if (!file || !file->filename)
		return error_set(e, -EINVAL, "-blockdev raw: file=%.100s: no such -blockdev",
				 format->file ? format->file : "");
	if (n->disks == CONFIG_MAX_DISKS)
		return error_set(e, -EINVAL, "-device %s: more than %d disks", d->driver,
				 CONFIG_MAX_DISKS);
	if (d->serial && (strlen(d->serial) > DISK_SERIAL_MAX || strchr(d->serial, ',')))
		return error_set(e, -EINVAL,
				 "-device %s: serial=%.60s: at most %d characters, no comma",
				 d->driver, d->serial, DISK_SERIAL_MAX);
	if (!double_commas(file->filename, path, sizeof(path)))
		return error_set(e, -EINVAL, "-blockdev file: its filename is too long");
	spec = text_format(&c->pool, "%s%s%s%s%s", path,
			   format->read_only || file->read_only ? ",ro" : "",
			   format->direct || file->direct ? ",direct" : "",
			   d->serial ? ",serial=" : "", d->serial ? d->serial : "");
	if (!spec)
		return error_sys(e, -ENOMEM, "-device %s", d->driver);
	c->cfg.disk_id[n->disks] = d->id;
	c->cfg.disk_node[n->disks] = format->node;
	c->cfg.disk[n->disks++] = spec;
	return disk_parse(spec, &scratch, e);
}

/* ---- networks --------------------------------------------------------------------------------------- */

static int resolve_net(struct qemu_command *c, const struct qemu_device *d, struct counts *n,
		       struct error *e)
{
	struct net_spec scratch;
	char kind[24] = "user";
	const char *spec;
	size_t i = 0;

	while (d->netdev && i < c->nr_netdevs &&
	       (!c->netdev[i].id || strcmp(c->netdev[i].id, d->netdev) != 0))
		i++;
	if (!d->netdev || i == c->nr_netdevs)
		return error_set(e, -EINVAL, "-device %s: netdev=%.100s: no such -netdev",
				 d->driver, d->netdev ? d->netdev : "");
	if (n->used_net[i])
		return error_set(e, -EINVAL, "-netdev %s: %.100s has several users",
				 c->netdev[i].backend, d->netdev);
	if (n->nets == CONFIG_MAX_NETS)
		return error_set(e, -EINVAL, "-device %s: more than %d network cards", d->driver,
				 CONFIG_MAX_NETS);
	if (d->mac && strchr(d->mac, ','))
		return error_set(e, -EINVAL, "-device %s: mac=%.60s: not an address", d->driver,
				 d->mac);
	if (!strcmp(c->netdev[i].backend, "tap") && c->netdev[i].fd < 0)
		return error_set(e, -EINVAL, "-netdev tap: it needs fd=N, an open interface");
	n->used_net[i] = true;
	if (!strcmp(c->netdev[i].backend, "tap"))
		snprintf(kind, sizeof(kind), "tap-fd=%d",
			 (int)MIN(c->netdev[i].fd, (s64)INT32_MAX));
	spec = text_format(&c->pool, "%s%s%s", kind, d->mac ? ",mac=" : "", d->mac ? d->mac : "");
	if (!spec)
		return error_sys(e, -ENOMEM, "-device %s", d->driver);
	c->cfg.net[n->nets++] = spec;
	return net_parse(spec, &scratch, e);
}

/* ---- entropy, balloon, consoles -------------------------------------------------------------------------------- */

static int resolve_rng(struct qemu_command *c, const struct qemu_device *d, struct error *e)
{
	for (size_t i = 0; d->rng && i < c->nr_objects; i++) {
		const struct qemu_object *o = &c->object[i];

		if (strcmp(o->type, "rng-random") != 0 || !o->id || strcmp(o->id, d->rng) != 0)
			continue;
		if (c->cfg.rng)
			return error_set(e, -EINVAL, "-device %s: one source of entropy is enough",
					 d->driver);
		c->cfg.rng = true;
		return 0;
	}
	return error_set(e, -EINVAL, "-device %s: rng=%.100s: no such -object rng-random",
			 d->driver, d->rng ? d->rng : "");
}

static int resolve_balloon(struct qemu_command *c, const struct qemu_device *d, struct error *e)
{
	if (c->cfg.balloon)
		return error_set(e, -EINVAL, "-device %s: one balloon is enough", d->driver);
	c->cfg.balloon = true;
	return 0;
}

static int resolve_console(struct qemu_command *c, const struct qemu_device *d, struct counts *n,
			   struct error *e)
{
	const struct qemu_chardev *cd = d->chardev ? qemu_chardev_find(c, d->chardev) : NULL;

	if (!n->serials)
		return error_set(e, -EINVAL,
				 "-device virtconsole: it needs a -device "
				 "virtio-serial-device before it");
	if (!cd)
		return error_set(e, -EINVAL,
				 "-device virtconsole: chardev=%.100s: no such -chardev",
				 d->chardev ? d->chardev : "");
	if (n->consoles == CONFIG_MAX_CONSOLES)
		return error_set(e, -EINVAL, "-device virtconsole: more than %d of them",
				 CONFIG_MAX_CONSOLES);
	c->cfg.console_label[n->consoles] = cd->id;
	c->cfg.console[n->consoles] = qemu_chardev_words(c, cd, e);
	return c->cfg.console[n->consoles++] ? 0 : -EINVAL;
}

/* ---- all of them ------------------------------------------------------------------------------------------ */

static int check_unused(const struct qemu_command *c, const struct counts *n, struct error *e)
{
	for (size_t i = 0; i < c->nr_blockdevs; i++)
		if (!n->used_block[i])
			return error_set(e, -EINVAL, "-blockdev %s: %.100s has no user",
					 c->blockdev[i].driver,
					 c->blockdev[i].node ? c->blockdev[i].node : "it");
	for (size_t i = 0; i < c->nr_netdevs; i++)
		if (!n->used_net[i])
			return error_set(e, -EINVAL, "-netdev %s: %.100s has no user",
					 c->netdev[i].backend,
					 c->netdev[i].id ? c->netdev[i].id : "it");
	return 0;
}

int qemu_resolve_virtio(struct qemu_command *c, struct error *e)
{
	struct counts n = { 0 };

	for (size_t i = 0; i < c->nr_devices; i++) {
		const struct qemu_device *d = &c->device[i];
		int err = 0;

		if (!strncmp(d->driver, "virt", 4) && c->cfg.virt != VIRT_PARA)
			return error_set(e, -EINVAL,
					 "-device %s: not supported by machine parallax-full, "
					 "which shows no trace of a hypervisor",
					 d->driver);
		if (is(d, "virtio-blk-device"))
			err = resolve_disk(c, d, &n, e);
		else if (is(d, "virtio-net-device"))
			err = resolve_net(c, d, &n, e);
		else if (is(d, "virtio-rng-device"))
			err = resolve_rng(c, d, e);
		else if (is(d, "virtio-balloon-device"))
			err = resolve_balloon(c, d, e);
		else if (is(d, "virtio-serial-device"))
			n.serials++;
		else if (is(d, "virtconsole"))
			err = resolve_console(c, d, &n, e);
		if (err)
			return err;
	}
	return check_unused(c, &n, e);
}
