/* SPDX-License-Identifier: MIT */
/* What goes wrong with objects is reported with the stacks that are known, and nothing else breaks;
 * and mempool, for what must not go wrong. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "guest/mm/mempool.h"
#include "tests/unit/guest/slab_lab.h"

/* ---- misuse --------------------------------------------------------------------------------------- */

static void expect(struct lab *l, enum slab_fault fault, const void *p, bool both_stacks)
{
	const struct slab_report *r = &l->s.last_report;

	CHECK_EQ(l->s.nr_reports, 1);
	CHECK_EQ(r->fault, fault);
	CHECK(!p || r->object == p);
	CHECK(r->now_pc[0] != 0);
	if (both_stacks)
		CHECK(r->alloc_pc[0] != 0 && r->free_pc[0] != 0 && r->alloc_pc[0] != r->free_pc[0]);
	l->s.nr_reports = 0;
}

START_TEST(test_misuse)
{
	struct lab l;
	struct kmem_cache_args a = { .name = "mine", .size = 60, .flags = SLAB_NO_MERGE };
	struct kmem_cache *c, *other;
	u8 *p, *q, saved;

	lab_make(&l, _i * 2 + 1);
	c = kmem_cache_create(&l.s, &a);
	a.name = "other";
	other = kmem_cache_create(&l.s, &a);
	p = kmem_cache_alloc(c, GFP_KERNEL);
	q = kmem_cache_alloc(c, GFP_KERNEL);

	kmem_cache_free(other, p);
	expect(&l, SLAB_WRONG_CACHE, p, false);
	CHECK(l.s.last_report.alloc_pc[0] != 0);
	kmem_cache_free(c, p + 8);
	l.s.nr_reports = MIN(l.s.nr_reports, 1UL);
	CHECK(l.s.last_report.fault == SLAB_BAD_POINTER);
	CHECK(all_ops[_i] == &slob_ops || l.s.last_report.alloc_pc[0] != 0);
	l.s.nr_reports = 0;
	kmem_cache_free(c, (void *)0x1234);
	expect(&l, SLAB_WILD_POINTER, (void *)0x1234, false);
	kmem_cache_free(c, l.w.arena + 90 * MiB);
	expect(&l, SLAB_WILD_POINTER, l.w.arena + 90 * MiB, false);
	kfree(&l.s, (void *)0x1234);
	expect(&l, SLAB_WILD_POINTER, (void *)0x1234, false);

	saved = p[60];
	p[60] = 1;
	kmem_cache_free(c, p);
	expect(&l, SLAB_OVERFLOW, p, false);
	CHECK(saved != 1 && l.s.last_report.alloc_pc[0] != 0);
	kmem_cache_free(c, p);
	expect(&l, SLAB_DOUBLE_FREE, p, true);
	q[-1] = 0;
	kmem_cache_free(c, q);
	expect(&l, SLAB_UNDERFLOW, q, false);
	CHECK(l.s.last_report.alloc_pc[0] != 0);
	lab_end(&l);
}
END_TEST

START_TEST(test_use_after_free)
{
	struct lab l;
	struct kmem_cache_args a = { .name = "uaf", .size = 100, .flags = SLAB_NO_MERGE };
	struct kmem_cache *c;
	u8 *p;

	lab_make(&l, _i * 2 + 1);
	c = kmem_cache_create(&l.s, &a);
	p = kmem_cache_alloc(c, GFP_KERNEL);
	CHECK_EQ(p[0], 0x6b);
	kmem_cache_free(c, p);
	p[50] = 0;
	CHECK_EQ(kmem_cache_validate(c), 1);
	expect(&l, SLAB_USE_AFTER_FREE, p, true);
	CHECK_EQ(kmem_cache_validate(c), 0);
	p[99] = 0;
	CHECK(kmem_cache_alloc(c, GFP_KERNEL) == p);
	expect(&l, SLAB_USE_AFTER_FREE, p, true);
	kmem_cache_free(c, p);
	lab_end(&l);
}
END_TEST

/* Without debug flags too: what kfree() can see by the page alone. */
START_TEST(test_kfree_misuse)
{
	struct lab l;
	u8 *p;

	lab_make(&l, _i * 2);
	kfree(&l.s, (void *)0xdead000000000000UL);
	expect(&l, SLAB_WILD_POINTER, NULL, false);
	kfree(&l.s, l.w.arena);
	expect(&l, SLAB_WILD_POINTER, NULL, false);
	p = kmalloc(&l.s, 100000, GFP_KERNEL);
	kfree(&l.s, p + 4096);
	expect(&l, SLAB_WILD_POINTER, NULL, false);
	kfree(&l.s, p);
	kfree(&l.s, p);
	expect(&l, SLAB_DOUBLE_FREE, NULL, false);
	lab_end(&l);
}
END_TEST

/* ---- mempool --------------------------------------------------------------------------------------- */

static bool refuse;

static void *pool_get(gfp_t gfp, void *data)
{
	return refuse ? NULL : mempool_alloc_slab(gfp, data);
}

static void *waited_for;
static struct mempool *waiting_pool;

static void give_back(void *arg)
{
	(void)arg;
	mempool_free(waiting_pool, waited_for);
}

START_TEST(test_mempool)
{
	struct lab l;
	struct kmem_cache_args a = { .name = "pool", .size = 128 };
	struct kmem_cache *c;
	struct mempool pool;
	void *p[4];

	lab_make(&l, 0);
	c = kmem_cache_create(&l.s, &a);
	refuse = true;
	CHECK_EQ(mempool_init(&pool, 3, pool_get, mempool_free_slab, c), -ENOMEM);
	refuse = false;
	CHECK_EQ(mempool_init(&pool, 3, pool_get, mempool_free_slab, c), 0);
	p[3] = mempool_alloc(&pool, GFP_ATOMIC);
	refuse = true;
	for (unsigned i = 0; i < 3; i++)
		CHECK((p[i] = mempool_alloc(&pool, GFP_ATOMIC)) != NULL);
	CHECK(!mempool_alloc(&pool, GFP_ATOMIC));
	/* One that may sleep waits until somebody frees. */
	waited_for = p[0];
	waiting_pool = &pool;
	env_host_on_relax(give_back, NULL);
	CHECK(mempool_alloc(&pool, GFP_KERNEL) == waited_for);
	env_host_on_relax(NULL, NULL);
	for (unsigned i = 0; i < 4; i++)
		mempool_free(&pool, p[i]);
	CHECK_EQ(pool.nr, 3);
	refuse = false;
	mempool_exit(&pool);
	lab_end(&l);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mm/slab_misuse");
	TCase *tc = tcase_create("slab");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_misuse, 0, 3);
	tcase_add_loop_test(tc, test_use_after_free, 0, 2);
	tcase_add_loop_test(tc, test_kfree_misuse, 0, 3);
	tcase_add_test(tc, test_mempool);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
