/* SPDX-License-Identifier: MIT */
/* Unit tests of guest/lib/list.h: against an array, under random operations. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/env/host.h"
#include "guest/lib/list.h"
#include "guest/lib/rand.h"
#include "tests/unit/guest/fast_check.h"

enum { N = 64, STEPS = 200000 };

struct item {
	int value;
	bool in_list;
	struct list_head link;
	struct hlist_node hash;
};

struct model {
	struct item *at[N];
	size_t n;
};

static void model_insert(struct model *m, size_t i, struct item *it)
{
	memmove(&m->at[i + 1], &m->at[i], (m->n - i) * sizeof(m->at[0]));
	m->at[i] = it;
	m->n++;
}

static void model_remove(struct model *m, const struct item *it)
{
	size_t i = 0;

	while (m->at[i] != it)
		i++;
	m->n--;
	memmove(&m->at[i], &m->at[i + 1], (m->n - i) * sizeof(m->at[0]));
}

static void compare(struct list_head *head, const struct model *m)
{
	struct item *it;
	size_t i = 0;

	CHECK(!list_check(head, N));
	list_for_each_entry (it, head, link)
		CHECK_EQ(it, m->at[i++]);
	CHECK_EQ(i, m->n);
	list_for_each_entry_reverse (it, head, link)
		CHECK_EQ(it, m->at[--i]);
	CHECK_EQ(list_empty(head), m->n == 0);
	CHECK_EQ(list_is_singular(head), m->n == 1);
	CHECK_EQ(list_first_entry_or_null(head, struct item, link), m->n ? m->at[0] : NULL);
}

START_TEST(random_operations_match_an_array)
{
	struct item items[N] = { 0 };
	struct model m = { 0 };
	LIST_HEAD(head);
	struct rand r;

	rand_init(&r, 1);
	for (int step = 0; step < STEPS; step++) {
		struct item *it = &items[rand_below(&r, N)];
		unsigned op = (unsigned)rand_below(&r, 4);

		if (!it->in_list) {
			if (op & 1) {
				list_add(&it->link, &head);
				model_insert(&m, 0, it);
			} else {
				list_add_tail(&it->link, &head);
				model_insert(&m, m.n, it);
			}
			it->in_list = true;
		} else if (op < 2) {
			list_del(&it->link);
			CHECK_EQ(it->link.next, LIST_POISON1);
			model_remove(&m, it);
			it->in_list = false;
		} else {
			model_remove(&m, it);
			if (op == 2) {
				list_move(&it->link, &head);
				model_insert(&m, 0, it);
			} else {
				list_move_tail(&it->link, &head);
				model_insert(&m, m.n, it);
			}
		}
		if (step % 64 == 0)
			compare(&head, &m);
	}
}
END_TEST

static void fill(struct list_head *head, struct item *items, int from, int to)
{
	INIT_LIST_HEAD(head);
	for (int i = from; i < to; i++) {
		items[i].value = i;
		list_add_tail(&items[i].link, head);
	}
}

static void expect(struct list_head *head, const char *order)
{
	char text[32] = "";
	struct item *it;
	size_t n = 0;

	list_for_each_entry (it, head, link)
		text[n++] = (char)('a' + it->value);
	ck_assert_str_eq(text, order);
	ck_assert_ptr_null(list_check(head, 32));
}

START_TEST(splice_and_replace)
{
	struct item items[8] = { 0 };
	struct list_head x, y;
	struct item other = { .value = 25 };

	fill(&x, items, 0, 3);
	fill(&y, items, 3, 6);
	list_splice_init(&y, &x);
	expect(&x, "defabc");
	ck_assert(list_empty(&y));
	list_splice_init(&y, &x);
	expect(&x, "defabc");

	fill(&x, items, 0, 3);
	fill(&y, items, 3, 6);
	list_splice_tail_init(&y, &x);
	expect(&x, "abcdef");
	list_replace(&items[2].link, &other.link);
	expect(&x, "abzdef");
	ck_assert(list_is_last(&items[5].link, &x));

	fill(&x, items, 0, 3);
	fill(&y, items, 3, 6);
	list_splice(&y, &x);
	expect(&x, "defabc");
	fill(&y, items, 6, 8);
	list_splice_tail(&y, &x);
	expect(&x, "defabcgh");
}
END_TEST

START_TEST(safe_walk_may_remove)
{
	struct item items[8] = { 0 }, *it, *tmp;
	struct list_head head;

	fill(&head, items, 0, 8);
	list_for_each_entry_safe (it, tmp, &head, link)
		if (it->value & 1)
			list_del_init(&it->link);
	expect(&head, "aceg");
	ck_assert(list_empty(&items[1].link));
}
END_TEST

START_TEST(misuse_is_found)
{
	struct item items[3] = { 0 };
	struct list_head head;

	fill(&head, items, 0, 2);
	list_del(&items[0].link);
	if (!env_host_expect_panic()) {
		list_del(&items[0].link);
		ck_abort_msg("the second list_del() went through");
	}
	ck_assert_ptr_nonnull(strstr(env_host_panic_text(), "POISON"));
	if (!env_host_expect_panic()) {
		list_add(&items[1].link, &head);
		ck_abort_msg("adding a member again went through");
	}
	if (!env_host_expect_panic()) {
		items[1].link.prev = &items[2].link;
		list_add(&items[2].link, &head);
		ck_abort_msg("a broken neighbour was not seen");
	}
}
END_TEST

START_TEST(check_names_the_broken_rule)
{
	struct item items[4] = { 0 };
	struct list_head head;

	fill(&head, items, 0, 4);
	ck_assert_ptr_null(list_check(&head, 4));
	ck_assert_str_eq(list_check(&head, 3),
			 "L1: longer than it can be, or a loop without the head");
	items[2].link.next = &items[1].link;
	ck_assert_str_eq(list_check(&head, 4), "L1: next->prev does not lead back");
	items[2].link.next = LIST_POISON1;
	ck_assert_str_eq(list_check(&head, 4), "L2: a member carries poison");
	items[2].link.next = NULL;
	ck_assert_str_eq(list_check(&head, 4), "L1: a link is NULL");
}
END_TEST

START_TEST(hash_chains)
{
	struct item items[5] = { 0 }, *it;
	struct hlist_head head;
	struct hlist_node *tmp;
	char text[8] = "";
	size_t n = 0;

	INIT_HLIST_HEAD(&head);
	ck_assert(hlist_empty(&head));
	for (int i = 0; i < 5; i++) {
		items[i].value = i;
		INIT_HLIST_NODE(&items[i].hash);
	}
	hlist_add_head(&items[0].hash, &head);
	hlist_add_head(&items[1].hash, &head);
	hlist_add_before(&items[2].hash, &items[0].hash);
	hlist_add_behind(&items[3].hash, &items[0].hash);
	hlist_add_behind(&items[4].hash, &items[1].hash);
	hlist_for_each_entry (it, &head, hash)
		text[n++] = (char)('a' + it->value);
	ck_assert_str_eq(text, "becad");
	hlist_for_each_entry_safe (it, tmp, &head, hash)
		if (it->value != 2)
			hlist_del_init(&it->hash);
	ck_assert(hlist_unhashed(&items[0].hash));
	hlist_del_init(&items[0].hash);
	ck_assert_ptr_eq(head.first, &items[2].hash);
	hlist_del(&items[2].hash);
	ck_assert(hlist_empty(&head));
	if (!env_host_expect_panic()) {
		hlist_del(&items[2].hash);
		ck_abort_msg("the second hlist_del() went through");
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("list");
	TCase *t = tcase_create("list");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, random_operations_match_an_array);
	tcase_add_test(t, splice_and_replace);
	tcase_add_test(t, safe_walk_may_remove);
	tcase_add_test(t, misuse_is_found);
	tcase_add_test(t, check_names_the_broken_rule);
	tcase_add_test(t, hash_chains);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
