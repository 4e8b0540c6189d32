/* SPDX-License-Identifier: MIT */
/* stats_print.c - --stats as a table for people and as JSON for programs. */
#include <linux/kvm.h>
#include <stdlib.h>

#include "base/json.h"
#include "vmm/machine.h"
#include "vmm/stats.h"

static int by_count(const void *a, const void *b)
{
	const struct exit_place *const *x = a, *const *y = b;

	return (*x)->count < (*y)->count ? 1 : (*x)->count > (*y)->count ? -1 : 0;
}

/* The used places, busiest first; returns how many. */
static size_t sorted_places(const struct exit_stats *s,
			    const struct exit_place *out[STATS_MAX_PLACES])
{
	size_t n = 0;

	for (u32 i = 0; s->detailed && i < STATS_MAX_PLACES; i++)
		if (s->place[i].used)
			out[n++] = &s->place[i];
	if (n)
		qsort(out, n, sizeof(out[0]), by_count);
	return n;
}

static double mean_us(u64 ns, u64 count)
{
	return count ? (double)ns / (double)count / 1000.0 : 0.0;
}

static bool counter_worth_showing(const struct kvm_counter *c)
{
	static const char *const shown[] = { "pages_4k",   "pages_2m",	     "pages_1g",  "exits",
					     "halt_exits", "irq_injections", "hypercalls" };

	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		if (!__builtin_strcmp(c->name, shown[i]))
			return true;
	return false;
}

void stats_print_table(FILE *out, const struct machine_stats *ms)
{
	const struct exit_place *places[STATS_MAX_PLACES];
	const struct exit_stats *s = &ms->exits;
	size_t n = sorted_places(s, places);

	fprintf(out, "%s: %s, %u CPU%s, %lu KiB of memory (%s)\n", ms->name, ms->virt, ms->cpus,
		ms->cpus == 1 ? "" : "s", ms->mem_size / KiB, ms->backing);
	fprintf(out, "  wall %.1f ms, CPU in user mode %.1f ms, in the kernel and guest %.1f ms\n",
		(double)ms->wall_ns / 1e6, (double)ms->cpu_user_ns / 1e6,
		(double)ms->cpu_sys_ns / 1e6);
	fprintf(out, "  %-28s %12s %12s\n", "exits to the VMM", "count", "us in VMM");
	for (u32 i = 0; i < STATS_MAX_REASON; i++)
		if (s->count[i])
			fprintf(out, "  %-28s %12lu %12.2f\n", exit_reason_name(i), s->count[i],
				mean_us(s->ns[i], s->count[i]));
	fprintf(out, "  %-28s %12lu\n", "total", exit_stats_total(s));
	for (size_t i = 0; i < n; i++) {
		const struct exit_place *p = places[i];
		char where[32];

		snprintf(where, sizeof(where), "%s %#lx %s", p->mmio ? "mmio" : "port", p->addr,
			 p->write ? "write" : "read");
		fprintf(out, "    %-26s %12lu %12.2f  %s\n", where, p->count,
			mean_us(p->ns, p->count), p->device ? p->device : "nothing there");
	}
	if (s->places_lost)
		fprintf(out, "    (%lu accesses at further addresses)\n", s->places_lost);
	if (ms->serial_bytes)
		fprintf(out, "  serial: %lu bytes out in %lu writes\n", ms->serial_bytes,
			ms->serial_writes);
	for (unsigned i = 0; i < ms->nr_virtio; i++)
		fprintf(out, "  %s: %lu doorbells and %lu interrupts without an exit to the VMM\n",
			ms->virtio[i].device, ms->virtio[i].doorbells, ms->virtio[i].interrupts);
	if (ms->balloon_inflated || ms->balloon_reported)
		fprintf(out, "  balloon: %lu KiB given, %lu KiB reported free\n",
			ms->balloon_inflated / KiB, ms->balloon_reported / KiB);
	for (size_t i = 0; i < ms->nr_kvm; i++)
		if (counter_worth_showing(&ms->kvm[i]))
			fprintf(out, "  kvm %-24s %12lu\n", ms->kvm[i].name, ms->kvm[i].value);
}

void stats_print_json(FILE *out, const struct machine_stats *ms)
{
	const struct exit_place *places[STATS_MAX_PLACES];
	const struct exit_stats *s = &ms->exits;
	size_t n = sorted_places(s, places);
	const char *sep = "";

	fputs("{\"name\": ", out);
	json_put_string(out, ms->name);
	fprintf(out,
		", \"virt\": \"%s\", \"backing\": \"%s\", \"memory\": %lu, \"cpus\": %u, "
		"\"wall_ns\": %lu, \"cpu_user_ns\": %lu, \"cpu_sys_ns\": %lu, \"exits\": {",
		ms->virt, ms->backing, ms->mem_size, ms->cpus, ms->wall_ns, ms->cpu_user_ns,
		ms->cpu_sys_ns);
	for (u32 i = 0; i < STATS_MAX_REASON; i++) {
		if (!s->count[i])
			continue;
		fprintf(out, "%s\"%s\": {\"count\": %lu, \"ns\": %lu}", sep, exit_reason_name(i),
			s->count[i], s->ns[i]);
		sep = ", ";
	}
	fprintf(out, "}, \"exits_total\": %lu, \"places\": [", exit_stats_total(s));
	for (size_t i = 0; i < n; i++)
		fprintf(out,
			"%s{\"space\": \"%s\", \"address\": %lu, \"write\": %s, \"device\": \"%s\", "
			"\"count\": %lu, \"ns\": %lu}",
			i ? ", " : "", places[i]->mmio ? "mmio" : "port", places[i]->addr,
			places[i]->write ? "true" : "false",
			places[i]->device ? places[i]->device : "", places[i]->count,
			places[i]->ns);
	fprintf(out, "], \"serial\": {\"bytes\": %lu, \"writes\": %lu}, \"virtio\": [",
		ms->serial_bytes, ms->serial_writes);
	for (unsigned i = 0; i < ms->nr_virtio; i++)
		fprintf(out, "%s{\"device\": \"%s\", \"doorbells\": %lu, \"interrupts\": %lu}",
			i ? ", " : "", ms->virtio[i].device, ms->virtio[i].doorbells,
			ms->virtio[i].interrupts);
	fprintf(out, "], \"balloon\": {\"inflated\": %lu, \"reported\": %lu}, \"kvm\": {",
		ms->balloon_inflated, ms->balloon_reported);
	for (size_t i = 0; i < ms->nr_kvm; i++) {
		fputs(i ? ", " : "", out);
		json_put_string(out, ms->kvm[i].name);
		fprintf(out, ": %lu", ms->kvm[i].value);
	}
	fputs("}}\n", out);
}
