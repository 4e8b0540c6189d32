/* SPDX-License-Identifier: MIT */
/* Compaction, contiguous ranges and CMA, with an owner whose pages can be moved at any time: what he
 * wrote into them must be there afterwards, wherever it is. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "guest/lib/rand.h"
#include "guest/mm/cma.h"
#include "guest/mm/compaction.h"
#include "guest/mm/migrate.h"
#include "tests/unit/guest/mm_env_host.h"

#define MiB   (1UL << 20)
#define SLOTS 16384

static struct owner {
	struct page *page[SLOTS]; /* page->private is the slot */
	u64 value[SLOTS];
	unsigned refuse_in, stuck_in; /* the n-th isolation / migration from now fails */
	unsigned give_up, asked;      /* at every n-th isolation the page is freed */
	struct pgalloc *pg;
	u64 putbacks, given_up;
} owner;

static bool owner_isolate(struct page *page)
{
	CHECK(owner.page[page->private] == page);
	if (owner.give_up && ++owner.asked % owner.give_up == 0) {
		/* He is freeing it, and is asked between his two steps. */
		ClearPageMovable(page);
		free_pages(owner.pg, page, 0);
		owner.page[page->private] = NULL;
		owner.given_up++;
		return false;
	}
	return !(owner.refuse_in && --owner.refuse_in == 0);
}

static int owner_migrate(struct pgalloc *pg, struct page *dst, struct page *src)
{
	if (owner.stuck_in && --owner.stuck_in == 0)
		return -EAGAIN;
	CHECK(owner.page[src->private] == src);
	CHECK(PageLocked(src) && PageLocked(dst) && PageIsolated(src));
	migrate_copy_page(pg, dst, src);
	dst->private = src->private;
	owner.page[dst->private] = dst;
	return 0;
}

static void owner_putback(struct page *page)
{
	owner.putbacks++;
	CHECK(owner.page[page->private] == page);
}

static const struct movable_ops owner_ops = { owner_isolate, owner_migrate, owner_putback };

static bool owner_get(struct world *w, unsigned slot, gfp_t gfp)
{
	struct page *page = alloc_page(&w->pg, gfp);

	if (!page)
		return false;
	owner.page[slot] = page;
	owner.value[slot] = slot * 0x9e3779b97f4a7c15UL + 1;
	page->private = slot;
	*(u64 *)page_address(&w->pg, page) = owner.value[slot];
	SetPageMovableOps(page, &owner_ops);
	return true;
}

static void owner_put(struct world *w, unsigned slot)
{
	struct page *page = owner.page[slot];

	CHECK_EQ(*(u64 *)page_address(&w->pg, page), owner.value[slot]);
	CHECK(!PageIsolated(page) && !PageLocked(page));
	CHECK_EQ(page_ref_count(page), 1);
	ClearPageMovable(page);
	free_pages(&w->pg, page, 0);
	owner.page[slot] = NULL;
}

static void owner_check(struct world *w)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		if (!owner.page[i])
			continue;
		CHECK_EQ(*(u64 *)page_address(&w->pg, owner.page[i]), owner.value[i]);
		CHECK_EQ(page_ref_count(owner.page[i]), 1);
	}
}

#define MOVABLE (GFP_NOWAIT | __GFP_MOVABLE)

static u64 large_blocks(struct world *w)
{
	struct zone *z;
	u64 n = 0;

	drain_all_pages(&w->pg);
	for_each_zone (&w->pg, z)
		n += buddy_nr_free(&z->buddy, PAGEBLOCK_ORDER) +
		     2 * buddy_nr_free(&z->buddy, MAX_ORDER);
	return n;
}

static struct zone *the_zone(struct world *w)
{
	return &w->pg.node[0]->zone[ZONE_NORMAL];
}

static void make(struct world *w)
{
	struct pgalloc_opts o = { .dma_end = 4 * MiB, .dma32_end = 8 * MiB };

	env_host_log_to_stderr(0);
	memset(&owner, 0, sizeof(owner));
	world_make(w, 56 * MiB, &o);
}

/* Movable pages everywhere, then every second one freed. */
static void fragment(struct world *w)
{
	unsigned n = 0;

	while (n < SLOTS && owner_get(w, n, MOVABLE))
		n++;
	for (unsigned i = 0; i < n; i += 2)
		owner_put(w, i);
}

START_TEST(test_compaction)
{
	struct world w;
	struct free_state before, after;
	struct page *page;
	u64 moved;

	make(&w);
	before = free_state(&w);
	fragment(&w);
	CHECK(large_blocks(&w) <= 1);
	CHECK(!alloc_pages(&w.pg, GFP_NOWAIT, PAGEBLOCK_ORDER));
	CHECK(unusable_free_index(the_zone(&w), 9) > 900);
	CHECK(fragmentation_index(the_zone(&w), 9) > 900);
	moved = compact_zone_fully(the_zone(&w));
	CHECK(moved > 1000);
	/* At most the cluster for which the scanners met too early. */
	CHECK(owner.putbacks <= 32);
	owner_check(&w);
	world_check(&w);
	CHECK(large_blocks(&w) >= 9);
	CHECK(unusable_free_index(the_zone(&w), 9) < 200);
	CHECK_EQ(fragmentation_index(the_zone(&w), 9), -1000);
	page = alloc_pages(&w.pg, GFP_NOWAIT, PAGEBLOCK_ORDER);
	CHECK(page != NULL);
	free_pages(&w.pg, page, PAGEBLOCK_ORDER);
	for (unsigned i = 0; i < SLOTS; i++)
		if (owner.page[i])
			owner_put(&w, i);
	after = free_state(&w);
	CHECK(same_state(&before, &after));
	world_end(&w);
}
END_TEST

/* An allocation that may sleep gets its block by compaction; one that may not does not. */
START_TEST(test_direct_compaction)
{
	struct world w;
	u64 got = 0;

	make(&w);
	fragment(&w);
	CHECK(!alloc_pages(&w.pg, GFP_NOWAIT, 8));
	while (alloc_pages(&w.pg, GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY, 8))
		got++;
	CHECK(got > 10);
	CHECK(vm_event(&w.pg, COMPACTSUCCESS) > 0);
	CHECK(vm_event(&w.pg, COMPACTFAIL) > 0);
	CHECK(vm_event(&w.pg, PGMIGRATE_SUCCESS) > 500);
	owner_check(&w);
	world_check(&w);
	world_end(&w);
}
END_TEST

START_TEST(test_owners_refuse)
{
	struct world w;

	make(&w);
	fragment(&w);
	for (unsigned n = 1; n < 300; n += 7) {
		owner.refuse_in = n;
		owner.stuck_in = n * 2;
		compact_zone_order(the_zone(&w), 5 + n % 6);
		owner_check(&w);
	}
	world_check(&w);
	CHECK(owner.putbacks > 0);
	for (unsigned i = 0; i < SLOTS; i++)
		if (owner.page[i])
			owner_put(&w, i);
	world_check(&w);
	world_end(&w);
}
END_TEST

/* The last reference may be that of who wanted to isolate the page: it is free then, and not lost. */
START_TEST(test_owners_give_up)
{
	struct world w;
	struct free_state before, after;

	make(&w);
	before = free_state(&w);
	owner.pg = &w.pg;
	fragment(&w);
	owner.give_up = 40;
	compact_zone_fully(the_zone(&w));
	CHECK(owner.given_up > 10);
	owner_check(&w);
	world_check(&w);
	for (unsigned i = 0; i < SLOTS; i++)
		if (owner.page[i])
			owner_put(&w, i);
	after = free_state(&w);
	CHECK(same_state(&before, &after));
	world_end(&w);
}
END_TEST

START_TEST(test_contig_range)
{
	struct world w;
	struct zone *z;
	struct page *pin;
	pfn_t start = 16 * MiB / PAGE_SIZE + 5, next;
	const u64 nr = 3000; /* more than the largest block of the buddy */
	u64 free;

	make(&w);
	z = the_zone(&w);
	for (unsigned n = 0; n < 3000; n++)
		CHECK(owner_get(&w, n, MOVABLE));
	free = nr_free_pages(&w.pg);
	CHECK_EQ(alloc_contig_range(z, start, start + nr, MIGRATE_MOVABLE, &next), 0);
	owner_check(&w);
	world_check(&w);
	CHECK_EQ(free - nr_free_pages(&w.pg), nr);
	for (u64 i = 0; i < nr; i++) {
		struct page *page = pfn_to_page(&w.pg.model, start + i);

		CHECK_EQ(page_ref_count(page), 1);
		CHECK(!PageMovable(page) && !PageBuddy(page));
	}
	/* Taken already. */
	CHECK_EQ(alloc_contig_range(z, start + 10, start + 20, MIGRATE_MOVABLE, &next), -EBUSY);
	free_contig_range(&w.pg, start, nr);
	/* One page in the range that cannot move. */
	do
		pin = alloc_page(&w.pg, MOVABLE);
	while (pin &&
	       page_to_pfn(&w.pg.model, pin) / MAX_ORDER_PAGES != (start + nr) / MAX_ORDER_PAGES);
	CHECK(pin != NULL);
	CHECK_EQ(alloc_contig_range(z, start, start + nr, MIGRATE_MOVABLE, &next), -EBUSY);
	CHECK_EQ(next, ALIGN_UP(page_to_pfn(&w.pg.model, pin) + 1, MAX_ORDER_PAGES));
	owner_check(&w);
	world_check(&w);
	CHECK_EQ(z->buddy.nr_isolated, 0);
	world_end(&w);
}
END_TEST

static void make_cma(struct world *w, struct cma *cma, u64 size)
{
	struct pgalloc_opts o = { .dma_end = 4 * MiB, .dma32_end = 8 * MiB };
	phys_t base;
	u64 real;

	env_host_log_to_stderr(0);
	memset(&owner, 0, sizeof(owner));
	world_arena(w, 56 * MiB);
	memblock_add(&w->mb, 0, 56 * MiB, 0);
	memblock_reserve(&w->mb, 0, PAGE_SIZE);
	CHECK_EQ(cma_reserve(&w->mb, size, 0, &base, &real), 0);
	CHECK(real >= size && !(base & (4 * MiB - 1)));
	CHECK_EQ(world_start(w, &o), 0);
	CHECK_EQ(cma_activate(&w->pg, cma, "test", base, real), 0);
	world_check(w);
}

static void cma_end(struct world *w, struct cma *cma)
{
	env_free(cma->bitmap, BITS_TO_WORDS(cma->count) * sizeof(u64));
	world_end(w);
}

START_TEST(test_cma)
{
	struct world w;
	struct cma cma;
	struct page *a, *b;
	u64 in_area = 0;
	struct free_state before, after;

	make_cma(&w, &cma, 15 * MiB);
	before = free_state(&w);
	CHECK_EQ(cma.count, 4096);
	CHECK_EQ(the_zone(&w)->buddy.nr_free_cma, 4096);
	/* Lent: movable pages use it, others never do. */
	for (unsigned n = 0; n < 9000; n++)
		CHECK(owner_get(&w, n, MOVABLE));
	for (unsigned n = 0; n < 9000; n++) {
		pfn_t pfn = page_to_pfn(&w.pg.model, owner.page[n]);

		in_area += pfn >= cma.base && pfn < cma.base + cma.count;
	}
	CHECK(in_area > 1000);
	/* 8 MiB in a row, twice what the buddy could ever give. */
	a = cma_alloc(&w.pg, &cma, 2048, 0);
	CHECK(a != NULL);
	owner_check(&w);
	world_check(&w);
	CHECK_EQ(cma_used_pages(&cma), 2048);
	b = cma_alloc(&w.pg, &cma, 100, 4);
	CHECK(b && (page_to_pfn(&w.pg.model, b) & 15) == 0);
	CHECK(!cma_alloc(&w.pg, &cma, 4096, 0));
	CHECK(!cma_alloc(&w.pg, &cma, 5000, 0));
	CHECK(!cma_release(&w.pg, &cma, a + 2000, 1000));
	CHECK(!cma_release(&w.pg, &cma, pfn_to_page(&w.pg.model, 100), 1));
	CHECK(cma_release(&w.pg, &cma, a, 2048));
	CHECK(!cma_release(&w.pg, &cma, a, 2048));
	CHECK(cma_release(&w.pg, &cma, b, 100));
	CHECK_EQ(cma_used_pages(&cma), 0);
	for (unsigned n = 0; n < 9000; n++)
		owner_put(&w, n);
	after = free_state(&w);
	CHECK(same_state(&before, &after));
	world_check(&w);
	cma_end(&w, &cma);
}
END_TEST

/* Nobody who cannot be moved may sit in the area, however tight memory is. */
START_TEST(test_cma_under_pressure)
{
	struct world w;
	struct cma cma;
	struct page *page;
	unsigned n = 0;

	make_cma(&w, &cma, 8 * MiB);
	while ((page = alloc_page(&w.pg, GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN))) {
		pfn_t pfn = page_to_pfn(&w.pg.model, page);

		CHECK(pfn < cma.base || pfn >= cma.base + cma.count);
	}
	CHECK_EQ(nr_free_pages(&w.pg), cma.count);
	while (owner_get(&w, n, MOVABLE | __GFP_MEMALLOC | __GFP_NOWARN))
		n++;
	CHECK_EQ(n, cma.count);
	/* Nowhere to move to: refused, and nothing is lost. */
	CHECK(!cma_alloc(&w.pg, &cma, 16, 0));
	owner_check(&w);
	for (unsigned i = 0; i < 800; i++)
		owner_put(&w, i * 2);
	drain_all_pages(&w.pg);
	CHECK(cma_alloc(&w.pg, &cma, 16, 0) != NULL);
	owner_check(&w);
	world_check(&w);
	cma_end(&w, &cma);
}
END_TEST

/* Room enough, all of it lent, and nothing that could be moved there: the scanners meet at the zone's end. */
START_TEST(test_nothing_to_move)
{
	struct world w;
	struct cma cma;

	make_cma(&w, &cma, 24 * MiB);
	while (alloc_page(&w.pg, GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN))
		;
	CHECK_EQ(nr_free_pages(&w.pg), cma.count);
	CHECK(!alloc_pages(&w.pg, GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY, 10));
	compact_zone_order(the_zone(&w), 10);
	CHECK_EQ(compact_zone_fully(the_zone(&w)), 0);
	world_check(&w);
	cma_end(&w, &cma);
}
END_TEST

START_TEST(test_cma_bad_ranges)
{
	struct world w;
	struct cma cma;

	make(&w);
	CHECK_EQ(cma_activate(&w.pg, &cma, "odd", 16 * MiB + PAGE_SIZE, 4 * MiB), -EINVAL);
	CHECK_EQ(cma_activate(&w.pg, &cma, "two zones", 4 * MiB, 8 * MiB), -EINVAL);
	CHECK_EQ(cma_activate(&w.pg, &cma, "nowhere", 512 * MiB, 4 * MiB), -EINVAL);
	env_host_fail_after(1);
	CHECK_EQ(cma_activate(&w.pg, &cma, "no memory", 16 * MiB, 4 * MiB), -ENOMEM);
	env_host_fail_after(0);
	world_end(&w);
}
END_TEST

/* Everything at once, in random order. */
START_TEST(test_random)
{
	struct world w;
	struct cma cma;
	struct rand r;
	struct page *kernel[600], *big[8];
	unsigned nr_kernel = 0, nr_big = 0;
	u64 big_size[8];
	struct free_state before, after;

	make_cma(&w, &cma, 12 * MiB);
	before = free_state(&w);
	rand_init(&r, (u64)_i);
	for (unsigned i = 0; i < 300000; i++) {
		unsigned slot = (unsigned)rand_below(&r, 12000),
			 what = (unsigned)rand_below(&r, 1000);

		if (what < 960) {
			if (owner.page[slot])
				owner_put(&w, slot);
			else
				owner_get(&w, slot, MOVABLE);
		} else if (what < 996) {
			if (nr_kernel < 600 && rand_one_in(&r, 2)) {
				kernel[nr_kernel] = alloc_page(&w.pg, GFP_NOWAIT);
				nr_kernel += kernel[nr_kernel] != NULL;
			} else if (nr_kernel) {
				unsigned k = (unsigned)rand_below(&r, nr_kernel);

				free_pages(&w.pg, kernel[k], 0);
				kernel[k] = kernel[--nr_kernel];
			}
		} else if (what < 999) {
			if (nr_big < 8 && rand_one_in(&r, 2)) {
				big_size[nr_big] = rand_range(&r, 1, 1500);
				big[nr_big] = cma_alloc(&w.pg, &cma, big_size[nr_big], 0);
				nr_big += big[nr_big] != NULL;
			} else if (nr_big) {
				nr_big--;
				CHECK(cma_release(&w.pg, &cma, big[nr_big], big_size[nr_big]));
			}
		} else if (rand_one_in(&r, 10)) {
			compact_zone_fully(the_zone(&w));
		}
		if (i % 20011 == 0) {
			owner_check(&w);
			world_check(&w);
		}
	}
	while (nr_big--)
		CHECK(cma_release(&w.pg, &cma, big[nr_big], big_size[nr_big]));
	while (nr_kernel--)
		free_pages(&w.pg, kernel[nr_kernel], 0);
	for (unsigned i = 0; i < 12000; i++)
		if (owner.page[i])
			owner_put(&w, i);
	after = free_state(&w);
	CHECK(same_state(&before, &after));
	CHECK(cma.nr_pages_succeeded > 10000);
	world_check(&w);
	cma_end(&w, &cma);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mm/compact");
	TCase *tc = tcase_create("compact");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_compaction);
	tcase_add_test(tc, test_direct_compaction);
	tcase_add_test(tc, test_owners_refuse);
	tcase_add_test(tc, test_owners_give_up);
	tcase_add_test(tc, test_contig_range);
	tcase_add_test(tc, test_cma);
	tcase_add_test(tc, test_cma_under_pressure);
	tcase_add_test(tc, test_nothing_to_move);
	tcase_add_test(tc, test_cma_bad_ranges);
	tcase_add_loop_test(tc, test_random, 0, 3);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
