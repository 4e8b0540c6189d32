/* SPDX-License-Identifier: MIT */
/* own.c - a guest of the user's choice under both modes, its console shown, its exits side by side. */
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "vmm/cmd/cmd.h"
#include "vmm/contrast/contrast.h"
#include "vmm/machine.h"

#define SIDES 2
static const enum virt_mode sides[SIDES] = { VIRT_FULL, VIRT_PARA };

static void row(const char *what, const u64 v[SIDES])
{
	printf("  %-26s %12lu %12lu", what, v[0], v[1]);
	if (v[0])
		printf("   %6.2fx", (double)v[1] / (double)v[0]);
	putchar('\n');
}

static u64 counter(const struct machine_stats *s, const char *name)
{
	for (size_t i = 0; i < s->nr_kvm; i++)
		if (!strcmp(s->kvm[i].name, name))
			return s->kvm[i].value;
	return 0;
}

/* Accesses that one device answered, over all its ports. */
static u64 device_exits(const struct machine_stats *s, const char *name)
{
	u64 n = 0;

	for (u32 i = 0; s->exits.detailed && i < STATS_MAX_PLACES; i++) {
		const struct exit_place *p = &s->exits.place[i];

		if (p->used && p->device && !strcmp(p->device, name))
			n += p->count;
	}
	return n;
}

static void print_table(const struct machine_stats *s[SIDES])
{
	static const char *const devices[] = { "uart16550", "ioapic", "rtc", "acpi-pm" };
	static const char *const counters[] = { "exits", "halt_exits", "irq_injections",
						"insn_emulation", "hypercalls" };
	u64 v[SIDES];

	printf("\n  %-26s %12s %12s   %7s\n", "", "full", "para", "para/full");
	for (u32 r = 0; r < STATS_MAX_REASON; r++) {
		char what[32];

		for (int i = 0; i < SIDES; i++)
			v[i] = s[i]->exits.count[r];
		if (!v[0] && !v[1])
			continue;
		snprintf(what, sizeof(what), "exits to the VMM: %s", exit_reason_name(r));
		row(what, v);
	}
	for (size_t d = 0; d < ARRAY_SIZE(devices); d++) {
		char what[32];

		for (int i = 0; i < SIDES; i++)
			v[i] = device_exits(s[i], devices[d]);
		snprintf(what, sizeof(what), "  answered by %s", devices[d]);
		if (v[0] || v[1])
			row(what, v);
	}
	for (size_t c = 0; c < ARRAY_SIZE(counters); c++) {
		char what[32];

		for (int i = 0; i < SIDES; i++)
			v[i] = counter(s[i], counters[c]);
		snprintf(what, sizeof(what), "in KVM: %s", counters[c]);
		if (v[0] || v[1])
			row(what, v);
	}
	for (int i = 0; i < SIDES; i++)
		v[i] = (s[i]->cpu_user_ns + s[i]->cpu_sys_ns) / 1000;
	row("CPU time, us", v);
	for (int i = 0; i < SIDES; i++)
		v[i] = s[i]->wall_ns / 1000;
	row("wall time, us", v);
}

int contrast_own_guest(const struct machine_config *base)
{
	struct machine *m[SIDES] = { NULL };
	const struct machine_stats *stats[SIDES];
	struct machine_config cfg[SIDES];
	struct error e;
	int status = EXIT_NO_START;

	for (int i = 0; i < SIDES; i++) {
		const struct machine_result *r;

		cfg[i] = *base;
		cfg[i].virt = sides[i];
		cfg[i].stats = STATS_TABLE;
		if (machine_create(&cfg[i], &m[i], &e)) {
			status = cmd_fail("contrast", &e, EXIT_NO_START);
			break;
		}
		printf("---- %s virtualization %.*s\n", virt_mode_name(sides[i]), 56,
		       "------------------------------------------------------------");
		fflush(stdout);
		r = machine_run(m[i]);
		fputs(r->report, stderr);
		stats[i] = &r->stats;
		status = r->status;
		if (status || r->end == MACHINE_END_USER)
			break;
		if (i == SIDES - 1)
			print_table(stats);
	}
	for (int i = 0; i < SIDES; i++)
		machine_destroy(m[i]);
	return status;
}
