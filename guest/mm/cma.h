/* SPDX-License-Identifier: MIT */
/*
 * cma.h - contiguous memory areas: ranges kept for devices that need megabytes in a row, lent to
 * movable allocations until then.
 *
 * Rules: C1 a set bit is a frame handed out by cma_alloc(); C2 the page blocks of an area are of
 * type MIGRATE_CMA whenever no allocation is under way.
 */
#ifndef GUEST_MM_CMA_H
#define GUEST_MM_CMA_H

#include "guest/mm/zone.h"

struct cma {
	const char *name;
	struct zone *zone;
	pfn_t base;
	u64 count;	 /* frames */
	spinlock_t lock; /* bitmap; not held while pages move */
	u64 busy;	 /* lock: somebody works on frames of the area */
	u64 *bitmap;
	u64 nr_pages_succeeded, nr_pages_failed;
};

/* Sets a range aside at boot, before pgalloc_init(); size is rounded up to 4 MiB. 0 and *base, or
 * -ENOMEM. limit: below which address, 0 for anywhere. */
int cma_reserve(struct memblock *mb, u64 size, phys_t limit, phys_t *base, u64 *real_size);

/* Lends the range to the buddy. 0, -EINVAL (not one zone, not aligned), -ENOSPC, -ENOMEM. */
int cma_activate(struct pgalloc *pg, struct cma *cma, const char *name, phys_t base, u64 size);

/* Frees the bookkeeping of an area whose memory goes as a whole; one never activated is fine. */
void cma_deactivate(struct cma *cma);

/*
 * count frames in a row, the first at a multiple of 2^align_order frames; NULL when there is no
 * such place or what is there does not move away. Not zeroed. May sleep.
 */
struct page *cma_alloc(struct pgalloc *pg, struct cma *cma, u64 count, unsigned align_order);

/* Gives them back; false when they are not of this area or not handed out. */
bool cma_release(struct pgalloc *pg, struct cma *cma, struct page *page, u64 count);

u64 cma_used_pages(struct cma *cma);

#endif
