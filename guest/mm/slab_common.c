/* SPDX-License-Identifier: MIT */
/* slab_common.c - making caches and unmaking them, and the pages of their slabs. */
#include "guest/mm/slab.h"
#include "guest/lib/errno.h"
#include "guest/lib/minmax.h"
#include "guest/mm/slab_internal.h"

const struct slab_ops *slab_ops_by_name(const char *name, size_t len)
{
	static const struct slab_ops *const all[] = { &slub_ops, &slab_ops, &slob_ops };

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		if (strlen(all[i]->name) == len && !strncmp(all[i]->name, name, len))
			return all[i];
	return NULL;
}

const char *slab_sys_name(const struct slab_sys *sys)
{
	return sys->ops->name;
}

/* ---- pages ---------------------------------------------------------------------------------------- */

static atomic64_t *page_counter(const struct kmem_cache *c)
{
	return c->flags & SLAB_RECLAIM_ACCOUNT ? &c->sys->pages_reclaimable
					       : &c->sys->pages_unreclaimable;
}

struct page *slab_alloc_pages(struct kmem_cache *c, gfp_t gfp, unsigned nid)
{
	struct page *page;

	gfp = (gfp & ~(__GFP_ZERO | __GFP_MOVABLE | __GFP_HIGHMEM | __GFP_RECLAIMABLE)) |
	      c->page_gfp;
	page = alloc_pages_node(c->sys->pg, nid, gfp | __GFP_COMP, c->order);
	if (!page)
		return NULL;
	__SetPageSlab(page);
	page->slab_cache = c;
	page->inuse = 0;
	page->objects = (u16)c->objects;
	atomic64_add(1L << c->order, page_counter(c));
	return page;
}

void slab_free_pages(struct kmem_cache *c, struct page *page)
{
	__ClearPageSlab(page);
	page->slab_cache = NULL;
	page->freelist = NULL;
	page->private = 0;
	atomic_set(&page->_mapcount, -1);
	atomic64_sub(1L << c->order, page_counter(c));
	free_pages(c->sys->pg, page, c->order);
}

void slab_setup_slot(struct kmem_cache *c, void *slot)
{
	if (slab_debugged(c))
		slab_debug_setup(c, slot);
	if (c->ctor)
		c->ctor((u8 *)slot + c->red_left);
}

/* ---- making and unmaking caches ---------------------------------------------------------------------- */

static size_t cache_bytes(const struct slab_sys *sys)
{
	return sizeof(struct kmem_cache) + sys->pg->nr_cpus * sizeof(struct slab_cpu *);
}

static void free_cache(struct kmem_cache *c)
{
	struct slab_sys *sys = c->sys;

	for (unsigned i = 0; i < sys->pg->nr_cpus; i++)
		if (c->cpu[i])
			env_free(c->cpu[i], slab_cpu_bytes(c));
	if (c->node)
		env_free(c->node, sys->pg->nr_nodes * sizeof(*c->node));
	env_free(c, cache_bytes(sys));
}

/* More of the small ones: they are cheap to keep (as Linux enable_cpucache()). */
static u32 array_cap(const struct kmem_cache *c)
{
	if (!c->sys->ops->cpu_arrays || (c->flags & (SLAB_DEBUG_FLAGS | SLAB_LEAK_TRACE)))
		return 0;
	if (c->size > PAGE_SIZE)
		return 8;
	if (c->size > 1024)
		return 24;
	return c->size > 256 ? 54 : 120;
}

static int make_parts(struct kmem_cache *c)
{
	struct pgalloc *pg = c->sys->pg;

	c->array_cap = array_cap(c);
	c->grown_cap = slab_grown_cap(c);
	c->node = env_alloc(pg->nr_nodes * sizeof(*c->node));
	if (!c->node)
		return -ENOMEM;
	for (unsigned n = 0; n < pg->nr_nodes; n++) {
		spin_lock_init(&c->node[n].lock);
		INIT_LIST_HEAD(&c->node[n].partial);
		INIT_LIST_HEAD(&c->node[n].full);
		INIT_LIST_HEAD(&c->node[n].free);
	}
	for (unsigned i = 0; i < pg->nr_cpus; i++) {
		c->cpu[i] = env_alloc(slab_cpu_bytes(c));
		if (!c->cpu[i])
			return -ENOMEM;
		slab_cpu_init(c, c->cpu[i]);
	}
	return 0;
}

#define MERGE_SAME (SLAB_RECLAIM_ACCOUNT | SLAB_CACHE_DMA)

/* A cache whose objects serve as well. sys->lock held. */
static struct kmem_cache *find_mergeable(struct slab_sys *sys, const struct kmem_cache_args *args,
					 u32 align)
{
	struct kmem_cache *c;
	size_t size = ALIGN_UP(args->size, sizeof(void *));

	if (!sys->ops->cpu_arrays || args->ctor ||
	    ((args->flags | sys->debug) & (SLAB_DEBUG_FLAGS | SLAB_LEAK_TRACE | SLAB_NO_MERGE)))
		return NULL;
	list_for_each_entry (c, &sys->caches, list) {
		if (c->ctor || (c->flags & (SLAB_DEBUG_FLAGS | SLAB_NO_MERGE)) ||
		    ((c->flags ^ args->flags) & MERGE_SAME))
			continue;
		if (size > c->size || c->size - size >= sizeof(void *) || c->size & (align - 1) ||
		    c->align < align)
			continue;
		return c;
	}
	return NULL;
}

static u32 effective_align(const struct kmem_cache_args *args)
{
	u32 align = (u32)MAX(args->align, (size_t)KMALLOC_MINALIGN);

	if (args->flags & SLAB_HWCACHE_ALIGN) {
		u32 line = 64;

		/* Small objects share a line, whole numbers of them. */
		while (line / 2 >= args->size && line > 8)
			line /= 2;
		align = MAX(align, line);
	}
	return align;
}

static struct kmem_cache *new_cache(struct slab_sys *sys, const struct kmem_cache_args *args,
				    u32 align)
{
	struct kmem_cache *c = env_alloc(cache_bytes(sys));

	if (!c)
		return NULL;
	c->sys = sys;
	c->name = args->name;
	c->ctor = args->ctor;
	c->flags = args->flags | sys->debug;
	c->object_size = (u32)args->size;
	c->align = align;
	c->refcount = 1;
	c->check_node = sys->pg->nr_nodes > 1;
	c->page_gfp = (args->flags & SLAB_CACHE_DMA ? __GFP_DMA : 0u) |
		      (args->flags & SLAB_RECLAIM_ACCOUNT ? __GFP_RECLAIMABLE : 0u);
	if (sys->ops->layout(c) || make_parts(c)) {
		free_cache(c);
		return NULL;
	}
	return c;
}

struct kmem_cache *kmem_cache_create(struct slab_sys *sys, const struct kmem_cache_args *args)
{
	u32 align = effective_align(args);
	struct kmem_cache *c = NULL;
	u64 flags;

	if (args->size && args->size <= (PAGE_SIZE << MAX_ORDER) / 8 && is_power_of_2(align) &&
	    align <= PAGE_SIZE) {
		flags = spin_lock_irqsave(&sys->lock);
		c = find_mergeable(sys, args, align);
		if (c) {
			c->refcount++;
			/* Zeroing covers what the largest of them asked for. */
			c->object_size = MAX(c->object_size, (u32)args->size);
		}
		spin_unlock_irqrestore(&sys->lock, flags);
		if (c)
			return c;
		c = new_cache(sys, args, align);
	}
	if (!c) {
		if (args->flags & SLAB_PANIC)
			env_panic(__FILE__, __LINE__, "slab: no memory for cache %s", args->name);
		return NULL;
	}
	flags = spin_lock_irqsave(&sys->lock);
	list_add_tail(&c->list, &sys->caches);
	spin_unlock_irqrestore(&sys->lock, flags);
	return c;
}

int kmem_cache_destroy(struct kmem_cache *c)
{
	struct slab_sys *sys = c->sys;
	struct slabinfo info;
	u64 flags = spin_lock_irqsave(&sys->lock);
	bool last = c->refcount == 1;

	if (!last)
		c->refcount--;
	spin_unlock_irqrestore(&sys->lock, flags);
	if (!last)
		return 0;
	kmem_cache_shrink(c);
	sys->ops->info(c, &info);
	if (info.active_objs) {
		slab_report(sys, c, SLAB_LEAK, NULL);
		return -EBUSY;
	}
	flags = spin_lock_irqsave(&sys->lock);
	list_del(&c->list);
	spin_unlock_irqrestore(&sys->lock, flags);
	free_cache(c);
	return 0;
}

void kmem_cache_info(struct kmem_cache *c, struct slabinfo *info)
{
	c->sys->ops->info(c, info);
	/* What waits with the CPUs is handed out as far as the allocator knows. */
	info->active_objs -= MIN(info->active_objs, slab_cpu_objects(c));
}

static void validate_slot(struct kmem_cache *c, void *slot, void *arg)
{
	u64 *damaged = arg;

	*damaged += !slab_debug_slot_ok(c, slot);
}

u64 kmem_cache_validate(struct kmem_cache *c)
{
	u64 damaged = 0;

	if (slab_debugged(c) && c->sys->ops->for_each_slot)
		c->sys->ops->for_each_slot (c, validate_slot, &damaged);
	return damaged;
}

const char *kmem_cache_check(struct kmem_cache *c)
{
	const char *broken = slab_cpu_check(c);

	return broken || !c->sys->ops->check ? broken : c->sys->ops->check(c);
}
