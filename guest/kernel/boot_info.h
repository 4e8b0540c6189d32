/* SPDX-License-Identifier: MIT */
/*
 * boot_info.h - what the loader said about the machine, gathered from PVH's start_info, the device
 * tree and the ACPI tables, checked while being copied. Later code asks here and nowhere else.
 */
#ifndef GUEST_KERNEL_BOOT_INFO_H
#define GUEST_KERNEL_BOOT_INFO_H

#include "guest/lib/fdt.h"
#include "guest/lib/types.h"

#define BOOT_MAX_CPUS	 256
#define BOOT_MAX_MEM	 64
#define BOOT_CMDLINE_MAX 2048

struct boot_mem_range {
	phys_t base;
	u64 size;
	int node; /* -1: not said */
};

struct boot_cpu {
	u32 apic_id;
	int node; /* -1: not said */
};

struct boot_info {
	char cmdline[BOOT_CMDLINE_MAX];

	struct boot_mem_range mem[BOOT_MAX_MEM]; /* RAM */
	size_t nr_mem;
	const char *mem_source; /* "device tree" or "PVH memory map" */

	struct boot_cpu cpu[BOOT_MAX_CPUS]; /* cpu[0] is the boot CPU */
	size_t nr_cpus;
	const char *cpu_source; /* "device tree", "ACPI MADT" or "nobody" */

	struct boot_mem_range kept[8]; /* the loader's blobs in RAM: not ours to overwrite */
	size_t nr_kept;
	phys_t initrd;
	u64 initrd_size;

	bool has_fdt;
	struct dt fdt;	  /* blob in the linear map */
	phys_t fdt_phys;  /* 0 without one */
	u64 tsc_khz;	  /* /chosen parallax,tsc-khz, or 0 */
	u64 lapic_khz;	  /* /chosen parallax,lapic-khz, or 0 */
	const char *virt; /* /chosen parallax,virt: "full", "para"; NULL without */

	phys_t rsdp;	  /* 0: no ACPI */
	bool has_s5;	  /* the two below are known */
	u16 pm1a_cnt;	  /* PM1a control port, or 0 */
	u16 power_button; /* PM1a event port when the power button is fixed hardware, or 0 */
	u8 sci_gsi;	  /* the interrupt input of such events */
	phys_t sleep_cnt; /* sleep control register of hardware-reduced ACPI, or 0 */
	u16 pm_timer;	  /* ACPI PM timer's port, or 0 */
	u8 s5_typ;	  /* SLP_TYPa of \_S5 */
	u8 isa_irq0_gsi;  /* IOAPIC input of the PIT: 2 on any PC, unless MADT says otherwise */
	phys_t ioapic;	  /* register base */
};

extern struct boot_info boot_info;

/* Whether the command line has the word / its value; thin forms of guest/lib/cmdline.h. */
bool boot_option(const char *key);
u64 boot_option_u64(const char *key, u64 fallback);

#endif
