/* SPDX-License-Identifier: MIT */
/*
 * slob.c - blocks of any size, first-fit from shared pages (after Kernighan and Ritchie, The C
 * Programming Language, section 8.7).
 *
 * A page is 512 units of 8 bytes. A free block says in its first unit how many units it has and
 * where the next one of the page is. kmalloc() puts the size into a unit before the block; caches
 * know it. What does not fit into a page is pages.
 *
 * Rules: O1 the free blocks of a page are sorted and no two touch; O2 page->objects is the sum of
 *        their units; O3 a page with free units is on one of the three lists, a full one on none.
 * sys->slob_lock guards it all.
 */
#include "guest/lib/errno.h"
#include "guest/lib/math.h"
#include "guest/mm/slab_internal.h"

#define UNIT	   8u
#define PAGE_UNITS ((u32)(PAGE_SIZE / UNIT))
#define NO_BLOCK   0xffffu

struct block {
	u16 units;
	u16 next; /* index of its unit, or NO_BLOCK */
};

static u32 units_for(size_t size)
{
	return (u32)DIV_ROUND_UP(size, UNIT);
}

/* Small and large ones apart, or the small ones would cut every page to pieces. */
static struct list_head *list_for(struct slab_sys *sys, size_t size)
{
	return &sys->slob_pages[size < 256 ? 0 : size < 1024 ? 1 : 2];
}

static struct block *block_at(const struct slab_sys *sys, const struct page *page, u32 unit)
{
	return (struct block *)((u8 *)page_address(sys->pg, page) + unit * UNIT);
}

/* page->private is the index of the first free block. */
static void set_link(const struct slab_sys *sys, struct page *page, u32 prev, u32 to)
{
	if (prev == NO_BLOCK)
		page->private = to;
	else
		block_at(sys, page, prev)->next = (u16)to;
}

static void *page_take(struct slab_sys *sys, struct page *page, u32 units, size_t align,
		       size_t header)
{
	u32 prev = NO_BLOCK, at = (u32)page->private;

	for (; at != NO_BLOCK; prev = at, at = block_at(sys, page, at)->next) {
		struct block *b = block_at(sys, page, at), old = *b;
		/* What follows the header is to be aligned. */
		u64 start = ALIGN_UP((u64)b + header, (u64)align) - header;
		u32 skip = (u32)((start - (u64)b) / UNIT), rest;

		if (old.units < skip + units)
			continue;
		rest = old.units - skip - units;
		if (rest) {
			*block_at(sys, page, at + skip + units) =
				(struct block){ (u16)rest, old.next };
			old.next = (u16)(at + skip + units);
		}
		if (skip) {
			*b = (struct block){ (u16)skip, old.next };
		} else {
			set_link(sys, page, prev, old.next);
		}
		page->objects = (u16)(page->objects - units);
		page->inuse++;
		return (void *)start;
	}
	return NULL;
}

static struct page *new_page(struct slab_sys *sys, gfp_t gfp, unsigned nid)
{
	struct page *page;

	gfp &= ~(__GFP_ZERO | __GFP_MOVABLE | __GFP_HIGHMEM);
	page = alloc_pages_node(sys->pg, nid, gfp, 0);
	if (!page)
		return NULL;
	page->private = 0;
	page->inuse = 0;
	page->objects = (u16)PAGE_UNITS;
	*block_at(sys, page, 0) = (struct block){ (u16)PAGE_UNITS, NO_BLOCK };
	page->slab_cache = NULL;
	__SetPageSlab(page);
	atomic64_inc(&sys->pages_unreclaimable);
	return page;
}

static void *take_listed(struct slab_sys *sys, struct list_head *list, u32 units, size_t align,
			 size_t header, gfp_t gfp)
{
	struct page *page;

	list_for_each_entry (page, list, lru) {
		void *p;

		if (page->objects < units || ((gfp & __GFP_DMA) && page_zonenum(page) != ZONE_DMA))
			continue;
		p = page_take(sys, page, units, align, header);
		if (!p)
			continue;
		if (!page->objects) {
			list_del(&page->lru);
		} else if (list->next != &page->lru) {
			/* Go on here next time (Knuth, The Art of Computer Programming, 2.5). */
			list_unlink(list);
			list_add_tail(list, &page->lru);
		}
		return p;
	}
	return NULL;
}

/* size with its header, of `header` bytes. */
static void *slob_alloc(struct slab_sys *sys, size_t size, size_t align, size_t header, gfp_t gfp,
			unsigned nid)
{
	struct list_head *list = list_for(sys, size);
	u32 units = units_for(size);
	u64 flags = spin_lock_irqsave(&sys->slob_lock);
	void *p = take_listed(sys, list, units, align, header, gfp);
	struct page *page;

	spin_unlock_irqrestore(&sys->slob_lock, flags);
	if (p)
		return p;
	page = new_page(sys, gfp, nid);
	if (!page)
		return NULL;
	flags = spin_lock_irqsave(&sys->slob_lock);
	p = page_take(sys, page, units, align, header);
	if (page->objects)
		list_add(&page->lru, list);
	spin_unlock_irqrestore(&sys->slob_lock, flags);
	return p;
}

/* Merges [at, at + units) into the page's free blocks (O1). */
static void page_put(struct slab_sys *sys, struct page *page, u32 at, u32 units)
{
	u32 prev = NO_BLOCK, next = (u32)page->private;
	struct block *b = block_at(sys, page, at);

	while (next < at) {
		prev = next;
		next = block_at(sys, page, next)->next;
	}
	*b = (struct block){ (u16)units, (u16)next };
	if (next != NO_BLOCK && at + units == next) {
		const struct block *n = block_at(sys, page, next);

		b->units = (u16)(units + n->units);
		b->next = n->next;
	}
	if (prev != NO_BLOCK && prev + block_at(sys, page, prev)->units == at) {
		struct block *p = block_at(sys, page, prev);

		p->units = (u16)(p->units + b->units);
		p->next = b->next;
	} else {
		set_link(sys, page, prev, at);
	}
}

static void slob_free(struct slab_sys *sys, struct page *page, void *p, size_t size)
{
	u32 units = units_for(size), at;
	u64 flags = spin_lock_irqsave(&sys->slob_lock);
	bool was_full = !page->objects, empty;

	at = (u32)(((u64)p & (PAGE_SIZE - 1)) / UNIT);
	page_put(sys, page, at, units);
	page->objects = (u16)(page->objects + units);
	page->inuse--;
	empty = page->objects == PAGE_UNITS;
	if (empty && !was_full)
		list_del(&page->lru);
	else if (!empty && was_full)
		list_add(&page->lru, list_for(sys, size));
	spin_unlock_irqrestore(&sys->slob_lock, flags);
	if (!empty)
		return;
	__ClearPageSlab(page);
	page->private = 0;
	atomic_set(&page->_mapcount, -1);
	atomic64_dec(&sys->pages_unreclaimable);
	free_pages(sys->pg, page, 0);
}

u64 slob_free_bytes(struct slab_sys *sys)
{
	u64 flags = spin_lock_irqsave(&sys->slob_lock), units = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(sys->slob_pages); i++) {
		const struct page *page;

		list_for_each_entry (page, &sys->slob_pages[i], lru)
			units += page->objects;
	}
	spin_unlock_irqrestore(&sys->slob_lock, flags);
	return units * UNIT;
}

/* ---- the interface ---------------------------------------------------------------------------------- */

static bool uses_pages(const struct kmem_cache *c)
{
	return c->order > 0;
}

static int slob_layout(struct kmem_cache *c)
{
	c->size = slab_debugged(c) ? slab_debug_layout(c) : ALIGN_UP(c->object_size, UNIT);
	c->objects = 1;
	if (c->size >= PAGE_SIZE)
		c->order = MAX(order_base_2(PFN_UP(c->size)), 1u);
	return c->order <= MAX_ORDER ? 0 : -EINVAL;
}

static unsigned slob_refill(struct kmem_cache *c, gfp_t gfp, unsigned nid, void **objs, unsigned nr)
{
	struct slab_sys *sys = c->sys;
	void *p;

	(void)nr;
	gfp |= c->page_gfp;
	if (uses_pages(c)) {
		struct page *page = slab_alloc_pages(c, gfp, nid);

		p = page ? page_address(sys->pg, page) : NULL;
	} else {
		p = slob_alloc(sys, c->size, c->align, 0, gfp, nid);
	}
	if (!p)
		return 0;
	/* No object stays constructed: its block may be another's next time. */
	slab_setup_slot(c, p);
	__atomic_fetch_add(&c->node[0].nr_slabs, 1, __ATOMIC_RELAXED);
	objs[0] = p;
	return 1;
}

static void slob_flush(struct kmem_cache *c, void **objs, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		struct page *page = virt_to_slab(c->sys, objs[i]);

		if (uses_pages(c))
			slab_free_pages(c, page);
		else
			slob_free(c->sys, page, objs[i], c->size);
	}
	__atomic_fetch_sub(&c->node[0].nr_slabs, nr, __ATOMIC_RELAXED);
}

static u64 slob_shrink(struct kmem_cache *c)
{
	(void)c; /* an empty page is freed at once */
	return 0;
}

static void slob_info(struct kmem_cache *c, struct slabinfo *info)
{
	info->active_objs = info->num_objs = READ_ONCE(c->node[0].nr_slabs);
	info->active_slabs = info->num_slabs = 0;
}

static bool slob_is_slot(const struct kmem_cache *c, const struct page *page, const void *p)
{
	if (uses_pages(c))
		return p == page_address(c->sys->pg, page);
	return (u64)p % MAX(c->align, UNIT) == 0;
}

static const char *check_page(const struct slab_sys *sys, const struct page *page)
{
	u32 end = 0, sum = 0;

	for (u32 at = (u32)page->private; at != NO_BLOCK;) {
		const struct block *b = block_at(sys, page, at);

		if (at >= PAGE_UNITS || (sum && at <= end))
			return "O1: free blocks out of order, or touching";
		if (!b->units || at + b->units > PAGE_UNITS)
			return "O1: a free block reaches out of its page";
		end = at + b->units;
		sum += b->units;
		at = b->next;
	}
	return sum == page->objects ? NULL : "O2: the free units differ from the blocks";
}

static const char *slob_check(struct kmem_cache *c)
{
	struct slab_sys *sys = c->sys;

	for (unsigned i = 0; i < ARRAY_SIZE(sys->slob_pages); i++) {
		const struct page *page;

		list_for_each_entry (page, &sys->slob_pages[i], lru) {
			const char *broken = check_page(sys, page);

			if (broken)
				return broken;
			if (!page->objects)
				return "O3: a full page on a list";
		}
	}
	return NULL;
}

static void *slob_kmalloc(struct slab_sys *sys, size_t size, gfp_t gfp)
{
	unsigned nid = sys->pg->cpu[env_cpu()]->nid;
	u64 *p;

	if (size > PAGE_SIZE - UNIT)
		return kmalloc_large(sys, size, gfp);
	p = slob_alloc(sys, size + UNIT, UNIT, UNIT, gfp, nid);
	if (!p)
		return NULL;
	*p++ = size;
	return gfp & __GFP_ZERO ? memset(p, 0, size) : p;
}

static void slob_kfree(struct slab_sys *sys, struct page *page, void *p)
{
	u64 *header = (u64 *)p - 1;

	/* The size is all that there is to tell a wild pointer by. */
	if ((u64)p % UNIT || !((u64)p & (PAGE_SIZE - 1)) || !*header ||
	    *header > PAGE_SIZE - UNIT || ((u64)p & (PAGE_SIZE - 1)) + *header > PAGE_SIZE) {
		slab_report(sys, NULL, SLAB_BAD_POINTER, p);
		return;
	}
	slob_free(sys, page, header, *header + UNIT);
}

static size_t slob_ksize(struct slab_sys *sys, const struct page *page, const void *p)
{
	(void)sys;
	(void)page;
	return ALIGN_UP(((const u64 *)p)[-1], (u64)UNIT);
}

const struct slab_ops slob_ops = {
	.name = "slob",
	.cpu_arrays = false,
	.layout = slob_layout,
	.refill = slob_refill,
	.flush = slob_flush,
	.shrink = slob_shrink,
	.info = slob_info,
	.is_slot = slob_is_slot,
	.check = slob_check,
	.kmalloc = slob_kmalloc,
	.kfree = slob_kfree,
	.ksize = slob_ksize,
};
