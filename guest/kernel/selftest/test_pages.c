/* SPDX-License-Identifier: MIT */
/* test_pages.c - zones, page frames, models: what is handed out is ours alone, and comes back. */
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/sections.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/boot_mem.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/mm_lab.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/selftest/mm_test.h"
#include "guest/lib/rand.h"
#include "guest/mm/compaction.h"
#include "guest/mm/migrate.h"

static struct pgalloc *const pg = &kernel_mm.pg;
static u64 first_settled; /* when the first memory test of this run began */

u64 mm_test_settle(void)
{
	if (!first_settled) {
		/* Caches and chunks that come with the first request stay. */
		kfree(&kernel_mm.slab, kmalloc(&kernel_mm.slab, 16, GFP_DMA));
		kfree(&kernel_mm.slab,
		      kmalloc(&kernel_mm.slab, 16, GFP_KERNEL | __GFP_RECLAIMABLE));
		free_percpu_kernel(alloc_percpu_kernel(8, 8));
		first_settled = mm_settled_free_bytes();
	}
	return mm_settled_free_bytes();
}

static const char *check_pages(void *p)
{
	return pgalloc_check(p);
}

static void expect_sound(struct ktest *t)
{
	ktest_check_still(t, check_pages, pg);
}

void ktest_mm_zones(struct ktest *t)
{
	const struct memblock *mb = boot_mem_map();
	u64 present = 0, ram = 0;
	struct zone *z;

	mm_test_settle();
	for_each_zone (pg, z) {
		KT_EXPECT(t, z->managed <= z->present && z->present <= z->end - z->start);
		KT_EXPECT(t, zone_free_pages(z) <= z->managed);
		KT_EXPECT(t, z->watermark[WMARK_MIN] <= z->watermark[WMARK_LOW]);
		present += z->present;
	}
	for (size_t i = 0; i < mb->memory.count; i++) {
		const struct memblock_region *r = &mb->memory.region[i];

		ram += PFN_DOWN(r->base + r->size) - PFN_UP(r->base);
	}
	KT_EXPECT_EQ(t, present, ram);
	/* The image is nobody's to take. */
	KT_EXPECT(t, memblock_is_reserved(mb, __pa(_text), 1));
	expect_sound(t);
}

/* Each frame of the block holds its own number while it is ours. */
static void mark(struct page *page, unsigned order, bool check, struct ktest *t)
{
	u64 *va = page_address(pg, page);

	for (u64 i = 0; i < 1UL << order; i++, va += PAGE_SIZE / sizeof(u64)) {
		if (!check)
			*va = (u64)page + i;
		else if (*va != (u64)page + i)
			ktest_fail(t, __FILE__, __LINE__,
				   "page %lu of a block of order %u is not ours", i, order);
	}
}

#define HELD 64

struct held {
	struct page *page;
	unsigned order;
};

static struct page *take_some(struct rand *r, unsigned *order)
{
	static const gfp_t kinds[] = { GFP_KERNEL, GFP_ATOMIC, GFP_DMA | __GFP_NOWARN,
				       GFP_KERNEL | __GFP_RECLAIMABLE, GFP_KERNEL | __GFP_COLD };

	*order = rand_one_in(r, 4) ? (unsigned)rand_below(r, 7) : 0;
	return alloc_pages(pg, kinds[rand_below(r, ARRAY_SIZE(kinds))], *order);
}

static void churn(struct ktest *t, u64 seed, unsigned rounds)
{
	struct held held[HELD] = { 0 };
	struct rand r;

	rand_init(&r, seed);
	for (unsigned i = 0; i < rounds; i++) {
		struct held *h = &held[rand_below(&r, HELD)];

		if (h->page) {
			mark(h->page, h->order, true, t);
			free_pages(pg, h->page, h->order);
			h->page = NULL;
		} else {
			h->page = take_some(&r, &h->order);
			if (h->page)
				mark(h->page, h->order, false, t);
		}
	}
	for (unsigned i = 0; i < HELD; i++) {
		if (!held[i].page)
			continue;
		mark(held[i].page, held[i].order, true, t);
		free_pages(pg, held[i].page, held[i].order);
	}
}

void ktest_mm_pages(struct ktest *t)
{
	u64 before = mm_test_settle();
	struct page *page;

	churn(t, 1, 600);
	page = alloc_pages(pg, GFP_KERNEL | __GFP_ZERO | __GFP_COMP, 2);
	KT_EXPECT(t, page && compound_head(page + 3) == page && compound_order(page) == 2);
	if (page) {
		KT_EXPECT(t, !memchr_inv(page_address(pg, page), 0, PAGE_SIZE << 2));
		put_page(pg, page + 1);
	}
	KT_EXPECT(t, !alloc_pages(pg, GFP_KERNEL | __GFP_NOWARN, MAX_ORDER + 1));
	expect_sound(t);
	MM_TEST_ALL_BACK(t, before);
}

struct churner {
	struct ktest result;
	struct task_struct *task;
	u64 seed;
};

static int churn_thread(void *arg)
{
	struct churner *c = arg;

	churn(&c->result, c->seed, 300);
	return 0;
}

void ktest_mm_pages_on_all_cpus(struct ktest *t)
{
	static struct churner churners[16];
	unsigned nr = MIN(2 * nr_cpus, (unsigned)ARRAY_SIZE(churners));
	u64 before = mm_test_settle();

	for (unsigned i = 0; i < nr; i++) {
		churners[i] = (struct churner){ .seed = i + 2 };
		churners[i].task = kthread_run(churn_thread, &churners[i], "churn/%u", i);
	}
	for (unsigned i = 0; i < nr; i++) {
		if (!churners[i].task) {
			ktest_fail(t, __FILE__, __LINE__, "no memory for a thread");
			continue;
		}
		kthread_join(churners[i].task);
		t->failures += churners[i].result.failures;
	}
	expect_sound(t);
	MM_TEST_ALL_BACK(t, before);
}

void ktest_mm_pfn_to_page(struct ktest *t)
{
	const struct memmodel *m = &pg->model;
	struct zone *z;

	for_each_zone (pg, z) {
		for (pfn_t pfn = z->start; pfn < z->end; pfn = ALIGN_UP(pfn + 1, PAGEBLOCK_PAGES)) {
			const struct page *page;

			if (!pfn_valid(m, pfn))
				continue;
			page = pfn_to_page(m, pfn);
			if (page_to_pfn(m, page) == pfn || !pfn_online(pg, pfn))
				continue;
			ktest_fail(t, __FILE__, __LINE__, "%s: frame %#lx has the page of %#lx",
				   memmodel_name(m->type), pfn, page_to_pfn(m, page));
			return;
		}
	}
}

/* All of ZONE_DMA, which is small: who asks for more gets nothing, and nobody else suffers. */
void ktest_mm_out_of_memory(struct ktest *t)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_DMA | __GFP_NOWARN;
	u64 before = mm_test_settle(), taken = 0;
	struct page *page, *chain = NULL;

	for (unsigned order = MAX_ORDER + 1; order-- > 0;) {
		while ((page = alloc_pages(pg, gfp, order))) {
			page->private = (u64)chain;
			page->index = order;
			chain = page;
			taken += 1UL << order;
		}
	}
	KT_EXPECT(t, taken > 0);
	KT_EXPECT(t, !kmalloc(&kernel_mm.slab, 64 << 10, gfp));
	while ((page = chain)) {
		unsigned order = (unsigned)page->index;

		chain = (struct page *)page->private;
		page->private = page->index = 0;
		free_pages(pg, page, order);
	}
	page = alloc_page(pg, gfp);
	KT_EXPECT(t, page != NULL);
	if (page)
		__free_page(pg, page);
	MM_TEST_ALL_BACK(t, before);
}

void ktest_mm_bad_page(struct ktest *t)
{
	u64 before = mm_test_settle(), bad = vm_event(pg, BAD_PAGE);
	int level = printk_set_level(LOGLEVEL_EMERG); /* for the log alone */
	struct page *page = alloc_page(pg, GFP_KERNEL);

	if (page) {
		__free_page(pg, page);
		__free_page(pg, page);
		KT_EXPECT_EQ(t, vm_event(pg, BAD_PAGE), bad + 1);
	}
	page = alloc_page(pg, GFP_KERNEL);
	if (page) {
		__SetPageTable(page); /* still somebody's: stays unused */
		__free_page(pg, page);
		KT_EXPECT_EQ(t, vm_event(pg, BAD_PAGE), bad + 2);
		__ClearPageTable(page);
		set_page_count(page, 1);
		__free_page(pg, page);
	}
	printk_set_level(level);
	expect_sound(t);
	MM_TEST_ALL_BACK(t, before);
}

/* ---- in a laboratory ------------------------------------------------------------------------------------ */

/* Whose pages move: it finds them by their number, wherever they are. */
static struct page *owned[2 * MAX_ORDER_PAGES];

static bool isolate_owned(struct page *page)
{
	(void)page;
	return true;
}

static int migrate_owned(struct pgalloc *of, struct page *dst, struct page *src)
{
	migrate_copy_page(of, dst, src);
	dst->private = src->private;
	owned[dst->private] = dst;
	return 0;
}

static void putback_owned(struct page *page)
{
	(void)page;
}

static const struct movable_ops owned_ops = {
	.isolate_page = isolate_owned,
	.migrate_page = migrate_owned,
	.putback_page = putback_owned,
};

void ktest_mm_compaction(struct ktest *t)
{
	u64 before = mm_test_settle(), wrong = 0;
	struct mm_lab *lab = mm_lab_make(&(struct mm_lab_opts){ .blocks = 2 });
	struct zone *z;
	unsigned nr;

	if (!lab) {
		ktest_skip(t, "no 8 MiB in a row");
		return;
	}
	z = next_zone(&lab->pg, NULL);
	for (nr = 0; nr < ARRAY_SIZE(owned); nr++) {
		struct page *page = alloc_page(&lab->pg, GFP_NOWAIT | __GFP_MOVABLE |
								 __GFP_HIGHMEM | __GFP_NOWARN);

		if (!page)
			break;
		page->private = nr;
		SetPageMovableOps(page, &owned_ops);
		*(u64 *)page_address(&lab->pg, page) = nr;
		owned[nr] = page;
	}
	for (unsigned i = 0; i < nr; i++) {
		if (i % 4 == 1)
			continue;
		ClearPageMovable(owned[i]);
		__free_page(&lab->pg, owned[i]);
		owned[i] = NULL;
	}
	drain_all_pages(&lab->pg);
	KT_EXPECT(t, unusable_free_index(z, 9) > 500);
	KT_EXPECT(t, compact_zone_fully(z) > 0);
	KT_EXPECT(t, buddy_nr_free(&z->buddy, 9) + buddy_nr_free(&z->buddy, 10) > 0);
	for (unsigned i = 1; i < nr; i += 4)
		wrong += *(u64 *)page_address(&lab->pg, owned[i]) != i;
	KT_EXPECT_EQ(t, wrong, 0);
	if (pgalloc_check(&lab->pg))
		ktest_fail(t, __FILE__, __LINE__, "%s", pgalloc_check(&lab->pg));
	mm_lab_end(lab);
	MM_TEST_ALL_BACK(t, before);
}

/* The same machine of two nodes under each memory model. */
void ktest_mm_models(struct ktest *t)
{
	u64 before = mm_test_settle();

	for (enum memmodel_type m = MEMMODEL_FLAT; m <= MEMMODEL_DISCONTIG; m++) {
		struct mm_lab *lab =
			mm_lab_make(&(struct mm_lab_opts){ .blocks = 2, .nodes = 2, .model = m });
		struct page *far;

		if (!lab) {
			ktest_skip(t, "no 8 MiB in a row");
			return;
		}
		for (pfn_t pfn = PFN_DOWN(lab->base); pfn < PFN_DOWN(lab->base + 8 * MiB);
		     pfn += 61)
			if (page_to_pfn(&lab->pg.model, pfn_to_page(&lab->pg.model, pfn)) != pfn)
				ktest_fail(t, __FILE__, __LINE__, "%s: frame %#lx",
					   memmodel_name(m), pfn);
		far = alloc_pages_node(&lab->pg, 1, GFP_KERNEL, 0);
		KT_EXPECT(t, far && page_to_nid(far) == 1);
		/* More than the node has: the other one helps out. */
		for (unsigned i = 0; i < 1200 / 8 && far; i++)
			far = alloc_pages_node(&lab->pg, 1, GFP_NOWAIT, 3);
		KT_EXPECT(t, far && page_to_nid(far) == 0);
		mm_lab_end(lab);
	}
	MM_TEST_ALL_BACK(t, before);
}

void ktest_mm_all_back(struct ktest *t)
{
	expect_sound(t);
	MM_TEST_ALL_BACK(t, first_settled ? first_settled : mm_test_settle());
}
