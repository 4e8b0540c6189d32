/* SPDX-License-Identifier: MIT */
/*
 * fixmap.h - addresses that are known when the kernel is linked, for what must be reachable before
 * any allocator stands: one page each, at FIXADDR_START. The addresses of kmap() are of this kind,
 * too, but there is one row for each CPU: they lie at KMAP_START, and guest/mm/kmap.c fills them.
 */
#ifndef GUEST_ARCH_X86_FIXMAP_H
#define GUEST_ARCH_X86_FIXMAP_H

#include "guest/arch/x86/layout.h"
#include "guest/lib/types.h"

enum fixmap_slot { FIX_LAPIC, FIX_IOAPIC, FIX_SLEEP, FIX_COUNT };

static inline u64 fix_to_virt(enum fixmap_slot slot)
{
	return FIXADDR_START + slot * PAGE_SIZE;
}

/* Maps one page of device registers, uncached, and returns its address (offset included). The slot
 * is free. Any context. */
volatile void *fixmap_set(enum fixmap_slot slot, phys_t pa);

/* Empties the slot again, on every CPU. Interrupts on, or one CPU only. */
void fixmap_clear(enum fixmap_slot slot);

/* What the slot is for; *pa is what it maps. NULL: nothing. */
const char *fixmap_user(enum fixmap_slot slot, phys_t *pa);

#endif
