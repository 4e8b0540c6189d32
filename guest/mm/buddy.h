/* SPDX-License-Identifier: MIT */
/*
 * buddy.h - free page frames in blocks of 2^order, grouped by mobility.
 *
 * Rules: B1 a block starts at a multiple of its size.
 *        B2 two free buddies of one order are merged, unless one is of a type that must not mix
 *           (CMA, isolated, high-order atomic) and the other is not of the same.
 *        B3 the first page of a free block, and no other page, has PG_buddy; `private` says order
 *           and list.
 *        B4 a free block is on the list of its page block's type.
 *        B5 the counters agree with the lists.
 * The caller holds the zone's lock, and decides about watermarks: this file only splits and merges.
 */
#ifndef GUEST_MM_BUDDY_H
#define GUEST_MM_BUDDY_H

#include "guest/mm/memmodel.h"

#define PAGEBLOCK_NONE 0xff /* its struct pages are not initialised */

struct free_area {
	struct list_head free_list[MIGRATE_TYPES];
	u64 nr_free[MIGRATE_TYPES]; /* blocks */
};

struct buddy {
	struct free_area area[NR_PAGE_ORDERS];
	u64 nr_free_pages; /* without isolated ones */
	u64 nr_free_cma;
	u64 nr_isolated;
	const struct memmodel *model;
	u8 *pageblock;	  /* migrate type of frame >> PAGEBLOCK_ORDER */
	unsigned zone_id; /* page_zone_id() of its pages */
};

enum buddy_flags {
	BUDDY_CMA = 1 << 0,	   /* a movable request may use CMA blocks */
	BUDDY_HIGHATOMIC = 1 << 1, /* may use the high-order atomic reserve */
	BUDDY_NOFALLBACK = 1 << 2, /* not from another type's blocks */
};

/* Zones meet at multiples of MAX_ORDER: no block belongs to two. */
void buddy_init(struct buddy *b, unsigned zone_id, const struct memmodel *model, u8 *pageblock);

/* Takes a block back and merges it upward. */
void buddy_free(struct buddy *b, struct page *page, pfn_t pfn, unsigned order);

/*
 * A block of exactly this order, from type mt or what it may borrow from; NULL. The block is the
 * caller's; its struct pages are not touched beyond PG_buddy and private of the first.
 */
struct page *buddy_alloc(struct buddy *b, unsigned order, enum migratetype mt, unsigned flags);

/* Takes one whole free block, given by its first page, off its list. */
void buddy_take(struct buddy *b, struct page *page);

/* The free block that frame pfn lies in, or NULL. */
struct page *buddy_block_of(const struct buddy *b, pfn_t pfn);

/* Gives the page block of pfn another type and moves its free blocks along; how many free pages. A
 * free block of MAX_ORDER takes its whole span along. */
u64 buddy_set_block_type(struct buddy *b, pfn_t pfn, enum migratetype mt);

/* Whether a free block of at least this order is on a list that type mt may take from. */
bool buddy_has_block(const struct buddy *b, unsigned order, enum migratetype mt, unsigned flags);

static inline enum migratetype buddy_block_type(const struct buddy *b, pfn_t pfn)
{
	return (enum migratetype)b->pageblock[pfn >> PAGEBLOCK_ORDER];
}

/* Free blocks of one order, all types. */
u64 buddy_nr_free(const struct buddy *b, unsigned order);

/* NULL, or the broken rule. Walks every list; `end` bounds the frames. */
const char *buddy_check(const struct buddy *b, pfn_t start, pfn_t end);

#endif
