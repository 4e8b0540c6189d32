/* SPDX-License-Identifier: MIT */
/* mempool.c - see mempool.h. */
#include "guest/mm/mempool.h"
#include "guest/lib/errno.h"
#include "guest/mm/slab.h"

static void release(struct mempool *pool)
{
	while (pool->nr)
		pool->free(pool->elements[--pool->nr], pool->pool_data);
	env_free(pool->elements, MAX(pool->min_nr, 1u) * sizeof(void *));
	pool->elements = NULL;
}

int mempool_init(struct mempool *pool, unsigned min_nr, mempool_alloc_t *alloc,
		 mempool_free_t *free, void *pool_data)
{
	*pool = (struct mempool){
		.min_nr = min_nr,
		.alloc = alloc,
		.free = free,
		.pool_data = pool_data,
	};
	spin_lock_init(&pool->lock);
	pool->elements = env_alloc(MAX(min_nr, 1u) * sizeof(void *));
	if (!pool->elements)
		return -ENOMEM;
	while (pool->nr < min_nr) {
		void *e = alloc(GFP_KERNEL, pool_data);

		if (!e) {
			release(pool);
			return -ENOMEM;
		}
		pool->elements[pool->nr++] = e;
	}
	return 0;
}

void mempool_exit(struct mempool *pool)
{
	BUG_ON(pool->nr != pool->min_nr);
	release(pool);
}

static void *take_reserve(struct mempool *pool)
{
	u64 flags = spin_lock_irqsave(&pool->lock);
	void *e = pool->nr ? pool->elements[--pool->nr] : NULL;

	spin_unlock_irqrestore(&pool->lock, flags);
	return e;
}

void *mempool_alloc(struct mempool *pool, gfp_t gfp)
{
	/* First without reclaim: that is what the reserve is for. */
	gfp_t quick = (gfp & ~(__GFP_DIRECT_RECLAIM | __GFP_IO)) | __GFP_NOMEMALLOC | __GFP_NOWARN;

	for (;;) {
		void *e = pool->alloc(quick, pool->pool_data);

		if (!e)
			e = take_reserve(pool);
		if (e || !(gfp & __GFP_DIRECT_RECLAIM))
			return e;
		quick = gfp | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
		env_relax();
	}
}

void mempool_free(struct mempool *pool, void *element)
{
	u64 flags;

	if (!element)
		return;
	flags = spin_lock_irqsave(&pool->lock);
	if (pool->nr < pool->min_nr) {
		pool->elements[pool->nr++] = element;
		element = NULL;
	}
	spin_unlock_irqrestore(&pool->lock, flags);
	if (element)
		pool->free(element, pool->pool_data);
}

void *mempool_alloc_slab(gfp_t gfp, void *pool_data)
{
	return kmem_cache_alloc(pool_data, gfp);
}

void mempool_free_slab(void *element, void *pool_data)
{
	kmem_cache_free(pool_data, element);
}
