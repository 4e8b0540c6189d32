/* SPDX-License-Identifier: MIT */
/* fixmap.c - see fixmap.h. */
#include "guest/arch/x86/fixmap.h"
#include "guest/arch/x86/paging.h"
#include "guest/kernel/mm.h"
#include "guest/lib/env.h"

static const char *const names[FIX_COUNT] = {
	[FIX_LAPIC] = "local APIC",
	[FIX_IOAPIC] = "IO APIC",
	[FIX_SLEEP] = "ACPI sleep control",
};

volatile void *fixmap_set(enum fixmap_slot slot, phys_t pa)
{
	u64 va = fix_to_virt(slot);
	int err = pgtable_map(&kernel_pt, va, ALIGN_DOWN(pa, PAGE_SIZE), PAGE_SIZE, PAGE_KERNEL_IO);

	BUG_ON(err);
	return (volatile void *)(va + (pa & (PAGE_SIZE - 1)));
}

void fixmap_clear(enum fixmap_slot slot)
{
	u64 va = fix_to_virt(slot);
	int err = pgtable_unmap(&kernel_pt, va, PAGE_SIZE);

	BUG_ON(err); /* a small page: nothing to split */
	kernel_flush_tlb(va, va + PAGE_SIZE - 1);
}

const char *fixmap_user(enum fixmap_slot slot, phys_t *pa)
{
	struct pt_leaf leaf;

	if (!pgtable_lookup(&kernel_pt, fix_to_virt(slot), &leaf))
		return NULL;
	*pa = leaf.pa;
	return names[slot];
}
