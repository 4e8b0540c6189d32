/* SPDX-License-Identifier: MIT */
/*
 * cpuid.c - see cpuid.h. Leaf and bit numbers: Intel SDM volume 2A, CPUID; AMD APM volume 3,
 * appendix E; hypervisor leaves: Documentation/virt/kvm/x86/cpuid.rst.
 */
#include "vmm/cpuid.h"

#include <asm/kvm_para.h>
#include <string.h>

#define LEAF_KVM_SIGNATURE  0x40000000u
#define LEAF_KVM_FEATURES   0x40000001u
#define LEAF_TIMING	    0x40000010u /* EAX: TSC kHz, EBX: local APIC timer kHz */

#define L1_ECX_MONITOR	    (1u << 3)
#define L1_ECX_X2APIC	    (1u << 21)
#define L1_ECX_TSC_DEADLINE (1u << 24)
#define L1_ECX_OSXSAVE	    (1u << 27)
#define L1_ECX_HYPERVISOR   (1u << 31)
#define L1_EDX_HTT	    (1u << 28)

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *c, u32 leaf, u32 index)
{
	for (u32 i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == leaf &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			return e;
	}
	return NULL;
}

/* The entry of a leaf without subleaves, added when it is not there. */
static struct kvm_cpuid_entry2 *find_or_add(struct kvm_cpuid2 *c, u32 leaf)
{
	struct kvm_cpuid_entry2 *e = find(c, leaf, 0);

	if (!e) {
		e = &c->entries[c->nent++];
		memset(e, 0, sizeof(*e));
		e->function = leaf;
	}
	return e;
}

static void drop_range(struct kvm_cpuid2 *c, u32 first, u32 last)
{
	u32 n = 0;

	for (u32 i = 0; i < c->nent; i++)
		if (c->entries[i].function < first || c->entries[i].function > last)
			c->entries[n++] = c->entries[i];
	c->nent = n;
}

static unsigned bits_for(unsigned n)
{
	return n <= 1 ? 0 : 32 - (unsigned)__builtin_clz(n - 1);
}

/* Extended topology: subleaf 0 the threads of a core, 1 the cores of the package, 2 the end. */
static void add_extended_topology(struct kvm_cpuid2 *c, u32 leaf, unsigned cpus)
{
	for (u32 i = 0; i < 3; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[c->nent++];

		*e = (struct kvm_cpuid_entry2){
			.function = leaf,
			.index = i,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = i == 1 ? bits_for(cpus) : 0,
			.ebx = i == 0	? 1
			       : i == 1 ? cpus
					: 0,
			.ecx = i | (i < 2 ? (i + 1) << 8 : 0), /* level type: 1 thread, 2 core */
		};
	}
}

/* A socket has `cpus` cores of one thread; with several sockets, cpus is a power of two. */
static void set_topology(struct kvm_cpuid2 *c, unsigned cpus)
{
	unsigned shift = bits_for(cpus);
	struct kvm_cpuid_entry2 *e = find(c, 1, 0);

	if (e) {
		e->ebx = (e->ebx & 0x0000ffffu) | (1u << shift) << 16;
		e->edx = cpus > 1 ? e->edx | L1_EDX_HTT : e->edx & ~L1_EDX_HTT;
	}
	drop_range(c, 0xb, 0xb);
	drop_range(c, 0x1f, 0x1f);
	e = find(c, 0, 0);
	if (e && e->eax >= 0xb)
		add_extended_topology(c, 0xb, cpus);
	for (u32 i = 0; i < c->nent; i++) {
		e = &c->entries[i];
		switch (e->function) {
		case 4: {
			u32 level = (e->eax >> 5) & 7;

			if (!(e->eax & 0x1f))
				break;
			/* Cores in the package, and how many share this cache: the last level is
			 * everybody's, the others are private. */
			e->eax &= 0x3fff;
			e->eax |= ((1u << shift) - 1) << 26;
			if (level >= 3)
				e->eax |= ((1u << shift) - 1) << 14;
			break;
		}
		case 0x80000008:
			e->ecx = (cpus - 1) | shift << 12;
			break;
		case 0x8000001e:
			e->ebx = e->ecx = 0;
			break;
		case 0x8000001d:
			if (e->eax & 0x1f) {
				e->eax &= 0x3fff;
				if (((e->eax >> 5) & 7) >= 3)
					e->eax |= (cpus - 1) << 14;
			}
			break;
		default:
			break;
		}
	}
}

static void set_brand(struct kvm_cpuid2 *c, enum virt_mode virt)
{
	char brand[48] = { 0 };
	struct kvm_cpuid_entry2 *e = find(c, 0x80000002, 0);

	/* The host's own name serves; some KVMs leave it empty. */
	if (e && (e->eax || e->ebx))
		return;
	strcpy(brand, virt == VIRT_FULL ? "x86-64 processor" : "Parallax virtual CPU");
	for (u32 i = 0; i < 3; i++) {
		u32 w[4];

		memcpy(w, brand + 16 * i, sizeof(w));
		e = find_or_add(c, 0x80000002 + i);
		e->eax = w[0];
		e->ebx = w[1];
		e->ecx = w[2];
		e->edx = w[3];
	}
	e = find_or_add(c, 0x80000000);
	if (e->eax < 0x80000004)
		e->eax = 0x80000004;
}

static void hide_features(struct kvm_cpuid2 *c, const struct kvm_quirks *q)
{
	for (unsigned i = 0; q->ring0_interpreted && i < nr_quirk_features; i++) {
		const struct quirk_feature *f = &quirk_features[i];
		struct kvm_cpuid_entry2 *e = find(c, f->leaf, f->index);
		u32 *reg;

		if (!e)
			continue;
		reg = f->reg == REG_EAX	  ? &e->eax
		      : f->reg == REG_EBX ? &e->ebx
		      : f->reg == REG_ECX ? &e->ecx
					  : &e->edx;
		*reg &= ~(1u << f->bit);
	}
}

/* Paravirtual features that a guest reaches by hypercall. */
#define KVM_HYPERCALL_FEATURES                                         \
	(1u << KVM_FEATURE_PV_UNHALT | 1u << KVM_FEATURE_PV_SEND_IPI | \
	 1u << KVM_FEATURE_PV_SCHED_YIELD | 1u << KVM_FEATURE_HC_MAP_GPA_RANGE)

static void set_hypervisor(struct kvm_cpuid2 *c, const struct cpuid_request *req)
{
	struct kvm_cpuid_entry2 *l1 = find(c, 1, 0), *e;

	if (req->virt == VIRT_FULL) {
		drop_range(c, 0x40000000, 0x4fffffff);
		if (l1)
			l1->ecx &= ~L1_ECX_HYPERVISOR;
		return;
	}
	if (l1)
		l1->ecx |= L1_ECX_HYPERVISOR;
	e = find(c, LEAF_KVM_FEATURES, 0);
	if (e) {
		/* Destination ids above 255 would need IOAPIC and MSI support for them. */
		e->eax &= ~(1u << KVM_FEATURE_MSI_EXT_DEST_ID);
		if (req->quirks->no_hypercall)
			e->eax &= ~KVM_HYPERCALL_FEATURES;
	}
	if (req->tsc_khz) {
		e = find_or_add(c, LEAF_TIMING);
		e->eax = req->tsc_khz;
		e->ebx = req->lapic_khz;
		e = find_or_add(c, LEAF_KVM_SIGNATURE);
		if (e->eax < LEAF_TIMING)
			e->eax = LEAF_TIMING;
	}
}

void cpuid_build(struct kvm_cpuid2 *c, const struct cpuid_request *req)
{
	struct kvm_cpuid_entry2 *e = find(c, 1, 0);

	if (e) {
		/* OSXSAVE mirrors CR4 and is KVM's to set; MONITOR would trap into nothing useful;
		 * x2APIC and the deadline timer come from KVM's local APIC. */
		e->ecx &= ~(L1_ECX_MONITOR | L1_ECX_OSXSAVE | L1_ECX_TSC_DEADLINE);
		e->ecx |= L1_ECX_X2APIC;
		if (req->tsc_deadline)
			e->ecx |= L1_ECX_TSC_DEADLINE;
	}
	set_topology(c, req->cpus);
	set_brand(c, req->virt);
	hide_features(c, req->quirks);
	set_hypervisor(c, req);
}

void cpuid_set_apic_id(struct kvm_cpuid2 *c, u32 apic_id)
{
	for (u32 i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		switch (e->function) {
		case 1:
			e->ebx = (e->ebx & 0x00ffffffu) | apic_id << 24;
			break;
		case 0xb:
			e->edx = apic_id;
			break;
		case 0x8000001e:
			e->eax = apic_id;
			e->ebx = (e->ebx & ~0xffu) | (apic_id & 0xff);
			break;
		default:
			break;
		}
	}
}

unsigned cpuid_phys_bits(const struct kvm_cpuid2 *c)
{
	for (u32 i = 0; i < c->nent; i++)
		if (c->entries[i].function == 0x80000008)
			return c->entries[i].eax & 0xff;
	return 36;
}
