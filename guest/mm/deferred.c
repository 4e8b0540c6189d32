/* SPDX-License-Identifier: MIT */
/*
 * deferred.c - struct pages, made ready by the block, and later rather than sooner.
 *
 * Initialising a struct page writes a cache line, a gigabyte of memory has a quarter million of
 * them. At boot only the first part of each zone is made ready, or nothing; the rest follows one
 * block at a time when the free lists have not what is asked for. Until then it counts as free. All
 * struct pages of a MAX_ORDER block begin the same, so one is written and copied.
 */
#include "guest/mm/deferred.h"
#include "guest/lib/string.h"
#include "guest/mm/page_alloc.h"
#include "guest/mm/page_owner.h"

static void init_owners(struct pgalloc *pg, pfn_t pfn)
{
	const u64 size = MAX_ORDER_PAGES * sizeof(*pg->owner);

	mm_reach(&pg->env, virt_to_phys(pg, &pg->owner[pfn]), size);
	memset(&pg->owner[pfn], 0, size);
}

static void init_block(struct pgalloc *pg, struct page *first, pfn_t pfn, const struct zone *z,
		       bool reserved)
{
	u64 section = pg->model.section ? pfn_section(pfn) : 0, done = 1;

	if (pg->model.type != MEMMODEL_VMEMMAP)
		mm_reach(&pg->env, virt_to_phys(pg, first), MAX_ORDER_PAGES * sizeof(*first));
	if (pfn < pg->highmem_pfn)
		mm_reach(&pg->env, PFN_PHYS(pfn), MAX_ORDER_PAGES << PAGE_SHIFT);
	*first = (struct page){
		.flags = page_links(section, z->nid, z->type) | (reserved ? BIT(PG_reserved) : 0),
		._mapcount = ATOMIC_INIT(-1),
		._refcount = ATOMIC_INIT(reserved),
	};
	if (pg->owner)
		init_owners(pg, pfn);
	for (; done < MAX_ORDER_PAGES; done *= 2)
		memcpy(first + done, first, done * sizeof(*first));
	for (u64 b = 0; b < MAX_ORDER_PAGES >> PAGEBLOCK_ORDER; b++)
		pg->pageblock[(pfn >> PAGEBLOCK_ORDER) + b] = MIGRATE_MOVABLE;
}

void init_struct_pages(struct zone *z, pfn_t start, pfn_t end)
{
	struct pgalloc *pg = z->pg;

	while (start < end) {
		pfn_t block = ALIGN_DOWN(start, MAX_ORDER_PAGES);

		/* Two pieces of RAM may share a block. */
		if (pg->pageblock[block >> PAGEBLOCK_ORDER] == PAGEBLOCK_NONE)
			init_block(pg, pfn_to_page(&pg->model, start) - (start - block), block, z,
				   true);
		start = block + MAX_ORDER_PAGES;
	}
}

bool next_free_frames(const struct pgalloc *pg, pfn_t *pos, pfn_t limit, pfn_t *start, pfn_t *end)
{
	struct memblock_region r;
	phys_t at = PFN_PHYS(*pos);

	while (*pos < limit && memblock_next_free(pg->memblock, &at, &r)) {
		*start = MAX(PFN_UP(r.base), *pos);
		*end = MIN(PFN_DOWN(r.base + r.size), limit);
		if (*start < *end) {
			*pos = *end;
			return true;
		}
		if (PFN_DOWN(r.base) >= limit)
			return false;
	}
	return false;
}

/* Frames [from, to) of the zone: struct pages, then the free ones to the buddy; how many. */
static u64 grow(struct zone *z, pfn_t from, pfn_t to)
{
	const struct memblock *mb = z->pg->memblock;
	pfn_t start = from, end, pos = from;
	u64 nr = 0;

	/* The everyday case, a whole block that nobody has: free from the start. */
	if (next_free_frames(z->pg, &pos, to, &start, &end) && start == from &&
	    end - start == MAX_ORDER_PAGES && !(start & (MAX_ORDER_PAGES - 1))) {
		struct page *page = pfn_to_page(&z->pg->model, start);

		init_block(z->pg, page, start, z, false);
		free_to_buddy(z->pg, page, MAX_ORDER);
		return MAX_ORDER_PAGES;
	}
	for (size_t i = 0; i < mb->memory.count; i++) {
		const struct memblock_region *r = &mb->memory.region[i];

		start = MAX(PFN_UP(r->base), from);
		end = MIN(PFN_DOWN(r->base + r->size), to);
		if (start < end)
			init_struct_pages(z, start, end);
	}
	while (next_free_frames(z->pg, &from, to, &start, &end)) {
		free_reserved_range(z->pg, start, end);
		nr += end - start;
	}
	return nr;
}

/* Claims the next stretch for this CPU; false: none is left, or it is not ours to take. */
static bool claim_stretch(struct zone *z, pfn_t *from, pfn_t *to)
{
	u64 flags;

	for (;;) {
		unsigned me = env_cpu() + 1;

		flags = spin_lock_irqsave(&z->lock);
		if (z->init_next >= z->end || z->growing == me) {
			/* The latter: an interrupt in the middle of growing. */
			spin_unlock_irqrestore(&z->lock, flags);
			return false;
		}
		if (!z->growing)
			break;
		spin_unlock_irqrestore(&z->lock, flags);
		env_relax();
	}
	z->growing = env_cpu() + 1;
	*from = z->init_next;
	*to = MIN(ALIGN_UP(*from + 1, MAX_ORDER_PAGES), z->end);
	spin_unlock_irqrestore(&z->lock, flags);
	return true;
}

bool deferred_grow_zone(struct zone *z, unsigned order)
{
	u64 got = 0;
	pfn_t from, to;

	if (likely(z->init_next >= z->end))
		return false;
	env_preempt_disable();
	while (got < 1UL << order && claim_stretch(z, &from, &to)) {
		u64 n = grow(z, from, to), flags;

		flags = spin_lock_irqsave(&z->lock);
		z->init_next = to;
		z->nr_deferred -= n;
		z->growing = 0;
		spin_unlock_irqrestore(&z->lock, flags);
		got += n;
	}
	if (got)
		count_vm_events(z->pg, DEFERRED_GROW, 1);
	env_preempt_enable();
	return got > 0;
}
