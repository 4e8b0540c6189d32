/* SPDX-License-Identifier: MIT */
/* stats.c - see stats.h. */
#include "vmm/stats.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

static const char *const reason_names[STATS_MAX_REASON] = {
	[KVM_EXIT_UNKNOWN] = "unknown",
	[KVM_EXIT_EXCEPTION] = "exception",
	[KVM_EXIT_IO] = "io",
	[KVM_EXIT_HYPERCALL] = "hypercall",
	[KVM_EXIT_DEBUG] = "debug",
	[KVM_EXIT_HLT] = "hlt",
	[KVM_EXIT_MMIO] = "mmio",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "irq-window",
	[KVM_EXIT_SHUTDOWN] = "shutdown",
	[KVM_EXIT_FAIL_ENTRY] = "fail-entry",
	[KVM_EXIT_INTR] = "intr",
	[KVM_EXIT_SET_TPR] = "set-tpr",
	[KVM_EXIT_TPR_ACCESS] = "tpr-access",
	[KVM_EXIT_NMI] = "nmi",
	[KVM_EXIT_INTERNAL_ERROR] = "internal-error",
	[KVM_EXIT_SYSTEM_EVENT] = "system-event",
	[KVM_EXIT_IOAPIC_EOI] = "ioapic-eoi",
	[KVM_EXIT_HYPERV] = "hyperv",
	[KVM_EXIT_X86_RDMSR] = "rdmsr",
	[KVM_EXIT_X86_WRMSR] = "wrmsr",
	[KVM_EXIT_DIRTY_RING_FULL] = "dirty-ring-full",
	[KVM_EXIT_X86_BUS_LOCK] = "bus-lock",
	[STATS_MAX_REASON - 1] = "other",
};

const char *exit_reason_name(u32 reason)
{
	if (reason < STATS_MAX_REASON && reason_names[reason])
		return reason_names[reason];
	return "other";
}

int exit_stats_init(struct exit_stats *s, bool detailed)
{
	memset(s, 0, sizeof(*s));
	if (!detailed)
		return 0;
	s->place = calloc(STATS_MAX_PLACES, sizeof(*s->place));
	if (!s->place)
		return -ENOMEM;
	s->detailed = true;
	return 0;
}

void exit_stats_free(struct exit_stats *s)
{
	free(s->place);
	s->place = NULL;
}

struct exit_place *exit_stats_place(struct exit_stats *s, u64 addr, bool mmio, bool write,
				    const char *device)
{
	u64 key = (addr << 2) | (u64)mmio << 1 | (u64)write;
	u32 at = (u32)((key * 0x9e3779b97f4a7c15ULL) >> 56) % STATS_MAX_PLACES;

	for (u32 i = 0; i < STATS_MAX_PLACES; i++) {
		struct exit_place *p = &s->place[(at + i) % STATS_MAX_PLACES];

		if (!p->used) {
			*p = (struct exit_place){
				.addr = addr,
				.device = device,
				.used = true,
				.mmio = mmio,
				.write = write,
			};
			return p;
		}
		if (p->addr == addr && p->mmio == mmio && p->write == write)
			return p;
	}
	s->places_lost++;
	return NULL;
}

void exit_stats_add(struct exit_stats *sum, const struct exit_stats *from)
{
	for (u32 i = 0; i < STATS_MAX_REASON; i++) {
		sum->count[i] += from->count[i];
		sum->ns[i] += from->ns[i];
	}
	sum->places_lost += from->places_lost;
	for (u32 i = 0; from->detailed && i < STATS_MAX_PLACES; i++) {
		const struct exit_place *p = &from->place[i];
		struct exit_place *to;

		if (!p->used)
			continue;
		to = exit_stats_place(sum, p->addr, p->mmio, p->write, p->device);
		if (to) {
			to->count += p->count;
			to->ns += p->ns;
		} else {
			sum->places_lost += p->count - 1; /* one was booked by the search */
		}
	}
}

u64 exit_stats_total(const struct exit_stats *s)
{
	u64 total = 0;

	for (u32 i = 0; i < STATS_MAX_REASON; i++)
		total += s->count[i];
	return total;
}
