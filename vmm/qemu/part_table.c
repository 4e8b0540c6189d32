/* SPDX-License-Identifier: MIT */
/*
 * part_table.c - character devices, devices, objects, block nodes and network backends: what each
 * kind's settings are. A kind that is refused still has its settings here, so that a mistake in
 * them is told as one, and so that nothing but its line changes once the machine can carry it.
 */
#include <errno.h>
#include <string.h>

#include "base/suggest.h"
#include "vmm/qemu/command.h"

#define KEYS(table) table, ARRAY_SIZE(table)
#define ONE_THREAD  "I/O has a thread of its own already"
#define NO_TCP	    "a guest's serial port is no network service; use type 'unix' or 'pty'"

/* ---- -chardev --------------------------------------------------------------------------------- */

#define CHARDEV_TEXT(key, field) KEY_TEXT(qemu_chardev, key, field)
#define CHARDEV_COMMON                                                       \
	KEY_ONLY("mux", "off", "each character device has one user"),        \
		KEY_REFUSE("logfile", "use <serial type='file'> for a log"), \
		KEY_REFUSE("logappend", "use <serial type='file'> for a log")

static const struct key_rule chardev_plain[] = { CHARDEV_COMMON };
static const struct key_rule chardev_file[] = {
	CHARDEV_TEXT("path", path),
	KEY_BOOL(qemu_chardev, "append", append),
	CHARDEV_COMMON,
};
static const struct key_rule chardev_stdio[] = {
	KEY_ONLY("signal", "off", "on a terminal the guest gets Ctrl-C; Ctrl-a x ends it"),
	CHARDEV_COMMON,
};
static const struct key_rule chardev_socket[] = {
	CHARDEV_TEXT("path", path),
	KEY_NUMBER(qemu_chardev, "fd", fd),
	KEY_BOOL(qemu_chardev, "server", server),
	KEY_BOOL(qemu_chardev, "wait", wait),
	KEY_REFUSE("host", NO_TCP),
	KEY_REFUSE("port", NO_TCP),
	KEY_ONLY("telnet", "off", NULL),
	KEY_ONLY("reconnect", "0", NULL),
	CHARDEV_COMMON,
};

static const struct qemu_kind chardev_kinds[] = {
	{ "pty", KEYS(chardev_plain), NULL },
	{ "null", KEYS(chardev_plain), NULL },
	{ "stdio", KEYS(chardev_stdio), NULL },
	{ "file", KEYS(chardev_file), NULL },
	{ "socket", KEYS(chardev_socket), NULL },
	{ "udp", NULL, 0, NO_TCP },
	{ "pipe", NULL, 0, "use 'pty', 'file' or 'unix'" },
	{ "serial", NULL, 0,
	  "a port of the host cannot be handed on; use 'pty', 'file' or 'unix'" },
	{ "vc", NULL, 0, "there is no display" },
	{ "spicevmc", NULL, 0, "there is no display" },
	{ "spiceport", NULL, 0, "there is no display" },
};

/* ---- -device ---------------------------------------------------------------------------------- */

#define DEVICE_TEXT(key, field)	  KEY_TEXT(qemu_device, key, field)
#define DEVICE_NUMBER(key, field) KEY_NUMBER(qemu_device, key, field)

static const struct key_rule isa_serial[] = {
	DEVICE_TEXT("chardev", chardev),
	DEVICE_NUMBER("index", index),
	KEY_REFUSE("iobase", "ports are where a PC has them; use index=0 to 3"),
	KEY_REFUSE("irq", "ports are where a PC has them; use index=0 to 3"),
};
static const struct key_rule debug_exit[] = {
	KEY_ONLY("iobase", "0xf4|244", "it is always at 0xf4"),
	KEY_ONLY("iosize", "0x4|0x04|4", "it is always four bytes"),
};
/* Which of the host's ways is taken, the machine decides: io_uring where it is permitted. */
#define ANY_AIO KEY_ONLY("aio", "threads|native|io_uring", NULL)

static const struct key_rule virtio_blk[] = {
	DEVICE_TEXT("drive", drive),
	KEY_LABEL("bootindex"),
	DEVICE_TEXT("serial", serial),
	KEY_ONLY("write-cache", "on|auto", "a disk has a cache, and a flush"),
	KEY_ONLY("scsi", "off", NULL),
	KEY_ONLY("share-rw", "off", NULL),
};
static const struct key_rule virtio_net[] = {
	DEVICE_TEXT("netdev", netdev),
	DEVICE_TEXT("mac", mac),
	KEY_LABEL("bootindex"),
};
static const struct key_rule virtio_rng[] = { DEVICE_TEXT("rng", rng) };
/* Both are offered; what a guest makes of them is its own affair. */
static const struct key_rule virtio_balloon[] = {
	KEY_ONLY("deflate-on-oom", "on|off", NULL),
	KEY_ONLY("free-page-reporting", "on|off", NULL),
};
static const struct key_rule virtio_port[] = { DEVICE_TEXT("chardev", chardev) };
static const struct key_rule virtio_serial[] = { KEY_LABEL("max_ports") };

static const struct qemu_kind device_kinds[] = {
	{ "isa-serial", KEYS(isa_serial), NULL },
	{ "isa-debug-exit", KEYS(debug_exit), NULL },
	{ "virtio-blk-device", KEYS(virtio_blk), NULL },
	{ "virtio-net-device", KEYS(virtio_net), NULL },
	{ "virtio-rng-device", KEYS(virtio_rng), NULL },
	{ "virtio-serial-device", KEYS(virtio_serial), NULL },
	{ "virtconsole", KEYS(virtio_port), NULL },
	{ "virtserialport", NULL, 0, "there is no guest agent channel" },
	{ "virtio-balloon-device", KEYS(virtio_balloon), NULL },
};

/* ---- -object ---------------------------------------------------------------------------------- */

static const struct key_rule object_secret[] = {
	KEY_LABEL("file"), /* nothing is encrypted that it could open */
	KEY_ONLY("format", "raw|base64", NULL),
};
static const struct key_rule object_ram[] = {
	KEY_SIZE(qemu_object, "size", size),
	KEY_BOOL(qemu_object, "prealloc", prealloc),
	KEY_ONLY("share", "off", "guest memory is private"),
	KEY_ONLY("reserve", "on", NULL),
	KEY_REFUSE("policy", "memory is not bound to host nodes"),
	KEY_REFUSE("host-nodes", "memory is not bound to host nodes"),
	KEY_REFUSE("host-nodes.0", "memory is not bound to host nodes"),
};
static const struct key_rule object_memfd[] = {
	KEY_SIZE(qemu_object, "size", size),
	KEY_BOOL(qemu_object, "prealloc", prealloc),
	KEY_BOOL(qemu_object, "hugetlb", hugetlb),
	KEY_NUMBER(qemu_object, "hugetlbsize", hugetlbsize),
	KEY_ONLY("share", "off", "guest memory is private"),
	KEY_ONLY("seal", "on|off", NULL),
};
static const struct key_rule object_rng[] = {
	KEY_ONLY("filename", "/dev/urandom|/dev/random", "entropy is the host kernel's"),
};

static const struct qemu_kind object_kinds[] = {
	/* libvirt's master key: it encrypts the secrets of disks, and no kind here has one. */
	{ "secret", KEYS(object_secret), NULL },
	{ "memory-backend-ram", KEYS(object_ram), NULL },
	{ "memory-backend-memfd", KEYS(object_memfd), NULL },
	{ "memory-backend-file", NULL, 0, "guest memory is anonymous or a memfd" },
	{ "rng-random", KEYS(object_rng), NULL },
	{ "iothread", NULL, 0, ONE_THREAD },
};

/* ---- -blockdev, -netdev ------------------------------------------------------------------------- */

static const struct key_rule block_file[] = {
	KEY_TEXT(qemu_blockdev, "node-name", node),
	KEY_TEXT(qemu_blockdev, "filename", filename),
	ANY_AIO,
	KEY_ONLY("discard", "unmap", "what a guest discards is freed"),
	KEY_BOOL(qemu_blockdev, "read-only", read_only),
	KEY_BOOL(qemu_blockdev, "cache.direct", direct),
	KEY_ONLY("cache.no-flush", "off", "a flush is never left out"),
	KEY_ONLY("auto-read-only", "on|off", NULL),
};
static const struct key_rule block_raw[] = {
	KEY_TEXT(qemu_blockdev, "node-name", node),
	KEY_TEXT(qemu_blockdev, "file", file),
	KEY_ONLY("discard", "unmap", "what a guest discards is freed"),
	KEY_BOOL(qemu_blockdev, "read-only", read_only),
	KEY_BOOL(qemu_blockdev, "cache.direct", direct),
	KEY_ONLY("cache.no-flush", "off", "a flush is never left out"),
	KEY_ONLY("auto-read-only", "on|off", NULL),
};
static const struct key_rule net_user[] = { KEY_ONLY("restrict", "off", NULL) };
static const struct key_rule net_tap[] = {
	KEY_NUMBER(qemu_netdev, "fd", fd),
	KEY_ONLY("vhost", "off", "<driver name='qemu'/>"),
};

static const struct qemu_kind blockdev_kinds[] = {
	{ "file", KEYS(block_file), NULL },
	{ "raw", KEYS(block_raw), NULL },
	{ "qcow2", NULL, 0, "disks are raw images; `qemu-img convert -O raw` makes one" },
	{ "host_device", KEYS(block_file), NULL },
};
static const struct qemu_kind netdev_kinds[] = {
	{ "user", KEYS(net_user), NULL },
	{ "tap", KEYS(net_tap), NULL },
};

/* ---- reading one ---------------------------------------------------------------------------------- */

static const struct part {
	const char *option, *key; /* the key whose value is the kind */
	const struct qemu_kind *kinds;
	size_t nr_kinds;
	const char *id; /* the key of its own name */
} parts[] = {
	{ "-chardev", "backend", KEYS(chardev_kinds), "id" },
	{ "-device", "driver", KEYS(device_kinds), "id" },
	{ "-object", "qom-type", KEYS(object_kinds), "id" },
	{ "-blockdev", "driver", KEYS(blockdev_kinds), NULL },
	{ "-netdev", "type", KEYS(netdev_kinds), "id" },
};

const struct qemu_kind *qemu_kinds(const char *option, size_t *n)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strcmp(parts[i].option + 1, option)) {
			*n = parts[i].nr_kinds;
			return parts[i].kinds;
		}
	*n = 0;
	return NULL;
}

static const struct qemu_kind *find_kind(const struct part *p, const char *name, struct error *e)
{
	const char *names[32], *near;

	for (size_t i = 0; i < p->nr_kinds; i++) {
		if (!strcmp(p->kinds[i].name, name))
			return &p->kinds[i];
		names[i] = p->kinds[i].name;
	}
	near = suggest(name, names, p->nr_kinds);
	error_set(e, -EINVAL, "%s %.100s: this machine has no such thing%s%s%s", p->option, name,
		  near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	return NULL;
}

/* Settings of `value` into target, whose name and kind go to *id and *kind. */
static int take_part(struct qemu_command *c, const struct part *p, const char *value, void *target,
		     const char **kind, const char **id, struct error *e)
{
	const struct qemu_kind *k;
	const char *name, *own;
	struct keyvals kv;
	char what[96];
	int err = keyvals_parse(&kv, p->option, value, p->key, e);

	if (err)
		goto out;
	name = keyvals_take(&kv, p->key);
	if (!name) {
		err = error_set(e, -EINVAL, "%s %.100s: it does not say its %s", p->option, value,
				p->key);
		goto out;
	}
	k = find_kind(p, name, e);
	if (!k) {
		err = -EINVAL;
		goto out;
	}
	snprintf(what, sizeof(what), "%s %s", p->option, k->name);
	own = p->id ? keyvals_take(&kv, p->id) : NULL;
	*kind = k->name;
	*id = own ? text_keep(&c->pool, own) : NULL;
	if (own && !*id)
		err = error_sys(e, -ENOMEM, "%s", p->option);
	else if (k->refuse && !k->keys)
		err = error_set(e, -EINVAL, "%s: not supported; %s", what, k->refuse);
	else
		err = rules_apply(k->keys, k->nr_keys, &kv, what, target, &c->pool, e);
	if (!err && k->refuse)
		err = error_set(e, -EINVAL, "%s: not supported; %s", what, k->refuse);
out:
	keyvals_free(&kv);
	return err;
}

static int room(size_t n, const char *option, struct error *e)
{
	return n < QEMU_MAX_PARTS
		       ? 0
		       : error_set(e, -EINVAL, "%s: more than %d of them", option, QEMU_MAX_PARTS);
}

int qemu_take_chardev(struct qemu_command *c, const char *value, struct error *e)
{
	struct qemu_chardev *d = &c->chardev[c->nr_chardevs];
	int err = room(c->nr_chardevs, "-chardev", e);

	if (err)
		return err;
	*d = (struct qemu_chardev){ .fd = -1, .wait = true };
	err = take_part(c, &parts[0], value, d, &d->backend, &d->id, e);
	if (!err && !d->id)
		err = error_set(e, -EINVAL, "-chardev %s: it needs an id", d->backend);
	if (!err && qemu_chardev_find(c, d->id))
		err = error_set(e, -EINVAL, "-chardev %s: the id %.100s is taken", d->backend,
				d->id);
	if (!err)
		c->nr_chardevs++;
	return err;
}

int qemu_take_device(struct qemu_command *c, const char *value, struct error *e)
{
	struct qemu_device *d = &c->device[c->nr_devices];
	int err = room(c->nr_devices, "-device", e);

	if (err)
		return err;
	*d = (struct qemu_device){ .index = -1 };
	err = take_part(c, &parts[1], value, d, &d->driver, &d->id, e);
	if (!err)
		c->nr_devices++;
	return err;
}

int qemu_take_object(struct qemu_command *c, const char *value, struct error *e)
{
	struct qemu_object *o = &c->object[c->nr_objects];
	int err = room(c->nr_objects, "-object", e);

	if (err)
		return err;
	*o = (struct qemu_object){ .hugetlbsize = -1 };
	err = take_part(c, &parts[2], value, o, &o->type, &o->id, e);
	if (!err)
		c->nr_objects++;
	return err;
}

int qemu_take_blockdev(struct qemu_command *c, const char *value, struct error *e)
{
	struct qemu_blockdev *b = &c->blockdev[c->nr_blockdevs];
	const char *unused;
	int err = room(c->nr_blockdevs, "-blockdev", e);

	if (err)
		return err;
	*b = (struct qemu_blockdev){ 0 };
	err = take_part(c, &parts[3], value, b, &b->driver, &unused, e);
	if (!err)
		c->nr_blockdevs++;
	return err;
}

int qemu_take_netdev(struct qemu_command *c, const char *value, struct error *e)
{
	struct qemu_netdev *n = &c->netdev[c->nr_netdevs];
	int err = room(c->nr_netdevs, "-netdev", e);

	if (err)
		return err;
	*n = (struct qemu_netdev){ .fd = -1 };
	err = take_part(c, &parts[4], value, n, &n->backend, &n->id, e);
	if (!err)
		c->nr_netdevs++;
	return err;
}
