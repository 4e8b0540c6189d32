/* SPDX-License-Identifier: MIT */
/*
 * pcp.h - the per-CPU stock of small blocks: most allocations and frees touch no lock.
 *
 * Each list has a hot and a cold half. A freed block becomes hot and is the next to be handed out.
 * When enough are hot they become the cold ones, and what was cold goes back to the buddy; so what
 * leaves is what has lain longest, and whoever allocates and frees in turn meets neither limit.
 * Requests with __GFP_COLD take from the cold half.
 *
 * All functions: between mm_cpu_enter() and mm_cpu_exit(), on the stock of that CPU.
 */
#ifndef GUEST_MM_PCP_H
#define GUEST_MM_PCP_H

#include "guest/mm/zone.h"

void pcp_init(struct per_cpu_pages *pcp, struct zone *z);

/* Sets batch and limits from the zone's size: more pages a CPU where there is more memory. */
void zone_set_pcp_limits(struct zone *z);

/* Fetches up to a batch for list (order, mt) from the buddy; whether there is something now. */
bool pcp_refill(struct zone *z, struct per_cpu_pages *pcp, unsigned order, enum migratetype mt,
		unsigned buddy_flags);

/* The hot half of the list is full: see above. The caller has set busy, which is over then. */
void pcp_overflow(struct per_cpu_pages *pcp, struct pcp_list *l);

/* A block from the cold half, if there is one, or the hot; NULL as for pcp_pop(). */
struct page *pcp_pop_cold(struct per_cpu_pages *pcp, unsigned order, enum migratetype mt);

/* Empties the stocks of this CPU / of every CPU. The latter waits: interrupts on. Any CPU. */
void drain_local_pages(struct pgalloc *pg);
void drain_all_pages(struct pgalloc *pg);

/* How many blocks are hot at most, from now on. */
void pcp_set_limit(struct pcp_list *l, u32 limit);

/* Pages in the stock, and blocks that were freed into it, ever. */
u64 pcp_count(const struct per_cpu_pages *pcp);
u64 pcp_nr_free(const struct per_cpu_pages *pcp);

static inline u64 pcp_index(unsigned order, enum migratetype mt)
{
	return (u64)order * MIGRATE_PCPTYPES + mt;
}

static inline u32 pcp_nr_hot(const struct pcp_list *l)
{
	return l->limit - (u32)l->room;
}

/* The hottest block of a list, or NULL: none is hot, or it is in use by the interrupted code. */
static inline struct page *pcp_pop(struct per_cpu_pages *pcp, unsigned order, enum migratetype mt)
{
	struct pcp_list *l = &pcp->list[pcp_index(order, mt)];
	struct page *page;

	if (unlikely(pcp->busy))
		return NULL;
	pcp->busy = 1;
	barrier();
	page = l->hot;
	if (likely(page)) {
		l->hot = (struct page *)page->lru.next;
		l->room++;
		pcp->nr_pop++;
	}
	barrier();
	pcp->busy = 0;
	return page;
}

/* Takes a free block in; false: in use by the interrupted code. */
static inline bool pcp_push(struct per_cpu_pages *pcp, struct page *page, unsigned order,
			    enum migratetype mt)
{
	struct pcp_list *l = &pcp->list[pcp_index(order, mt)];

	if (unlikely(pcp->busy))
		return false;
	pcp->busy = 1;
	barrier();
	page->lru.next = (struct list_head *)l->hot;
	l->hot = page;
	if (unlikely(--l->room < 0)) {
		pcp_overflow(pcp, l);
		return true;
	}
	barrier();
	pcp->busy = 0;
	return true;
}

#endif
