/* SPDX-License-Identifier: MIT */
/* Unit tests of mm/layout.c. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mm/layout.h"

static const u64 sizes[] = {
	MiB,
	MiB + 4 * KiB,
	2 * MiB,
	16 * MiB,
	100 * MiB + 12 * KiB,
	256 * MiB,
	3 * GiB - 4 * KiB,
	3 * GiB,
	3 * GiB + 4 * KiB,
	4 * GiB,
	4 * GiB + 8 * KiB,
	64 * GiB,
	TiB,
	4 * TiB - GiB,
	4 * TiB,
	16 * TiB - 4 * KiB,
	16 * TiB,
};

/* Restated from guest_mem.h, page by page, and not from layout.c. */
static bool model_is_ram(u64 size, u64 gpa)
{
	if (gpa < 0xa0000)
		return gpa < size;
	if (gpa < 0xc0000)
		return false;
	if (gpa < 0xc0000000)
		return gpa < size;
	if (gpa < 0x100000000)
		return false;
	return gpa < size + 0x40000000;
}

static bool layout_is_ram(const struct mem_region *r, size_t nr, u64 gpa)
{
	for (size_t i = 0; i < nr; i++)
		if (gpa >= r[i].gpa.v && gpa < r[i].gpa.v + r[i].size)
			return true;
	return false;
}

static void check_edges(u64 size, const struct mem_region *r, size_t nr)
{
	const u64 edges[] = { 0xa0000,	   0xc0000, 0x100000,	       0xc0000000,
			      0x100000000, size,    size + 0x40000000, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		for (u64 gpa = edges[i] - 1; gpa != edges[i] + 1; gpa++)
			ck_assert_msg(layout_is_ram(r, nr, gpa) == model_is_ram(size, gpa),
				      "size %#llx gpa %#llx", (unsigned long long)size,
				      (unsigned long long)gpa);
}

START_TEST(every_size_and_node_count)
{
	const u64 units[] = { 2 * MiB, GiB };

	for (size_t u = 0; u < ARRAY_SIZE(units); u++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			for (unsigned n = 1; n <= MEM_MAX_NODES; n++) {
				struct mem_layout l = { sizes[i], units[u], n };
				struct mem_region r[MEM_MAX_REGIONS] = { 0 };
				const char *broken;
				size_t nr;

				if (n > 1 && sizes[i] < n * units[u])
					continue;
				nr = layout_build(&l, r);
				broken = layout_check(&l, r, nr);
				ck_assert_msg(!broken, "%#llx, %u nodes: %s",
					      (unsigned long long)sizes[i], n, broken);
				check_edges(sizes[i], r, nr);
			}
}
END_TEST

START_TEST(random_sizes)
{
	srand(11);
	for (unsigned i = 0; i < 5000; i++) {
		u64 size = MiB + ((u64)rand() << 13 >> rand() % 24) % (16 * TiB - MiB);
		struct mem_layout l = { ALIGN_DOWN(size, GUEST_PAGE_SIZE), 2 * MiB,
					1 + (unsigned)rand() % MEM_MAX_NODES };
		struct mem_region r[MEM_MAX_REGIONS] = { 0 };
		const char *broken;
		size_t nr;

		if (l.size < l.nr_nodes * l.unit)
			l.nr_nodes = 1;
		nr = layout_build(&l, r);
		broken = layout_check(&l, r, nr);
		ck_assert_msg(!broken, "%#llx, %u nodes: %s", (unsigned long long)l.size,
			      l.nr_nodes, broken);
		check_edges(l.size, r, nr);
	}
}
END_TEST

static void expect(u64 size, unsigned nodes, const struct mem_region *want, size_t nr_want)
{
	struct mem_layout l = { size, 2 * MiB, nodes };
	struct mem_region r[MEM_MAX_REGIONS] = { 0 };
	size_t nr = layout_build(&l, r);

	ck_assert_uint_eq(nr, nr_want);
	for (size_t i = 0; i < nr; i++) {
		ck_assert_uint_eq(r[i].gpa.v, want[i].gpa.v);
		ck_assert_uint_eq(r[i].size, want[i].size);
		ck_assert_uint_eq(r[i].node, want[i].node);
	}
}

START_TEST(known_layouts)
{
	const struct mem_region smallest[] = {
		{ .gpa = { 0 }, .size = 0xa0000 },
		{ .gpa = { 0xc0000 }, .size = 0x40000 },
	};
	const struct mem_region one_page_high[] = {
		{ .gpa = { 0 }, .size = 0xa0000 },
		{ .gpa = { 0xc0000 }, .size = 0xc0000000 - 0xc0000 },
		{ .gpa = { 0x100000000 }, .size = 0x1000 },
	};
	/* The cut at 2.5 GiB leaves node 1 on both sides of the hole. */
	const struct mem_region two_nodes[] = {
		{ .gpa = { 0 }, .size = 0xa0000 },
		{ .gpa = { 0xc0000 }, .size = 0xa0000000 - 0xc0000 },
		{ .gpa = { 0xa0000000 }, .size = 0x20000000, .node = 1 },
		{ .gpa = { 0x100000000 }, .size = 0x80000000, .node = 1 },
	};
	/* A third of 16 MiB is rounded down to whole 2 MiB, the last node has the rest. */
	const struct mem_region three_nodes[] = {
		{ .gpa = { 0 }, .size = 0xa0000 },
		{ .gpa = { 0xc0000 }, .size = 0x400000 - 0xc0000 },
		{ .gpa = { 0x400000 }, .size = 0x600000, .node = 1 },
		{ .gpa = { 0xa00000 }, .size = 0x600000, .node = 2 },
	};

	expect(MiB, 1, smallest, ARRAY_SIZE(smallest));
	expect(3 * GiB, 1, one_page_high, ARRAY_SIZE(one_page_high) - 1);
	expect(3 * GiB + 4 * KiB, 1, one_page_high, ARRAY_SIZE(one_page_high));
	expect(5 * GiB, 2, two_nodes, ARRAY_SIZE(two_nodes));
	expect(16 * MiB, 3, three_nodes, ARRAY_SIZE(three_nodes));
}
END_TEST

START_TEST(end_and_max_size_agree)
{
	ck_assert_uint_eq(layout_end(3 * GiB), 3 * GiB);
	ck_assert_uint_eq(layout_end(3 * GiB + 4 * KiB), 4 * GiB + 4 * KiB);
	ck_assert_uint_eq(layout_max_size(1ULL << 36), 63 * GiB);
	ck_assert_uint_eq(layout_max_size(1ULL << 32), 3 * GiB);
	ck_assert_uint_eq(layout_max_size(1ULL << 30), GiB);
	for (unsigned bits = 20; bits < 57; bits++) {
		u64 limit = 1ULL << bits, max = layout_max_size(limit);

		ck_assert_uint_le(layout_end(max), limit);
		ck_assert_uint_gt(layout_end(max + 4 * KiB), limit);
	}
}
END_TEST

/* The checker itself must see each kind of damage. */
START_TEST(check_sees_damage)
{
	struct mem_layout l = { 5 * GiB, 2 * MiB, 2 };
	struct mem_region good[MEM_MAX_REGIONS] = { 0 }, r[MEM_MAX_REGIONS];
	size_t nr = layout_build(&l, good);

#define DAMAGE(change)                                          \
	do {                                                    \
		memcpy(r, good, sizeof(r));                     \
		change;                                         \
		ck_assert_ptr_nonnull(layout_check(&l, r, nr)); \
	} while (0)
	ck_assert_ptr_null(layout_check(&l, good, nr));
	DAMAGE(r[0].size += 0x1000);
	DAMAGE(r[1].gpa.v -= 0x1000);
	DAMAGE(r[2].size = 0);
	DAMAGE(r[2].size += 0x1000);
	DAMAGE(r[3].size -= 0x1000);
	DAMAGE(r[3].size -= 1);
	DAMAGE(r[3].node = 2);
	DAMAGE(r[1].node = 1);
	DAMAGE(r[3].size = -r[3].gpa.v);
	DAMAGE(r[3].host = (u8 *)0x7f0000001000);
#undef DAMAGE
	ck_assert_ptr_nonnull(layout_check(&l, good, nr - 1));
	ck_assert_ptr_nonnull(layout_check(&l, good, 0));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("layout");
	TCase *t = tcase_create("layout");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, every_size_and_node_count);
	tcase_add_test(t, random_sizes);
	tcase_add_test(t, known_layouts);
	tcase_add_test(t, end_and_max_size_agree);
	tcase_add_test(t, check_sees_damage);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
