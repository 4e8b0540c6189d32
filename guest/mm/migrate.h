/* SPDX-License-Identifier: MIT */
/*
 * migrate.h - moving the contents of a page to another frame while somebody owns it.
 *
 * Whoever allocates pages with __GFP_MOVABLE and can be told that one of them now lives elsewhere
 * marks it with SetPageMovableOps(). Such a page is not compound, and while it is isolated its
 * `lru` belongs to whoever isolated it. Who gives such a page up clears PG_movable, leaves mops alone
 * and frees it.
 *
 * Rules: MG1 an isolated page has PG_isolated and one reference more than its owner's.
 *        MG2 after success the owner's reference is on the new page, the old one is free.
 */
#ifndef GUEST_MM_MIGRATE_H
#define GUEST_MM_MIGRATE_H

#include "guest/mm/page_alloc.h"

struct movable_ops {
	/* The page stands still from here on: the owner neither frees nor changes it. May refuse, and
	 * must if he has just given the page up: the question may come that late. */
	bool (*isolate_page)(struct page *page);
	/* Copies src to dst and makes the owner use dst. Both are locked. 0, -EAGAIN, -EBUSY. */
	int (*migrate_page)(struct pgalloc *pg, struct page *dst, struct page *src);
	/* Nothing came of it: the page is as it was. */
	void (*putback_page)(struct page *page);
};

static inline void SetPageMovableOps(struct page *page, const struct movable_ops *ops)
{
	page->mops = ops;
	SetPageMovable(page);
}

/* Takes the page from its owner for migration. Any CPU; no locks held. */
bool isolate_movable_page(struct pgalloc *pg, struct page *page);

/* Gives every page of the list back to its owner, unmoved. */
void putback_movable_pages(struct pgalloc *pg, struct list_head *pages);

struct migrate_target {
	struct page *(*get)(void *arg);		   /* a fresh page with one reference, or NULL */
	void (*put)(void *arg, struct page *page); /* not used after all */
	void *arg;
};

/*
 * Moves the isolated pages of the list; those that could not be moved stay on it. How many stay.
 * May sleep.
 */
u64 migrate_pages(struct pgalloc *pg, struct list_head *pages, const struct migrate_target *to);

/* For migrate_page(): the bytes. */
void migrate_copy_page(struct pgalloc *pg, struct page *dst, const struct page *src);

/* Isolates up to max movable pages of [pfn, end); *count of them are on the list. Where to go on. */
pfn_t isolate_migratepages(struct zone *z, pfn_t pfn, pfn_t end, struct list_head *list, u64 max,
			   u64 *count);

/* ---- page blocks that nobody may allocate from --------------------------------------------------- */

/*
 * Isolates the page blocks of [start, end), multiples of MAX_ORDER_PAGES in one zone. -EBUSY when
 * frame *busy in there cannot move (nothing is isolated then). drain_all_pages() after that leaves
 * free pages nowhere but in the buddy.
 */
int start_isolate_page_range(struct zone *z, pfn_t start, pfn_t end, pfn_t *busy);

/* Ends it: the blocks become type mt. */
void undo_isolate_page_range(struct zone *z, pfn_t start, pfn_t end, enum migratetype mt);

/*
 * Makes exactly the frames [start, end) the caller's, one reference each, by moving away what is
 * there. The page blocks around them have type mt before and after. 0, -EBUSY, -ENOMEM; may sleep.
 * After a failure *next is the first frame beyond what was in the way: no range that begins before it
 * would have done better.
 */
int alloc_contig_range(struct zone *z, pfn_t start, pfn_t end, enum migratetype mt, pfn_t *next);
void free_contig_range(struct pgalloc *pg, pfn_t start, u64 nr);

#endif
