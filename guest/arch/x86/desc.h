/* SPDX-License-Identifier: MIT */
/* desc.h - segment and interrupt descriptors: GDT and TSS per CPU, one IDT for all (SDM 3.5, 6.14). */
#ifndef GUEST_ARCH_X86_DESC_H
#define GUEST_ARCH_X86_DESC_H

#include "guest/lib/types.h"

/* Interrupt stack table slots: vectors that must work even when the stack does not. */
enum ist_slot { IST_NONE, IST_DF, IST_NMI, IST_MC, IST_COUNT };

/* Fills the IDT and loads it on this CPU, all vectors on the current stack. Earliest boot. */
void idt_setup(void);

/* Gives #DF, NMI and #MC their IST slots. Call once the first TSS is loaded. */
void idt_use_ist(void);

/*
 * Builds and loads this CPU's GDT and TSS, with IST stacks whose overflow hits a guard page, and
 * loads the IDT. The per-CPU area must be in use. Panics without memory.
 */
void cpu_desc_setup(void);

/* The stack on which this CPU enters the kernel from user mode. */
void tss_set_kernel_stack(u64 sp);

#endif
