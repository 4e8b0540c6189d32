/* SPDX-License-Identifier: MIT */
/* workloads.c - what can be contrasted, and in which modes. */
#include <errno.h>
#include <string.h>

#include "vmm/contrast/contrast.h"

const struct contrast_workload contrast_workloads[] = {
	{ .name = "boot",
	  .title = "From entry to the first thread",
	  .unit = "boot",
	  .guest = "boot",
	  .cpus = 1 },
	{ .name = "console",
	  .title = "64 KiB of console output",
	  .unit = "line",
	  .guest = "console",
	  .cpus = 1 },
	{ .name = "disk-read",
	  .title = "Disk, 4 KiB reads in a row",
	  .unit = "request",
	  .guest = "disk-read",
	  .cpus = 1,
	  .disk = true },
	{ .name = "disk-read-random",
	  .title = "Disk, 4 KiB reads at random",
	  .unit = "request",
	  .guest = "disk-read-random",
	  .cpus = 1,
	  .disk = true },
	{ .name = "disk-write",
	  .title = "Disk, 4 KiB writes in a row",
	  .unit = "request",
	  .guest = "disk-write",
	  .cpus = 1,
	  .disk = true },
	{ .name = "disk-write-random",
	  .title = "Disk, 4 KiB writes at random",
	  .unit = "request",
	  .guest = "disk-write-random",
	  .cpus = 1,
	  .disk = true },
	{ .name = "net",
	  .title = "A network round trip: echoes from the router",
	  .unit = "round trip",
	  .guest = "net",
	  .cpus = 1,
	  .net = true,
	  .chance = true },
	{ .name = "tick-100",
	  .title = "A busy CPU under a 100 Hz tick",
	  .unit = "tick",
	  .guest = "tick",
	  .hz = 100,
	  .cpus = 1,
	  .chance = true },
	{ .name = "tick-250",
	  .title = "A busy CPU under a 250 Hz tick",
	  .unit = "tick",
	  .guest = "tick",
	  .hz = 250,
	  .cpus = 1,
	  .chance = true },
	{ .name = "tick-1000",
	  .title = "A busy CPU under a 1000 Hz tick",
	  .unit = "tick",
	  .guest = "tick",
	  .hz = 1000,
	  .cpus = 1,
	  .chance = true },
	{ .name = "idle",
	  .title = "Sleeping, and being woken by a timer",
	  .unit = "sleep",
	  .guest = "idle",
	  .cpus = 1,
	  .chance = true },
	{ .name = "switch",
	  .title = "Two threads wake each other on one CPU",
	  .unit = "round trip",
	  .guest = "switch",
	  .cpus = 1 },
	{ .name = "switch-far",
	  .title = "Two threads wake each other across CPUs",
	  .unit = "round trip",
	  .guest = "switch-far",
	  .cpus = 2,
	  .chance = true },
	{ .name = "lock",
	  .title = "One spin lock, more vCPUs than CPUs",
	  .unit = "acquisition",
	  .guest = "lock",
	  .chance = true },
	{ .name = "ipi",
	  .title = "A function called on another CPU",
	  .unit = "call",
	  .guest = "ipi",
	  .cpus = 2,
	  .chance = true },
	{ .name = "ipi-many",
	  .title = "A function called on seven other CPUs",
	  .unit = "call",
	  .guest = "ipi",
	  .cpus = 8,
	  .chance = true },
	{ .name = "clock",
	  .title = "Reading the clock",
	  .unit = "read",
	  .guest = "clock",
	  .cpus = 1 },
	{ .name = "fault",
	  .title = "Page faults in the kernel",
	  .unit = "fault",
	  .guest = "fault",
	  .cpus = 1 },
	{ .name = "vmalloc",
	  .title = "Address space mapped and unmapped, two CPUs",
	  .unit = "area",
	  .guest = "vmalloc",
	  .cpus = 2 },
	{ .name = "fork",
	  .title = "Processes forked, one after the other",
	  .unit = "process",
	  .guest = "fork",
	  .cpus = 1 },
	{ .name = "touch",
	  .title = "Memory touched for the first time",
	  .unit = "page",
	  .guest = "touch",
	  .cpus = 1,
	  .by_backing = true },
	{ .name = "chase",
	  .title = "Pointers chased through 32 MiB",
	  .unit = "hop",
	  .guest = "chase",
	  .cpus = 1,
	  .by_backing = true },
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
static const char *const pv_features[] = { "clock", "steal", "eoi",   "ipi",
					   "tlb",   "kick",  "yield", "apf" };

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
				"--modes %.*s: what para can do without: clock, steal, eoi, ipi, tlb, kick, yield, apf",
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
	[CM_TURNS] = "interpreter_turns",
	[CM_VMM_EXITS] = "vmm_exits",
	[CM_INSTRUCTIONS] = "instructions",
	[CM_EOI_WRITTEN] = "eoi_written",
	[CM_EOI_SPARED] = "eoi_spared",
	[CM_SWITCHES] = "switches",
	[CM_TICKS] = "ticks",
	[CM_STOLEN_NS] = "stolen_ns",
	[CM_LOCK_SLEEPS] = "lock_sleeps",
	[CM_FLUSHES_ASKED] = "flushes_asked",
	[CM_FLUSHES_LEFT] = "flushes_left",
	[CM_DOORBELLS] = "doorbells",
	[CM_INTERRUPTS] = "virtio_interrupts",
	[CM_SERIAL_BYTES] = "console_bytes",
};

const char *contrast_metric_name(enum contrast_metric m)
{
	return metric_names[m];
}
