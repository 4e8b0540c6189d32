/* SPDX-License-Identifier: MIT */
/*
 * kmap.h - temporary addresses for pages that the linear map does not reach (ZONE_HIGHMEM).
 *
 * kmap() keeps an address until kunmap(), for as long as one likes, and any CPU may use it; there
 * are few. A slot that nobody uses stays mapped until slots run out; then all unused ones are
 * unmapped with one flush. kmap_local_page() is for a few lines of code: a stack of slots a CPU,
 * unmapped in reverse order, preemption off in between.
 */
#ifndef GUEST_MM_KMAP_H
#define GUEST_MM_KMAP_H

#include "guest/mm/page_alloc.h"
#include "guest/mm/pagetable.h"

#define KMAP_SLOTS	 32
#define KMAP_LOCAL_DEPTH 16

struct kmap {
	struct pgalloc *pg;
	struct pgtable *pt;
	spinlock_t lock;
	u64 base;		       /* of the shared slots; those of the CPUs follow */
	u32 count[KMAP_SLOTS];	       /* lock; 0 free, 1 mapped but unused, n: n - 1 users */
	struct page *page[KMAP_SLOTS]; /* lock */
	unsigned next;		       /* lock; where the last search ended */
	u8 *local_depth;	       /* [nr_cpus], own CPU's */
};

/* Slots at [base, base + kmap_size()). 0 or -ENOMEM. */
int kmap_init(struct kmap *km, struct pgalloc *pg, struct pgtable *pt, u64 base);

/* Unmaps all slots; nobody uses one any more. Interrupts on. */
void kmap_exit(struct kmap *km);

static inline u64 kmap_size(const struct pgalloc *pg)
{
	return (KMAP_SLOTS + pg->nr_cpus * (u64)KMAP_LOCAL_DEPTH) * PAGE_SIZE;
}

/* NULL when all slots are in use. Not from interrupts. */
void *kmap(struct kmap *km, struct page *page);
void kunmap(struct kmap *km, struct page *page);

/* NULL when the table page for it cannot be had, or the stack is full. */
void *kmap_local_page(struct kmap *km, struct page *page);
/* The address that came last; panics for any other. */
void kunmap_local(struct kmap *km, const void *addr);

#endif
