/* SPDX-License-Identifier: MIT */
/* Unit tests of mm/mem_config.c: what is refused, and in which words. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mm/guest_mem.h"

#define OK(...)                        \
	{                              \
		{ __VA_ARGS__ }, 0, "" \
	}
#define REFUSED(err, line, ...)            \
	{                                  \
		{ __VA_ARGS__ }, err, line \
	}

static const struct {
	struct mem_config cfg;
	int err;
	const char *line;
} cases[] = {
	OK(.size = 256 * MiB, .nr_nodes = 1),
	OK(.size = MiB, .nr_nodes = 1),
	OK(.size = 16 * TiB, .nr_nodes = 8),
	OK(.size = 16 * MiB, .nr_nodes = 8),
	OK(.size = 256 * MiB, .nr_nodes = 1, .backing = MEM_BACKING_1G),
	OK(.size = 1023 * GiB, .nr_nodes = 1, .phys_addr_limit = 1ULL << 40),
	OK(.size = 3 * GiB, .nr_nodes = 1, .phys_addr_limit = 1ULL << 32),
	REFUSED(-EINVAL, "--mem 0: a guest needs at least 1 MiB", .size = 0, .nr_nodes = 1),
	REFUSED(-EINVAL, "--mem 1020K: a guest needs at least 1 MiB", .size = MiB - 4 * KiB,
		.nr_nodes = 1),
	REFUSED(-EINVAL, "--mem 1234567B: not a multiple of 4 KiB", .size = 1234567, .nr_nodes = 1),
	REFUSED(-EINVAL, "--mem 1025K: not a multiple of 4 KiB", .size = 1025 * KiB, .nr_nodes = 1),
	REFUSED(-E2BIG, "--mem 20T: above 16 TiB, the most this VMM maps", .size = 20 * TiB,
		.nr_nodes = 1),
	REFUSED(-E2BIG, "--mem ~16777215T: above 16 TiB, the most this VMM maps",
		.size = UINT64_MAX, .nr_nodes = 1),
	REFUSED(-E2BIG,
		"--mem 1T: this CPU has 40-bit physical addresses, at most 1023G of RAM fit",
		.size = TiB, .nr_nodes = 1, .phys_addr_limit = 1ULL << 40),
	REFUSED(-E2BIG,
		"--mem 3145732K: this CPU has 32-bit physical addresses, at most 3G of RAM fit",
		.size = 3 * GiB + 4 * KiB, .nr_nodes = 1, .phys_addr_limit = 1ULL << 32),
	REFUSED(-EINVAL, "--numa 0: a guest has 1 to 8 nodes", .size = GiB, .nr_nodes = 0),
	REFUSED(-EINVAL, "--numa 9: a guest has 1 to 8 nodes", .size = GiB, .nr_nodes = 9),
	REFUSED(-EINVAL, "--numa 8: --mem 15M is too small, each node needs at least 2M",
		.size = 15 * MiB, .nr_nodes = 8),
	REFUSED(-EINVAL, "--numa 2: --mem 1G is too small, each node needs at least 1G",
		.size = GiB, .nr_nodes = 2, .backing = MEM_BACKING_1G),
	REFUSED(-EINVAL, "--hugepages: unknown backing 4", .size = GiB, .nr_nodes = 1,
		.backing = (enum mem_backing)4),
};

START_TEST(table)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e = { "" };

		ck_assert_int_eq(mem_config_check(&cases[i].cfg, &e), cases[i].err);
		ck_assert_str_eq(e.text, cases[i].line);
		ck_assert_int_eq(mem_config_check(&cases[i].cfg, NULL), cases[i].err);
	}
}
END_TEST

START_TEST(create_checks_too)
{
	struct mem_config cfg = { .size = 20 * TiB, .nr_nodes = 1 };
	struct guest_mem *gm = (void *)&cfg;
	struct error e;

	ck_assert_int_eq(guest_mem_create(&cfg, &gm, &e), -E2BIG);
	ck_assert_ptr_eq(gm, &cfg);
	ck_assert_str_eq(e.text, "--mem 20T: above 16 TiB, the most this VMM maps");
}
END_TEST

START_TEST(backing_names)
{
	enum mem_backing b;

	for (int i = MEM_BACKING_4K; i <= MEM_BACKING_1G; i++) {
		b = (enum mem_backing)99;
		ck_assert(mem_backing_parse(mem_backing_name((enum mem_backing)i), &b));
		ck_assert_int_eq(b, i);
	}
	ck_assert_str_eq(mem_backing_name(MEM_BACKING_4K), "off");
	ck_assert(mem_backing_parse("4k", &b) && b == MEM_BACKING_4K);
	ck_assert(mem_backing_parse("2m", &b) && b == MEM_BACKING_2M);
	b = MEM_BACKING_THP;
	ck_assert(!mem_backing_parse("", &b));
	ck_assert(!mem_backing_parse("of", &b));
	ck_assert(!mem_backing_parse("2Mx", &b));
	ck_assert_int_eq(b, MEM_BACKING_THP);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mem_config");
	TCase *t = tcase_create("mem_config");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, table);
	tcase_add_test(t, create_checks_too);
	tcase_add_test(t, backing_names);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
