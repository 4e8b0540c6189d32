/* SPDX-License-Identifier: MIT */
/* The buddy against a map with one byte a frame: no overlap, no loss, and everything merges back. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/rand.h"
#include "guest/mm/buddy.h"
#include "tests/unit/guest/fast_check.h"

#define FRAMES	  (16 * MAX_ORDER_PAGES)
#define MAX_HELD  4096
#define ROUNDS	  1500000
#define CHECK_ONE 4999 /* a whole check is dear */

struct held {
	pfn_t pfn;
	unsigned order;
};

struct model {
	struct memmodel mm;
	struct buddy b;
	struct page *pages;
	u8 blocks[FRAMES / PAGEBLOCK_PAGES];
	bool busy[FRAMES];
	struct held held[MAX_HELD];
	unsigned nr_held;
	u64 free;
};

static void check_buddy(struct model *m)
{
	const char *broken = buddy_check(&m->b, 0, FRAMES);

	if (broken)
		ck_abort_msg("%s", broken);
}

static struct model *model_new(pfn_t first, pfn_t last)
{
	struct model *m = calloc(1, sizeof(*m));

	m->pages = calloc(FRAMES, sizeof(struct page));
	m->mm = (struct memmodel){ .linear = (u64)m->pages, .end = FRAMES };
	memset(m->blocks, MIGRATE_MOVABLE, sizeof(m->blocks));
	buddy_init(&m->b, 0, &m->mm, m->blocks);
	memset(m->busy, true, sizeof(m->busy));
	for (pfn_t pfn = first; pfn < last; pfn++) {
		m->busy[pfn] = false;
		buddy_free(&m->b, m->pages + pfn, pfn, 0);
		m->free++;
	}
	return m;
}

static void model_delete(struct model *m)
{
	free(m->pages);
	free(m);
}

static bool take(struct model *m, unsigned order, enum migratetype mt, unsigned flags)
{
	struct page *page;
	struct held h;

	if (m->nr_held == MAX_HELD)
		return false;
	page = buddy_alloc(&m->b, order, mt, flags);
	if (!page)
		return false;
	h = (struct held){ page_to_pfn(&m->mm, page), order };
	CHECK(!(h.pfn & ((1UL << order) - 1)));
	for (u64 i = 0; i < 1UL << order; i++) {
		CHECK(!m->busy[h.pfn + i]);
		CHECK(!PageBuddy(page + i));
		m->busy[h.pfn + i] = true;
	}
	m->free -= 1UL << order;
	m->held[m->nr_held++] = h;
	return true;
}

static void give(struct model *m, unsigned i)
{
	struct held h = m->held[i];

	m->held[i] = m->held[--m->nr_held];
	memset(m->busy + h.pfn, false, 1UL << h.order);
	m->free += 1UL << h.order;
	buddy_free(&m->b, m->pages + h.pfn, h.pfn, h.order);
}

static bool model_has(const struct model *m, unsigned order)
{
	for (pfn_t at = 0; at < FRAMES; at += 1UL << order)
		if (!memchr(m->busy + at, true, 1UL << order))
			return true;
	return false;
}

START_TEST(test_random)
{
	struct model *m = model_new(3, FRAMES - 5);
	struct buddy boot = m->b;
	u64 boot_free = m->free;
	struct rand r;

	rand_init(&r, (u64)_i + 1);
	check_buddy(m);
	for (unsigned n = 0; n < ROUNDS / 3; n++) {
		/* Swings between nearly full and nearly empty. */
		bool grow = rand_below(&r, 100) < ((n >> 14) & 1 ? 70u : 40u);

		if (grow) {
			unsigned order = rand_one_in(&r, 8) ? (unsigned)rand_below(&r, 11)
							    : (unsigned)rand_below(&r, 3);
			enum migratetype mt = rand_below(&r, MIGRATE_PCPTYPES);
			bool got = take(m, order, mt, 0);

			if (!got && m->nr_held < MAX_HELD && rand_one_in(&r, 64))
				CHECK(!model_has(m, order));
		} else if (m->nr_held) {
			give(m, (unsigned)rand_below(&r, m->nr_held));
		}
		CHECK_EQ(m->b.nr_free_pages, m->free);
		if (n % CHECK_ONE == 0)
			check_buddy(m);
	}
	while (m->nr_held)
		give(m, m->nr_held - 1);
	check_buddy(m);
	CHECK_EQ(m->free, boot_free);
	for (unsigned o = 0; o < NR_PAGE_ORDERS; o++)
		CHECK_EQ(buddy_nr_free(&m->b, o), buddy_nr_free(&boot, o));
	model_delete(m);
}
END_TEST

/* Page blocks change type under way, as for CMA, isolation and the atomic reserve. */
START_TEST(test_random_types)
{
	struct model *m = model_new(0, FRAMES);
	struct rand r;

	rand_init(&r, 77);
	for (unsigned n = 0; n < ROUNDS / 10; n++) {
		unsigned what = (unsigned)rand_below(&r, 100);

		if (what < 45) {
			take(m, (unsigned)rand_below(&r, rand_one_in(&r, 6) ? 11 : 2),
			     rand_below(&r, MIGRATE_PCPTYPES), (unsigned)rand_below(&r, 8));
		} else if (what < 99) {
			if (m->nr_held)
				give(m, (unsigned)rand_below(&r, m->nr_held));
		} else {
			pfn_t pfn = rand_below(&r, FRAMES);
			u64 isolated = m->b.nr_isolated, all = m->b.nr_free_pages + isolated;

			buddy_set_block_type(&m->b, pfn, rand_below(&r, MIGRATE_TYPES));
			CHECK_EQ(m->b.nr_free_pages + m->b.nr_isolated, all);
		}
		CHECK_EQ(m->b.nr_free_pages + m->b.nr_isolated, m->free);
		if (n % (CHECK_ONE / 5) == 0)
			check_buddy(m);
	}
	while (m->nr_held)
		give(m, m->nr_held - 1);
	for (pfn_t pfn = 0; pfn < FRAMES; pfn += PAGEBLOCK_PAGES)
		buddy_set_block_type(&m->b, pfn, MIGRATE_MOVABLE);
	check_buddy(m);
	CHECK_EQ(buddy_nr_free(&m->b, MAX_ORDER), FRAMES / MAX_ORDER_PAGES);
	model_delete(m);
}
END_TEST

START_TEST(test_split_and_merge)
{
	struct model *m = model_new(0, 1024);
	struct page *a, *b;

	CHECK_EQ(m->b.area[10].nr_free[MIGRATE_MOVABLE], 1);
	a = buddy_alloc(&m->b, 0, MIGRATE_MOVABLE, 0);
	CHECK_EQ(page_to_pfn(&m->mm, a), 0);
	for (unsigned o = 0; o < 10; o++)
		CHECK_EQ(buddy_nr_free(&m->b, o), 1);
	b = buddy_alloc(&m->b, 0, MIGRATE_MOVABLE, 0);
	CHECK_EQ(page_to_pfn(&m->mm, b), 1);
	buddy_free(&m->b, a, 0, 0);
	CHECK_EQ(buddy_nr_free(&m->b, 0), 1);
	buddy_free(&m->b, b, 1, 0);
	CHECK_EQ(buddy_nr_free(&m->b, 10), 1);
	CHECK_EQ(m->b.nr_free_pages, 1024);
	check_buddy(m);
	model_delete(m);
}
END_TEST

START_TEST(test_borrowing)
{
	struct model *m = model_new(0, 2 * MAX_ORDER_PAGES);
	struct page *page;

	/* Unmovable pages take a block of their own instead of mixing. */
	page = buddy_alloc(&m->b, 0, MIGRATE_UNMOVABLE, 0);
	CHECK(page != NULL);
	CHECK_EQ(buddy_block_type(&m->b, page_to_pfn(&m->mm, page)), MIGRATE_UNMOVABLE);
	check_buddy(m);
	for (unsigned i = 1; i < MAX_ORDER_PAGES; i++) {
		struct page *next = buddy_alloc(&m->b, 0, MIGRATE_UNMOVABLE, 0);

		CHECK_EQ(page_to_pfn(&m->mm, next) / MAX_ORDER_PAGES,
			 page_to_pfn(&m->mm, page) / MAX_ORDER_PAGES);
	}
	CHECK_EQ(m->b.area[10].nr_free[MIGRATE_MOVABLE], 1);
	/* Nobody asked to borrow: nothing. */
	CHECK(!buddy_alloc(&m->b, 0, MIGRATE_RECLAIMABLE, BUDDY_NOFALLBACK));
	CHECK(!buddy_alloc(&m->b, 0, MIGRATE_UNMOVABLE, BUDDY_NOFALLBACK));
	check_buddy(m);
	model_delete(m);
}
END_TEST

START_TEST(test_special_types)
{
	struct model *m = model_new(0, 3 * MAX_ORDER_PAGES);

	buddy_set_block_type(&m->b, 0, MIGRATE_CMA);
	buddy_set_block_type(&m->b, MAX_ORDER_PAGES, MIGRATE_ISOLATE);
	check_buddy(m);
	CHECK_EQ(m->b.nr_free_cma, MAX_ORDER_PAGES);
	CHECK_EQ(m->b.nr_isolated, MAX_ORDER_PAGES);
	CHECK_EQ(m->b.nr_free_pages, 2 * MAX_ORDER_PAGES);
	/* Only a request that may use CMA gets there, and nobody gets isolated pages. */
	CHECK(take(m, 10, MIGRATE_UNMOVABLE, 0));
	CHECK(!take(m, 0, MIGRATE_UNMOVABLE, 0));
	CHECK(!take(m, 0, MIGRATE_MOVABLE, 0));
	CHECK(take(m, 10, MIGRATE_MOVABLE, BUDDY_CMA));
	CHECK_EQ(m->held[1].pfn, 0);
	CHECK(!take(m, 0, MIGRATE_MOVABLE, BUDDY_CMA));
	give(m, 1);
	give(m, 0);
	check_buddy(m);
	model_delete(m);
}
END_TEST

/* A block that was handed out whole and comes back over page blocks of two types. */
START_TEST(test_free_over_two_types)
{
	struct model *m = model_new(0, MAX_ORDER_PAGES);

	CHECK(take(m, MAX_ORDER, MIGRATE_MOVABLE, 0));
	buddy_set_block_type(&m->b, 0, MIGRATE_HIGHATOMIC);
	give(m, 0);
	check_buddy(m);
	CHECK_EQ(buddy_nr_free(&m->b, PAGEBLOCK_ORDER), 2);
	buddy_set_block_type(&m->b, 0, MIGRATE_RECLAIMABLE);
	check_buddy(m);
	CHECK_EQ(buddy_nr_free(&m->b, MAX_ORDER), 1);
	model_delete(m);
}
END_TEST

START_TEST(test_block_of)
{
	struct model *m = model_new(8, MAX_ORDER_PAGES);

	CHECK(!buddy_block_of(&m->b, 7));
	CHECK(buddy_block_of(&m->b, 8) == m->pages + 8);
	CHECK(buddy_block_of(&m->b, 15) == m->pages + 8);
	CHECK(buddy_block_of(&m->b, 900) == m->pages + 512);
	model_delete(m);
}
END_TEST

START_TEST(test_check_names_the_rule)
{
	struct model *m = model_new(0, MAX_ORDER_PAGES);

	m->blocks[0] = MIGRATE_UNMOVABLE;
	ck_assert_ptr_nonnull(strstr(buddy_check(&m->b, 0, FRAMES), "B4"));
	m->blocks[0] = MIGRATE_MOVABLE;
	m->b.nr_free_pages++;
	ck_assert_ptr_nonnull(strstr(buddy_check(&m->b, 0, FRAMES), "B5"));
	m->b.nr_free_pages--;
	__SetPageBuddy(m->pages + 9);
	ck_assert_ptr_nonnull(strstr(buddy_check(&m->b, 0, FRAMES), "B3"));
	model_delete(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mm/buddy");
	TCase *tc = tcase_create("buddy");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_random, 0, 3);
	tcase_add_test(tc, test_random_types);
	tcase_add_test(tc, test_split_and_merge);
	tcase_add_test(tc, test_borrowing);
	tcase_add_test(tc, test_special_types);
	tcase_add_test(tc, test_free_over_two_types);
	tcase_add_test(tc, test_block_of);
	tcase_add_test(tc, test_check_names_the_rule);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
