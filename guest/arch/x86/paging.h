/* SPDX-License-Identifier: MIT */
/*
 * paging.h - the kernel's page tables: pgd, p4d, pud, pmd, pte, counted from the leaf up as levels
 * 5 to 1. Nothing here but the number of levels knows whether there are 4 or 5 (SDM volume 3, 4.5).
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

#define PTE_P	 (1ULL << 0)
#define PTE_W	 (1ULL << 1)
#define PTE_U	 (1ULL << 2)
#define PTE_PWT	 (1ULL << 3)
#define PTE_PCD	 (1ULL << 4)
#define PTE_A	 (1ULL << 5)
#define PTE_D	 (1ULL << 6)
#define PTE_PS	 (1ULL << 7)
#define PTE_G	 (1ULL << 8)
#define PTE_NX	 (1ULL << 63)
#define PTE_ADDR 0x000ffffffffff000ULL

/* What a mapping is for. A and D are set at once: the CPU need not write the entry later. */
#define PROT_RX	   (PTE_P | PTE_G | PTE_A)
#define PROT_RO	   (PTE_P | PTE_G | PTE_A | PTE_NX)
#define PROT_RW	   (PTE_P | PTE_G | PTE_A | PTE_D | PTE_W | PTE_NX)
#define PROT_DEV   (PROT_RW | PTE_PCD | PTE_PWT)

#define PT_ENTRIES 512

struct page_table {
	u64 *root;
	unsigned levels;   /* 4, or 5 with LA57 */
	unsigned max_leaf; /* largest page: 1 4K, 2 2M, 3 1G */
	u64 leaves[4];	   /* how many pages of each leaf level have been mapped */
};

extern struct page_table kernel_pt;

/* Linear-map names of physical addresses, and back. Only RAM has one. */
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

static inline unsigned pt_shift(unsigned level)
{
	return PAGE_SHIFT + 9 * (level - 1);
}

static inline u64 pt_level_size(unsigned level)
{
	return 1ULL << pt_shift(level);
}

/*
 * Maps [va, va + size) to pa with the largest pages that alignment and max_leaf allow. All three
 * are multiples of 4 KiB. 0, -ENOMEM, or -EEXIST where something is mapped already. The caller
 * serialises; new mappings need no TLB flush.
 */
int pt_map(struct page_table *pt, u64 va, phys_t pa, u64 size, u64 prot);

/* Removes one 4 KiB page and flushes it on this CPU only. Whether one was mapped. */
bool pt_unmap(struct page_table *pt, u64 va);

/*
 * The leaf entry that maps va, with *level its size (1 4K, 2 2M, 3 1G), or NULL. Permissions of
 * the levels above are always W, never NX: the leaf alone decides.
 */
u64 *pt_lookup(const struct page_table *pt, u64 va, unsigned *level);

/*
 * Builds the kernel's page tables from the memory map: image by section, linear map, fixmap; then
 * loads CR3. The early 4 GiB identity map is gone afterwards. Panics when memory runs out.
 */
void paging_init(void);

/* Device registers with a fixed virtual address, known when the kernel is linked. */
enum fixmap_slot { FIX_LAPIC, FIX_IOAPIC, FIX_SLEEP, FIX_COUNT };

/* Maps one page of device registers, uncached, and returns its address (offset included). */
volatile void *fixmap_set(enum fixmap_slot slot, phys_t pa);

void flush_tlb_local(void);

#endif
