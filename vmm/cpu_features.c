/* SPDX-License-Identifier: MIT */
/* cpu_features.c - see cpu_features.h. */
#include "vmm/cpu_features.h"

#include <errno.h>
#include <string.h>

#include "base/suggest.h"

enum reg { EAX, EBX, ECX, EDX };

/* clang-format off */
static const struct feature {
	const char *name;
	u32 leaf;
	u8 index, reg, bit;
} features[] = {
	{ "pni", 1, 0, ECX, 0 }, { "pclmulqdq", 1, 0, ECX, 1 }, { "monitor", 1, 0, ECX, 3 },
	{ "vmx", 1, 0, ECX, 5 }, { "ssse3", 1, 0, ECX, 9 }, { "fma", 1, 0, ECX, 12 },
	{ "cx16", 1, 0, ECX, 13 }, { "pdcm", 1, 0, ECX, 15 }, { "pcid", 1, 0, ECX, 17 },
	{ "sse4.1", 1, 0, ECX, 19 }, { "sse4.2", 1, 0, ECX, 20 }, { "x2apic", 1, 0, ECX, 21 },
	{ "movbe", 1, 0, ECX, 22 }, { "popcnt", 1, 0, ECX, 23 },
	{ "tsc-deadline", 1, 0, ECX, 24 }, { "aes", 1, 0, ECX, 25 }, { "xsave", 1, 0, ECX, 26 },
	{ "avx", 1, 0, ECX, 28 }, { "f16c", 1, 0, ECX, 29 }, { "rdrand", 1, 0, ECX, 30 },
	{ "hypervisor", 1, 0, ECX, 31 },
	{ "fpu", 1, 0, EDX, 0 }, { "vme", 1, 0, EDX, 1 }, { "de", 1, 0, EDX, 2 },
	{ "pse", 1, 0, EDX, 3 }, { "tsc", 1, 0, EDX, 4 }, { "msr", 1, 0, EDX, 5 },
	{ "pae", 1, 0, EDX, 6 }, { "mce", 1, 0, EDX, 7 }, { "cx8", 1, 0, EDX, 8 },
	{ "apic", 1, 0, EDX, 9 }, { "sep", 1, 0, EDX, 11 }, { "mtrr", 1, 0, EDX, 12 },
	{ "pge", 1, 0, EDX, 13 }, { "mca", 1, 0, EDX, 14 }, { "cmov", 1, 0, EDX, 15 },
	{ "pat", 1, 0, EDX, 16 }, { "pse36", 1, 0, EDX, 17 }, { "clflush", 1, 0, EDX, 19 },
	{ "mmx", 1, 0, EDX, 23 }, { "fxsr", 1, 0, EDX, 24 }, { "sse", 1, 0, EDX, 25 },
	{ "sse2", 1, 0, EDX, 26 }, { "ss", 1, 0, EDX, 27 }, { "ht", 1, 0, EDX, 28 },
	{ "arat", 6, 0, EAX, 2 },
	{ "fsgsbase", 7, 0, EBX, 0 }, { "tsc_adjust", 7, 0, EBX, 1 }, { "bmi1", 7, 0, EBX, 3 },
	{ "hle", 7, 0, EBX, 4 }, { "avx2", 7, 0, EBX, 5 }, { "smep", 7, 0, EBX, 7 },
	{ "bmi2", 7, 0, EBX, 8 }, { "erms", 7, 0, EBX, 9 }, { "invpcid", 7, 0, EBX, 10 },
	{ "rtm", 7, 0, EBX, 11 }, { "mpx", 7, 0, EBX, 14 }, { "avx512f", 7, 0, EBX, 16 },
	{ "avx512dq", 7, 0, EBX, 17 }, { "rdseed", 7, 0, EBX, 18 }, { "adx", 7, 0, EBX, 19 },
	{ "smap", 7, 0, EBX, 20 }, { "avx512ifma", 7, 0, EBX, 21 },
	{ "clflushopt", 7, 0, EBX, 23 }, { "clwb", 7, 0, EBX, 24 },
	{ "avx512cd", 7, 0, EBX, 28 }, { "sha-ni", 7, 0, EBX, 29 },
	{ "avx512bw", 7, 0, EBX, 30 }, { "avx512vl", 7, 0, EBX, 31 },
	{ "avx512vbmi", 7, 0, ECX, 1 }, { "umip", 7, 0, ECX, 2 }, { "pku", 7, 0, ECX, 3 },
	{ "ospke", 7, 0, ECX, 4 }, { "waitpkg", 7, 0, ECX, 5 }, { "avx512vbmi2", 7, 0, ECX, 6 },
	{ "gfni", 7, 0, ECX, 8 }, { "vaes", 7, 0, ECX, 9 }, { "vpclmulqdq", 7, 0, ECX, 10 },
	{ "avx512vnni", 7, 0, ECX, 11 }, { "avx512bitalg", 7, 0, ECX, 12 },
	{ "avx512-vpopcntdq", 7, 0, ECX, 14 }, { "la57", 7, 0, ECX, 16 },
	{ "rdpid", 7, 0, ECX, 22 }, { "bus-lock-detect", 7, 0, ECX, 24 },
	{ "cldemote", 7, 0, ECX, 25 }, { "movdiri", 7, 0, ECX, 27 },
	{ "movdir64b", 7, 0, ECX, 28 },
	{ "fsrm", 7, 0, EDX, 4 }, { "avx512-vp2intersect", 7, 0, EDX, 8 },
	{ "md-clear", 7, 0, EDX, 10 }, { "serialize", 7, 0, EDX, 14 },
	{ "amx-bf16", 7, 0, EDX, 22 }, { "avx512-fp16", 7, 0, EDX, 23 },
	{ "amx-tile", 7, 0, EDX, 24 }, { "amx-int8", 7, 0, EDX, 25 },
	{ "spec-ctrl", 7, 0, EDX, 26 }, { "stibp", 7, 0, EDX, 27 },
	{ "flush-l1d", 7, 0, EDX, 28 }, { "arch-capabilities", 7, 0, EDX, 29 },
	{ "core-capability", 7, 0, EDX, 30 }, { "ssbd", 7, 0, EDX, 31 },
	{ "avx-vnni", 7, 1, EAX, 4 }, { "avx512-bf16", 7, 1, EAX, 5 },
	{ "fzrm", 7, 1, EAX, 10 }, { "fsrs", 7, 1, EAX, 11 }, { "fsrc", 7, 1, EAX, 12 },
	{ "xsaveopt", 13, 1, EAX, 0 }, { "xsavec", 13, 1, EAX, 1 },
	{ "xgetbv1", 13, 1, EAX, 2 }, { "xsaves", 13, 1, EAX, 3 },
	{ "kvmclock", 0x40000001, 0, EAX, 0 }, { "kvm-nopiodelay", 0x40000001, 0, EAX, 1 },
	{ "kvmclock", 0x40000001, 0, EAX, 3 }, { "kvm-asyncpf", 0x40000001, 0, EAX, 4 },
	{ "kvm-steal-time", 0x40000001, 0, EAX, 5 }, { "kvm-pv-eoi", 0x40000001, 0, EAX, 6 },
	{ "kvm-pv-unhalt", 0x40000001, 0, EAX, 7 },
	{ "kvm-pv-tlb-flush", 0x40000001, 0, EAX, 9 },
	{ "kvm-asyncpf-vmexit", 0x40000001, 0, EAX, 10 },
	{ "kvm-pv-ipi", 0x40000001, 0, EAX, 11 },
	{ "kvm-poll-control", 0x40000001, 0, EAX, 12 },
	{ "kvm-pv-sched-yield", 0x40000001, 0, EAX, 13 },
	{ "kvm-asyncpf-int", 0x40000001, 0, EAX, 14 },
	{ "kvm-msi-ext-dest-id", 0x40000001, 0, EAX, 15 },
	{ "kvmclock-stable-bit", 0x40000001, 0, EAX, 24 },
	{ "lahf_lm", 0x80000001, 0, ECX, 0 }, { "cmp_legacy", 0x80000001, 0, ECX, 1 },
	{ "svm", 0x80000001, 0, ECX, 2 }, { "extapic", 0x80000001, 0, ECX, 3 },
	{ "cr8legacy", 0x80000001, 0, ECX, 4 }, { "abm", 0x80000001, 0, ECX, 5 },
	{ "sse4a", 0x80000001, 0, ECX, 6 }, { "misalignsse", 0x80000001, 0, ECX, 7 },
	{ "3dnowprefetch", 0x80000001, 0, ECX, 8 }, { "osvw", 0x80000001, 0, ECX, 9 },
	{ "xop", 0x80000001, 0, ECX, 11 }, { "wdt", 0x80000001, 0, ECX, 13 },
	{ "fma4", 0x80000001, 0, ECX, 16 }, { "tbm", 0x80000001, 0, ECX, 21 },
	{ "topoext", 0x80000001, 0, ECX, 22 }, { "perfctr-core", 0x80000001, 0, ECX, 23 },
	{ "syscall", 0x80000001, 0, EDX, 11 }, { "nx", 0x80000001, 0, EDX, 20 },
	{ "mmxext", 0x80000001, 0, EDX, 22 }, { "fxsr_opt", 0x80000001, 0, EDX, 25 },
	{ "pdpe1gb", 0x80000001, 0, EDX, 26 }, { "rdtscp", 0x80000001, 0, EDX, 27 },
	{ "lm", 0x80000001, 0, EDX, 29 }, { "3dnowext", 0x80000001, 0, EDX, 30 },
	{ "3dnow", 0x80000001, 0, EDX, 31 },
	{ "invtsc", 0x80000007, 0, EDX, 8 },
	{ "clzero", 0x80000008, 0, EBX, 0 }, { "xsaveerptr", 0x80000008, 0, EBX, 2 },
	{ "rdpru", 0x80000008, 0, EBX, 4 }, { "wbnoinvd", 0x80000008, 0, EBX, 9 },
	{ "ibpb", 0x80000008, 0, EBX, 12 }, { "amd-stibp", 0x80000008, 0, EBX, 15 },
	{ "amd-ssbd", 0x80000008, 0, EBX, 24 }, { "virt-ssbd", 0x80000008, 0, EBX, 25 },
	{ "amd-no-ssb", 0x80000008, 0, EBX, 26 },
	{ "npt", 0x8000000a, 0, EDX, 0 }, { "lbrv", 0x8000000a, 0, EDX, 1 },
	{ "svm-lock", 0x8000000a, 0, EDX, 2 }, { "nrip-save", 0x8000000a, 0, EDX, 3 },
	{ "tsc-scale", 0x8000000a, 0, EDX, 4 }, { "vmcb-clean", 0x8000000a, 0, EDX, 5 },
	{ "flushbyasid", 0x8000000a, 0, EDX, 6 }, { "decodeassists", 0x8000000a, 0, EDX, 7 },
	{ "pause-filter", 0x8000000a, 0, EDX, 10 }, { "pfthreshold", 0x8000000a, 0, EDX, 12 },
};
/* clang-format on */

bool cpu_feature_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (!strcmp(features[i].name, name))
			return true;
	return false;
}

const char *cpu_feature_suggest(const char *name)
{
	const char *names[ARRAY_SIZE(features)];

	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		names[i] = features[i].name;
	return suggest(name, names, ARRAY_SIZE(features));
}

/* The register that has the feature's bit, or NULL when there is no such leaf. */
static u32 *find(struct kvm_cpuid2 *c, const struct feature *f)
{
	for (u32 i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function != f->leaf ||
		    ((e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) && e->index != f->index))
			continue;
		return f->reg == EAX   ? &e->eax
		       : f->reg == EBX ? &e->ebx
		       : f->reg == ECX ? &e->ecx
				       : &e->edx;
	}
	return NULL;
}

static bool is_last(const struct cpu_wish *wishes, size_t n, size_t i)
{
	for (size_t j = i + 1; j < n; j++)
		if (!strcmp(wishes[i].feature, wishes[j].feature))
			return false;
	return true;
}

int cpu_features_apply(struct kvm_cpuid2 *c, const struct cpu_wish *wishes, size_t n,
		       struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		bool has = false;

		if (!is_last(wishes, n, i))
			continue;
		/* A feature may have more than one bit. */
		for (size_t j = 0; j < ARRAY_SIZE(features); j++) {
			u32 *reg = strcmp(features[j].name, wishes[i].feature)
					   ? NULL
					   : find(c, &features[j]);

			has |= reg && *reg & 1u << features[j].bit;
			if (reg && !wishes[i].on)
				*reg &= ~(1u << features[j].bit);
		}
		if (wishes[i].on && !has)
			return error_set(e, -ENOTSUP,
					 "CPU feature %s: this host's KVM does not offer it to a "
					 "guest; leave it out",
					 wishes[i].feature);
	}
	return 0;
}
