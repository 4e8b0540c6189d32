/* SPDX-License-Identifier: MIT */
/* machine_describe.c - --dry-run: the resolved machine, for people. */
#include <string.h>

#include "base/size.h"
#include "vmm/cpuid.h"
#include "vmm/machine_priv.h"

static void describe_memory(const struct machine *m, FILE *out)
{
	struct boot_e820 map[BOOT_MAX_E820];
	const struct mem_region *r;
	size_t n = guest_mem_regions(m->mem, &r);
	char size[16];

	size_format(guest_mem_size(m->mem), size);
	fprintf(out, "memory    %s, backing %s%s\n", size, mem_backing_name(m->cfg->mem.backing),
		m->cfg->mem.prealloc ? ", populated" : "");
	for (size_t i = 0; i < n; i++)
		fprintf(out, "  slot %zu  %012lx-%012lx  node %u\n", i, r[i].gpa.v,
			r[i].gpa.v + r[i].size - 1, r[i].node);
	n = boot_e820(m->mem, map);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "  e820    %012lx-%012lx  %s\n", map[i].addr,
			map[i].addr + map[i].size - 1,
			map[i].type == E820_RAM	   ? "RAM"
			: map[i].type == E820_ACPI ? "ACPI"
						   : "reserved");
}

static const char *cpu_mode_name(enum boot_cpu_mode mode)
{
	switch (mode) {
	case BOOT_REAL16:
		return "16-bit real mode";
	case BOOT_PROT32:
		return "32-bit protected mode";
	case BOOT_LONG64:
		return "64-bit long mode";
	}
	return "?";
}

void machine_describe(const struct machine *m, FILE *out)
{
	const struct machine_config *cfg = m->cfg;

	fprintf(out, "machine   %s, %s virtualization\n", cfg->name, virt_mode_name(cfg->virt));
	fprintf(out, "cpus      %u, %u address bits%s\n", cfg->cpus, cpuid_phys_bits(m->cpuid),
		m->quirks.ring0_interpreted ? ", ring 0 interpreted by this host's KVM" : "");
	describe_memory(m, out);
	fprintf(out, "irqchip   %s\n",
		m->irqchip.mode == IRQCHIP_SPLIT
			? "split: local APICs in the kernel, IOAPIC in the VMM"
			: "in the kernel: PIC, IOAPIC, PIT and local APICs");
	fprintf(out, "devices\n");
	for (u32 i = 0; i < m->pio.nr; i++)
		fprintf(out, "  port    %04lx-%04lx  %s\n", m->pio.entry[i].base,
			m->pio.entry[i].end - 1, m->pio.entry[i].dev->class->name);
	for (u32 i = 0; i < m->mmio.nr; i++)
		fprintf(out, "  mmio    %012lx-%012lx  %s\n", m->mmio.entry[i].base,
			m->mmio.entry[i].end - 1, m->mmio.entry[i].dev->class->name);
	fprintf(out, "kernel    %s (%lu bytes)\n", m->kernel.path, m->kernel.size);
	if (cfg->initrd)
		fprintf(out, "initrd    %s (%lu bytes)\n", m->initrd.path, m->initrd.size);
	fprintf(out, "cmdline   %s\n", cfg->append);
	fprintf(out, "boot      %s, entry %#lx in %s\n", m->boot.protocol, m->boot.entry,
		cpu_mode_name(m->boot.mode));
	fprintf(out, "tables    RSDP at %#lx, device tree of %zu bytes\n", m->rsdp.v, m->fdt_size);
}
