/* SPDX-License-Identifier: MIT */
/*
 * command.h - a QEMU command line, as libvirt's qemu driver builds it, read into structs.
 *
 * qemu_command_parse() reads words; what a word's setting means is in the tables of option_table.c
 * and device_table.c. qemu_command_resolve() follows the references between them (a device names
 * its character device, that one a set of descriptors) and fills the machine_config. Both refuse
 * by name what this VMM cannot do; nothing is accepted and then ignored.
 */
#ifndef VMM_QEMU_COMMAND_H
#define VMM_QEMU_COMMAND_H

#include <stdio.h>

#include "vmm/config.h"
#include "vmm/qemu/rules.h"

#define QEMU_MAX_PARTS 16 /* of each kind: character devices, devices, objects, ... */

struct qemu_chardev {
	const char *backend, *id;
	const char *path;
	s64 fd; /* -1: none */
	bool server, wait, append;
};

struct qemu_device {
	const char *driver, *id;
	const char *chardev, *drive, *netdev, *rng, *mac, *serial;
	s64 index; /* -1: not said */
};

struct qemu_object {
	const char *type, *id;
	u64 size;
	s64 hugetlbsize;
	bool hugetlb, prealloc;
};

struct qemu_blockdev {
	const char *driver, *node;
	const char *filename, *file;
	bool read_only, direct;
};

struct qemu_netdev {
	const char *backend, *id;
	s64 fd; /* -1: none */
};

struct qemu_fdset {
	s64 set, fd;
};

struct qemu_monitor {
	const char *chardev; /* an id */
	const char *mode;
	const char *address; /* instead of chardev: -qmp's */
};

struct qemu_smp {
	s64 cpus, sockets, cores, maxcpus; /* -1: not said */
};

struct qemu_command {
	struct machine_config cfg;
	struct text_pool pool;

	const char *machine, *irqchip;
	const char *name, *process, *uuid, *pidfile;
	const char *serial; /* as given; NULL: not */
	const char *memory_backend, *driftfix;
	u64 mem_size;
	bool acpi, dump_guest_core, mem_lock, nodefaults, daemonize, timestamps;
	bool guest_name; /* -msg: each message says whose it is */
	struct qemu_smp smp;

	struct qemu_chardev chardev[QEMU_MAX_PARTS];
	struct qemu_device device[QEMU_MAX_PARTS];
	struct qemu_object object[QEMU_MAX_PARTS];
	struct qemu_blockdev blockdev[QEMU_MAX_PARTS];
	struct qemu_netdev netdev[QEMU_MAX_PARTS];
	struct qemu_fdset fdset[QEMU_MAX_PARTS];
	struct qemu_monitor monitors[QEMU_MAX_PARTS];
	size_t nr_chardevs, nr_devices, nr_objects, nr_blockdevs, nr_netdevs, nr_fdsets,
		nr_monitors;
};

/*
 * Reads argv[1..], all of it; the first error is told, and what could be read is there. 0, or
 * -EINVAL/-ENOMEM with e filled. qemu_command_free() in every case.
 */
int qemu_command_parse(struct qemu_command *c, int argc, char **argv, struct error *e) must_check;
void qemu_command_free(struct qemu_command *c);

/* A probe: no machine, only questions about the program. */
bool qemu_command_is_probe(const struct qemu_command *c);

/* Fills c->cfg from the parts. Opens nothing. 0, or -EINVAL with e filled. */
int qemu_command_resolve(struct qemu_command *c, struct error *e) must_check;

/* resolve.c: the words that --serial and --console take for a character device; NULL with e filled. */
const char *qemu_chardev_words(struct qemu_command *c, const struct qemu_chardev *d,
			       struct error *e);

/* The character device of that id, or NULL. */
const struct qemu_chardev *qemu_chardev_find(const struct qemu_command *c, const char *id);

/* --- the tables --------------------------------------------------------------------------------- */

/* One kind of thing that an option makes: a driver, a backend, a type. */
struct qemu_kind {
	const char *name;
	const struct key_rule *keys;
	size_t nr_keys;
	const char *refuse; /* known, its settings are understood, and it cannot be had: why */
};

struct qemu_option {
	const char *name; /* without its dash */
	const char *arg;  /* placeholder; NULL: takes none */
	const char *what; /* for people: what it does here */
	/* One of: a plain text, a flag, settings by table, a function; or why it is refused. */
	int (*take)(struct qemu_command *c, const char *value, struct error *e);
	const struct key_rule *keys;
	size_t nr_keys;
	const char *first; /* key of a first setting without one */
	size_t text;	   /* offset of a const char *, when plain */
	size_t flag;	   /* offset of a bool, when it takes no argument */
	const char *refuse;
};

#define QEMU_NO_FIELD SIZE_MAX

extern const struct qemu_option qemu_options[];
extern const size_t qemu_nr_options;

/* part_table.c: the options whose settings depend on a kind. */
int qemu_take_chardev(struct qemu_command *c, const char *value, struct error *e);
int qemu_take_device(struct qemu_command *c, const char *value, struct error *e);
int qemu_take_object(struct qemu_command *c, const char *value, struct error *e);
int qemu_take_blockdev(struct qemu_command *c, const char *value, struct error *e);
int qemu_take_netdev(struct qemu_command *c, const char *value, struct error *e);

/* cpu.c */
int qemu_take_cpu(struct qemu_command *c, const char *value, struct error *e);

/* The kinds of "-device" and so on, for help and docs; NULL for any other option. */
const struct qemu_kind *qemu_kinds(const char *option, size_t *n);

/* --help: every option and kind. */
void qemu_command_help(FILE *out);

#endif
