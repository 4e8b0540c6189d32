/* SPDX-License-Identifier: MIT */
/*
 * slab_debug.c - red zones, poison and owners, the same for every allocator.
 *
 *   | left red zone | object | right red zone | free pointer | struct obj_meta |
 *
 * While the object is free it is filled with 0x6b, its last byte is 0xa5; the red zones are 0xbb,
 * and 0xcc while it is in use. Any other byte was written by somebody who should not have. An
 * object with a constructor is not poisoned: it stays constructed.
 */
#include "guest/mm/page_owner.h"
#include "guest/mm/slab_internal.h"

#define RED_INACTIVE   0xbb
#define RED_ACTIVE     0xcc
#define POISON_FREE    0x6b
#define POISON_END     0xa5
#define OBJ_FREE_MAGIC 0xf4eef4eef4eef4eeULL
#define OBJ_USED_MAGIC 0x05ed05ed05ed05edULL

struct obj_track {
	u64 pc[SLAB_STACK];
	u64 when_ns;
	u64 cpu;
};

struct obj_meta {
	u64 state;
	struct kmem_cache *cache;
	struct obj_track alloc, free;
};

static struct obj_meta *meta_of(const struct kmem_cache *c, void *slot)
{
	return (struct obj_meta *)((u8 *)slot + c->meta);
}

static u8 *object_of(const struct kmem_cache *c, void *slot)
{
	return (u8 *)slot + c->red_left;
}

/* From the end of the object to the next word, and one word more. */
static u32 right_len(const struct kmem_cache *c)
{
	return ALIGN_UP(c->object_size, 8u) - c->object_size + 8;
}

u32 slab_debug_layout(struct kmem_cache *c)
{
	u32 end;

	/* The object itself stays aligned. */
	c->red_left = MAX(c->align, 8u);
	end = c->red_left + c->object_size + right_len(c);
	c->offset = end;
	c->meta = end + 8;
	return ALIGN_UP(c->meta + (u32)sizeof(struct obj_meta), MAX(c->align, 8u));
}

static bool poisoned(const struct kmem_cache *c)
{
	return (c->flags & SLAB_POISON) && !c->ctor;
}

static void set_red(struct kmem_cache *c, void *slot, int byte)
{
	if (!(c->flags & SLAB_RED_ZONE))
		return;
	memset(slot, byte, c->red_left);
	memset(object_of(c, slot) + c->object_size, byte, right_len(c));
}

static void set_poison(struct kmem_cache *c, void *slot)
{
	u8 *p = object_of(c, slot);

	if (!poisoned(c))
		return;
	memset(p, POISON_FREE, c->object_size - 1);
	p[c->object_size - 1] = POISON_END;
}

void slab_debug_setup(struct kmem_cache *c, void *slot)
{
	struct obj_meta *m = meta_of(c, slot);

	memset(m, 0, sizeof(*m));
	m->state = OBJ_FREE_MAGIC;
	m->cache = c;
	set_red(c, slot, RED_INACTIVE);
	set_poison(c, slot);
}

static void set_track(const struct kmem_cache *c, struct obj_track *t)
{
	unsigned n = 0;

	if (!(c->flags & SLAB_STORE_USER))
		return;
	n = mm_backtrace(&c->sys->pg->env, t->pc, SLAB_STACK);
	for (; n < SLAB_STACK; n++)
		t->pc[n] = 0;
	t->when_ns = env_now_ns();
	t->cpu = env_cpu();
}

/* ---- reports ------------------------------------------------------------------------------------- */

static const char *const fault_names[] = {
	[SLAB_DOUBLE_FREE] = "freed twice",
	[SLAB_USE_AFTER_FREE] = "written to after it was freed",
	[SLAB_OVERFLOW] = "written to beyond its end",
	[SLAB_UNDERFLOW] = "written to before its start",
	[SLAB_WRONG_CACHE] = "freed to a cache that it is not from",
	[SLAB_WILD_POINTER] = "freed, but it is no allocated memory",
	[SLAB_BAD_POINTER] = "freed, but it is not the start of an object",
	[SLAB_LEAK] = "in use while its cache is destroyed",
};

static void report(struct slab_sys *sys, struct kmem_cache *c, enum slab_fault fault,
		   const void *object, const struct obj_meta *m)
{
	struct slab_report *r = &sys->last_report;

	memset(r, 0, sizeof(*r));
	r->fault = fault;
	r->cache = c ? c->name : "kfree";
	r->object = object;
	if (m) {
		memcpy(r->alloc_pc, m->alloc.pc, sizeof(r->alloc_pc));
		memcpy(r->free_pc, m->free.pc, sizeof(r->free_pc));
	}
	mm_backtrace(&sys->pg->env, r->now_pc, SLAB_STACK);
	sys->nr_reports++;
	env_log(ENV_ERR, "BUG: %s: object %p was %s", r->cache, object, fault_names[fault]);
	if (m && (c->flags & SLAB_STORE_USER)) {
		mm_log_stack("allocated at", r->alloc_pc, SLAB_STACK);
		mm_log_stack("freed at", r->free_pc, SLAB_STACK);
	}
	mm_log_stack("seen at", r->now_pc, SLAB_STACK);
	if (sys->on_report)
		sys->on_report(sys->report_arg, r);
}

void slab_report(struct slab_sys *sys, struct kmem_cache *c, enum slab_fault fault,
		 const void *object)
{
	report(sys, c, fault, object, NULL);
}

/* ---- checks -------------------------------------------------------------------------------------- */

/* Looks at the bytes around and, of a free object, in it; mends what it reports. */
static bool bytes_ok(struct kmem_cache *c, void *slot, bool in_use)
{
	struct obj_meta *m = meta_of(c, slot);
	u8 *p = object_of(c, slot);
	int red = in_use ? RED_ACTIVE : RED_INACTIVE;
	bool ok = true;

	if ((c->flags & SLAB_RED_ZONE) && memchr_inv(p + c->object_size, red, right_len(c))) {
		report(c->sys, c, SLAB_OVERFLOW, p, m);
		ok = false;
	}
	if ((c->flags & SLAB_RED_ZONE) && memchr_inv(slot, red, c->red_left)) {
		report(c->sys, c, SLAB_UNDERFLOW, p, m);
		ok = false;
	}
	if (!ok)
		set_red(c, slot, red);
	if (!in_use && poisoned(c) &&
	    (memchr_inv(p, POISON_FREE, c->object_size - 1) ||
	     p[c->object_size - 1] != POISON_END)) {
		report(c->sys, c, SLAB_USE_AFTER_FREE, p, m);
		set_poison(c, slot);
		ok = false;
	}
	return ok;
}

bool slab_debug_slot_ok(struct kmem_cache *c, void *slot)
{
	return bytes_ok(c, slot, meta_of(c, slot)->state == OBJ_USED_MAGIC);
}

void *slab_debug_alloc(struct kmem_cache *c, void *slot)
{
	struct obj_meta *m = meta_of(c, slot);

	bytes_ok(c, slot, false);
	m->state = OBJ_USED_MAGIC;
	m->cache = c;
	set_track(c, &m->alloc);
	set_red(c, slot, RED_ACTIVE);
	return object_of(c, slot);
}

/* Of the object that a pointer into its middle belongs to; NULL: of none. */
static const struct obj_meta *meta_around(struct kmem_cache *c, const struct page *page, u8 *p)
{
	for (u32 back = 0; back < c->size; back++)
		if (c->sys->ops->is_slot(c, page, p - back))
			return meta_of(c, p - back);
	return NULL;
}

/* Whether p is an object of c at all; only then there is a slot to look at. */
static bool is_object(struct kmem_cache *c, u8 *p)
{
	struct slab_sys *sys = c->sys;
	struct page *page;

	if (!virt_addr_valid(sys->pg, p) || !PageSlab(page = virt_to_slab(sys, p))) {
		report(sys, c, SLAB_WILD_POINTER, p, NULL);
		return false;
	}
	if (page->slab_cache && page->slab_cache != c) {
		struct kmem_cache *real = page->slab_cache;
		u8 *slot = p - real->red_left;
		bool known = slab_debugged(real) && sys->ops->is_slot(real, page, slot);

		env_log(ENV_ERR, "BUG: object %p of cache %s is freed to cache %s", p, real->name,
			c->name);
		report(sys, c, SLAB_WRONG_CACHE, p, known ? meta_of(real, slot) : NULL);
		return false;
	}
	if (!sys->ops->is_slot(c, page, p - c->red_left)) {
		report(sys, c, SLAB_BAD_POINTER, p, meta_around(c, page, p));
		return false;
	}
	return true;
}

void *slab_debug_free(struct kmem_cache *c, void *p)
{
	void *slot = (u8 *)p - c->red_left;
	struct obj_meta *m = meta_of(c, slot);

	if (!is_object(c, p))
		return NULL;
	if (m->state == OBJ_FREE_MAGIC) {
		report(c->sys, c, SLAB_DOUBLE_FREE, p, m);
		return NULL;
	}
	if (m->state != OBJ_USED_MAGIC) {
		report(c->sys, c, SLAB_BAD_POINTER, p, NULL);
		return NULL;
	}
	if (m->cache != c) {
		report(c->sys, c, SLAB_WRONG_CACHE, p, m);
		return NULL;
	}
	bytes_ok(c, slot, true);
	set_track(c, &m->free);
	m->state = OBJ_FREE_MAGIC;
	set_red(c, slot, RED_INACTIVE);
	set_poison(c, slot);
	return slot;
}
