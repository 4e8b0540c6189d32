/* SPDX-License-Identifier: MIT */
/* paging.c - see paging.h for the rules P1..P4. */
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/sections.h"
#include "guest/kernel/boot_mem.h"
#include "guest/lib/errno.h"
#include "guest/kernel/printk.h"
#include "guest/lib/env.h"

struct page_table kernel_pt;

static u64 *table_alloc(void)
{
	/* Below 4 GiB: an application processor loads CR3 while still in 32-bit mode. */
	phys_t pa = boot_mem_alloc_zero(PAGE_SIZE, PAGE_SIZE, 1ULL << 32);

	return pa ? __va(pa) : NULL;
}

static unsigned pt_index(u64 va, unsigned level)
{
	return va >> pt_shift(level) & (PT_ENTRIES - 1);
}

static u64 *table_below(u64 entry)
{
	return __va(entry & PTE_ADDR);
}

/* Maps [va, last] (inclusive: the top of the address space has no end address). */
static int map_level(struct page_table *pt, u64 *table, unsigned level, u64 va, u64 last, phys_t pa,
		     u64 prot)
{
	u64 size = pt_level_size(level);
	bool may_leaf = level <= pt->max_leaf;

	for (;;) {
		u64 *e = &table[pt_index(va, level)];
		u64 chunk_last;

		if (may_leaf && !((va | pa) & (size - 1)) && last - va >= size - 1) {
			u64 n = ((last - va - (size - 1)) >> pt_shift(level)) + 1;

			n = MIN(n, PT_ENTRIES - pt_index(va, level));
			for (u64 i = 0; i < n; i++) {
				if (e[i])
					return -EEXIST;
				e[i] = (pa + i * size) | prot | (level > 1 ? PTE_PS : 0);
			}
			pt->leaves[level] += n;
			chunk_last = va + n * size - 1;
		} else {
			u64 *sub;
			int err;

			chunk_last = MIN(last, va | (size - 1));
			if (*e & PTE_PS)
				return -EEXIST;
			sub = *e ? table_below(*e) : table_alloc();
			if (!sub)
				return -ENOMEM;
			*e = __pa(sub) | PTE_P | PTE_W | PTE_A;
			err = map_level(pt, sub, level - 1, va, chunk_last, pa, prot);
			if (err)
				return err;
		}
		if (chunk_last == last)
			return 0;
		pa += chunk_last - va + 1;
		va = chunk_last + 1;
	}
}

int pt_map(struct page_table *pt, u64 va, phys_t pa, u64 size, u64 prot)
{
	BUG_ON((va | pa | size) & (PAGE_SIZE - 1));
	if (!size)
		return 0;
	if (!cpu_features.nx)
		prot &= ~PTE_NX;
	return map_level(pt, pt->root, pt->levels, va, va + size - 1, pa, prot);
}

u64 *pt_lookup(const struct page_table *pt, u64 va, unsigned *level)
{
	u64 *table = pt->root;

	for (unsigned l = pt->levels; l; l--) {
		u64 *e = &table[pt_index(va, l)];

		if (!(*e & PTE_P))
			return NULL;
		if (l == 1 || (*e & PTE_PS)) {
			*level = l;
			return e;
		}
		table = table_below(*e);
	}
	return NULL;
}

bool pt_unmap(struct page_table *pt, u64 va)
{
	unsigned level;
	u64 *e = pt_lookup(pt, va, &level);

	if (!e)
		return false;
	BUG_ON(level != 1);
	*e = 0;
	pt->leaves[1]--;
	invlpg((void *)va);
	return true;
}

volatile void *fixmap_set(enum fixmap_slot slot, phys_t pa)
{
	u64 va = FIXADDR_START + slot * PAGE_SIZE;
	int err = pt_map(&kernel_pt, va, ALIGN_DOWN(pa, PAGE_SIZE), PAGE_SIZE, PROT_DEV);

	BUG_ON(err);
	return (volatile void *)(va + (pa & (PAGE_SIZE - 1)));
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

static void map_or_panic(u64 va, phys_t pa, u64 size, u64 prot)
{
	int err = pt_map(&kernel_pt, va, pa, size, prot);

	if (err)
		env_panic(__FILE__, __LINE__, "paging: cannot map %lu KiB at %#lx (error %d)",
			  (size >> 10), va, err);
}

static void map_section(const char *name, const char *start, const char *end, u64 prot)
{
	u64 size = (u64)(end - start);

	map_or_panic((u64)start, __pa(start), size, prot);
	pr_info("  %-7s %016lx-%016lx  %4lu KiB  r%c%c\n", name, (u64)start, (u64)end - 1,
		(size >> 10), prot & PTE_W ? 'w' : '-', prot & PTE_NX ? '-' : 'x');
}

static void map_image(void)
{
	map_section("text", _text, __start_rodata, PROT_RX);
	map_section("rodata", __start_rodata, __end_rodata, PROT_RO);
	map_section("data", _sdata, __bss_start, PROT_RW);
	/* P4: the page at the start of .bss is the boot stack's guard. */
	map_section("bss", boot_stack, _end, PROT_RW);
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

	map_linear(start, MIN(end, ro_start), PROT_RW);
	map_linear(MAX(start, ro_start), MIN(end, ro_end), PROT_RO);
	map_linear(MAX(start, ro_end), end, PROT_RW);
}

void paging_init(void)
{
	struct page_table *pt = &kernel_pt;
	const struct memblock *mb = boot_mem_map();
	u64 image_pages;

	pt->levels = 4;
	pt->max_leaf = 1;
	pt->root = table_alloc();
	if (!pt->root)
		env_panic(__FILE__, __LINE__, "paging: no memory for the top page table");

	map_image();
	image_pages = pt->leaves[1];

	pt->max_leaf = cpu_features.gb_pages ? 3 : 2;
	for (size_t i = 0; i < mb->memory.count; i++) {
		const struct memblock_region *r = &mb->memory.region[i];

		map_ram(ALIGN_UP(r->base, PAGE_SIZE), ALIGN_DOWN(r->base + r->size, PAGE_SIZE));
	}
	pr_info("  linear  %016lx  %lu pages of 1G, %lu of 2M, %lu of 4K; %u levels\n", PAGE_OFFSET,
		pt->leaves[3], pt->leaves[2], (pt->leaves[1] - image_pages), pt->levels);
	pt->max_leaf = 1; /* what comes later (stacks, devices) is small */

	write_cr3(__pa(pt->root));
	flush_tlb_local();
}
