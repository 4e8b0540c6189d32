/* SPDX-License-Identifier: MIT */
/* compaction.c - see compaction.h. */
#include "guest/mm/compaction.h"
#include "guest/mm/migrate.h"
#include "guest/mm/pcp.h"

#define CLUSTER		32 /* pages moved at once */
#define MAX_DEFER_SHIFT 6

struct compact_control {
	struct zone *zone;
	unsigned order;		     /* blocks of this order and more are left alone */
	bool whole;		     /* all of the zone, not just until a block is free */
	pfn_t migrate_pfn;	     /* scanners: everything below has been looked at ... */
	pfn_t free_pfn;		     /* ... everything from here up too */
	struct list_head free_pages; /* single frames, on no list of the buddy */
	u64 moved;
};

/* Frames of whole free blocks below free_pfn, until there are enough for a cluster. */
static void isolate_free_block(struct compact_control *cc, pfn_t start, u64 *have)
{
	struct zone *z = cc->zone;
	struct buddy *b = &z->buddy;
	u64 flags = spin_lock_irqsave(&z->lock);
	enum migratetype mt = buddy_block_type(b, start);

	for (pfn_t pfn = start; pfn < start + PAGEBLOCK_PAGES;) {
		struct page *page = pfn_to_page(b->model, pfn);
		unsigned order;

		if (!PageBuddy(page) || page_zone_id(page) != b->zone_id) {
			pfn++;
			continue;
		}
		order = buddy_order(page);
		/* Large enough already, or not for movable pages. */
		if (order < cc->order && (mt == MIGRATE_MOVABLE || mt == MIGRATE_CMA)) {
			buddy_take(b, page);
			for (u64 i = 0; i < 1UL << order; i++)
				list_add(&page[i].lru, &cc->free_pages);
			*have += 1UL << order;
		}
		pfn += 1UL << order;
	}
	spin_unlock_irqrestore(&z->lock, flags);
}

static void isolate_free_pages(struct compact_control *cc)
{
	u64 have = 0, scanned = 0;

	while (have < CLUSTER && cc->free_pfn > cc->migrate_pfn + PAGEBLOCK_PAGES) {
		pfn_t start = ALIGN_DOWN(cc->free_pfn - 1, PAGEBLOCK_PAGES);

		/* Never the block that the other scanner is in. */
		if (start < ALIGN_UP(cc->migrate_pfn, PAGEBLOCK_PAGES))
			break;
		cc->free_pfn = start;
		if (!pfn_online(cc->zone->pg, start))
			continue;
		isolate_free_block(cc, start, &have);
		scanned += PAGEBLOCK_PAGES;
	}
	count_vm_events(cc->zone->pg, COMPACTFREE_SCANNED, scanned);
	count_vm_events(cc->zone->pg, COMPACTISOLATED, have);
}

static struct page *compact_get(void *arg)
{
	struct compact_control *cc = arg;
	struct page *page;

	if (list_empty(&cc->free_pages))
		isolate_free_pages(cc);
	if (list_empty(&cc->free_pages))
		return NULL;
	page = list_first_entry(&cc->free_pages, struct page, lru);
	list_del(&page->lru);
	set_page_count(page, 1);
	return page;
}

static void compact_put(void *arg, struct page *page)
{
	struct compact_control *cc = arg;

	/* Who looks at it meanwhile, to isolate it, frees it. */
	if (put_page_testzero(page))
		list_add(&page->lru, &cc->free_pages);
}

static void release_free_pages(struct compact_control *cc)
{
	struct page *page, *next;

	list_for_each_entry_safe (page, next, &cc->free_pages, lru) {
		list_del(&page->lru);
		free_to_buddy(cc->zone->pg, page, 0);
	}
}

static bool block_is_free(const struct compact_control *cc)
{
	return buddy_has_block(&cc->zone->buddy, cc->order, MIGRATE_MOVABLE, 0);
}

/* Whether there are frames to move to besides the block that is wanted. */
static bool compaction_suitable(const struct zone *z, unsigned order)
{
	return zone_watermark_ok(z, 0, z->watermark[WMARK_LOW] + (2UL << order), z->type,
				 ALLOC_CMA);
}

/* One cluster; false when the scanners have met. */
static bool compact_cluster(struct compact_control *cc)
{
	const struct migrate_target to = { compact_get, compact_put, cc };
	struct pgalloc *pg = cc->zone->pg;
	LIST_HEAD(pages);
	pfn_t from = cc->migrate_pfn;
	pfn_t end = MIN(ALIGN_UP(from + 1, PAGEBLOCK_PAGES), cc->zone->end);
	u64 n, left;

	/* They also meet at the zone's end, when there was nothing to move. */
	if (from >= end || end > cc->free_pfn)
		return false;
	cc->migrate_pfn = isolate_migratepages(cc->zone, from, end, &pages, CLUSTER, &n);
	count_vm_events(pg, COMPACTMIGRATE_SCANNED, cc->migrate_pfn - from);
	if (!n)
		return true;
	left = migrate_pages(pg, &pages, &to);
	cc->moved += n - left;
	putback_movable_pages(pg, &pages);
	return true;
}

static enum compact_result compact(struct compact_control *cc)
{
	struct zone *z = cc->zone;
	bool done = false;

	INIT_LIST_HEAD(&cc->free_pages);
	cc->migrate_pfn = z->compact_migrate_pfn;
	cc->free_pfn = z->compact_free_pfn;
	if (cc->whole || cc->migrate_pfn < z->start || cc->free_pfn > z->end ||
	    cc->migrate_pfn >= cc->free_pfn) {
		cc->migrate_pfn = z->start;
		cc->free_pfn = MIN(z->end, z->init_next);
	}
	/* What is in per-CPU lists hides free buddies. */
	drain_local_pages(z->pg);
	while (!done && compact_cluster(cc))
		done = !cc->whole && block_is_free(cc);
	release_free_pages(cc);
	drain_local_pages(z->pg);
	z->compact_migrate_pfn = cc->migrate_pfn;
	z->compact_free_pfn = cc->free_pfn;
	if (!done) /* met: the next one starts over */
		z->compact_migrate_pfn = z->compact_free_pfn = 0;
	return block_is_free(cc) ? COMPACT_SUCCESS : COMPACT_COMPLETE;
}

enum compact_result compact_zone_order(struct zone *z, unsigned order)
{
	struct compact_control cc = { .zone = z, .order = order };
	enum compact_result result;

	if (block_is_free(&cc))
		return COMPACT_SUCCESS;
	if (!compaction_suitable(z, order))
		return COMPACT_SKIPPED;
	result = compact(&cc);
	/* It may have begun in the middle. */
	if (result == COMPACT_COMPLETE)
		result = compact(&cc);
	return result;
}

u64 compact_zone_fully(struct zone *z)
{
	struct compact_control cc = { .zone = z, .order = MAX_ORDER, .whole = true };

	compact(&cc);
	return cc.moved;
}

/* ---- for allocations ------------------------------------------------------------------------------ */

/* After a failure the next 1, 2, 4 .. 64 attempts are not made (Linux defer_compaction()). */
static bool deferred(struct zone *z, unsigned order)
{
	if ((int)order < z->compact_order_failed || !z->compact_defer_shift)
		return false;
	if (++z->compact_considered >= 1u << z->compact_defer_shift) {
		z->compact_considered = 0;
		return false;
	}
	return true;
}

static void note_failure(struct zone *z, unsigned order)
{
	z->compact_considered = 0;
	z->compact_defer_shift = MIN(z->compact_defer_shift + 1, (unsigned)MAX_DEFER_SHIFT);
	if (!z->compact_order_failed || (int)order < z->compact_order_failed)
		z->compact_order_failed = (int)order;
}

enum compact_result try_to_compact_pages(struct pgalloc *pg, unsigned nid, enum zone_type highest,
					 unsigned order)
{
	enum compact_result best = COMPACT_SKIPPED;

	for (struct zone **zp = pg->node[nid]->zonelist; *zp; zp++) {
		struct zone *z = *zp;
		enum compact_result r;

		if (z->type > highest || deferred(z, order))
			continue;
		r = compact_zone_order(z, order);
		best = MAX(best, r);
		if (r == COMPACT_SUCCESS) {
			z->compact_defer_shift = 0;
			z->compact_order_failed = 0;
			break;
		}
		if (r == COMPACT_COMPLETE)
			note_failure(z, order);
	}
	return best;
}

/* ---- how bad it is --------------------------------------------------------------------------------- */

struct block_count {
	u64 pages, blocks, suitable; /* suitable: blocks of the order that the large ones make */
};

static struct block_count count_blocks(const struct zone *z, unsigned order)
{
	struct block_count c = { 0, 0, 0 };

	for (unsigned o = 0; o < NR_PAGE_ORDERS; o++) {
		u64 n = buddy_nr_free(&z->buddy, o);

		c.blocks += n;
		c.pages += n << o;
		if (o >= order)
			c.suitable += n << (o - order);
	}
	return c;
}

unsigned unusable_free_index(const struct zone *z, unsigned order)
{
	struct block_count c = count_blocks(z, order);

	if (!c.pages)
		return 1000;
	return (unsigned)((c.pages - (c.suitable << order)) * 1000 / c.pages);
}

int fragmentation_index(const struct zone *z, unsigned order)
{
	struct block_count c = count_blocks(z, order);

	if (!c.blocks)
		return 0;
	if (c.suitable)
		return -1000;
	return 1000 - (int)((1000 + (c.pages * 1000 >> order)) / c.blocks);
}
