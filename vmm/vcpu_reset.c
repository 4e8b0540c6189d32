/* SPDX-License-Identifier: MIT */
/*
 * vcpu_reset.c - a vCPU back at power-on.
 *
 * What power-on looks like is asked of KVM: a scratch VM's fresh vCPUs, number 0 for the bootstrap
 * processor and 1 for the others. Rule R1: everything that differs from the scratch vCPU is set
 * back, but for the identity (APIC id) and the time-stamp counter, which goes on counting.
 */
#include "vmm/vcpu_reset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cpuid.h"
#include "vmm/kvm.h"

#define MSR_TSC	      0x10u
#define LAPIC_ID      0x20
#define SCRATCH_VCPUS 2

/* The MTRRs and the PAT (Intel SDM volume 3, 12.11), which KVM keeps but does not list. */
static const u32 unlisted_msrs[] = {
	0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207, 0x208, 0x209,
	0x20a, 0x20b, 0x20c, 0x20d, 0x20e, 0x20f, 0x250, 0x258, 0x259, 0x268,
	0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f, 0x277, 0x2ff,
};

struct vcpu_pristine {
	int vm;
	struct irqchip irqchip;
	int fd[SCRATCH_VCPUS];
	struct kvm_msr_list *msrs;
};

struct vcpu_pristine *vcpu_pristine_create(int kvm, enum irqchip_mode mode,
					   struct kvm_cpuid2 *cpuid, unsigned cpus, struct error *e)
{
	struct vcpu_pristine *p = calloc(1, sizeof(*p));

	if (!p) {
		error_sys(e, -ENOMEM, "reset");
		return NULL;
	}
	p->fd[0] = p->fd[1] = -1;
	p->vm = kvm_create_vm(kvm);
	if (p->vm < 0) {
		error_sys(e, p->vm, "reset: KVM_CREATE_VM");
		free(p);
		return NULL;
	}
	p->msrs = kvm_msr_indices(kvm);
	if (!p->msrs) {
		error_sys(e, -errno, "reset: KVM_GET_MSR_INDEX_LIST");
		goto fail;
	}
	if (irqchip_init(&p->irqchip, p->vm, mode, e))
		goto fail;
	for (unsigned i = 0; i < MIN(cpus, (unsigned)SCRATCH_VCPUS); i++) {
		int err;

		p->fd[i] = kvm_create_vcpu(p->vm, i);
		cpuid_set_apic_id(cpuid, i);
		err = p->fd[i] < 0 ? p->fd[i] : kvm_set_cpuid(p->fd[i], cpuid);
		if (err) {
			error_sys(e, err, "reset: a scratch vCPU");
			goto fail;
		}
	}
	return p;
fail:
	vcpu_pristine_destroy(p);
	return NULL;
}

void vcpu_pristine_destroy(struct vcpu_pristine *p)
{
	if (!p)
		return;
	for (int i = 0; i < SCRATCH_VCPUS; i++)
		if (p->fd[i] >= 0)
			close(p->fd[i]);
	irqchip_destroy(&p->irqchip);
	close(p->vm);
	free(p->msrs);
	free(p);
}

const struct irqchip *vcpu_pristine_irqchip(const struct vcpu_pristine *p)
{
	return &p->irqchip;
}

static int copy_registers(int to, int from)
{
	struct kvm_xsave *xsave = calloc(1, sizeof(*xsave));
	struct kvm_debugregs debug;
	struct kvm_sregs sregs;
	struct kvm_xcrs xcrs;
	struct kvm_regs regs;
	int err = xsave ? kvm_get_sregs(from, &sregs) : -ENOMEM;

	if (!err)
		err = kvm_set_sregs(to, &sregs);
	if (!err)
		err = kvm_get_regs(from, &regs);
	if (!err)
		err = kvm_set_regs(to, &regs);
	if (!err)
		err = kvm_get_xsave(from, xsave);
	if (!err)
		err = kvm_set_xsave(to, xsave);
	if (!err && !kvm_get_debugregs(from, &debug))
		err = kvm_set_debugregs(to, &debug);
	/* A guest without XSAVE has no XCR0; then neither call is there. */
	if (!err && !kvm_get_xcrs(from, &xcrs) && xcrs.nr_xcrs)
		(void)kvm_set_xcrs(to, &xcrs);
	free(xsave);
	return err;
}

/* An MSR that cannot be read or written on both sides is none that the guest could have changed. */
static void copy_msr(int to, int from, u32 index)
{
	u64 want, have;

	if (index == MSR_TSC || kvm_get_msr(from, index, &want) || kvm_get_msr(to, index, &have))
		return;
	if (want != have)
		(void)kvm_set_msr(to, index, want);
}

/* Deadline and in-service bits go with the registers; interrupts on their way with the events. */
static int copy_apic(int to, int from, unsigned id)
{
	struct kvm_vcpu_events events;
	struct kvm_lapic_state apic;
	int err = kvm_get_lapic(from, &apic);
	u32 id_register = id << 24;

	memcpy(apic.regs + LAPIC_ID, &id_register, sizeof(id_register));
	if (!err)
		err = kvm_set_lapic(to, &apic);
	if (!err)
		err = kvm_get_events(from, &events);
	/* Only what is said to be valid is taken; a pending SMI or NMI must not survive. */
	events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	return err ? err : kvm_set_events(to, &events);
}

int vcpu_reset(struct vcpu *v, const struct vcpu_pristine *p, struct error *e)
{
	int from = p->fd[v->id ? 1 : 0];
	int err = copy_registers(v->fd, from);

	for (u32 i = 0; !err && i < p->msrs->nmsrs; i++)
		copy_msr(v->fd, from, p->msrs->indices[i]);
	for (size_t i = 0; !err && i < ARRAY_SIZE(unlisted_msrs); i++)
		copy_msr(v->fd, from, unlisted_msrs[i]);
	if (!err)
		err = copy_apic(v->fd, from, v->id);
	if (!err)
		err = kvm_set_mp_state(v->fd,
				       v->id ? KVM_MP_STATE_UNINITIALIZED : KVM_MP_STATE_RUNNABLE);
	v->run->kvm_dirty_regs = 0;
	return err ? error_sys(e, err, "reset: CPU %u", v->id) : 0;
}
