/* SPDX-License-Identifier: MIT */
/* The memory models: the same odd machine under each, adding memory, and too little of it at boot. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "guest/lib/rand.h"
#include "tests/unit/guest/mm_env_host.h"

#define MiB (1UL << 20)

static const struct pgalloc_opts small_zones = { .dma_end = 8 * MiB, .dma32_end = 32 * MiB };

static struct zone *zone(struct world *w, unsigned nid, enum zone_type t)
{
	return &w->pg.node[nid]->zone[t];
}

static int populate(void *arg, u64 va, u64 size, unsigned nid)
{
	(void)nid;
	(void)va;
	*(u64 *)arg += size;
	return 0;
}

/* RAM with a hole, two nodes of odd sizes, reserved ranges inside. */
static void odd_world(struct world *w, enum memmodel_type model)
{
	static u64 populated;
	struct pgalloc_opts o = small_zones;

	world_arena(w, 1024 * MiB);
	memblock_add(&w->mb, 0, 640 << 10, 0);
	memblock_add(&w->mb, MiB, 100 * MiB + 3 * PAGE_SIZE, 0);
	memblock_add(&w->mb, 300 * MiB - 5 * PAGE_SIZE, 50 * MiB, 0);
	memblock_add(&w->mb, 350 * MiB - 5 * PAGE_SIZE, 70 * MiB + 123, 1);
	memblock_reserve(&w->mb, 0, PAGE_SIZE);
	memblock_reserve(&w->mb, 20 * MiB + 5, 7 * MiB);
	o.model = model;
	o.max_phys = 1024 * MiB;
	o.vmemmap_base = (u64)mmap(NULL, 32 * MiB, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	o.vmemmap_populate = populate;
	o.vmemmap_arg = &populated;
	CHECK_EQ(world_start(w, &o), 0);
	w->pg.map_alloc.vmemmap_base = o.vmemmap_base;
}

START_TEST(test_models)
{
	struct world w;
	struct free_state before, after;
	struct page *held[3000];
	unsigned orders[3000], n = 0;
	struct rand r;

	odd_world(&w, (enum memmodel_type)_i);
	world_check(&w);
	rand_init(&r, 5);
	for (pfn_t pfn = 0; pfn < w.pg.max_pfn; pfn++) {
		const struct page *page;

		if (!pfn_online(&w.pg, pfn) || !pfn_valid(&w.pg.model, pfn))
			continue;
		page = pfn_to_page(&w.pg.model, pfn);
		CHECK_EQ(page_to_pfn(&w.pg.model, page), pfn);
		if (!memblock_is_memory(&w.mb, pfn << PAGE_SHIFT, PAGE_SIZE))
			CHECK(PageReserved(page));
		if (memblock_is_reserved(&w.mb, pfn << PAGE_SHIFT, PAGE_SIZE))
			CHECK(PageReserved(page));
	}
	before = free_state(&w);
	for (unsigned i = 0; i < 200000; i++) {
		if (n < 3000 && rand_below(&r, 100) < 52) {
			orders[n] = rand_one_in(&r, 10) ? (unsigned)rand_below(&r, 11) : 0;
			held[n] = alloc_pages(
				&w.pg, rand_one_in(&r, 2) ? GFP_NOWAIT : GFP_NOWAIT | __GFP_MOVABLE,
				orders[n]);
			if (held[n]) {
				pfn_t pfn = page_to_pfn(&w.pg.model, held[n]);

				CHECK(memblock_is_memory(&w.mb, pfn << PAGE_SHIFT,
							 PAGE_SIZE << orders[n]));
				CHECK(!memblock_is_reserved(&w.mb, pfn << PAGE_SHIFT,
							    PAGE_SIZE << orders[n]));
				n++;
			}
		} else if (n) {
			unsigned k = (unsigned)rand_below(&r, n);

			free_pages(&w.pg, held[k], orders[k]);
			held[k] = held[--n];
			orders[k] = orders[n];
		}
	}
	while (n--)
		free_pages(&w.pg, held[n], orders[n]);
	after = free_state(&w);
	CHECK(same_state(&before, &after));
	world_check(&w);
	world_end(&w);
}
END_TEST

START_TEST(test_hot_add)
{
	struct world w;
	u64 managed, present;

	odd_world(&w, (enum memmodel_type)_i);
	managed = nr_managed_pages(&w.pg);
	if (_i < MEMMODEL_SPARSE) {
		CHECK_EQ(pgalloc_add_memory(&w.pg, 1, ZONE_NORMAL, 512 * MiB, 128 * MiB),
			 -EOPNOTSUPP);
		world_end(&w);
		return;
	}
	CHECK_EQ(pgalloc_add_memory(&w.pg, 1, ZONE_NORMAL, 512 * MiB, MiB), -EINVAL);
	CHECK_EQ(pgalloc_add_memory(&w.pg, 7, ZONE_NORMAL, 512 * MiB, 128 * MiB), -EINVAL);
	CHECK_EQ(pgalloc_add_memory(&w.pg, 1, ZONE_NORMAL, 1024 * MiB, 128 * MiB), -EINVAL);
	CHECK_EQ(pgalloc_add_memory(&w.pg, 1, ZONE_NORMAL, 256 * MiB, 128 * MiB), -EEXIST);
	CHECK_EQ(pgalloc_add_memory(&w.pg, 1, ZONE_NORMAL, 512 * MiB, 256 * MiB), 0);
	CHECK_EQ(nr_managed_pages(&w.pg), managed + 65536);
	world_check(&w);
	present = zone(&w, 1, ZONE_DEVICE)->present;
	CHECK_EQ(present, 0);
	CHECK_EQ(pgalloc_add_memory(&w.pg, 1, ZONE_DEVICE, 768 * MiB, 128 * MiB), 0);
	CHECK_EQ(nr_managed_pages(&w.pg), managed + 65536);
	CHECK_EQ(page_zonenum(pfn_to_page(&w.pg.model, 768 * MiB / PAGE_SIZE)), ZONE_DEVICE);
	/* The new memory is used. */
	for (unsigned i = 0, high = 0; high < 1000; i++) {
		struct page *page = alloc_pages(&w.pg, GFP_NOWAIT, 5);

		CHECK(page != NULL);
		high += page_to_pfn(&w.pg.model, page) >= 512 * MiB / PAGE_SIZE;
	}
	world_check(&w);
	world_end(&w);
}
END_TEST

/* Every boot-time allocation fails in turn: an error, never a crash. */
START_TEST(test_no_memory_at_boot)
{
	struct world w;
	struct pgalloc_opts o = small_zones;
	struct mm_env env;
	bool worked = false;

	env_host_log_to_stderr(0);
	o.model = (enum memmodel_type)_i;
	for (u64 kb = 8; !worked && kb < 4096; kb += 8) {
		world_arena(&w, 64 * MiB);
		memblock_add(&w.mb, 0, 64 * MiB, 0);
		memblock_reserve(&w.mb, 0, 64 * MiB - (kb << 10));
		env = world_env(&w);
		worked = pgalloc_init(&w.pg, &env, &w.mb, &o) == 0;
		if (worked)
			world_check(&w);
		world_end(&w);
	}
	CHECK(worked);
	world_arena(&w, 64 * MiB);
	memblock_add(&w.mb, 0, 64 * MiB, 0);
	env = world_env(&w);
	memblock_init(&w.mb);
	CHECK_EQ(pgalloc_init(&w.pg, &env, &w.mb, &o), -EINVAL);
	world_end(&w);
	CHECK_EQ(env_host_live_allocs(), 0);
}
END_TEST

/* Memory for struct pages of which nobody touches any; pieces larger than `most` cannot be had. */
struct pieces {
	u64 at, most;
	unsigned nr;
};

static void *piece(void *arg, u64 size, unsigned nid)
{
	struct pieces *p = arg;

	(void)nid;
	if (size > p->most)
		return NULL;
	p->nr++;
	p->at += size;
	return (void *)(p->at - size);
}

static void *table(void *arg, u64 size, unsigned nid)
{
	(void)arg;
	(void)nid;
	return calloc(1, size);
}

static int piece_mapped(void *arg, u64 va, u64 size, unsigned nid)
{
	(void)va;
	return piece(arg, size, nid) ? 0 : -ENOMEM;
}

/* A large machine's sections get their struct pages in a few pieces, as large as can be had. */
START_TEST(test_few_pieces)
{
	const struct memmodel_range range[] = {
		{ 0, 3 * 8 * PAGES_PER_SECTION, 0 },
		{ 4 * 8 * PAGES_PER_SECTION, 65 * 8 * PAGES_PER_SECTION, 1 },
	};
	const u64 map = PAGES_PER_SECTION * sizeof(struct page);
	const u64 most[] = { ~0UL, 100 * map, map, map - 1 };
	const unsigned nr[] = { 2, 0, 64 * 8, 0 };
	const int result[] = { 0, 0, 0, -ENOMEM };

	for (unsigned i = 0; i < ARRAY_SIZE(most); i++) {
		struct pieces p = { .at = 1UL << 40, .most = most[i] };
		const struct memmodel_alloc a = { .alloc = piece,
						  .zalloc = table,
						  .arg = &p,
						  .vmemmap_base = 1UL << 40,
						  .populate = piece_mapped,
						  .populate_arg = &p };
		struct memmodel m;
		int err = memmodel_init(&m, (enum memmodel_type)_i, range, 2, 0, &a);
		u64 last = 0;

		CHECK_EQ(err, result[i]);
		if (nr[i])
			CHECK_EQ(p.nr, nr[i]);
		else
			CHECK(p.nr < 16);
		for (u64 s = 0; !err && s < 65 * 8; s++) {
			u64 at = (u64)pfn_to_page(&m, s * PAGES_PER_SECTION);

			if (!pfn_valid(&m, s * PAGES_PER_SECTION))
				continue;
			CHECK(!last || at >= last + map);
			last = at;
		}
		free(m.section);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mm/memmodel");
	TCase *tc = tcase_create("memmodel");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_models, 0, 4);
	tcase_add_loop_test(tc, test_hot_add, 0, 4);
	tcase_add_loop_test(tc, test_no_memory_at_boot, 0, 3);
	tcase_add_loop_test(tc, test_few_pieces, MEMMODEL_SPARSE, MEMMODEL_VMEMMAP + 1);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
