/* SPDX-License-Identifier: MIT */
/* mm_check.c - whether an address space's areas, entries and counters tell the same story. */
#include "guest/mm/rmap.h"
#include "guest/mm/user_pt.h"
#include "guest/mm/vma.h"
#include "guest/mm/zap.h"

/* What is wrong with one entry of the area, or NULL. */
static const char *check_entry(const struct vm_area_struct *vma, u64 addr, u64 e,
			       u64 rss[NR_MM_COUNTERS])
{
	const struct mm_system *sys = vma->vm_mm->sys;
	const struct page *page = pfn_to_page(&sys->pg->model, pte_pfn(e));

	if (!pte_has_page(e))
		return "entries: neither empty nor a page";
	if (!(e & _PAGE_PRESENT) != !(vma->vm_flags & VM_ACCESS_FLAGS))
		return "entries: present, and the area has no rights, or the reverse";
	if ((e & _PAGE_RW) && !(vma->vm_flags & VM_WRITE))
		return "entries: writable in a read-only area";
	if (e & _PAGE_SPECIAL)
		return (e & _PAGE_RW) && !(vma->vm_flags & VM_PFNMAP)
			       ? "entries: the zero page is writable"
			       : NULL;
	rss[mm_counter_of(page)]++;
	if (page_mapcount(page) < 1 || page_ref_count(page) < page_mapcount(page))
		return "pages: fewer references than mappings";
	if (!PageAnon(page))
		return vma->vm_ops ? NULL : "pages: one of a file in an anonymous area";
	if ((e & _PAGE_RW) && page_mapcount(page) > 1)
		return "pages: a private page is writable by two";
	if (page->index != linear_page_index(vma, addr))
		return "pages: the index does not lead back to the address";
	return vma->anon_vma ? NULL : "pages: a private page in an area without anon_vma";
}

const char *mm_check(struct mm_struct *mm)
{
	const char *broken = vma_check(mm);
	u64 rss[NR_MM_COUNTERS] = { 0 }, total = 0, locked = 0;
	struct vm_area_struct *vma;
	u64 end = 0;
	unsigned n;

	if (broken)
		return broken;
	for_each_vma (mm, vma) {
		u64 *pte;

		total += vma_pages(vma);
		locked += vma->vm_flags & VM_LOCKED ? vma_pages(vma) : 0;
		for (u64 va = end; (pte = upt_run(mm, &va, vma->vm_start, &n));
		     va += (u64)n << PAGE_SHIFT)
			for (unsigned i = 0; i < n; i++)
				if (pte[i])
					return "entries: a page outside of every area";
		for (u64 va = vma->vm_start; (pte = upt_run(mm, &va, vma->vm_end, &n));
		     va += (u64)n << PAGE_SHIFT)
			for (unsigned i = 0; i < n && !broken; i++)
				if (pte[i])
					broken = check_entry(vma, va + ((u64)i << PAGE_SHIFT),
							     pte[i], rss);
		if (broken)
			return broken;
		end = vma->vm_end;
	}
	for (unsigned c = 0; c < NR_MM_COUNTERS; c++)
		if ((u64)atomic64_read(&mm->rss[c]) != rss[c])
			return "counters: rss is not the number of pages";
	if (total != mm->total_vm)
		return "counters: total_vm is not the size of the areas";
	return locked == mm->locked_vm ? NULL
				       : "counters: locked_vm is not the size of locked areas";
}
