/* SPDX-License-Identifier: MIT */
/*
 * option_table.c - every option that is known: what its settings mean, or why it cannot be had.
 * Settings that must say what happens in any case (usb=off) are checked, not skipped.
 */
#include <errno.h>
#include <string.h>

#include "vmm/qemu/command.h"

#define KEYS(table) table, ARRAY_SIZE(table)

/* ---- settings ------------------------------------------------------------------------------- */

static const struct key_rule name_keys[] = {
	KEY_TEXT(qemu_command, "guest", name), KEY_TEXT(qemu_command, "process", process),
	KEY_ONLY("debug-threads", "on|off", NULL), /* threads always have names */
};

static const struct key_rule machine_keys[] = {
	KEY_TEXT(qemu_command, "type", machine),
	KEY_ONLY("accel", "kvm|kvm:tcg", "guests run on KVM"),
	KEY_TEXT(qemu_command, "kernel-irqchip", irqchip),
	KEY_BOOL(qemu_command, "acpi", acpi),
	KEY_BOOL(qemu_command, "dump-guest-core", dump_guest_core),
	KEY_TEXT(qemu_command, "memory-backend", memory_backend),
	KEY_ONLY("usb", "off", "there is no USB; <controller type='usb' model='none'/>"),
	KEY_ONLY("graphics", "off", "there is no display"),
	KEY_ONLY("hpet", "off", "there is no HPET"),
	KEY_ONLY("vmport", "off", NULL),
	KEY_ONLY("smm", "off", "there is no firmware that would use it"),
	KEY_ONLY("nvdimm", "off", NULL),
	KEY_ONLY("hmat", "off", NULL),
	KEY_ONLY("mem-merge", "off", "memory is not offered to KSM"),
	KEY_ONLY("pcie", "off", "there is no PCI bus"),
	KEY_ONLY("isa-serial", "on", NULL),
	KEY_ONLY("auto-kernel-cmdline", "off", "virtio devices are found by device tree and ACPI"),
	KEY_ONLY("rtc", "on", NULL),
};

static const struct key_rule accel_keys[] = {
	KEY_ONLY("accel", "kvm", "guests run on KVM"),
	KEY_TEXT(qemu_command, "kernel-irqchip", irqchip),
};

static const struct key_rule memory_keys[] = {
	KEY_SIZE(qemu_command, "size", mem_size),
	KEY_REFUSE("slots", "memory cannot be plugged in"),
	KEY_REFUSE("maxmem", "memory cannot be plugged in; leave out <maxMemory>"),
};

static const struct key_rule overcommit_keys[] = {
	KEY_BOOL(qemu_command, "mem-lock", mem_lock),
	KEY_ONLY("cpu-pm", "off", "a guest does not own the host's CPUs"),
};

static const struct key_rule smp_keys[] = {
	{ "cpus", RULE_NUMBER, offsetof(struct qemu_command, smp.cpus), NULL, NULL },
	{ "sockets", RULE_NUMBER, offsetof(struct qemu_command, smp.sockets), NULL, NULL },
	{ "cores", RULE_NUMBER, offsetof(struct qemu_command, smp.cores), NULL, NULL },
	{ "maxcpus", RULE_NUMBER, offsetof(struct qemu_command, smp.maxcpus), NULL, NULL },
	KEY_ONLY("threads", "1", "a core has one thread"),
	KEY_ONLY("dies", "1", "a socket has one die"),
	KEY_ONLY("clusters", "1", NULL),
};

static const struct key_rule display_keys[] = { KEY_ONLY("type", "none", "there is no display") };
static const struct key_rule vga_keys[] = { KEY_ONLY("type", "none", "there is no display") };
static const struct key_rule audio_keys[] = {
	KEY_ONLY("driver", "none", "there is no sound"),
	KEY_LABEL("id"),
};
static const struct key_rule nothing_keys[] = { KEY_ONLY("type", "none", NULL) };

static const struct key_rule rtc_keys[] = {
	KEY_ONLY("base", "utc", "the clock is the host's; <clock offset='utc'/>"),
	KEY_ONLY("clock", "host", "the clock is the host's"),
	KEY_TEXT(qemu_command, "driftfix", driftfix),
};

static const struct key_rule boot_keys[] = {
	KEY_ONLY("strict", "on|off", NULL), /* one thing to boot: the kernel given */
	KEY_ONLY("menu", "off", "there is no firmware to show one"),
	KEY_REFUSE("order", "there is no firmware; give a kernel with -kernel"),
	KEY_REFUSE("once", "there is no firmware; give a kernel with -kernel"),
};

static const struct key_rule message_keys[] = {
	KEY_BOOL(qemu_command, "timestamp", timestamps),
	KEY_BOOL(qemu_command, "guest-name", guest_name),
};
static const struct key_rule sandbox_keys[] = {
	KEY_ONLY("enable", "off", "it is for QEMU's system calls"),
};

#define NO_SLEEP "the ACPI tables offer no sleep states"
static const struct key_rule global_keys[] = {
	KEY_ONLY("PIIX4_PM.disable_s3", "1", NO_SLEEP),
	KEY_ONLY("PIIX4_PM.disable_s4", "1", NO_SLEEP),
};

static const struct key_rule fdset_keys[] = {
	KEY_NUMBER(qemu_fdset, "set", set),
	KEY_NUMBER(qemu_fdset, "fd", fd),
	KEY_LABEL("opaque"),
};
static const struct key_rule mon_keys[] = {
	KEY_TEXT(qemu_monitor, "chardev", chardev),
	KEY_TEXT(qemu_monitor, "mode", mode),
	KEY_ONLY("pretty", "off", NULL),
	KEY_LABEL("id"),
};

/* ---- options with a function of their own ------------------------------------------------------ */

/* Settings into a part of the command of its own type. */
static int take_keys(struct qemu_command *c, const char *option, const char *value,
		     const char *first, const struct key_rule *keys, size_t n, void *target,
		     struct error *e)
{
	struct keyvals kv;
	int err = keyvals_parse(&kv, option, value, first, e);

	if (!err)
		err = rules_apply(keys, n, &kv, option, target, &c->pool, e);
	keyvals_free(&kv);
	return err;
}

static int take_fdset(struct qemu_command *c, const char *value, struct error *e)
{
	struct qemu_fdset *f = &c->fdset[c->nr_fdsets];
	int err;

	if (c->nr_fdsets == QEMU_MAX_PARTS)
		return error_set(e, -EINVAL, "-add-fd: more than %d of them", QEMU_MAX_PARTS);
	*f = (struct qemu_fdset){ -1, -1 };
	err = take_keys(c, "-add-fd", value, NULL, KEYS(fdset_keys), f, e);
	if (!err && (f->set < 0 || f->fd < 0))
		err = error_set(e, -EINVAL, "-add-fd %.100s: set and fd are both needed", value);
	if (!err)
		c->nr_fdsets++;
	return err;
}

static struct qemu_monitor *new_monitor(struct qemu_command *c, const char *option, struct error *e)
{
	if (c->nr_monitors == CONFIG_MAX_QMP) {
		error_set(e, -EINVAL, "%s: more than %d monitors", option, CONFIG_MAX_QMP);
		return NULL;
	}
	c->monitors[c->nr_monitors] = (struct qemu_monitor){ 0 };
	return &c->monitors[c->nr_monitors++];
}

static int take_mon(struct qemu_command *c, const char *value, struct error *e)
{
	struct qemu_monitor *m = new_monitor(c, "-mon", e);
	int err = m ? take_keys(c, "-mon", value, "chardev", KEYS(mon_keys), m, e) : -EINVAL;

	if (!err && !m->chardev)
		err = error_set(e, -EINVAL, "-mon %.100s: which chardev?", value);
	if (!err && (!m->mode || strcmp(m->mode, "control") != 0))
		err = error_set(e, -EINVAL,
				"-mon %.100s: only mode=control; people use `parallax qmp`", value);
	return err;
}

/* unix:PATH[,server=on][,wait=off], as short and as old as people write it. */
struct qmp_words {
	const char *path;
	bool server, wait, nowait;
};

static int take_qmp(struct qemu_command *c, const char *value, struct error *e)
{
	static const struct key_rule keys[] = {
		KEY_TEXT(qmp_words, "path", path),
		KEY_BOOL(qmp_words, "server", server),
		KEY_BOOL(qmp_words, "wait", wait),
		KEY_BOOL(qmp_words, "nowait", nowait),
	};
	struct qmp_words w = { .wait = true };
	struct qemu_monitor *m;
	int err = take_keys(c, "-qmp", value, "path", KEYS(keys), &w, e);

	if (err)
		return err;
	if (!w.path || strncmp(w.path, "unix:", 5) || !w.path[5] || !w.server ||
	    (w.wait && !w.nowait))
		return error_set(e, -EINVAL, "-qmp %.100s: only unix:PATH,server=on,wait=off",
				 value);
	m = new_monitor(c, "-qmp", e);
	if (!m)
		return -EINVAL;
	m->address = w.path;
	return 0;
}

static int take_none(const char *option, const char *value, const char *why, struct error *e)
{
	if (!strcmp(value, "none"))
		return 0;
	return error_set(e, -EINVAL, "%s %.100s: only none; %s", option, value, why);
}

static int take_monitor(struct qemu_command *c, const char *value, struct error *e)
{
	(void)c;
	return take_none("-monitor", value, "people use `parallax qmp`", e);
}

static int take_parallel(struct qemu_command *c, const char *value, struct error *e)
{
	(void)c;
	return take_none("-parallel", value, "there is no parallel port", e);
}

static int take_gdb_default(struct qemu_command *c, const char *value, struct error *e)
{
	(void)value;
	(void)e;
	c->cfg.gdb = "1234";
	return 0;
}

/* tcp:[HOST]:PORT, unix:PATH; what libvirt's users write below <qemu:commandline>. */
static int take_gdb(struct qemu_command *c, const char *value, struct error *e)
{
	const char *at = value;

	if (!strncmp(value, "tcp:", 4))
		at += value[4] == ':' ? 5 : 4;
	else if (strncmp(value, "unix:", 5) != 0)
		return error_set(e, -EINVAL, "-gdb %.100s: tcp::PORT or unix:PATH", value);
	c->cfg.gdb = text_keep(&c->pool, at);
	return c->cfg.gdb ? 0 : error_sys(e, -ENOMEM, "-gdb");
}

/* ---- the table ---------------------------------------------------------------------------------- */

#define FIELD(f) offsetof(struct qemu_command, f)
#define NONE	 QEMU_NO_FIELD
#define SETTINGS(n, a, w, first, keys)                                         \
	{                                                                      \
		n, a, w, NULL, keys, ARRAY_SIZE(keys), first, NONE, NONE, NULL \
	}
#define CALL(n, a, w, fn)                                    \
	{                                                    \
		n, a, w, fn, NULL, 0, NULL, NONE, NONE, NULL \
	}
#define PLAIN(n, a, w, f)                                          \
	{                                                          \
		n, a, w, NULL, NULL, 0, NULL, FIELD(f), NONE, NULL \
	}
#define FLAG(n, w, f)                                                 \
	{                                                             \
		n, NULL, w, NULL, NULL, 0, NULL, NONE, FIELD(f), NULL \
	}
#define ALWAYS(n, w)                                              \
	{                                                         \
		n, NULL, w, NULL, NULL, 0, NULL, NONE, NONE, NULL \
	}
#define REFUSED(n, a, why)                                       \
	{                                                        \
		n, a, NULL, NULL, NULL, 0, NULL, NONE, NONE, why \
	}

const struct qemu_option qemu_options[] = {
	SETTINGS("name", "NAME", "the guest's name", "guest", name_keys),
	PLAIN("uuid", "UUID", "query-uuid says it", uuid),
	SETTINGS("machine", "NAME", "microvm, parallax (the same), parallax-full, none", "type",
		 machine_keys),
	SETTINGS("M", "NAME", "", "type", machine_keys),
	SETTINGS("accel", "kvm", "", "accel", accel_keys),
	ALWAYS("enable-kvm", ""),
	CALL("cpu", "MODEL", "host, with features taken away (host,vmx=off)", qemu_take_cpu),
	SETTINGS("m", "SIZE", "memory; MiB without a suffix", "size", memory_keys),
	SETTINGS("overcommit", "WORDS", "mem-lock=on locks memory", NULL, overcommit_keys),
	SETTINGS("smp", "N", "CPUs; sockets= and cores= arrange them", "cpus", smp_keys),
	PLAIN("kernel", "FILE", "PVH or multiboot ELF, bzImage, vmlinux", cfg.kernel),
	PLAIN("initrd", "FILE", "initial RAM disk", cfg.initrd),
	PLAIN("append", "TEXT", "kernel command line", cfg.append),
	FLAG("S", "wait for `cont`", cfg.hold),
	FLAG("no-shutdown", "a power-off leaves the process standing", cfg.no_shutdown),
	FLAG("no-reboot", "a reset ends the guest", cfg.no_reboot),
	{ "no-acpi", NULL, "no ACPI tables, no power button", NULL, NULL, 0, NULL, NONE,
	  FIELD(acpi), NULL },
	ALWAYS("no-hpet", ""),
	CALL("chardev", "KIND", "a byte stream of the host", qemu_take_chardev),
	CALL("mon", "CHARDEV", "QMP on a character device", take_mon),
	CALL("qmp", "unix:PATH", "QMP at a socket: ,server=on,wait=off", take_qmp),
	PLAIN("serial", "WHAT", "COM1: stdio, pty, null, none, file:PATH, chardev:ID", serial),
	CALL("device", "DRIVER", "a device", qemu_take_device),
	CALL("object", "TYPE", "a secret, memory", qemu_take_object),
	CALL("blockdev", "JSON", "a disk image's node", qemu_take_blockdev),
	CALL("netdev", "KIND", "a network backend", qemu_take_netdev),
	CALL("add-fd", "set=N,fd=N", "an inherited descriptor, /dev/fdset/N", take_fdset),
	SETTINGS("rtc", "base=utc", "", NULL, rtc_keys),
	SETTINGS("boot", "strict=on", "", "order", boot_keys),
	SETTINGS("msg", "timestamp=on", "stamp messages", NULL, message_keys),
	SETTINGS("sandbox", "off", "", "enable", sandbox_keys),
	SETTINGS("display", "none", "", "type", display_keys),
	SETTINGS("vga", "none", "", "type", vga_keys),
	SETTINGS("audiodev", "none", "", "driver", audio_keys),
	SETTINGS("global", "SETTING", "", NULL, global_keys),
	SETTINGS("nic", "none", "", "type", nothing_keys),
	SETTINGS("net", "none", "", "type", nothing_keys),
	CALL("monitor", "none", "", take_monitor),
	CALL("parallel", "none", "", take_parallel),
	ALWAYS("nographic", "COM1 on the terminal"), /* where it is in any case */
	ALWAYS("no-user-config", ""),
	FLAG("nodefaults", "no COM1 unless asked for", nodefaults),
	FLAG("daemonize", "with -machine none: answer in the background", daemonize),
	PLAIN("pidfile", "FILE", "the process id goes there", pidfile),
	CALL("s", NULL, "-gdb tcp::1234", take_gdb_default),
	CALL("gdb", "WHERE", "tcp::PORT or unix:PATH", take_gdb),

	REFUSED("incoming", "URI", "a guest cannot be migrated"),
	REFUSED("loadvm", "NAME", "there are no snapshots"),
	REFUSED("snapshot", NULL, "there are no snapshots"),
	REFUSED("bios", "FILE", "there is no firmware; give a kernel with -kernel"),
	REFUSED("pflash", "FILE", "there is no firmware; give a kernel with -kernel"),
	REFUSED("drive", "WORDS", "disks come as -blockdev and -device"),
	REFUSED("hda", "FILE", "disks come as -blockdev and -device"),
	REFUSED("cdrom", "FILE", "there is no CD-ROM"),
	REFUSED("dtb", "FILE", "the device tree is made from the machine"),
	REFUSED("vnc", "WORDS", "there is no display; use the serial console"),
	REFUSED("spice", "WORDS", "there is no display; use the serial console"),
	REFUSED("usb", NULL, "there is no USB"),
	REFUSED("usbdevice", "NAME", "there is no USB"),
	REFUSED("set", "WORDS", "devices have no such settings"),
	REFUSED("fw_cfg", "WORDS", "there is no fw_cfg device"),
	REFUSED("smbios", "WORDS", "there are no SMBIOS tables; leave out <sysinfo>"),
	REFUSED("acpitable", "WORDS", "the ACPI tables are made from the machine"),
	REFUSED("numa", "WORDS", "NUMA nodes come with `parallax run --numa`"),
	REFUSED("mem-path", "PATH", "guest memory is anonymous or a memfd"),
	REFUSED("mem-prealloc", NULL, "memory-backend-ram has prealloc=on"),
	REFUSED("watchdog", "MODEL", "there is no watchdog"),
	REFUSED("watchdog-action", "WORD", "there is no watchdog"),
	REFUSED("tpmdev", "WORDS", "there is no TPM"),
	REFUSED("fsdev", "WORDS", "there is no 9p"),
	REFUSED("virtfs", "WORDS", "there is no 9p"),
	REFUSED("iscsi", "WORDS", "disks are files"),
	REFUSED("runas", "USER", "start it as that user"),
	REFUSED("chroot", "DIR", "start it there"),
	REFUSED("icount", "WORDS", "guests run on KVM"),
	REFUSED("plugin", "FILE", "guests run on KVM"),
	REFUSED("no-kvm", NULL, "guests run on KVM"),
	REFUSED("action", "WORDS", "use -no-reboot, -no-shutdown"),
	REFUSED("readconfig", "FILE", "options come on the command line"),
	REFUSED("D", "FILE", "messages go to standard error"),
	REFUSED("d", "WORDS", "there is `parallax run --stats`"),
};
const size_t qemu_nr_options = ARRAY_SIZE(qemu_options);
