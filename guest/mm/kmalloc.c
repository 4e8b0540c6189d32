/* SPDX-License-Identifier: MIT */
/* kmalloc.c - memory by size: a row of caches, and whole pages above them. */
#include "guest/lib/errno.h"
#include "guest/mm/slab.h"
#include "guest/mm/slab_internal.h"

/* Literals, since the names must stay and instances come and go. */
static const char *const names[NR_KMALLOC_TYPES][NR_KMALLOC_SIZES] = {
	{ NULL, "kmalloc-96", "kmalloc-192", "kmalloc-8", "kmalloc-16", "kmalloc-32", "kmalloc-64",
	  "kmalloc-128", "kmalloc-256", "kmalloc-512", "kmalloc-1k", "kmalloc-2k", "kmalloc-4k",
	  "kmalloc-8k" },
	{ NULL, "dma-kmalloc-96", "dma-kmalloc-192", "dma-kmalloc-8", "dma-kmalloc-16",
	  "dma-kmalloc-32", "dma-kmalloc-64", "dma-kmalloc-128", "dma-kmalloc-256",
	  "dma-kmalloc-512", "dma-kmalloc-1k", "dma-kmalloc-2k", "dma-kmalloc-4k",
	  "dma-kmalloc-8k" },
	{ NULL, "kmalloc-rcl-96", "kmalloc-rcl-192", "kmalloc-rcl-8", "kmalloc-rcl-16",
	  "kmalloc-rcl-32", "kmalloc-rcl-64", "kmalloc-rcl-128", "kmalloc-rcl-256",
	  "kmalloc-rcl-512", "kmalloc-rcl-1k", "kmalloc-rcl-2k", "kmalloc-rcl-4k",
	  "kmalloc-rcl-8k" },
};

static size_t size_of_index(unsigned i)
{
	return i == 1 ? 96 : i == 2 ? 192 : 1UL << i;
}

/* The cache, made now if need be; NULL without memory. */
static struct kmem_cache *kmalloc_cache(struct slab_sys *sys, enum kmalloc_type type, unsigned i)
{
	static const u32 type_flags[NR_KMALLOC_TYPES] = {
		[KMALLOC_DMA] = SLAB_CACHE_DMA,
		[KMALLOC_RECLAIM] = SLAB_RECLAIM_ACCOUNT,
	};
	size_t size = size_of_index(i);
	struct kmem_cache_args args = {
		.name = names[type][i],
		.size = size,
		.align = KMALLOC_MINALIGN,
		.flags = type_flags[type],
	};

	struct kmem_cache *c, *known = NULL;

	if (is_power_of_2(size))
		args.align = MIN(size, PAGE_SIZE);
	c = kmem_cache_create(sys, &args);
	if (!c || try_cmpxchg(&sys->kmalloc[type][i], &known, c))
		return c;
	/* Another CPU had the same idea. */
	kmem_cache_destroy(c);
	return known;
}

int slab_sys_init(struct slab_sys *sys, struct pgalloc *pg, const struct slab_ops *ops, u32 debug)
{
	memset(sys, 0, sizeof(*sys));
	sys->pg = pg;
	sys->ops = ops;
	sys->debug = debug & (SLAB_DEBUG_FLAGS | SLAB_LEAK_TRACE);
	spin_lock_init(&sys->lock);
	spin_lock_init(&sys->slob_lock);
	INIT_LIST_HEAD(&sys->caches);
	for (unsigned i = 0; i < ARRAY_SIZE(sys->slob_pages); i++)
		INIT_LIST_HEAD(&sys->slob_pages[i]);
	if (ops->kmalloc)
		return 0;
	/* The everyday ones; those for DMA and for what can be reclaimed come when they are asked for.
	 * 8 .. 64 first: index arrays of slabs come from them. */
	for (unsigned i = KMALLOC_MIN_SHIFT; i <= KMALLOC_MAX_SHIFT; i++)
		if (!kmalloc_cache(sys, KMALLOC_NORMAL, i))
			goto err;
	for (unsigned i = 1; i <= 2; i++)
		if (!kmalloc_cache(sys, KMALLOC_NORMAL, i))
			goto err;
	return 0;
err:
	slab_sys_destroy(sys);
	return -ENOMEM;
}

int slab_sys_destroy(struct slab_sys *sys)
{
	struct kmem_cache *c, *next;
	int err = 0;

	/* From the last to the first: later caches keep index arrays in earlier ones. */
	while (!list_empty(&sys->caches) && !err) {
		c = list_last_entry(&sys->caches, struct kmem_cache, list);
		c->refcount = 1;
		list_for_each_entry (next, &sys->caches, list)
			kmem_cache_shrink(next);
		err = kmem_cache_destroy(c);
	}
	return err;
}

void *kmalloc_large(struct slab_sys *sys, size_t size, gfp_t gfp)
{
	unsigned order = order_base_2(PFN_UP(size));
	struct page *page;

	if (size > PAGE_SIZE << MAX_ORDER)
		return NULL;
	/* Always a head page, so that kfree() finds the order; one page needs no mark. */
	page = alloc_pages(sys->pg, (gfp & ~(__GFP_MOVABLE | __GFP_HIGHMEM)) | __GFP_COMP, order);
	if (!page)
		return NULL;
	atomic64_add(1L << order, &sys->pages_large);
	return page_address(sys->pg, page);
}

void *kmalloc_special(struct slab_sys *sys, size_t size, gfp_t gfp)
{
	struct kmem_cache *c;

	if (!size)
		return NULL;
	if (size > KMALLOC_MAX_CACHE)
		return kmalloc_large(sys, size, gfp);
	if (sys->ops->kmalloc)
		return sys->ops->kmalloc(sys, size, gfp);
	c = kmalloc_cache(sys, kmalloc_type(gfp), kmalloc_index(size));
	return c ? kmem_cache_alloc(c, gfp) : NULL;
}

static void free_large(struct slab_sys *sys, struct page *page, const void *p)
{
	unsigned order = compound_order(page);

	if (p != page_address(sys->pg, page) || PageReserved(page) || page_ref_count(page) < 1) {
		slab_report(sys, NULL, page_ref_count(page) ? SLAB_WILD_POINTER : SLAB_DOUBLE_FREE,
			    p);
		return;
	}
	atomic64_sub(1L << order, &sys->pages_large);
	free_pages(sys->pg, page, order);
}

void kfree(struct slab_sys *sys, const void *p)
{
	struct page *page;

	if (!p)
		return;
	if (unlikely(!virt_addr_valid(sys->pg, p))) {
		slab_report(sys, NULL, SLAB_WILD_POINTER, p);
		return;
	}
	page = virt_to_slab(sys, p);
	if (likely(PageSlab(page) && page->slab_cache))
		kmem_cache_free(page->slab_cache, (void *)p);
	else if (PageSlab(page))
		sys->ops->kfree(sys, page, (void *)p);
	else
		free_large(sys, page, p);
}

size_t ksize(struct slab_sys *sys, const void *p)
{
	const struct page *page;

	if (!p)
		return 0;
	page = virt_to_slab(sys, p);
	if (!PageSlab(page))
		return PAGE_SIZE << compound_order(page);
	return page->slab_cache ? page->slab_cache->object_size : sys->ops->ksize(sys, page, p);
}

void *krealloc(struct slab_sys *sys, void *p, size_t size, gfp_t gfp)
{
	size_t old = ksize(sys, p);
	void *q;

	if (!size) {
		kfree(sys, p);
		return NULL;
	}
	if (p && size <= old)
		return p;
	q = kmalloc(sys, size, gfp);
	if (q && p) {
		memcpy(q, p, MIN(old, size));
		kfree(sys, p);
	}
	return q;
}
