/* SPDX-License-Identifier: MIT */
/*
 * fault.c - what a page fault does: memory appears when it is touched, and is copied when a sharer
 * writes. Every path ends in one store to one entry, made under page_table_lock after looking
 * whether another thread has been there meanwhile.
 */
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/rmap.h"
#include "guest/mm/user_pt.h"
#include "guest/mm/vma.h"
#include "guest/mm/zap.h"

/* The most that a stack may leave untouched between its end and the next area below. */
#define STACK_GUARD_GAP	   (256 * PAGE_SIZE)
#define FAULT_AROUND_PAGES 16u /* a power of two */

static void flush_page(struct mm_struct *mm, u64 addr)
{
	if (mm->sys->flush_tlb)
		mm->sys->flush_tlb(mm, addr, addr + PAGE_SIZE);
}

/* Stores the entry if *pte is still `old`. The page's counters are the caller's business. */
static bool set_pte_if(struct mm_struct *mm, u64 *pte, u64 old, u64 value)
{
	bool same;

	spin_lock(&mm->page_table_lock);
	same = *pte == old;
	if (same)
		WRITE_ONCE(*pte, value);
	spin_unlock(&mm->page_table_lock);
	return same;
}

static u64 mk_pte(const struct vm_area_struct *vma, const struct page *page, bool writable)
{
	const struct mm_system *sys = vma->vm_mm->sys;
	u64 e = PFN_PHYS(page_to_pfn(&sys->pg->model, page)) |
		user_prot(sys, vma->vm_flags, writable);

	return writable ? e | _PAGE_DIRTY : e;
}

/* Maps a page that belongs to this area alone in place of what *pte was; false when that has changed
 * meanwhile. Takes over the page either way. */
static bool install_anon(struct vm_fault *vmf, u64 *pte, u64 old, struct page *page)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	/* A private page that was only read of a read-only area stays so. */
	u64 e = mk_pte(vmf->vma, page, vmf->vma->vm_flags & VM_WRITE);

	page_add_new_anon_rmap(page, vmf->vma, vmf->address);
	page->flags |= BIT(PG_swapbacked);
	if (set_pte_if(mm, pte, old, e)) {
		atomic64_inc(&mm->rss[MM_ANONPAGES]);
		return true;
	}
	page_remove_rmap(page);
	put_page(mm->sys->pg, page);
	return false;
}

static unsigned anonymous_fault(struct vm_fault *vmf, u64 *pte)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	struct page *page;

	if (!(vmf->flags & FAULT_WRITE)) {
		set_pte_if(mm, pte, 0, mk_pte(vmf->vma, mm->sys->zero_page, false) | _PAGE_SPECIAL);
		return 0;
	}
	if (anon_vma_prepare(vmf->vma))
		return VM_FAULT_OOM;
	page = alloc_page(mm->sys->pg, GFP_HIGHUSER_MOVABLE | __GFP_ZERO);
	if (!page)
		return VM_FAULT_OOM;
	install_anon(vmf, pte, 0, page);
	return 0;
}

/* A private copy of what `from` (NULL: zeroes) shows. */
static struct page *copy_of(struct mm_struct *mm, const struct page *from)
{
	struct pgalloc *pg = mm->sys->pg;
	struct page *page = alloc_page(pg, GFP_HIGHUSER_MOVABLE | (from ? 0 : __GFP_ZERO));

	if (page && from)
		memcpy(page_address(pg, page), page_address(pg, from), PAGE_SIZE);
	return page;
}

/* *took: whether the entry is the copy's now. */
static unsigned private_copy(struct vm_fault *vmf, u64 *pte, u64 old, const struct page *from,
			     bool *took)
{
	struct page *page;

	*took = false;
	if (anon_vma_prepare(vmf->vma))
		return VM_FAULT_OOM;
	page = copy_of(vmf->vma->vm_mm, from);
	if (!page)
		return VM_FAULT_OOM;
	*took = install_anon(vmf, pte, old, page);
	return 0;
}

static unsigned make_writable(struct vm_fault *vmf)
{
	const struct vm_operations_struct *ops = vmf->vma->vm_ops;

	return ops->page_mkwrite ? ops->page_mkwrite(vmf) : 0;
}

/* Maps vmf->page, a page of the file itself, with a reference of its own. */
static void install_file(struct vm_fault *vmf, u64 *pte, bool writable)
{
	struct mm_struct *mm = vmf->vma->vm_mm;

	get_page(vmf->page);
	page_add_file_rmap(vmf->page);
	if (set_pte_if(mm, pte, 0, mk_pte(vmf->vma, vmf->page, writable))) {
		atomic64_inc(&mm->rss[mm_counter_of(vmf->page)]);
		return;
	}
	page_remove_rmap(vmf->page);
	put_page(mm->sys->pg, vmf->page);
}

/*
 * What lies around a page that is read comes along where it costs no waiting: the next fault is dearer
 * than the entry (Linux: fault_around_bytes, the same 64 KiB). The window is aligned and so lies in one
 * table.
 */
static void map_around(const struct vm_fault *vmf, u64 *pte)
{
	struct vm_area_struct *vma = vmf->vma;
	struct mm_struct *mm = vma->vm_mm;
	u64 at = vmf->address >> PAGE_SHIFT;
	u64 first = MAX(at & ~(u64)(FAULT_AROUND_PAGES - 1), vma->vm_start >> PAGE_SHIFT);
	u64 last = MIN(at | (FAULT_AROUND_PAGES - 1), (vma->vm_end >> PAGE_SHIFT) - 1);
	unsigned n = (unsigned)(last - first + 1);
	u64 prot = user_prot(mm->sys, vma->vm_flags, false);
	struct vm_fault near = { .vma = vma };
	struct page *pages[FAULT_AROUND_PAGES];
	bool took[FAULT_AROUND_PAGES] = { false }; /* the reference is the entry's now */
	const struct page *some = NULL;
	s64 mapped = 0;

	vma->vm_ops->neighbours(vma, vmf->pgoff - (at - first), n, pages);
	pte -= at - first;
	spin_lock(&mm->page_table_lock);
	for (unsigned i = 0; i < n; i++) {
		if (!pages[i] || pte[i])
			continue;
		took[i] = true;
		page_add_file_rmap(pages[i]);
		some = pages[i];
		WRITE_ONCE(pte[i], PFN_PHYS(page_to_pfn(&mm->sys->pg->model, pages[i])) | prot);
		mapped++;
	}
	spin_unlock(&mm->page_table_lock);
	if (mapped)
		atomic64_add(mapped, &mm->rss[mm_counter_of(some)]);
	for (unsigned i = 0; i < n; i++) {
		if (!pages[i])
			continue;
		vma->vm_ops->fault_done(&near, pages[i]);
		if (!took[i])
			put_page(mm->sys->pg, pages[i]);
	}
}

static unsigned file_fault(struct vm_fault *vmf, u64 *pte)
{
	struct pgalloc *pg = vmf->vma->vm_mm->sys->pg;
	bool write = vmf->flags & FAULT_WRITE, shared = vmf->vma->vm_flags & VM_SHARED;
	unsigned ret = vmf->vma->vm_ops->fault(vmf), err = 0;
	struct page *page = vmf->page;
	bool took;

	if ((ret & VM_FAULT_ERROR) || !page)
		return ret;
	if (write && !shared)
		err = private_copy(vmf, pte, 0, page, &took);
	else if (write)
		err = make_writable(vmf);
	if (!err && (shared || !write))
		install_file(vmf, pte, write);
	if (ret & VM_FAULT_LOCKED)
		vmf->vma->vm_ops->fault_done(vmf, page);
	put_page(pg, page);
	if (!write && vmf->vma->vm_ops->neighbours)
		map_around(vmf, pte);
	return (ret & ~(unsigned)VM_FAULT_LOCKED) | err;
}

/* A write to a present page that may not be written: copy, or find that it is ours alone. */
static unsigned write_fault(struct vm_fault *vmf, u64 *pte, u64 old)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	struct pgalloc *pg = mm->sys->pg;
	struct page *page = pfn_to_page(&pg->model, pte_pfn(old));
	unsigned err;
	bool took;

	if (old & _PAGE_SPECIAL) {
		if (vmf->vma->vm_flags & VM_PFNMAP)
			return VM_FAULT_SIGBUS;
		err = private_copy(vmf, pte, old, NULL, &took);
		if (took)
			flush_page(mm, vmf->address);
		return err;
	}
	spin_lock(&mm->page_table_lock);
	if (*pte != old) {
		spin_unlock(&mm->page_table_lock);
		return 0;
	}
	if (PageAnon(page) && page_ref_count(page) == 1) {
		WRITE_ONCE(*pte, old | _PAGE_RW | _PAGE_DIRTY);
		spin_unlock(&mm->page_table_lock);
		/* Others may still have the narrower right: their fault finds the entry in order. */
		return 0;
	}
	get_page(page);
	spin_unlock(&mm->page_table_lock);

	if (vmf->vma->vm_flags & VM_SHARED) {
		vmf->page = page;
		err = make_writable(vmf);
		if (!err)
			set_pte_if(mm, pte, old, old | _PAGE_RW | _PAGE_DIRTY);
		put_page(pg, page);
		return err;
	}
	err = private_copy(vmf, pte, old, page, &took);
	/* The old page has lost this mapping. */
	if (took) {
		atomic64_dec(&mm->rss[mm_counter_of(page)]);
		page_remove_rmap(page);
		flush_page(mm, vmf->address);
		put_page(pg, page);
	}
	put_page(pg, page);
	return err;
}

static bool may(const struct vm_area_struct *vma, unsigned flags)
{
	u64 need = flags & FAULT_WRITE ? VM_WRITE : flags & FAULT_EXEC ? VM_EXEC : VM_READ;

	/* x86 cannot make a page writable or executable without making it readable. */
	if (need == VM_READ)
		return vma->vm_flags & VM_ACCESS_FLAGS;
	return vma->vm_flags & need;
}

static unsigned fault_in(struct vm_area_struct *vma, u64 addr, unsigned flags)
{
	struct vm_fault vmf = {
		.vma = vma,
		.address = addr & ~(PAGE_SIZE - 1),
		.flags = flags,
	};
	u64 *pte = upt_get(vma->vm_mm, addr), e;

	if (!pte)
		return VM_FAULT_OOM;
	vmf.pgoff = linear_page_index(vma, vmf.address);
	e = READ_ONCE(*pte);
	if (!pte_has_page(e))
		return vma->vm_ops ? file_fault(&vmf, pte) : anonymous_fault(&vmf, pte);
	if ((flags & FAULT_WRITE) && !(e & _PAGE_RW))
		return write_fault(&vmf, pte, e);
	/* Another thread was here first, or a CPU remembers what is no longer so. */
	flush_page(vma->vm_mm, vmf.address);
	return 0;
}

/* Lets the stack above addr grow down to it, by the rules. mmap_lock held for writing. */
static bool expand_stack(struct mm_struct *mm, u64 addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr), *prev;
	u64 start = addr & ~(PAGE_SIZE - 1), grow;

	if (!vma || !(vma->vm_flags & VM_GROWSDOWN))
		return false;
	if (vma->vm_start <= start)
		return true;
	grow = vma->vm_start - start;
	prev = vma_prev(vma);
	if (start < mm->sys->mmap_min_addr || vma->vm_end - start > mm->limits.stack ||
	    ((mm->total_vm << PAGE_SHIFT) + grow) > mm->limits.as)
		return false;
	if (prev && !(prev->vm_flags & VM_GROWSDOWN) && (prev->vm_flags & VM_ACCESS_FLAGS) &&
	    start - prev->vm_end < STACK_GUARD_GAP)
		return false;
	if (prev && prev->vm_end > start)
		return false;
	vma->vm_pgoff -= grow >> PAGE_SHIFT;
	vma_set_range(vma, start, vma->vm_end);
	vm_account(mm, vma->vm_flags, false, (s64)(grow >> PAGE_SHIFT));
	return true;
}

unsigned handle_mm_fault(struct mm_struct *mm, u64 addr, unsigned flags)
{
	struct vm_area_struct *vma;
	unsigned ret;

	down_read(&mm->mmap_lock);
	vma = find_vma(mm, addr);
	if (vma && addr < vma->vm_start && (vma->vm_flags & VM_GROWSDOWN)) {
		up_read(&mm->mmap_lock);
		down_write(&mm->mmap_lock);
		if (!expand_stack(mm, addr)) {
			up_write(&mm->mmap_lock);
			return VM_FAULT_MAPERR;
		}
		downgrade_write(&mm->mmap_lock);
		vma = find_vma(mm, addr);
	}
	if (!vma || addr < vma->vm_start)
		ret = VM_FAULT_MAPERR;
	else if (!may(vma, flags))
		ret = VM_FAULT_ACCERR;
	else
		ret = fault_in(vma, addr, flags);
	if (!(ret & VM_FAULT_ERROR))
		mm->hiwater_rss = MAX(mm->hiwater_rss, mm_rss(mm));
	up_read(&mm->mmap_lock);
	return ret;
}

unsigned vmf_insert_pfn(struct vm_fault *vmf, pfn_t pfn, u64 cache_bits)
{
	struct vm_area_struct *vma = vmf->vma;
	u64 *pte = upt_get(vma->vm_mm, vmf->address);
	u64 e = PFN_PHYS(pfn) | _PAGE_SPECIAL | cache_bits |
		user_prot(vma->vm_mm->sys, vma->vm_flags, vma->vm_flags & VM_WRITE);

	if (!pte)
		return VM_FAULT_OOM;
	set_pte_if(vma->vm_mm, pte, 0, e);
	return 0;
}

/* ---- by others than the CPU ---------------------------------------------------------------------- */

/* The page at addr if the entry allows the access already. mmap_lock held for reading. */
static struct page *present_page(struct mm_struct *mm, u64 addr, bool write)
{
	u64 *pte = upt_find(mm, addr), e;
	struct page *page = NULL;

	if (!pte)
		return NULL;
	spin_lock(&mm->page_table_lock);
	e = *pte;
	if (pte_has_page(e) && (!write || (e & _PAGE_RW)) &&
	    (!(e & _PAGE_SPECIAL) ||
	     pte_pfn(e) == page_to_pfn(&mm->sys->pg->model, mm->sys->zero_page))) {
		page = pfn_to_page(&mm->sys->pg->model, pte_pfn(e));
		get_page(page);
	}
	spin_unlock(&mm->page_table_lock);
	return page;
}

/* As mm_get_page(); force: see mm_access(). */
static struct page *get_page_at(struct mm_struct *mm, u64 addr, bool write, bool force)
{
	struct vm_area_struct *vma;
	struct page *page = NULL;

	addr &= ~(PAGE_SIZE - 1);
	/* The page may be taken away between the fault and the look: again, but not for ever. */
	for (int tries = 0; !page && tries < 8; tries++) {
		unsigned ret = 0;

		down_read(&mm->mmap_lock);
		vma = find_vma(mm, addr);
		if (!vma || addr < vma->vm_start || (vma->vm_flags & (VM_PFNMAP | VM_IO)))
			ret = VM_FAULT_MAPERR;
		else if (!may(vma, write ? FAULT_WRITE : 0) &&
			 !(force && (vma->vm_flags & (write ? VM_MAYWRITE : VM_MAYREAD)) &&
			   !(write && (vma->vm_flags & VM_SHARED))))
			ret = VM_FAULT_ACCERR;
		else if (!(page = present_page(mm, addr, write && may(vma, FAULT_WRITE))))
			ret = fault_in(vma, addr, write ? FAULT_WRITE : 0);
		else if (write && !may(vma, FAULT_WRITE) &&
			 (!PageAnon(page) || page_mapcount(page) > 1)) {
			/* A debugger writes to read-only memory: into a copy of this process's own. */
			u64 *pte = upt_find(mm, addr), old = *pte;
			struct vm_fault vmf = { .vma = vma,
						.address = addr,
						.pgoff = linear_page_index(vma, addr),
						.flags = FAULT_WRITE };

			put_page(mm->sys->pg, page);
			page = NULL;
			ret = write_fault(&vmf, pte, old);
		}
		up_read(&mm->mmap_lock);
		if (ret & VM_FAULT_ERROR)
			return NULL;
	}
	return page;
}

struct page *mm_get_page(struct mm_struct *mm, u64 addr, unsigned flags)
{
	return get_page_at(mm, addr, flags & FAULT_WRITE, false);
}

u64 mm_access(struct mm_struct *mm, u64 addr, void *buf, u64 len, bool write, bool force)
{
	struct pgalloc *pg = mm->sys->pg;
	u64 done = 0;

	if (addr >= mm->sys->task_size)
		return 0;
	len = MIN(len, mm->sys->task_size - addr);
	while (done < len) {
		u64 at = addr + done, offset = at & (PAGE_SIZE - 1);
		u64 n = MIN(len - done, PAGE_SIZE - offset);
		struct page *page = get_page_at(mm, at, write, force);
		u8 *p;

		if (!page)
			break;
		p = (u8 *)page_address(pg, page) + offset;
		if (write)
			memcpy(p, (u8 *)buf + done, n);
		else
			memcpy((u8 *)buf + done, p, n);
		put_page(pg, page);
		done += n;
	}
	return done;
}

int mm_populate(struct mm_struct *mm, u64 start, u64 end)
{
	for (u64 va = start; va < end; va += PAGE_SIZE) {
		struct vm_area_struct *vma;
		unsigned ret = 0;

		down_read(&mm->mmap_lock);
		vma = find_vma(mm, va);
		if (!vma || va < vma->vm_start) {
			up_read(&mm->mmap_lock);
			return -ENOMEM;
		}
		if (vma->vm_flags & VM_ACCESS_FLAGS && !(vma->vm_flags & VM_PFNMAP))
			ret = fault_in(vma, va,
				       vm_is_cow(vma->vm_flags) && (vma->vm_flags & VM_WRITE)
					       ? FAULT_WRITE
					       : 0);
		up_read(&mm->mmap_lock);
		if (ret & VM_FAULT_OOM)
			return -EAGAIN;
		if (ret & VM_FAULT_ERROR)
			return -ENOMEM;
	}
	return 0;
}
