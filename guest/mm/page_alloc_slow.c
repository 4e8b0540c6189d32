/* SPDX-License-Identifier: MIT */
/*
 * page_alloc_slow.c - finding a zone: watermarks, fallback, and what is tried before giving up.
 *
 *   1. every zone of the zonelist that stays above its low watermark
 *   2. wake kswapd; every zone above min, or below it for requests that may use the reserve
 *   3. (may sleep) compaction, direct reclaim, emptying the per-CPU lists, the OOM killer
 */
#include "guest/mm/compaction.h"
#include "guest/mm/page_alloc.h"
#include "guest/mm/pcp.h"

#define MAX_RECLAIM_RETRIES 16

struct alloc_context {
	struct pgalloc *pg;
	unsigned nid; /* preferred */
	gfp_t gfp;
	unsigned order;
	enum zone_type highest;
	enum migratetype mt;
	unsigned flags; /* enum alloc_flags */
};

static void count_numa(struct zone *z, enum numa_event e)
{
	__atomic_fetch_add(&z->numa[e], 1, __ATOMIC_RELAXED);
}

/* The per-CPU lists count hits of a CPU on its own node's zone by themselves (show_zone.c). */
static void numa_account(const struct alloc_context *ac, struct zone *z, unsigned cpu_nid,
			 struct zone *wanted)
{
	if (z->nid == ac->nid) {
		count_numa(z, NUMA_HIT);
	} else {
		count_numa(z, NUMA_MISS);
		count_numa(wanted, NUMA_FOREIGN);
	}
	count_numa(z, z->nid == cpu_nid ? NUMA_LOCAL : NUMA_OTHER);
}

/* ---- the reserve of page blocks for high-order atomic requests --------------------------------- */

static void reserve_highatomic(struct zone *z, struct page *page)
{
	pfn_t pfn = page_to_pfn(z->buddy.model, page);
	enum migratetype mt;
	u64 flags;

	/* At most a hundredth of the zone, one block at least. */
	if (z->nr_reserved_highatomic >= z->managed / 100 + PAGEBLOCK_PAGES)
		return;
	flags = spin_lock_irqsave(&z->lock);
	mt = buddy_block_type(&z->buddy, pfn);
	if (mt < MIGRATE_PCPTYPES) {
		z->nr_reserved_highatomic += PAGEBLOCK_PAGES;
		/* Never a MAX_ORDER block: part of this page block is in use. */
		buddy_set_block_type(&z->buddy, pfn, MIGRATE_HIGHATOMIC);
	}
	spin_unlock_irqrestore(&z->lock, flags);
}

/* Gives one reserved block back to everybody; whether there was one with free pages. */
static bool unreserve_highatomic(const struct alloc_context *ac)
{
	struct zone *z;

	for_each_zone (ac->pg, z) {
		u64 flags;

		if (!z->nr_reserved_highatomic)
			continue;
		flags = spin_lock_irqsave(&z->lock);
		for (unsigned o = 0; o < NR_PAGE_ORDERS; o++) {
			struct page *page = list_first_entry_or_null(
				&z->buddy.area[o].free_list[MIGRATE_HIGHATOMIC], struct page, lru);
			u64 pages;

			if (!page)
				continue;
			pages = o > PAGEBLOCK_ORDER ? 1UL << o : PAGEBLOCK_PAGES;
			z->nr_reserved_highatomic -= MIN(z->nr_reserved_highatomic, pages);
			buddy_set_block_type(&z->buddy, page_to_pfn(z->buddy.model, page), ac->mt);
			spin_unlock_irqrestore(&z->lock, flags);
			return true;
		}
		spin_unlock_irqrestore(&z->lock, flags);
	}
	return false;
}

/* ---- taking from one zone ---------------------------------------------------------------------- */

static unsigned buddy_flags(const struct alloc_context *ac, const struct zone *z)
{
	unsigned flags = (ac->flags & ALLOC_CMA ? BUDDY_CMA : 0u) |
			 (ac->flags & ALLOC_HIGHATOMIC ? BUDDY_HIGHATOMIC : 0u);

	/* Fresh blocks are movable ones: better those than part of another type's. */
	if (ac->mt == MIGRATE_MOVABLE && z->init_next < z->end)
		flags |= BUDDY_NOFALLBACK;
	return flags;
}

static struct page *take_from_buddy(struct alloc_context *ac, struct zone *z)
{
	u64 flags = spin_lock_irqsave(&z->lock);
	struct page *page = buddy_alloc(&z->buddy, ac->order, ac->mt, buddy_flags(ac, z));

	spin_unlock_irqrestore(&z->lock, flags);
	if (page && (ac->flags & ALLOC_HIGHATOMIC))
		reserve_highatomic(z, page);
	return page;
}

static struct page *take_listed(struct per_cpu_pages *pcp, const struct alloc_context *ac)
{
	struct page *page = ac->gfp & __GFP_COLD ? pcp_pop_cold(pcp, ac->order, ac->mt)
						 : pcp_pop(pcp, ac->order, ac->mt);

	/* Accounted by whoever called, by kind. */
	pcp->nr_slow += page != NULL;
	return page;
}

static struct page *take_from_zone(struct alloc_context *ac, struct zone *z)
{
	struct page *page = NULL;
	struct per_cpu_pages *pcp;
	unsigned cpu;

	if (ac->order > PCP_MAX_ORDER || (ac->flags & ALLOC_HIGHATOMIC))
		return take_from_buddy(ac, z);
	cpu = mm_cpu_enter();
	pcp = &z->pcp[cpu];
	page = take_listed(pcp, ac);
	if (!page && pcp_refill(z, pcp, ac->order, ac->mt, buddy_flags(ac, z)))
		page = take_listed(pcp, ac);
	mm_cpu_exit();
	/* An interrupt in the middle of this CPU's own list work. */
	return page ? page : take_from_buddy(ac, z);
}

static bool zone_may_serve(const struct alloc_context *ac, struct zone *z, enum watermark mark)
{
	return (ac->flags & ALLOC_NO_WATERMARKS) ||
	       zone_watermark_ok(z, ac->order, z->watermark[mark], ac->highest, ac->flags);
}

static struct page *get_page_from_freelist(struct alloc_context *ac, enum watermark mark)
{
	struct pglist_data *pgdat = ac->pg->node[ac->nid];
	struct zone *wanted = NULL;

	for (unsigned i = 0; pgdat->zonelist[i]; i++) {
		struct zone *z = pgdat->zonelist[i];
		struct page *page = NULL;

		if ((ac->gfp & __GFP_THISNODE) && i >= pgdat->nr_local)
			break;
		if (z->type > ac->highest)
			continue;
		if (!wanted)
			wanted = z;
		do {
			if (!zone_may_serve(ac, z, mark))
				break;
			page = take_from_zone(ac, z);
		} while (!page && deferred_grow_zone(z, ac->order));
		if (page) {
			numa_account(ac, z, ac->pg->cpu[env_cpu()]->nid, wanted);
			count_vm_events(ac->pg, (enum vm_event)(PGALLOC_DMA + z->type), 1);
			return page;
		}
	}
	return NULL;
}

/* ---- trying harder ----------------------------------------------------------------------------- */

static unsigned harder_flags(const struct alloc_context *ac)
{
	unsigned flags = ac->flags;

	if (ac->gfp & __GFP_HIGH)
		flags |= ALLOC_MIN_RESERVE;
	if (!(ac->gfp & __GFP_DIRECT_RECLAIM) && !(ac->gfp & __GFP_NOMEMALLOC)) {
		flags |= ALLOC_NON_BLOCK;
		if (ac->order && (ac->gfp & __GFP_HIGH))
			flags |= ALLOC_HIGHATOMIC;
	}
	if ((ac->gfp & __GFP_MEMALLOC) && !(ac->gfp & __GFP_NOMEMALLOC))
		flags |= ALLOC_NO_WATERMARKS;
	return flags;
}

static void wake_all_kswapds(const struct alloc_context *ac)
{
	struct zone **z = ac->pg->node[ac->nid]->zonelist;

	count_vm_events(ac->pg, KSWAPD_WAKE, 1);
	if (!ac->pg->hooks.wake_kswapd)
		return;
	for (; *z; z++)
		if ((*z)->type <= ac->highest)
			ac->pg->hooks.wake_kswapd(ac->pg->hooks.arg, *z, ac->order);
}

static struct page *try_compaction(struct alloc_context *ac)
{
	struct page *page;

	if (!ac->order)
		return NULL;
	count_vm_events(ac->pg, COMPACTSTALL, 1);
	try_to_compact_pages(ac->pg, ac->nid, ac->highest, ac->order);
	page = get_page_from_freelist(ac, WMARK_MIN);
	count_vm_events(ac->pg, page ? COMPACTSUCCESS : COMPACTFAIL, 1);
	return page;
}

static struct page *try_reclaim(struct alloc_context *ac, bool *progress)
{
	struct pgalloc *pg = ac->pg;
	struct page *page;

	count_vm_events(pg, ALLOCSTALL, 1);
	*progress = pg->hooks.direct_reclaim &&
		    pg->hooks.direct_reclaim(pg->hooks.arg, ac->gfp, ac->order);
	page = get_page_from_freelist(ac, WMARK_MIN);
	if (page)
		return page;
	/* What other CPUs hold back may be the missing buddy. */
	unreserve_highatomic(ac);
	drain_all_pages(pg);
	return get_page_from_freelist(ac, WMARK_MIN);
}

static struct page *try_sleeping(struct alloc_context *ac)
{
	struct pgalloc *pg = ac->pg;
	struct page *page = try_compaction(ac);

	for (unsigned retries = 0; !page; retries++) {
		bool progress;

		page = try_reclaim(ac, &progress);
		if (page)
			return page;
		if (!progress || retries >= MAX_RECLAIM_RETRIES) {
			if (ac->gfp & (__GFP_NORETRY | __GFP_RETRY_MAYFAIL | __GFP_THISNODE))
				break;
			progress = ac->order <= PCP_MAX_ORDER && pg->hooks.out_of_memory &&
				   pg->hooks.out_of_memory(pg->hooks.arg, ac->gfp, ac->order);
		}
		if (!progress && !(ac->gfp & __GFP_NOFAIL))
			break;
		page = try_compaction(ac);
		env_relax();
	}
	return page;
}

static void warn_alloc(const struct alloc_context *ac)
{
	if (!(ac->gfp & __GFP_NOWARN))
		env_log(ENV_WARN,
			"page allocation failure: order %u, gfp %#x, node %u; %lu of %lu pages free",
			ac->order, ac->gfp, ac->nid, nr_free_pages(ac->pg),
			nr_managed_pages(ac->pg));
}

struct page *alloc_pages_slow(struct pgalloc *pg, unsigned nid, gfp_t gfp, unsigned order)
{
	struct alloc_context ac = {
		.pg = pg,
		.nid = nid,
		.gfp = gfp,
		.order = order,
		.highest = gfp_zone(gfp),
		.mt = gfp_migratetype(gfp),
	};
	struct page *page;

	if (order > MAX_ORDER || ac.mt >= MIGRATE_PCPTYPES)
		return NULL;
	if (unlikely(pg->fail_after) && --pg->fail_after == 0)
		return NULL;
	if (ac.mt == MIGRATE_MOVABLE)
		ac.flags |= ALLOC_CMA;
	page = get_page_from_freelist(&ac, WMARK_LOW);
	if (page)
		goto got;
	if (gfp & __GFP_KSWAPD_RECLAIM)
		wake_all_kswapds(&ac);
	ac.flags = harder_flags(&ac);
	page = get_page_from_freelist(&ac, WMARK_MIN);
	if (!page && (gfp & __GFP_DIRECT_RECLAIM) && !(gfp & __GFP_MEMALLOC))
		page = try_sleeping(&ac);
	if (!page) {
		warn_alloc(&ac);
		return NULL;
	}
got:
	prep_new_page(pg, page, order, gfp);
	return page;
}
