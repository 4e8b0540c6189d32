/* SPDX-License-Identifier: MIT */
/* config.c - see config.h. */
#include "vmm/config.h"

#include <errno.h>
#include <string.h>

void config_init(struct machine_config *cfg)
{
	*cfg = (struct machine_config){
		.name = "guest",
		.kvm_path = "/dev/kvm",
		.append = "",
		.flat_addr = 0x7c00,
		.virt = VIRT_PARA,
		.mem = {
			.size = 256 * MiB,
			.backing = MEM_BACKING_THP,
			.nr_nodes = 1,
		},
		.cpus = 1,
		.serial = { "stdio" },
	};
}

enum irqchip_mode config_irqchip(const struct machine_config *cfg)
{
	if (cfg->irqchip != IRQCHIP_AUTO)
		return cfg->irqchip;
	return cfg->virt == VIRT_FULL ? IRQCHIP_KERNEL : IRQCHIP_SPLIT;
}

const char *virt_mode_name(enum virt_mode virt)
{
	return virt == VIRT_FULL ? "full" : "para";
}

int config_check(const struct machine_config *cfg, struct error *e)
{
	int stdio_users = 0;

	if (!cfg->cpus || cfg->cpus > CONFIG_MAX_CPUS)
		return error_set(e, -EINVAL, "--cpus %u: a guest has 1 to %d CPUs", cfg->cpus,
				 CONFIG_MAX_CPUS);
	if (cfg->mem.nr_nodes > cfg->cpus)
		return error_set(e, -EINVAL, "--numa %u: more nodes than CPUs (--cpus %u)",
				 cfg->mem.nr_nodes, cfg->cpus);
	for (int i = 0; i < CONFIG_MAX_SERIALS; i++)
		stdio_users += cfg->serial[i] && !strcmp(cfg->serial[i], "stdio");
	for (int i = 0; i < CONFIG_MAX_CONSOLES; i++)
		stdio_users += cfg->console[i] && !strcmp(cfg->console[i], "stdio");
	if (stdio_users > 1)
		return error_set(e, -EINVAL, "stdio: wanted by %d ports, but there is one terminal",
				 stdio_users);
	if (cfg->hold && !cfg->control.registered && !cfg->control.qmp[0])
		return error_set(
			e, -EINVAL,
			"--paused: nothing could let the guest go; add --gdb PORT or --qmp");
	return mem_config_check(&cfg->mem, e);
}
