/* SPDX-License-Identifier: MIT */
/* Unit tests of guest/lib/rbtree.[ch]: against a sorted array, with and without augmentation. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/rand.h"
#include "guest/lib/rbtree.h"
#include "tests/unit/guest/fast_check.h"

enum { SMALL = 24, LARGE = 4096 };

struct node {
	struct rb_node rb;
	unsigned key;
	unsigned weight;
	unsigned max_weight; /* of the subtree */
	unsigned stamp;	     /* order of insertion, for equal keys */
	bool in_tree;
};

static struct node *node_of(const struct rb_node *rb)
{
	return rb_entry((struct rb_node *)rb, struct node, rb);
}

static bool less(const struct rb_node *a, const struct rb_node *b)
{
	return node_of(a)->key < node_of(b)->key;
}

static int cmp(const void *key, const struct rb_node *rb)
{
	unsigned k = *(const unsigned *)key;

	return k < node_of(rb)->key ? -1 : k > node_of(rb)->key;
}

static unsigned max_of(const struct node *n)
{
	unsigned max = n->weight;

	if (n->rb.left && node_of(n->rb.left)->max_weight > max)
		max = node_of(n->rb.left)->max_weight;
	if (n->rb.right && node_of(n->rb.right)->max_weight > max)
		max = node_of(n->rb.right)->max_weight;
	return max;
}

static bool compute_max(struct node *n, bool exit)
{
	unsigned max = max_of(n);

	if (exit && n->max_weight == max)
		return true;
	n->max_weight = max;
	return false;
}

RB_DECLARE_CALLBACKS(max_callbacks, struct node, rb, max_weight, compute_max);

static bool aug_ok(const struct rb_node *rb)
{
	return node_of(rb)->max_weight == max_of(node_of(rb));
}

/* Nodes in key order, equal keys in order of insertion. */
struct model {
	struct node *at[LARGE];
	size_t n;
};

static size_t model_upper(const struct model *m, unsigned key)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (m->at[mid]->key <= key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void model_insert(struct model *m, struct node *n)
{
	size_t i = model_upper(m, n->key);

	memmove(&m->at[i + 1], &m->at[i], (m->n - i) * sizeof(m->at[0]));
	m->at[i] = n;
	m->n++;
}

static void model_remove(struct model *m, const struct node *n)
{
	size_t i = model_upper(m, n->key);

	while (m->at[i - 1] != n)
		i--;
	m->n--;
	memmove(&m->at[i - 1], &m->at[i], (m->n - i + 1) * sizeof(m->at[0]));
}

static void compare(const struct rb_root_cached *tree, const struct model *m, bool augmented)
{
	const char *broken = rb_check_cached(tree, less, augmented ? aug_ok : NULL);
	struct rb_node *rb;
	size_t i = 0;

	ck_assert_msg(!broken, "%s", broken);
	for (rb = rb_first_cached(tree); rb; rb = rb_next(rb))
		CHECK_EQ(node_of(rb), m->at[i++]);
	CHECK_EQ(i, m->n);
	for (rb = rb_last(&tree->root); rb; rb = rb_prev(rb))
		CHECK_EQ(node_of(rb), m->at[--i]);
}

static void insert(struct rb_root_cached *tree, struct node *n, bool augmented)
{
	if (augmented) {
		n->max_weight = n->weight;
		rb_add_augmented_cached(&n->rb, tree, less, &max_callbacks);
	} else {
		rb_add_cached(&n->rb, tree, less);
	}
}

static void churn(struct rand *r, size_t n_nodes, int steps, int every, bool augmented)
{
	static struct node nodes[LARGE];
	static struct model m;
	struct rb_root_cached tree = RB_ROOT_CACHED;

	memset(nodes, 0, sizeof(nodes));
	m.n = 0;
	for (int step = 0; step < steps; step++) {
		/* Waves, so that the tree empties and fills. */
		bool growing = (step / (int)(4 * n_nodes)) % 2 == 0;
		struct node *n = &nodes[rand_below(r, n_nodes)];

		if (!n->in_tree && (growing || rand_one_in(r, 3))) {
			n->key = (unsigned)rand_below(r, n_nodes);
			n->weight = (unsigned)rand_below(r, 1000);
			insert(&tree, n, augmented);
			model_insert(&m, n);
			n->in_tree = true;
		} else if (n->in_tree && (!growing || rand_one_in(r, 3))) {
			struct rb_node *was = rb_first_cached(&tree), *now;

			now = augmented ? rb_erase_augmented_cached(&n->rb, &tree, &max_callbacks)
					: rb_erase_cached(&n->rb, &tree);
			CHECK_EQ(now, was == &n->rb ? tree.leftmost : NULL);
			model_remove(&m, n);
			n->in_tree = false;
		}
		if (step % every == 0)
			compare(&tree, &m, augmented);
	}
	compare(&tree, &m, augmented);
}

START_TEST(small_trees_at_every_step)
{
	struct rand r;

	rand_init(&r, 2);
	churn(&r, SMALL, 60000, 1, false);
	churn(&r, SMALL, 60000, 1, true);
	churn(&r, 4, 20000, 1, true);
}
END_TEST

START_TEST(large_trees)
{
	struct rand r;

	rand_init(&r, 3);
	churn(&r, LARGE, 500000, 9973, false);
	churn(&r, LARGE, 500000, 9973, true);
}
END_TEST

START_TEST(height_is_logarithmic_for_ascending_keys)
{
	static struct node nodes[LARGE];
	struct rb_root root = RB_ROOT;
	unsigned deepest = 0;

	for (unsigned i = 0; i < LARGE; i++) {
		nodes[i].key = i;
		rb_add(&nodes[i].rb, &root, less);
	}
	for (unsigned i = 0; i < LARGE; i++) {
		unsigned depth = 0;

		for (struct rb_node *rb = &nodes[i].rb; rb; rb = rb_parent(rb))
			depth++;
		deepest = depth > deepest ? depth : deepest;
	}
	ck_assert_uint_le(deepest, 2 * 12 + 1);
	ck_assert_ptr_null(rb_check(&root, less, NULL));
}
END_TEST

START_TEST(find_and_replace)
{
	static struct node nodes[100], other;
	struct rb_root_cached tree = RB_ROOT_CACHED;
	unsigned key;

	for (unsigned i = 0; i < 100; i++) {
		nodes[i].key = i / 4 * 2;
		nodes[i].stamp = i;
		rb_add_cached(&nodes[i].rb, &tree, less);
	}
	for (key = 0; key < 52; key++) {
		struct rb_node *any = rb_find(&key, &tree.root, cmp);
		struct rb_node *first = rb_find_first(&key, &tree.root, cmp);

		ck_assert_int_eq(any != NULL, key % 2 == 0 && key < 50);
		ck_assert_int_eq(first != NULL, any != NULL);
		if (first) {
			ck_assert_uint_eq(node_of(any)->key, key);
			ck_assert_uint_eq(node_of(first)->stamp, key / 2 * 4);
		}
	}
	other = nodes[50];
	rb_replace_node(&nodes[50].rb, &other.rb, &tree.root);
	ck_assert_ptr_null(rb_check_cached(&tree, less, NULL));
	ck_assert_ptr_eq(rb_next(&nodes[49].rb), &other.rb);
	ck_assert_ptr_eq(rb_prev(&nodes[51].rb), &other.rb);
	RB_CLEAR_NODE(&nodes[50].rb);
	ck_assert(RB_EMPTY_NODE(&nodes[50].rb));
	ck_assert(!RB_EMPTY_NODE(&other.rb));
}
END_TEST

START_TEST(check_names_the_broken_rule)
{
	static struct node nodes[16];
	struct rb_root_cached tree = RB_ROOT_CACHED;
	struct rb_node *root, *leaf;

	for (unsigned i = 0; i < 16; i++) {
		nodes[i].key = i;
		nodes[i].weight = i;
		insert(&tree, &nodes[i], true);
	}
	root = tree.root.node;
	root->parent_color &= ~(uintptr_t)1;
	ck_assert_str_eq(rb_check(&tree.root, NULL, NULL), "R2: the root is red");
	root->parent_color |= 1;

	leaf = rb_last(&tree.root);
	leaf->parent_color ^= 1;
	ck_assert_ptr_nonnull(rb_check(&tree.root, NULL, NULL));
	leaf->parent_color ^= 1;

	rb_parent(leaf)->parent_color ^= 1;
	ck_assert_ptr_nonnull(rb_check(&tree.root, NULL, NULL));
	rb_parent(leaf)->parent_color ^= 1;

	nodes[7].key = 40;
	ck_assert_str_eq(rb_check(&tree.root, less, NULL), "a node is less than the one before it");
	nodes[7].key = 7;
	nodes[15].weight = 99;
	ck_assert_str_eq(rb_check(&tree.root, less, aug_ok), "an augmented value is stale");
	nodes[15].weight = 15;
	tree.leftmost = &nodes[1].rb;
	ck_assert_str_eq(rb_check_cached(&tree, less, aug_ok),
			 "the cached leftmost node is not the first");
	tree.leftmost = &nodes[0].rb;
	ck_assert_ptr_null(rb_check_cached(&tree, less, aug_ok));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rbtree");
	TCase *t = tcase_create("rbtree");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_test(t, small_trees_at_every_step);
	tcase_add_test(t, large_trees);
	tcase_add_test(t, height_is_logarithmic_for_ascending_keys);
	tcase_add_test(t, find_and_replace);
	tcase_add_test(t, check_names_the_broken_rule);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
