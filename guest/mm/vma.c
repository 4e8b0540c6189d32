/* SPDX-License-Identifier: MIT */
/* vma.c - the set of areas; see vma.h. */
#include "guest/mm/vma.h"
#include "guest/lib/errno.h"
#include "guest/mm/rmap.h"

static bool compute_max_gap(struct vm_area_struct *vma, bool exit)
{
	u64 max = vma->gap;
	struct rb_node *l = vma->node.left, *r = vma->node.right;

	if (l)
		max = MAX(max, rb_entry(l, struct vm_area_struct, node)->max_gap);
	if (r)
		max = MAX(max, rb_entry(r, struct vm_area_struct, node)->max_gap);
	if (exit && vma->max_gap == max)
		return true;
	vma->max_gap = max;
	return false;
}

RB_DECLARE_CALLBACKS(gap_callbacks, struct vm_area_struct, node, max_gap, compute_max_gap);

struct vm_area_struct *vma_next(const struct vm_area_struct *vma)
{
	return vma->link.next == &vma->vm_mm->area_list
		       ? NULL
		       : list_entry(vma->link.next, struct vm_area_struct, link);
}

struct vm_area_struct *vma_prev(const struct vm_area_struct *vma)
{
	return vma->link.prev == &vma->vm_mm->area_list
		       ? NULL
		       : list_entry(vma->link.prev, struct vm_area_struct, link);
}

struct vm_area_struct *find_vma(const struct mm_struct *mm, u64 addr)
{
	struct rb_node *n = mm->areas.node;
	struct vm_area_struct *best = NULL;

	while (n) {
		struct vm_area_struct *vma = rb_entry(n, struct vm_area_struct, node);

		if (vma->vm_end > addr) {
			best = vma;
			if (vma->vm_start <= addr)
				break;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

bool vma_intersects(const struct mm_struct *mm, u64 start, u64 end)
{
	const struct vm_area_struct *vma = find_vma(mm, start);

	return vma && vma->vm_start < end;
}

struct vm_area_struct *vma_alloc(struct mm_struct *mm, const struct vm_area_struct *like)
{
	struct vm_area_struct *vma = kmem_cache_alloc(mm->sys->vma_cache, GFP_KERNEL);

	if (!vma)
		return NULL;
	*vma = like ? *like : (struct vm_area_struct){ 0 };
	vma->vm_mm = mm;
	vma->anon_vma = NULL;
	INIT_LIST_HEAD(&vma->anon_vma_chain);
	INIT_LIST_HEAD(&vma->link);
	return vma;
}

void vma_free(struct vm_area_struct *vma)
{
	BUG_ON(!list_empty(&vma->anon_vma_chain));
	kmem_cache_free(vma->vm_mm->sys->vma_cache, vma);
}

/* The gap before an area has changed. */
static void update_gap(struct vm_area_struct *vma)
{
	const struct vm_area_struct *prev = vma_prev(vma);

	vma->gap = vma->vm_start - (prev ? prev->vm_end : 0);
	gap_callbacks_propagate(&vma->node, NULL);
}

static bool starts_before(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct vm_area_struct, node)->vm_start <
	       rb_entry(b, struct vm_area_struct, node)->vm_start;
}

void vma_insert(struct mm_struct *mm, struct vm_area_struct *vma)
{
	struct rb_node *prev;
	struct vm_area_struct *next;

	vma->gap = vma->max_gap = 0;
	rb_link_sorted(&vma->node, &mm->areas, starts_before);
	prev = rb_prev(&vma->node);
	list_add(&vma->link,
		 prev ? &rb_entry(prev, struct vm_area_struct, node)->link : &mm->area_list);
	rb_insert_augmented(&vma->node, &mm->areas, &gap_callbacks);
	update_gap(vma);
	next = vma_next(vma);
	if (next)
		update_gap(next);
	mm->map_count++;
}

void vma_remove(struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vm_area_struct *next = vma_next(vma);

	rb_erase_augmented(&vma->node, &mm->areas, &gap_callbacks);
	list_del(&vma->link);
	if (next)
		update_gap(next);
	mm->map_count--;
}

void vma_set_range(struct vm_area_struct *vma, u64 start, u64 end)
{
	struct vm_area_struct *next = vma_next(vma);
	const struct mm_system *sys = vma->vm_mm->sys;
	bool lock = vma->vm_mapping && sys->lock_mapping;

	if (lock)
		sys->lock_mapping(vma->vm_mapping, true);
	vma->vm_start = start;
	vma->vm_end = end;
	if (lock)
		sys->lock_mapping(vma->vm_mapping, false);
	update_gap(vma);
	if (next)
		update_gap(next);
}

int vma_split(struct vm_area_struct *vma, u64 addr, struct vm_area_struct **upper)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vm_area_struct *high;
	int err;

	BUG_ON(addr <= vma->vm_start || addr >= vma->vm_end);
	if (mm->map_count >= MM_MAX_AREAS)
		return -ENOMEM;
	high = vma_alloc(mm, vma);
	if (!high)
		return -ENOMEM;
	high->vm_pgoff = linear_page_index(vma, addr);
	high->vm_start = addr;
	err = anon_vma_clone(high, vma);
	if (err) {
		vma_free(high);
		return err;
	}
	if (high->vm_ops && high->vm_ops->open)
		high->vm_ops->open(high);
	vma_set_range(vma, vma->vm_start, addr);
	vma_insert(mm, high);
	if (upper)
		*upper = high;
	return 0;
}

/* Whether b, right above a, could be a part of a. */
static bool alike(const struct vm_area_struct *a, const struct vm_area_struct *b)
{
	return a->vm_end == b->vm_start && a->vm_flags == b->vm_flags && a->vm_ops == b->vm_ops &&
	       a->vm_file == b->vm_file && a->vm_mapping == b->vm_mapping &&
	       a->vm_pgoff + vma_pages(a) == b->vm_pgoff &&
	       (!a->anon_vma || !b->anon_vma || a->anon_vma == b->anon_vma) &&
	       /* Links to ancestors must not multiply by joining and splitting. */
	       (a->anon_vma == b->anon_vma ||
		list_is_singular(a->anon_vma ? &a->anon_vma_chain : &b->anon_vma_chain));
}

/* a swallows b. False: no memory for the links. */
static bool swallow(struct vm_area_struct *a, struct vm_area_struct *b)
{
	u64 end = b->vm_end;

	if (b->anon_vma && !a->anon_vma && anon_vma_clone(a, b))
		return false;
	vma_remove(b);
	if (b->vm_ops && b->vm_ops->close)
		b->vm_ops->close(b);
	unlink_anon_vmas(b);
	vma_free(b);
	vma_set_range(a, a->vm_start, end);
	return true;
}

struct vm_area_struct *vma_merge(struct vm_area_struct *vma)
{
	struct vm_area_struct *next = vma_next(vma), *prev = vma_prev(vma);

	if (next && alike(vma, next))
		swallow(vma, next);
	if (prev && alike(prev, vma) && swallow(prev, vma))
		return prev;
	return vma;
}

/* Whether len bytes fit between low and high in the gap before vma; *at is their highest place. */
static bool fits(const struct vm_area_struct *vma, u64 len, u64 low, u64 high, u64 *at)
{
	u64 start = MAX(vma->vm_start - vma->gap, low), end = MIN(vma->vm_start, high);

	if (end < start || end - start < len)
		return false;
	*at = end - len;
	return true;
}

static const struct vm_area_struct *child_with_gap(const struct rb_node *n, u64 len)
{
	const struct vm_area_struct *vma = rb_entry_safe(n, struct vm_area_struct, node);

	return vma && vma->max_gap >= len ? vma : NULL;
}

/* The gaps before areas from the right to the left, leaving out subtrees where none is large enough. */
static u64 search_tree(const struct mm_struct *mm, u64 len, u64 low, u64 high)
{
	const struct vm_area_struct *vma = child_with_gap(mm->areas.node, len), *child;
	u64 at;

	while (vma) {
		while ((child = child_with_gap(vma->node.right, len)) && vma->vm_end < high)
			vma = child;
		for (;;) {
			const struct rb_node *n = &vma->node, *parent;

			if (fits(vma, len, low, high, &at))
				return at;
			child = vma->vm_start > low ? child_with_gap(n->left, len) : NULL;
			if (child) {
				vma = child;
				break;
			}
			/* Up, as long as this was all of a left side. */
			while ((parent = rb_parent(n)) && parent->left == n)
				n = parent;
			if (!parent)
				return 0;
			vma = rb_entry(parent, struct vm_area_struct, node);
		}
	}
	return 0;
}

u64 vma_unmapped_area(const struct mm_struct *mm, u64 len, u64 low, u64 high)
{
	struct rb_node *last = rb_last(&mm->areas);
	u64 start = last ? MAX(rb_entry(last, struct vm_area_struct, node)->vm_end, low) : low;

	if (!len || high <= low || high - low < len)
		return 0;
	if (start <= high && high - start >= len)
		return high - len;
	return search_tree(mm, len, low, high);
}

void vm_account(struct mm_struct *mm, u64 vm_flags, bool file, s64 pages)
{
	mm->total_vm += (u64)pages;
	mm->hiwater_vm = MAX(mm->hiwater_vm, mm->total_vm);
	if ((vm_flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) == VM_EXEC && file)
		mm->exec_vm += (u64)pages;
	else if (vm_flags & VM_GROWSDOWN)
		mm->stack_vm += (u64)pages;
	else if ((vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		mm->data_vm += (u64)pages;
}

static bool gap_is_right(const struct rb_node *n)
{
	const struct vm_area_struct *vma = rb_entry(n, struct vm_area_struct, node);
	const struct vm_area_struct *prev = vma_prev(vma);
	struct vm_area_struct copy = *vma;

	return vma->gap == vma->vm_start - (prev ? prev->vm_end : 0) &&
	       compute_max_gap(&copy, true);
}

const char *vma_check(const struct mm_struct *mm)
{
	const struct vm_area_struct *vma;
	const char *broken = rb_check(&mm->areas, starts_before, gap_is_right);
	struct rb_node *n = rb_first(&mm->areas);
	unsigned count = 0;
	u64 end = 0;

	for_each_vma (mm, vma) {
		if (n != &vma->node)
			return "areas: the list and the tree differ";
		if (vma->vm_start >= vma->vm_end || vma->vm_start < end ||
		    vma->vm_end > mm->sys->task_size)
			return "areas: one is empty, overlaps, or lies outside of user space";
		if ((vma->anon_vma == NULL) != list_empty(&vma->anon_vma_chain))
			return "areas: anon_vma without links, or links without anon_vma";
		end = vma->vm_end;
		n = rb_next(n);
		count++;
	}
	if (n || count != mm->map_count)
		return "areas: map_count is not their number";
	return broken;
}
