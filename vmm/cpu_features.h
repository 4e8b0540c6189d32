/* SPDX-License-Identifier: MIT */
/*
 * cpu_features.h - CPUID bits by the names that QEMU and libvirt give them, to be taken away from
 * a guest or insisted on. Bits: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E; KVM's own
 * leaf 0x40000001: Documentation/virt/kvm/x86/cpuid.rst.
 */
#ifndef VMM_CPU_FEATURES_H
#define VMM_CPU_FEATURES_H

#include <linux/kvm.h>

#include "base/error.h"
#include "base/types.h"

struct cpu_wish {
	const char *feature; /* a name that cpu_feature_known() */
	bool on;
};

bool cpu_feature_known(const char *name);

/* The known name nearest to a mistyped one, or NULL. */
const char *cpu_feature_suggest(const char *name);

/*
 * Takes features away, and checks that those insisted on are there: a guest is never given one that
 * KVM does not offer here. The last wish about a feature counts. 0, or -ENOTSUP with e filled.
 */
int cpu_features_apply(struct kvm_cpuid2 *c, const struct cpu_wish *wishes, size_t n,
		       struct error *e);

#endif
