/* SPDX-License-Identifier: MIT */
/*
 * page_alloc.h - page frames by the power of two: the interface of zones, buddy and per-CPU lists.
 *
 * Context: any, with a gfp that fits it (GFP_ATOMIC where the caller cannot sleep), except with a
 * zone's lock held. Failure is NULL, said on the log once unless __GFP_NOWARN.
 */
#ifndef GUEST_MM_PAGE_ALLOC_H
#define GUEST_MM_PAGE_ALLOC_H

#include "guest/mm/pcp.h"

/*
 * 2^order frames in a row, on this CPU's node if it can be (alloc_pages_node: on nid). One reference
 * on the first; with __GFP_COMP the rest lead to it, without they are just frames. order <= 10.
 */
struct page *alloc_pages(struct pgalloc *pg, gfp_t gfp, unsigned order);
struct page *alloc_pages_node(struct pgalloc *pg, unsigned nid, gfp_t gfp, unsigned order);

/*
 * Drops a reference of a block as allocated; the last one frees it. A page that is free, or still
 * somebody's (slab, LRU, page table, mapped), is reported as a bad page and not freed.
 */
void free_pages(struct pgalloc *pg, struct page *page, unsigned order);

/* The same for a compound or single page, which knows its order. */
void put_page(struct pgalloc *pg, struct page *page);

/* Makes 2^order single pages, each with a reference, of a block that is not compound. */
void split_page(struct page *page, unsigned order);

/* Clears what a block must not be freed with, and says whether it may be: the first half of
 * free_pages(), for those who hand blocks to the buddy themselves. */
bool free_pages_prepare(struct pgalloc *pg, struct page *page, unsigned order);

/* What a new block needs: references, compound links, zeroes. Order, gfp as for alloc_pages(). */
void prep_new_page(struct pgalloc *pg, struct page *page, unsigned order, gfp_t gfp);

/* To the buddy, without the per-CPU lists. Takes the zone's lock. */
void free_to_buddy(struct pgalloc *pg, struct page *page, unsigned order);

/* Gives frames that nobody has had yet (boot, hot-add, CMA: PG_reserved) to the buddy in the largest
 * blocks there are. z->managed is the caller's business. */
void free_reserved_range(struct pgalloc *pg, pfn_t start, pfn_t end);

/* The linear address of a page; HIGHMEM: its kmap address, or NULL. */
static inline void *page_address(const struct pgalloc *pg, const struct page *page)
{
	pfn_t pfn = page_to_pfn(&pg->model, page);

	if (unlikely(pfn >= pg->highmem_pfn))
		return (void *)page->virtual;
	return (void *)(pg->env.linear_base + PFN_PHYS(pfn));
}

static inline void *phys_to_virt(const struct pgalloc *pg, phys_t pa)
{
	return (void *)(pg->env.linear_base + pa);
}

static inline phys_t virt_to_phys(const struct pgalloc *pg, const void *va)
{
	return (u64)va - pg->env.linear_base;
}

/* Of a linear address that exists. */
static inline struct page *virt_to_page(const struct pgalloc *pg, const void *va)
{
	return pfn_to_page(&pg->model, PFN_DOWN(virt_to_phys(pg, va)));
}

/* Whether the linear address is RAM with a struct page that is initialised. */
bool virt_addr_valid(const struct pgalloc *pg, const void *va);

/* Whether the frame has an initialised struct page. */
static inline bool pfn_online(const struct pgalloc *pg, pfn_t pfn)
{
	return pfn < pg->max_pfn && pg->pageblock[pfn >> PAGEBLOCK_ORDER] != PAGEBLOCK_NONE;
}

/* The migrate type of the page block that a page lies in. */
static inline u8 page_block_type(const struct pgalloc *pg, const struct page *page)
{
	/* Where the struct pages are one array, so are those of the blocks. */
	if (likely(pg->model.linear))
		return pg->pageblock[((u64)page - pg->model.linear) /
				     (sizeof(*page) * PAGEBLOCK_PAGES)];
	return pg->pageblock[page_to_pfn(&pg->model, page) >> PAGEBLOCK_ORDER];
}

/* What is not an ordinary allocation: see alloc_page(). */
#define GFP_SPECIAL (__GFP_ZERO | __GFP_COMP | __GFP_COLD)

/* alloc_pages() of one page, the everyday case in line. */
static inline struct page *alloc_page(struct pgalloc *pg, gfp_t gfp)
{
	if (likely(!(gfp & GFP_SPECIAL))) {
		struct pg_cpu *pc = pg->cpu[mm_cpu_enter()];
		struct page *page = pcp_pop(pc->pref[gfp & GFP_ZONEMASK], 0, gfp_migratetype(gfp));

		mm_cpu_exit();
		if (likely(page)) {
			set_page_count(page, 1);
			return page;
		}
	}
	return alloc_pages(pg, gfp, 0);
}

/* Behind __free_page(): the reference is gone already. */
void free_page_slow(struct pgalloc *pg, struct page *page);
void put_failed(struct pgalloc *pg, struct page *page);

/* free_pages() of one page, the everyday case in line. */
static inline void __free_page(struct pgalloc *pg, struct page *page)
{
	u8 mt;

	if (unlikely(!put_page_testzero(page))) {
		put_failed(pg, page);
		return;
	}
	mt = page_block_type(pg, page);
	/* Nothing to undo, nothing wrong. */
	if (likely(!((page->flags & PAGE_FLAGS_MASK) | (u64)page->mapping) &&
		   page->_mapcount.counter == -1 && mt < MIGRATE_PCPTYPES)) {
		struct pg_cpu *pc = pg->cpu[mm_cpu_enter()];
		bool done = pcp_push(pc->pcp[page_zone_id(page)], page, 0, mt);

		mm_cpu_exit();
		if (likely(done))
			return;
	}
	free_page_slow(pg, page);
}

/* Free pages of all zones; pages in all. */
u64 nr_free_pages(const struct pgalloc *pg);
u64 nr_managed_pages(const struct pgalloc *pg);

/* ---- inside page allocation ------------------------------------------------------------------ */

/* page_alloc_slow.c: what the per-CPU list could not serve. */
struct page *alloc_pages_slow(struct pgalloc *pg, unsigned nid, gfp_t gfp, unsigned order);

/* deferred.c: initialises more of the zone, at least one block of that order if there is one.
 * Whether memory came. */
bool deferred_grow_zone(struct zone *z, unsigned order);

#endif
