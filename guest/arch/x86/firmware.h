/* SPDX-License-Identifier: MIT */
/*
 * firmware.h - the readers that fill struct boot_info. All run once, early, on one CPU, while the
 * first 4 GiB are mapped at PAGE_OFFSET; what lies higher is out of their reach and ignored.
 */
#ifndef GUEST_ARCH_X86_FIRMWARE_H
#define GUEST_ARCH_X86_FIRMWARE_H

#include "guest/kernel/boot_info.h"

/*
 * len bytes of physical memory to read, or NULL when they are not all below 4 GiB. The one door
 * through which firmware tables are read.
 */
const void *early_phys(phys_t pa, u64 len);

/* Reads struct hvm_start_info: command line, memory map, modules, RSDP. Panics when the structure
 * is not one. */
void pvh_read(phys_t start_info, struct boot_info *bi);

/* Takes memory, CPUs, nodes and /chosen from bi->fdt. */
void fdt_read(struct boot_info *bi);

/* Takes CPUs (unless known), IOAPIC, the PIT's input and the way to S5 from the tables at bi->rsdp.
 * What is missing or broken is left as it was. */
void acpi_read(struct boot_info *bi);

#endif
