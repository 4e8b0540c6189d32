/* SPDX-License-Identifier: MIT */
/*
 * vmalloc.h - memory in a row by address, of page frames from anywhere: vmalloc(), vmap(), ioremap().
 *
 * Free address ranges are in a red-black tree by address, each node knowing the largest range below
 * it: the lowest range that fits is found in O(log n). What is freed is unmapped at once, but its
 * addresses return only after a TLB flush, and one flush serves many (lazy purge). A page that is
 * never mapped follows each area and catches who runs over its end.
 *
 * Rules: V1 free, used and waiting ranges together are the whole space, without overlap. V2 no two
 * free ranges touch. V3 subtree_max is what the subtree says.
 *
 * Context: may sleep, except vmalloc_to_page() and find_vm_area().
 */
#ifndef GUEST_MM_VMALLOC_H
#define GUEST_MM_VMALLOC_H

#include "guest/lib/rbtree.h"
#include "guest/locking/spinlock.h"
#include "guest/mm/pagetable.h"
#include "guest/mm/slab.h"

#define VM_IOREMAP  0x01u
#define VM_ALLOC    0x02u
#define VM_MAP	    0x04u
#define VM_NO_GUARD 0x40u

/* The pages of an area, in lists of one page each: no allocation grows with the area. */
#define PAGES_PER_CHUNK 510

struct page_chunk {
	struct page_chunk *next;
	u64 nr;
	struct page *page[PAGES_PER_CHUNK];
};

struct vm_struct {
	void *addr;
	u64 size; /* with the guard page */
	u32 flags;
	u64 nr_pages;
	struct page_chunk *chunks; /* VM_ALLOC */
	phys_t phys;		   /* VM_IOREMAP */
	u64 caller;		   /* who asked */
};

struct vmap_area {
	u64 start, end;
	struct rb_node rb;     /* in the free or in the busy tree */
	struct list_head list; /* waiting: the purge list */
	u64 subtree_max;       /* free: the largest range at or below this node */
	struct vm_struct *vm;  /* busy */
};

struct vmalloc_space {
	struct pgalloc *pg;
	struct slab_sys *slab;
	struct pgtable *pt;
	u64 start, end;
	spinlock_t lock;		     /* the trees and the purge list */
	struct rb_root free_root, busy_root; /* lock */
	struct list_head lazy;		     /* lock; freed, not yet flushed */
	u64 lazy_pages, lazy_max;	     /* lock; purge beyond */
	spinlock_t map_lock;		     /* the page table */
	struct kmem_cache *area_cache;
	u64 nr_pages; /* allocated by vmalloc(): VmallocUsed */
	u64 nr_purges;
};

/* The space [start, end), whose page tables are pt's. 0 or -ENOMEM. */
int vmalloc_init(struct vmalloc_space *vs, struct pgalloc *pg, struct slab_sys *slab,
		 struct pgtable *pt, u64 start, u64 end);

/* Frees the bookkeeping. -EBUSY when areas are in use. */
int vmalloc_destroy(struct vmalloc_space *vs);

/* size bytes, rounded up to pages; NULL without memory or addresses. */
void *vmalloc(struct vmalloc_space *vs, u64 size);
void *vzalloc(struct vmalloc_space *vs, u64 size);
void *__vmalloc(struct vmalloc_space *vs, u64 size, gfp_t gfp, u64 prot, u64 caller);

/* NULL is fine. An address that vmalloc() did not return is reported, and nothing happens. */
void vfree(struct vmalloc_space *vs, const void *addr);

/* Maps the caller's pages in a row; vunmap() does not free them. */
void *vmap(struct vmalloc_space *vs, struct page **pages, u32 nr, u64 prot);
void vunmap(struct vmalloc_space *vs, const void *addr);

/* Device registers, uncached; phys and size need no alignment. memremap(): as memory. */
void *ioremap(struct vmalloc_space *vs, phys_t phys, u64 size);
void *memremap(struct vmalloc_space *vs, phys_t phys, u64 size);
void iounmap(struct vmalloc_space *vs, const void *addr);

/* Addresses without anything behind them, aligned to a power of two >= a page. */
struct vm_struct *get_vm_area(struct vmalloc_space *vs, u64 size, u64 align, u32 flags, u64 caller);
/* Unmaps what is mapped there and gives the addresses up; frees the vm_struct. */
void free_vm_area(struct vmalloc_space *vs, struct vm_struct *vm);

struct page *vmalloc_to_page(struct vmalloc_space *vs, const void *addr);
/* The area that addr lies in, or NULL. Stable while the caller knows that it is not freed. */
struct vm_struct *find_vm_area(struct vmalloc_space *vs, const void *addr);

/* For reports from anywhere: who asked for the area that addr lies in (*caller, 0: no such area).
 * False when the lock is taken: nothing is known then. */
bool vmalloc_try_caller(struct vmalloc_space *vs, const void *addr, u64 *caller);

/* Makes the addresses of all that was freed available again. */
void vmalloc_purge(struct vmalloc_space *vs);

/* Calls fn for each area in use, by address; lock held: fn only looks. */
void vmalloc_for_each (struct vmalloc_space *vs, void (*fn)(void *arg, const struct vm_struct *vm),
		       void *arg);

static inline bool is_vmalloc_addr(const struct vmalloc_space *vs, const void *addr)
{
	return (u64)addr >= vs->start && (u64)addr < vs->end;
}

/* NULL, or the broken rule. */
const char *vmalloc_check(struct vmalloc_space *vs);

#endif
