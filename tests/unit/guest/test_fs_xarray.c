/* SPDX-License-Identifier: MIT */
/* The radix tree against a plain array: random stores, erasures, marks and searches. */
#include <stdlib.h>

#include "guest/env/host.h"
#include "guest/lib/rand.h"
#include "guest/lib/xarray.h"
#include "tests/unit/guest/fast_check.h"

#define SPACE 3000u

/* Model index i stands for an index that is near, far, or very far. */
static u64 spread(unsigned i)
{
	return i < 1000	  ? i
	       : i < 2000 ? 100000 + (u64)(i - 1000) * 64
			  : ~0ULL - (2999 - i) * 4096ULL;
}

struct model {
	void *entry[SPACE];
	bool mark[XA_MARKS][SPACE];
};

static void check_search(const struct xarray *xa, const struct model *m, unsigned from, unsigned to,
			 int mark)
{
	u64 index = spread(from), last = spread(to);
	void *got = mark < 0 ? xa_find(xa, &index, last) : xa_find_marked(xa, &index, last, mark);
	unsigned i;

	for (i = from; i <= to; i++)
		if (m->entry[i] && (mark < 0 || m->mark[mark][i]))
			break;
	if (i > to) {
		CHECK_EQ(got, NULL);
	} else {
		CHECK_EQ(got, m->entry[i]);
		CHECK_EQ(index, spread(i));
	}
}

static void check_reverse(const struct xarray *xa, const struct model *m, unsigned from,
			  unsigned to)
{
	u64 index = spread(to);
	void *got = xa_find_rev(xa, &index, spread(from));
	unsigned i = to + 1;

	while (i > from && !m->entry[i - 1])
		i--;
	CHECK_EQ(got, i > from ? m->entry[i - 1] : NULL);
	if (got)
		CHECK_EQ(index, spread(i - 1));
}

static void check_gap(const struct xarray *xa, const struct model *m, unsigned from, unsigned to)
{
	u64 index = 0;
	unsigned i = from;

	/* Below 1000 the model is dense. */
	while (i <= to && m->entry[i])
		i++;
	CHECK_EQ(xa_find_gap(xa, from, to, &index), i <= to);
	if (i <= to)
		CHECK_EQ(index, i);
}

/* Across nodes and gaps between them, and over the end of all. */
static void check_range(const struct xarray *xa, u64 around, struct rand *r)
{
	void *got[150];
	unsigned n = (unsigned)rand_below(r, ARRAY_SIZE(got)) + 1;
	u64 first = around - rand_below(r, 80);

	xa_load_range(xa, first, n, got);
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(got[i], xa_load(xa, first + i));
}

START_TEST(test_against_array)
{
	struct model *m = calloc(1, sizeof(*m));
	struct xarray xa;
	struct rand r;
	u64 count = 0;

	env_host_reset();
	rand_init(&r, 42 + (u64)_i);
	xa_init(&xa, &xa_env_mem);
	for (unsigned step = 0; step < 30000; step++) {
		unsigned i = (unsigned)rand_below(&r, SPACE), j;
		enum xa_mark mark = (enum xa_mark)rand_below(&r, XA_MARKS);
		void *entry = (void *)(uintptr_t)(step * 8 + 8), *old = NULL;

		/* Sometimes mostly full, sometimes mostly empty. */
		switch (rand_below(&r, 8)) {
		case 0:
		case 1:
			if ((step / 4000) % 2)
				goto erase;
			CHECK_EQ(xa_store(&xa, spread(i), entry, &old), 0);
			CHECK_EQ(old, m->entry[i]);
			count += !m->entry[i];
			m->entry[i] = entry;
			break;
		case 2:
erase:
			CHECK_EQ(xa_erase(&xa, spread(i)), m->entry[i]);
			count -= !!m->entry[i];
			m->entry[i] = NULL;
			for (unsigned k = 0; k < XA_MARKS; k++)
				m->mark[k][i] = false;
			break;
		case 3:
			xa_set_mark(&xa, spread(i), mark);
			m->mark[mark][i] = m->entry[i] != NULL;
			break;
		case 4:
			xa_clear_mark(&xa, spread(i), mark);
			m->mark[mark][i] = false;
			break;
		default:
			j = i + (unsigned)rand_below(&r, SPACE - i);
			CHECK_EQ(xa_load(&xa, spread(i)), m->entry[i]);
			CHECK_EQ(xa_get_mark(&xa, spread(i), mark), m->mark[mark][i]);
			check_range(&xa, spread(i), &r);
			check_search(&xa, m, i, j, -1);
			check_reverse(&xa, m, i, j);
			check_search(&xa, m, i, j, mark);
			if (j < 1000)
				check_gap(&xa, m, i, j);
		}
		CHECK_EQ(xa.count, count);
		if (step % 500 == 0)
			ck_assert_msg(!xa_check(&xa), "%s", xa_check(&xa));
	}
	xa_destroy(&xa);
	CHECK_EQ(env_host_live_allocs(), 0);
	free(m);
}
END_TEST

START_TEST(test_no_memory)
{
	static const u64 at[] = { 0, 5, 64, 4096, 1ULL << 40, ~0ULL, 77 };
	struct xarray xa;

	env_host_reset();
	for (unsigned n = 1; n < 40; n++) {
		unsigned stored = 0;

		xa_init(&xa, &xa_env_mem);
		env_host_fail_after(n);
		for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
			int err = xa_store(&xa, at[i], &xa, NULL);

			CHECK(!err || err == -12);
			CHECK_EQ(xa_load(&xa, at[i]), err ? NULL : &xa);
			stored += !err;
			CHECK(!xa_check(&xa));
		}
		env_host_fail_after(0);
		CHECK_EQ(xa.count, stored);
		xa_destroy(&xa);
		CHECK_EQ(env_host_live_allocs(), 0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("xarray");
	TCase *tc = tcase_create("xarray");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_against_array, 0, 4);
	tcase_add_test(tc, test_no_memory);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
