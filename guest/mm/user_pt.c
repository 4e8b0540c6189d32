/* SPDX-License-Identifier: MIT */
/* user_pt.c - tables of user space; see user_pt.h. */
#include "guest/mm/user_pt.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"

static u64 *table_at(const struct mm_struct *mm, phys_t pa)
{
	return phys_to_virt(mm->sys->pg, pa);
}

static unsigned index_of(u64 va, unsigned level)
{
	return va >> (PAGE_SHIFT + 9 * (level - 1)) & (PTRS_PER_TABLE - 1);
}

u64 user_prot(const struct mm_system *sys, u64 vm_flags, bool writable)
{
	u64 prot = _PAGE_USER | _PAGE_ACCESSED;

	if (!(vm_flags & VM_ACCESS_FLAGS))
		return _PAGE_PROTNONE;
	if (writable)
		prot |= _PAGE_RW;
	if (sys->has_nx && !(vm_flags & VM_EXEC))
		prot |= _PAGE_NX;
	return prot | _PAGE_PRESENT;
}

static phys_t new_table(struct mm_struct *mm)
{
	struct pgalloc *pg = mm->sys->pg;
	struct page *page = alloc_page(pg, GFP_KERNEL | __GFP_ZERO);

	if (!page)
		return 0;
	SetPageTable(page);
	atomic64_inc(&mm->nr_tables);
	return PFN_PHYS(page_to_pfn(&pg->model, page));
}

static void free_table(struct mm_struct *mm, phys_t pa)
{
	struct pgalloc *pg = mm->sys->pg;
	struct page *page = pfn_to_page(&pg->model, PFN_DOWN(pa));

	ClearPageTable(page);
	atomic64_dec(&mm->nr_tables);
	__free_page(pg, page);
}

int upt_init(struct mm_struct *mm)
{
	const unsigned half = PTRS_PER_TABLE / 2;

	mm->pgd = new_table(mm);
	if (!mm->pgd)
		return -ENOMEM;
	if (mm->sys->kernel_pgd)
		memcpy(table_at(mm, mm->pgd) + half, table_at(mm, mm->sys->kernel_pgd) + half,
		       half * sizeof(u64));
	return 0;
}

void upt_destroy(struct mm_struct *mm)
{
	BUG_ON(atomic64_read(&mm->nr_tables) != 1); /* all but the top went with their areas */
	free_table(mm, mm->pgd);
	mm->pgd = 0;
}

u64 *upt_find(const struct mm_struct *mm, u64 va)
{
	phys_t table = mm->pgd;

	for (unsigned l = mm->sys->levels; l > 1; l--) {
		u64 e = READ_ONCE(table_at(mm, table)[index_of(va, l)]);

		if (!e)
			return NULL;
		table = e & PT_ADDR_MASK;
	}
	return &table_at(mm, table)[index_of(va, 1)];
}

/* Puts a new table below *e, unless another CPU was faster. False: no memory. */
static bool make_table(struct mm_struct *mm, u64 *e)
{
	phys_t pa = new_table(mm);
	bool used = false;

	if (!pa)
		return false;
	spin_lock(&mm->page_table_lock);
	if (!*e) {
		WRITE_ONCE(*e, pa | PAGE_TABLE_USER);
		used = true;
	}
	spin_unlock(&mm->page_table_lock);
	if (!used)
		free_table(mm, pa);
	return true;
}

u64 *upt_get(struct mm_struct *mm, u64 va)
{
	phys_t table = mm->pgd;

	for (unsigned l = mm->sys->levels; l > 1; l--) {
		u64 *e = &table_at(mm, table)[index_of(va, l)];

		if (unlikely(!READ_ONCE(*e)) && !make_table(mm, e))
			return NULL;
		table = READ_ONCE(*e) & PT_ADDR_MASK;
	}
	return &table_at(mm, table)[index_of(va, 1)];
}

u64 *upt_run(const struct mm_struct *mm, u64 *va, u64 end, unsigned *n)
{
	while (*va < end) {
		phys_t table = mm->pgd;
		unsigned l = mm->sys->levels;
		u64 table_end;

		for (; l > 1; l--) {
			u64 e = READ_ONCE(table_at(mm, table)[index_of(*va, l)]);

			if (!e)
				break;
			table = e & PT_ADDR_MASK;
		}
		if (l > 1) {
			*va = (*va | (pt_size_of(l) - 1)) + 1;
			continue;
		}
		table_end = (*va | (pt_size_of(2) - 1)) + 1;
		*n = (unsigned)((MIN(end, table_end) - *va) >> PAGE_SHIFT);
		return &table_at(mm, table)[index_of(*va, 1)];
	}
	return NULL;
}

/* Frees what hangs below a table in [start, end), and what lies in [floor, ceiling) whole. */
static void free_level(struct mm_struct *mm, u64 *table, unsigned level, u64 start, u64 end,
		       u64 floor, u64 ceiling)
{
	u64 size = pt_size_of(level);

	for (u64 va = start & ~(size - 1); va < end; va += size) {
		u64 *e = &table[index_of(va, level)];
		phys_t sub = *e & PT_ADDR_MASK;

		if (!*e)
			continue;
		if (level > 2)
			free_level(mm, table_at(mm, sub), level - 1, MAX(start, va),
				   MIN(end, va + size), floor, ceiling);
		if (va < floor || va + size > ceiling)
			continue;
		WRITE_ONCE(*e, 0);
		/* A CPU may have the table in its walk cache. */
		if (mm->sys->flush_tlb)
			mm->sys->flush_tlb(mm, va, va + size);
		free_table(mm, sub);
	}
}

void upt_free(struct mm_struct *mm, u64 start, u64 end, u64 floor, u64 ceiling)
{
	if (start < end)
		free_level(mm, table_at(mm, mm->pgd), mm->sys->levels, start, end, floor, ceiling);
}
