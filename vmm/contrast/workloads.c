/* SPDX-License-Identifier: MIT */
/* workloads.c - what can be contrasted, and in which modes. */
#include <errno.h>
#include <string.h>

#include "vmm/contrast/contrast.h"

const struct contrast_workload contrast_workloads[] = {
	{ "boot", "From entry to the first thread", "boot", "boot", 0, 1, false, false },
	{ "console", "64 KiB of console output", "line", "console", 0, 1, false, false },
	{ "disk-read", "Disk, 4 KiB reads in a row", "request", "disk-read", 0, 1, true, false },
	{ "disk-read-random", "Disk, 4 KiB reads at random", "request", "disk-read-random", 0, 1,
	  true, false },
	{ "disk-write", "Disk, 4 KiB writes in a row", "request", "disk-write", 0, 1, true, false },
	{ "disk-write-random", "Disk, 4 KiB writes at random", "request", "disk-write-random", 0, 1,
	  true, false },
	{ "tick-100", "A busy CPU under a 100 Hz tick", "tick", "tick", 100, 1, false, false },
	{ "tick-250", "A busy CPU under a 250 Hz tick", "tick", "tick", 250, 1, false, false },
	{ "tick-1000", "A busy CPU under a 1000 Hz tick", "tick", "tick", 1000, 1, false, false },
	{ "idle", "Sleeping and being woken by a timer", "sleep", "idle", 0, 1, false, false },
	{ "switch", "Two threads wake each other, one CPU", "round trip", "switch", 0, 1, false,
	  false },
	{ "switch-far", "Two threads wake each other, two CPUs", "round trip", "switch-far", 0, 2,
	  false, false },
	{ "lock", "One spin lock, more vCPUs than CPUs", "acquisition", "lock", 0, 0, false,
	  false },
	{ "ipi", "A function called on another CPU", "call", "ipi", 0, 2, false, false },
	{ "clock", "Reading the clock", "read", "clock", 0, 1, false, false },
	{ "fault", "Page faults in the kernel", "fault", "fault", 0, 1, false, false },
	{ "vmalloc", "Address space mapped and unmapped, two CPUs", "area of 64 KiB", "vmalloc", 0,
	  2, false, false },
	{ "touch", "Memory touched for the first time", "page", "touch", 0, 1, false, true },
	{ "chase", "Pointers chased through 32 MiB", "hop", "chase", 0, 1, false, true },
};
const size_t contrast_nr_workloads = ARRAY_SIZE(contrast_workloads);

const struct contrast_workload *contrast_workload_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(contrast_workloads); i++)
		if (strlen(contrast_workloads[i].name) == len &&
		    !memcmp(contrast_workloads[i].name, name, len))
			return &contrast_workloads[i];
	return NULL;
}

/* What a guest of KVM can be told to do without (guest/platform/kvm.c). */
static const char *const pv_features[] = { "clock", "steal", "eoi" };

static bool pv_feature_known(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(pv_features); i++)
		if (strlen(pv_features[i]) == len && !memcmp(pv_features[i], name, len))
			return true;
	return false;
}

int contrast_mode_parse(const char *text, size_t len, struct contrast_mode *out, struct error *e)
{
	const char *end = text + len, *p;

	*out = (struct contrast_mode){ .virt = VIRT_PARA };
	if (len >= sizeof(out->name))
		return error_set(e, -EINVAL, "--modes %.*s: too long", (int)len, text);
	memcpy(out->name, text, len);
	if (len == 4 && !memcmp(text, "full", 4)) {
		out->virt = VIRT_FULL;
		return 0;
	}
	if (len < 4 || memcmp(text, "para", 4) != 0 || (len > 4 && text[4] != '-'))
		return error_set(e, -EINVAL, "--modes %.*s: full, para, or para-FEATURE", (int)len,
				 text);
	for (p = text + 4; p < end;) {
		const char *name = p + 1, *next = memchr(name, '-', (size_t)(end - name));
		size_t n = (size_t)((next ? next : end) - name), used = strlen(out->pv);

		if (!pv_feature_known(name, n))
			return error_set(
				e, -EINVAL,
				"--modes %.*s: what para can do without: clock, steal, eoi",
				(int)len, text);
		snprintf(out->pv + used, sizeof(out->pv) - used, "%s-%.*s", used ? "," : "", (int)n,
			 name);
		p = name + n;
	}
	return 0;
}

static const char *const metric_names[CONTRAST_METRICS] = {
	[CM_N] = "n",
	[CM_GUEST_NS] = "guest_ns",
	[CM_WALL_NS] = "wall_ns",
	[CM_USER_NS] = "cpu_user_ns",
	[CM_SYS_NS] = "cpu_sys_ns",
	[CM_EXITS] = "exits",
	[CM_VMM_EXITS] = "vmm_exits",
	[CM_INSTRUCTIONS] = "instructions",
	[CM_EOI_WRITTEN] = "eoi_written",
	[CM_EOI_SPARED] = "eoi_spared",
	[CM_SWITCHES] = "switches",
	[CM_TICKS] = "ticks",
	[CM_STOLEN_NS] = "stolen_ns",
	[CM_DOORBELLS] = "doorbells",
	[CM_INTERRUPTS] = "virtio_interrupts",
	[CM_SERIAL_BYTES] = "console_bytes",
};

const char *contrast_metric_name(enum contrast_metric m)
{
	return metric_names[m];
}
