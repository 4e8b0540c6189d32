/* SPDX-License-Identifier: MIT */
/* mm_lab.c - see mm_lab.h. */
#include "guest/kernel/mm_lab.h"
#include "guest/kernel/mm.h"
#include "guest/lib/env.h"
#include "guest/lib/string.h"

#define BLOCK_SIZE (MAX_ORDER_PAGES << PAGE_SHIFT)

static phys_t block_phys(const struct page *page)
{
	return PFN_PHYS(page_to_pfn(&kernel_mm.pg.model, page));
}

static void free_block(struct page *page)
{
	/* Nobody looks at them while they are out; their struct pages are as they were. */
	free_pages(&kernel_mm.pg, page, MAX_ORDER);
}

/* Takes blocks until `want` of them are neighbours; the others go back. */
static bool take_blocks(struct mm_lab *lab, unsigned want)
{
	struct page *page, *others[LAB_MAX_BLOCKS];
	unsigned nr_others = 0;

	while (lab->nr < want && nr_others < LAB_MAX_BLOCKS) {
		page = alloc_pages(&kernel_mm.pg, GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY,
				   MAX_ORDER);
		if (!page)
			break;
		if (lab->nr && block_phys(page) == lab->base - BLOCK_SIZE) {
			memmove(lab->block + 1, lab->block, lab->nr * sizeof(*lab->block));
			lab->block[0] = page;
			lab->base -= BLOCK_SIZE;
			lab->nr++;
		} else if (!lab->nr || block_phys(page) == lab->base + lab->nr * BLOCK_SIZE) {
			lab->base = lab->nr ? lab->base : block_phys(page);
			lab->block[lab->nr++] = page;
		} else {
			others[nr_others++] = page;
		}
	}
	while (nr_others)
		free_block(others[--nr_others]);
	return lab->nr == want;
}

struct mm_lab *mm_lab_make(const struct mm_lab_opts *o)
{
	unsigned nodes = MAX(o->nodes, 1u);
	struct mm_lab *lab = vzalloc(&kernel_mm.vmalloc, sizeof(*lab));
	struct pgalloc_opts opts = { .model = o->model, .nr_cpus = kernel_mm.pg.nr_cpus };
	phys_t cma_base = 0;
	u64 share, cma_size = 0;

	if (!lab)
		return NULL;
	if (!take_blocks(lab, o->blocks))
		goto err;
	/* One zone for all: the limits of the others lie below it. */
	opts.dma_end = opts.dma32_end = BLOCK_SIZE;
	opts.movable_bytes = o->movable;
	if (o->highmem_start)
		opts.highmem_start = lab->base + o->highmem_start;
	memblock_init(&lab->mb);
	share = lab->nr / nodes * BLOCK_SIZE;
	for (unsigned n = 0; n < nodes; n++)
		memblock_add(&lab->mb, lab->base + n * share,
			     n + 1 < nodes ? share : lab->nr * BLOCK_SIZE - n * share, (int)n);
	if (o->cma && cma_reserve(&lab->mb, o->cma, 0, &cma_base, &cma_size))
		goto err;
	if (pgalloc_init(&lab->pg, &kernel_mm_env, &lab->mb, &opts))
		goto err;
	if (!cma_size || !cma_activate(&lab->pg, &lab->cma, "lab", cma_base, cma_size))
		return lab;
err:
	mm_lab_end(lab);
	return NULL;
}

void mm_lab_end(struct mm_lab *lab)
{
	cma_deactivate(&lab->cma);
	for (unsigned i = 0; i < lab->nr; i++)
		free_block(lab->block[i]);
	vfree(&kernel_mm.vmalloc, lab);
}
