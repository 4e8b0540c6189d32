/* SPDX-License-Identifier: MIT */
/* quirks.c - see quirks.h. */
#include "vmm/quirks.h"

#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/abi/pc.h"
#include "vmm/kvm.h"

const struct quirk_feature quirk_features[] = {
	{ "cx16", 1, 0, REG_ECX, 13 },		{ "movbe", 1, 0, REG_ECX, 22 },
	{ "xsave", 1, 0, REG_ECX, 26 },		{ "avx", 1, 0, REG_ECX, 28 },
	{ "f16c", 1, 0, REG_ECX, 29 },		{ "fma", 1, 0, REG_ECX, 12 },
	{ "avx2", 7, 0, REG_EBX, 5 },		{ "invpcid", 7, 0, REG_EBX, 10 },
	{ "smap", 7, 0, REG_EBX, 20 },		{ "clwb", 7, 0, REG_EBX, 24 },
	{ "rdpru", 0x80000008, 0, REG_EBX, 4 },
};
const unsigned nr_quirk_features = ARRAY_SIZE(quirk_features);

const char *quirks_hidden_names(const struct kvm_quirks *q, char buf[QUIRK_NAMES_MAX])
{
	size_t n = 0;

	buf[0] = '\0';
	for (unsigned i = 0; q->ring0_interpreted && i < nr_quirk_features; i++)
		n += (size_t)snprintf(buf + n, QUIRK_NAMES_MAX - n, "%s%s", n ? " " : "",
				      quirk_features[i].name);
	return buf;
}

#define CPUID_1_ECX_VMX	       (1u << 5)
#define CPUID_80000001_ECX_SVM (1u << 2)

void quirks_detect(struct kvm_quirks *q)
{
	u32 a, b, c = 0, d, ext = 0;
	bool hardware;

	__get_cpuid(1, &a, &b, &c, &d);
	__get_cpuid(0x80000001, &a, &b, &ext, &d);
	hardware = (c & CPUID_1_ECX_VMX) || (ext & CPUID_80000001_ECX_SVM);
	/* A KVM that works without either must run privileged guest code in software, and has no
	 * instruction that traps into it as a hypercall does. */
	q->ring0_interpreted = !hardware;
	q->no_hypercall = !hardware;
}

/*
 * The scratch guest: one page at 0. The instruction under test stands at 0x100, followed by code
 * that reports 1 at the exit port; interrupt vector 6 (#UD) leads to code that reports 2.
 */
#define PROBE_CODE	0x100
#define PROBE_UD_CODE	0x200
#define PROBE_REPORT_OK 1
#define PROBE_REPORT_UD 2

static const struct {
	const char *what;
	u8 code[8];
	u8 len;
} probes[] = {
	{ "vmcall", { 0x0f, 0x01, 0xc1 }, 3 },
	{ "vmmcall", { 0x0f, 0x01, 0xd9 }, 3 },
	{ "movbe", { 0x0f, 0x38, 0xf0, 0x06, 0x00, 0x08 }, 6 }, /* movbe ax, [0x800] */
	{ "clwb", { 0x66, 0x0f, 0xae, 0x36, 0x00, 0x08 }, 6 },	/* clwb [0x800] */
	{ "fxsave", { 0x0f, 0xae, 0x06, 0x00, 0x08 }, 5 },	/* fxsave [0x800] */
	{ "cpuid", { 0x0f, 0xa2 }, 2 },
};

static void put_report(u8 *at, u8 value)
{
	const u8 code[] = { 0xb0, value, 0xe6, PC_EXIT_PORT,
			    0xf4 }; /* mov al, v; out port, al; hlt */

	memcpy(at, code, sizeof(code));
}

static enum probe_outcome probe_exit(const struct kvm_run *run)
{
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	    run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
		return PROBE_NOT_EMULATED;
	if (run->exit_reason == KVM_EXIT_IO && run->io.port == PC_EXIT_PORT) {
		u8 report = ((const u8 *)run)[run->io.data_offset];

		return report == PROBE_REPORT_OK ? PROBE_WORKS : PROBE_UD;
	}
	return PROBE_OTHER;
}

/* One instruction in a fresh VM: what one probe left behind cannot colour the next. */
static int probe_one(int kvm, u32 run_size, u8 *page, enum probe_outcome *out)
{
	struct kvm_regs regs = { .rip = PROBE_CODE, .rsp = 0xf00, .rflags = 2 };
	int vm = kvm_create_vm(kvm), vcpu = -1, err;
	struct kvm_run *run = MAP_FAILED;
	struct kvm_cpuid2 *cpuid = NULL;
	struct kvm_sregs sregs;

	if (vm < 0)
		return vm;
	/* Without this the rewriting of vmcall would spin for ever on some hosts. */
	kvm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_FIX_HYPERCALL_INSN);
	kvm_set_tss_addr(vm, 0xfffbd000);
	err = kvm_set_memory(vm, 0, 0, GUEST_PAGE_SIZE, page, 0);
	if (err)
		goto out;
	vcpu = err = kvm_create_vcpu(vm, 0);
	if (vcpu < 0)
		goto out;
	run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	err = run == MAP_FAILED ? -errno : kvm_get_sregs(vcpu, &sregs);
	if (err)
		goto out;
	cpuid = kvm_supported_cpuid(kvm);
	sregs.cs.base = sregs.cs.selector = 0;
	err = cpuid ? kvm_set_cpuid(vcpu, cpuid) : -errno;
	if (!err)
		err = kvm_set_sregs(vcpu, &sregs);
	if (!err)
		err = kvm_set_regs(vcpu, &regs);
	if (!err)
		err = kvm_run(vcpu);
	if (!err)
		*out = probe_exit(run);
out:
	free(cpuid);
	if (run != MAP_FAILED)
		munmap(run, run_size);
	if (vcpu >= 0)
		close(vcpu);
	close(vm);
	return err;
}

int quirks_probe(int kvm, struct probe_result out[QUIRK_MAX_PROBES], struct error *e)
{
	int run_size = kvm_run_size(kvm), n = 0;
	u8 *page;

	_Static_assert(ARRAY_SIZE(probes) <= QUIRK_MAX_PROBES, "room for every probe");
	if (run_size < 0)
		return error_sys(e, run_size, "KVM_GET_VCPU_MMAP_SIZE");
	/* Without DISABLE_QUIRKS2 the vmcall probe could hang on the hosts that it is meant for. */
	if (!(kvm_check(kvm, KVM_CAP_DISABLE_QUIRKS2) & KVM_X86_QUIRK_FIX_HYPERCALL_INSN))
		return error_set(e, -ENOTSUP, "this KVM is too old to be probed safely");
	page = mmap(NULL, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (page == MAP_FAILED)
		return error_sys(e, -errno, "probe page");
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		int err;

		memset(page, 0, GUEST_PAGE_SIZE);
		page[6 * 4] = PROBE_UD_CODE & 0xff;
		page[6 * 4 + 1] = PROBE_UD_CODE >> 8;
		memcpy(page + PROBE_CODE, probes[i].code, probes[i].len);
		put_report(page + PROBE_CODE + probes[i].len, PROBE_REPORT_OK);
		put_report(page + PROBE_UD_CODE, PROBE_REPORT_UD);
		out[n].what = probes[i].what;
		out[n].outcome = PROBE_OTHER;
		err = probe_one(kvm, (u32)run_size, page, &out[n].outcome);
		if (err) {
			munmap(page, GUEST_PAGE_SIZE);
			return error_sys(e, err, "probe guest for %s", probes[i].what);
		}
		n++;
	}
	munmap(page, GUEST_PAGE_SIZE);
	return n;
}
