/* SPDX-License-Identifier: MIT */
/*
 * quirks.h - what this host's KVM cannot do although it advertises it.
 *
 * Everything that is special about a host is found here, by asking the CPU or by trying, never by
 * a module's name. On a host with VMX or SVM the answer is "nothing" and costs one CPUID.
 */
#ifndef VMM_QUIRKS_H
#define VMM_QUIRKS_H

#include "base/error.h"
#include "base/types.h"

struct kvm_quirks {
	/*
	 * KVM without VMX or SVM interprets ring 0. The interpreter knows the common instructions;
	 * CPU features whose instructions it lacks are hidden from the guest.
	 */
	bool ring0_interpreted;
	/*
	 * vmcall and vmmcall do not reach KVM: with KVM's default of rewriting the wrong vendor's form
	 * they even never return. No hypercall-based feature is advertised then.
	 */
	bool no_hypercall;
};

/* What the launch path goes by: decided from the host CPU's CPUID. */
void quirks_detect(struct kvm_quirks *q);

/* A feature bit that is hidden where ring 0 is interpreted, with the instruction that is missing. */
struct quirk_feature {
	const char *name;
	u32 leaf, index;
	enum { REG_EAX, REG_EBX, REG_ECX, REG_EDX } reg;
	u32 bit;
};
extern const struct quirk_feature quirk_features[];
extern const unsigned nr_quirk_features;

/*
 * Where user mode runs natively, CPUID answers there with the host's bits, hidden or not. The names of
 * the hidden ones, with a blank between, are for the device tree. Returns buf.
 */
#define QUIRK_NAMES_MAX 128
const char *quirks_hidden_names(const struct kvm_quirks *q, char buf[QUIRK_NAMES_MAX]);

/* What an instruction did when a scratch guest executed it. */
enum probe_outcome { PROBE_WORKS, PROBE_UD, PROBE_NOT_EMULATED, PROBE_OTHER };

struct probe_result {
	const char *what;
	enum probe_outcome outcome;
};

#define QUIRK_MAX_PROBES 8

/*
 * Runs each probe instruction in a scratch real-mode guest (about 2 ms each; for doctor and tests).
 * Returns the number of results, or -errno with e filled.
 */
int quirks_probe(int kvm, struct probe_result out[QUIRK_MAX_PROBES], struct error *e);

#endif
