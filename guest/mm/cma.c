/* SPDX-License-Identifier: MIT */
/* cma.c - see cma.h. */
#include "guest/mm/cma.h"
#include "guest/lib/errno.h"
#include "guest/lib/math.h"
#include "guest/mm/deferred.h"
#include "guest/mm/migrate.h"

#define CMA_ALIGN (MAX_ORDER_PAGES << PAGE_SHIFT)

int cma_reserve(struct memblock *mb, u64 size, phys_t limit, phys_t *base, u64 *real_size)
{
	struct memblock_request req = {
		.size = ALIGN_UP(size, CMA_ALIGN),
		.align = CMA_ALIGN,
		.limit = limit,
		.node = MEMBLOCK_NO_NODE,
	};

	*base = memblock_alloc(mb, &req);
	*real_size = req.size;
	return *base ? 0 : -ENOMEM;
}

/* The one zone that all of the range lies in, or NULL. */
static struct zone *zone_of_range(struct pgalloc *pg, pfn_t start, pfn_t end)
{
	struct zone *z;

	for_each_zone (pg, z)
		if (start >= z->start && end <= z->end && z->type != ZONE_DEVICE)
			return z;
	return NULL;
}

int cma_activate(struct pgalloc *pg, struct cma *cma, const char *name, phys_t base, u64 size)
{
	pfn_t start = PFN_DOWN(base), end = PFN_DOWN(base + size);
	struct zone *z = zone_of_range(pg, start, end);
	u64 flags;

	if (!z || !size || (base | size) & (CMA_ALIGN - 1))
		return -EINVAL;
	if (pg->nr_cma == MAX_CMA_AREAS)
		return -ENOSPC;
	*cma = (struct cma){ .name = name, .zone = z, .base = start, .count = end - start };
	cma->bitmap = env_alloc(BITS_TO_WORDS(cma->count) * sizeof(u64));
	if (!cma->bitmap)
		return -ENOMEM;
	spin_lock_init(&cma->lock);
	init_struct_pages(z, start, end);
	flags = spin_lock_irqsave(&z->lock);
	for (pfn_t p = start; p < end; p += PAGEBLOCK_PAGES)
		buddy_set_block_type(&z->buddy, p, MIGRATE_CMA);
	spin_unlock_irqrestore(&z->lock, flags);
	free_reserved_range(pg, start, end);
	z->cma_pages += cma->count;
	z->managed += cma->count;
	pg->cma[pg->nr_cma++] = cma;
	return 0;
}

void cma_deactivate(struct cma *cma)
{
	env_free(cma->bitmap, BITS_TO_WORDS(cma->count) * sizeof(u64));
	cma->bitmap = NULL;
}

/* One at a time: two allocations in one page block would isolate it from each other. */
static void begin(struct cma *cma)
{
	for (;;) {
		u64 flags = spin_lock_irqsave(&cma->lock);
		bool mine = !cma->busy;

		cma->busy = 1;
		spin_unlock_irqrestore(&cma->lock, flags);
		if (mine)
			return;
		env_relax();
	}
}

static void end(struct cma *cma)
{
	u64 flags = spin_lock_irqsave(&cma->lock);

	cma->busy = 0;
	spin_unlock_irqrestore(&cma->lock, flags);
}

struct page *cma_alloc(struct pgalloc *pg, struct cma *cma, u64 count, unsigned align_order)
{
	struct page *page = NULL;
	u64 align, at = 0;
	pfn_t next;

	if (!count || count > cma->count || align_order > 30)
		return NULL;
	align = 1UL << align_order;
	begin(cma);
	for (;;) {
		/* The area may begin in the middle of such an alignment. */
		u64 skew = cma->base & (align - 1);

		at = bitmap_find_next_zero_area(cma->bitmap, cma->count, at, count,
						skew ? 1 : align);
		if (at >= cma->count)
			break;
		if ((cma->base + at) & (align - 1)) {
			at = ALIGN_UP(cma->base + at, align) - cma->base;
			continue;
		}
		if (!alloc_contig_range(cma->zone, cma->base + at, cma->base + at + count,
					MIGRATE_CMA, &next)) {
			bitmap_set(cma->bitmap, at, count);
			page = pfn_to_page(&pg->model, cma->base + at);
			break;
		}
		at = ALIGN_UP(next - cma->base, align);
	}
	*(page ? &cma->nr_pages_succeeded : &cma->nr_pages_failed) += count;
	end(cma);
	count_vm_events(pg, page ? CMA_ALLOC_SUCCESS : CMA_ALLOC_FAIL, 1);
	return page;
}

bool cma_release(struct pgalloc *pg, struct cma *cma, struct page *page, u64 count)
{
	pfn_t pfn = page_to_pfn(&pg->model, page);
	bool ok;

	if (pfn < cma->base || count > cma->count || pfn - cma->base > cma->count - count)
		return false;
	begin(cma);
	ok = bitmap_test_all(cma->bitmap, pfn - cma->base, count);
	if (ok) {
		free_contig_range(pg, pfn, count);
		bitmap_clear(cma->bitmap, pfn - cma->base, count);
	}
	end(cma);
	return ok;
}

u64 cma_used_pages(struct cma *cma)
{
	return bitmap_weight(cma->bitmap, cma->count);
}
