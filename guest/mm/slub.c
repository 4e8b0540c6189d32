/* SPDX-License-Identifier: MIT */
/*
 * slub.c - slabs whose free objects are chained through themselves.
 *
 * Slots that were never handed out are not chained: page->private counts those that were, and the
 * rest of the slab follows. So a new slab costs no walk through its memory.
 *
 * Rules: U1 page->freelist leads through slots of the first `private`, as many as are neither in use
 *           nor beyond, then to NULL.
 *        U2 a slab with free slots is on its node's partial list, a full one on none.
 *        U3 at most min_partial of the slabs on a list are empty.
 * node->lock guards the lists, the chains and the counts.
 */
#include "guest/lib/errno.h"
#include "guest/mm/slab_internal.h"

#define MAX_SLAB_ORDER 3
#define MIN_PARTIAL    5

static void *get_next(const struct kmem_cache *c, const void *slot)
{
	void *next;

	memcpy(&next, (const u8 *)slot + c->offset, sizeof(next));
	return next;
}

static void set_next(const struct kmem_cache *c, void *slot, void *next)
{
	memcpy((u8 *)slot + c->offset, &next, sizeof(next));
}

/* The smallest order that wastes at most 1/16 of the slab, else 1/8, 1/4; else whatever holds one. */
static unsigned find_order(u32 size, unsigned nr_cpus)
{
	unsigned want = 4 * (fls(nr_cpus) + 1);

	for (unsigned fraction = 16; fraction >= 4; fraction /= 2) {
		for (unsigned o = 0; o <= MAX_SLAB_ORDER; o++) {
			u64 slab = PAGE_SIZE << o;

			if (slab / size < MIN((u64)want, (PAGE_SIZE << MAX_SLAB_ORDER) / size))
				continue;
			if (slab >= size && slab % size <= slab / fraction)
				return o;
		}
	}
	return order_base_2(PFN_UP(size));
}

static int slub_layout(struct kmem_cache *c)
{
	u32 size = ALIGN_UP(c->object_size, 8u);

	if (slab_debugged(c)) {
		size = slab_debug_layout(c);
	} else if (c->ctor) {
		/* The object must stay as constructed: the chain goes behind it. */
		c->offset = size;
		size += 8;
	} else {
		/* In the middle, where an overflow of the neighbour is less likely to reach. */
		c->offset = ALIGN_DOWN(c->object_size / 2, 8u);
	}
	c->size = ALIGN_UP(size, c->align);
	c->order = find_order(c->size, c->sys->pg->nr_cpus);
	if (c->order > MAX_ORDER)
		return -EINVAL;
	c->objects = (u32)((PAGE_SIZE << c->order) / c->size);
	c->min_partial = MIN_PARTIAL;
	return c->objects && c->objects < 0x8000 ? 0 : -EINVAL;
}

static struct page *new_slab(struct kmem_cache *c, gfp_t gfp, unsigned nid)
{
	struct page *page = slab_alloc_pages(c, gfp, nid);
	u8 *base;

	if (!page)
		return NULL;
	page->freelist = NULL;
	page->private = 0;
	if (!c->ctor && !slab_debugged(c))
		return page;
	base = page_address(c->sys->pg, page);
	for (u32 i = 0; i < c->objects; i++)
		slab_setup_slot(c, base + i * c->size);
	return page;
}

static bool is_full(const struct kmem_cache *c, const struct page *page)
{
	return page->inuse == c->objects;
}

/* Takes up to nr slots of the slab. Node's lock held, or the slab is not known to anybody yet. */
static unsigned take_slots(struct kmem_cache *c, struct page *page, void **objs, unsigned nr)
{
	unsigned got = 0;
	void *slot = page->freelist;

	while (slot && got < nr) {
		objs[got++] = slot;
		slot = get_next(c, slot);
	}
	page->freelist = slot;
	if (got < nr && page->private < c->objects) {
		u8 *fresh = (u8 *)page_address(c->sys->pg, page) + page->private * c->size;
		u32 n = MIN(nr - got, c->objects - (u32)page->private);

		page->private += n;
		for (; n; n--, fresh += c->size)
			objs[got++] = fresh;
	}
	page->inuse = (u16)(page->inuse + got);
	return got;
}

static unsigned take_partial(struct kmem_cache *c, struct kmem_cache_node *n, void **objs,
			     unsigned nr)
{
	unsigned got = 0;
	u64 flags;

	if (!READ_ONCE(n->nr_partial))
		return 0;
	flags = spin_lock_irqsave(&n->lock);
	while (got < nr && !list_empty(&n->partial)) {
		struct page *page = list_first_entry(&n->partial, struct page, lru);

		n->nr_free_slabs -= !page->inuse;
		got += take_slots(c, page, objs + got, nr - got);
		if (is_full(c, page)) {
			list_del(&page->lru);
			n->nr_partial--;
		}
	}
	spin_unlock_irqrestore(&n->lock, flags);
	return got;
}

static unsigned slub_refill(struct kmem_cache *c, gfp_t gfp, unsigned nid, void **objs, unsigned nr)
{
	unsigned got = take_partial(c, &c->node[nid], objs, nr);
	struct kmem_cache_node *n;
	struct page *page;
	u64 flags;

	if (got)
		return got;
	page = new_slab(c, gfp, nid);
	if (!page) {
		/* Another node may have some left. */
		for (unsigned i = 0; !got && i < c->sys->pg->nr_nodes; i++)
			if (i != nid && !(gfp & __GFP_THISNODE))
				got = take_partial(c, &c->node[i], objs, nr);
		return got;
	}
	n = &c->node[page_to_nid(page)];
	flags = spin_lock_irqsave(&n->lock);
	n->nr_slabs++;
	got = take_slots(c, page, objs, nr);
	if (!is_full(c, page)) {
		list_add(&page->lru, &n->partial);
		n->nr_partial++;
	}
	spin_unlock_irqrestore(&n->lock, flags);
	return got;
}

/* Slots back to the slab they are all of; one that must go to the buddy is put on the list `gone`.
 * Node's lock held. */
static void put_slots(struct kmem_cache *c, struct kmem_cache_node *n, struct page *page,
		      void **objs, unsigned nr, struct list_head *gone)
{
	bool was_full = is_full(c, page);
	void *chain = page->freelist;

	page->inuse = (u16)(page->inuse - nr);
	if (page->inuse) {
		for (unsigned i = 0; i < nr; i++) {
			set_next(c, objs[i], chain);
			chain = objs[i];
		}
		page->freelist = chain;
	} else {
		/* As new: who takes them next has no chain to follow through cold cache lines. */
		page->freelist = NULL;
		page->private = 0;
	}
	if (was_full) {
		list_add_tail(&page->lru, &n->partial);
		n->nr_partial++;
	}
	if (page->inuse)
		return;
	if (n->nr_free_slabs < c->min_partial) {
		n->nr_free_slabs++;
		/* Used last: the others are to fill up. */
		list_move_tail(&page->lru, &n->partial);
		return;
	}
	list_move(&page->lru, gone);
	n->nr_partial--;
	n->nr_slabs--;
}

static void discard(struct kmem_cache *c, struct list_head *gone)
{
	struct page *page, *next;

	list_for_each_entry_safe (page, next, gone, lru) {
		list_del(&page->lru);
		slab_free_pages(c, page);
	}
}

/* How many of the objects are neighbours of the first: what was allocated together is often freed
 * together. */
static unsigned same_slab(const struct kmem_cache *c, const struct page *page, void **objs,
			  unsigned nr)
{
	u64 base = (u64)page_address(c->sys->pg, page), size = PAGE_SIZE << c->order;
	unsigned same = 1;

	while (same < nr && (u64)objs[same] - base < size)
		same++;
	return same;
}

static void slub_flush(struct kmem_cache *c, void **objs, unsigned nr)
{
	LIST_HEAD(gone);

	while (nr) {
		struct page *page = virt_to_slab(c->sys, *objs);
		unsigned nid = page_to_nid(page);
		struct kmem_cache_node *n = &c->node[nid];
		u64 flags = spin_lock_irqsave(&n->lock);

		do {
			unsigned same = same_slab(c, page, objs, nr);

			put_slots(c, n, page, objs, same, &gone);
			objs += same;
			nr -= same;
			page = nr ? virt_to_slab(c->sys, *objs) : NULL;
		} while (page && page_to_nid(page) == nid);
		spin_unlock_irqrestore(&n->lock, flags);
	}
	discard(c, &gone);
}

static u64 slub_shrink(struct kmem_cache *c)
{
	u64 pages = 0;

	for (unsigned i = 0; i < c->sys->pg->nr_nodes; i++) {
		struct kmem_cache_node *n = &c->node[i];
		struct page *page, *next;
		LIST_HEAD(gone);
		u64 flags = spin_lock_irqsave(&n->lock);

		list_for_each_entry_safe (page, next, &n->partial, lru) {
			if (page->inuse) {
				/* The fullest to the front: the others get a chance to drain. */
				if (page->inuse > page->objects / 2)
					list_move(&page->lru, &n->partial);
				continue;
			}
			list_move(&page->lru, &gone);
			n->nr_partial--;
			n->nr_slabs--;
			n->nr_free_slabs--;
			pages += 1UL << c->order;
		}
		spin_unlock_irqrestore(&n->lock, flags);
		discard(c, &gone);
	}
	return pages;
}

static void slub_info(struct kmem_cache *c, struct slabinfo *info)
{
	*info = (struct slabinfo){ 0 };
	for (unsigned i = 0; i < c->sys->pg->nr_nodes; i++) {
		struct kmem_cache_node *n = &c->node[i];
		const struct page *page;
		u64 flags = spin_lock_irqsave(&n->lock), free = 0;

		list_for_each_entry (page, &n->partial, lru)
			free += page->objects - page->inuse;
		info->num_slabs += n->nr_slabs;
		info->active_slabs += n->nr_slabs - n->nr_free_slabs;
		info->num_objs += n->nr_slabs * c->objects;
		info->active_objs += n->nr_slabs * c->objects - free;
		spin_unlock_irqrestore(&n->lock, flags);
	}
}

static bool slub_is_slot(const struct kmem_cache *c, const struct page *page, const void *p)
{
	u64 base = (u64)page_address(c->sys->pg, page), at = (u64)p - base;

	return (u64)p >= base && at % c->size == 0 && at / c->size < c->objects;
}

/* Full slabs are on no list: only those with free slots are seen. */
static void slub_for_each_slot (struct kmem_cache *c,
				void (*fn)(struct kmem_cache *c, void *slot, void *arg), void *arg)
{
	for (unsigned i = 0; i < c->sys->pg->nr_nodes; i++) {
		const struct page *page;

		list_for_each_entry (page, &c->node[i].partial, lru) {
			u8 *base = page_address(c->sys->pg, page);

			for (u32 k = 0; k < c->objects; k++)
				fn(c, base + k * c->size, arg);
		}
	}
}

static const char *check_slab(struct kmem_cache *c, const struct page *page)
{
	u32 free = 0;
	u64 end = page->private * c->size;

	if (page->slab_cache != c || !PageSlab(page))
		return "U2: a partial list holds a page that is not a slab of the cache";
	for (const void *slot = page->freelist; slot; slot = get_next(c, slot)) {
		if (!slub_is_slot(c, page, slot) ||
		    (u64)slot - (u64)page_address(c->sys->pg, page) >= end)
			return "U1: a free pointer leads out of its slab";
		if (++free > c->objects)
			return "U1: the chain is longer than the slab";
	}
	if (free + page->inuse != page->private)
		return "U1: inuse differs from the chain";
	return is_full(c, page) ? "U2: a full slab on the partial list" : NULL;
}

static const char *slub_check(struct kmem_cache *c)
{
	for (unsigned i = 0; i < c->sys->pg->nr_nodes; i++) {
		struct kmem_cache_node *n = &c->node[i];
		const struct page *page;
		u64 nr = 0, empty = 0;
		const char *broken = list_check(&n->partial, n->nr_slabs);

		if (broken)
			return broken;
		list_for_each_entry (page, &n->partial, lru) {
			broken = check_slab(c, page);
			if (broken)
				return broken;
			nr++;
			empty += !page->inuse;
		}
		if (nr != n->nr_partial || empty != n->nr_free_slabs)
			return "U2: the counts differ from the list";
		if (empty > c->min_partial)
			return "U3: too many empty slabs";
	}
	return NULL;
}

const struct slab_ops slub_ops = {
	.name = "slub",
	.cpu_arrays = true,
	.layout = slub_layout,
	.refill = slub_refill,
	.flush = slub_flush,
	.shrink = slub_shrink,
	.info = slub_info,
	.is_slot = slub_is_slot,
	.for_each_slot = slub_for_each_slot,
	.check = slub_check,
};
