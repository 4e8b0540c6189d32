/* SPDX-License-Identifier: MIT */
/* cpu.h - what CPUID says this CPU can do, and switching on the protections among it. */
#ifndef GUEST_ARCH_X86_CPU_H
#define GUEST_ARCH_X86_CPU_H

#include "guest/lib/types.h"

#define CR0_PE	 (1ULL << 0)
#define CR0_MP	 (1ULL << 1)
#define CR0_EM	 (1ULL << 2)
#define CR0_TS	 (1ULL << 3)
#define CR0_NE	 (1ULL << 5)
#define CR0_WP	 (1ULL << 16)
#define CR0_AM	 (1ULL << 18)
#define CR0_PG	 (1ULL << 31)

#define CR4_PAE	 (1ULL << 5)
#define CR4_MCE	 (1ULL << 6)
#define CR4_PGE	 (1ULL << 7)
#define CR4_UMIP (1ULL << 11)
#define CR4_LA57 (1ULL << 12)
#define CR4_SMEP (1ULL << 20)
#define CR4_SMAP (1ULL << 21)

struct cpu_features {
	bool nx, pge, gb_pages, smep, smap, umip, la57, apic, x2apic, tsc_deadline, hypervisor;
	u32 tsc_khz; /* CPUID leaf 0x15; 0 when the CPU does not say */
	u32 apic_id; /* of the CPU that read this: the boot CPU */
	char vendor[13];
	char brand[49];
};

/* Filled by cpu_identify() on the boot CPU; the others are taken to be alike. */
extern struct cpu_features cpu_features;

void cpu_identify(void);

/* Features by name, with blanks between, that this CPU has not got whatever CPUID says: a KVM that
 * interprets ring 0 cannot change what CPUID answers. */
void cpu_hide_features(const char *names);

/* Sets EFER, CR0 and CR4 on this CPU for every feature found. */
void cpu_enable_features(void);

/* The bits cpu_enable_features() switches on, in words: "wp nx pge smep". */
const char *cpu_features_text(void);

#endif
