/* SPDX-License-Identifier: MIT */
/* kmemleak against reachability computed the plain way, on random graphs of blocks; and through the
 * slab allocator. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/rand.h"
#include "guest/mm/kmemleak.h"
#include "guest/mm/slab.h"
#include "tests/unit/guest/mm_env_host.h"

#define MiB   (1UL << 20)
#define NODES 300
#define LINKS 4

static struct mm_env env = { .backtrace = host_backtrace };

static void check_kl(struct kmemleak *kl)
{
	const char *broken = kmemleak_check(kl);

	if (broken)
		ck_abort_msg("%s", broken);
}

struct node {
	u64 noise;
	void *link[LINKS];
};

static struct {
	struct node *node[NODES];
	void *root[20];
} graph;

/* All that roots lead to. */
static void mark(const struct node *n, bool *reached)
{
	for (unsigned i = 0; i < NODES; i++) {
		/* A pointer into the middle counts as well. */
		if (!graph.node[i] || (u64)n - (u64)graph.node[i] >= sizeof(struct node))
			continue;
		if (reached[i])
			return;
		reached[i] = true;
		for (unsigned l = 0; l < LINKS; l++)
			if (graph.node[i]->link[l])
				mark(graph.node[i]->link[l], reached);
	}
}

static void random_graph(struct kmemleak *kl, struct rand *r)
{
	for (unsigned i = 0; i < NODES; i++) {
		graph.node[i] = calloc(1, sizeof(struct node));
		kmemleak_alloc(kl, graph.node[i], sizeof(struct node), 1);
	}
	for (unsigned i = 0; i < NODES; i++)
		for (unsigned l = 0; l < LINKS; l++)
			if (rand_one_in(r, 3))
				graph.node[i]->link[l] = (u8 *)graph.node[rand_below(r, NODES)] +
							 rand_below(r, sizeof(struct node));
	for (unsigned i = 0; i < 20; i++)
		graph.root[i] = rand_one_in(r, 2) ? graph.node[rand_below(r, NODES)] : NULL;
}

START_TEST(test_random_graphs)
{
	struct kmemleak kl;
	struct rand r;

	env_host_log_to_stderr(0);
	rand_init(&r, 9);
	for (unsigned round = 0; round < 150; round++) {
		bool reached[NODES] = { false };
		u64 lost = 0;

		kmemleak_init(&kl, &env, 0);
		CHECK_EQ(kmemleak_add_root(&kl, graph.root, sizeof(graph.root)), 0);
		random_graph(&kl, &r);
		for (unsigned i = 0; i < 20; i++)
			if (graph.root[i])
				mark(graph.root[i], reached);
		for (unsigned i = 0; i < NODES; i++)
			lost += !reached[i];
		check_kl(&kl);
		CHECK_EQ(kmemleak_scan(&kl), 0); /* the first only takes notes */
		CHECK_EQ(kmemleak_scan(&kl), lost);
		CHECK_EQ(kmemleak_scan(&kl), 0); /* reported once */
		CHECK_EQ(kl.nr_leaks, lost);
		for (unsigned i = 0; i < NODES; i++) {
			kmemleak_free(&kl, graph.node[i]);
			free(graph.node[i]);
		}
		CHECK_EQ(kl.nr_leaks, 0);
		CHECK_EQ(kl.nr_objects, 0);
		kmemleak_destroy(&kl);
	}
	CHECK_EQ(env_host_live_allocs(), 0);
}
END_TEST

START_TEST(test_rules)
{
	struct kmemleak kl;
	static void *root[2];
	u64 *a = calloc(1, 64), *b = calloc(1, 64), *c = calloc(1, 64);
	static char text[4096];
	struct seq s;
	struct seq_buf buf;

	env_host_log_to_stderr(0);
	env_host_set_now(1000);
	kmemleak_init(&kl, &env, 5000);
	kmemleak_add_root(&kl, root, sizeof(root));
	kmemleak_alloc(&kl, a, 64, 1);
	kmemleak_alloc(&kl, b, 64, 2);
	kmemleak_alloc(&kl, c, 64, 1);
	/* Too young, then changed in between, then reported. */
	kmemleak_scan(&kl);
	CHECK_EQ(kmemleak_scan(&kl), 0);
	env_host_set_now(7000);
	a[3] = 77;
	b[3] = 77;
	c[3] = 77;
	CHECK_EQ(kmemleak_scan(&kl), 0);
	root[0] = b; /* one reference where two are needed */
	a[0] = (u64)c;
	root[1] = (u8 *)a + 63;
	a[0] = 0;
	CHECK_EQ(kmemleak_scan(&kl), 2); /* b and c */
	seq_to_buf(&s, &buf, text, sizeof(text));
	kmemleak_show(&kl, &s);
	ck_assert_ptr_nonnull(strstr(text, "unreferenced object 0x"));
	ck_assert_ptr_nonnull(strstr(text, "(size 64):\n  allocated on CPU 0 at 0.000 s\n"));
	ck_assert_ptr_nonnull(strstr(text, "    [<0000000000002000>]"));
	kmemleak_clear(&kl);
	CHECK_EQ(kl.nr_leaks, 0);
	seq_to_buf(&s, &buf, text, sizeof(text));
	kmemleak_show(&kl, &s);
	ck_assert_str_eq(text, "");
	/* What holds no pointers leads nowhere. */
	kmemleak_free(&kl, c);
	kmemleak_alloc(&kl, c, 64, 1);
	env_host_set_now(20000);
	a[0] = (u64)c;
	kmemleak_scan(&kl);
	CHECK_EQ(kmemleak_scan(&kl), 0);
	kmemleak_no_scan(&kl, a);
	kmemleak_scan(&kl);
	CHECK_EQ(kmemleak_scan(&kl), 1);
	CHECK_EQ(kl.nr_leaks, 1);
	kmemleak_free(&kl, c);
	kmemleak_free(&kl, c); /* not known */
	ck_assert_ptr_nonnull(strstr(env_host_log_text(), "not known"));
	kmemleak_alloc(&kl, (u8 *)b + 8, 8, 1); /* inside another */
	ck_assert_ptr_nonnull(strstr(env_host_log_text(), "overlaps"));
	check_kl(&kl);
	env_host_fail_after(1);
	kmemleak_alloc(&kl, c, 64, 1);
	CHECK(kl.disabled);
	env_host_fail_after(0);
	CHECK_EQ(kmemleak_scan(&kl), 0);
	kmemleak_remove_root(&kl, root);
	kmemleak_destroy(&kl);
	CHECK_EQ(env_host_live_allocs(), 0);
	free(a);
	free(b);
	free(c);
}
END_TEST

/* kmalloc() tells it by itself. */
START_TEST(test_through_slab)
{
	struct world w;
	struct slab_sys s;
	struct kmemleak kl;
	static void *root;
	void **p;

	env_host_log_to_stderr(0);
	world_make(&w, 32 * MiB, &(struct pgalloc_opts){ .dma_end = 8 * MiB });
	CHECK_EQ(slab_sys_init(&s, &w.pg, &slub_ops, SLAB_LEAK_TRACE | (_i ? SLAB_DEBUG_FLAGS : 0)),
		 0);
	kmemleak_init(&kl, &env, 0);
	s.leak = &kl;
	kmemleak_add_root(&kl, &root, sizeof(root));
	root = p = kzalloc(&s, 64, GFP_KERNEL);
	for (unsigned i = 0; i < 50; i++) {
		*p = kzalloc(&s, 100 + i, GFP_KERNEL);
		p = *p;
	}
	kmemleak_scan(&kl);
	CHECK_EQ(kmemleak_scan(&kl), 0);
	CHECK_EQ(kl.nr_objects, 51);
	/* The chain is cut in the middle. */
	p = root;
	for (unsigned i = 0; i < 20; i++)
		p = *p;
	p[1] = *p;
	p[1] = (void *)((u64)p[1] ^ 1UL << 63);
	*p = NULL;
	CHECK_EQ(kmemleak_scan(&kl), 0);
	CHECK_EQ(kmemleak_scan(&kl), 30);
	*p = (void *)((u64)p[1] ^ 1UL << 63);
	for (p = root; p;) {
		void **next = *p;

		kfree(&s, p);
		p = next;
	}
	CHECK_EQ(kl.nr_objects, 0);
	CHECK_EQ(slab_sys_destroy(&s), 0);
	kmemleak_destroy(&kl);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mm/kmemleak");
	TCase *tc = tcase_create("kmemleak");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_random_graphs);
	tcase_add_test(tc, test_rules);
	tcase_add_loop_test(tc, test_through_slab, 0, 2);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
