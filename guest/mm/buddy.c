/* SPDX-License-Identifier: MIT */
/*
 * buddy.c - splitting and merging, and who may borrow page blocks from whom; see buddy.h.
 *
 * Borrowing: a type whose lists are empty claims a whole page block of another type if most of the
 * block would be of use to it (then its free pages change lists, B4); else it takes just the block
 * it needs and leaves the rest where it is. Few page blocks then hold both kinds, which is what
 * keeps large blocks recoverable.
 */
#include "guest/mm/buddy.h"

/* Whom a type borrows from, best first. */
static const enum migratetype fallbacks[MIGRATE_PCPTYPES][2] = {
	[MIGRATE_UNMOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE },
	[MIGRATE_MOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE },
	[MIGRATE_RECLAIMABLE] = { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE },
};

void buddy_init(struct buddy *b, unsigned zone_id, const struct memmodel *model, u8 *pageblock)
{
	for (unsigned o = 0; o < NR_PAGE_ORDERS; o++) {
		for (unsigned t = 0; t < MIGRATE_TYPES; t++) {
			INIT_LIST_HEAD(&b->area[o].free_list[t]);
			b->area[o].nr_free[t] = 0;
		}
	}
	b->nr_free_pages = b->nr_free_cma = b->nr_isolated = 0;
	b->zone_id = zone_id;
	b->model = model;
	b->pageblock = pageblock;
}

static void count(struct buddy *b, unsigned order, enum migratetype mt, s64 blocks)
{
	u64 pages = (u64)blocks << order;

	b->area[order].nr_free[mt] += (u64)blocks;
	if (mt == MIGRATE_ISOLATE) {
		b->nr_isolated += pages;
		return;
	}
	b->nr_free_pages += pages;
	if (mt == MIGRATE_CMA)
		b->nr_free_cma += pages;
}

static void add(struct buddy *b, struct page *page, unsigned order, enum migratetype mt, bool tail)
{
	struct list_head *list = &b->area[order].free_list[mt];

	page->private = order | (u64)mt << 8;
	__SetPageBuddy(page);
	if (tail)
		list_add_tail(&page->lru, list);
	else
		list_add(&page->lru, list);
	count(b, order, mt, 1);
}

void buddy_take(struct buddy *b, struct page *page)
{
	count(b, buddy_order(page), buddy_mt(page), -1);
	list_del(&page->lru);
	__ClearPageBuddy(page);
	page->private = 0;
}

/* Free, of that order, and of the same zone. */
static bool is_free_buddy(const struct page *page, const struct page *buddy, unsigned order)
{
	return PageBuddy(buddy) && buddy_order(buddy) == order &&
	       page_zone_id(buddy) == page_zone_id(page);
}

/* B2: the everyday types mix, the special ones only among themselves. */
static bool may_merge(enum migratetype a, enum migratetype b)
{
	return a == b || (a < MIGRATE_PCPTYPES && b < MIGRATE_PCPTYPES);
}

static void set_types(struct buddy *b, pfn_t pfn, unsigned order, enum migratetype mt)
{
	pfn_t end = pfn + (1UL << order);

	for (; pfn < end; pfn += PAGEBLOCK_PAGES)
		b->pageblock[pfn >> PAGEBLOCK_ORDER] = (u8)mt;
}

/* Whether the block one order up looks likely to become free: then this one is handed out last. */
static bool buddy_merge_likely(const struct page *page, pfn_t pfn, unsigned order)
{
	pfn_t higher;
	const struct page *up, *buddy;

	if (order >= MAX_ORDER - 1)
		return false;
	higher = pfn & ~(1UL << order);
	up = page - (pfn - higher);
	buddy = up + (s64)((higher ^ (2UL << order)) - higher);
	return is_free_buddy(up, buddy, order + 1);
}

void buddy_free(struct buddy *b, struct page *page, pfn_t pfn, unsigned order)
{
	enum migratetype mt = buddy_block_type(b, pfn);

	/* Its page blocks may have become of different types while it was out (B4). */
	if (order > PAGEBLOCK_ORDER && buddy_block_type(b, pfn + PAGEBLOCK_PAGES) != mt) {
		buddy_free(b, page, pfn, PAGEBLOCK_ORDER);
		buddy_free(b, page + PAGEBLOCK_PAGES, pfn + PAGEBLOCK_PAGES, PAGEBLOCK_ORDER);
		return;
	}
	while (order < MAX_ORDER) {
		pfn_t buddy_pfn = pfn ^ (1UL << order);
		struct page *buddy = page + ((s64)buddy_pfn - (s64)pfn);

		if (!is_free_buddy(page, buddy, order))
			break;
		if (order >= PAGEBLOCK_ORDER) {
			enum migratetype other = buddy_mt(buddy);

			if (!may_merge(mt, other))
				break;
			if (other != mt)
				set_types(b, buddy_pfn, order, mt);
		}
		buddy_take(b, buddy);
		if (buddy_pfn < pfn) {
			pfn = buddy_pfn;
			page = buddy;
		}
		order++;
	}
	add(b, page, order, mt, buddy_merge_likely(page, pfn, order));
}

/* Of a block of order `high` that is off the lists, keeps the first 2^low pages. */
static void expand(struct buddy *b, struct page *page, unsigned low, unsigned high,
		   enum migratetype mt)
{
	while (high > low) {
		high--;
		add(b, page + (1UL << high), high, mt, false);
	}
}

static struct page *alloc_smallest(struct buddy *b, unsigned order, enum migratetype mt)
{
	for (unsigned o = order; o < NR_PAGE_ORDERS; o++) {
		struct page *page =
			list_first_entry_or_null(&b->area[o].free_list[mt], struct page, lru);
		if (!page)
			continue;
		buddy_take(b, page);
		expand(b, page, order, o, mt);
		return page;
	}
	return NULL;
}

static u64 block_free_pages(const struct buddy *b, pfn_t pfn, u64 *movable)
{
	pfn_t end = ALIGN_DOWN(pfn, PAGEBLOCK_PAGES) + PAGEBLOCK_PAGES;
	u64 nr = 0;

	*movable = 0;
	for (pfn = end - PAGEBLOCK_PAGES; pfn < end;) {
		const struct page *page = pfn_to_page(b->model, pfn);

		if (PageBuddy(page)) {
			nr += 1UL << buddy_order(page);
			pfn += 1UL << buddy_order(page);
			continue;
		}
		*movable += PageLRU(page) || PageMovable(page);
		pfn++;
	}
	return nr;
}

u64 buddy_set_block_type(struct buddy *b, pfn_t pfn, enum migratetype mt)
{
	struct page *block = buddy_block_of(b, pfn);
	pfn_t end;
	u64 moved = 0;

	if (block && buddy_order(block) > PAGEBLOCK_ORDER) {
		unsigned order = buddy_order(block);

		pfn = page_to_pfn(b->model, block);
		buddy_take(b, block);
		set_types(b, pfn, order, mt);
		buddy_free(b, block, pfn, order);
		return 1UL << order;
	}
	pfn = ALIGN_DOWN(pfn, PAGEBLOCK_PAGES);
	end = pfn + PAGEBLOCK_PAGES;
	b->pageblock[pfn >> PAGEBLOCK_ORDER] = (u8)mt;
	while (pfn < end) {
		struct page *page = pfn_to_page(b->model, pfn);
		unsigned order;

		if (!PageBuddy(page)) {
			pfn++;
			continue;
		}
		order = buddy_order(page);
		buddy_take(b, page);
		if (order == PAGEBLOCK_ORDER) /* its buddy may be of this type (B2) */
			buddy_free(b, page, pfn, order);
		else
			add(b, page, order, mt, false);
		pfn += 1UL << order;
		moved += 1UL << order;
	}
	return moved;
}

/* Whether type mt may try to make a whole block its own, going by the size of the free part. */
static bool may_claim(unsigned order, enum migratetype mt)
{
	/* An unmovable page in a movable block is for ever: better to take the block at once. */
	return order >= PAGEBLOCK_ORDER / 2 || mt != MIGRATE_MOVABLE;
}

static bool try_claim(struct buddy *b, struct page *page, enum migratetype from,
		      enum migratetype mt)
{
	pfn_t pfn = page_to_pfn(b->model, page);
	u64 movable, free, alike;

	if (buddy_order(page) >= PAGEBLOCK_ORDER) {
		buddy_set_block_type(b, pfn, mt);
		return true;
	}
	free = block_free_pages(b, pfn, &movable);
	if (mt == MIGRATE_MOVABLE)
		alike = movable;
	else /* what is neither free nor movable is as good as ours */
		alike = from == MIGRATE_MOVABLE ? PAGEBLOCK_PAGES - free - movable : 0;
	if (free + alike < PAGEBLOCK_PAGES / 2)
		return false;
	buddy_set_block_type(b, pfn, mt);
	return true;
}

/* The largest free block of others, to make its page block ours: it will last longest. */
static bool claim_block(struct buddy *b, unsigned order, enum migratetype mt)
{
	for (unsigned o = MAX_ORDER + 1; o-- > 0;) {
		/* For small parts of movable blocks see steal(). */
		if (o < order || !may_claim(o, mt))
			return false;
		for (unsigned i = 0; i < ARRAY_SIZE(fallbacks[mt]); i++) {
			enum migratetype from = fallbacks[mt][i];
			struct page *page = list_first_entry_or_null(&b->area[o].free_list[from],
								     struct page, lru);
			if (page && try_claim(b, page, from, mt))
				return true;
		}
	}
	return false;
}

/* The smallest block of others that will do; its page block stays theirs. */
static struct page *steal(struct buddy *b, unsigned order, enum migratetype mt)
{
	for (unsigned o = order; o < NR_PAGE_ORDERS; o++) {
		for (unsigned i = 0; i < ARRAY_SIZE(fallbacks[mt]); i++) {
			enum migratetype from = fallbacks[mt][i];
			struct page *page = list_first_entry_or_null(&b->area[o].free_list[from],
								     struct page, lru);
			if (!page)
				continue;
			buddy_take(b, page);
			expand(b, page, order, o, from);
			return page;
		}
	}
	return NULL;
}

struct page *buddy_alloc(struct buddy *b, unsigned order, enum migratetype mt, unsigned flags)
{
	struct page *page = NULL;

	/* Lent memory is used as much as the rest, or it is full last and empty never. */
	if ((flags & BUDDY_CMA) && b->nr_free_cma > b->nr_free_pages / 2)
		page = alloc_smallest(b, order, MIGRATE_CMA);
	if (!page && (flags & BUDDY_HIGHATOMIC))
		page = alloc_smallest(b, order, MIGRATE_HIGHATOMIC);
	if (!page)
		page = alloc_smallest(b, order, mt);
	if (!page && (flags & BUDDY_CMA))
		page = alloc_smallest(b, order, MIGRATE_CMA);
	if (page || mt >= MIGRATE_PCPTYPES || (flags & BUDDY_NOFALLBACK))
		return page;
	if (claim_block(b, order, mt))
		page = alloc_smallest(b, order, mt);
	return page ? page : steal(b, order, mt);
}

struct page *buddy_block_of(const struct buddy *b, pfn_t pfn)
{
	struct page *page = pfn_to_page(b->model, pfn);

	for (unsigned o = 0; o < NR_PAGE_ORDERS; o++) {
		struct page *head = page - (pfn & ((1UL << o) - 1));

		if (PageBuddy(head))
			return buddy_order(head) >= o && page_zone_id(head) == page_zone_id(page)
				       ? head
				       : NULL;
	}
	return NULL;
}

bool buddy_has_block(const struct buddy *b, unsigned order, enum migratetype mt, unsigned flags)
{
	for (unsigned o = order; o < NR_PAGE_ORDERS; o++) {
		const struct free_area *a = &b->area[o];

		if (a->nr_free[MIGRATE_UNMOVABLE] || a->nr_free[MIGRATE_MOVABLE] ||
		    a->nr_free[MIGRATE_RECLAIMABLE])
			return true;
		if (((flags & BUDDY_CMA) || mt == MIGRATE_CMA) && a->nr_free[MIGRATE_CMA])
			return true;
		if ((flags & BUDDY_HIGHATOMIC) && a->nr_free[MIGRATE_HIGHATOMIC])
			return true;
	}
	return false;
}

u64 buddy_nr_free(const struct buddy *b, unsigned order)
{
	u64 sum = 0;

	for (unsigned t = 0; t < MIGRATE_TYPES; t++)
		sum += b->area[order].nr_free[t];
	return sum;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static const char *check_block(const struct buddy *b, const struct page *page, unsigned order,
			       enum migratetype mt)
{
	pfn_t pfn = page_to_pfn(b->model, page), buddy_pfn = pfn ^ (1UL << order);
	const struct page *buddy = page + ((s64)buddy_pfn - (s64)pfn);

	if (!PageBuddy(page) || buddy_order(page) != order || buddy_mt(page) != mt)
		return "B3: a block on a list is not marked so";
	if (pfn & ((1UL << order) - 1))
		return "B1: a block is not aligned to its size";
	if (page_ref_count(page))
		return "B3: a free block has references";
	for (pfn_t p = pfn; p < pfn + (1UL << order); p += PAGEBLOCK_PAGES)
		if (buddy_block_type(b, p) != mt)
			return "B4: a block is on another type's list";
	for (unsigned o = 0; o < order; o++)
		if (PageBuddy(page + (1UL << o)))
			return "B3: a free block lies inside another";
	if (order < MAX_ORDER && is_free_buddy(page, buddy, order) &&
	    (order < PAGEBLOCK_ORDER || may_merge(mt, buddy_mt(buddy))))
		return "B2: two free buddies are not merged";
	return NULL;
}

const char *buddy_check(const struct buddy *b, pfn_t start, pfn_t end)
{
	u64 pages = 0, cma = 0, isolated = 0, on_lists = 0, marked = 0;

	for (unsigned o = 0; o < NR_PAGE_ORDERS; o++) {
		for (enum migratetype t = 0; t < MIGRATE_TYPES; t++) {
			const struct free_area *a = &b->area[o];
			const char *broken = list_check(&a->free_list[t], end - start);
			const struct page *page;
			u64 n = 0;

			if (broken)
				return broken;
			list_for_each_entry (page, &a->free_list[t], lru) {
				broken = check_block(b, page, o, t);
				if (broken)
					return broken;
				n++;
			}
			if (n != a->nr_free[t])
				return "B5: nr_free differs from the list";
			on_lists += n;
			*(t == MIGRATE_ISOLATE ? &isolated : &pages) += n << o;
			cma += t == MIGRATE_CMA ? n << o : 0;
		}
	}
	if (pages != b->nr_free_pages || cma != b->nr_free_cma || isolated != b->nr_isolated)
		return "B5: a page counter differs from the lists";
	for (pfn_t pfn = start; pfn < end;) {
		const struct page *page;

		if (b->pageblock[pfn >> PAGEBLOCK_ORDER] == PAGEBLOCK_NONE) {
			pfn = ALIGN_UP(pfn + 1, PAGEBLOCK_PAGES);
			continue;
		}
		page = pfn_to_page(b->model, pfn++);
		marked += PageBuddy(page) && page_zone_id(page) == b->zone_id;
	}
	if (marked != on_lists)
		return "B3: PG_buddy on a page that is on no list";
	return NULL;
}
