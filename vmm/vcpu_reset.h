/* SPDX-License-Identifier: MIT */
/*
 * vcpu_reset.h - power-on for vCPUs that ran before.
 *
 * What a vCPU looks like that never ran is taken from a scratch VM when a machine is reset, so that
 * no start pays for it.
 */
#ifndef VMM_VCPU_RESET_H
#define VMM_VCPU_RESET_H

#include "vmm/irqchip.h"
#include "vmm/vcpu.h"

struct vcpu_pristine;

/* cpuid is the machine's template; its APIC id is changed. NULL with e filled. */
struct vcpu_pristine *vcpu_pristine_create(int kvm, enum irqchip_mode mode,
					   struct kvm_cpuid2 *cpuid, unsigned cpus,
					   struct error *e);
void vcpu_pristine_destroy(struct vcpu_pristine *p); /* NULL is fine */

/* The scratch VM's interrupt controllers, for irqchip_reset(). */
const struct irqchip *vcpu_pristine_irqchip(const struct vcpu_pristine *p);

/* Puts a vCPU that stands still back to power-on. 0 or -errno with e filled. */
int vcpu_reset(struct vcpu *v, const struct vcpu_pristine *p, struct error *e);

#endif
