/* SPDX-License-Identifier: MIT */
/*
 * resolve.c - from the parts of a QEMU command line to one machine_config: machine types, topology,
 * memory backends, and who is at the other end of which character device.
 */
#include <errno.h>
#include <string.h>

#include "base/size.h"
#include "vmm/qemu/command.h"

#define FDSET_PREFIX "/dev/fdset/"

/* ---- machine, CPUs, memory ---------------------------------------------------------------------- */

static int resolve_machine(struct qemu_command *c, struct error *e)
{
	static const struct {
		const char *name;
		enum virt_mode virt;
	} machines[] = {
		{ "microvm", VIRT_PARA },
		{ "parallax", VIRT_PARA },
		{ "parallax-full", VIRT_FULL },
	};
	size_t i = 0;

	while (i < ARRAY_SIZE(machines) && strcmp(machines[i].name, c->machine) != 0)
		i++;
	if (i == ARRAY_SIZE(machines))
		return error_set(e, -EINVAL,
				 "-machine %.100s: not supported, only microvm, parallax, "
				 "parallax-full",
				 c->machine);
	c->cfg.virt = machines[i].virt;
	if (!c->irqchip)
		return 0;
	if (!strcmp(c->irqchip, "split"))
		c->cfg.irqchip = IRQCHIP_SPLIT;
	else if (!strcmp(c->irqchip, "on"))
		c->cfg.irqchip = IRQCHIP_KERNEL;
	else
		return error_set(e, -EINVAL, "-machine: kernel-irqchip=%.100s: only on or split",
				 c->irqchip);
	return 0;
}

/* -smp as QEMU reads it: the count, or the product of what arranges it. */
static int resolve_smp(struct qemu_command *c, struct error *e)
{
	struct qemu_smp *s = &c->smp;
	s64 sockets = s->sockets < 0 ? 1 : s->sockets, cores = s->cores;

	if (s->cpus > CONFIG_MAX_CPUS || sockets > CONFIG_MAX_CPUS || cores > CONFIG_MAX_CPUS)
		return error_set(e, -EINVAL, "-smp: a guest has 1 to %d CPUs", CONFIG_MAX_CPUS);
	if (s->cpus < 0)
		s->cpus = s->maxcpus > 0 && cores < 0 ? s->maxcpus : sockets * MAX(cores, (s64)1);
	if (s->cpus < 1 || s->cpus > CONFIG_MAX_CPUS || !sockets || !cores)
		return error_set(e, -EINVAL, "-smp: a guest has 1 to %d CPUs", CONFIG_MAX_CPUS);
	if (s->maxcpus >= 0 && s->maxcpus != s->cpus)
		return error_set(e, -EINVAL,
				 "-smp: maxcpus=%ld is not supported beside %ld CPUs; "
				 "CPUs cannot be plugged in",
				 s->maxcpus, s->cpus);
	if (cores < 0)
		cores = s->cpus / sockets;
	if (sockets * cores != s->cpus)
		return error_set(e, -EINVAL, "-smp: %ld sockets of %ld cores are not %ld CPUs",
				 sockets, cores, s->cpus);
	/* A CPU's id is its number, of which a socket's cores have the low bits to themselves. */
	if (sockets > 1 && (cores & (cores - 1)))
		return error_set(e, -EINVAL,
				 "-smp: cores=%ld is not supported in several sockets, "
				 "only 1, 2, 4, 8, ...",
				 cores);
	c->cfg.cpus = (unsigned)s->cpus;
	c->cfg.cores = (unsigned)cores;
	return 0;
}

static const struct qemu_object *find_object(const struct qemu_command *c, const char *id)
{
	for (size_t i = 0; i < c->nr_objects; i++)
		if (c->object[i].id && !strcmp(c->object[i].id, id))
			return &c->object[i];
	return NULL;
}

static int resolve_backend(struct qemu_command *c, const struct qemu_object *o, struct error *e)
{
	if (o->size != c->mem_size)
		return error_set(e, -EINVAL, "-object %s: its size is not that of -m", o->type);
	c->cfg.mem.prealloc = o->prealloc;
	if (!strcmp(o->type, "memory-backend-memfd") && o->hugetlb) {
		if (o->hugetlbsize < 0 || o->hugetlbsize == 2 * (s64)MiB)
			c->cfg.mem.backing = MEM_BACKING_2M;
		else if (o->hugetlbsize == (s64)GiB)
			c->cfg.mem.backing = MEM_BACKING_1G;
		else
			return error_set(e, -EINVAL, "-object %s: hugetlbsize=%ld: 2M or 1G",
					 o->type, o->hugetlbsize);
	}
	return 0;
}

static bool is_memory(const struct qemu_object *o)
{
	return !strncmp(o->type, "memory-backend-", strlen("memory-backend-"));
}

static int resolve_memory(struct qemu_command *c, struct error *e)
{
	const struct qemu_object *o;

	c->cfg.mem.size = c->mem_size;
	c->cfg.mem.no_dump = !c->dump_guest_core;
	for (size_t i = 0; i < c->nr_objects; i++)
		if (is_memory(&c->object[i]) && (!c->memory_backend || !c->object[i].id ||
						 strcmp(c->object[i].id, c->memory_backend) != 0))
			return error_set(e, -EINVAL,
					 "-object %s: nothing refers to it; memory-backend=ID of "
					 "-machine does",
					 c->object[i].type);
	if (!c->memory_backend)
		return 0;
	o = find_object(c, c->memory_backend);
	if (!o || !is_memory(o))
		return error_set(e, -EINVAL, "-machine: memory-backend=%.100s: no such -object",
				 c->memory_backend);
	return resolve_backend(c, o, e);
}

/* ---- character devices ----------------------------------------------------------------------------- */

static int fdset_fd(const struct qemu_command *c, const char *path, struct error *e)
{
	const char *text = path + strlen(FDSET_PREFIX);

	for (size_t i = 0; i < c->nr_fdsets; i++) {
		char set[24];

		snprintf(set, sizeof(set), "%ld", c->fdset[i].set);
		if (!strcmp(set, text) && c->fdset[i].fd <= INT32_MAX)
			return (int)c->fdset[i].fd;
	}
	return error_set(e, -EINVAL, "-chardev file: %.100s: no -add-fd set=%.20s", path, text);
}

const char *qemu_chardev_words(struct qemu_command *c, const struct qemu_chardev *d,
			       struct error *e)
{
	int fd;

	if (!strcmp(d->backend, "pty") || !strcmp(d->backend, "null") ||
	    !strcmp(d->backend, "stdio"))
		return d->backend;
	if (!strcmp(d->backend, "socket")) {
		if (!d->server || d->wait || d->fd < 0 || d->path) {
			error_set(e, -EINVAL,
				  "-chardev socket: a serial port takes fd=N,server=on,wait=off, "
				  "a socket that listens already");
			return NULL;
		}
		return text_format(&c->pool, "listen:%d", (int)MIN(d->fd, (s64)INT32_MAX));
	}
	if (!d->path) {
		error_set(e, -EINVAL, "-chardev file: it needs a path");
		return NULL;
	}
	if (strncmp(d->path, FDSET_PREFIX, strlen(FDSET_PREFIX)) != 0)
		return text_format(&c->pool, "%s:%s", d->append ? "append" : "file", d->path);
	fd = fdset_fd(c, d->path, e);
	return fd < 0 ? NULL : text_format(&c->pool, "fd:%d", fd);
}

static int resolve_port(struct qemu_command *c, const struct qemu_device *d, struct error *e)
{
	const struct qemu_chardev *cd;
	s64 index = d->index;

	if (!d->chardev)
		return error_set(e, -EINVAL, "-device isa-serial: which chardev?");
	for (index = MAX(index, (s64)0); d->index < 0 && index < CONFIG_MAX_SERIALS; index++)
		if (!c->cfg.serial[index])
			break;
	if (index >= CONFIG_MAX_SERIALS)
		return error_set(e, -EINVAL, "-device isa-serial: a PC has %d serial ports",
				 CONFIG_MAX_SERIALS);
	if (c->cfg.serial[index])
		return error_set(e, -EINVAL, "-device isa-serial: index=%ld is taken", index);
	cd = qemu_chardev_find(c, d->chardev);
	if (!cd)
		return error_set(e, -EINVAL, "-device isa-serial: chardev=%.100s: no such -chardev",
				 d->chardev);
	c->cfg.serial_label[index] = cd->id;
	c->cfg.serial[index] = qemu_chardev_words(c, cd, e);
	return c->cfg.serial[index] ? 0 : -EINVAL;
}

/* -serial, and what stands at COM1 when nobody said anything. */
static int resolve_first_port(struct qemu_command *c, struct error *e)
{
	static const char *const same[] = { "stdio", "pty", "null", "none" };
	const struct qemu_device com = { .chardev = c->serial, .index = 0 };
	struct qemu_device by_id = com;

	if (!c->serial) {
		if (!c->nodefaults && !c->cfg.serial[0])
			c->cfg.serial[0] = "stdio";
		return 0;
	}
	if (!strncmp(c->serial, "chardev:", 8)) {
		by_id.chardev = c->serial + 8;
		return resolve_port(c, &by_id, e);
	}
	if (c->cfg.serial[0])
		return error_set(e, -EINVAL, "-serial %.100s: COM1 is taken by a -device",
				 c->serial);
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		if (!strcmp(c->serial, same[i]))
			c->cfg.serial[0] = same[i];
	if (!c->cfg.serial[0] && !strncmp(c->serial, "file:", 5) && c->serial[5])
		c->cfg.serial[0] = c->serial;
	if (!c->cfg.serial[0])
		return error_set(e, -EINVAL,
				 "-serial %.100s: not supported, only stdio, pty, null, "
				 "none, file:PATH, chardev:ID",
				 c->serial);
	return 0;
}

static int resolve_devices(struct qemu_command *c, struct error *e)
{
	for (size_t i = 0; i < c->nr_devices; i++) {
		int err = 0;

		if (!strcmp(c->device[i].driver, "isa-serial"))
			err = resolve_port(c, &c->device[i], e);
		if (err)
			return err;
	}
	return resolve_first_port(c, e);
}

static int resolve_monitors(struct qemu_command *c, struct error *e)
{
	for (size_t i = 0; i < c->nr_monitors; i++) {
		const struct qemu_monitor *m = &c->monitors[i];
		const struct qemu_chardev *d;
		const char *address = m->address;

		if (!address) {
			d = qemu_chardev_find(c, m->chardev);
			if (!d)
				return error_set(e, -EINVAL,
						 "-mon: chardev=%.100s: no such -chardev",
						 m->chardev);
			if (strcmp(d->backend, "socket") != 0 || !d->server || d->wait ||
			    (d->fd < 0) == !d->path)
				return error_set(e, -EINVAL,
						 "-mon: chardev=%.100s: a monitor takes a socket, "
						 "fd= or path=, with server=on,wait=off",
						 m->chardev);
			address = d->path ? text_format(&c->pool, "unix:%s", d->path)
					  : text_format(&c->pool, "fd:%ld", d->fd);
		}
		if (!address)
			return error_sys(e, -ENOMEM, "-mon");
		c->cfg.control.qmp[i] = address;
	}
	return 0;
}

/* A character device that nobody uses would swallow what its owner waits for. */
static int check_users(const struct qemu_command *c, struct error *e)
{
	for (size_t i = 0; i < c->nr_chardevs; i++) {
		const char *id = c->chardev[i].id;
		unsigned users = 0;

		for (size_t j = 0; j < c->nr_devices; j++)
			users += c->device[j].chardev && !strcmp(c->device[j].chardev, id);
		for (size_t j = 0; j < c->nr_monitors; j++)
			users += c->monitors[j].chardev && !strcmp(c->monitors[j].chardev, id);
		users += c->serial && !strncmp(c->serial, "chardev:", 8) &&
			 !strcmp(c->serial + 8, id);
		if (users != 1)
			return error_set(e, -EINVAL, "-chardev: %.100s has %s", id,
					 users ? "several users" : "no user");
	}
	return 0;
}

/* ---- the rest -------------------------------------------------------------------------------------- */

static bool is_uuid(const char *s)
{
	size_t digits = strspn(s, "0123456789abcdefABCDEF-");

	return strlen(s) == 36 && digits == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' &&
	       s[23] == '-';
}

int qemu_command_resolve(struct qemu_command *c, struct error *e)
{
	int err;

	if (qemu_command_is_probe(c))
		return resolve_monitors(c, e);
	if (c->daemonize)
		return error_set(e, -EINVAL,
				 "-daemonize: not supported but with -machine none; "
				 "`parallax run --detach` leaves a guest running");
	if (c->uuid && !is_uuid(c->uuid))
		return error_set(e, -EINVAL, "-uuid %.100s: not a UUID", c->uuid);
	if (c->name && !*c->name)
		return error_set(e, -EINVAL, "-name: it is empty");
	if (!c->cfg.kernel)
		return error_set(e, -EINVAL,
				 "-kernel: it is missing, and there is no firmware to "
				 "boot from; <os> needs <kernel>");
	if (c->name)
		c->cfg.name = c->name;
	c->cfg.no_acpi = !c->acpi;
	c->cfg.rtc_catch_up = c->driftfix && !strcmp(c->driftfix, "slew");
	if (c->driftfix && !c->cfg.rtc_catch_up && strcmp(c->driftfix, "none") != 0)
		return error_set(e, -EINVAL, "-rtc: driftfix=%.60s: only none or slew",
				 c->driftfix);
	err = resolve_machine(c, e);
	if (!err)
		err = resolve_smp(c, e);
	if (!err)
		err = resolve_memory(c, e);
	if (!err)
		err = resolve_devices(c, e);
	if (!err)
		err = resolve_monitors(c, e);
	if (!err)
		err = check_users(c, e);
	return err ? err : config_check(&c->cfg, e);
}
