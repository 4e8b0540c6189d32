/* SPDX-License-Identifier: MIT */
/* paging.c - see paging.h for the rules P1..P4. */
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/sections.h"
#include "guest/kernel/boot_mem.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/printk.h"
#include "guest/lib/bitmap.h"
#include "guest/lib/env.h"
#include "guest/lib/string.h"
#include "guest/locking/spinlock.h"

#define FLUSH_ALL_PAGES 32 /* from here on dropping everything is cheaper */
#define GIB_SHIFT	30
#define PIECE_SHIFT	26	    /* the linear map grows by 64 MiB */
#define LAZY_END	(1UL << 39) /* and is there at once above: one table more, for few */

struct pgtable kernel_pt;

/* Which pieces of the linear map wait, and a table for each gigabyte: whoever needs a piece may be
 * where no memory is to be had. */
static struct {
	spinlock_t lock;
	u64 waiting[LAZY_END >> PIECE_SHIFT >> 6]; /* lock */
	phys_t tables;				   /* one a gigabyte, not zeroed yet */
	phys_t table;				   /* lock: the one to use now */
} lazy;

static phys_t table_alloc(void *unused)
{
	phys_t pa = lazy.table;

	(void)unused;
	if (pa) { /* lazy.lock */
		lazy.table = 0;
		memset(__va(pa), 0, PAGE_SIZE);
		return pa;
	}
	if (kernel_mm.pages_up)
		return mm_table_alloc();
	/* Where the early map reaches, since an application processor loads CR3 in 32-bit mode; and in
	 * the gigabyte that is mapped in any case. */
	return boot_mem_alloc_zero(PAGE_SIZE, PAGE_SIZE, 1UL << GIB_SHIFT);
}

static void table_free(void *unused, phys_t table)
{
	(void)unused;
	mm_table_free(table);
}

void flush_tlb_local(void)
{
	u64 cr4 = read_cr4();

	/* A CR3 load keeps global entries; toggling PGE drops all (SDM volume 3, 4.10.4.1). */
	if (cr4 & CR4_PGE) {
		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
	} else {
		write_cr3(read_cr3());
	}
}

void flush_tlb_local_range(u64 start, u64 last)
{
	if (last - start >= FLUSH_ALL_PAGES * PAGE_SIZE) {
		flush_tlb_local();
		return;
	}
	for (u64 va = start; va <= last; va += PAGE_SIZE)
		invlpg((void *)va);
}

static void map_or_panic(u64 va, phys_t pa, u64 size, u64 prot)
{
	int err = pgtable_map(&kernel_pt, va, pa, size, prot);

	if (err)
		env_panic(__FILE__, __LINE__, "paging: cannot map %lu KiB at %#lx (error %d)",
			  (size >> 10), va, err);
}

static void map_section(const char *name, const char *start, const char *end, u64 prot)
{
	u64 size = (u64)(end - start);

	map_or_panic((u64)start, __pa(start), size, prot);
	pr_info("  %-7s %016lx-%016lx  %4lu KiB  r%c%c\n", name, (u64)start, (u64)end - 1,
		(size >> 10), prot & _PAGE_RW ? 'w' : '-', prot & _PAGE_NX ? '-' : 'x');
}

static void map_image(void)
{
	map_section("text", _text, __start_rodata, PAGE_KERNEL_ROX);
	map_section("rodata", __start_rodata, __end_rodata, PAGE_KERNEL_RO);
	map_section("data", _sdata, __bss_start, PAGE_KERNEL);
	/* P4: the page at the start of .bss is the boot stack's guard. */
	map_section("bss", boot_stack, _end, PAGE_KERNEL);
}

static void map_linear(phys_t start, phys_t end, u64 prot)
{
	if (start < end)
		map_or_panic((u64)__va(start), start, end - start, prot);
}

/* One RAM range; the part that is kernel text and rodata loses W here too (P2). */
static void map_ram(phys_t start, phys_t end)
{
	phys_t ro_start = __pa(_text), ro_end = __pa(__end_rodata);

	map_linear(start, MIN(end, ro_start), PAGE_KERNEL);
	map_linear(MAX(start, ro_start), MIN(end, ro_end), PAGE_KERNEL_RO);
	map_linear(MAX(start, ro_end), end, PAGE_KERNEL);
}

void linear_map_reach(phys_t start, u64 size)
{
	phys_t last = MIN(start + size, LAZY_END) - 1;

	for (u64 i = start >> PIECE_SHIFT; i <= last >> PIECE_SHIFT; i++) {
		u64 flags;

		if (likely(!test_bit(i, lazy.waiting)))
			continue;
		flags = spin_lock_irqsave(&lazy.lock);
		if (test_bit(i, lazy.waiting)) {
			lazy.table = lazy.tables + (i >> (GIB_SHIFT - PIECE_SHIFT)) * PAGE_SIZE;
			map_linear(i << PIECE_SHIFT, (i + 1) << PIECE_SHIFT, PAGE_KERNEL);
			lazy.table = 0;
			clear_bit_unlock((unsigned)i, lazy.waiting);
		}
		spin_unlock_irqrestore(&lazy.lock, flags);
	}
}

/* What of [start, end) is whole pieces waits; the ends are mapped. */
static void map_later(phys_t start, phys_t end)
{
	phys_t from = ALIGN_UP(start, 1UL << PIECE_SHIFT);
	phys_t to = ALIGN_DOWN(MIN(end, LAZY_END), 1UL << PIECE_SHIFT);

	if (!lazy.tables || from >= to) {
		map_linear(start, end, PAGE_KERNEL);
		return;
	}
	bitmap_set(lazy.waiting, from >> PIECE_SHIFT, (to - from) >> PIECE_SHIFT);
	map_linear(start, from, PAGE_KERNEL);
	map_linear(to, end, PAGE_KERNEL);
}

/* The first gigabyte, in which the kernel lies, and what is taken already; the rest at once where a
 * gigabyte is one entry, else later. */
static void map_linear_at_boot(void)
{
	const struct memblock *mb = boot_mem_map();
	const phys_t gib = 1UL << GIB_SHIFT, limit = boot_mem_highmem(), end = memblock_end(mb);
	const phys_t low_end = MIN(limit, gib);

	/* First of all: the tables above the gigabytes' own come with it. */
	for (size_t i = 0; i < mb->memory.count; i++) {
		const struct memblock_region *r = &mb->memory.region[i];

		map_ram(ALIGN_UP(r->base, PAGE_SIZE),
			MIN(ALIGN_DOWN(r->base + r->size, PAGE_SIZE), low_end));
	}
	if (kernel_pt.max_leaf < 3 && end > gib)
		lazy.tables = boot_mem_alloc(((MIN(end, LAZY_END) - 1) >> GIB_SHIFT) * PAGE_SIZE +
						     PAGE_SIZE,
					     PAGE_SIZE, gib);
	for (size_t i = 0; i < mb->memory.count; i++) {
		const struct memblock_region *r = &mb->memory.region[i];

		map_later(MAX(ALIGN_UP(r->base, PAGE_SIZE), gib),
			  MIN(ALIGN_DOWN(r->base + r->size, PAGE_SIZE), limit));
	}
	for (size_t i = 0; i < mb->reserved.count; i++) {
		const struct memblock_region *r = &mb->reserved.region[i];

		linear_map_reach(r->base, r->size);
		map_linear(MAX(r->base, limit), r->base + r->size, PAGE_KERNEL);
	}
}

void paging_init(void)
{
	struct pgtable *pt = &kernel_pt;
	u64 image_pages;

	pt->env = &kernel_mm_env;
	pt->alloc_table = table_alloc;
	pt->free_table = table_free;
	pt->levels = read_cr4() & CR4_LA57 ? 5 : 4;
	pt->max_leaf = 1;
	pt->has_nx = cpu_features.nx;
	pt->keep_tables = true; /* freeing one would mean a flush everywhere, at once */
	if (pgtable_init(pt))
		env_panic(__FILE__, __LINE__, "paging: no memory for the top page table");

	map_image();
	image_pages = pt->leaves[1];

	pt->max_leaf = cpu_features.gb_pages ? 3 : 2;
	map_linear_at_boot();
	pr_info("  linear  %016lx  %lu pages of 1G, %lu of 2M, %lu of 4K; %u levels\n", PAGE_OFFSET,
		pt->leaves[3], pt->leaves[2], (pt->leaves[1] - image_pages), pt->levels);

	/* The tables of the fixmap: it must work when nothing can be allocated any more. */
	map_or_panic(FIXADDR_START, 0, PAGE_SIZE, PAGE_KERNEL_IO);
	if (pgtable_unmap(pt, FIXADDR_START, PAGE_SIZE))
		env_panic(__FILE__, __LINE__, "paging: the fixmap is not empty");

	write_cr3(pt->root);
	flush_tlb_local();
}
