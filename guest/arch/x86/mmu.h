/* SPDX-License-Identifier: MIT */
/*
 * mmu.h - which address space a CPU is in. Kernel threads stay in the one they find ("lazy"); whoever
 * takes that away sends such CPUs to the kernel's own tables.
 */
#ifndef GUEST_ARCH_X86_MMU_H
#define GUEST_ARCH_X86_MMU_H

#include "guest/mm/mm_struct.h"

/* Enters mm on this CPU (NULL: stay). IRQs off. */
void mmu_switch(struct mm_struct *mm);

/* This CPU goes: it keeps no address space. IRQs off. */
void mmu_leave(void);

/* mm_system.flush_tlb: forgets [start, end) wherever mm is in use. IRQs on. */
void mmu_flush(struct mm_struct *mm, u64 start, u64 end);

/* How often mmu_flush() asked another CPU, and how often it left one to the host. */
void mmu_flush_counts(u64 *asked, u64 *left);

#endif
