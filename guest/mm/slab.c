/* SPDX-License-Identifier: MIT */
/*
 * slab.c - slabs with an array of indices of their free objects beside them.
 *
 * The objects are not touched while they are free, and the first object of each slab begins a cache
 * line further than that of the one before (colouring), so that equal fields of many objects do not
 * all fall into the same sets of the cache.
 *
 * Rules: A1 index[inuse .. objects - 1] are the free objects of a slab, each once.
 *        A2 a slab is on the list that its inuse says: full, partial, free.
 * page->freelist is the index array, page->private the address of the first object.
 */
#include "guest/lib/errno.h"
#include "guest/mm/slab_internal.h"

#define MAX_SLAB_ORDER 3
#define COLOUR_STEP    64u
#define FREE_LIMIT     5

typedef u16 slab_idx_t;

static slab_idx_t *index_of(const struct page *page)
{
	return page->freelist;
}

static u8 *slot_at(const struct kmem_cache *c, const struct page *page, u32 i)
{
	return (u8 *)page->private + i * c->size;
}

static u32 index_bytes(u32 objects)
{
	return ALIGN_UP(objects * (u32)sizeof(slab_idx_t), 8u);
}

static u32 objects_in(const struct kmem_cache *c, unsigned order)
{
	u64 room = PAGE_SIZE << order;
	u32 n;

	if (c->off_slab)
		return (u32)(room / c->size);
	n = (u32)(room / (c->size + sizeof(slab_idx_t)));
	while (n && ALIGN_UP(index_bytes(n), c->align) + (u64)n * c->size > room)
		n--;
	return n;
}

static int slab_layout(struct kmem_cache *c)
{
	u64 left = 0;

	c->size = slab_debugged(c) ? slab_debug_layout(c) : ALIGN_UP(c->object_size, 8u);
	c->size = ALIGN_UP(c->size, c->align);
	/* Large objects would lose one to the array. */
	c->off_slab = c->size >= PAGE_SIZE / 8;
	for (c->order = 0; c->order <= MAX_ORDER; c->order++) {
		u64 slab = PAGE_SIZE << c->order;

		c->objects = objects_in(c, c->order);
		if (!c->objects)
			continue;
		left = slab - (u64)c->objects * c->size -
		       (c->off_slab ? 0 : ALIGN_UP(index_bytes(c->objects), c->align));
		if (left * 8 <= slab || c->order >= MAX_SLAB_ORDER)
			break;
	}
	if (c->order > MAX_ORDER || c->objects > 0x7fff)
		return -EINVAL;
	c->colour = (u32)(left / MAX(COLOUR_STEP, c->align)) + 1;
	return 0;
}

/* Where the index array and the objects go in the new pages. */
static bool place_parts(struct kmem_cache *c, struct page *page, gfp_t gfp)
{
	u64 base = (u64)page_address(c->sys->pg, page);
	u32 colour = __atomic_fetch_add(&c->colour_next, 1, __ATOMIC_RELAXED) % c->colour;
	u64 at = base + colour * MAX(COLOUR_STEP, c->align);

	if (c->off_slab) {
		page->freelist = kmalloc(c->sys, index_bytes(c->objects),
					 gfp & ~(__GFP_ZERO | __GFP_DMA | __GFP_RECLAIMABLE));
		page->private = at;
		return page->freelist != NULL;
	}
	page->freelist = (void *)at;
	page->private = ALIGN_UP(at + index_bytes(c->objects), (u64)c->align);
	return true;
}

static void destroy_slab(struct kmem_cache *c, struct page *page)
{
	void *index = page->freelist;

	slab_free_pages(c, page);
	if (c->off_slab)
		kfree(c->sys, index);
}

static struct page *new_slab(struct kmem_cache *c, gfp_t gfp, unsigned nid)
{
	struct page *page = slab_alloc_pages(c, gfp, nid);

	if (!page)
		return NULL;
	if (!place_parts(c, page, gfp)) {
		slab_free_pages(c, page);
		return NULL;
	}
	for (u32 i = 0; i < c->objects; i++)
		index_of(page)[i] = (slab_idx_t)i;
	for (u32 i = 0; i < c->objects && (c->ctor || slab_debugged(c)); i++)
		slab_setup_slot(c, slot_at(c, page, i));
	return page;
}

/* A2. Node's lock held; was: inuse before, -1 for a new slab. */
static void relist(struct kmem_cache *c, struct kmem_cache_node *n, struct page *page, int was)
{
	struct list_head *list = !page->inuse		     ? &n->free
				 : page->inuse == c->objects ? &n->full
							     : &n->partial;

	if (was >= 0)
		list_unlink(&page->lru);
	list_add(&page->lru, list);
	n->nr_free_slabs += (u64)(!page->inuse) - (u64)(was == 0);
}

static unsigned take_slots(struct kmem_cache *c, struct kmem_cache_node *n, struct page *page,
			   void **objs, unsigned nr)
{
	unsigned got = 0;
	int was = page->inuse;

	while (got < nr && page->inuse < c->objects)
		objs[got++] = slot_at(c, page, index_of(page)[page->inuse++]);
	relist(c, n, page, was);
	return got;
}

static unsigned take_listed(struct kmem_cache *c, struct kmem_cache_node *n, void **objs,
			    unsigned nr)
{
	unsigned got = 0;
	u64 flags = spin_lock_irqsave(&n->lock);

	while (got < nr) {
		struct list_head *list = !list_empty(&n->partial) ? &n->partial : &n->free;

		if (list_empty(list))
			break;
		got += take_slots(c, n, list_first_entry(list, struct page, lru), objs + got,
				  nr - got);
	}
	spin_unlock_irqrestore(&n->lock, flags);
	return got;
}

static unsigned slab_refill(struct kmem_cache *c, gfp_t gfp, unsigned nid, void **objs, unsigned nr)
{
	unsigned got = take_listed(c, &c->node[nid], objs, nr);
	struct page *page;
	u64 flags;

	if (got)
		return got;
	page = new_slab(c, gfp, nid);
	if (!page) {
		for (unsigned i = 0; !got && i < c->sys->pg->nr_nodes; i++)
			if (i != nid && !(gfp & __GFP_THISNODE))
				got = take_listed(c, &c->node[i], objs, nr);
		return got;
	}
	nid = page_to_nid(page);
	flags = spin_lock_irqsave(&c->node[nid].lock);
	c->node[nid].nr_slabs++;
	relist(c, &c->node[nid], page, -1);
	got = take_slots(c, &c->node[nid], page, objs, nr);
	spin_unlock_irqrestore(&c->node[nid].lock, flags);
	return got;
}

static void put_slot(struct kmem_cache *c, struct kmem_cache_node *n, struct page *page, void *slot,
		     struct list_head *gone)
{
	int was = page->inuse;

	index_of(page)[--page->inuse] = (slab_idx_t)(((u64)slot - page->private) / c->size);
	if (page->inuse && was < (int)c->objects)
		return; /* partial as before */
	relist(c, n, page, was);
	if (n->nr_free_slabs > FREE_LIMIT) {
		page = list_last_entry(&n->free, struct page, lru);
		list_move(&page->lru, gone);
		n->nr_free_slabs--;
		n->nr_slabs--;
	}
}

static void destroy_slabs(struct kmem_cache *c, struct list_head *gone)
{
	struct page *page, *next;

	list_for_each_entry_safe (page, next, gone, lru) {
		list_del(&page->lru);
		destroy_slab(c, page);
	}
}

static void slab_flush(struct kmem_cache *c, void **objs, unsigned nr)
{
	LIST_HEAD(gone);

	for (unsigned i = 0; i < nr;) {
		struct page *page = virt_to_slab(c->sys, objs[i]);
		unsigned nid = page_to_nid(page);
		struct kmem_cache_node *n = &c->node[nid];
		u64 flags = spin_lock_irqsave(&n->lock);

		do {
			put_slot(c, n, page, objs[i], &gone);
			i++;
			if (i < nr)
				page = virt_to_slab(c->sys, objs[i]);
		} while (i < nr && page_to_nid(page) == nid);
		spin_unlock_irqrestore(&n->lock, flags);
	}
	destroy_slabs(c, &gone);
}

static u64 slab_shrink(struct kmem_cache *c)
{
	u64 pages = 0;

	for (unsigned i = 0; i < c->sys->pg->nr_nodes; i++) {
		struct kmem_cache_node *n = &c->node[i];
		LIST_HEAD(gone);
		u64 flags = spin_lock_irqsave(&n->lock);

		list_splice_init(&n->free, &gone);
		n->nr_slabs -= n->nr_free_slabs;
		pages += n->nr_free_slabs << c->order;
		n->nr_free_slabs = 0;
		spin_unlock_irqrestore(&n->lock, flags);
		destroy_slabs(c, &gone);
	}
	return pages;
}

static void slab_info(struct kmem_cache *c, struct slabinfo *info)
{
	*info = (struct slabinfo){ 0 };
	for (unsigned i = 0; i < c->sys->pg->nr_nodes; i++) {
		struct kmem_cache_node *n = &c->node[i];
		const struct page *page;
		u64 flags = spin_lock_irqsave(&n->lock), free = n->nr_free_slabs * c->objects;

		list_for_each_entry (page, &n->partial, lru)
			free += c->objects - page->inuse;
		info->num_slabs += n->nr_slabs;
		info->active_slabs += n->nr_slabs - n->nr_free_slabs;
		info->num_objs += n->nr_slabs * c->objects;
		info->active_objs += n->nr_slabs * c->objects - free;
		spin_unlock_irqrestore(&n->lock, flags);
	}
}

static bool slab_is_slot(const struct kmem_cache *c, const struct page *page, const void *p)
{
	u64 at = (u64)p - page->private;

	return (u64)p >= page->private && at % c->size == 0 && at / c->size < c->objects;
}

static void slab_for_each_slot (struct kmem_cache *c,
				void (*fn)(struct kmem_cache *c, void *slot, void *arg), void *arg)
{
	for (unsigned i = 0; i < c->sys->pg->nr_nodes; i++) {
		struct kmem_cache_node *n = &c->node[i];
		struct list_head *const lists[] = { &n->full, &n->partial, &n->free };

		for (unsigned l = 0; l < ARRAY_SIZE(lists); l++) {
			const struct page *page;

			list_for_each_entry (page, lists[l], lru)
				for (u32 k = 0; k < c->objects; k++)
					fn(c, slot_at(c, page, k), arg);
		}
	}
}

static const char *check_slab(const struct kmem_cache *c, const struct page *page, bool full,
			      bool empty)
{
	u64 seen[0x8000 / 64] = { 0 };

	if (page->slab_cache != c || !PageSlab(page))
		return "A2: a list holds a page that is not a slab of the cache";
	if (full != (page->inuse == c->objects) || empty != !page->inuse)
		return "A2: a slab is on the wrong list";
	for (u32 i = page->inuse; i < c->objects; i++) {
		u32 at = index_of(page)[i];

		if (at >= c->objects || __test_and_set_bit(at, seen))
			return "A1: the index array is not a permutation";
	}
	return NULL;
}

static const char *slab_check(struct kmem_cache *c)
{
	for (unsigned i = 0; i < c->sys->pg->nr_nodes; i++) {
		struct kmem_cache_node *n = &c->node[i];
		struct list_head *const lists[] = { &n->full, &n->partial, &n->free };
		u64 nr = 0, empty = 0;

		for (unsigned l = 0; l < ARRAY_SIZE(lists); l++) {
			const char *broken = list_check(lists[l], n->nr_slabs);
			const struct page *page;

			if (broken)
				return broken;
			list_for_each_entry (page, lists[l], lru) {
				broken = check_slab(c, page, l == 0, l == 2);
				if (broken)
					return broken;
				nr++;
				empty += l == 2;
			}
		}
		if (nr != n->nr_slabs || empty != n->nr_free_slabs)
			return "A2: the counts differ from the lists";
	}
	return NULL;
}

const struct slab_ops slab_ops = {
	.name = "slab",
	.cpu_arrays = true,
	.layout = slab_layout,
	.refill = slab_refill,
	.flush = slab_flush,
	.shrink = slab_shrink,
	.info = slab_info,
	.is_slot = slab_is_slot,
	.for_each_slot = slab_for_each_slot,
	.check = slab_check,
};
