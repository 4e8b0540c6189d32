/* SPDX-License-Identifier: MIT */
/* memblock against a plain array of bits, one bit for each unit of a small address space. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/mm/memblock.h"
#include "tests/unit/guest/fast_check.h"

#define UNITS 96
#define UNIT  0x1000ULL

struct model {
	struct memblock mb;
	signed char ram[UNITS]; /* node + 1, 0: no RAM */
	bool taken[UNITS];
};

static void check_against(const struct model *m)
{
	const char *broken = memblock_check(&m->mb);
	struct memblock_region r;
	bool free_seen[UNITS] = { false };
	phys_t pos = 0;
	u64 total = 0;

	if (broken)
		ck_abort_msg("%s", broken);
	while (memblock_next_free(&m->mb, &pos, &r)) {
		for (u64 u = r.base / UNIT; u < (r.base + r.size) / UNIT; u++) {
			CHECK_EQ(m->ram[u], r.node + 1);
			free_seen[u] = true;
		}
	}
	for (unsigned u = 0; u < UNITS; u++) {
		CHECK_EQ(free_seen[u], m->ram[u] && !m->taken[u]);
		CHECK_EQ(memblock_is_memory(&m->mb, u * UNIT, UNIT), m->ram[u] != 0);
		CHECK_EQ(memblock_is_reserved(&m->mb, u * UNIT, UNIT), m->taken[u]);
		total += m->ram[u] ? UNIT : 0;
	}
	CHECK_EQ(memblock_total(&m->mb), total);
}

/* What memblock_alloc() must find: the highest fitting run of free units. */
static phys_t model_alloc(struct model *m, unsigned units, unsigned align, unsigned limit, int node)
{
	for (unsigned at = (limit ? limit : UNITS) - units + 1; at-- > 1;) {
		bool fits = at % align == 0;

		for (unsigned u = at; fits && u < at + units; u++)
			fits = u < UNITS && m->ram[u] && m->ram[u] == m->ram[at] && !m->taken[u] &&
			       (node == MEMBLOCK_NO_NODE || m->ram[u] == node + 1);
		if (!fits)
			continue;
		memset(m->taken + at, true, units);
		return at * UNIT;
	}
	return 0;
}

static void random_step(struct model *m)
{
	unsigned at = (unsigned)rand() % UNITS;
	unsigned n = (unsigned)rand() % (UNITS - at) % 12 + 1;
	int node = rand() % 2;

	switch (rand() % 5) {
	case 0:
		CHECK_EQ(memblock_add(&m->mb, at * UNIT, n * UNIT, node), 0);
		for (unsigned u = at; u < at + n; u++)
			m->ram[u] = m->ram[u] ? m->ram[u] : (signed char)(node + 1);
		break;
	case 1:
		CHECK_EQ(memblock_remove(&m->mb, at * UNIT, n * UNIT), 0);
		memset(m->ram + at, 0, n);
		break;
	case 2:
		CHECK_EQ(memblock_reserve(&m->mb, at * UNIT, n * UNIT), 0);
		memset(m->taken + at, true, n);
		break;
	case 3:
		CHECK_EQ(memblock_free(&m->mb, at * UNIT, n * UNIT), 0);
		memset(m->taken + at, false, n);
		break;
	default: {
		unsigned align = 1u << rand() % 3, limit = rand() % 2 ? 40 : 0;
		struct memblock_request req = {
			.size = n * UNIT,
			.align = align * UNIT,
			.limit = limit * UNIT,
			.node = rand() % 3 - 1,
		};
		phys_t got = memblock_alloc(&m->mb, &req);

		CHECK_EQ(got, model_alloc(m, n, align, limit, req.node));
	}
	}
}

START_TEST(random_operations_match_the_model)
{
	struct model *m = calloc(1, sizeof(*m));

	srand((unsigned)_i + 1);
	memblock_init(&m->mb);
	for (int step = 0; step < 2000; step++) {
		random_step(m);
		check_against(m);
	}
	free(m);
}
END_TEST

START_TEST(neighbours_merge_only_on_the_same_node)
{
	struct memblock mb;

	memblock_init(&mb);
	memblock_add(&mb, 0x1000, 0x1000, 0);
	memblock_add(&mb, 0x2000, 0x1000, 0);
	ck_assert_uint_eq(mb.memory.count, 1);
	memblock_add(&mb, 0x3000, 0x1000, 1);
	ck_assert_uint_eq(mb.memory.count, 2);
	/* The gap closes: three regions become one. */
	memblock_reserve(&mb, 0x1000, 0x100);
	memblock_reserve(&mb, 0x1200, 0x100);
	memblock_reserve(&mb, 0x1100, 0x100);
	ck_assert_uint_eq(mb.reserved.count, 1);
	ck_assert_uint_eq(memblock_end(&mb), 0x4000);
}
END_TEST

START_TEST(page_zero_is_never_handed_out)
{
	struct memblock mb;
	struct memblock_request req = { .size = 0x1000, .align = 0x1000, .node = MEMBLOCK_NO_NODE };

	memblock_init(&mb);
	memblock_add(&mb, 0, 0x2000, MEMBLOCK_NO_NODE);
	ck_assert_uint_eq(memblock_alloc(&mb, &req), 0x1000);
	ck_assert_uint_eq(memblock_alloc(&mb, &req), 0);
}
END_TEST

START_TEST(bad_ranges_are_refused)
{
	struct memblock mb;
	int err = 0;

	memblock_init(&mb);
	ck_assert_int_eq(memblock_add(&mb, UINT64_MAX - 10, 100, 0), -EINVAL);
	ck_assert_int_eq(memblock_reserve(&mb, UINT64_MAX, 2), -EINVAL);
	ck_assert_int_eq(memblock_add(&mb, 0x1000, 0, 0), 0);
	ck_assert_uint_eq(mb.memory.count, 0);
	for (u64 i = 0; !err && i < 1000; i++)
		err = memblock_reserve(&mb, i * 0x2000, 0x1000);
	ck_assert_int_eq(err, -ENOSPC);
	ck_assert_ptr_null(memblock_check(&mb));
	/* A full list cannot split, and says so. */
	ck_assert_int_eq(memblock_free(&mb, 0x2100, 0x100), -ENOSPC);
	ck_assert_ptr_null(memblock_check(&mb));
}
END_TEST

START_TEST(the_top_of_the_address_space_works)
{
	struct memblock mb;
	struct memblock_request req = { .size = 0x1000, .align = 0x1000, .node = MEMBLOCK_NO_NODE };

	memblock_init(&mb);
	ck_assert_int_eq(memblock_add(&mb, 0xfffffffffffe0000, 0x1f000, 0), 0);
	ck_assert_uint_eq(memblock_alloc(&mb, &req), 0xffffffffffffe000);
	ck_assert_ptr_null(memblock_check(&mb));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("memblock");
	TCase *t = tcase_create("memblock");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, random_operations_match_the_model, 0, 20);
	tcase_add_test(t, neighbours_merge_only_on_the_same_node);
	tcase_add_test(t, page_zero_is_never_handed_out);
	tcase_add_test(t, bad_ranges_are_refused);
	tcase_add_test(t, the_top_of_the_address_space_works);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
