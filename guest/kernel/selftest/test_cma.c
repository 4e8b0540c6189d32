/* SPDX-License-Identifier: MIT */
/* test_cma.c - a contiguous area is taken back while threads on all CPUs own pages in it. */
#include "guest/kernel/cma_load.h"
#include "guest/kernel/selftest/mm_test.h"

void ktest_mm_cma(struct ktest *t)
{
	u64 before = mm_test_settle(), all;
	struct mm_lab *lab = mm_lab_make(&(struct mm_lab_opts){ .blocks = 4, .cma = 8 * MiB });
	struct cma_load res;

	if (!lab) {
		ktest_skip(t, "no 16 MiB in a row");
		return;
	}
	all = nr_free_pages(&lab->pg);
	if (cma_load_run(lab, 8, &res)) {
		ktest_skip(t, "no memory for the threads");
	} else {
		KT_EXPECT_EQ(t, res.wrong, 0);
		KT_EXPECT_EQ(t, res.taken + res.refused, 8);
		KT_EXPECT(t, res.taken > 0);
		KT_EXPECT(t, res.churned > 0);
	}
	drain_all_pages(&lab->pg);
	KT_EXPECT_EQ(t, nr_free_pages(&lab->pg), all);
	KT_EXPECT_EQ(t, cma_used_pages(&lab->cma), 0);
	/* With nobody there any more all of it can be had. */
	KT_EXPECT(t, cma_alloc(&lab->pg, &lab->cma, lab->cma.count, 0) != NULL);
	KT_EXPECT_EQ(t, vm_event(&lab->pg, BAD_PAGE), 0);
	if (pgalloc_check(&lab->pg))
		ktest_fail(t, __FILE__, __LINE__, "%s", pgalloc_check(&lab->pg));
	mm_lab_end(lab);
	MM_TEST_ALL_BACK(t, before);
}
