/* SPDX-License-Identifier: MIT */
/*
 * paging.h - the kernel's own page tables: guest/mm/pagetable.h over the address space of layout.h.
 *
 * Rules, checked by the self-tests:
 *   P1  no page is both writable and executable, in any mapping of it
 *   P2  text and rodata are read-only under both names, image and linear map
 *   P3  address 0 is not mapped
 *   P4  below every stack lies an unmapped page
 */
#ifndef GUEST_ARCH_X86_PAGING_H
#define GUEST_ARCH_X86_PAGING_H

#include "guest/arch/x86/layout.h"
#include "guest/lib/types.h"
#include "guest/mm/pagetable.h"

/* Its root is 0 until paging_init(). Tables stay when they become empty. */
extern struct pgtable kernel_pt;

/* Linear-map names of physical addresses, and back. Only RAM below boot_mem_highmem() has one. */
static inline void *__va(phys_t pa)
{
	return (void *)(pa + PAGE_OFFSET);
}

/* Accepts both names of RAM: linear map and kernel image. */
static inline phys_t __pa(const volatile void *va)
{
	u64 a = (u64)va;

	return a >= START_KERNEL_MAP ? a - START_KERNEL_MAP : a - PAGE_OFFSET;
}

/*
 * Builds the kernel's page tables from the memory map: image by section, linear map, fixmap; then
 * loads CR3. The early 4 GiB identity map is gone afterwards. As many levels as boot.S switched on.
 * Panics when memory runs out.
 */
void paging_init(void);

/*
 * Maps the linear addresses of the range, which is RAM, where that has not been done: without pages
 * of a gigabyte, paging_init() leaves most of a large machine's memory to the moment
 * when it is first used. Any context.
 */
void linear_map_reach(phys_t start, u64 size);

void flush_tlb_local(void);

/* Forgets [start, last] on this CPU. */
void flush_tlb_local_range(u64 start, u64 last);

#endif
