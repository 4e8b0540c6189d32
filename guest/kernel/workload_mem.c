/* SPDX-License-Identifier: MIT */
/* workload_mem.c - address space that comes and goes, memory touched for the first time, and a chase
 * after pointers that no prefetcher guesses. */
#include "guest/kernel/mm.h"
#include "guest/kernel/workload.h"
#include "guest/lib/rand.h"

#define AREA	   (16 * PAGE_SIZE)
#define PURGE_EACH 4 /* areas: each purge flushes every CPU's TLB */
#define MiB	   (1UL << 20)
#define CACHE_LINE 64

static void run_vmalloc(struct work *w)
{
	for (u64 i = 0; i < w->n; i++) {
		u8 *p = vmalloc(&kernel_mm.vmalloc, AREA);

		for (u64 at = 0; p && at < AREA; at += PAGE_SIZE)
			p[at] = (u8)i;
		vfree(&kernel_mm.vmalloc, p);
		if (i % PURGE_EACH == PURGE_EACH - 1)
			vmalloc_purge(&kernel_mm.vmalloc);
	}
}

/* ---- large pieces of the linear map, in blocks ------------------------------------------------------ */

#define BLOCK_ORDER 9u
#define BLOCK_PAGES (1u << BLOCK_ORDER)
#define MAX_BLOCKS  512u

static struct {
	struct page *page[MAX_BLOCKS];
	unsigned nr;
} blocks;

static void take_blocks(struct work *w, u64 bytes)
{
	u64 want = (bytes + BLOCK_PAGES * PAGE_SIZE - 1) / (BLOCK_PAGES * PAGE_SIZE);

	for (blocks.nr = 0; blocks.nr < MIN(want, (u64)MAX_BLOCKS); blocks.nr++) {
		blocks.page[blocks.nr] = alloc_pages(&kernel_mm.pg, GFP_KERNEL, BLOCK_ORDER);
		if (!blocks.page[blocks.nr]) {
			w->skip = "not enough memory";
			return;
		}
	}
}

static void give_blocks(struct work *w)
{
	(void)w;
	while (blocks.nr)
		free_pages(&kernel_mm.pg, blocks.page[--blocks.nr], BLOCK_ORDER);
}

static u8 *page_of(u64 i)
{
	u8 *block = page_address(&kernel_mm.pg, blocks.page[i / BLOCK_PAGES]);

	return block + i % BLOCK_PAGES * PAGE_SIZE;
}

static void prepare_touch(struct work *w)
{
	take_blocks(w, w->n * PAGE_SIZE);
}

static void run_touch(struct work *w)
{
	for (u64 i = 0; i < w->n; i++)
		*(volatile u8 *)page_of(i) = 1;
}

/* One pointer in each page, on another cache line from page to page: one cycle through all (Sattolo). */
static void prepare_chase(struct work *w)
{
	u64 pages = (w->size ? w->size : 32 * MiB) / PAGE_SIZE;
	struct rand r;

	take_blocks(w, pages * PAGE_SIZE);
	if (w->skip)
		return;
	rand_init(&r, 1);
	for (u64 i = 0; i < pages; i++) {
		u8 *cell = page_of(i) + i * CACHE_LINE % PAGE_SIZE;

		*(void **)cell = cell;
	}
	for (u64 i = pages - 1; i > 0; i--) {
		u64 k = rand_below(&r, i);
		void **a = (void **)(page_of(i) + i * CACHE_LINE % PAGE_SIZE);
		void **b = (void **)(page_of(k) + k * CACHE_LINE % PAGE_SIZE);
		void *t = *a;

		*a = *b;
		*b = t;
	}
	w->data = page_of(0);
}

static void run_chase(struct work *w)
{
	void *p = w->data;

	for (u64 i = 0; i < w->n; i++)
		p = *(void *volatile *)p;
	w->data = p;
}

const struct workload mem_workloads[] = {
	{ "vmalloc", 64, 1, NULL, run_vmalloc, NULL },
	{ "touch", 4096, 1, prepare_touch, run_touch, give_blocks },
	{ "chase", 20000, 1, prepare_chase, run_chase, give_blocks },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
