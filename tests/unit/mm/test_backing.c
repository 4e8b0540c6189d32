/* SPDX-License-Identifier: MIT */
/* Unit tests of mm/backing.c, hugetlb.c and numa.c: what the host kernel really does for us. */
#include <check.h>
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mm/backing.h"
#include "mm/guest_mem.h"
#include "mm/hugetlb.h"
#include "mm/layout.h"
#include "mm/numa.h"

static struct guest_mem *make(const struct mem_config *cfg)
{
	struct guest_mem *gm = NULL;
	struct error e;

	ck_assert_msg(!guest_mem_create(cfg, &gm, &e), "%s", e.text);
	return gm;
}

/* Bytes present in the mappings that start in [start, end), exactly: proc(5) smaps walks pages. */
static u64 resident_bytes(uintptr_t start, uintptr_t end)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool inside = false;
	char line[1024];
	u64 sum = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned long from, to, kib;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from >= start && from < end;
		else if (inside && sscanf(line, "Rss: %lu", &kib) == 1)
			sum += kib * KiB;
	}
	fclose(f);
	return sum;
}

static u64 resident_pages(const struct mem_region *r)
{
	size_t pages = r->size / 4096;
	unsigned char *map = calloc(pages, 1);
	u64 n = 0;

	ck_assert_int_eq(mincore(r->host, r->size, map), 0);
	for (size_t i = 0; i < pages; i++)
		n += map[i] & 1;
	free(map);
	return n;
}

/* Whether the mapping around p has a two-letter flag of proc(5) smaps' VmFlags. */
static bool vm_flag(const void *p, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool inside = false, found = false;
	char line[1024], want[8];

	ck_assert_ptr_nonnull(f);
	snprintf(want, sizeof(want), " %s ", flag);
	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (uintptr_t)p >= start && (uintptr_t)p < end;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, want);
	}
	fclose(f);
	return found;
}

START_TEST(terabytes_touch_nothing)
{
	const u64 sizes[] = { MiB, TiB, 16 * TiB };
	u64 before = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (int k = MEM_BACKING_4K; k <= MEM_BACKING_THP; k++) {
			struct mem_config cfg = { .size = sizes[i],
						  .backing = (enum mem_backing)k,
						  .nr_nodes = 1 };
			struct guest_mem *gm = make(&cfg);
			uintptr_t ram = (uintptr_t)guest_mem_range(gm, GPA(0), 1);
			u64 now = resident_bytes(0, UINTPTR_MAX);

			/* The smallest guest came first and brought in the code itself. */
			if (!i)
				before = now;
			ck_assert_uint_lt(now, before + 256 * KiB);
			ck_assert_uint_eq(resident_bytes(ram, ram + sizes[i]), 0);
			ck_assert_int_eq(guest_mem_write(gm, GPA(0x9fffd), "end", 3), 0);
			ck_assert_uint_ge(resident_bytes(ram, ram + sizes[i]), 4096);
			guest_mem_destroy(gm);
		}
}
END_TEST

START_TEST(lazy_until_preallocated)
{
	for (int prealloc = 0; prealloc < 2; prealloc++)
		for (int b = MEM_BACKING_4K; b <= MEM_BACKING_THP; b++) {
			struct mem_config cfg = { .size = 9 * MiB,
						  .backing = (enum mem_backing)b,
						  .prealloc = prealloc,
						  .nr_nodes = 1 };
			struct guest_mem *gm = make(&cfg);
			const struct mem_region *r;
			size_t nr = guest_mem_regions(gm, &r);

			for (size_t i = 0; i < nr; i++)
				ck_assert_uint_eq(resident_pages(&r[i]),
						  prealloc ? r[i].size / 4096 : 0);
			guest_mem_destroy(gm);
		}
}
END_TEST

START_TEST(touch_is_a_full_substitute)
{
	struct mem_config cfg = { .size = 4 * MiB, .nr_nodes = 1 };
	struct guest_mem *gm = make(&cfg);
	const struct mem_region *r;

	guest_mem_regions(gm, &r);
	r[1].host[5000] = 77;
	backing_touch(r[1].host, r[1].size, 4096);
	ck_assert_uint_eq(resident_pages(&r[1]), r[1].size / 4096);
	ck_assert_uint_eq(resident_pages(&r[0]), 0);
	ck_assert_int_eq(r[1].host[5000], 77);
	guest_mem_destroy(gm);
}
END_TEST

/* Started in the middle of a big page, it must still reach the last one. */
START_TEST(touch_steps_by_page_borders)
{
	struct mem_config cfg = { .size = 4 * MiB, .nr_nodes = 1 };
	struct guest_mem *gm = make(&cfg);
	const struct mem_region *r;
	unsigned char last;

	guest_mem_regions(gm, &r);
	backing_touch(r[1].host, 2 * MiB - 0xc0000 + 4096, 2 * MiB);
	ck_assert_int_eq(mincore(guest_mem_range(gm, GPA(2 * MiB), 4096), 4096, &last), 0);
	ck_assert_int_eq(last & 1, 1);
	guest_mem_destroy(gm);
}
END_TEST

START_TEST(huge_page_advice)
{
	struct mem_config cfg = { .size = 9 * MiB, .nr_nodes = 1 };
	struct guest_mem *gm;

	if (access("/sys/kernel/mm/transparent_hugepage", F_OK)) {
		printf("SKIP mm/huge_page_advice: the host kernel has no transparent huge pages\n");
		return;
	}
	cfg.backing = MEM_BACKING_4K;
	gm = make(&cfg);
	ck_assert(vm_flag(guest_mem_range(gm, GPA(0), 1), "nh"));
	ck_assert(vm_flag(guest_mem_range(gm, GPA(4 * MiB), 1), "nh"));
	guest_mem_destroy(gm);

	cfg.backing = MEM_BACKING_THP;
	gm = make(&cfg);
	ck_assert(!vm_flag(guest_mem_range(gm, GPA(0), 1), "hg"));
	ck_assert(!vm_flag(guest_mem_range(gm, GPA(2 * MiB - 1), 1), "hg"));
	ck_assert(vm_flag(guest_mem_range(gm, GPA(2 * MiB), 1), "hg"));
	ck_assert(vm_flag(guest_mem_range(gm, GPA(8 * MiB - 1), 1), "hg"));
	ck_assert(!vm_flag(guest_mem_range(gm, GPA(8 * MiB), 1), "hg"));
	guest_mem_destroy(gm);

	cfg.size = MiB;
	guest_mem_destroy(make(&cfg));
}
END_TEST

/* K2. The kernel copies from the address, so a guard page is an error and not a signal. */
START_TEST(guard_pages)
{
	struct backing b;
	struct error e;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(backing_map(MiB, MEM_BACKING_4K, &b, &e), 0);
	ck_assert_uint_eq((uintptr_t)b.ram % (2 * MiB), 0);
	ck_assert_int_eq(syscall(SYS_write, fds[1], b.ram, 1), 1);
	ck_assert_int_eq(syscall(SYS_write, fds[1], b.ram + MiB - 1, 1), 1);
	ck_assert_int_eq(syscall(SYS_write, fds[1], b.ram - 1, 1), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_int_eq(syscall(SYS_write, fds[1], b.ram + MiB, 1), -1);
	ck_assert_int_eq(errno, EFAULT);
	backing_unmap(&b);
}
END_TEST

static u64 address_space(void)
{
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%llu", &pages), 1);
	fclose(f);
	return pages * 4096;
}

/* Runs in a process of its own (Check forks), so the limit ends with it. */
START_TEST(address_space_refused)
{
	struct mem_config cfg = { .size = TiB, .nr_nodes = 1 };
	struct rlimit rl;
	struct guest_mem *gm;
	struct error e;

	/* The sanitizers' shadow alone takes terabytes: limit what may come on top. */
	rl.rlim_cur = rl.rlim_max = address_space() + 64 * GiB;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &rl), 0);
	ck_assert_int_eq(guest_mem_create(&cfg, &gm, &e), -ENOMEM);
	ck_assert_str_eq(e.text, "guest memory: the host refuses 1T of address space: "
				 "Cannot allocate memory; see ulimit -v");
}
END_TEST

START_TEST(prealloc_beyond_the_host)
{
	struct mem_config cfg = { .size = 16 * TiB, .prealloc = true, .nr_nodes = 1 };
	struct guest_mem *gm;
	struct error e;

	ck_assert_int_eq(guest_mem_create(&cfg, &gm, &e), -ENOMEM);
	ck_assert_ptr_nonnull(strstr(e.text, "--prealloc of 16T, but the host has "));
}
END_TEST

/* --- huge page pools ----------------------------------------------------------------------- */

static void put(const char *dir, const char *name, unsigned value)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "%u\n", value);
	fclose(f);
}

START_TEST(pool_lines)
{
	char root[] = "/tmp/parallax-pool-XXXXXX", dir[128], want[512], cmd[160];
	struct error e;

	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(dir, sizeof(dir), "%s/hugepages-2048kB", root);
	ck_assert_int_eq(mkdir(dir, 0700), 0);

	put(dir, "nr_hugepages", 3);
	put(dir, "free_hugepages", 3);
	put(dir, "resv_hugepages", 0);
	ck_assert_int_eq(hugetlb_explain(root, 2 * MiB, 128, -EINVAL, &e), -ENOMEM);
	snprintf(want, sizeof(want),
		 "guest memory: 128 huge pages of 2 MiB wanted, 3 free; "
		 "run: echo 128 > %s/nr_hugepages",
		 dir);
	ck_assert_str_eq(e.text, want);

	/* 10 in use and 2 of the 5 free ones promised: the pool has to grow by 125. */
	put(dir, "nr_hugepages", 15);
	put(dir, "free_hugepages", 5);
	put(dir, "resv_hugepages", 2);
	ck_assert_int_eq(hugetlb_explain(root, 2 * MiB, 128, -ENOMEM, &e), -ENOMEM);
	snprintf(want, sizeof(want),
		 "guest memory: 128 huge pages of 2 MiB wanted, 3 free; "
		 "run: echo 140 > %s/nr_hugepages",
		 dir);
	ck_assert_str_eq(e.text, want);

	put(dir, "free_hugepages", 300);
	ck_assert_int_eq(hugetlb_explain(root, 2 * MiB, 128, -EMFILE, &e), -EMFILE);
	ck_assert_str_eq(e.text, "guest memory: 128 huge pages of 2 MiB: Too many open files");

	ck_assert_int_eq(hugetlb_explain(root, GiB, 1, -EINVAL, &e), -ENODEV);
	ck_assert_str_eq(e.text, "guest memory: the host kernel has no 1 GiB pages; "
				 "use --hugepages thp");
	snprintf(cmd, sizeof(cmd), "rm -r %s", root);
	ck_assert_int_eq(system(cmd), 0);
}
END_TEST

static u64 pool_free(u64 page_size)
{
	char path[128];
	unsigned long long n = 0;
	FILE *f;

	snprintf(path, sizeof(path), HUGETLB_SYSFS "/hugepages-%llukB/free_hugepages",
		 (unsigned long long)(page_size / KiB));
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%llu", &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

/* More than any pool: what this very host answers. */
START_TEST(pool_too_small)
{
	const enum mem_backing kinds[] = { MEM_BACKING_2M, MEM_BACKING_1G };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct mem_config cfg = { .size = 16 * TiB, .backing = kinds[i], .nr_nodes = 1 };
		struct guest_mem *gm;
		struct error e;
		int err = guest_mem_create(&cfg, &gm, &e);

		if (err == -ENODEV) {
			ck_assert_ptr_nonnull(strstr(e.text, "the host kernel has no "));
			continue;
		}
		ck_assert_int_eq(err, -ENOMEM);
		ck_assert_ptr_nonnull(strstr(
			e.text, kinds[i] == MEM_BACKING_1G ? "16384 huge pages of 1 GiB wanted"
							   : "8388608 huge pages of 2 MiB wanted"));
		ck_assert_ptr_nonnull(strstr(e.text, "; run: echo "));
	}
}
END_TEST

static void use_pool(enum mem_backing kind, u64 size, unsigned nodes)
{
	u64 page = backing_page_size(kind), pages = (size + page - 1) / page;
	u64 before = pool_free(page);
	struct mem_config cfg = { .size = size, .backing = kind, .nr_nodes = nodes };
	struct mem_layout l = { size, page, nodes };
	const struct mem_region *r;
	struct guest_mem *gm;
	size_t nr;

	if (before < pages) {
		printf("SKIP mm/pool_serves: %llu free pages of %llu KiB, %llu needed\n",
		       (unsigned long long)before, (unsigned long long)(page / KiB),
		       (unsigned long long)pages);
		return;
	}
	for (int prealloc = 0; prealloc < 2; prealloc++) {
		cfg.prealloc = prealloc;
		gm = make(&cfg);
		nr = guest_mem_regions(gm, &r);
		ck_assert_ptr_null(layout_check(&l, r, nr));
		ck_assert_uint_eq(pool_free(page), prealloc ? before - pages : before);
		for (size_t i = 0; i < nr; i++) {
			ck_assert_uint_eq((r[i].gpa.v ^ (uintptr_t)r[i].host) % page, 0);
			ck_assert(vm_flag(r[i].host, "ht"));
			memset(r[i].host, 0x5a, r[i].size);
		}
		ck_assert_uint_eq(pool_free(page), before - pages);
		guest_mem_destroy(gm);
		ck_assert_uint_eq(pool_free(page), before);
	}
}

START_TEST(pool_serves)
{
	use_pool(MEM_BACKING_2M, 16 * MiB, 1);
	use_pool(MEM_BACKING_2M, 16 * MiB, 3);
	use_pool(MEM_BACKING_2M, 9 * MiB + 4096, 2);
	use_pool(MEM_BACKING_2M, MiB, 1);
	use_pool(MEM_BACKING_1G, 100 * MiB, 1);
}
END_TEST

START_TEST(pool_pages_touched_by_hand)
{
	struct backing b;

	if (pool_free(2 * MiB) < 4) {
		printf("SKIP mm/pool_pages_touched_by_hand: 4 free pages of 2 MiB needed\n");
		return;
	}
	ck_assert_int_eq(backing_map(8 * MiB, MEM_BACKING_2M, &b, NULL), 0);
	u64 before = pool_free(2 * MiB);
	backing_touch(b.ram + 0xc0000, 8 * MiB - 0xc0000, 2 * MiB);
	ck_assert_uint_eq(pool_free(2 * MiB), before - 4);
	backing_unmap(&b);
}
END_TEST

/* --- NUMA ------------------------------------------------------------------------------------ */

START_TEST(node_lists)
{
	unsigned ids[NUMA_MAX_HOST_NODES];

	ck_assert_uint_eq(numa_parse_list("0\n", ids, 64), 1);
	ck_assert_uint_eq(ids[0], 0);
	ck_assert_uint_eq(numa_parse_list("0-1,3,8-9\n", ids, 64), 5);
	ck_assert_uint_eq(ids[1], 1);
	ck_assert_uint_eq(ids[2], 3);
	ck_assert_uint_eq(ids[4], 9);
	ck_assert_uint_eq(numa_parse_list("0-1023", ids, 64), 64);
	ck_assert_uint_eq(numa_parse_list("", ids, 64), 0);
	ck_assert_uint_eq(numa_parse_list("\n", ids, 64), 0);
	ck_assert_uint_eq(numa_parse_list("0-", ids, 64), 0);
	ck_assert_uint_eq(numa_parse_list("0,", ids, 64), 0);
	ck_assert_uint_eq(numa_parse_list("3-1", ids, 64), 0);
	ck_assert_uint_eq(numa_parse_list("-1", ids, 64), 0);
	ck_assert_uint_eq(numa_parse_list("1024", ids, 64), 0);
	ck_assert_uint_eq(numa_parse_list("0-99999999999999999999", ids, 64), 0);
	ck_assert_uint_eq(numa_parse_list("0 1", ids, 64), 0);
}
END_TEST

/* Asks the kernel for the policy at p. */
static int policy_of(void *p, unsigned long *mask)
{
	unsigned long nodes[16] = { 0 };
	int mode = -1;

	if (syscall(SYS_get_mempolicy, &mode, nodes, sizeof(nodes) * 8, p, MPOL_F_ADDR))
		return -errno;
	*mask = nodes[0];
	return mode;
}

START_TEST(binding_reaches_the_kernel)
{
	unsigned ids[NUMA_MAX_HOST_NODES];
	size_t nr = numa_host_nodes(ids);
	unsigned long mask = 0;
	struct backing b;

	if (!nr) {
		printf("SKIP mm/binding_reaches_the_kernel: the host kernel has no NUMA support\n");
		return;
	}
	ck_assert_int_eq(backing_map(8 * MiB, MEM_BACKING_4K, &b, NULL), 0);
	ck_assert_int_eq(numa_bind(b.ram, 4 * MiB, ids[nr - 1], true), 0);
	ck_assert_int_eq(numa_bind(b.ram + 4 * MiB, 2 * MiB, ids[nr - 1], false), 0);
	ck_assert_int_eq(policy_of(b.ram, &mask), MPOL_BIND);
	ck_assert_uint_eq(mask, 1UL << ids[nr - 1]);
	ck_assert_int_eq(policy_of(b.ram + 4 * MiB, &mask), MPOL_PREFERRED);
	ck_assert_int_eq(policy_of(b.ram + 6 * MiB, &mask), MPOL_DEFAULT);
	ck_assert_int_lt(numa_bind(b.ram, 4 * MiB, NUMA_MAX_NODE_ID, true), 0);
	backing_unmap(&b);
}
END_TEST

/* On a host with several nodes, guest node n lies on host node n % nodes, to the last byte. */
START_TEST(guest_nodes_are_bound)
{
	unsigned ids[NUMA_MAX_HOST_NODES];
	size_t nr_hosts = numa_host_nodes(ids), nr;
	struct mem_config cfg = { .size = 17 * MiB, .nr_nodes = 3 };
	struct guest_mem *gm = make(&cfg);
	const struct mem_region *r;

	nr = guest_mem_regions(gm, &r);
	for (size_t i = 0; i < nr; i++)
		for (int end = 0; end < 2; end++) {
			unsigned long mask = 0;
			int mode = policy_of(end ? r[i].host + r[i].size - 1 : r[i].host, &mask);

			if (nr_hosts < 2) {
				ck_assert(mode == MPOL_DEFAULT || mode == -ENOSYS);
				continue;
			}
			ck_assert_int_eq(mode, MPOL_BIND);
			ck_assert_uint_eq(mask, 1UL << ids[r[i].node % nr_hosts]);
		}
	guest_mem_destroy(gm);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("backing");
	TCase *t = tcase_create("backing");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, terabytes_touch_nothing);
	tcase_add_test(t, lazy_until_preallocated);
	tcase_add_test(t, touch_is_a_full_substitute);
	tcase_add_test(t, touch_steps_by_page_borders);
	tcase_add_test(t, huge_page_advice);
	tcase_add_test(t, guard_pages);
	tcase_add_test(t, address_space_refused);
	tcase_add_test(t, prealloc_beyond_the_host);
	tcase_add_test(t, pool_lines);
	tcase_add_test(t, pool_too_small);
	tcase_add_test(t, pool_serves);
	tcase_add_test(t, pool_pages_touched_by_hand);
	tcase_add_test(t, node_lists);
	tcase_add_test(t, binding_reaches_the_kernel);
	tcase_add_test(t, guest_nodes_are_bound);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
