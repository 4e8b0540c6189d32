/* SPDX-License-Identifier: MIT */
/*
 * page.h - struct page: what the kernel knows about one page frame, in one cache line.
 *
 * Who owns a page decides what its words mean; the columns below are the owners that live here. A
 * free page of the buddy has PG_buddy and its order in `private`; only the first page of a block
 * has them. The tail pages of a compound page lead to their head through compound_head.
 */
#ifndef GUEST_MM_PAGE_H
#define GUEST_MM_PAGE_H

#include "guest/lib/atomic.h"
#include "guest/lib/bitmap.h"
#include "guest/lib/list.h"
#include "guest/mm/gfp.h"
#include "guest/mm/page_size.h"

#define MAX_NUMNODES 16

struct kmem_cache;
struct movable_ops;

struct page {
	u64 flags; /* enum pageflags, and zone, node, section above them */
	union {
		struct list_head lru; /* buddy, per-CPU and owners' lists; a slab's list */
		u64 compound_head;    /* tail page: head's address | 1 */
	};
	union {
		void *mapping;			/* address_space, anon_vma */
		const struct movable_ops *mops; /* PG_movable */
		struct kmem_cache *slab_cache;	/* PG_slab */
	};
	union {
		u64 index;	/* offset in the mapping; tail page 1: the compound order */
		void *freelist; /* slab: its first free object */
	};
	u64 private; /* buddy: order | migrate type << 8; else the owner's */
	union {
		atomic_t _mapcount; /* user mappings - 1 */
		struct {
			u16 inuse;   /* slab: objects handed out */
			u16 objects; /* slab: objects in all */
		};
	};
	atomic_t _refcount;
	u64 virtual; /* HIGHMEM: its kmap address, or 0 */
};

_Static_assert(sizeof(struct page) == 64, "a page frame's cost is one cache line");

enum pageflags {
	PG_locked,
	PG_referenced,
	PG_uptodate,
	PG_dirty,
	PG_lru,
	PG_active,
	PG_workingset,
	PG_error,
	PG_slab,
	PG_reserved, /* never handed out by the buddy: firmware, kernel image, holes */
	PG_private,
	PG_writeback,
	PG_head, /* first page of a compound page */
	PG_swapcache,
	PG_reclaim,
	PG_swapbacked,
	PG_unevictable,
	PG_mlocked,
	PG_hwpoison,
	PG_buddy,    /* first page of a free block */
	PG_movable,  /* its owner gave movable_ops */
	PG_isolated, /* taken from its owner for migration */
	PG_table,    /* a page table */
	PG_offline,
	NR_PAGEFLAGS
};

#define PAGE_FLAG(Name, bit)                                    \
	static inline bool Page##Name(const struct page *page)  \
	{                                                       \
		return READ_ONCE(page->flags) >> (bit)&1;       \
	}                                                       \
	static inline void SetPage##Name(struct page *page)     \
	{                                                       \
		set_bit((bit), &page->flags);                   \
	}                                                       \
	static inline void ClearPage##Name(struct page *page)   \
	{                                                       \
		clear_bit((bit), &page->flags);                 \
	}                                                       \
	/* Nobody else changes this page's flags. */            \
	static inline void __SetPage##Name(struct page *page)   \
	{                                                       \
		page->flags |= BIT(bit);                        \
	}                                                       \
	static inline void __ClearPage##Name(struct page *page) \
	{                                                       \
		page->flags &= ~BIT(bit);                       \
	}

PAGE_FLAG(Locked, PG_locked)
PAGE_FLAG(LRU, PG_lru)
PAGE_FLAG(Dirty, PG_dirty)
PAGE_FLAG(Slab, PG_slab)
PAGE_FLAG(Reserved, PG_reserved)
PAGE_FLAG(Private, PG_private)
PAGE_FLAG(Head, PG_head)
PAGE_FLAG(Buddy, PG_buddy)
PAGE_FLAG(Movable, PG_movable)
PAGE_FLAG(Isolated, PG_isolated)
PAGE_FLAG(Table, PG_table)
PAGE_FLAG(Offline, PG_offline)

/* What a page must not carry when it is freed. */
#define PAGE_FLAGS_CHECK_AT_FREE                                                                  \
	(BIT(PG_locked) | BIT(PG_lru) | BIT(PG_active) | BIT(PG_slab) | BIT(PG_reserved) |        \
	 BIT(PG_private) | BIT(PG_writeback) | BIT(PG_buddy) | BIT(PG_isolated) | BIT(PG_table) | \
	 BIT(PG_offline) | BIT(PG_swapcache) | BIT(PG_mlocked))
#define PAGE_FLAGS_MASK ((u64)(BIT(NR_PAGEFLAGS) - 1))

/* | node 4 | zone 3 | section 19 | ... flags |: node and zone together are the index of a zone. They
 * are on top, where one shift gets them. */
#define PAGE_SECTION_SHIFT 38
#define PAGE_SECTION_MASK  0x7ffffu
#define PAGE_ZONE_SHIFT	   57
#define PAGE_NODE_SHIFT	   60
#define PAGE_ZONEID_MASK   0x7fu /* 16 nodes of 8 zones */

static inline unsigned page_zone_id(const struct page *page)
{
	return (unsigned)(page->flags >> PAGE_ZONE_SHIFT);
}

static inline enum zone_type page_zonenum(const struct page *page)
{
	return (enum zone_type)(page->flags >> PAGE_ZONE_SHIFT & 7);
}

static inline unsigned page_to_nid(const struct page *page)
{
	return (unsigned)(page->flags >> PAGE_NODE_SHIFT);
}

static inline u64 page_to_section(const struct page *page)
{
	return page->flags >> PAGE_SECTION_SHIFT & PAGE_SECTION_MASK;
}

static inline u64 page_links(u64 section, unsigned nid, enum zone_type zone)
{
	return section << PAGE_SECTION_SHIFT | (u64)nid << PAGE_NODE_SHIFT |
	       (u64)zone << PAGE_ZONE_SHIFT;
}

static inline bool PageTail(const struct page *page)
{
	return READ_ONCE(page->compound_head) & 1;
}

static inline struct page *compound_head(struct page *page)
{
	u64 head = READ_ONCE(page->compound_head);

	return head & 1 ? (struct page *)(head - 1) : page;
}

/* Of a head or an ordinary page. */
static inline unsigned compound_order(const struct page *page)
{
	return PageHead(page) ? (unsigned)page[1].index : 0;
}

static inline int page_ref_count(const struct page *page)
{
	return atomic_read(&page->_refcount);
}

static inline void set_page_count(struct page *page, int n)
{
	atomic_set(&page->_refcount, n);
}

static inline void get_page(struct page *page)
{
	atomic_inc(&compound_head(page)->_refcount);
}

/* A reference unless the page is free. */
static inline bool get_page_unless_zero(struct page *page)
{
	return atomic_inc_not_zero(&page->_refcount);
}

static inline bool put_page_testzero(struct page *page)
{
	return atomic_dec_and_test(&page->_refcount);
}

static inline bool trylock_page(struct page *page)
{
	return !test_and_set_bit(PG_locked, &page->flags);
}

static inline void unlock_page(struct page *page)
{
	clear_bit_unlock(PG_locked, &page->flags);
}

/* A free block's order and list. */
static inline unsigned buddy_order(const struct page *page)
{
	return page->private & 0xff;
}

static inline enum migratetype buddy_mt(const struct page *page)
{
	return (enum migratetype)(page->private >> 8 & 0xff);
}

#endif
