/* SPDX-License-Identifier: MIT */
/* Page tables against a plain array: what each small page of a window maps to. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "guest/env/host.h"
#include "guest/lib/rand.h"
#include "guest/mm/pagetable.h"
#include "tests/unit/guest/fast_check.h"

#define GiB    (1UL << 30)
#define MiB    (1UL << 20)
#define TABLES 8192
#define WINDOW (2 * 512 * 512UL) /* pages: 2 GiB */

static u8 *arena;
static u8 used[TABLES];
static unsigned nr_used, fail_in, flushes;

static phys_t get_table(void *arg)
{
	(void)arg;
	if (fail_in && --fail_in == 0)
		return 0;
	for (unsigned n = 0; n < TABLES; n++) {
		static unsigned next;

		next = next % (TABLES - 1) + 1;
		if (used[next])
			continue;
		used[next] = 1;
		nr_used++;
		memset(arena + next * PAGE_SIZE, 0, PAGE_SIZE);
		return next * PAGE_SIZE;
	}
	return 0;
}

static void put_table(void *arg, phys_t pa)
{
	(void)arg;
	CHECK(used[pa / PAGE_SIZE]);
	used[pa / PAGE_SIZE] = 0;
	nr_used--;
	memset(arena + pa, 0xff, PAGE_SIZE);
}

static void flush(u64 start, u64 last)
{
	CHECK(start <= last);
	flushes++;
}

static struct mm_env env = { .flush_tlb = flush };

static void make(struct pgtable *pt, unsigned levels, unsigned max_leaf)
{
	if (!arena)
		arena = mmap(NULL, TABLES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	env.linear_base = (u64)arena;
	*pt = (struct pgtable){ .levels = levels,
				.max_leaf = max_leaf,
				.has_nx = true,
				.env = &env,
				.alloc_table = get_table,
				.free_table = put_table };
	CHECK_EQ(pgtable_init(pt), 0);
}

static void check(const struct pgtable *pt)
{
	const char *broken = pgtable_check(pt);

	if (broken)
		ck_abort_msg("%s", broken);
	CHECK_EQ(nr_used, pt->nr_tables + 1);
}

static void end(struct pgtable *pt)
{
	check(pt);
	pgtable_destroy(pt);
	CHECK_EQ(nr_used, 0);
}

START_TEST(test_sizes)
{
	struct pgtable pt;
	struct pt_leaf leaf;
	u64 base = 0xffff888000000000UL;

	make(&pt, 4 + (_i & 1), 3);
	/* 4K up to 2M, 2M up to 1G, one of 1G, and down again. */
	CHECK_EQ(pgtable_map(&pt, base + GiB - 3 * MiB, GiB - 3 * MiB, GiB + 6 * MiB + PAGE_SIZE,
			     PAGE_KERNEL),
		 0);
	CHECK_EQ(pt.leaves[3], 1);
	CHECK_EQ(pt.leaves[2], 1 + 1);
	CHECK_EQ(pt.leaves[1], 256 + 256 + 1);
	CHECK(pgtable_lookup(&pt, base + GiB + 12345, &leaf));
	CHECK(leaf.level == 3 && leaf.pa == GiB + 12345 && leaf.va == base + GiB);
	CHECK(pgtable_lookup(&pt, base + GiB - 1, &leaf));
	CHECK(leaf.level == 2 && leaf.pa == GiB - 1);
	CHECK(!pgtable_lookup(&pt, base, &leaf));
	CHECK_EQ(pgtable_map(&pt, base + GiB + 5 * PAGE_SIZE, 0, PAGE_SIZE, PAGE_KERNEL), -EEXIST);
	check(&pt);
	/* One page of the giant becomes read-only: it comes apart, and together again. */
	CHECK_EQ(pgtable_protect(&pt, base + GiB + 4 * MiB, PAGE_SIZE, 0, _PAGE_RW), 0);
	CHECK_EQ(pt.leaves[3], 0);
	CHECK(pgtable_lookup(&pt, base + GiB + 4 * MiB, &leaf));
	CHECK(leaf.level == 1 && !(leaf.entry & _PAGE_RW) && leaf.pa == GiB + 4 * MiB);
	CHECK(pgtable_lookup(&pt, base + GiB + 5 * MiB, &leaf));
	CHECK(leaf.level == 1 && (leaf.entry & _PAGE_RW));
	CHECK(pgtable_lookup(&pt, base + GiB + 6 * MiB, &leaf) && leaf.level == 2);
	CHECK_EQ(pgtable_merge(&pt, base + GiB, GiB), 0);
	CHECK_EQ(pgtable_protect(&pt, base + GiB + 4 * MiB, PAGE_SIZE, _PAGE_RW, 0), 0);
	flushes = 0;
	CHECK_EQ(pgtable_merge(&pt, base + GiB, GiB), 2);
	CHECK_EQ(flushes, 2);
	CHECK_EQ(pt.leaves[3], 1);
	check(&pt);
	CHECK_EQ(pgtable_unmap(&pt, base, 4 * GiB), 0);
	CHECK_EQ(pt.nr_tables, 0);
	end(&pt);
}
END_TEST

START_TEST(test_top_of_the_address_space)
{
	struct pgtable pt;
	struct pt_leaf leaf;

	make(&pt, 4 + (_i & 1), 2);
	CHECK_EQ(pgtable_map(&pt, -2 * MiB, 6 * MiB, 2 * MiB, PAGE_KERNEL_ROX), 0);
	CHECK(pgtable_lookup(&pt, ~0UL, &leaf));
	CHECK(leaf.pa == 8 * MiB - 1 && leaf.level == 2);
	CHECK_EQ(pgtable_protect(&pt, -PAGE_SIZE, PAGE_SIZE, _PAGE_NX, 0), 0);
	CHECK(pgtable_lookup(&pt, ~0UL, &leaf) && (leaf.entry & _PAGE_NX) && leaf.level == 1);
	CHECK_EQ(pgtable_unmap(&pt, -PAGE_SIZE, PAGE_SIZE), 0);
	CHECK(!pgtable_lookup(&pt, ~0UL, &leaf));
	CHECK_EQ(pt_canonical(&pt, 1UL << (11 + 9 * pt.levels)), ~0UL << (11 + 9 * pt.levels));
	end(&pt);
}
END_TEST

START_TEST(test_user_and_nx)
{
	struct pgtable pt;
	struct pt_leaf leaf;
	phys_t table;

	make(&pt, 4, 3);
	pt.has_nx = false;
	CHECK_EQ(pgtable_map(&pt, 0x400000, 0x5000, PAGE_SIZE, PAGE_KERNEL), 0);
	CHECK_EQ(pgtable_map(&pt, 0x401000, 0x6000, PAGE_SIZE, PAGE_KERNEL | _PAGE_USER), 0);
	CHECK(pgtable_lookup(&pt, 0x401000, &leaf));
	CHECK((leaf.entry & _PAGE_USER) && !(leaf.entry & _PAGE_NX));
	table = pt.root;
	for (unsigned l = 4; l > 1; l--) {
		u64 e = ((u64 *)(arena + table))[0x401000UL >> (12 + 9 * (l - 1)) & 511];

		CHECK(e & _PAGE_USER);
		table = e & PT_ADDR_MASK;
	}
	end(&pt);
}
END_TEST

/* ---- the model ------------------------------------------------------------------------------------------ */

static u64 model[WINDOW]; /* entry as a 4K page would have it, 0: none */

struct compare {
	u64 base;
	u64 next; /* index of the first page not seen yet */
};

static bool compare_leaf(void *arg, const struct pt_leaf *leaf)
{
	struct compare *c = arg;
	u64 first = (leaf->va - c->base) / PAGE_SIZE, n = pt_size_of(leaf->level) / PAGE_SIZE;

	for (; c->next < first; c->next++)
		CHECK_EQ(model[c->next], 0);
	CHECK_EQ(c->next, first);
	for (u64 i = 0; i < n; i++)
		CHECK_EQ(model[c->next++],
			 (leaf->pa + i * PAGE_SIZE) | (leaf->entry & ~PT_ADDR_MASK & ~_PAGE_PSE));
	return true;
}

static void compare(const struct pgtable *pt, u64 base)
{
	struct compare c = { base, 0 };

	pgtable_walk(pt, base, base + WINDOW * PAGE_SIZE - 1, compare_leaf, &c);
	for (; c.next < WINDOW; c.next++)
		CHECK_EQ(model[c.next], 0);
}

static u64 random_len(struct rand *r)
{
	switch (rand_below(r, 4)) {
	case 0:
		return rand_range(r, 1, 8);
	case 1:
		return 512 * rand_range(r, 1, 4);
	case 2:
		return rand_range(r, 1, 2000);
	default:
		return rand_one_in(r, 8) ? 512 * 512 : 512;
	}
}

static void random_step(struct pgtable *pt, u64 base, struct rand *r)
{
	u64 len = random_len(r), align = len % 512 ? 1 : len % (512 * 512) ? 512 : 512 * 512;
	u64 at = rand_below(r, WINDOW) / align * align, pa = at * PAGE_SIZE;
	u64 va = base + at * PAGE_SIZE;
	bool all_free = true;
	int err;

	if (at + len > WINDOW)
		return;
	for (u64 i = at; i < at + len; i++)
		all_free = all_free && !model[i];
	/* Sometimes out of step with the address, so that no large page fits. */
	if (rand_one_in(r, 4))
		pa += PAGE_SIZE;
	switch (rand_below(r, 6)) {
	case 0:
	case 1:
		err = pgtable_map(pt, va, pa, len * PAGE_SIZE, PAGE_KERNEL);
		CHECK(err == (all_free ? 0 : -EEXIST) || err == -ENOMEM);
		for (u64 i = 0; !err && i < len; i++)
			model[at + i] = (pa + i * PAGE_SIZE) | PAGE_KERNEL;
		break;
	case 2:
	case 3:
		err = pgtable_unmap(pt, va, len * PAGE_SIZE);
		if (!err)
			memset(model + at, 0, len * sizeof(u64));
		else
			CHECK_EQ(err, -ENOMEM);
		break;
	case 4:
		err = pgtable_protect(pt, va, len * PAGE_SIZE, 0, _PAGE_RW);
		for (u64 i = 0; !err && i < len; i++)
			model[at + i] &= ~_PAGE_RW;
		break;
	default:
		/* Apart, and together again. */
		pgtable_split(pt, va, 1 + (unsigned)rand_below(r, 2));
		if (rand_one_in(r, 2))
			pgtable_merge(pt, va, len * PAGE_SIZE);
	}
}

START_TEST(test_random)
{
	struct pgtable pt;
	struct rand r;
	u64 base = _i % 2 ? 0xffffc90000000000UL : 0x40000000UL;

	make(&pt, _i < 2 ? 4 : 5, 3);
	memset(model, 0, sizeof(model));
	rand_init(&r, (u64)_i);
	for (unsigned n = 0; n < 6000; n++) {
		/* Memory for tables is refused now and then. */
		fail_in = rand_one_in(&r, 5) ? (unsigned)rand_range(&r, 1, 4) : 0;
		random_step(&pt, base, &r);
		fail_in = 0;
		if (n % 1500 == 0) {
			compare(&pt, base);
			check(&pt);
		}
	}
	compare(&pt, base);
	CHECK_EQ(pgtable_unmap(&pt, base, WINDOW * PAGE_SIZE), 0);
	CHECK_EQ(pt.nr_tables, 0);
	CHECK(pt.splits > 20 && pt.merges > 0);
	end(&pt);
}
END_TEST

START_TEST(test_no_memory)
{
	struct pgtable pt;
	bool failed = true;

	make(&pt, 5, 3);
	for (unsigned n = 1; failed; n++) {
		fail_in = n;
		failed =
			pgtable_map(&pt, GiB - PAGE_SIZE, 0x7000, 40 * MiB, PAGE_KERNEL) == -ENOMEM;
		fail_in = 0;
		check(&pt);
		CHECK_EQ(pt.nr_tables == 0, failed);
	}
	pgtable_unmap(&pt, 0, 1UL << 40);
	fail_in = 1;
	pt.root = 0;
	CHECK_EQ(pgtable_init(&pt), -ENOMEM);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mm/pagetable");
	TCase *tc = tcase_create("pagetable");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_sizes, 0, 2);
	tcase_add_loop_test(tc, test_top_of_the_address_space, 0, 2);
	tcase_add_test(tc, test_user_and_nx);
	tcase_add_loop_test(tc, test_random, 0, 4);
	tcase_add_test(tc, test_no_memory);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
