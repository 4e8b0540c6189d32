/* SPDX-License-Identifier: MIT */
/*
 * slab.h - small objects: kmem_cache and kmalloc, over one of three allocators chosen at boot.
 *
 *   slub  free objects are chained through themselves; a slab has no other bookkeeping
 *   slab  the free objects of a slab are an array of indices beside it; slabs are coloured
 *   slob  blocks of any size cut first-fit from shared pages: the least memory, the most time
 *
 * slub and slab keep an array of free objects for each CPU: allocating and freeing is taking the
 * last and putting one there. Only when it is empty, or full and cannot grow, the allocator behind it
 * is asked, for a batch at once.
 *
 * With debug flags a cache has no such array: every object is surrounded by red zones, poisoned
 * while free, and knows who allocated and who freed it (slab_debug.c).
 *
 * Context: any, with a gfp that fits it. Out of memory is NULL. A system and its caches are one
 * instance; there can be many.
 */
#ifndef GUEST_MM_SLAB_H
#define GUEST_MM_SLAB_H

#include "guest/lib/string.h"
#include "guest/mm/page_alloc.h"

#define SLAB_CONSISTENCY_CHECKS 0x00000100u
#define SLAB_RED_ZONE		0x00000400u
#define SLAB_POISON		0x00000800u
#define SLAB_HWCACHE_ALIGN	0x00002000u
#define SLAB_CACHE_DMA		0x00004000u
#define SLAB_STORE_USER		0x00010000u
#define SLAB_RECLAIM_ACCOUNT	0x00020000u
#define SLAB_PANIC		0x00040000u
#define SLAB_NO_MERGE		0x01000000u
#define SLAB_LEAK_TRACE		0x02000000u /* tell sys->leak of each object: no per-CPU array */
#define SLAB_NOLEAKTRACE	0x00800000u
#define SLAB_DEBUG_FLAGS	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)

#define KMALLOC_MIN_SHIFT	3
#define KMALLOC_MAX_SHIFT	13 /* larger ones are pages */
#define KMALLOC_MAX_CACHE	(1UL << KMALLOC_MAX_SHIFT)
#define KMALLOC_MINALIGN	8

struct slab_sys;
struct kmemleak;
struct slab_ops;
struct kmem_cache_node;

/* One CPU's free objects of one cache. */
struct slab_cpu {
	u8 busy; /* in use by what an interrupt has interrupted */
	u32 cap;
	u32 hole; /* from where objects leave next when it is full */
	/* An array with a NULL before it, in `first` or, once that has been too small, elsewhere. */
	void **top, **base;
	void **end; /* of what may be filled without a second look */
	void *first[];
};

struct kmem_cache {
	struct slab_sys *sys;
	void (*ctor)(void *obj);
	const char *name;
	u32 flags;
	u32 object_size; /* as asked for */
	u32 size;	 /* from one object to the next */
	u32 align;
	u32 offset;	    /* slub: of the free pointer in the slot */
	u32 red_left;	    /* debug: from the slot's start to the object */
	u32 meta;	    /* debug: offset of struct obj_meta in the slot */
	u32 order, objects; /* pages and objects of a slab */
	u32 array_cap;	    /* of each CPU */
	u32 grown_cap;	    /* likewise, when that has been too small; 0: it stays */
	u32 min_partial;    /* slub: empty slabs kept */
	u32 colour,
		colour_next; /* slab: how many cache lines of shift there are; the next to use */
	bool off_slab;	     /* slab: the index array is elsewhere */
	bool check_node;     /* an object goes back to its own node only */
	u32 refcount;	     /* names that share it; sys->lock */
	gfp_t page_gfp;
	struct list_head list;	      /* sys->lock */
	struct kmem_cache_node *node; /* [nr_nodes] */
	struct slab_cpu *cpu[];	      /* [nr_cpus] */
};

/* What went wrong with an object, with the stacks that are known. */
enum slab_fault {
	SLAB_DOUBLE_FREE,
	SLAB_USE_AFTER_FREE,
	SLAB_OVERFLOW,
	SLAB_UNDERFLOW,
	SLAB_WRONG_CACHE,
	SLAB_WILD_POINTER,
	SLAB_BAD_POINTER, /* into the middle of an object */
	SLAB_LEAK,	  /* a cache destroyed with objects in use */
};

#define SLAB_STACK 8

struct slab_report {
	enum slab_fault fault;
	const char *cache;
	const void *object;
	u64 alloc_pc[SLAB_STACK], free_pc[SLAB_STACK], now_pc[SLAB_STACK]; /* end with 0 */
};

enum kmalloc_type { KMALLOC_NORMAL, KMALLOC_DMA, KMALLOC_RECLAIM, NR_KMALLOC_TYPES };
#define NR_KMALLOC_SIZES (KMALLOC_MAX_SHIFT + 1) /* [1] is 96 bytes, [2] 192 */

struct slab_sys {
	struct pgalloc *pg;
	const struct slab_ops *ops;
	u32 debug; /* SLAB_DEBUG_FLAGS that every cache gets */
	spinlock_t lock;
	struct list_head caches; /* lock */
	struct kmem_cache *kmalloc[NR_KMALLOC_TYPES][NR_KMALLOC_SIZES];
	atomic64_t pages_unreclaimable, pages_reclaimable, pages_large;
	u64 nr_reports;
	struct slab_report last_report;
	void (*on_report)(void *arg, const struct slab_report *r); /* may be NULL */
	void *report_arg;
	struct kmemleak *leak; /* SLAB_LEAK_TRACE; may be NULL */
	spinlock_t slob_lock;
	struct list_head slob_pages[3]; /* slob_lock: for small, medium, large blocks */
};

extern const struct slab_ops slub_ops, slab_ops, slob_ops;

/* By name ("slub"); NULL: no such allocator. */
const struct slab_ops *slab_ops_by_name(const char *name, size_t len);
const char *slab_sys_name(const struct slab_sys *sys);

/* Makes the kmalloc caches. 0 or -ENOMEM (nothing is left behind). Boot context. */
int slab_sys_init(struct slab_sys *sys, struct pgalloc *pg, const struct slab_ops *ops, u32 debug);

/* Frees everything. -EBUSY when objects are in use. */
int slab_sys_destroy(struct slab_sys *sys);

struct kmem_cache_args {
	const char *name;   /* stays */
	size_t size, align; /* align: a power of two, or 0 for 8 */
	u32 flags;
	/* Makes a fresh object; what is freed must be in that state again. No poison then. */
	void (*ctor)(void *obj);
};

/* slob: bytes in free blocks of the pages that hold objects of all kinds; else 0. Which pages those
 * are depends on what lived beside what, and may change for good though every object was freed. */
u64 slob_free_bytes(struct slab_sys *sys);

/* A cache, perhaps one that others use too (merged); NULL without memory or for a bad size. May
 * sleep. */
struct kmem_cache *kmem_cache_create(struct slab_sys *sys, const struct kmem_cache_args *args);

/* The caller gives up the cache; the last one frees it. -EBUSY and a report when objects are in
 * use: then it stays. May sleep. */
int kmem_cache_destroy(struct kmem_cache *c);

/* Returns every page that holds no object in use. How many. May sleep. */
u64 kmem_cache_shrink(struct kmem_cache *c);

/* Debug caches: looks at every object, free or not; how many are damaged (reported). */
u64 kmem_cache_validate(struct kmem_cache *c);

/* NULL, or the broken rule of the cache's own structures. */
const char *kmem_cache_check(struct kmem_cache *c);

struct slabinfo {
	u64 active_objs, num_objs, active_slabs, num_slabs;
};
void kmem_cache_info(struct kmem_cache *c, struct slabinfo *info);

/* What the inline halves below call when this CPU's array does not do. */
void *kmem_cache_alloc_slow(struct kmem_cache *c, gfp_t gfp, bool fill);
void kmem_cache_free_slow(struct kmem_cache *c, void *p);
/* From that node, or near it (__GFP_THISNODE: or not at all). */
void *kmem_cache_alloc_node(struct kmem_cache *c, gfp_t gfp, unsigned nid);

static inline void *kmem_cache_alloc(struct kmem_cache *c, gfp_t gfp)
{
	struct slab_cpu *a = c->cpu[mm_cpu_enter()];

	if (likely(!a->busy)) {
		void **top, *p;

		a->busy = 1;
		barrier();
		top = a->top;
		p = top[-1];
		if (likely(p)) {
			a->top = top - 1;
			barrier();
			a->busy = 0;
			mm_cpu_exit();
			if (gfp & __GFP_ZERO)
				memset(p, 0, c->object_size);
			return p;
		}
		a->busy = 0;
	}
	mm_cpu_exit();
	return kmem_cache_alloc_slow(c, gfp, true);
}

static inline void *kmem_cache_zalloc(struct kmem_cache *c, gfp_t gfp)
{
	return kmem_cache_alloc(c, gfp | __GFP_ZERO);
}

static inline void kmem_cache_free(struct kmem_cache *c, void *p)
{
	struct slab_cpu *a = c->cpu[mm_cpu_enter()];

	if (likely(!a->busy)) {
		void **top;

		a->busy = 1;
		barrier();
		top = a->top;
		if (likely(top < a->end)) {
			*top = p;
			a->top = top + 1;
			barrier();
			a->busy = 0;
			mm_cpu_exit();
			return;
		}
		a->busy = 0;
	}
	mm_cpu_exit();
	kmem_cache_free_slow(c, p);
}

/* ---- by size ------------------------------------------------------------------------------------ */

/* Which of the kmalloc caches; size is 1 .. KMALLOC_MAX_CACHE. */
static inline unsigned kmalloc_index(size_t size)
{
	if (size > 64 && size <= 96)
		return 1;
	if (size > 128 && size <= 192)
		return 2;
	return size <= 8 ? 3 : __fls(size - 1) + 1;
}

static inline enum kmalloc_type kmalloc_type(gfp_t gfp)
{
	if (likely(!(gfp & (__GFP_DMA | __GFP_RECLAIMABLE))))
		return KMALLOC_NORMAL;
	return gfp & __GFP_DMA ? KMALLOC_DMA : KMALLOC_RECLAIM;
}

void *kmalloc_special(struct slab_sys *sys, size_t size, gfp_t gfp);

/* size bytes, aligned to 8 and, if a power of two, to that (slob: to 8). NULL for 0. */
static inline void *kmalloc(struct slab_sys *sys, size_t size, gfp_t gfp)
{
	struct kmem_cache *c;

	if (unlikely(size - 1 >= KMALLOC_MAX_CACHE))
		return kmalloc_special(sys, size, gfp);
	c = sys->kmalloc[kmalloc_type(gfp)][kmalloc_index(size)];
	if (unlikely(!c))
		return kmalloc_special(sys, size, gfp);
	return kmem_cache_alloc(c, gfp);
}

static inline void *kzalloc(struct slab_sys *sys, size_t size, gfp_t gfp)
{
	return kmalloc(sys, size, gfp | __GFP_ZERO);
}

/* p: from kmalloc() or (not slob) any cache; NULL is fine. */
void kfree(struct slab_sys *sys, const void *p);

/* How many bytes may be used. */
size_t ksize(struct slab_sys *sys, const void *p);

/* Keeps the contents; NULL leaves p as it was. size 0 frees. */
void *krealloc(struct slab_sys *sys, void *p, size_t size, gfp_t gfp);

#endif
