/* SPDX-License-Identifier: MIT */
/*
 * topology.h - which CPUs are near each other: scheduling domains.
 *
 * A domain is a set of CPUs among which balancing pays, split into groups (the domains below it, or
 * CPUs). From a CPU upward: SMT (threads of a core), MC (cores of a cache), DIE (caches of a node),
 * NUMA (nodes); levels that add nothing are left out. All of it is constant once built.
 */
#ifndef GUEST_SCHED_TOPOLOGY_H
#define GUEST_SCHED_TOPOLOGY_H

#include "guest/sched/sched.h"

/* Why a CPU looks for tasks elsewhere. */
enum lb_kind { LB_IDLE, LB_BUSY, LB_NEWIDLE, NR_LB_KINDS };

/* /proc/schedstat: calls; of them those that found nothing to do, and that could not move anything;
 * weight to be moved; tasks moved; calls that found no busier group. Relaxed. */
struct lb_stats {
	u64 count, balanced, failed, imbalance, gained, nobusyg;
};

struct sched_domain {
	struct sched_domain *parent;
	struct sched_domain *next; /* all domains of the scheduler */
	const char *name;
	unsigned level;
	unsigned weight; /* CPUs */
	unsigned imbalance_pct;
	unsigned nr_groups;
	u64 *span;
	unsigned first_word, nr_words; /* of span, with bits */
	u64 **groups;		       /* masks */
	struct lb_stats lb[NR_LB_KINDS];
};

struct sched_topology {
	unsigned nr_cores, nr_llcs, nr_nodes;
	bool cores_in_word;		      /* no core's mask needs more than one word */
	unsigned *core_of, *llc_of, *node_of; /* by CPU */
	u64 **core_mask, **llc_mask, **node_mask;
	struct sched_domain *domains;
};

static inline const u64 *llc_mask(const struct sched *s, unsigned cpu)
{
	return s->topology->llc_mask[s->topology->llc_of[cpu]];
}

static inline const u64 *core_mask(const struct sched *s, unsigned cpu)
{
	return s->topology->core_mask[s->topology->core_of[cpu]];
}

static inline const u64 *node_mask(const struct sched *s, unsigned cpu)
{
	return s->topology->node_mask[s->topology->node_of[cpu]];
}

static inline bool cpus_share_cache(const struct sched *s, unsigned a, unsigned b)
{
	return s->topology->llc_of[a] == s->topology->llc_of[b];
}

/* for_each_set_bit() that stays in one function: masks of a thousand CPUs are walked often. */
static inline unsigned cpumask_next(const u64 *mask, unsigned nr, unsigned from)
{
	unsigned w = from / BITS_PER_WORD;
	u64 bits;

	if (from >= nr)
		return nr;
	bits = mask[w] & BITMAP_FIRST_WORD_MASK(from);
	while (!bits) {
		if (++w >= BITS_TO_WORDS(nr))
			return nr;
		bits = mask[w];
	}
	return MIN(w * BITS_PER_WORD + __ffs(bits), nr);
}

#define for_each_cpu_of(cpu, mask, nr)                            \
	for ((cpu) = cpumask_next((mask), (nr), 0); (cpu) < (nr); \
	     (cpu) = cpumask_next((mask), (nr), (cpu) + 1))

#endif
