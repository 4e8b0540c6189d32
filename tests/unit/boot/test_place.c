/* SPDX-License-Identifier: MIT */
/* Unit tests of vmm/boot/place.c: the memory map, the initrd's place, and rule P1. */
#include "vmm/boot/place.h"

#include "tests/unit/boot/guest.h"

START_TEST(e820_of_low_and_high_ram)
{
	struct guest_mem *gm = image_guest(5 * GiB, 1);
	static const struct boot_e820 want[] = {
		{ 0, 0x9fc00, E820_RAM },
		{ 0x9fc00, 0x400, E820_RESERVED },
		{ 0xc0000, 0x40000, E820_RESERVED },
		{ 0x100000, 0xc0000000 - 0x100000, E820_RAM },
		{ 0x100000000, 2 * GiB, E820_RAM },
	};
	struct boot_e820 map[BOOT_MAX_E820];

	ck_assert_uint_eq(boot_e820(gm, map), ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		ck_assert_uint_eq(map[i].addr, want[i].addr);
		ck_assert_uint_eq(map[i].size, want[i].size);
		ck_assert_uint_eq(map[i].type, want[i].type);
	}
	guest_mem_destroy(gm);
}
END_TEST

START_TEST(e820_of_the_smallest_guest)
{
	struct guest_mem *gm = image_guest(MiB, 1);
	struct boot_e820 map[BOOT_MAX_E820];

	ck_assert_uint_eq(boot_e820(gm, map), 3);
	ck_assert_uint_eq(map[2].addr + map[2].size, MiB);
	guest_mem_destroy(gm);
}
END_TEST

static const struct {
	u64 ram, size, limit, at; /* at 0: refused */
} initrds[] = {
	{ 16 * MiB, 1, 0, 16 * MiB - 4096 },
	{ 16 * MiB, 4096, 0, 16 * MiB - 4096 },
	{ 16 * MiB, 4097, 0, 16 * MiB - 8192 },
	{ 16 * MiB, 1, 8 * MiB, 8 * MiB - 4096 },
	{ 16 * MiB, 1, 8 * MiB + 1, 8 * MiB },
	{ 16 * MiB, 15 * MiB, 0, MiB },
	{ 16 * MiB, 15 * MiB + 1, 0, 0 },
	{ 16 * MiB, 1, MiB, 0 },
	{ 16 * MiB, ~0ULL, 0, 0 },
	{ MiB, 1, 0, 0 },
	{ 5 * GiB, 2 * GiB, 0, GiB },
	{ 5 * GiB, 4 * GiB, 0, 0 },
};

START_TEST(initrd_places)
{
	struct guest_mem *gm = image_guest(initrds[_i].ram, 1);
	struct error e = { "" };
	gpa_t at = GPA(0);
	int err = boot_initrd_place(gm, initrds[_i].size, initrds[_i].limit, &at, &e);

	ck_assert_int_eq(err, initrds[_i].at ? 0 : -E2BIG);
	ck_assert_uint_eq(at.v, initrds[_i].at);
	guest_mem_destroy(gm);
}
END_TEST

/* Random takes and finds: P1 holds, everything given out is RAM and keeps off the trampoline. */
START_TEST(ranges_never_overlap)
{
	struct guest_mem *gm = image_guest(2 * MiB, 1);
	unsigned seed = 42, refused = 0;

	for (unsigned round = 0; round < 50; round++) {
		struct place p;
		size_t taken;
		gpa_t at;

		place_init(&p, gm, "kernel");
		for (unsigned i = 0; i < 40; i++) {
			u64 size = (u64)(rand_r(&seed) % 0x8000) + 1;
			u64 align = 1ULL << rand_r(&seed) % 13;

			taken = p.nr;
			if (rand_r(&seed) % 3 == 0) {
				u64 start = (u64)rand_r(&seed) % (3 * MiB);

				if (place_take(&p, start, size, "segment", NULL))
					refused++;
			} else if (!place_find(&p, size, align, "data", &at, NULL)) {
				ck_assert_uint_eq(at.v % align, 0);
				ck_assert(at.v >= 0x9000 || at.v + size <= 0x8000);
				ck_assert_uint_ge(at.v, 0x1000);
			}
			if (p.nr == taken)
				continue;
			ck_assert_ptr_nonnull(
				guest_mem_range(gm, GPA(p.taken[taken].start),
						p.taken[taken].end - p.taken[taken].start));
			for (size_t j = 0; j < taken; j++)
				ck_assert(p.taken[j].end <= p.taken[taken].start ||
					  p.taken[taken].end <= p.taken[j].start);
		}
	}
	ck_assert_uint_gt(refused, 0);
	guest_mem_destroy(gm);
}
END_TEST

/* All three choices are used up before place_find() gives up; each byte is given out once. */
START_TEST(finds_until_full)
{
	struct guest_mem *gm = image_guest(MiB + 0x4000, 1);
	struct error e = { "" };
	u64 total = 0;
	struct place p;
	gpa_t at;

	place_init(&p, gm, "kernel");
	while (place_find(&p, 0x3000, 0x1000, "data", &at, &e) == 0)
		total += 0x3000;
	/* 0x96 pages from 0x9000, 7 from 0x1000, 4 from 1 MiB, in threes */
	ck_assert_uint_eq(total, (0x96 / 3 + 2 + 1) * 0x3000ULL);
	ck_assert_ptr_nonnull(strstr(e.text, "no room for the data (12288 bytes)"));
	guest_mem_destroy(gm);
}
END_TEST

START_TEST(table_full)
{
	struct guest_mem *gm = image_guest(2 * MiB, 1);
	struct error e = { "" };
	struct place p;

	place_init(&p, gm, "kernel");
	for (u64 i = 1; i < PLACE_MAX_RANGES; i++)
		ck_assert_int_eq(place_take(&p, i * 16, 1, "byte", &e), 0);
	ck_assert_int_eq(place_take(&p, 0x9000, 1, "byte", &e), -ENOSPC);
	guest_mem_destroy(gm);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("boot_place");
	TCase *t = tcase_create("boot_place");

	tcase_add_test(t, e820_of_low_and_high_ram);
	tcase_add_test(t, e820_of_the_smallest_guest);
	tcase_add_loop_test(t, initrd_places, 0, ARRAY_SIZE(initrds));
	tcase_add_test(t, ranges_never_overlap);
	tcase_add_test(t, finds_until_full);
	tcase_add_test(t, table_full);
	suite_add_tcase(s, t);
	return image_run(s);
}
