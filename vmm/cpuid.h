/* SPDX-License-Identifier: MIT */
/* cpuid.h - the CPUID that a guest sees, made from what KVM supports. */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include <linux/kvm.h>

#include "base/error.h"
#include "base/types.h"
#include "vmm/config.h"
#include "vmm/quirks.h"

struct cpuid_request {
	enum virt_mode virt;
	unsigned cpus; /* of one socket */
	const struct kvm_quirks *quirks;
	bool tsc_deadline; /* KVM_CAP_TSC_DEADLINE_TIMER */
	u32 tsc_khz;	   /* 0: unknown */
	u32 lapic_khz;	   /* rate of the local APIC timer's input clock */
};

/*
 * Turns KVM's supported leaves into the template for every vCPU: topology of a socket with
 * `cpus` cores, the brand string, hypervisor leaves by mode, hidden features by quirk. Leaves may
 * be added: c must have room for KVM_CPUID_SPARE more entries than nent.
 */
void cpuid_build(struct kvm_cpuid2 *c, const struct cpuid_request *req);

/* Puts the id of one vCPU into the template (leaves 1, 0xb, 0x8000001e). */
void cpuid_set_apic_id(struct kvm_cpuid2 *c, u32 apic_id);

/* MAXPHYADDR of the template (leaf 0x80000008), 36 when the leaf is absent. */
unsigned cpuid_phys_bits(const struct kvm_cpuid2 *c);

#endif
