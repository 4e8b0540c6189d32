/* SPDX-License-Identifier: MIT */
/* options_machine.c - the options that describe a machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "vmm/cmd/cmd.h"
#include "vmm/disk.h"
#include "vmm/gdb/server.h"
#include "vmm/net.h"
#include "vmm/options.h"
#include "vmm/qmp/qmp.h"
#include "vmm/qmp/registry.h"
#include "vmm/serial.h"

static struct machine_config *cfg_of(void *ctx)
{
	return &((struct config_builder *)ctx)->cfg;
}

static int set_name(void *ctx, const char *v, struct error *e)
{
	cfg_of(ctx)->name = v;
	cfg_of(ctx)->control.any_name = false;
	return registry_check_name(v, e);
}

static int set_kernel(void *ctx, const char *v, struct error *e)
{
	(void)e;
	cfg_of(ctx)->kernel = v;
	return 0;
}

static int set_kernel_word(void *ctx, const char *v, struct error *e)
{
	if (cfg_of(ctx)->kernel)
		return error_set(e, -EINVAL, "%s: a kernel was given already (%s)", v,
				 cfg_of(ctx)->kernel);
	return set_kernel(ctx, v, e);
}

static int set_initrd(void *ctx, const char *v, struct error *e)
{
	(void)e;
	cfg_of(ctx)->initrd = v;
	return 0;
}

static int set_append(void *ctx, const char *v, struct error *e)
{
	(void)e;
	cfg_of(ctx)->append = v;
	return 0;
}

static int set_virt(void *ctx, const char *v, struct error *e)
{
	if (!strcmp(v, "para"))
		cfg_of(ctx)->virt = VIRT_PARA;
	else if (!strcmp(v, "full"))
		cfg_of(ctx)->virt = VIRT_FULL;
	else
		return error_set(e, -EINVAL, "--virt %s: para or full", v);
	return 0;
}

static int set_irqchip(void *ctx, const char *v, struct error *e)
{
	if (!strcmp(v, "auto"))
		cfg_of(ctx)->irqchip = IRQCHIP_AUTO;
	else if (!strcmp(v, "split"))
		cfg_of(ctx)->irqchip = IRQCHIP_SPLIT;
	else if (!strcmp(v, "kernel"))
		cfg_of(ctx)->irqchip = IRQCHIP_KERNEL;
	else
		return error_set(e, -EINVAL, "--irqchip %s: auto, split or kernel", v);
	return 0;
}

static int set_mem(void *ctx, const char *v, struct error *e)
{
	int err = size_parse(v, &cfg_of(ctx)->mem.size);

	if (err == -ERANGE)
		return error_set(e, err, "--mem %s: larger than any address space", v);
	if (err)
		return error_set(e, err, "--mem %s: a size such as 256M or 4G", v);
	return mem_config_check(&cfg_of(ctx)->mem, e);
}

static int set_cpus(void *ctx, const char *v, struct error *e)
{
	u64 n;
	int err = option_number("--cpus", v, UINT32_MAX, &n, e);

	if (!err)
		cfg_of(ctx)->cpus = (unsigned)n;
	return err;
}

static int set_hugepages(void *ctx, const char *v, struct error *e)
{
	if (!mem_backing_parse(v, &cfg_of(ctx)->mem.backing))
		return error_set(e, -EINVAL, "--hugepages %s: off, thp, 2M or 1G", v);
	return 0;
}

static int set_numa(void *ctx, const char *v, struct error *e)
{
	u64 n;
	int err = option_number("--numa", v, MEM_MAX_NODES, &n, e);

	if (!err && !n)
		return error_set(e, -EINVAL, "--numa 0: 1 to %d nodes", MEM_MAX_NODES);
	if (!err)
		cfg_of(ctx)->mem.nr_nodes = (unsigned)n;
	return err;
}

static int set_prealloc(void *ctx, const char *v, struct error *e)
{
	(void)v;
	(void)e;
	cfg_of(ctx)->mem.prealloc = true;
	return 0;
}

static int set_serial(void *ctx, const char *v, struct error *e)
{
	struct config_builder *b = ctx;
	int err = serial_check(v, e);

	if (err)
		return err;
	if (b->nr_serials == CONFIG_MAX_SERIALS)
		return error_set(e, -EINVAL, "--serial %s: a PC has %d serial ports", v,
				 CONFIG_MAX_SERIALS);
	b->cfg.serial[b->nr_serials++] = v;
	return 0;
}

static int set_console(void *ctx, const char *v, struct error *e)
{
	struct config_builder *b = ctx;

	if (serial_check(v, NULL) || !strcmp(v, "none"))
		return error_set(e, -EINVAL, "--console %s: one of stdio, null, pty, file:PATH", v);
	if (b->nr_consoles == CONFIG_MAX_CONSOLES)
		return error_set(e, -EINVAL, "--console %s: there are %d ports at most", v,
				 CONFIG_MAX_CONSOLES);
	b->cfg.console[b->nr_consoles++] = v;
	/* The terminal goes from COM1 to it, unless that was given. */
	if (!strcmp(v, "stdio") && !b->nr_serials)
		b->cfg.serial[0] = "null";
	return 0;
}

static int set_disk(void *ctx, const char *v, struct error *e)
{
	struct config_builder *b = ctx;
	struct disk_spec scratch;
	int err = disk_parse(v, &scratch, e);

	if (err)
		return err;
	if (b->nr_disks == CONFIG_MAX_DISKS)
		return error_set(e, -EINVAL, "--disk %s: there are %d disks at most", v,
				 CONFIG_MAX_DISKS);
	b->cfg.disk[b->nr_disks++] = v;
	return 0;
}

static int set_net(void *ctx, const char *v, struct error *e)
{
	struct config_builder *b = ctx;
	struct net_spec scratch;
	int err = net_parse(v, &scratch, e);

	if (err)
		return err;
	if (b->nr_nets == CONFIG_MAX_NETS)
		return error_set(e, -EINVAL, "--net %s: there are %d networks at most", v,
				 CONFIG_MAX_NETS);
	b->cfg.net[b->nr_nets++] = v;
	return 0;
}

static int set_rng(void *ctx, const char *v, struct error *e)
{
	(void)v;
	(void)e;
	cfg_of(ctx)->rng = true;
	return 0;
}

static int set_balloon(void *ctx, const char *v, struct error *e)
{
	struct machine_config *cfg = cfg_of(ctx);

	cfg->balloon = true;
	if (v && size_parse(v, &cfg->balloon_target))
		return error_set(e, -EINVAL, "--balloon=%s: a size such as 64M", v);
	return 0;
}

static int set_timeout(void *ctx, const char *v, struct error *e)
{
	u64 n;
	int err = option_number("--timeout", v, 1000000000, &n, e);

	if (!err)
		cfg_of(ctx)->timeout_s = (unsigned)n;
	return err;
}

static int set_stats(void *ctx, const char *v, struct error *e)
{
	if (!v)
		cfg_of(ctx)->stats = STATS_TABLE;
	else if (!strcmp(v, "json"))
		cfg_of(ctx)->stats = STATS_JSON;
	else
		return error_set(e, -EINVAL, "--stats=%s: only =json", v);
	return 0;
}

static int set_flat(void *ctx, const char *v, struct error *e)
{
	struct machine_config *cfg = cfg_of(ctx);

	cfg->flat = true;
	return v ? option_number("--flat", v, 0xfffff, &cfg->flat_addr, e) : 0;
}

static int set_dump_dtb(void *ctx, const char *v, struct error *e)
{
	(void)e;
	cfg_of(ctx)->dump_dtb = v;
	return 0;
}

static int set_gdb(void *ctx, const char *v, struct error *e)
{
	cfg_of(ctx)->gdb = v;
	return gdb_address_check(v, e);
}

static int set_paused(void *ctx, const char *v, struct error *e)
{
	(void)v;
	(void)e;
	cfg_of(ctx)->paused = true;
	return 0;
}

static int set_qmp(void *ctx, const char *v, struct error *e)
{
	struct control_config *c = &cfg_of(ctx)->control;
	int i = 0;

	if (!strcmp(v, "none")) {
		c->registered = false;
		return 0;
	}
	while (i < CONFIG_MAX_QMP && c->qmp[i])
		i++;
	if (i == CONFIG_MAX_QMP)
		return error_set(e, -EINVAL, "--qmp %s: at most %d sockets", v, CONFIG_MAX_QMP);
	c->qmp[i] = v;
	return qmp_address_check(v, e);
}

static int set_detach(void *ctx, const char *v, struct error *e)
{
	(void)v;
	(void)e;
	((struct config_builder *)ctx)->detach = true;
	return 0;
}

static int set_no_reboot(void *ctx, const char *v, struct error *e)
{
	(void)v;
	(void)e;
	cfg_of(ctx)->no_reboot = true;
	return 0;
}

static int set_no_shutdown(void *ctx, const char *v, struct error *e)
{
	(void)v;
	(void)e;
	cfg_of(ctx)->no_shutdown = true;
	return 0;
}

static int set_dry_run(void *ctx, const char *v, struct error *e)
{
	(void)v;
	(void)e;
	((struct config_builder *)ctx)->dry_run = true;
	return 0;
}

static int set_kvm(void *ctx, const char *v, struct error *e)
{
	(void)e;
	cfg_of(ctx)->kvm_path = v;
	return 0;
}

static const struct option_def defs[] = {
	{ "kernel", 'k', "FILE", "kernel image (default: the tiny kernel)", set_kernel },
	{ "initrd", 'i', "FILE", "initial RAM disk", set_initrd },
	{ "append", 'p', "TEXT", "kernel command line", set_append },
	{ "virt", 0, "para|full", "what the guest sees (default: para)", set_virt },
	{ "mem", 'm', "SIZE", "memory, 256M by default; a bare number is MiB", set_mem },
	{ "cpus", 'c', "N", "virtual CPUs, 1 by default", set_cpus },
	{ "numa", 0, "N", "NUMA nodes that memory and CPUs are split into", set_numa },
	{ "hugepages", 0, "KIND", "backing: off, thp (default), 2M or 1G", set_hugepages },
	{ "prealloc", 0, NULL, "populate all memory before the guest starts", set_prealloc },
	{ "serial", 0, "WHAT", "stdio, null, none, pty or file:PATH; up to 4 times", set_serial },
	{ "console", 0, "WHAT", "a virtio console, as --serial; up to 4 times", set_console },
	{ "disk", 0, "FILE[,...]", "a disk (full: one, ATA); ,ro ,direct ,serial=X", set_disk },
	{ "net", 0, "KIND[,...]", "user[,hostfwd=tcp::2222-:22] or tap=NAME; ,mac=X", set_net },
	{ "balloon", 0, "[=SIZE]", "a virtio balloon; ask the guest for SIZE", set_balloon },
	{ "rng", 0, NULL, "a virtio source of random numbers", set_rng },
	{ "irqchip", 0, "KIND", "auto (by --virt), split or kernel", set_irqchip },
	{ "flat", 0, "[=ADDR]", "raw real-mode image, at 0x7c00 or ADDR", set_flat },
	{ "timeout", 0, "SECONDS", "end the guest after that time, with status 124", set_timeout },
	{ "stats", 0, "[=json]", "print exits by reason, port and address at the end", set_stats },
	{ "name", 'n', "NAME", "a name for the guest", set_name },
	{ "detach", 'd', NULL, "go to the background once the guest runs", set_detach },
	{ "qmp", 0, "WHERE", "one more control socket: unix:PATH, fd:N; or none", set_qmp },
	{ "no-reboot", 0, NULL, "a reset ends the guest instead of booting it again",
	  set_no_reboot },
	{ "no-shutdown", 0, NULL, "a power-off leaves it standing, for `reset`", set_no_shutdown },
	{ "gdb", 0, "WHERE", "let gdb connect at [HOST:]PORT or unix:PATH", set_gdb },
	{ "paused", 0, NULL, "do not start until gdb or `resume` says so", set_paused },
	{ "dry-run", 0, NULL, "print the resolved machine, do not run it", set_dry_run },
	{ "dump-dtb", 0, "FILE", "write the guest's device tree", set_dump_dtb },
	{ "kvm", 0, "PATH", "the KVM device (default: /dev/kvm)", set_kvm },
};

void config_options(struct option_set *set, struct config_builder *b)
{
	memset(b, 0, sizeof(*b));
	config_init(&b->cfg);
	b->cfg.control = (struct control_config){ .registered = true, .any_name = true };
	*set = (struct option_set){
		.defs = defs,
		.n = ARRAY_SIZE(defs),
		.ctx = b,
		.word = set_kernel_word,
	};
}

/*
 * What only a guest that knows of its hypervisor can have; the first disk of a PC is an ATA disk, its network
 * card an NE2000.
 */
static int check_virtio(const struct machine_config *cfg, struct error *e)
{
	const char *option = cfg->console[0] ? "--console"
			     : cfg->disk[1]  ? "a second --disk"
			     : cfg->net[1]   ? "a second --net"
			     : cfg->rng	     ? "--rng"
			     : cfg->balloon  ? "--balloon"
					     : NULL;

	if (!option || cfg->virt == VIRT_PARA)
		return 0;
	return error_set(e, -EINVAL, "%s: a virtio device; leave --virt full out", option);
}

int config_finish(struct config_builder *b, struct error *e)
{
	int err;

	if (b->cfg.paused && !b->cfg.gdb) {
		b->cfg.paused = false;
		b->cfg.hold = true;
	}
	err = config_check(&b->cfg, e);
	if (!err)
		err = check_virtio(&b->cfg, e);
	return err ? err : config_defaults(b, e);
}

int cmd_fail(const char *verb, const struct error *e, int status)
{
	fprintf(stderr, "parallax %s: %s\n", verb, e->text);
	return status;
}
