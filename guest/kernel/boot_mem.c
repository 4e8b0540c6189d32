/* SPDX-License-Identifier: MIT */
/* boot_mem.c - from boot_info to a memory map. */
#include "guest/kernel/boot_mem.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/sections.h"
#include "guest/kernel/printk.h"
#include "guest/lib/env.h"
#include "guest/lib/string.h"
#include "guest/mm/page_size.h"
#include "guest/locking/spinlock.h"

#define LOW_MEMORY 0x100000

/* What highmem= must leave below: the kernel, and room to work. */
#define MIN_LOWMEM    (32UL << 20)
#define HIGHMEM_ALIGN (MAX_ORDER_PAGES << PAGE_SHIFT)

static struct memblock map;
static phys_t highmem = ~0UL;
static bool closed; /* map_lock */
static DEFINE_SPINLOCK(map_lock);

static void reserve(const char *what, phys_t base, u64 size)
{
	int err = memblock_reserve(&map, ALIGN_DOWN(base, PAGE_SIZE),
				   ALIGN_UP(base + size, PAGE_SIZE) - ALIGN_DOWN(base, PAGE_SIZE));

	if (err)
		env_panic(__FILE__, __LINE__, "memory: cannot reserve %#lx+%#lx (%s): error %d",
			  base, size, what, err);
	pr_info("  taken   %016lx-%016lx  %8lu KiB  %s\n", base, base + size - 1,
		(size + 1023) >> 10, what);
}

static void choose_highmem(void)
{
	u64 size = boot_option_u64("highmem", 0);
	phys_t end = memblock_end(&map), start;

	if (!size)
		return;
	start = size < end ? ALIGN_DOWN(end - size, HIGHMEM_ALIGN) : 0;
	if (start < MIN_LOWMEM) {
		pr_err("highmem=%lu leaves less than 32 MiB below; it is ignored", size);
		return;
	}
	highmem = start;
	pr_info("  highmem %016lx-%016lx  %8lu KiB  has no linear address\n", start, end - 1,
		(end - start) >> 10);
}

phys_t boot_mem_highmem(void)
{
	return highmem;
}

void boot_mem_init(const struct boot_info *bi)
{
	memblock_init(&map);
	for (size_t i = 0; i < bi->nr_mem; i++) {
		const struct boot_mem_range *r = &bi->mem[i];

		if (memblock_add(&map, r->base, r->size, r->node))
			pr_warn("  memory range %#lx+%#lx does not fit and stays unused\n", r->base,
				r->size);
	}
	for (size_t i = 0; i < map.memory.count; i++) {
		const struct memblock_region *r = &map.memory.region[i];

		pr_info("  RAM     %016lx-%016lx  %8lu KiB  node %d\n", r->base,
			r->base + r->size - 1, r->size >> 10, MAX(r->node, 0));
	}
	reserve("first MiB: firmware, and the code other CPUs start in", 0, LOW_MEMORY);
	reserve("kernel image", KERNEL_PHYS, (u64)(_end - _text));
	for (size_t i = 0; i < bi->nr_kept; i++)
		reserve(bi->kept[i].base == bi->fdt_phys ? "device tree" : "initrd",
			bi->kept[i].base, bi->kept[i].size);
	choose_highmem();
	pr_info("  %lu MiB of RAM, %lu KiB free; the map comes from the %s\n",
		memblock_total(&map) >> 20, memblock_total_free(&map) >> 10, bi->mem_source);
}

const struct memblock *boot_mem_map(void)
{
	return &map;
}

phys_t boot_mem_alloc(u64 size, u64 align, phys_t limit)
{
	struct memblock_request req = {
		.size = size,
		.align = align,
		.limit = MIN(limit ? limit : ~0UL, highmem),
		.node = MEMBLOCK_NO_NODE,
	};
	u64 flags = spin_lock_irqsave(&map_lock);
	phys_t pa = closed ? 0 : memblock_alloc(&map, &req);

	spin_unlock_irqrestore(&map_lock, flags);
	if (pa)
		linear_map_reach(pa, size);
	return pa;
}

struct memblock *boot_mem_take_map(void)
{
	return &map;
}

void boot_mem_close(void)
{
	u64 flags = spin_lock_irqsave(&map_lock);

	closed = true;
	spin_unlock_irqrestore(&map_lock, flags);
}

phys_t boot_mem_alloc_zero(u64 size, u64 align, phys_t limit)
{
	phys_t pa = boot_mem_alloc(size, align, limit);

	if (pa)
		memset(__va(pa), 0, size);
	return pa;
}
