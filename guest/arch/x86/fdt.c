/* SPDX-License-Identifier: MIT */
/* fdt.c - memory, CPUs, NUMA nodes and /chosen out of the device tree (Devicetree 0.4, chapter 3). */
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/firmware.h"
#include "guest/lib/string.h"

static int node_of(const struct dt *dt, dt_node n)
{
	u32 id;

	return dt_u32(dt, n, "numa-node-id", &id) && id < 1024 ? (int)id : -1;
}

static bool device_type_is(const struct dt *dt, dt_node n, const char *type)
{
	const char *s = dt_str(dt, n, "device_type");

	return s && strcmp(s, type) == 0;
}

/* Replaces PVH's map: this one knows the nodes. */
static void read_memory(struct boot_info *bi)
{
	const struct dt *dt = &bi->fdt;
	struct boot_mem_range r;
	size_t nr = 0;
	dt_node n;

	dt_for_each_child (dt, n, DT_ROOT) {
		if (!device_type_is(dt, n, "memory"))
			continue;
		r.node = node_of(dt, n);
		for (u32 i = 0; nr < BOOT_MAX_MEM && dt_reg(dt, n, i, &r.base, &r.size); i++)
			bi->mem[nr++] = r;
	}
	if (nr) {
		bi->nr_mem = nr;
		bi->mem_source = "device tree";
	}
}

static void read_cpus(struct boot_info *bi)
{
	const struct dt *dt = &bi->fdt;
	dt_node n, cpus = dt_path(dt, "/cpus");
	size_t nr = 1; /* cpu[0] is the boot CPU, wherever it stands in the tree */

	if (cpus == DT_NONE)
		return;
	dt_for_each_child (dt, n, cpus) {
		u64 id, none;

		if (!device_type_is(dt, n, "cpu") || !dt_reg(dt, n, 0, &id, &none))
			continue;
		if (id == cpu_features.apic_id)
			bi->cpu[0].node = node_of(dt, n);
		else if (nr < BOOT_MAX_CPUS)
			bi->cpu[nr++] = (struct boot_cpu){ (u32)id, node_of(dt, n) };
	}
	bi->nr_cpus = nr;
	bi->cpu_source = "device tree";
}

static void read_chosen(struct boot_info *bi)
{
	const struct dt *dt = &bi->fdt;
	dt_node n = dt_path(dt, "/chosen");
	const char *args, *hidden;
	u64 start, end;

	if (n == DT_NONE)
		return;
	args = dt_str(dt, n, "bootargs");
	if (args && !bi->cmdline[0])
		strscpy(bi->cmdline, args, sizeof(bi->cmdline));
	bi->virt = dt_str(dt, n, "parallax,virt");
	hidden = dt_str(dt, n, "parallax,hidden-cpu-features");
	if (hidden)
		cpu_hide_features(hidden);
	dt_u64(dt, n, "parallax,tsc-khz", &bi->tsc_khz);
	dt_u64(dt, n, "parallax,lapic-khz", &bi->lapic_khz);
	if (!bi->initrd && dt_u64(dt, n, "linux,initrd-start", &start) &&
	    dt_u64(dt, n, "linux,initrd-end", &end) && end > start) {
		bi->initrd = start;
		bi->initrd_size = end - start;
	}
}

void fdt_read(struct boot_info *bi)
{
	read_memory(bi);
	read_cpus(bi);
	read_chosen(bi);
}
