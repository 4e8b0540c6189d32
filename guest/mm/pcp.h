/* SPDX-License-Identifier: MIT */
/*
 * pcp.h - the per-CPU stock of small blocks: most allocations and frees touch no lock.
 *
 * A freed block goes to the head of its list (hot: still in this CPU's cache) and is the next to be
 * handed out; requests with __GFP_COLD, and what goes back to the buddy, leave by the tail.
 * All functions: between mm_cpu_enter() and mm_cpu_exit(), on the stock of that CPU.
 */
#ifndef GUEST_MM_PCP_H
#define GUEST_MM_PCP_H

#include "guest/mm/zone.h"

void pcp_init(struct per_cpu_pages *pcp);

/* Sets batch and high from the zone's size: more pages a CPU where there is more memory. */
void zone_set_pcp_limits(struct zone *z);

/* Fetches up to a batch for list (order, mt) from the buddy; whether there is something now. */
bool pcp_refill(struct zone *z, struct per_cpu_pages *pcp, unsigned order, enum migratetype mt,
		unsigned buddy_flags);

/* Gives about n pages back to the buddy, coldest first. */
void pcp_drain(struct zone *z, struct per_cpu_pages *pcp, u32 n);

/* Empties the stocks of this CPU / of every CPU. The latter waits: interrupts on. Any CPU. */
void drain_local_pages(struct pgalloc *pg);
void drain_all_pages(struct pgalloc *pg);

static inline unsigned pcp_index(unsigned order, enum migratetype mt)
{
	return order * MIGRATE_PCPTYPES + mt;
}

/* The hottest block of a list, or NULL: empty, or in use by the interrupted code. */
static inline struct page *pcp_pop(struct per_cpu_pages *pcp, unsigned order, enum migratetype mt)
{
	struct list_head *list = &pcp->lists[pcp_index(order, mt)];
	struct list_head *first;

	if (unlikely(pcp->busy))
		return NULL;
	pcp->busy = 1;
	barrier();
	first = list->next;
	if (unlikely(first == list)) {
		pcp->busy = 0;
		return NULL;
	}
	list_unlink(first);
	pcp->count -= 1u << order;
	pcp->nr_fast++;
	barrier();
	pcp->busy = 0;
	return list_entry(first, struct page, lru);
}

#endif
