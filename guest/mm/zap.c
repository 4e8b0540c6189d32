/* SPDX-License-Identifier: MIT */
/* zap.c - what happens to the entries when areas go, change, move or are copied; see zap.h. */
#include "guest/mm/zap.h"
#include "guest/lib/errno.h"
#include "guest/mm/rmap.h"

/* Pages that are out of the tables, but may be in a TLB until the flush. */
enum { GATHER_PAGES = 64 };

struct gather {
	struct mm_struct *mm;
	u64 start, end; /* what to flush */
	unsigned n;
	struct page *pages[GATHER_PAGES];
};

static void flush(struct mm_struct *mm, u64 start, u64 end)
{
	if (mm->sys->flush_tlb && start < end)
		mm->sys->flush_tlb(mm, start, end);
}

static void gather_flush(struct gather *g)
{
	struct pgalloc *pg = g->mm->sys->pg;

	flush(g->mm, g->start, g->end);
	for (unsigned i = 0; i < g->n; i++)
		put_page(pg, g->pages[i]);
	g->n = 0;
	g->start = UINT64_MAX;
	g->end = 0;
}

enum mm_counter mm_counter_of(const struct page *page)
{
	if (PageAnon(page))
		return MM_ANONPAGES;
	return page->flags & BIT(PG_swapbacked) ? MM_SHMEMPAGES : MM_FILEPAGES;
}

/* The entry's page loses a mapping; it stays alive until the gather is flushed. */
static void zap_one(struct gather *g, u64 e, s64 rss[NR_MM_COUNTERS])
{
	struct page *page;

	if (e & _PAGE_SPECIAL)
		return;
	page = pfn_to_page(&g->mm->sys->pg->model, pte_pfn(e));
	rss[mm_counter_of(page)]--;
	if (!PageAnon(page) && (e & _PAGE_DIRTY))
		SetPageDirty(page);
	page_remove_rmap(page);
	g->pages[g->n++] = page;
}

void zap_range(struct vm_area_struct *vma, u64 start, u64 end)
{
	struct mm_struct *mm = vma->vm_mm;
	struct gather g = { .mm = mm, .start = UINT64_MAX };
	s64 rss[NR_MM_COUNTERS] = { 0 };
	unsigned n;
	u64 *pte;

	for (u64 va = start; (pte = upt_run(mm, &va, end, &n)); va += (u64)n << PAGE_SHIFT) {
		/* A full gather ends the run early: pages are let go without the lock. */
		n = MIN(n, GATHER_PAGES - g.n);
		spin_lock(&mm->page_table_lock);
		for (unsigned i = 0; i < n; i++) {
			u64 e = pte[i];

			if (!e)
				continue;
			WRITE_ONCE(pte[i], 0);
			g.start = MIN(g.start, va + ((u64)i << PAGE_SHIFT));
			g.end = va + ((u64)(i + 1) << PAGE_SHIFT);
			zap_one(&g, e, rss);
		}
		spin_unlock(&mm->page_table_lock);
		if (g.n == GATHER_PAGES)
			gather_flush(&g);
	}
	gather_flush(&g);
	for (unsigned c = 0; c < NR_MM_COUNTERS; c++)
		if (rss[c])
			atomic64_add(rss[c], &mm->rss[c]);
}

void protect_range(struct vm_area_struct *vma, u64 start, u64 end)
{
	const u64 rights =
		_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_NX | _PAGE_PROTNONE | _PAGE_ACCESSED;
	struct mm_struct *mm = vma->vm_mm;
	u64 allowed = user_prot(mm->sys, vma->vm_flags, vma->vm_flags & VM_WRITE);
	bool changed = false;
	unsigned n;
	u64 *pte;

	for (u64 va = start; (pte = upt_run(mm, &va, end, &n)); va += (u64)n << PAGE_SHIFT) {
		spin_lock(&mm->page_table_lock);
		for (unsigned i = 0; i < n; i++) {
			u64 e = pte[i], now;

			if (!e)
				continue;
			/* Never more write access than there was. */
			now = (e & ~rights) | (allowed & (rights & ~_PAGE_RW)) |
			      (e & allowed & _PAGE_RW);
			if (now == e)
				continue;
			WRITE_ONCE(pte[i], now);
			changed = true;
		}
		spin_unlock(&mm->page_table_lock);
	}
	if (changed)
		flush(mm, start, end);
}

/* One table's worth of entries, src to dst. Whether the source lost write access. */
static bool copy_run(struct vm_area_struct *dst, struct vm_area_struct *src, u64 *to, u64 *from,
		     unsigned n, s64 rss[NR_MM_COUNTERS])
{
	const struct memmodel *model = &src->vm_mm->sys->pg->model;
	bool cow = vm_is_cow(src->vm_flags), lost = false;

	spin_lock(&dst->vm_mm->page_table_lock);
	spin_lock(&src->vm_mm->page_table_lock);
	for (unsigned i = 0; i < n; i++) {
		u64 e = from[i];

		if (!e)
			continue;
		if (cow && (e & _PAGE_RW)) {
			e &= ~_PAGE_RW;
			WRITE_ONCE(from[i], e);
			lost = true;
		}
		if (!(e & _PAGE_SPECIAL)) {
			struct page *page = pfn_to_page(model, pte_pfn(e));

			get_page(page);
			page_dup_rmap(page);
			rss[mm_counter_of(page)]++;
		}
		to[i] = src->vm_flags & VM_SHARED ? e & ~_PAGE_DIRTY : e;
	}
	spin_unlock(&src->vm_mm->page_table_lock);
	spin_unlock(&dst->vm_mm->page_table_lock);
	return lost;
}

int copy_range(struct vm_area_struct *dst, struct vm_area_struct *src)
{
	struct mm_struct *mm = src->vm_mm;
	s64 rss[NR_MM_COUNTERS] = { 0 };
	bool lost = false;
	int err = 0;
	unsigned n;
	u64 *from;

	/* What the file can show again need not be copied; private pages must. */
	if (!src->anon_vma && !(src->vm_flags & VM_PFNMAP))
		return 0;
	for (u64 va = src->vm_start; (from = upt_run(mm, &va, src->vm_end, &n));
	     va += (u64)n << PAGE_SHIFT) {
		u64 *to = upt_get(dst->vm_mm, va);

		if (!to) {
			err = -ENOMEM;
			break;
		}
		lost |= copy_run(dst, src, to, from, n, rss);
	}
	for (unsigned c = 0; c < NR_MM_COUNTERS; c++)
		if (rss[c])
			atomic64_add(rss[c], &dst->vm_mm->rss[c]);
	if (lost)
		flush(mm, src->vm_start, src->vm_end);
	return err;
}

int move_range(struct vm_area_struct *vma, u64 from, u64 to, u64 len, u64 *moved)
{
	struct mm_struct *mm = vma->vm_mm;
	bool lock = vma->vm_mapping && mm->sys->lock_mapping;
	u64 end = from + len, va = from;
	int err = 0;
	unsigned n;
	u64 *src;

	if (lock)
		mm->sys->lock_mapping(vma->vm_mapping, true);
	for (; (src = upt_run(mm, &va, end, &n)); va += PAGE_SIZE) {
		u64 *dst;

		if (!*src)
			continue;
		dst = upt_get(mm, va - from + to);
		if (!dst) {
			err = -ENOMEM;
			break;
		}
		spin_lock(&mm->page_table_lock);
		WRITE_ONCE(*dst, *src);
		WRITE_ONCE(*src, 0);
		spin_unlock(&mm->page_table_lock);
	}
	if (lock)
		mm->sys->lock_mapping(vma->vm_mapping, false);
	*moved = err ? va - from : len;
	flush(mm, from, from + *moved);
	return err;
}
