/* SPDX-License-Identifier: MIT */
/* test_oom.c - running out of every zone and node: the request fails, the kernel lives on, and all that
 * was taken comes back. On memory that is too large to take all of, in a laboratory alone. */
#include "guest/kernel/kthread.h"
#include "guest/kernel/mm_lab.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/selftest/mm_test.h"

#define MOST (512 * MiB >> PAGE_SHIFT) /* pages: each costs a host its page, and time */

static const gfp_t kinds[] = {
	GFP_DMA, GFP_DMA32, 0, __GFP_HIGHMEM, __GFP_HIGHMEM | __GFP_MOVABLE,
};

/* Blocks that are out, chained through struct pages that are ours. */
struct hoard {
	struct pgalloc *pg;
	struct page *chain;
	u64 pages;
};

static bool take(struct hoard *h, unsigned nid, gfp_t gfp, unsigned order)
{
	struct page *page = alloc_pages_node(h->pg, nid, gfp | __GFP_NOWARN, order);

	if (!page)
		return false;
	page->private = (u64)h->chain;
	page->index = order;
	h->chain = page;
	h->pages += 1UL << order;
	return true;
}

/* All there is for such requests, and for those of their kind that may sleep: these take the reserve of
 * high-order atomic ones apart, a block at a time. Nothing stays in per-CPU lists, which no watermark
 * counts. */
static void take_all(struct hoard *h, unsigned nid, gfp_t gfp)
{
	const gfp_t sleeping = (gfp & ~__GFP_HIGH) | GFP_KERNEL | __GFP_NORETRY;
	u64 before;

	do {
		before = h->pages;
		for (unsigned order = MAX_ORDER + 1; order-- > 0;)
			while (take(h, nid, gfp, order))
				;
		drain_all_pages(h->pg);
		take(h, nid, sleeping, 0);
	} while (h->pages > before);
}

static void give_all(struct hoard *h)
{
	struct page *page;

	while ((page = h->chain)) {
		unsigned order = (unsigned)page->index;

		h->chain = (struct page *)page->private;
		page->private = page->index = 0;
		free_pages(h->pg, page, order);
	}
	h->pages = 0;
}

static void expect_none(struct ktest *t, struct pgalloc *pg, unsigned nid, gfp_t gfp)
{
	for (unsigned order = 0; order <= MAX_ORDER; order += 5) {
		struct page *page = alloc_pages_node(pg, nid, gfp | __GFP_NOWARN, order);

		if (!page)
			continue;
		ktest_fail(t, __FILE__, __LINE__, "order %u, gfp %#x, node %u: frame %#lx of %s",
			   order, gfp, nid, page_to_pfn(&pg->model, page),
			   page_zone(pg, page)->name);
		free_pages(pg, page, order);
	}
}

static u64 free_pages_of(struct pgalloc *pg, unsigned nid)
{
	struct zone *z;
	u64 sum = 0;

	drain_all_pages(pg);
	for_each_zone (pg, z)
		sum += z->nid == nid ? zone_free_pages(z) : 0;
	return sum;
}

/* ---- in a laboratory ------------------------------------------------------------------------------- */

/* Two nodes that have NORMAL, HIGHMEM and MOVABLE between them. */
void ktest_mm_out_of_every_zone(struct ktest *t)
{
	u64 before = mm_test_settle(), all, last = 0;
	struct mm_lab *lab = mm_lab_make(&(struct mm_lab_opts){
		.blocks = 4, .nodes = 2, .highmem_start = 8 * MiB, .movable = 4 * MiB });
	struct hoard h = { 0 };

	if (!lab) {
		ktest_skip(t, "no 16 MiB in a row");
		return;
	}
	h.pg = &lab->pg;
	all = nr_free_pages(h.pg);
	/* There is no such memory at all. */
	expect_none(t, h.pg, 0, GFP_KERNEL | GFP_DMA | __GFP_NORETRY);
	for (unsigned k = 2; k < ARRAY_SIZE(kinds); k++) {
		take_all(&h, 0, GFP_NOWAIT | kinds[k]);
		KT_EXPECT(t, h.pages > last);
		last = h.pages;
		expect_none(t, h.pg, 0, GFP_NOWAIT | kinds[k]);
		expect_none(t, h.pg, 1, GFP_KERNEL | __GFP_NORETRY | kinds[k]);
		take_all(&h, 1, GFP_ATOMIC | kinds[k]);
		KT_EXPECT(t, h.pages > last); /* the reserve */
		expect_none(t, h.pg, 0, GFP_ATOMIC | kinds[k]);
		take_all(&h, 1, __GFP_MEMALLOC | kinds[k]);
		expect_none(t, h.pg, 0, __GFP_MEMALLOC | kinds[k]);
		give_all(&h);
		KT_EXPECT_EQ(t, free_pages_of(h.pg, 0) + free_pages_of(h.pg, 1), all);
	}
	for (unsigned nid = 0; nid < 2; nid++) {
		u64 other = free_pages_of(h.pg, !nid);

		take_all(&h, nid, GFP_NOWAIT | __GFP_THISNODE | kinds[4]);
		expect_none(t, h.pg, nid, GFP_KERNEL | __GFP_THISNODE | kinds[4]);
		KT_EXPECT_EQ(t, free_pages_of(h.pg, !nid), other);
		last = h.pages;
		take_all(&h, nid, GFP_NOWAIT | kinds[4]);
		KT_EXPECT(t, h.pages > last); /* help from the other node */
		give_all(&h);
	}
	KT_EXPECT_EQ(t, free_pages_of(h.pg, 0) + free_pages_of(h.pg, 1), all);
	if (pgalloc_check(h.pg))
		ktest_fail(t, __FILE__, __LINE__, "%s", pgalloc_check(h.pg));
	mm_lab_end(lab);
	MM_TEST_ALL_BACK(t, before);
}

/* ---- the kernel's own memory ------------------------------------------------------------------------ */

static int count_up(void *counter)
{
	atomic_inc(counter);
	return 0;
}

/* Whoever needs more than stocks and reserves have gets nothing; everything else goes on. */
static void live_on(struct ktest *t, bool all_taken)
{
	static atomic_t ran;
	struct task_struct *task;
	u64 start = clock_ns();
	void *p;

	if (all_taken) {
		KT_EXPECT(t, !kmalloc(&kernel_mm.slab, 2 * MiB, GFP_KERNEL | __GFP_NOWARN));
		KT_EXPECT(t, !vmalloc(&kernel_mm.vmalloc, 32 * MiB));
	}
	p = kmalloc(&kernel_mm.slab, 64, GFP_ATOMIC | __GFP_NOWARN);
	kfree(&kernel_mm.slab, p);
	atomic_set(&ran, 0);
	task = kthread_run(count_up, &ran, "thirsty");
	if (task)
		kthread_join(task);
	KT_EXPECT_EQ(t, atomic_read(&ran), task != NULL);
	msleep(2);
	KT_EXPECT(t, clock_ns() - start >= 2 * NSEC_PER_MSEC);
}

void ktest_mm_exhausted(struct ktest *t)
{
	struct hoard h = { .pg = &kernel_mm.pg };
	u64 before = mm_test_settle();
	int level;

	if (nr_managed_pages(h.pg) > MOST) {
		ktest_skip(t, "more than 512 MiB of memory");
		return;
	}
	level = printk_set_level(LOGLEVEL_EMERG); /* failures are said, on the log */
	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
		bool exists = false;
		struct zone *z;

		/* Other kinds get what these get. */
		for_each_zone (h.pg, z)
			exists |= z->type == gfp_zone(kinds[k]);
		if (!exists)
			continue;
		take_all(&h, 0, GFP_NOWAIT | kinds[k]);
		KT_EXPECT(t, h.pages > 0);
		expect_none(t, h.pg, 0, GFP_KERNEL | __GFP_NORETRY | kinds[k]);
		/* The kernel itself uses what has a linear address. */
		live_on(t, gfp_zone(kinds[k]) >= ZONE_NORMAL ||
				   nr_free_pages(h.pg) < nr_managed_pages(h.pg) / 8);
		give_all(&h);
	}
	for (unsigned nid = 0; h.pg->nr_nodes > 1 && nid < h.pg->nr_nodes; nid++) {
		take_all(&h, nid, GFP_NOWAIT | __GFP_THISNODE | kinds[4]);
		expect_none(t, h.pg, nid, GFP_KERNEL | __GFP_THISNODE | kinds[4]);
		live_on(t, false);
		give_all(&h);
	}
	printk_set_level(level);
	if (pgalloc_check(h.pg))
		ktest_fail(t, __FILE__, __LINE__, "%s", pgalloc_check(h.pg));
	MM_TEST_ALL_BACK(t, before);
}
