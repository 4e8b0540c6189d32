/* SPDX-License-Identifier: MIT */
/*
 * boot_mem.h - the kernel's one memblock, with a lock around it. Physical memory comes from here
 * until a page allocator takes over what is left.
 */
#ifndef GUEST_KERNEL_BOOT_MEM_H
#define GUEST_KERNEL_BOOT_MEM_H

#include "guest/kernel/boot_info.h"
#include "guest/mm/memblock.h"

/*
 * Builds the map from bi: RAM, minus the first MiB (firmware, and the real-mode trampoline), the
 * kernel's image and what the loader left in RAM. Prints it. Panics without usable RAM.
 */
void boot_mem_init(const struct boot_info *bi);

const struct memblock *boot_mem_map(void);

/*
 * Where memory without a linear address begins, because the command line says highmem=SIZE; ~0: all
 * of it has one. A multiple of 4 MiB.
 */
phys_t boot_mem_highmem(void);

/* The map with leave to take from it, for the page allocator that takes over all that is free; then
 * boot_mem_close(): from there on boot_mem_alloc() has nothing any more. */
struct memblock *boot_mem_take_map(void);
void boot_mem_close(void);

/*
 * size bytes at a multiple of align, ending below limit (0: anywhere); the physical address, or 0.
 * Any context. The _zero form clears them.
 */
phys_t boot_mem_alloc(u64 size, u64 align, phys_t limit);
phys_t boot_mem_alloc_zero(u64 size, u64 align, phys_t limit);

#endif
