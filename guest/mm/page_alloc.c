/* SPDX-License-Identifier: MIT */
/* page_alloc.c - the fast paths, and what a page must look like on its way in and out. */
#include "guest/mm/page_alloc.h"
#include "guest/lib/string.h"
#include "guest/mm/page_owner.h"
#include "guest/mm/pcp.h"

static void bad_page(struct pgalloc *pg, struct page *page, const char *why)
{
	count_vm_events(pg, BAD_PAGE, 1);
	env_log(ENV_ERR,
		"BUG: bad page: frame %#lx %s (flags %#lx refcount %d mapcount %d); it stays unused",
		page_to_pfn(&pg->model, page), why, page->flags & PAGE_FLAGS_MASK,
		page_ref_count(page), atomic_read(&page->_mapcount));
	page_owner_log(pg, page);
	if (pg->hooks.report)
		pg->hooks.report(pg->hooks.arg, why, page);
}

static void prep_compound(struct page *page, unsigned order)
{
	__SetPageHead(page);
	page[1].index = order;
	for (u64 i = 1; i < 1UL << order; i++)
		page[i].compound_head = (u64)page | 1;
}

static __attribute__((noinline)) void prep_special(struct pgalloc *pg, struct page *page,
						   unsigned order, gfp_t gfp)
{
	if (order && (gfp & __GFP_COMP))
		prep_compound(page, order);
	if (gfp & __GFP_ZERO) {
		void *va = page_address(pg, page);

		/* HIGHMEM is zeroed by whoever maps it. */
		if (va)
			memset(va, 0, PAGE_SIZE << order);
	}
}

void prep_new_page(struct pgalloc *pg, struct page *page, unsigned order, gfp_t gfp)
{
	set_page_count(page, 1);
	page_owner_note(pg, page, order, false);
	if (gfp & (__GFP_COMP | __GFP_ZERO))
		prep_special(pg, page, order, gfp);
}

struct page *alloc_pages(struct pgalloc *pg, gfp_t gfp, unsigned order)
{
	unsigned nid;

	if (likely(order <= PCP_MAX_ORDER && !(gfp & __GFP_COLD))) {
		struct pg_cpu *pc = pg->cpu[mm_cpu_enter()];
		struct per_cpu_pages *pcp = pc->pref[gfp & GFP_ZONEMASK];
		struct page *page = pcp_pop(pcp, order, gfp_migratetype(gfp));

		mm_cpu_exit();
		if (likely(page)) {
			set_page_count(page, 1);
			if (unlikely(gfp & (__GFP_COMP | __GFP_ZERO)))
				prep_special(pg, page, order, gfp);
			return page;
		}
	}
	nid = pg->cpu[mm_cpu_enter()]->nid;
	mm_cpu_exit();
	return alloc_pages_slow(pg, nid, gfp, order);
}

struct page *alloc_pages_node(struct pgalloc *pg, unsigned nid, gfp_t gfp, unsigned order)
{
	if (nid >= pg->nr_nodes || !pg->node[nid])
		return alloc_pages(pg, gfp, order);
	return alloc_pages_slow(pg, nid, gfp, order);
}

/* ---- freeing --------------------------------------------------------------------------------- */

static const char *page_is_bad(const struct page *page)
{
	if (page->flags & PAGE_FLAGS_CHECK_AT_FREE)
		return PageBuddy(page) ? "freed, but it is free" : "freed while somebody's";
	if (atomic_read(&page->_mapcount) != -1)
		return "freed while mapped";
	if (page_ref_count(page))
		return "freed while referenced";
	return NULL;
}

/* Dissolves a compound page. */
static const char *unlink_tails(struct page *page, unsigned order)
{
	for (u64 i = 1; i < 1UL << order; i++) {
		if (page[i].compound_head != ((u64)page | 1))
			return "freed with another order than it has";
		page[i].compound_head = 0;
		page[i].index = 0;
	}
	return NULL;
}

bool free_pages_prepare(struct pgalloc *pg, struct page *page, unsigned order)
{
	const char *bad = page_is_bad(page);

	if (!bad && PageHead(page))
		bad = compound_order(page) == order ? unlink_tails(page, order)
						    : "freed with another order than it has";
	for (u64 i = 1; !bad && i < 1UL << order; i++) {
		bad = page_is_bad(page + i);
		page[i].flags &= ~PAGE_FLAGS_MASK;
		page[i].mapping = NULL;
	}
	if (bad) {
		bad_page(pg, page, bad);
		return false;
	}
	page->flags &= ~PAGE_FLAGS_MASK;
	page->mapping = NULL;
	page->private = 0;
	page_owner_note(pg, page, order, true);
	return true;
}

void free_to_buddy(struct pgalloc *pg, struct page *page, unsigned order)
{
	struct zone *z = page_zone(pg, page);
	u64 flags = spin_lock_irqsave(&z->lock);

	buddy_free(&z->buddy, page, page_to_pfn(&pg->model, page), order);
	spin_unlock_irqrestore(&z->lock, flags);
}

static void free_unref(struct pgalloc *pg, struct page *page, unsigned order)
{
	u8 mt = page_block_type(pg, page);
	bool done = false;

	if (order <= PCP_MAX_ORDER && mt < MIGRATE_PCPTYPES) {
		struct pg_cpu *pc = pg->cpu[mm_cpu_enter()];

		done = pcp_push(pc->pcp[page_zone_id(page)], page, order, mt);
		mm_cpu_exit();
	}
	if (done)
		return;
	count_vm_events(pg, PGFREE, 1);
	free_to_buddy(pg, page, order);
}

void put_failed(struct pgalloc *pg, struct page *page)
{
	/* Others have references still, or nobody had one. */
	if (page_ref_count(page) >= 0)
		return;
	atomic_inc(&page->_refcount);
	bad_page(pg, page, PageBuddy(page) ? "freed, but it is free" : "freed twice");
}

void free_page_slow(struct pgalloc *pg, struct page *page)
{
	if (free_pages_prepare(pg, page, 0))
		free_unref(pg, page, 0);
}

void free_pages(struct pgalloc *pg, struct page *page, unsigned order)
{
	if (!order) {
		__free_page(pg, page);
		return;
	}
	if (unlikely(!put_page_testzero(page)))
		put_failed(pg, page);
	else if (free_pages_prepare(pg, page, order))
		free_unref(pg, page, order);
}

void put_page(struct pgalloc *pg, struct page *page)
{
	page = compound_head(page);
	free_pages(pg, page, compound_order(page));
}

void split_page(struct page *page, unsigned order)
{
	BUG_ON(PageHead(page) || PageTail(page));
	for (u64 i = 1; i < 1UL << order; i++)
		set_page_count(page + i, 1);
}

void free_reserved_range(struct pgalloc *pg, pfn_t start, pfn_t end)
{
	while (start < end) {
		unsigned order = start ? MIN(__ffs(start), (unsigned)MAX_ORDER) : MAX_ORDER;
		struct page *page = pfn_to_page(&pg->model, start);

		while (start + (1UL << order) > end)
			order--;
		for (u64 i = 0; i < 1UL << order; i++) {
			__ClearPageReserved(page + i);
			set_page_count(page + i, 0);
		}
		free_to_buddy(pg, page, order);
		start += 1UL << order;
	}
}

bool virt_addr_valid(const struct pgalloc *pg, const void *va)
{
	pfn_t pfn = PFN_DOWN(virt_to_phys(pg, va));

	return (u64)va >= pg->env.linear_base && pfn < pg->highmem_pfn && pfn_online(pg, pfn) &&
	       !PageOffline(pfn_to_page(&pg->model, pfn));
}

u64 nr_free_pages(const struct pgalloc *pg)
{
	struct zone *z;
	u64 sum = 0;

	for_each_zone (pg, z)
		sum += zone_free_pages(z);
	return sum;
}

u64 nr_managed_pages(const struct pgalloc *pg)
{
	struct zone *z;
	u64 sum = 0;

	for_each_zone (pg, z)
		sum += z->managed;
	return sum;
}
