/* SPDX-License-Identifier: MIT */
/* guest.h - a small guest to load test images into, and what the tests of vmm/boot check in it. */
#ifndef TESTS_UNIT_BOOT_GUEST_H
#define TESTS_UNIT_BOOT_GUEST_H

#include <check.h>
#include <errno.h>

#include "tests/unit/boot/images.h"

static inline struct guest_mem *image_guest(u64 size, unsigned nodes)
{
	const struct mem_config cfg = { .size = size,
					.backing = MEM_BACKING_4K,
					.nr_nodes = nodes,
					.phys_addr_limit = 1ULL << 40 };
	struct guest_mem *gm = NULL;
	struct error e = { "" };

	ck_assert_msg(guest_mem_create(&cfg, &gm, &e) == 0, "%s", e.text);
	return gm;
}

/* Checks that guest memory holds a segment's pattern, and zeroes from there on. */
static inline void image_check(const struct guest_mem *gm, u64 gpa, unsigned segment, u64 filesz,
			       u64 memsz)
{
	const u8 *p = guest_mem_range(gm, GPA(gpa), memsz);

	ck_assert_ptr_nonnull(p);
	for (u64 i = 0; i < memsz; i++)
		ck_assert_uint_eq(p[i], i < filesz ? image_pattern(segment, i) : 0);
}

static inline const char *image_text(const struct guest_mem *gm, u64 gpa)
{
	const char *s = guest_mem_range(gm, GPA(gpa), 1);

	ck_assert_ptr_nonnull(s);
	return s;
}

static inline int image_run(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
