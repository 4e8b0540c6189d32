/* SPDX-License-Identifier: MIT */
/* Zones, nodes, watermarks and per-CPU lists, as alloc_pages() sees them. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "guest/lib/rand.h"
#include "guest/mm/page_owner.h"
#include "tests/unit/guest/mm_env_host.h"

#define MiB (1UL << 20)

static const struct pgalloc_opts small_zones = { .dma_end = 8 * MiB, .dma32_end = 32 * MiB };

static struct zone *zone(struct world *w, unsigned nid, enum zone_type t)
{
	return &w->pg.node[nid]->zone[t];
}

START_TEST(test_zones)
{
	struct world w;
	struct page *page;

	world_make(&w, 64 * MiB, &small_zones);
	world_check(&w);
	CHECK_EQ(zone(&w, 0, ZONE_DMA)->present, 2048);
	CHECK_EQ(zone(&w, 0, ZONE_DMA32)->present, 6144);
	CHECK_EQ(zone(&w, 0, ZONE_NORMAL)->present, 8192);
	page = alloc_page(&w.pg, GFP_KERNEL);
	CHECK_EQ(page_zonenum(page), ZONE_NORMAL);
	free_pages(&w.pg, page, 0);
	page = alloc_page(&w.pg, GFP_DMA | GFP_KERNEL);
	CHECK_EQ(page_zonenum(page), ZONE_DMA);
	free_pages(&w.pg, page, 0);
	page = alloc_page(&w.pg, GFP_DMA32 | GFP_KERNEL);
	CHECK_EQ(page_zonenum(page), ZONE_DMA32);
	free_pages(&w.pg, page, 0);
	world_check(&w);
	world_end(&w);
}
END_TEST

START_TEST(test_all_comes_back)
{
	struct world w;
	struct free_state before, after;
	LIST_HEAD(all);
	struct page *page, *next;
	u64 n = 0, managed;

	world_make(&w, 48 * MiB, &small_zones);
	managed = nr_managed_pages(&w.pg);
	before = free_state(&w);
	while ((page = alloc_page(&w.pg, GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN))) {
		list_add(&page->lru, &all);
		n++;
	}
	CHECK_EQ(n, managed);
	CHECK_EQ(nr_free_pages(&w.pg), 0);
	list_for_each_entry_safe (page, next, &all, lru)
		free_pages(&w.pg, page, 0);
	after = free_state(&w);
	CHECK(same_state(&before, &after));
	world_check(&w);
	world_end(&w);
}
END_TEST

/* A request that cannot sleep stops at min, an atomic one below it, and one of reclaim's own takes
 * the last page. */
START_TEST(test_watermarks)
{
	struct world w;
	struct zone *z;
	u64 left[4];
	const gfp_t gfps[] = { GFP_NOWAIT, GFP_ATOMIC | __GFP_NOWARN | __GFP_NOMEMALLOC,
			       GFP_ATOMIC | __GFP_NOWARN, __GFP_MEMALLOC | __GFP_NOWARN };

	world_make(&w, 64 * MiB,
		   &(struct pgalloc_opts){ .dma32_end = 64 * MiB, .dma_end = 4 * MiB });
	z = zone(&w, 0, ZONE_DMA32);
	CHECK(z->watermark[WMARK_MIN] > 100);
	CHECK(z->watermark[WMARK_LOW] > z->watermark[WMARK_MIN]);
	CHECK(z->watermark[WMARK_HIGH] > z->watermark[WMARK_LOW]);
	for (unsigned i = 0; i < 4; i++) {
		while (alloc_page(&w.pg, gfps[i]))
			;
		drain_all_pages(&w.pg);
		left[i] = z->buddy.nr_free_pages;
	}
	CHECK(left[0] <= z->watermark[WMARK_MIN] + z->lowmem_reserve[ZONE_NORMAL]);
	CHECK(left[0] + z->pcp[0].batch >= z->watermark[WMARK_MIN]);
	CHECK(left[1] < left[0] && left[1] + z->pcp[0].batch >= z->watermark[WMARK_MIN] / 2);
	CHECK(left[2] < left[1] && left[2] > 0);
	CHECK_EQ(left[3], 0);
	world_check(&w);
	world_end(&w);
}
END_TEST

/* The low zone keeps a part that NORMAL requests do not get. */
START_TEST(test_lowmem_reserve)
{
	struct world w;
	struct zone *dma;

	world_make(&w, 512 * MiB,
		   &(struct pgalloc_opts){ .dma_end = 8 * MiB, .dma32_end = 16 * MiB });
	dma = zone(&w, 0, ZONE_DMA);
	CHECK_EQ(dma->lowmem_reserve[ZONE_NORMAL],
		 (zone(&w, 0, ZONE_DMA32)->managed + zone(&w, 0, ZONE_NORMAL)->managed) / 256);
	while (alloc_page(&w.pg, GFP_NOWAIT))
		;
	drain_all_pages(&w.pg);
	CHECK(dma->buddy.nr_free_pages + 64 >= dma->lowmem_reserve[ZONE_NORMAL]);
	CHECK(alloc_page(&w.pg, GFP_DMA | GFP_NOWAIT) != NULL);
	world_check(&w);
	world_end(&w);
}
END_TEST

static void two_nodes(struct world *w, struct pgalloc_opts *o)
{
	static const u8 cpu_nid[] = { 0, 1, 2, 0 };
	static const u8 distance[] = { 10, 30, 20, 30, 10, 25, 20, 25, 10 };

	world_arena(w, 96 * MiB);
	for (unsigned n = 0; n < 3; n++)
		CHECK_EQ(memblock_add(&w->mb, n * 32 * MiB, 32 * MiB, (int)n), 0);
	memblock_reserve(&w->mb, 0, PAGE_SIZE);
	o->nr_cpus = 4;
	o->cpu_nid = cpu_nid;
	o->distance = distance;
	o->nr_nodes = 3;
	o->dma_end = 8 * MiB;
	o->dma32_end = 16 * MiB;
	CHECK_EQ(world_start(w, o), 0);
}

START_TEST(test_numa)
{
	struct world w;
	struct pgalloc_opts o = { 0 };
	/* Node 0's neighbours by distance: 2 then 1. */
	const unsigned order[] = { 0, 0, 0, 2, 1 };
	unsigned seen[3] = { 0 }, last = 0, changes = 0;

	two_nodes(&w, &o);
	world_check(&w);
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(w.pg.node[0]->zonelist[i]->nid, order[i]);
	CHECK(!w.pg.node[0]->zonelist[5]);
	CHECK_EQ(w.pg.node[1]->zonelist[1]->nid, 2);
	CHECK_EQ(w.pg.node[1]->nr_local, 1);
	for (unsigned c = 0; c < 4; c++) {
		struct page *page;

		env_host_set_cpu(c);
		page = alloc_page(&w.pg, GFP_KERNEL);
		CHECK_EQ(page_to_nid(page), o.cpu_nid[c]);
		page = alloc_pages_node(&w.pg, 1, GFP_KERNEL, 2);
		CHECK_EQ(page_to_nid(page), 1);
	}
	env_host_set_cpu(0);
	for (struct page *p; (p = alloc_page(&w.pg, GFP_NOWAIT));) {
		unsigned nid = page_to_nid(p);

		seen[nid]++;
		changes += nid != last;
		last = nid;
	}
	/* Node 0, then 2, then 1, and below the low watermarks once more round. */
	CHECK(seen[0] > 7000 && seen[1] > 7000 && seen[2] > 7000);
	CHECK(changes >= 2 && changes < 40);
	CHECK(zone(&w, 2, ZONE_NORMAL)->numa[NUMA_MISS] > 0);
	CHECK(zone(&w, 0, ZONE_NORMAL)->numa[NUMA_FOREIGN] > 0);
	CHECK(zone(&w, 1, ZONE_NORMAL)->numa[NUMA_OTHER] > 0);
	CHECK(!alloc_pages_node(&w.pg, 0, GFP_NOWAIT | __GFP_THISNODE, 5));
	world_check(&w);
	world_end(&w);
}
END_TEST

START_TEST(test_this_node_only)
{
	struct world w;
	struct pgalloc_opts o = { 0 };
	struct page *page;

	two_nodes(&w, &o);
	while ((page = alloc_pages_node(&w.pg, 2, GFP_NOWAIT | __GFP_THISNODE, 0)))
		CHECK_EQ(page_to_nid(page), 2);
	page = alloc_pages_node(&w.pg, 2, GFP_NOWAIT, 0);
	CHECK_EQ(page_to_nid(page), 0);
	world_end(&w);
}
END_TEST

START_TEST(test_movable_and_highmem)
{
	struct world w;
	struct pgalloc_opts o = { .dma_end = 4 * MiB,
				  .dma32_end = 8 * MiB,
				  .highmem_start = 32 * MiB,
				  .movable_bytes = 16 * MiB };
	struct page *page;

	world_make(&w, 64 * MiB, &o);
	CHECK_EQ(zone(&w, 0, ZONE_HIGHMEM)->present, 16 * MiB / PAGE_SIZE);
	CHECK_EQ(zone(&w, 0, ZONE_MOVABLE)->present, 16 * MiB / PAGE_SIZE);
	page = alloc_page(&w.pg, GFP_HIGHUSER_MOVABLE);
	CHECK_EQ(page_zonenum(page), ZONE_MOVABLE);
	CHECK(!page_address(&w.pg, page));
	page = alloc_page(&w.pg, GFP_HIGHUSER);
	CHECK_EQ(page_zonenum(page), ZONE_HIGHMEM);
	page = alloc_page(&w.pg, GFP_KERNEL | __GFP_MOVABLE);
	CHECK_EQ(page_zonenum(page), ZONE_NORMAL);
	CHECK(page_address(&w.pg, page) != NULL);
	CHECK_EQ((u64)page_address(&w.pg, page) - (u64)w.arena, page_to_pfn(&w.pg.model, page)
									<< PAGE_SHIFT);
	world_check(&w);
	world_end(&w);
}
END_TEST

START_TEST(test_zero_and_compound)
{
	struct world w;
	struct page *page;
	u8 *p;

	world_make(&w, 32 * MiB, &small_zones);
	page = alloc_pages(&w.pg, GFP_KERNEL, 2);
	p = page_address(&w.pg, page);
	memset(p, 0x77, 4 * PAGE_SIZE);
	free_pages(&w.pg, page, 2);
	page = alloc_pages(&w.pg, GFP_KERNEL | __GFP_ZERO | __GFP_COMP, 2);
	CHECK(page_address(&w.pg, page) == p);
	for (unsigned i = 0; i < 4 * PAGE_SIZE; i++)
		CHECK(!p[i]);
	CHECK(compound_head(page + 3) == page && compound_order(page) == 2 && PageTail(page + 1));
	get_page(page + 2);
	put_page(&w.pg, page + 1);
	CHECK_EQ(page_ref_count(page), 1);
	put_page(&w.pg, page + 3);
	CHECK(!PageHead(page) && !PageTail(page + 1));
	page = alloc_pages(&w.pg, GFP_KERNEL, 3);
	split_page(page, 3);
	for (unsigned i = 0; i < 8; i++)
		free_pages(&w.pg, page + i, 0);
	world_check(&w);
	world_end(&w);
}
END_TEST

static const char *why_bad;

static void note_why(void *arg, const char *what, struct page *page)
{
	(void)arg;
	(void)page;
	why_bad = what;
}

START_TEST(test_bad_pages)
{
	struct world w;
	struct page *page;
	struct free_state before, after;

	env_host_log_to_stderr(0);
	world_make(&w, 32 * MiB, &small_zones);
	w.pg.hooks.report = note_why;
	before = free_state(&w);
	page = alloc_page(&w.pg, GFP_KERNEL);
	free_pages(&w.pg, page, 0);
	CHECK_EQ(vm_event(&w.pg, BAD_PAGE), 0);
	free_pages(&w.pg, page, 0); /* in the per-CPU list */
	CHECK_EQ(vm_event(&w.pg, BAD_PAGE), 1);
	ck_assert_str_eq(why_bad, "freed twice");
	drain_all_pages(&w.pg);
	page = pfn_to_page(&w.pg.model, 4096);
	CHECK(PageBuddy(page));
	free_pages(&w.pg, page, 0); /* in the buddy */
	CHECK_EQ(vm_event(&w.pg, BAD_PAGE), 2);
	free_pages(&w.pg, pfn_to_page(&w.pg.model, 0), 0); /* reserved */
	CHECK_EQ(vm_event(&w.pg, BAD_PAGE), 3);
	page = alloc_pages(&w.pg, GFP_KERNEL | __GFP_COMP, 2);
	free_pages(&w.pg, page, 1);
	CHECK_EQ(vm_event(&w.pg, BAD_PAGE), 4);
	set_page_count(page, 1);
	put_page(&w.pg, page);
	page = alloc_page(&w.pg, GFP_KERNEL);
	atomic_set(&page->_mapcount, 0);
	free_pages(&w.pg, page, 0); /* mapped */
	CHECK_EQ(vm_event(&w.pg, BAD_PAGE), 5);
	atomic_set(&page->_mapcount, -1);
	set_page_count(page, 1);
	free_pages(&w.pg, page, 0);
	after = free_state(&w);
	CHECK(same_state(&before, &after));
	world_check(&w);
	world_end(&w);
}
END_TEST

static const struct page *seen_page;
static struct page_owner seen;

static void see_report(void *arg, const char *what, struct page *page)
{
	struct world *w = arg;

	(void)what;
	seen_page = page;
	seen = *page_owner_of(&w->pg, page);
}

/* Freed twice, with another order, while somebody's: both stacks are known, and all comes back. */
START_TEST(test_page_owner)
{
	struct world w;
	struct pgalloc_opts o = small_zones;
	struct free_state before, after;
	struct page *page;

	env_host_log_to_stderr(0);
	o.page_owner = true;
	world_make(&w, 32 * MiB, &o);
	w.pg.hooks = (struct pgalloc_hooks){ .arg = &w, .report = see_report };
	before = free_state(&w);
	page = alloc_page(&w.pg, GFP_KERNEL);
	__free_page(&w.pg, page);
	__free_page(&w.pg, page);
	CHECK(seen_page == page && seen.alloc_pc[0] && seen.free_pc[0] > seen.alloc_pc[0]);
	ck_assert_ptr_nonnull(strstr(env_host_log_text(), "seen at: 0x"));
	page = alloc_pages(&w.pg, GFP_KERNEL | __GFP_COMP, 2);
	free_pages(&w.pg, page, 1);
	CHECK(seen_page == page && seen.alloc_pc[0] > seen.free_pc[0]);
	set_page_count(page, 1);
	put_page(&w.pg, page);
	page = alloc_pages(&w.pg, GFP_KERNEL, 3);
	__SetPageTable(page + 5);
	free_pages(&w.pg, page, 3);
	CHECK_EQ(vm_event(&w.pg, BAD_PAGE), 3);
	CHECK(seen_page == page && seen.alloc_pc[0] > seen.free_pc[0]);
	CHECK_EQ(page_owner_of(&w.pg, page + 5)->alloc_pc[0], seen.alloc_pc[0]);
	__ClearPageTable(page + 5);
	set_page_count(page, 1);
	free_pages(&w.pg, page, 3);
	after = free_state(&w);
	CHECK(same_state(&before, &after));
	world_check(&w);
	world_end(&w);
}
END_TEST

START_TEST(test_hot_and_cold)
{
	struct world w;
	struct page *p[64];
	u32 limit;

	world_make(&w, 512 * MiB, &small_zones);
	limit = w.pg.cpu[0]->pref[0]->list[0].limit;
	CHECK(limit > 3 && limit + 2 <= 64 * 4);
	pcp_set_limit(&w.pg.cpu[0]->pref[0]->list[0], 39);
	for (unsigned i = 0; i < 42; i++)
		p[i] = alloc_page(&w.pg, GFP_KERNEL);
	drain_all_pages(&w.pg);
	/* The first 40 that are freed have become cold when the last two are. */
	for (unsigned i = 0; i < 42; i++)
		free_pages(&w.pg, p[i], 0);
	CHECK_EQ(pcp_count(w.pg.cpu[0]->pref[0]), 42);
	CHECK(alloc_page(&w.pg, GFP_KERNEL) == p[41]);
	CHECK(alloc_page(&w.pg, GFP_KERNEL | __GFP_COLD) == p[39]);
	CHECK(alloc_page(&w.pg, GFP_KERNEL) == p[40]);
	/* No hot one is left: the cold ones do. */
	CHECK(alloc_page(&w.pg, GFP_KERNEL) == p[38]);
	/* One limit more, and the coldest go back. */
	free_pages(&w.pg, p[38], 0);
	free_pages(&w.pg, p[40], 0);
	CHECK_EQ(pcp_count(w.pg.cpu[0]->pref[0]), 40);
	world_check(&w);
	world_end(&w);
}
END_TEST

/* What an interrupt sees when it comes in the middle of the list work of its CPU. */
START_TEST(test_interrupted_list)
{
	struct world w;
	struct per_cpu_pages *pcp;
	struct page *page;
	u64 count;

	world_make(&w, 64 * MiB, &small_zones);
	free_pages(&w.pg, alloc_page(&w.pg, GFP_KERNEL), 0);
	pcp = w.pg.cpu[0]->pref[0];
	count = pcp_count(pcp);
	CHECK(count > 0);
	pcp->busy = 1;
	page = alloc_page(&w.pg, GFP_ATOMIC);
	CHECK(page != NULL);
	free_pages(&w.pg, page, 0);
	CHECK_EQ(pcp_count(pcp), count);
	pcp->busy = 0;
	world_check(&w);
	world_end(&w);
}
END_TEST

START_TEST(test_highatomic)
{
	struct world w;
	struct zone *z;
	struct page *page;

	world_make(&w, 32 * MiB,
		   &(struct pgalloc_opts){ .dma_end = 4 * MiB, .dma32_end = 8 * MiB });
	z = zone(&w, 0, ZONE_NORMAL);
	while (alloc_page(&w.pg, GFP_NOWAIT))
		;
	/* Below min: only an atomic high-order request gets a block, and leaves a reserve. */
	CHECK(!alloc_pages(&w.pg, GFP_NOWAIT, 1));
	page = alloc_pages(&w.pg, GFP_ATOMIC, 1);
	CHECK(page != NULL);
	world_check(&w);
	z = page_zone(&w.pg, page);
	CHECK_EQ(z->nr_reserved_highatomic, PAGEBLOCK_PAGES);
	CHECK_EQ(w.pg.pageblock[page_to_pfn(&w.pg.model, page) >> PAGEBLOCK_ORDER],
		 MIGRATE_HIGHATOMIC);
	/* One that may sleep takes the reserve apart before it fails. */
	free_pages(&w.pg, page, 1);
	alloc_pages(&w.pg, GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY, 4);
	CHECK_EQ(z->nr_reserved_highatomic, 0);
	world_check(&w);
	world_end(&w);
}
END_TEST

static bool reclaim_progress;
static struct page *reclaim_page;

static bool test_reclaim(void *arg, gfp_t gfp, unsigned order)
{
	struct world *w = arg;

	(void)gfp;
	(void)order;
	if (!reclaim_page)
		return false;
	for (unsigned i = 0; i < 1024; i++)
		free_pages(&w->pg, reclaim_page + i, 0);
	reclaim_page = NULL;
	return reclaim_progress = true;
}

START_TEST(test_hooks)
{
	struct world w;

	world_make(&w, 32 * MiB, &small_zones);
	w.pg.hooks = (struct pgalloc_hooks){ .arg = &w, .direct_reclaim = test_reclaim };
	reclaim_page = alloc_pages(&w.pg, GFP_KERNEL, MAX_ORDER);
	split_page(reclaim_page, MAX_ORDER);
	while (alloc_page(&w.pg, GFP_NOWAIT))
		;
	CHECK(alloc_page(&w.pg, GFP_KERNEL) != NULL);
	CHECK(reclaim_progress);
	world_end(&w);
}
END_TEST

START_TEST(test_deferred)
{
	struct world w;
	struct pgalloc_opts o = small_zones;
	struct free_state after;
	struct page *page;
	struct zone *z;
	u64 n = 0, early;

	o.defer_after = 8 * MiB;
	world_make(&w, 4096 * MiB, &o);
	z = zone(&w, 0, ZONE_NORMAL);
	CHECK_EQ(z->init_next - z->start, 2048);
	CHECK(z->nr_deferred > 900000);
	early = nr_free_pages(&w.pg);
	CHECK_EQ(early, nr_managed_pages(&w.pg));
	world_check(&w);
	for (; n < 100000; n++) {
		page = alloc_page(&w.pg, GFP_NOWAIT);
		CHECK(page != NULL);
		CHECK(page_to_pfn(&w.pg.model, page) < z->init_next);
	}
	world_check(&w);
	CHECK(alloc_pages(&w.pg, GFP_KERNEL, MAX_ORDER) != NULL);
	pgalloc_finish_deferred(&w.pg);
	CHECK_EQ(z->init_next, z->end);
	CHECK_EQ(z->nr_deferred, 0);
	after = free_state(&w);
	CHECK(after.nr[2][10] > 800);
	CHECK_EQ(nr_free_pages(&w.pg), early - n - MAX_ORDER_PAGES);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mm/zone");
	TCase *tc = tcase_create("zone");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_zones);
	tcase_add_test(tc, test_all_comes_back);
	tcase_add_test(tc, test_watermarks);
	tcase_add_test(tc, test_lowmem_reserve);
	tcase_add_test(tc, test_numa);
	tcase_add_test(tc, test_this_node_only);
	tcase_add_test(tc, test_movable_and_highmem);
	tcase_add_test(tc, test_zero_and_compound);
	tcase_add_test(tc, test_bad_pages);
	tcase_add_test(tc, test_page_owner);
	tcase_add_test(tc, test_hot_and_cold);
	tcase_add_test(tc, test_interrupted_list);
	tcase_add_test(tc, test_highatomic);
	tcase_add_test(tc, test_hooks);
	tcase_add_test(tc, test_deferred);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
