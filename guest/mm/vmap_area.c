/* SPDX-License-Identifier: MIT */
/* vmap_area.c - address ranges in an augmented red-black tree; see vmalloc.h for V1..V3. */
#include "guest/mm/vmap_area.h"

static u64 size_of(const struct vmap_area *va)
{
	return va->end - va->start;
}

static u64 max_below(const struct rb_node *rb)
{
	return rb ? rb_entry(rb, struct vmap_area, rb)->subtree_max : 0;
}

static u64 subtree_max(const struct vmap_area *va)
{
	u64 below = MAX(max_below(va->rb.left), max_below(va->rb.right));

	return MAX(size_of(va), below);
}

static bool compute(struct vmap_area *va, bool exit)
{
	u64 max = subtree_max(va);

	if (exit && va->subtree_max == max)
		return true;
	va->subtree_max = max;
	return false;
}

RB_DECLARE_CALLBACKS(free_aug, struct vmap_area, rb, subtree_max, compute);

static struct vmap_area *area_of(struct rb_node *rb)
{
	return rb ? rb_entry(rb, struct vmap_area, rb) : NULL;
}

static bool area_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct vmap_area, rb)->start < rb_entry(b, struct vmap_area, rb)->start;
}

static void insert_free(struct vmalloc_space *vs, struct vmap_area *va)
{
	va->subtree_max = size_of(va);
	rb_link_sorted(&va->rb, &vs->free_root, area_less);
	if (rb_parent(&va->rb))
		free_aug.propagate(rb_parent(&va->rb), NULL);
	rb_insert_augmented(&va->rb, &vs->free_root, &free_aug);
}

static void resize_free(struct vmap_area *va, u64 start, u64 end)
{
	va->start = start;
	va->end = end;
	free_aug.propagate(&va->rb, NULL);
}

/* Gives a range back, joined with what it touches (V2). Takes over or frees va. Lock held. */
static struct vmap_area *merge_free(struct vmalloc_space *vs, struct vmap_area *va)
{
	struct vmap_area *prev, *next;

	insert_free(vs, va);
	prev = area_of(rb_prev(&va->rb));
	next = area_of(rb_next(&va->rb));
	if (next && va->end == next->start) {
		rb_erase_augmented(&va->rb, &vs->free_root, &free_aug);
		resize_free(next, va->start, next->end);
		kmem_cache_free(vs->area_cache, va);
		va = next;
	}
	if (prev && prev->end == va->start) {
		rb_erase_augmented(&va->rb, &vs->free_root, &free_aug);
		resize_free(prev, prev->start, va->end);
		kmem_cache_free(vs->area_cache, va);
		va = prev;
	}
	return va;
}

static bool fits(const struct vmap_area *va, u64 size, u64 align)
{
	u64 at = ALIGN_UP(va->start, align);

	return at >= va->start && at < va->end && va->end - at >= size;
}

/* The lowest free area that fits. A subtree is entered only if its largest range does wherever it
 * begins, so that the way down never has to be left again; a smaller one that happens to be aligned
 * may be passed over. */
static struct vmap_area *find_lowest(const struct vmalloc_space *vs, u64 size, u64 align)
{
	u64 length = size + (align > PAGE_SIZE ? align - PAGE_SIZE : 0);
	struct rb_node *rb = vs->free_root.node;

	if (max_below(rb) < length)
		return NULL;
	for (;;) {
		struct vmap_area *va = area_of(rb);

		if (max_below(rb->left) >= length)
			rb = rb->left;
		else if (fits(va, size, align))
			return va;
		else
			rb = rb->right; /* has it, or this subtree would not have been entered */
	}
}

/* Takes [at, at + size) out of the free area; spare is used when two pieces remain. Lock held. */
static void carve(struct vmalloc_space *vs, struct vmap_area *va, u64 at, u64 size,
		  struct vmap_area **spare)
{
	u64 end = va->end;

	if (at == va->start && at + size == end) {
		rb_erase_augmented(&va->rb, &vs->free_root, &free_aug);
		kmem_cache_free(vs->area_cache, va);
	} else if (at == va->start) {
		resize_free(va, at + size, end);
	} else {
		resize_free(va, va->start, at);
		if (at + size < end) {
			(*spare)->start = at + size;
			(*spare)->end = end;
			insert_free(vs, *spare);
			*spare = NULL;
		}
	}
}

static bool try_alloc(struct vmalloc_space *vs, struct vmap_area *va, struct vmap_area **spare,
		      u64 size, u64 align)
{
	u64 flags = spin_lock_irqsave(&vs->lock);
	struct vmap_area *from = find_lowest(vs, size, align);

	if (from) {
		va->start = ALIGN_UP(from->start, align);
		va->end = va->start + size;
		carve(vs, from, va->start, size, spare);
		rb_add(&va->rb, &vs->busy_root, area_less);
	}
	spin_unlock_irqrestore(&vs->lock, flags);
	return from != NULL;
}

struct vmap_area *alloc_vmap_area(struct vmalloc_space *vs, u64 size, u64 align, gfp_t gfp)
{
	gfp_t meta = (gfp & (GFP_KERNEL | __GFP_NOWARN | __GFP_HIGH));
	struct vmap_area *va = kmem_cache_zalloc(vs->area_cache, meta);
	struct vmap_area *spare = kmem_cache_zalloc(vs->area_cache, meta);
	bool ok = va && spare && try_alloc(vs, va, &spare, size, align);

	if (va && spare && !ok) {
		/* Freed addresses may be waiting for their flush. */
		vmalloc_purge(vs);
		ok = try_alloc(vs, va, &spare, size, align);
	}
	if (spare)
		kmem_cache_free(vs->area_cache, spare);
	if (!ok && va)
		kmem_cache_free(vs->area_cache, va);
	return ok ? va : NULL;
}

struct vmap_area *find_vmap_area(struct vmalloc_space *vs, u64 addr)
{
	struct rb_node *rb = vs->busy_root.node;

	while (rb) {
		struct vmap_area *va = area_of(rb);

		if (addr < va->start)
			rb = rb->left;
		else if (addr >= va->end)
			rb = rb->right;
		else
			return va;
	}
	return NULL;
}

void free_vmap_area_lazy(struct vmalloc_space *vs, struct vmap_area *va)
{
	u64 flags = spin_lock_irqsave(&vs->lock);
	bool purge;

	rb_erase(&va->rb, &vs->busy_root);
	list_add_tail(&va->list, &vs->lazy);
	vs->lazy_pages += size_of(va) >> PAGE_SHIFT;
	purge = vs->lazy_pages > vs->lazy_max;
	spin_unlock_irqrestore(&vs->lock, flags);
	if (purge)
		vmalloc_purge(vs);
}

void vmalloc_purge(struct vmalloc_space *vs)
{
	u64 flags = spin_lock_irqsave(&vs->lock), start = ~0UL, end = 0;
	struct vmap_area *va, *next;
	LIST_HEAD(list);

	list_splice_init(&vs->lazy, &list);
	vs->lazy_pages = 0;
	spin_unlock_irqrestore(&vs->lock, flags);
	if (list_empty(&list))
		return;
	list_for_each_entry (va, &list, list) {
		start = MIN(start, va->start);
		end = MAX(end, va->end);
	}
	/* One flush for all of them, then the addresses may mean something else. */
	mm_flush_tlb(&vs->pg->env, start, end - 1);
	flags = spin_lock_irqsave(&vs->lock);
	list_for_each_entry_safe (va, next, &list, list)
		merge_free(vs, va);
	vs->nr_purges++;
	spin_unlock_irqrestore(&vs->lock, flags);
}

/* ---- checks ---------------------------------------------------------------------------------------------- */

static bool max_ok(const struct rb_node *rb)
{
	const struct vmap_area *va = rb_entry(rb, struct vmap_area, rb);

	return va->subtree_max == subtree_max(va);
}

/* The next range of the three kinds that begins at `at`: its end, or 0. */
static u64 range_at(struct vmalloc_space *vs, u64 at, struct rb_node **free, struct rb_node **busy)
{
	const struct vmap_area *va;
	u64 end;

	if (*free && area_of(*free)->start == at) {
		end = area_of(*free)->end;
		*free = rb_next(*free);
		return end;
	}
	if (*busy && area_of(*busy)->start == at) {
		end = area_of(*busy)->end;
		*busy = rb_next(*busy);
		return end;
	}
	list_for_each_entry (va, &vs->lazy, list)
		if (va->start == at)
			return va->end;
	return 0;
}

const char *vmalloc_check(struct vmalloc_space *vs)
{
	const char *broken = rb_check(&vs->free_root, area_less, max_ok);
	struct rb_node *free = rb_first(&vs->free_root), *busy = rb_first(&vs->busy_root);
	struct rb_node *rb;

	if (!broken)
		broken = rb_check(&vs->busy_root, area_less, NULL);
	if (broken)
		return broken;
	for (rb = free; rb && rb_next(rb); rb = rb_next(rb))
		if (area_of(rb)->end == area_of(rb_next(rb))->start)
			return "V2: two free ranges touch";
	for (u64 at = vs->start; at < vs->end;) {
		u64 end = range_at(vs, at, &free, &busy);

		if (end <= at)
			return "V1: an address belongs to no range, or to two";
		at = end;
	}
	return free || busy ? "V1: a range lies outside" : NULL;
}
