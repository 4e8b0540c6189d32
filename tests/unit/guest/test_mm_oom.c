/* SPDX-License-Identifier: MIT */
/* Running out: of every zone, of one node and of both, with every kind of request. Who asks for more
 * gets NULL, nobody else is harmed, and when all is given back memory is as it was at boot. */
#include <check.h>
#include <string.h>

#include "tests/unit/guest/mm_env_host.h"

#define MiB	(1UL << 20)
#define NR_CPUS 2

/* Two nodes; the first has all of DMA, DMA32 and NORMAL, the second the rest of NORMAL and HIGHMEM;
 * the top of each is MOVABLE. */
static void make(struct world *w, bool deferred)
{
	static const u8 cpu_nid[NR_CPUS] = { 0, 1 };
	const struct pgalloc_opts o = {
		.dma_end = 8 * MiB,
		.dma32_end = 32 * MiB,
		.highmem_start = 112 * MiB,
		.movable_bytes = 16 * MiB,
		.nr_cpus = NR_CPUS,
		.cpu_nid = cpu_nid,
		.defer_after = deferred,
	};

	env_host_log_to_stderr(0);
	world_arena(w, 160 * MiB);
	memblock_add(&w->mb, 0, 80 * MiB, 0);
	memblock_add(&w->mb, 80 * MiB, 80 * MiB, 1);
	memblock_reserve(&w->mb, 0, PAGE_SIZE);
	CHECK_EQ(world_start(w, &o), 0);
}

/* Blocks that are out: chained, with their order, through the struct pages that are ours. */
struct hoard {
	struct world *w;
	struct page *chain;
	u64 pages;
};

static void hoard_page(struct hoard *h, struct page *page, unsigned order)
{
	CHECK_EQ(page_ref_count(page), 1);
	page->private = (u64)h->chain;
	page->index = order;
	h->chain = page;
	h->pages += 1UL << order;
}

/* Whatever there is for such requests, the largest blocks first; how many pages. Nothing is left in
 * per-CPU lists, which no watermark counts. */
static u64 take_all(struct hoard *h, unsigned nid, gfp_t gfp)
{
	u64 before = h->pages, last;
	struct page *page;

	do {
		last = h->pages;
		for (unsigned order = MAX_ORDER + 1; order-- > 0;)
			while ((page = alloc_pages_node(&h->w->pg, nid, gfp, order)))
				hoard_page(h, page, order);
		drain_all_pages(&h->w->pg);
	} while (h->pages > last);
	return h->pages - before;
}

static void give_all(struct hoard *h)
{
	struct page *page;

	while ((page = h->chain)) {
		unsigned order = (unsigned)page->index;

		h->chain = (struct page *)page->private;
		h->pages -= 1UL << order;
		page->private = page->index = 0;
		free_pages(&h->w->pg, page, order);
	}
	CHECK_EQ(h->pages, 0);
}

/* All that was taken is given back, and then free memory is what it was, block by block. */
static void expect_back(struct hoard *h, const struct free_state *before)
{
	struct free_state after;

	world_check(h->w);
	give_all(h);
	after = free_state(h->w);
	CHECK(same_state(before, &after));
}

static void expect_none(struct world *w, unsigned nid, gfp_t gfp)
{
	for (unsigned order = 0; order <= MAX_ORDER; order++)
		CHECK(!alloc_pages_node(&w->pg, nid, gfp, order));
}

static const gfp_t kinds[] = {
	GFP_DMA, GFP_DMA32, 0, __GFP_HIGHMEM, __GFP_HIGHMEM | __GFP_MOVABLE,
};

static u64 free_in(struct world *w, unsigned nid, enum zone_type t)
{
	struct zone *z = &w->pg.node[nid]->zone[t];

	return z->present ? zone_free_pages(z) : 0;
}

/* Each kind of request until there is no more; what only higher zones have stays where it is. */
START_TEST(test_every_zone)
{
	struct world w;
	struct hoard h = { .w = &w };
	struct free_state before;
	u64 last = 0;

	make(&w, false);
	before = free_state(&w);
	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
		const gfp_t gfp = kinds[k] | __GFP_KSWAPD_RECLAIM | __GFP_NOWARN;
		u64 above = 0, got = take_all(&h, 0, gfp);

		/* Each can use what the one before could, and more. */
		CHECK(got > last);
		last = got;
		expect_none(&w, 0, gfp);
		expect_none(&w, 0, gfp | __GFP_DIRECT_RECLAIM | __GFP_NORETRY);
		expect_none(&w, 1, gfp | __GFP_DIRECT_RECLAIM | __GFP_NORETRY);
		for (unsigned t = gfp_zone(gfp) + 1; t < MAX_NR_ZONES; t++)
			for (unsigned n = 0; n < 2; n++)
				above += free_in(&w, n, (enum zone_type)t) -
					 w.pg.node[n]->zone[t].managed;
		CHECK_EQ(above, 0);
		expect_back(&h, &before);
	}
	world_end(&w);
}
END_TEST

/* One node is empty for those who want no other; then the other one helps, until it is, too. */
START_TEST(test_every_node)
{
	struct world w;
	struct hoard h = { .w = &w };
	struct free_state before;
	const gfp_t any = GFP_NOWAIT | __GFP_HIGHMEM | __GFP_MOVABLE;

	make(&w, false);
	before = free_state(&w);
	for (unsigned nid = 0; nid < 2; nid++) {
		u64 other = 0, mine;

		for (unsigned t = 0; t < MAX_NR_ZONES; t++)
			other += free_in(&w, !nid, (enum zone_type)t);
		mine = take_all(&h, nid, any | __GFP_THISNODE);
		CHECK(mine > 75 * MiB / PAGE_SIZE);
		expect_none(&w, nid, any | __GFP_THISNODE);
		expect_none(&w, nid,
			    GFP_HIGHUSER_MOVABLE | __GFP_THISNODE | __GFP_NOWARN | __GFP_NORETRY);
		for (unsigned t = 0; t < MAX_NR_ZONES; t++)
			other -= free_in(&w, !nid, (enum zone_type)t);
		CHECK_EQ(other, 0);
		CHECK(take_all(&h, nid, any) > 70 * MiB / PAGE_SIZE);
		expect_none(&w, nid, any);
		expect_none(&w, !nid, any);
		expect_back(&h, &before);
	}
	world_end(&w);
}
END_TEST

/* Below the watermark: GFP_ATOMIC has a reserve, what frees memory the rest, and both come to an end. */
START_TEST(test_reserves)
{
	struct world w;
	struct hoard h = { .w = &w };
	struct free_state before;
	u64 atomic, last;

	make(&w, false);
	before = free_state(&w);
	take_all(&h, 0, GFP_NOWAIT);
	atomic = take_all(&h, 0, GFP_ATOMIC | __GFP_NOWARN);
	CHECK(atomic > 0);
	expect_none(&w, 0, GFP_ATOMIC | __GFP_NOWARN);
	expect_none(&w, 0, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	last = take_all(&h, 0, __GFP_MEMALLOC | __GFP_NOWARN);
	CHECK(last > 0);
	for (unsigned t = 0; t <= ZONE_NORMAL; t++)
		CHECK_EQ(free_in(&w, 0, t) + free_in(&w, 1, t), 0);
	expect_none(&w, 0, __GFP_MEMALLOC | __GFP_NOWARN);
	/* Those who can use high memory have not noticed. */
	CHECK(take_all(&h, 1, GFP_NOWAIT | __GFP_HIGHMEM) > 0);
	CHECK(take_all(&h, 1, GFP_NOWAIT | __GFP_HIGHMEM | __GFP_MOVABLE) > 0);
	expect_back(&h, &before);
	world_end(&w);
}
END_TEST

/* Memory that has no struct pages yet runs out as well, and counts as free until it does. */
START_TEST(test_deferred)
{
	struct world w;
	struct hoard h = { .w = &w };
	u64 managed;

	make(&w, true);
	managed = nr_managed_pages(&w.pg);
	CHECK_EQ(nr_free_pages(&w.pg), managed);
	take_all(&h, 1, __GFP_MEMALLOC | __GFP_NOWARN | __GFP_HIGHMEM | __GFP_MOVABLE);
	CHECK_EQ(h.pages, managed);
	CHECK_EQ(nr_free_pages(&w.pg), 0);
	expect_none(&w, 0, __GFP_MEMALLOC | __GFP_NOWARN | __GFP_HIGHMEM | __GFP_MOVABLE);
	give_all(&h);
	drain_all_pages(&w.pg);
	CHECK_EQ(nr_free_pages(&w.pg), managed);
	world_check(&w);
	world_end(&w);
}
END_TEST

/* ---- how hard to try ----------------------------------------------------------------------------- */

static struct {
	struct hoard *h;
	unsigned reclaims, kills, helps_at; /* the n-th call of either gives everything back */
} world_of_hooks;

static bool help(unsigned calls)
{
	if (calls != world_of_hooks.helps_at)
		return false;
	give_all(world_of_hooks.h);
	return true;
}

static bool on_reclaim(void *arg, gfp_t gfp, unsigned order)
{
	(void)arg;
	(void)gfp;
	(void)order;
	world_of_hooks.reclaims++;
	return false;
}

static bool on_oom(void *arg, gfp_t gfp, unsigned order)
{
	(void)arg;
	(void)gfp;
	(void)order;
	return help(++world_of_hooks.kills);
}

static unsigned relaxed;

static void on_relax(void *unused)
{
	(void)unused;
	if (++relaxed == 50)
		give_all(world_of_hooks.h);
}

static void exhaust(struct hoard *h, unsigned helps_at)
{
	take_all(h, 0, GFP_ATOMIC | __GFP_NOWARN);
	world_of_hooks.h = h;
	world_of_hooks.reclaims = world_of_hooks.kills = 0;
	world_of_hooks.helps_at = helps_at;
}

START_TEST(test_how_hard)
{
	struct world w;
	struct hoard h = { .w = &w };
	struct free_state before;
	struct page *page;

	make(&w, false);
	before = free_state(&w);
	w.pg.hooks =
		(struct pgalloc_hooks){ .direct_reclaim = on_reclaim, .out_of_memory = on_oom };
	/* Who cannot sleep asks nobody. */
	exhaust(&h, 0);
	CHECK(!alloc_page(&w.pg, GFP_NOWAIT));
	CHECK(!alloc_page(&w.pg, GFP_ATOMIC | __GFP_NOWARN));
	CHECK_EQ(world_of_hooks.reclaims + world_of_hooks.kills, 0);
	/* Who shall not try again, or may fail, does not have anybody killed. */
	CHECK(!alloc_page(&w.pg, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN));
	CHECK(!alloc_page(&w.pg, GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN));
	CHECK_EQ(world_of_hooks.reclaims, 2);
	CHECK_EQ(world_of_hooks.kills, 0);
	/* Nor does who wants more than anybody's death would give. */
	CHECK(!alloc_pages(&w.pg, GFP_KERNEL | __GFP_NOWARN, PCP_MAX_ORDER + 1));
	CHECK_EQ(world_of_hooks.kills, 0);
	/* An ordinary request asks, and takes no for an answer, with a word to the log. */
	CHECK(!alloc_page(&w.pg, GFP_KERNEL));
	CHECK_EQ(world_of_hooks.kills, 1);
	ck_assert_ptr_nonnull(strstr(env_host_log_text(), "page allocation failure: order 0"));
	/* Or has its page when somebody went. */
	world_of_hooks.helps_at = 2;
	page = alloc_page(&w.pg, GFP_KERNEL);
	CHECK(page && world_of_hooks.kills == 2);
	free_pages(&w.pg, page, 0);
	/* And one that must not fail comes back only with a page: by the killer's work, */
	exhaust(&h, 20);
	page = alloc_page(&w.pg, GFP_KERNEL | __GFP_NOFAIL);
	CHECK(page && world_of_hooks.kills == 20);
	free_pages(&w.pg, page, 0);
	/* or because others give some back in the end. */
	exhaust(&h, 0);
	env_host_on_relax(on_relax, NULL);
	page = alloc_page(&w.pg, GFP_KERNEL | __GFP_NOFAIL);
	env_host_on_relax(NULL, NULL);
	CHECK(page && relaxed >= 50);
	free_pages(&w.pg, page, 0);
	expect_back(&h, &before);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mm/oom");
	TCase *tc = tcase_create("oom");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_every_zone);
	tcase_add_test(tc, test_every_node);
	tcase_add_test(tc, test_reserves);
	tcase_add_test(tc, test_deferred);
	tcase_add_test(tc, test_how_hard);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
