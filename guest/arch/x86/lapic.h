/* SPDX-License-Identifier: MIT */
/*
 * lapic.h - the local APIC: end of interrupt, messages between CPUs, the timer (SDM volume 3,
 * chapter 11). x2APIC where CPUID has it, because an MSR access is cheaper than emulated MMIO.
 */
#ifndef GUEST_ARCH_X86_LAPIC_H
#define GUEST_ARCH_X86_LAPIC_H

#include "guest/lib/types.h"

/* Whether there is one; lapic_setup() has run on the boot CPU. */
bool lapic_present(void);
const char *lapic_mode(void); /* "x2APIC", "xAPIC" or "none" */

/* Enables this CPU's local APIC, all local interrupts masked. The first call maps the registers. */
void lapic_setup(void);

/* Ends the interrupt in service. With PV EOI armed this is mostly a memory access. */
void lapic_eoi(void);

/* A word in this CPU's memory that the hypervisor sets when no EOI is needed (KVM's PV EOI). */
u32 *lapic_pv_eoi_word(void);
void lapic_use_pv_eoi(void);

/* Ends of interrupt so far, on all CPUs: written to the APIC, and spared by PV EOI. */
void lapic_eoi_counts(u64 *written, u64 *spared);

u32 lapic_id(void);

/* A message to one CPU. mode is APIC_MODE_*; ICR writes of one CPU must not nest: IRQs off. */
void lapic_send(u32 apic_id, u32 mode, u32 vector);

/* The timer, undivided: on VECTOR_TIMER, periodic or one-shot; a one-shot count, 0 stops it; counting
 * down silently; its count. */
void lapic_timer_periodic(u32 count);
void lapic_timer_one_shot(void);
void lapic_timer_set(u32 count);
void lapic_timer_measure_start(void);
u32 lapic_timer_measure_read(void);

#endif
