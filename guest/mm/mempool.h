/* SPDX-License-Identifier: MIT */
/*
 * mempool.h - a reserve of elements, so that an allocation which must not fail only has to wait.
 *
 * mempool_alloc() asks the allocator first; when that has nothing it takes from the reserve, which
 * mempool_free() fills up again before anything goes back to the allocator.
 */
#ifndef GUEST_MM_MEMPOOL_H
#define GUEST_MM_MEMPOOL_H

#include "guest/locking/spinlock.h"
#include "guest/mm/gfp.h"

typedef void *mempool_alloc_t(gfp_t gfp, void *pool_data);
typedef void mempool_free_t(void *element, void *pool_data);

struct mempool {
	spinlock_t lock;
	unsigned min_nr;
	unsigned nr; /* lock; elements in reserve */
	void **elements;
	mempool_alloc_t *alloc;
	mempool_free_t *free;
	void *pool_data;
};

/* With min_nr elements in reserve. 0 or -ENOMEM (nothing is left behind). May sleep. */
int mempool_init(struct mempool *pool, unsigned min_nr, mempool_alloc_t *alloc,
		 mempool_free_t *free, void *pool_data);

/* Frees the reserve. All elements must be back: panics otherwise. */
void mempool_exit(struct mempool *pool);

/* NULL only without __GFP_DIRECT_RECLAIM: a caller that may sleep waits for an element. */
void *mempool_alloc(struct mempool *pool, gfp_t gfp);
void mempool_free(struct mempool *pool, void *element);

/* For pool_data = a struct kmem_cache. */
mempool_alloc_t mempool_alloc_slab;
mempool_free_t mempool_free_slab;

#endif
