/* SPDX-License-Identifier: MIT */
/*
 * slab_cpu.c - what a CPU has of a cache, and what goes on when that is empty or full.
 *
 * An array that overflows grows once, into pages of its own, up to a small part of memory. So who
 * frees many and then allocates many again asks the slabs, their lock and their cold cache lines for
 * nothing. kmem_cache_shrink() makes it small again.
 */
#include "guest/lib/math.h"
#include "guest/lib/minmax.h"
#include "guest/mm/kmemleak.h"
#include "guest/mm/slab_internal.h"

/* Of an array that has grown: bytes of objects (what is beyond has left the CPU's caches), objects (with
 * the NULL four pages), and the part of memory. */
#define GROWN_MAX_BYTES (128UL << 10)
#define GROWN_MAX_OBJS	2047
#define GROWN_SHARE	2048

/* Moved at once between array and slabs. */
static unsigned batch(const struct kmem_cache *c)
{
	return clamp_t(unsigned, c->array_cap / 2, 1, SLAB_MAX_BATCH);
}

/* Whole slabs if it can be: one that two CPUs share is a page that their prefetchers fight for. */
static unsigned refill_batch(const struct kmem_cache *c)
{
	unsigned nr = batch(c), whole = DIV_ROUND_UP(nr, MAX(c->objects, 1u)) * c->objects;

	return whole <= MIN(c->array_cap, (u32)SLAB_MAX_BATCH) ? MAX(whole, nr) : nr;
}

static u32 nr_of(const struct slab_cpu *a)
{
	return (u32)(a->top - a->base);
}

/* The array begins behind a NULL. Frees that must look at the node first find no room in line. */
static void use_array(struct kmem_cache *c, struct slab_cpu *a, void **array, u32 cap)
{
	array[0] = NULL;
	a->base = a->top = array + 1;
	a->end = a->base + (c->check_node ? 0 : cap);
	a->cap = cap;
	a->hole = 0;
}

static bool is_grown(const struct slab_cpu *a)
{
	return a->base != a->first + 1;
}

size_t slab_cpu_bytes(const struct kmem_cache *c)
{
	return sizeof(struct slab_cpu) + (1 + c->array_cap) * sizeof(void *);
}

void slab_cpu_init(struct kmem_cache *c, struct slab_cpu *a)
{
	a->busy = 0;
	use_array(c, a, a->first, c->array_cap);
}

u32 slab_grown_cap(const struct kmem_cache *c)
{
	u64 bytes = MIN(nr_managed_pages(c->sys->pg) * PAGE_SIZE / GROWN_SHARE, GROWN_MAX_BYTES);
	u64 nr = MIN(bytes / c->size, (u64)GROWN_MAX_OBJS);

	return c->array_cap && nr > c->array_cap ? (u32)nr : 0;
}

static unsigned grown_order(const struct kmem_cache *c)
{
	return order_base_2(PFN_UP((1 + c->grown_cap) * sizeof(void *)));
}

static void free_array(struct kmem_cache *c, void **array)
{
	free_pages(c->sys->pg, virt_to_page(c->sys->pg, array), grown_order(c));
}

/* Any context; without memory it stays small. */
static void grow_array(struct kmem_cache *c)
{
	struct pgalloc *pg = c->sys->pg;
	struct page *page = alloc_pages(pg, GFP_NOWAIT, grown_order(c));
	void **array;
	struct slab_cpu *a;

	if (!page)
		return;
	array = page_address(pg, page);
	a = c->cpu[mm_cpu_enter()];
	if (!a->busy && !is_grown(a)) {
		u32 nr = nr_of(a);

		a->busy = 1;
		barrier();
		use_array(c, a, array, c->grown_cap);
		memcpy(a->base, a->first + 1, nr * sizeof(void *));
		a->top += nr;
		barrier();
		a->busy = 0;
		array = NULL;
	}
	mm_cpu_exit();
	if (array)
		free_array(c, array);
}

/* ---- allocating ------------------------------------------------------------------------------------ */

/* Puts what was fetched into this CPU's array; what does not fit goes back. */
static void stock(struct kmem_cache *c, void **objs, unsigned nr)
{
	struct slab_cpu *a = c->cpu[mm_cpu_enter()];

	if (!a->busy) {
		a->busy = 1;
		barrier();
		while (nr && nr_of(a) < a->cap)
			*a->top++ = objs[--nr];
		barrier();
		a->busy = 0;
	}
	mm_cpu_exit();
	if (nr)
		c->sys->ops->flush(c, objs, nr);
}

static bool leak_traced(const struct kmem_cache *c)
{
	return (c->flags & SLAB_LEAK_TRACE) && !(c->flags & SLAB_NOLEAKTRACE) && c->sys->leak;
}

static void *alloc_from(struct kmem_cache *c, gfp_t gfp, unsigned nid, bool fill)
{
	void *objs[SLAB_MAX_BATCH];
	unsigned want = fill ? refill_batch(c) : 1;
	unsigned nr = c->sys->ops->refill(c, gfp, nid, objs, want);
	u8 *p;

	if (!nr)
		return NULL;
	/* Where the allocator is near, the first object is the lowest. */
	p = objs[0];
	if (nr > 1)
		stock(c, objs + 1, nr - 1);
	if (slab_debugged(c))
		p = slab_debug_alloc(c, p);
	if (p && (gfp & __GFP_ZERO))
		memset(p, 0, c->object_size);
	if (p && leak_traced(c))
		kmemleak_alloc(c->sys->leak, p, c->object_size, 1);
	return p;
}

void *kmem_cache_alloc_slow(struct kmem_cache *c, gfp_t gfp, bool fill)
{
	unsigned nid = c->sys->pg->cpu[mm_cpu_enter()]->nid;

	mm_cpu_exit();
	return alloc_from(c, gfp, nid, fill);
}

void *kmem_cache_alloc_node(struct kmem_cache *c, gfp_t gfp, unsigned nid)
{
	if (nid >= c->sys->pg->nr_nodes)
		return kmem_cache_alloc(c, gfp);
	return alloc_from(c, gfp, nid, false);
}

/* ---- freeing --------------------------------------------------------------------------------------- */

/* A batch of a full array leaves by way of `out`: of the lower half, in turn, for what lies on top was
 * used last. What is on top comes into the hole. */
static unsigned make_room(struct kmem_cache *c, struct slab_cpu *a, void **out)
{
	u32 n = batch(c);
	void **hole = a->base + a->hole;

	memcpy(out, hole, n * sizeof(void *));
	a->top -= n;
	memmove(hole, a->top, n * sizeof(void *));
	a->hole = a->hole + 2 * n <= a->cap / 2 ? a->hole + n : 0;
	return n;
}

/* Whether p is in the array now; *nr_out objects must go to the slabs. */
static bool put_in_array(struct kmem_cache *c, void *p, void **out, unsigned *nr_out)
{
	unsigned cpu = mm_cpu_enter();
	struct slab_cpu *a = c->cpu[cpu];
	bool ok = false;

	*nr_out = 0;
	if (!a->busy && a->cap &&
	    (!c->check_node ||
	     page_to_nid(virt_to_page(c->sys->pg, p)) == c->sys->pg->cpu[cpu]->nid)) {
		a->busy = 1;
		barrier();
		if (nr_of(a) == a->cap)
			*nr_out = make_room(c, a, out);
		*a->top++ = p;
		barrier();
		a->busy = 0;
		ok = true;
	}
	mm_cpu_exit();
	return ok;
}

void kmem_cache_free_slow(struct kmem_cache *c, void *p)
{
	void *out[SLAB_MAX_BATCH];
	unsigned nr;

	if (leak_traced(c))
		kmemleak_free(c->sys->leak, p);
	if (slab_debugged(c)) {
		p = slab_debug_free(c, p);
		if (!p)
			return;
	} else if (put_in_array(c, p, out, &nr)) {
		if (!nr)
			return;
		c->sys->ops->flush(c, out, nr);
		if (c->grown_cap && !is_grown(c->cpu[env_cpu()]))
			grow_array(c);
		return;
	}
	c->sys->ops->flush(c, &p, 1);
}

/* ---- emptying the arrays --------------------------------------------------------------------------------- */

struct drain_request {
	struct kmem_cache *c;
	bool skipped;
};

static void drain_this_cpu(void *arg)
{
	struct drain_request *req = arg;
	struct kmem_cache *c = req->c;
	struct slab_cpu *a = c->cpu[mm_cpu_enter()];

	if (a->busy) {
		WRITE_ONCE(req->skipped, true);
	} else {
		void **array = a->base;

		a->busy = 1;
		barrier();
		c->sys->ops->flush(c, array, nr_of(a));
		if (is_grown(a))
			free_array(c, array - 1);
		use_array(c, a, a->first, c->array_cap);
		barrier();
		a->busy = 0;
	}
	mm_cpu_exit();
}

static bool arrays_empty(const struct kmem_cache *c)
{
	for (unsigned i = 0; i < c->sys->pg->nr_cpus; i++)
		if (READ_ONCE(c->cpu[i]->top) != c->cpu[i]->first + 1)
			return false;
	return true;
}

static void drain_arrays(struct kmem_cache *c)
{
	struct drain_request req = { c, false };

	if (arrays_empty(c))
		return;
	do {
		req.skipped = false;
		mm_on_each_cpu(&c->sys->pg->env, drain_this_cpu, &req);
	} while (req.skipped);
}

u64 kmem_cache_shrink(struct kmem_cache *c)
{
	drain_arrays(c);
	return c->sys->ops->shrink(c);
}

/* ---- looking at them ------------------------------------------------------------------------------- */

u64 slab_cpu_objects(const struct kmem_cache *c)
{
	u64 nr = 0;

	for (unsigned i = 0; i < c->sys->pg->nr_cpus; i++) {
		u64 n = (u64)(READ_ONCE(c->cpu[i]->top) - READ_ONCE(c->cpu[i]->base));

		/* It may have grown between the two. */
		nr += n <= READ_ONCE(c->cpu[i]->cap) ? n : 0;
	}
	return nr;
}

const char *slab_cpu_check(const struct kmem_cache *c)
{
	for (unsigned i = 0; i < c->sys->pg->nr_cpus; i++) {
		const struct slab_cpu *a = c->cpu[i];

		if (nr_of(a) > a->cap || a->base[-1])
			return "S1: a per-CPU array holds more than it can";
		for (void **p = a->base; p < a->top; p++) {
			const struct page *slab = virt_to_slab(c->sys, *p);

			if (slab->slab_cache != c || !c->sys->ops->is_slot(c, slab, *p))
				return "S2: a per-CPU array holds what is not an object of the cache";
		}
	}
	return NULL;
}
