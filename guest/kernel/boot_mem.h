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
 * size bytes at a multiple of align, ending below limit (0: anywhere); the physical address, or 0.
 * Any context. The _zero form clears them.
 */
phys_t boot_mem_alloc(u64 size, u64 align, phys_t limit);
phys_t boot_mem_alloc_zero(u64 size, u64 align, phys_t limit);

#endif
