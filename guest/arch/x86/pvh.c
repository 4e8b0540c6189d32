/* SPDX-License-Identifier: MIT */
/*
 * pvh.c - struct hvm_start_info and what hangs off it (Xen, public/arch-x86/hvm/start_info.h).
 * The device tree is the last module whose command line is "fdt", or any module that begins with
 * the device tree magic; the first other module is the initrd.
 */
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/firmware.h"
#include "guest/arch/x86/layout.h"
#include "guest/lib/env.h"
#include "guest/lib/string.h"
#include "devices/abi/pc.h"

#define HVM_START_MAGIC 0x336ec578 /* "xEn3" with bit 31 of the 'E' */
#define E820_RAM	1

struct hvm_start_info {
	u32 magic;
	u32 version;
	u32 flags;
	u32 nr_modules;
	u64 modlist;
	u64 cmdline;
	u64 rsdp;
	/* version 1 and later */
	u64 memmap;
	u32 memmap_entries;
	u32 reserved;
};

struct hvm_modlist_entry {
	u64 paddr;
	u64 size;
	u64 cmdline;
	u64 reserved;
};

struct hvm_memmap_entry {
	u64 addr;
	u64 size;
	u32 type;
	u32 reserved;
};

const void *early_phys(phys_t pa, u64 len)
{
	if (!pa || pa >= EARLY_MAP_SIZE || len > EARLY_MAP_SIZE - pa)
		return NULL;
	return (const void *)(pa + PAGE_OFFSET);
}

static void keep(struct boot_info *bi, phys_t base, u64 size)
{
	if (bi->nr_kept < ARRAY_SIZE(bi->kept))
		bi->kept[bi->nr_kept++] = (struct boot_mem_range){ base, size, -1 };
}

/* A string somewhere below 4 GiB, without its length known. */
static const char *phys_string(phys_t pa, size_t max)
{
	const char *s = early_phys(pa, 1);

	if (!s)
		return "";
	return strnlen(s, MIN(max, EARLY_MAP_SIZE - pa)) < max ? s : "";
}

static void read_memmap(const struct hvm_start_info *si, struct boot_info *bi)
{
	const struct hvm_memmap_entry *e;

	if (si->version < 1)
		return;
	e = early_phys(si->memmap, (u64)si->memmap_entries * sizeof(*e));
	if (!e)
		return;
	bi->mem_source = "PVH memory map";
	for (u32 i = 0; i < si->memmap_entries && bi->nr_mem < BOOT_MAX_MEM; i++) {
		if (e[i].type == E820_RAM)
			bi->mem[bi->nr_mem++] = (struct boot_mem_range){ e[i].addr, e[i].size, -1 };
	}
}

static void read_module(const struct hvm_modlist_entry *m, struct boot_info *bi)
{
	const void *data = early_phys(m->paddr, m->size);
	struct dt dt;

	keep(bi, m->paddr, m->size);
	if (data && dt_open(&dt, data, m->size) == 0) {
		bi->has_fdt = true;
		bi->fdt = dt;
		bi->fdt_phys = m->paddr;
	} else if (strcmp(phys_string(m->cmdline, 16), "fdt") != 0 && !bi->initrd) {
		bi->initrd = m->paddr;
		bi->initrd_size = m->size;
	}
}

void pvh_read(phys_t start_info, struct boot_info *bi)
{
	const struct hvm_start_info *si = early_phys(start_info, sizeof(*si));
	const struct hvm_modlist_entry *mod;

	if (!si || si->magic != HVM_START_MAGIC)
		env_panic(__FILE__, __LINE__, "not booted by PVH: no start_info at %#lx",
			  start_info);

	strscpy(bi->cmdline, phys_string(si->cmdline, 65536), sizeof(bi->cmdline));
	bi->rsdp = si->rsdp;
	bi->isa_irq0_gsi = 2;
	bi->ioapic = PC_IOAPIC_BASE;
	bi->cpu[0] = (struct boot_cpu){ cpu_features.apic_id, -1 };
	bi->nr_cpus = 1;
	bi->cpu_source = "nobody";
	read_memmap(si, bi);

	mod = early_phys(si->modlist, (u64)si->nr_modules * sizeof(*mod));
	for (u32 i = 0; mod && i < si->nr_modules; i++)
		read_module(&mod[i], bi);
	if (!bi->nr_mem && !bi->has_fdt)
		env_panic(__FILE__, __LINE__,
			  "no memory map: neither start_info version 1 nor a device tree");
}
