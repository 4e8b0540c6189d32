/* SPDX-License-Identifier: MIT */
/*
 * slub, slab and slob against a list of what is held: every object is filled with its own pattern,
 * so that two that overlap spoil each other. The same tests run on each allocator, with and without
 * debug flags.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "guest/lib/rand.h"
#include "guest/mm/slab_internal.h"
#include "tests/unit/guest/slab_lab.h"

#define MAX_HELD 6000

/* ---- the model ------------------------------------------------------------------------------------- */

struct held {
	u8 *p;
	u32 size;
	u8 pattern;
	struct kmem_cache *c; /* NULL: kmalloc */
};

static struct held held[MAX_HELD];
static unsigned nr_held;

static void keep(u8 *p, u32 size, struct kmem_cache *c, u8 pattern)
{
	memset(p, pattern, size);
	held[nr_held++] = (struct held){ p, size, pattern, c };
}

/* All n bytes are b. By libc, which is quick under the sanitizers. */
static bool all_are(const u8 *p, u8 b, u32 n)
{
	return p[0] == b && !memcmp(p, p + 1, n - 1);
}

static void drop(struct lab *l, unsigned i)
{
	struct held h = held[i];

	held[i] = held[--nr_held];
	CHECK(all_are(h.p, h.pattern, h.size));
	if (h.c)
		kmem_cache_free(h.c, h.p);
	else
		kfree(&l->s, h.p);
}

static u32 random_size(struct rand *r)
{
	unsigned what = (unsigned)rand_below(r, 100);

	if (what < 70)
		return (u32)rand_range(r, 1, 256);
	if (what < 97)
		return (u32)rand_range(r, 257, 4096);
	return (u32)rand_range(r, 4097, 40000);
}

static const gfp_t gfps[] = { GFP_NOWAIT, GFP_NOWAIT | __GFP_ZERO, GFP_NOWAIT | __GFP_RECLAIMABLE,
			      GFP_NOWAIT | GFP_DMA };

static void random_alloc(struct lab *l, struct kmem_cache **caches, unsigned nr, struct rand *r)
{
	gfp_t gfp = gfps[rand_below(r, ARRAY_SIZE(gfps))];
	struct kmem_cache *c = NULL;
	u32 size;
	u8 *p;

	if (rand_one_in(r, 2)) {
		c = caches[rand_below(r, nr)];
		size = c->object_size;
		gfp &= GFP_NOWAIT | __GFP_ZERO;
		p = rand_one_in(r, 50) ? kmem_cache_alloc_node(c, gfp, (unsigned)rand_below(r, 2))
				       : kmem_cache_alloc(c, gfp);
	} else {
		size = random_size(r);
		p = kmalloc(&l->s, size, gfp);
	}
	if (!p)
		return;
	CHECK_EQ((u64)p % (c ? c->align : 8), 0);
	if (gfp & __GFP_ZERO)
		CHECK(all_are(p, 0, size));
	if (!c && (gfp & __GFP_DMA))
		CHECK_EQ(page_zonenum(virt_to_page(l->s.pg, p)), ZONE_DMA);
	keep(p, size, c, (u8)rand_u64(r));
}

START_TEST(test_random)
{
	static const size_t sizes[] = { 1, 8, 24, 40, 100, 192, 700, 1500, 3000, 5000 };
	struct lab l;
	struct kmem_cache *caches[ARRAY_SIZE(sizes)];
	struct rand r;
	unsigned rounds = _i % 2 ? 150000 : 450000;

	lab_make(&l, _i);
	rand_init(&r, (u64)_i * 7 + 1);
	nr_held = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kmem_cache_args a = { .name = "random",
					     .size = sizes[i],
					     .align = i % 3 == 2 ? 64 : 0,
					     .flags = SLAB_NO_MERGE };

		caches[i] = kmem_cache_create(&l.s, &a);
		CHECK(caches[i] != NULL);
	}
	for (unsigned n = 0; n < rounds; n++) {
		unsigned bias = (n >> 13) & 1 ? 30 : 65;

		if (rand_one_in(&r, 20))
			env_host_set_cpu((unsigned)rand_below(&r, NR_CPUS));
		if (nr_held < MAX_HELD && rand_below(&r, 100) < bias)
			random_alloc(&l, caches, ARRAY_SIZE(sizes), &r);
		else if (nr_held)
			drop(&l, (unsigned)rand_below(&r, nr_held));
		if (n % 20011 == 0)
			check_caches(&l);
		if (n % 30011 == 0)
			kmem_cache_shrink(caches[rand_below(&r, ARRAY_SIZE(sizes))]);
	}
	while (nr_held)
		drop(&l, nr_held - 1);
	CHECK_EQ(l.s.nr_reports, 0);
	lab_end(&l);
}
END_TEST

/* Everything until memory is gone, then everything back, on all CPUs. */
START_TEST(test_exhaustion)
{
	struct lab l;
	struct kmem_cache *c;
	struct kmem_cache_args a = { .name = "fill", .size = 512 };
	void *first = NULL, *p;
	u64 n = 0;

	lab_make(&l, _i);
	c = kmem_cache_create(&l.s, &a);
	for (;;) {
		env_host_set_cpu(n % NR_CPUS);
		p = kmem_cache_alloc(c, GFP_NOWAIT);
		if (!p)
			break;
		*(void **)p = first;
		first = p;
		n++;
	}
	CHECK(n * 512 > (_i % 2 ? 40 : 70) * MiB);
	for (; first; n--) {
		p = first;
		first = *(void **)p;
		env_host_set_cpu(n % NR_CPUS);
		kmem_cache_free(c, p);
	}
	CHECK_EQ(n, 0);
	lab_end(&l);
}
END_TEST

/* One allocation fails, then the second, ... each time something is refused and nothing is lost. */
START_TEST(test_every_failure)
{
	struct lab l;
	unsigned failures = 0;
	struct zone *z;

	lab_make(&l, _i);
	/* Every page comes the way that can fail. */
	for_each_zone (&l.w.pg, z)
		for (unsigned c = 0; c < NR_CPUS; c++)
			z->pcp[c].busy = 1;
	for (unsigned site = 0; site < 2; site++) {
		bool failed = true;

		for (unsigned n = 1; failed; n++) {
			struct kmem_cache_args a = { .name = "fail", .size = 2000 + n % 3 * 500 };
			struct kmem_cache *c;
			struct kmem_cache *from[40];
			void *p[40];
			unsigned got = 0;

			if (site)
				l.w.pg.fail_after = n;
			else
				env_host_fail_after(n);
			c = kmem_cache_create(&l.s, &a);
			for (unsigned i = 0; c && i < 40; i++) {
				from[got] = i % 4 ? c : NULL;
				p[got] = i % 4 ? kmem_cache_alloc(c, GFP_NOWAIT)
					       : kmalloc(&l.s, 600 * (i + 1), GFP_NOWAIT);
				got += p[got] != NULL;
			}
			failed = site ? !l.w.pg.fail_after : env_host_fail_after(0);
			l.w.pg.fail_after = 0;
			failures += failed;
			CHECK(c != NULL || failed);
			CHECK(!c || got >= 38);
			while (got--) {
				if (from[got])
					kmem_cache_free(c, p[got]);
				else
					kfree(&l.s, p[got]);
			}
			if (c)
				CHECK_EQ(kmem_cache_destroy(c), 0);
		}
	}
	CHECK(failures > 3);
	for_each_zone (&l.w.pg, z)
		for (unsigned c = 0; c < NR_CPUS; c++)
			z->pcp[c].busy = 0;
	lab_end(&l);
}
END_TEST

START_TEST(test_init_failures)
{
	struct lab l;
	struct slab_sys s;
	size_t before;

	lab_make(&l, _i);
	before = env_host_live_allocs();
	for (unsigned n = 1;; n++) {
		int err;

		env_host_fail_after(n);
		err = slab_sys_init(&s, &l.w.pg, l.s.ops, 0);
		if (!env_host_fail_after(0)) {
			CHECK_EQ(err, 0);
			CHECK_EQ(slab_sys_destroy(&s), 0);
			break;
		}
		CHECK_EQ(err, -ENOMEM);
		CHECK_EQ(env_host_live_allocs(), before);
	}
	lab_end(&l);
}
END_TEST

static unsigned constructed;

static void ctor(void *p)
{
	memset(p, 0x11, 56);
	constructed++;
}

START_TEST(test_constructor)
{
	struct lab l;
	struct kmem_cache_args a = { .name = "ctor", .size = 56, .ctor = ctor };
	struct kmem_cache *c;
	u8 *p[500];

	lab_make(&l, _i);
	constructed = 0;
	c = kmem_cache_create(&l.s, &a);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 500; i++) {
			p[i] = kmem_cache_alloc(c, GFP_NOWAIT);
			for (unsigned k = 0; k < 56; k++)
				CHECK_EQ(p[i][k], 0x11);
		}
		for (unsigned i = 0; i < 500; i++)
			kmem_cache_free(c, p[i]);
	}
	/* Only pages make constructions (slob cannot keep an object constructed). */
	if (l.s.ops != &slob_ops)
		CHECK(constructed < (_i % 2 ? 1400 : 900));
	lab_end(&l);
}
END_TEST

START_TEST(test_merge_and_destroy)
{
	struct lab l;
	struct kmem_cache_args a = { .name = "first", .size = 328 },
			       b = { .name = "second", .size = 324 };
	struct kmem_cache *c, *d, *e;
	void *p;

	lab_make(&l, _i);
	c = kmem_cache_create(&l.s, &a);
	d = kmem_cache_create(&l.s, &b);
	b.flags = SLAB_NO_MERGE;
	e = kmem_cache_create(&l.s, &b);
	CHECK_EQ(c == d, l.s.ops != &slob_ops && !(_i % 2));
	CHECK(e != c && e != d);
	CHECK_EQ(kmem_cache_destroy(d), 0);
	p = kmem_cache_alloc(c, GFP_KERNEL);
	CHECK(p != NULL);
	CHECK_EQ(kmem_cache_destroy(c), -EBUSY);
	CHECK_EQ(l.s.nr_reports, 1);
	CHECK_EQ(l.s.last_report.fault, SLAB_LEAK);
	kmem_cache_free(c, p);
	CHECK_EQ(kmem_cache_destroy(c), 0);
	a.size = 0;
	CHECK(!kmem_cache_create(&l.s, &a));
	a.size = 64 * MiB;
	CHECK(!kmem_cache_create(&l.s, &a));
	lab_end(&l);
}
END_TEST

START_TEST(test_shrink_and_info)
{
	struct lab l;
	struct kmem_cache_args a = { .name = "shrink", .size = 1000, .flags = SLAB_NO_MERGE };
	struct kmem_cache *c;
	struct slabinfo info;
	void *p[2000];

	lab_make(&l, _i);
	c = kmem_cache_create(&l.s, &a);
	for (unsigned i = 0; i < 2000; i++)
		p[i] = kmem_cache_alloc(c, GFP_KERNEL);
	kmem_cache_info(c, &info);
	CHECK_EQ(info.active_objs, 2000);
	CHECK(info.num_objs >= 2000);
	for (unsigned i = 0; i < 2000; i++)
		if (i % 2)
			kmem_cache_free(c, p[i]);
	for (unsigned i = 0; i < 2000; i += 2)
		kmem_cache_free(c, p[i]);
	kmem_cache_info(c, &info);
	CHECK_EQ(info.active_objs, 0);
	if (l.s.ops != &slob_ops)
		CHECK(kmem_cache_shrink(c) > 0);
	kmem_cache_info(c, &info);
	CHECK_EQ(info.num_objs, 0);
	CHECK_EQ(info.num_slabs, 0);
	lab_end(&l);
}
END_TEST

START_TEST(test_kmalloc)
{
	struct lab l;
	u8 *p, *q;

	lab_make(&l, _i);
	CHECK(!kmalloc(&l.s, 0, GFP_KERNEL));
	CHECK(!kmalloc(&l.s, 1UL << 40, GFP_KERNEL));
	kfree(&l.s, NULL);
	for (size_t size = 1; size < 20000; size = size * 5 / 4 + 1) {
		p = kmalloc(&l.s, size, GFP_KERNEL);
		CHECK(p != NULL);
		CHECK(ksize(&l.s, p) >= size);
		memset(p, 0x33, size);
		q = krealloc(&l.s, p, size * 2, GFP_KERNEL);
		for (size_t i = 0; i < size; i++)
			CHECK_EQ(q[i], 0x33);
		kfree(&l.s, q);
	}
	for (unsigned i = KMALLOC_MIN_SHIFT; i <= KMALLOC_MAX_SHIFT && _i < 4; i++) {
		p = kmalloc(&l.s, 1UL << i, GFP_KERNEL);
		CHECK_EQ((u64)p & (MIN(1UL << i, PAGE_SIZE) - 1), 0);
		kfree(&l.s, p);
	}
	p = kzalloc(&l.s, 3 * MiB, GFP_KERNEL);
	CHECK(p && !p[0] && !p[3 * MiB - 1]);
	CHECK_EQ(atomic64_read(&l.s.pages_large), 1024);
	CHECK(!krealloc(&l.s, p, 0, GFP_KERNEL));
	for (size_t size = 1; size <= KMALLOC_MAX_CACHE; size++) {
		unsigned i = kmalloc_index(size);
		size_t fits = i == 1 ? 96 : i == 2 ? 192 : 1UL << i;

		CHECK(fits >= size);
		CHECK(size <= 8 || fits / 2 < size);
	}
	lab_end(&l);
}
END_TEST

START_TEST(test_interrupted_array)
{
	struct lab l;
	struct kmem_cache_args a = { .name = "busy", .size = 64, .flags = SLAB_NO_MERGE };
	struct kmem_cache *c;
	void *p, *q;
	u64 nr;

	lab_make(&l, _i);
	c = kmem_cache_create(&l.s, &a);
	p = kmem_cache_alloc(c, GFP_KERNEL);
	nr = slab_cpu_objects(c);
	c->cpu[0]->busy = 1;
	q = kmem_cache_alloc(c, GFP_ATOMIC);
	CHECK(q && q != p);
	kmem_cache_free(c, p);
	CHECK_EQ(slab_cpu_objects(c), nr);
	c->cpu[0]->busy = 0;
	kmem_cache_free(c, q);
	lab_end(&l);
}
END_TEST

/* An object goes back to the node it is from, whoever frees it. */
START_TEST(test_remote_free)
{
	struct lab l;
	struct kmem_cache_args a = { .name = "remote", .size = 64, .flags = SLAB_NO_MERGE };
	struct kmem_cache *c;
	void *p[10];

	lab_make(&l, _i);
	c = kmem_cache_create(&l.s, &a);
	p[0] = kmem_cache_alloc_node(c, GFP_KERNEL, 1);
	CHECK_EQ(page_to_nid(virt_to_page(l.s.pg, p[0])), 1);
	env_host_set_cpu(0);
	kmem_cache_free(c, p[0]);
	for (unsigned i = 0; i < 10; i++) {
		p[i] = kmem_cache_alloc(c, GFP_KERNEL);
		CHECK_EQ(page_to_nid(virt_to_page(l.s.pg, p[i])), 0);
	}
	for (unsigned i = 0; i < 10; i++)
		kmem_cache_free(c, p[i]);
	lab_end(&l);
}
END_TEST

/* Who frees many and allocates them again meets them in the array, which has grown; without memory for
 * that it stays as it is, and a shrunk cache is as it began. */
START_TEST(test_array_grows)
{
	struct lab l;
	struct kmem_cache_args a = { .name = "many", .size = 64, .flags = SLAB_NO_MERGE };
	static void *p[3000];
	struct kmem_cache *c;
	struct slabinfo info;

	lab_make(&l, _i * 2);
	c = kmem_cache_create(&l.s, &a);
	CHECK(c->grown_cap > c->array_cap);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
			CHECK((p[i] = kmem_cache_alloc(c, GFP_KERNEL)) != NULL);
		/* The first page that is asked for is the first array's. */
		l.w.pg.fail_after = round ? 0 : 1;
		if (!round)
			drain_all_pages(&l.w.pg);
		for (unsigned i = 0; i < c->array_cap + 1u; i++)
			kmem_cache_free(c, p[i]);
		CHECK_EQ(l.w.pg.fail_after, 0);
		CHECK_EQ(c->cpu[0]->cap, round ? c->grown_cap : c->array_cap);
		for (unsigned i = c->array_cap + 1; i < ARRAY_SIZE(p); i++)
			kmem_cache_free(c, p[i]);
		CHECK_EQ(c->cpu[0]->cap, c->grown_cap);
		CHECK(slab_cpu_objects(c) > c->grown_cap - SLAB_MAX_BATCH);
		kmem_cache_info(c, &info);
		CHECK_EQ(info.active_objs, 0);
		check_caches(&l);
	}
	kmem_cache_shrink(c);
	CHECK_EQ(slab_cpu_objects(c), 0);
	CHECK_EQ(c->cpu[0]->cap, c->array_cap);
	kmem_cache_info(c, &info);
	CHECK_EQ(info.num_slabs, 0);
	lab_end(&l);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mm/slab");
	TCase *tc = tcase_create("slab");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_random, 0, 6);
	tcase_add_loop_test(tc, test_exhaustion, 0, 6);
	tcase_add_loop_test(tc, test_every_failure, 0, 6);
	tcase_add_loop_test(tc, test_init_failures, 0, 6);
	tcase_add_loop_test(tc, test_constructor, 0, 6);
	tcase_add_loop_test(tc, test_merge_and_destroy, 0, 6);
	tcase_add_loop_test(tc, test_shrink_and_info, 0, 6);
	tcase_add_loop_test(tc, test_kmalloc, 0, 6);
	tcase_add_loop_test(tc, test_array_grows, 0, 2);
	tcase_add_loop_test(tc, test_interrupted_array, 0, 6);
	tcase_add_loop_test(tc, test_remote_free, 0, 4);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
