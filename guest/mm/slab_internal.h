/* SPDX-License-Identifier: MIT */
/* slab_internal.h - between slab_common.c and the allocators behind it. Not for users. */
#ifndef GUEST_MM_SLAB_INTERNAL_H
#define GUEST_MM_SLAB_INTERNAL_H

#include "guest/mm/slab.h"

#define SLAB_MAX_BATCH 64

struct kmem_cache_node {
	spinlock_t lock;
	struct list_head partial;
	struct list_head full, free; /* slab */
	u64 nr_partial, nr_slabs, nr_free_slabs;
};

/* Objects here are slots: with debug flags they begin red_left before what the user gets. */
struct slab_ops {
	const char *name;
	bool cpu_arrays; /* false: every request goes to the allocator */

	/* Fills in size, order, objects from object_size, align and the debug layout. 0 or -EINVAL. */
	int (*layout)(struct kmem_cache *c);

	/* Up to nr objects of node nid (or near it); how many. May sleep if gfp says so. */
	unsigned (*refill)(struct kmem_cache *c, gfp_t gfp, unsigned nid, void **objs, unsigned nr);

	/* Takes objects back. Any context. */
	void (*flush)(struct kmem_cache *c, void **objs, unsigned nr);

	/* Frees the pages without objects in use; how many. */
	u64 (*shrink)(struct kmem_cache *c);

	void (*info)(struct kmem_cache *c, struct slabinfo *info);

	/* Whether p is the start of a slot of this page. */
	bool (*is_slot)(const struct kmem_cache *c, const struct page *page, const void *p);

	/* Calls fn for each slot that the allocator holds pages for. NULL: it does not know. */
	void (*for_each_slot)(struct kmem_cache *c,
			      void (*fn)(struct kmem_cache *c, void *slot, void *arg), void *arg);

	const char *(*check)(struct kmem_cache *c);

	/* kmalloc() with a memory of its own; all NULL: by caches. */
	void *(*kmalloc)(struct slab_sys *sys, size_t size, gfp_t gfp);
	void (*kfree)(struct slab_sys *sys, struct page *page, void *p);
	size_t (*ksize)(struct slab_sys *sys, const struct page *page, const void *p);
};

static inline struct page *virt_to_slab(const struct slab_sys *sys, const void *p)
{
	return compound_head(virt_to_page(sys->pg, p));
}

/* A slab's pages: marked and counted; NULL without memory. */
struct page *slab_alloc_pages(struct kmem_cache *c, gfp_t gfp, unsigned nid);
void slab_free_pages(struct kmem_cache *c, struct page *page);

/* Runs the constructor, or prepares a debug slot as free. For every slot of new pages. */
void slab_setup_slot(struct kmem_cache *c, void *slot);

/* Whole pages, for kfree() to find. */
void *kmalloc_large(struct slab_sys *sys, size_t size, gfp_t gfp);

/* ---- slab_cpu.c ------------------------------------------------------------------------------------ */

/* A CPU's part of a cache, and how large its array may become (0: it stays as it is), once size and
 * array_cap are known. */
size_t slab_cpu_bytes(const struct kmem_cache *c);
void slab_cpu_init(struct kmem_cache *c, struct slab_cpu *a);
u32 slab_grown_cap(const struct kmem_cache *c);

/* What is in all arrays; another CPU's is a guess. */
u64 slab_cpu_objects(const struct kmem_cache *c);

/* NULL, or the broken rule. */
const char *slab_cpu_check(const struct kmem_cache *c);

/* ---- slab_debug.c --------------------------------------------------------------------------------- */

static inline bool slab_debugged(const struct kmem_cache *c)
{
	return c->flags & SLAB_DEBUG_FLAGS;
}

/* Adds red zones and meta data to the layout: sets red_left and meta, returns the slot's length. */
u32 slab_debug_layout(struct kmem_cache *c);
void slab_debug_setup(struct kmem_cache *c, void *slot);
/* Checks and marks the slot; what the user gets. */
void *slab_debug_alloc(struct kmem_cache *c, void *slot);
/* The slot to free, or NULL: reported, and to be left alone. */
void *slab_debug_free(struct kmem_cache *c, void *p);
bool slab_debug_slot_ok(struct kmem_cache *c, void *slot);
/* A fault that needs no debug flags to be seen. c may be NULL. */
void slab_report(struct slab_sys *sys, struct kmem_cache *c, enum slab_fault fault,
		 const void *object);

#endif
