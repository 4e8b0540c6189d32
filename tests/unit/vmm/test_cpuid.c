/* SPDX-License-Identifier: MIT */
/*
 * test_cpuid.c - the guest's CPUID from a made-up host's: topology for every number of CPUs by the
 * rules of Intel SDM volume 3, "Identifying Topological Relationships", the two modes, the quirks.
 */
#include "vmm/cpuid.h"

#include <asm/kvm_para.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cpu_features.h"
#include "vmm/kvm.h"

#define ROOM 64u

static void put(struct kvm_cpuid2 *c, u32 leaf, u32 index, u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	struct kvm_cpuid_entry2 *e = &c->entries[c->nent++];

	*e = (struct kvm_cpuid_entry2){
		.function = leaf, .index = index, .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx
	};
	if (leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd || leaf == 0x8000001d)
		e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
}

/* A host with 16 threads whose KVM offers everything. */
static struct kvm_cpuid2 *host(void)
{
	struct kvm_cpuid2 *c =
		calloc(1, sizeof(*c) + (ROOM + KVM_CPUID_SPARE) * sizeof(c->entries[0]));

	ck_assert_ptr_nonnull(c);
	put(c, 0, 0, 0x16, 0x756e6547, 0x6c65746e, 0x49656e69);
	put(c, 1, 0, 0x806e9, 0x05100800, 0xffffffff, 0xbfebfbff);
	put(c, 4, 0, 0x1c004121, 0x01c0003f, 0x3f, 0);
	put(c, 4, 1, 0x1c03c163, 0x02c0003f, 0x3fff, 6);
	put(c, 4, 2, 0, 0, 0, 0);
	put(c, 7, 0, 2, 0xffffffff, 0xffffffff, 0xffffffff);
	put(c, 0xb, 0, 1, 2, 0x100, 5);
	put(c, 0xb, 1, 4, 16, 0x201, 5);
	put(c, 0x40000000, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d);
	put(c, 0x40000001, 0, 0xffffffff, 0, 0, 0);
	put(c, 0x80000000, 0, 0x80000008, 0, 0, 0);
	put(c, 0x80000001, 0, 0, 0, 0xffffffff, 0xffffffff);
	put(c, 0x80000008, 0, 0x302e, 0, 0x400f, 0);
	return c;
}

static const struct kvm_cpuid_entry2 *get(const struct kvm_cpuid2 *c, u32 leaf, u32 index)
{
	for (u32 i = 0; i < c->nent; i++)
		if (c->entries[i].function == leaf && c->entries[i].index == index)
			return &c->entries[i];
	ck_abort_msg("no leaf %#x.%u", leaf, index);
	return NULL;
}

static struct kvm_cpuid2 *built(enum virt_mode virt, unsigned cpus, const struct kvm_quirks *q)
{
	static const struct kvm_quirks none;
	struct cpuid_request req = { .virt = virt,
				     .cpus = cpus,
				     .quirks = q ? q : &none,
				     .tsc_deadline = true,
				     .tsc_khz = 2600000,
				     .lapic_khz = 1000000 };
	struct kvm_cpuid2 *c = host();
	u32 before = c->nent;

	cpuid_build(c, &req);
	ck_assert_uint_le(c->nent, before + KVM_CPUID_SPARE);
	for (u32 i = 0; i < c->nent; i++)
		for (u32 j = 0; j < i; j++)
			ck_assert(c->entries[i].function != c->entries[j].function ||
				  c->entries[i].index != c->entries[j].index);
	return c;
}

START_TEST(topology)
{
	for (unsigned cpus = 1; cpus <= CONFIG_MAX_CPUS; cpus++) {
		struct kvm_cpuid2 *c = built(VIRT_FULL, cpus, NULL);
		const struct kvm_cpuid_entry2 *b1, *l1;
		unsigned shift = 0;

		while (1u << shift < cpus)
			shift++;
		/* Threads of a core: one, so no bits of the APIC id. Then the package's cores. */
		ck_assert_uint_eq(get(c, 0xb, 0)->eax, 0);
		ck_assert_uint_eq(get(c, 0xb, 0)->ebx, 1);
		ck_assert_uint_eq(get(c, 0xb, 0)->ecx, 0x100);
		b1 = get(c, 0xb, 1);
		ck_assert_uint_eq(b1->eax, shift);
		ck_assert_uint_eq(b1->ebx, cpus);
		ck_assert_uint_eq(b1->ecx, 0x201);
		ck_assert_uint_eq(get(c, 0xb, 2)->ecx, 2);
		ck_assert_uint_eq(get(c, 0xb, 2)->ebx, 0);
		l1 = get(c, 1, 0);
		ck_assert_uint_eq((l1->ebx >> 16 & 0xff), shift == 8 ? 0 : 1u << shift);
		ck_assert_int_eq(!!(l1->edx & 1u << 28), cpus > 1);
		ck_assert_uint_eq(get(c, 0x80000008, 0)->ecx, (cpus - 1) | shift << 12);
		ck_assert_uint_eq(get(c, 0x80000008, 0)->eax, 0x302e);
		/* The first-level cache is a core's own. */
		ck_assert_uint_eq(get(c, 4, 0)->eax >> 14 & 0xfff, 0);
		ck_assert_uint_eq(get(c, 4, 0)->eax & 0x3fff, 0x121);
		ck_assert_uint_eq(get(c, 4, 1)->eax >> 14 & 0xfff, (1u << shift) - 1);
		cpuid_set_apic_id(c, cpus - 1);
		ck_assert_uint_eq(get(c, 1, 0)->ebx >> 24, cpus - 1);
		for (u32 i = 0; i < 3; i++)
			ck_assert_uint_eq(get(c, 0xb, i)->edx, cpus - 1);
		free(c);
	}
}
END_TEST

START_TEST(full_hides_every_trace)
{
	struct kvm_cpuid2 *c = built(VIRT_FULL, 2, NULL);

	for (u32 i = 0; i < c->nent; i++)
		ck_assert_uint_ne(c->entries[i].function >> 28, 4);
	ck_assert_uint_eq(get(c, 1, 0)->ecx >> 31, 0);
	ck_assert_uint_eq(get(c, 1, 0)->ecx & 1u << 3, 0); /* MONITOR */
	free(c);
}
END_TEST

START_TEST(para_shows_kvm)
{
	struct kvm_quirks q = { .no_hypercall = true };
	struct kvm_cpuid2 *c = built(VIRT_PARA, 2, NULL);
	u32 features = get(c, KVM_CPUID_FEATURES, 0)->eax;

	ck_assert_uint_eq(get(c, 1, 0)->ecx >> 31, 1);
	ck_assert(features & 1u << KVM_FEATURE_CLOCKSOURCE2);
	ck_assert(features & 1u << KVM_FEATURE_PV_SEND_IPI);
	ck_assert(!(features & 1u << KVM_FEATURE_MSI_EXT_DEST_ID));
	/* The timing leaf is within the hypervisor's range, and says what it was told. */
	ck_assert_uint_eq(get(c, 0x40000010, 0)->eax, 2600000);
	ck_assert_uint_eq(get(c, 0x40000010, 0)->ebx, 1000000);
	ck_assert_uint_ge(get(c, 0x40000000, 0)->eax, 0x40000010);
	free(c);

	c = built(VIRT_PARA, 2, &q);
	features = get(c, KVM_CPUID_FEATURES, 0)->eax;
	ck_assert(features & 1u << KVM_FEATURE_CLOCKSOURCE2);
	ck_assert(!(features & 1u << KVM_FEATURE_PV_SEND_IPI));
	ck_assert(!(features & 1u << KVM_FEATURE_PV_UNHALT));
	ck_assert(!(features & 1u << KVM_FEATURE_PV_SCHED_YIELD));
	free(c);
}
END_TEST

START_TEST(quirks_hide_instructions)
{
	struct kvm_quirks q = { .ring0_interpreted = true };
	struct kvm_cpuid2 *c = built(VIRT_PARA, 1, &q);

	ck_assert_uint_gt(nr_quirk_features, 0);
	ck_assert(!(get(c, 1, 0)->ecx & 1u << 26)); /* XSAVE */
	ck_assert(!(get(c, 7, 0)->ebx & 1u << 20)); /* SMAP */
	ck_assert(get(c, 7, 0)->ebx & 1u << 7);	    /* SMEP needs no instruction */
	free(c);
	c = built(VIRT_PARA, 1, NULL);
	ck_assert(get(c, 1, 0)->ecx & 1u << 26);
	ck_assert(get(c, 7, 0)->ebx & 1u << 20);
	free(c);
}
END_TEST

START_TEST(brand_of_the_nameless)
{
	struct kvm_cpuid2 *c = built(VIRT_PARA, 1, NULL);
	char brand[49] = "";

	for (u32 i = 0; i < 3; i++)
		memcpy(brand + 16 * i, &get(c, 0x80000002 + i, 0)->eax, 16);
	ck_assert_str_eq(brand, "Parallax virtual CPU");
	ck_assert_uint_eq(get(c, 0x80000000, 0)->eax, 0x80000008);
	ck_assert_uint_eq(cpuid_phys_bits(c), 46);
	c->nent = 1;
	ck_assert_uint_eq(cpuid_phys_bits(c), 36);
	free(c);
}
END_TEST

START_TEST(wishes)
{
	static const struct cpu_wish off[] = { { "avx2", false },
					       { "kvmclock", false },
					       { "xsaves", false } };
	static const struct cpu_wish last_counts[] = { { "vmx", false }, { "vmx", true } };
	static const struct cpu_wish missing[] = { { "avx2", true }, { "vmx", true } };
	struct kvm_cpuid2 *c = built(VIRT_PARA, 1, NULL);
	u32 before = get(c, 0x40000001, 0)->eax;
	struct error e;

	ck_assert_int_eq(cpu_features_apply(c, last_counts, 2, &e), 0);
	ck_assert(get(c, 1, 0)->ecx & 1u << 5);
	ck_assert_int_eq(cpu_features_apply(c, off, 3, &e), 0);
	ck_assert_uint_eq(get(c, 7, 0)->ebx, 0xffffffff & ~(1u << 5));
	/* Both of its bits, and the others as they were. */
	ck_assert_uint_eq(get(c, 0x40000001, 0)->eax, before & ~(1u << 0 | 1u << 3));
	ck_assert_int_eq(cpu_features_apply(c, missing, 2, &e), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(e.text, "CPU feature avx2"));
	ck_assert(cpu_feature_known("sse4.2") && !cpu_feature_known("sse4"));
	ck_assert_str_eq(cpu_feature_suggest("avx512ff"), "avx512f");
	free(c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cpuid");
	TCase *tc = tcase_create("cpuid");
	SRunner *r;
	int failed;

	tcase_add_test(tc, topology);
	tcase_add_test(tc, full_hides_every_trace);
	tcase_add_test(tc, para_shows_kvm);
	tcase_add_test(tc, quirks_hide_instructions);
	tcase_add_test(tc, brand_of_the_nameless);
	tcase_add_test(tc, wishes);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
