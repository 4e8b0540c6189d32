/* SPDX-License-Identifier: MIT */
/*
 * stats.h - what the guest's exits cost: counts by reason, and by port or address.
 *
 * Each vCPU owns one struct exit_stats and updates it without a lock; it is summed after the vCPUs
 * have stopped. Counts by reason are always kept (one increment); time and the per-address table
 * only when --stats asks for them.
 */
#ifndef VMM_STATS_H
#define VMM_STATS_H

#include <stdio.h>

#include "base/types.h"

/* Exit reasons are KVM's numbers (linux/kvm.h KVM_EXIT_*); higher ones share the last entry. */
#define STATS_MAX_REASON 48
#define STATS_MAX_PLACES 256

struct exit_place {
	u64 addr;
	const char *device; /* class name; NULL: nothing answered */
	bool used, mmio, write;
	u64 count, ns;
};

struct exit_stats {
	bool detailed;		     /* first, beside the counts of the common reasons */
	bool traced;		     /* the vCPU's, in the same line: somebody watches each exit */
	u64 count[STATS_MAX_REASON]; /* owning vCPU thread only */
	u64 ns[STATS_MAX_REASON];    /* time from the exit to the next entry */
	struct exit_place *place;    /* STATS_MAX_PLACES, open addressing; NULL unless detailed */
	u64 places_lost;	     /* accesses that found the table full */
};

/* 0 or -ENOMEM. */
int exit_stats_init(struct exit_stats *s, bool detailed);
void exit_stats_free(struct exit_stats *s);

static inline void exit_stats_reason(struct exit_stats *s, u32 reason)
{
	s->count[reason < STATS_MAX_REASON ? reason : STATS_MAX_REASON - 1]++;
}

/* The table entry of an address, or NULL when the table is full. */
struct exit_place *exit_stats_place(struct exit_stats *s, u64 addr, bool mmio, bool write,
				    const char *device);

/* Adds from to sum. sum must be detailed if from is. */
void exit_stats_add(struct exit_stats *sum, const struct exit_stats *from);

u64 exit_stats_total(const struct exit_stats *s);

/* "io", "mmio", "hlt" ...: KVM's own words in lower case. */
const char *exit_reason_name(u32 reason);

struct machine_stats; /* machine.h */

/* --stats and --stats=json. */
void stats_print_table(FILE *out, const struct machine_stats *ms);
void stats_print_json(FILE *out, const struct machine_stats *ms);

#endif
