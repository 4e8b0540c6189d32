/* SPDX-License-Identifier: MIT */
/*
 * rmap.h - from a page back to the entries that map it.
 *
 * Anonymous pages lead to an anon_vma (page->mapping, bit 0 set): the place where the area that first
 * wrote the page keeps its pages. fork() gives the child's area an anon_vma of its own for new pages
 * and links it to all of its parent's, since old pages may be there. The links (anon_vma_chain) are on
 * a list of the area and on one of the anon_vma; all anon_vmas of a family share their root's lock.
 *
 * File pages lead to their address_space, which lists the areas that map it; see fs.
 */
#ifndef GUEST_MM_RMAP_H
#define GUEST_MM_RMAP_H

#include "guest/mm/mm_struct.h"

struct anon_vma {
	struct anon_vma *root; /* the oldest ancestor, whose lock guards the family */
	spinlock_t lock;
	atomic_t refs;		/* links, and members of the family if it is the root */
	struct list_head chain; /* struct anon_vma_chain.same_anon_vma */
};

struct anon_vma_chain {
	struct vm_area_struct *vma;
	struct anon_vma *anon_vma;
	struct list_head same_vma;
	struct list_head same_anon_vma;
};

#define PAGE_MAPPING_ANON 1UL

static inline bool PageAnon(const struct page *page)
{
	return (u64)READ_ONCE(page->mapping) & PAGE_MAPPING_ANON;
}

static inline int page_mapcount(const struct page *page)
{
	return atomic_read(&page->_mapcount) + 1;
}

/* Makes sure that the area has an anon_vma. mmap_lock held for reading at least. 0 or -ENOMEM. */
int anon_vma_prepare(struct vm_area_struct *vma);
/* dst, which has none yet, gets all links of src and its anon_vma: a split. 0 or -ENOMEM. */
int anon_vma_clone(struct vm_area_struct *dst, struct vm_area_struct *src);
/* The child's area: all links of the parent's, and an anon_vma of its own. 0 or -ENOMEM. */
int anon_vma_fork(struct vm_area_struct *dst, struct vm_area_struct *src);
/* Drops all links of an area. */
void unlink_anon_vmas(struct vm_area_struct *vma);

/* A new private page now mapped once, at addr. */
void page_add_new_anon_rmap(struct page *page, struct vm_area_struct *vma, u64 addr);
/* One more mapping, one less. */
static inline void page_dup_rmap(struct page *page)
{
	atomic_inc(&page->_mapcount);
}
static inline void page_add_file_rmap(struct page *page)
{
	atomic_inc(&page->_mapcount);
}
static inline void page_remove_rmap(struct page *page)
{
	atomic_dec(&page->_mapcount);
}

/*
 * Calls fn for every area and address where the anonymous page may be mapped (the entry decides),
 * under the family's lock, until it returns false. The caller holds a reference and the page lock.
 */
void rmap_walk_anon(struct page *page, bool (*fn)(void *arg, struct vm_area_struct *vma, u64 addr),
		    void *arg);

#endif
