/* SPDX-License-Identifier: MIT */
/* Unit tests of mm/guest_mem.c: the checked door, against naive models. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mm/guest_mem.h"
#include "mm/layout.h"

static struct guest_mem *make(u64 size, unsigned nodes)
{
	struct mem_config cfg = { .size = size, .nr_nodes = nodes };
	struct guest_mem *gm = NULL;
	struct error e;

	ck_assert_msg(!guest_mem_create(&cfg, &gm, &e), "%s", e.text);
	return gm;
}

/* One loop over all regions, with arithmetic too wide to overflow. */
static void *model_range(const struct guest_mem *gm, u64 gpa, u64 len)
{
	const struct mem_region *r;
	size_t nr = guest_mem_regions(gm, &r);

	for (size_t i = 0; i < nr; i++) {
		unsigned __int128 end = (unsigned __int128)r[i].gpa.v + r[i].size;

		if (gpa >= r[i].gpa.v && gpa < end && (unsigned __int128)gpa + len <= end)
			return r[i].host + (gpa - r[i].gpa.v);
	}
	return NULL;
}

static void compare(const struct guest_mem *gm, u64 gpa, u64 len)
{
	ck_assert_msg(guest_mem_range(gm, GPA(gpa), len) == model_range(gm, gpa, len),
		      "gpa %#llx len %#llx", (unsigned long long)gpa, (unsigned long long)len);
}

/* Every pair of interesting addresses as start and end, and as start and length. */
static void compare_edges(const struct guest_mem *gm)
{
	u64 at[3 * (2 * MEM_MAX_REGIONS + 4)];
	const struct mem_region *r;
	size_t nr = guest_mem_regions(gm, &r), n = 0;

	for (size_t i = 0; i < nr; i++)
		for (int d = -1; d <= 1; d++) {
			at[n++] = r[i].gpa.v + (u64)d;
			at[n++] = r[i].gpa.v + r[i].size + (u64)d;
		}
	for (int d = -1; d <= 1; d++) {
		at[n++] = 0xfee00000 + (u64)d;
		at[n++] = (1ULL << 63) + (u64)d;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			compare(gm, at[i], at[j] - at[i]);
			compare(gm, at[i], at[j]);
			compare(gm, at[i], -at[i] + at[j]);
		}
}

static const struct {
	u64 size;
	unsigned nodes;
} guests[] = {
	{ MiB, 1 },	 { 16 * MiB, 1 }, { 16 * MiB, 8 },	    { 3 * GiB - 4 * KiB, 1 },
	{ 3 * GiB, 3 },	 { 4 * GiB, 1 },  { 3 * GiB + 4 * KiB, 2 }, { 64 * GiB, 4 },
	{ 16 * TiB, 8 },
};

START_TEST(range_at_every_edge)
{
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
		struct guest_mem *gm = make(guests[i].size, guests[i].nodes);

		compare_edges(gm);
		guest_mem_destroy(gm);
	}
}
END_TEST

static u64 any_u64(void)
{
	return ((u64)rand() << 33 ^ (u64)rand() << 16 ^ (u64)rand()) >> rand() % 64;
}

START_TEST(range_at_random)
{
	srand(23);
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
		struct guest_mem *gm = make(guests[i].size, guests[i].nodes);

		for (unsigned k = 0; k < 20000; k++)
			compare(gm, any_u64(), any_u64());
		guest_mem_destroy(gm);
	}
}
END_TEST

START_TEST(regions_keep_the_rules)
{
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
		struct mem_layout l = { guests[i].size, 2 * MiB, guests[i].nodes };
		struct guest_mem *gm = make(guests[i].size, guests[i].nodes);
		const struct mem_region *r;
		size_t nr = guest_mem_regions(gm, &r);
		const char *broken = layout_check(&l, r, nr);

		ck_assert_msg(!broken, "%s", broken);
		for (size_t k = 0; k < nr; k++)
			ck_assert_ptr_nonnull(r[k].host);
		ck_assert_uint_eq(guest_mem_size(gm), guests[i].size);
		guest_mem_destroy(gm);
	}
}
END_TEST

START_TEST(ends)
{
	const struct {
		u64 size, low, high;
	} want[] = {
		{ MiB, 0x100000, 0x100000000 },
		{ MiB + 4 * KiB, 0x101000, 0x100000000 },
		{ 3 * GiB - 4 * KiB, 0xbffff000, 0x100000000 },
		{ 3 * GiB, 0xc0000000, 0x100000000 },
		{ 3 * GiB + 4 * KiB, 0xc0000000, 0x100001000 },
		{ 16 * TiB, 0xc0000000, 0x100040000000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		struct guest_mem *gm = make(want[i].size, 1);

		ck_assert_uint_eq(guest_mem_low_end(gm), want[i].low);
		ck_assert_uint_eq(guest_mem_end_above_4g(gm), want[i].high);
		guest_mem_destroy(gm);
	}
}
END_TEST

#define SMALL (8 * MiB)

static bool small_is_ram(u64 gpa)
{
	return gpa < 0xa0000 || (gpa >= 0xc0000 && gpa < SMALL);
}

static bool small_all_ram(u64 gpa, u64 len)
{
	if (!small_is_ram(gpa) || gpa + len < gpa || len > SMALL)
		return false;
	for (u64 i = gpa; i < gpa + len; i++)
		if (!small_is_ram(i))
			return false;
	return true;
}

/* Addresses near the VGA hole, the cut between two nodes, the end of RAM, and 2^64. */
static u64 near_an_edge(void)
{
	const u64 edge[] = { 0, 0xa0000, 0xc0000, 2 * MiB, 4 * MiB, SMALL };

	return edge[(size_t)rand() % ARRAY_SIZE(edge)] + (u64)(rand() % 8192) - 4096;
}

/* A flat array is the model: what reads, writes and zeroing must have done to the guest. */
START_TEST(copies_against_flat_model)
{
	struct guest_mem *gm = make(SMALL, 4);
	u8 *model = calloc(1, SMALL), buf[8192], back[8192];

	ck_assert_ptr_nonnull(model);
	srand(31);
	for (unsigned k = 0; k < 3000; k++) {
		u64 gpa = near_an_edge(), len = (u64)rand() % sizeof(buf);
		bool ok = small_all_ram(gpa, len);
		int err;

		memset(buf, rand(), len);
		switch (rand() % 3) {
		case 0:
			err = guest_mem_write(gm, GPA(gpa), buf, len);
			if (ok)
				memcpy(model + gpa, buf, len);
			break;
		case 1:
			err = guest_mem_zero(gm, GPA(gpa), len);
			if (ok)
				memset(model + gpa, 0, len);
			break;
		default:
			memcpy(back, buf, len);
			err = guest_mem_read(gm, GPA(gpa), back, len);
			ck_assert_mem_eq(back, ok ? model + gpa : buf, len);
			break;
		}
		ck_assert_int_eq(err, ok ? 0 : -EFAULT);
	}
	/* Failed calls have changed nothing anywhere. */
	ck_assert_mem_eq(guest_mem_range(gm, GPA(0), 0xa0000), model, 0xa0000);
	for (u64 gpa = 0xc0000; gpa < SMALL; gpa += sizeof(back)) {
		ck_assert_int_eq(guest_mem_read(gm, GPA(gpa), back, sizeof(back)), 0);
		ck_assert_mem_eq(back, model + gpa, sizeof(back));
	}
	free(model);
	guest_mem_destroy(gm);
}
END_TEST

START_TEST(regions_meet_where_nodes_do)
{
	struct guest_mem *gm = make(SMALL, 4);
	char text[] = "across", back[sizeof(text)];

	ck_assert_ptr_null(guest_mem_range(gm, GPA(2 * MiB - 3), sizeof(text)));
	ck_assert_int_eq(guest_mem_write(gm, GPA(2 * MiB - 3), text, sizeof(text)), 0);
	ck_assert_int_eq(guest_mem_read(gm, GPA(2 * MiB - 3), back, sizeof(back)), 0);
	ck_assert_str_eq(back, text);
	ck_assert_mem_eq(guest_mem_range(gm, GPA(2 * MiB), 3), "oss", 3);
	ck_assert_int_eq(guest_mem_zero(gm, GPA(0x9ffff), 2), -EFAULT);
	ck_assert_int_eq(guest_mem_zero(gm, GPA(0x9ffff), UINT64_MAX), -EFAULT);
	ck_assert_int_eq(guest_mem_zero(gm, GPA(UINT64_MAX), 2), -EFAULT);
	guest_mem_destroy(gm);
}
END_TEST

static int random_file(u8 *content, size_t size)
{
	int fd = memfd_create("image", 0);

	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < size; i++)
		content[i] = (u8)rand();
	ck_assert_int_eq(write(fd, content, size), (ssize_t)size);
	return fd;
}

START_TEST(load_fd)
{
	struct guest_mem *gm = make(SMALL, 4);
	static u8 content[3 * 1024 * 1024], back[sizeof(content)];
	int fd = random_file(content, sizeof(content)), pipes[2];

	ck_assert_int_eq(guest_mem_load_fd(gm, GPA(MiB), fd, 0, sizeof(content)), 0);
	ck_assert_int_eq(guest_mem_read(gm, GPA(MiB), back, sizeof(back)), 0);
	ck_assert_mem_eq(back, content, sizeof(back));
	ck_assert_int_eq(guest_mem_load_fd(gm, GPA(0x1001), fd, 4097, 333), 0);
	ck_assert_mem_eq(guest_mem_range(gm, GPA(0x1001), 333), content + 4097, 333);
	ck_assert_int_eq(((u8 *)guest_mem_range(gm, GPA(0x1001 + 333), 1))[0], 0);
	ck_assert_int_eq(guest_mem_load_fd(gm, GPA(0), fd, 99, 0), 0);

	ck_assert_int_eq(guest_mem_load_fd(gm, GPA(MiB), fd, 1, sizeof(content)), -EIO);
	ck_assert_int_eq(guest_mem_load_fd(gm, GPA(MiB), fd, 1ULL << 40, 1), -EIO);
	ck_assert_int_eq(guest_mem_load_fd(gm, GPA(MiB), fd, UINT64_MAX, 1), -EINVAL);
	ck_assert_int_eq(guest_mem_load_fd(gm, GPA(0xa0000), fd, 0, 1), -EFAULT);
	ck_assert_int_eq(guest_mem_load_fd(gm, GPA(0xa0000), fd, 0, 0), -EFAULT);
	ck_assert_int_eq(guest_mem_load_fd(gm, GPA(SMALL - 1), fd, 0, 2), -EFAULT);
	ck_assert_int_eq(guest_mem_load_fd(gm, GPA(MiB), -1, 0, 1), -EBADF);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(guest_mem_load_fd(gm, GPA(MiB), pipes[0], 0, 1), -ESPIPE);
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
	guest_mem_destroy(gm);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("guest_mem");
	TCase *t = tcase_create("guest_mem");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, range_at_every_edge);
	tcase_add_test(t, range_at_random);
	tcase_add_test(t, regions_keep_the_rules);
	tcase_add_test(t, ends);
	tcase_add_test(t, copies_against_flat_model);
	tcase_add_test(t, regions_meet_where_nodes_do);
	tcase_add_test(t, load_fd);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
