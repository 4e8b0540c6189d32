/* SPDX-License-Identifier: MIT */
/*
 * user_pt.h - the page tables of an address space's lower half: 4 KiB leaves, found, made, copied and
 * freed area by area. Level names as in pagetable.h.
 *
 * An entry is 0 (nothing), has _PAGE_PRESENT (the CPU may use it), or has _PAGE_PROTNONE instead: a
 * page that is kept for an area without any right.
 */
#ifndef GUEST_MM_USER_PT_H
#define GUEST_MM_USER_PT_H

#include "guest/mm/mm_struct.h"
#include "guest/mm/pagetable.h"

#define _PAGE_PROTNONE	_PAGE_GLOBAL /* without _PAGE_PRESENT */
#define _PAGE_SPECIAL	(1ULL << 9)  /* no struct page is counted for it: zero page, PFN map */
#define PAGE_TABLE_USER (_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED)

static inline bool pte_has_page(u64 e)
{
	return e & (_PAGE_PRESENT | _PAGE_PROTNONE);
}

static inline pfn_t pte_pfn(u64 e)
{
	return (e & PT_ADDR_MASK) >> PAGE_SHIFT;
}

/* The bits for an area's rights; write access only where `writable` (no copy is due first). */
u64 user_prot(const struct mm_system *sys, u64 vm_flags, bool writable);

/* The top table, with the kernel's half in it. 0 or -ENOMEM. */
int upt_init(struct mm_struct *mm);
/* Frees the top table; the lower half is empty. */
void upt_destroy(struct mm_struct *mm);

/* The leaf entry of va; NULL where there is no table. */
u64 *upt_find(const struct mm_struct *mm, u64 va);
/* The same, making tables on the way; NULL without memory. mmap_lock held for reading at least. */
u64 *upt_get(struct mm_struct *mm, u64 va);

/*
 * The next run of leaf entries from *va on, below end, that lie in one table: moves *va over what has
 * no table; *n entries. NULL at the end.
 */
u64 *upt_run(const struct mm_struct *mm, u64 *va, u64 end, unsigned *n);

/*
 * Frees tables of [start, end), whose entries are all 0, and those they stand in, as far as these
 * serve nothing outside of [floor, ceiling): the ends of the neighbouring areas.
 */
void upt_free(struct mm_struct *mm, u64 start, u64 end, u64 floor, u64 ceiling);

#endif
