/* SPDX-License-Identifier: MIT */
/* show_pagetable.c - page tables as runs of pages with equal rights. */
#include "guest/mm/show.h"

#define SHOWN_BITS \
	(_PAGE_RW | _PAGE_USER | _PAGE_PWT | _PAGE_PCD | _PAGE_PSE | _PAGE_GLOBAL | _PAGE_NX)

struct run {
	struct seq *s;
	const struct pgtable *pt;
	const struct pt_marker *marker;
	u64 start, next; /* [start, next); start == next: none yet */
	unsigned level;
	u64 bits;
};

static void show_size(struct seq *s, u64 size)
{
	static const char units[] = "KMGTPE";
	const char *unit = units;

	for (size >>= 10; !(size & 1023) && unit[1]; size >>= 10)
		unit++;
	seq_printf(s, "%9lu%c ", size, *unit);
}

static void flush_run(struct run *r)
{
	static const char *const level_names[] = { "", "pte", "pmd", "pud" };
	u64 b = r->bits;

	if (r->start == r->next)
		return;
	seq_printf(r->s, "0x%016lx-0x%016lx   ", r->start, r->next);
	show_size(r->s, r->next - r->start);
	seq_printf(r->s, "%s %s %s %s %s %s %s %s\n", b & _PAGE_USER ? "USR" : "   ",
		   b & _PAGE_RW ? "RW" : "ro", b & _PAGE_PWT ? "PWT" : "   ",
		   b & _PAGE_PCD ? "PCD" : "   ", b & _PAGE_PSE && r->level > 1 ? "PSE" : "   ",
		   b & _PAGE_GLOBAL ? "GLB" : "   ", b & _PAGE_NX ? "NX" : "x ",
		   level_names[r->level]);
}

static bool show_leaf(void *arg, const struct pt_leaf *leaf)
{
	struct run *r = arg;
	u64 bits = leaf->entry & SHOWN_BITS;
	bool heading = r->marker && r->marker->name && leaf->va >= r->marker->start;

	if (leaf->level == 1)
		bits &= ~_PAGE_PSE; /* PAT there */
	if (leaf->va != r->next || leaf->level != r->level || bits != r->bits || heading) {
		flush_run(r);
		r->start = leaf->va;
		r->level = leaf->level;
		r->bits = bits;
	}
	while (r->marker && r->marker->name && leaf->va >= r->marker->start) {
		seq_printf(r->s, "---[ %s ]---\n", r->marker->name);
		r->marker++;
	}
	r->next = leaf->va + pt_size_of(leaf->level);
	return true;
}

void show_pagetable(struct seq *s, const struct pgtable *pt, u64 start, u64 last,
		    const struct pt_marker *markers)
{
	struct run r = { .s = s, .pt = pt, .marker = markers };

	pgtable_walk(pt, start, last, show_leaf, &r);
	flush_run(&r);
}
