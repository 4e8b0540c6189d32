/* SPDX-License-Identifier: MIT */
/* doctor.c - `parallax doctor`: what this host can do, what it lacks, and what to do about it. */
#include <asm/kvm_para.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cmd/cmd.h"
#include "vmm/kvm.h"
#include "vmm/machine.h"
#include "vmm/options.h"
#include "vmm/quirks.h"

static int set_kvm(void *ctx, const char *v, struct error *e)
{
	(void)e;
	*(const char **)ctx = v;
	return 0;
}

static const struct option_def defs[] = {
	{ "kvm", 0, "PATH", "the KVM device (default: /dev/kvm)", set_kvm },
};

static void line(const char *mark, const char *what, const char *text)
{
	printf("%-5s %-12s %s\n", mark, what, text);
}

/* A number from a file in /sys or /proc; false when it is not there. */
static bool read_number(const char *path, unsigned long *out)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f)
		return false;
	ok = fscanf(f, "%lu", out) == 1;
	fclose(f);
	return ok;
}

static void check_hugepages(void)
{
	static const struct {
		const char *name, *dir;
	} pools[] = { { "2M", "hugepages-2048kB" }, { "1G", "hugepages-1048576kB" } };
	char thp[64] = "not in this kernel", text[160];
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");

	if (f) {
		if (!fgets(thp, sizeof(thp), f))
			thp[0] = 0;
		fclose(f);
		thp[strcspn(thp, "\n")] = 0;
	}
	line(f && !strstr(thp, "[never]") ? "ok" : "note", "thp", thp);
	for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
		unsigned long total, avail;
		char path[128];

		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s/nr_hugepages",
			 pools[i].dir);
		if (!read_number(path, &total)) {
			snprintf(text, sizeof(text), "the host kernel has no %s pages",
				 pools[i].name);
			line("note", "hugetlb", text);
			continue;
		}
		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s/free_hugepages",
			 pools[i].dir);
		if (!read_number(path, &avail))
			avail = 0;
		snprintf(text, sizeof(text), "%s pages: %lu, free %lu%s%s%s%s", pools[i].name,
			 total, avail, total ? "" : "; for --hugepages ",
			 total ? "" : pools[i].name,
			 total ? "" : ": echo N > /sys/kernel/mm/hugepages/",
			 total ? "" : pools[i].dir);
		line(total ? "ok" : "note", "hugetlb", text);
	}
}

static void check_caps(int kvm)
{
	static const struct {
		int cap;
		const char *name, *without;
	} caps[] = {
		{ KVM_CAP_SPLIT_IRQCHIP, "split irqchip", "--virt para needs --irqchip kernel" },
		{ KVM_CAP_IRQFD, "irqfd", "interrupts from devices go through the VMM" },
		{ KVM_CAP_IOEVENTFD, "ioeventfd", "doorbells go through the VMM" },
		{ KVM_CAP_IMMEDIATE_EXIT, "immediate exit", "guests cannot be stopped reliably" },
		{ KVM_CAP_SYNC_REGS, "sync regs", "too old a KVM: guests do not start" },
		{ KVM_CAP_BINARY_STATS_FD, "binary stats", "--stats shows no KVM counters" },
		{ KVM_CAP_TSC_DEADLINE_TIMER, "TSC deadline", "guests use the LAPIC's own count" },
		{ KVM_CAP_SET_GUEST_DEBUG, "guest debug", "no breakpoints" },
	};
	char have[256] = "";

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		if (kvm_check(kvm, caps[i].cap) > 0) {
			snprintf(have + strlen(have), sizeof(have) - strlen(have), "%s%s",
				 have[0] ? ", " : "", caps[i].name);
		} else {
			char text[128];

			snprintf(text, sizeof(text), "no %s: %s", caps[i].name, caps[i].without);
			line("note", "kvm", text);
		}
	}
	line("ok", "kvm", have);
}

static void check_pv(int kvm, const struct kvm_quirks *q)
{
	static const struct {
		unsigned bit;
		const char *name;
		bool hypercall;
	} features[] = {
		{ KVM_FEATURE_CLOCKSOURCE2, "kvmclock", false },
		{ KVM_FEATURE_STEAL_TIME, "steal time", false },
		{ KVM_FEATURE_PV_EOI, "PV EOI", false },
		{ KVM_FEATURE_ASYNC_PF, "async page faults", false },
		{ KVM_FEATURE_PV_TLB_FLUSH, "PV TLB flush", false },
		{ KVM_FEATURE_PV_UNHALT, "PV kick", true },
		{ KVM_FEATURE_PV_SEND_IPI, "PV IPI", true },
		{ KVM_FEATURE_PV_SCHED_YIELD, "PV yield", true },
	};
	struct kvm_cpuid2 *c = kvm_supported_cpuid(kvm);
	char have[256] = "", lack[256] = "";
	u32 eax = 0;

	for (u32 i = 0; c && i < c->nent; i++)
		if (c->entries[i].function == 0x40000001)
			eax = c->entries[i].eax;
	free(c);
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		bool ok = (eax & (1u << features[i].bit)) &&
			  !(features[i].hypercall && q->no_hypercall);
		char *to = ok ? have : lack;

		snprintf(to + strlen(to), 256 - strlen(to), "%s%s", to[0] ? ", " : "",
			 features[i].name);
	}
	line("ok", "pv", have[0] ? have : "none");
	if (lack[0]) {
		char text[280];

		snprintf(text, sizeof(text), "not here: %s", lack);
		line("note", "pv", text);
	}
}

static void check_quirks(int kvm, const struct kvm_quirks *q)
{
	static const char *const words[] = {
		[PROBE_WORKS] = "works",
		[PROBE_UD] = "#UD",
		[PROBE_NOT_EMULATED] = "not emulated",
		[PROBE_OTHER] = "unexpected exit",
	};
	struct probe_result results[QUIRK_MAX_PROBES];
	char text[256] = "";
	struct error e;
	int n;

	if (q->ring0_interpreted) {
		line("note", "cpu",
		     "no VMX or SVM: KVM interprets ring 0, a few million instructions a second");
		line("", "", "unmodified Linux does not get far here; the tiny kernel does");
		for (unsigned i = 0; i < nr_quirk_features; i++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
				 i ? ", " : "hidden from guests: ", quirk_features[i].name);
		line("note", "cpu", text);
	} else {
		line("ok", "cpu", "hardware virtualization (VMX or SVM)");
	}
	n = quirks_probe(kvm, results, &e);
	if (n < 0) {
		line("note", "probes", e.text);
		return;
	}
	text[0] = 0;
	for (int i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %s", i ? ", " : "",
			 results[i].what, words[results[i].outcome]);
	line("ok", "probes", text);
}

int cmd_doctor(int argc, char **argv)
{
	const char *path = "/dev/kvm";
	struct option_set set = { .defs = defs, .n = ARRAY_SIZE(defs), .ctx = &path };
	struct kvm_quirks q;
	struct error e;
	char text[64];
	int err = options_parse(&set, argc, argv, NULL, &e), kvm;

	if (err == 1) {
		printf("usage: parallax doctor [options]\n\n"
		       "Says what this host can do for guests, and what to do about the rest.\n"
		       "Status 0 when guests can run, 125 when not.\n\n");
		options_help(&set, stdout);
		return 0;
	}
	if (err)
		return cmd_fail("doctor", &e, EXIT_BAD_USAGE);
	quirks_detect(&q);
	kvm = kvm_open(path, &e);
	if (kvm < 0) {
		line("BAD", "kvm", e.text);
		check_hugepages();
		return EXIT_NO_START;
	}
	snprintf(text, sizeof(text), "%s opens, API %d, up to %d vCPUs", path, KVM_API_VERSION,
		 kvm_check(kvm, KVM_CAP_MAX_VCPUS));
	line("ok", "kvm", text);
	check_caps(kvm);
	check_quirks(kvm, &q);
	check_pv(kvm, &q);
	check_hugepages();
	close(kvm);
	return 0;
}
