/* SPDX-License-Identifier: MIT */
/* migrate.c - moving pages, and getting a given range of frames; see migrate.h. */
#include "guest/mm/migrate.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/pcp.h"

#define CONTIG_TRIES 5

bool isolate_movable_page(struct pgalloc *pg, struct page *page)
{
	bool ok = false;

	/* A free page, or one on its way there, is nobody's. */
	if (!get_page_unless_zero(page))
		return false;
	if (PageMovable(page) && trylock_page(page)) {
		if (PageMovable(page) && !PageIsolated(page) && page->mops->isolate_page(page)) {
			SetPageIsolated(page);
			ok = true;
		}
		unlock_page(page);
	}
	/* MG1. Else it may be the last reference: the owner may have given the page up meanwhile. */
	if (!ok)
		free_pages(pg, page, 0);
	return ok;
}

static void putback(struct pgalloc *pg, struct page *page)
{
	ClearPageIsolated(page);
	page->mops->putback_page(page);
	free_pages(pg, page, 0);
}

void putback_movable_pages(struct pgalloc *pg, struct list_head *pages)
{
	struct page *page, *next;

	list_for_each_entry_safe (page, next, pages, lru) {
		list_del(&page->lru);
		putback(pg, page);
	}
}

/* MG2: both references of the old page end here. */
static void release_old(struct pgalloc *pg, struct page *old)
{
	ClearPageIsolated(old);
	ClearPageMovable(old);
	old->mops = NULL;
	unlock_page(old);
	put_page_testzero(old);
	if (!put_page_testzero(old))
		return; /* somebody looks at it still; he will free it */
	/* Not into a per-CPU list: the whole point is to make its neighbours whole. */
	if (free_pages_prepare(pg, old, 0))
		free_to_buddy(pg, old, 0);
}

static int migrate_one(struct pgalloc *pg, struct page *old, const struct migrate_target *to)
{
	struct page *page;
	int err = -EAGAIN;

	if (page_ref_count(old) > 2)
		return -EAGAIN;
	page = to->get(to->arg);
	if (!page)
		return -ENOMEM;
	if (!trylock_page(old))
		goto err_put;
	if (!trylock_page(page))
		goto err_unlock;
	/* The owner may give it up as soon as it is his: not before it is unlocked. */
	get_page(page);
	SetPageMovableOps(page, old->mops);
	err = old->mops->migrate_page(pg, page, old);
	if (err) {
		/* Locked still: somebody else may be about to ask mops whether to isolate it. */
		ClearPageMovable(page);
		page->mops = NULL;
	}
	unlock_page(page);
	free_pages(pg, page, 0); /* our reference */
	if (!err) {
		list_del(&old->lru);
		release_old(pg, old);
		return 0;
	}
err_unlock:
	unlock_page(old);
err_put:
	to->put(to->arg, page);
	return err;
}

u64 migrate_pages(struct pgalloc *pg, struct list_head *pages, const struct migrate_target *to)
{
	struct page *page, *next;
	u64 failed = 0, moved = 0;

	list_for_each_entry_safe (page, next, pages, lru) {
		int err = migrate_one(pg, page, to);

		moved += !err;
		failed += err != 0;
		if (err == -ENOMEM)
			break;
	}
	count_vm_events(pg, PGMIGRATE_SUCCESS, moved);
	count_vm_events(pg, PGMIGRATE_FAIL, failed);
	failed = 0;
	list_for_each_entry (page, pages, lru)
		failed++;
	return failed;
}

void migrate_copy_page(struct pgalloc *pg, struct page *dst, const struct page *src)
{
	memcpy(page_address(pg, dst), page_address(pg, src), PAGE_SIZE);
}

pfn_t isolate_migratepages(struct zone *z, pfn_t pfn, pfn_t end, struct list_head *list, u64 max,
			   u64 *count)
{
	struct pgalloc *pg = z->pg;

	for (*count = 0; pfn < end && *count < max; pfn++) {
		struct page *page;

		if (!pfn_online(pg, pfn)) {
			pfn = ALIGN_UP(pfn + 1, PAGEBLOCK_PAGES) - 1;
			continue;
		}
		page = pfn_to_page(&pg->model, pfn);
		/* Read without the zone's lock, hence only a hint: never beyond the block. */
		if (PageBuddy(page)) {
			unsigned order = buddy_order(page);

			if (order <= MAX_ORDER)
				pfn += (1UL << order) - 1;
			continue;
		}
		if (!PageMovable(page) || page_zone(pg, page) != z ||
		    !isolate_movable_page(pg, page))
			continue;
		list_add_tail(&page->lru, list);
		(*count)++;
	}
	return pfn;
}

/* ---- isolation ----------------------------------------------------------------------------------- */

/* The first frame of [pfn, end) that cannot move away; end: there is none. */
static pfn_t find_unmovable(struct zone *z, pfn_t pfn, pfn_t end)
{
	while (pfn < end) {
		const struct page *page;

		if (!pfn_online(z->pg, pfn))
			return pfn;
		page = pfn_to_page(&z->pg->model, pfn);
		if (page_zone(z->pg, page) != z || PageReserved(page))
			return pfn;
		if (PageBuddy(page)) {
			pfn += 1UL << buddy_order(page);
			continue;
		}
		/* Without a reference: in a per-CPU list, or on its way to one. */
		if (page_ref_count(page) && !PageMovable(page) && !PageLRU(page))
			return pfn;
		pfn++;
	}
	return end;
}

int start_isolate_page_range(struct zone *z, pfn_t start, pfn_t end, pfn_t *busy)
{
	u64 flags;
	int err = 0;

	BUG_ON((start | end) & (MAX_ORDER_PAGES - 1));
	flags = spin_lock_irqsave(&z->lock);
	for (pfn_t p = start; p < end; p += PAGEBLOCK_PAGES)
		if (buddy_block_type(&z->buddy, p) == MIGRATE_ISOLATE) {
			err = -EBUSY;
			*busy = p;
		}
	if (!err) {
		*busy = find_unmovable(z, start, end);
		err = *busy < end ? -EBUSY : 0;
	}
	for (pfn_t p = start; !err && p < end; p += PAGEBLOCK_PAGES)
		buddy_set_block_type(&z->buddy, p, MIGRATE_ISOLATE);
	spin_unlock_irqrestore(&z->lock, flags);
	return err;
}

void undo_isolate_page_range(struct zone *z, pfn_t start, pfn_t end, enum migratetype mt)
{
	u64 flags = spin_lock_irqsave(&z->lock);

	for (pfn_t p = start; p < end; p += PAGEBLOCK_PAGES)
		if (buddy_block_type(&z->buddy, p) == MIGRATE_ISOLATE)
			buddy_set_block_type(&z->buddy, p, mt);
	spin_unlock_irqrestore(&z->lock, flags);
}

/* ---- a given range of frames --------------------------------------------------------------------- */

static struct page *contig_get(void *arg)
{
	struct zone *z = arg;

	return alloc_pages_node(z->pg, z->nid, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN | __GFP_NORETRY,
				0);
}

static void contig_put(void *arg, struct page *page)
{
	struct zone *z = arg;

	free_pages(z->pg, page, 0);
}

static int empty_range(struct zone *z, pfn_t start, pfn_t end, pfn_t *busy)
{
	const struct migrate_target to = { contig_get, contig_put, z };
	unsigned tries = 0;
	int err = 0;

	for (pfn_t pfn = start; pfn < end && !err;) {
		LIST_HEAD(list);
		u64 n;
		pfn_t next = isolate_migratepages(z, pfn, end, &list, 32, &n);

		if (!migrate_pages(z->pg, &list, &to)) {
			pfn = next;
			tries = 0;
			continue;
		}
		*busy = page_to_pfn(&z->pg->model, list_first_entry(&list, struct page, lru));
		putback_movable_pages(z->pg, &list);
		if (++tries == CONTIG_TRIES)
			err = -EBUSY;
	}
	return err;
}

/* Takes [start, end) out of the isolated free blocks; all of them, or none. */
static int take_range(struct zone *z, pfn_t start, pfn_t end, pfn_t *busy)
{
	struct buddy *b = &z->buddy;
	u64 flags = spin_lock_irqsave(&z->lock);
	pfn_t pfn, block_end = start;

	for (pfn = start; pfn < end; pfn = block_end) {
		struct page *block = buddy_block_of(b, pfn);

		if (!block) {
			spin_unlock_irqrestore(&z->lock, flags);
			*busy = pfn;
			return -EBUSY;
		}
		block_end = page_to_pfn(b->model, block) + (1UL << buddy_order(block));
	}
	for (pfn = start; pfn < end; pfn = block_end) {
		struct page *block = buddy_block_of(b, pfn);
		pfn_t first = page_to_pfn(b->model, block);

		block_end = first + (1UL << buddy_order(block));
		buddy_take(b, block);
		for (pfn_t p = first; p < block_end; p++) {
			struct page *page = pfn_to_page(b->model, p);

			if (p >= start && p < end)
				set_page_count(page, 1);
			else
				buddy_free(b, page, p, 0);
		}
	}
	spin_unlock_irqrestore(&z->lock, flags);
	return 0;
}

int alloc_contig_range(struct zone *z, pfn_t start, pfn_t end, enum migratetype mt, pfn_t *next)
{
	pfn_t outer_start = ALIGN_DOWN(start, MAX_ORDER_PAGES);
	pfn_t outer_end = ALIGN_UP(end, MAX_ORDER_PAGES);
	pfn_t busy = start;
	int err = start_isolate_page_range(z, outer_start, outer_end, &busy);

	if (err) {
		/* Such a page keeps its whole block. */
		*next = ALIGN_UP(busy + 1, MAX_ORDER_PAGES);
		return err;
	}
	drain_all_pages(z->pg);
	err = empty_range(z, start, end, &busy);
	if (!err) {
		/* Frees since then. */
		drain_all_pages(z->pg);
		err = take_range(z, start, end, &busy);
	}
	undo_isolate_page_range(z, outer_start, outer_end, mt);
	*next = busy + 1;
	return err;
}

void free_contig_range(struct pgalloc *pg, pfn_t start, u64 nr)
{
	for (pfn_t pfn = start; pfn < start + nr; pfn++)
		free_pages(pg, pfn_to_page(&pg->model, pfn), 0);
}
