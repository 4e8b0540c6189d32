/* SPDX-License-Identifier: MIT */
/* The text of /proc's memory files, letter by letter where it is short, else line by line. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guest/lib/rand.h"
#include "guest/mm/show.h"
#include "tests/unit/guest/mm_env_host.h"

#define MiB (1UL << 20)

static char text[1 << 20];
static struct seq seq;
static struct seq_buf buf;

static struct seq *start(void)
{
	seq_to_buf(&seq, &buf, text, sizeof(text));
	return &seq;
}

/* The line that begins with these words, or "". */
static const char *line(const char *head)
{
	static char out[512];
	const char *p = text;

	for (; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		if (strncmp(p, head, strlen(head)))
			continue;
		snprintf(out, sizeof(out), "%.*s", (int)strcspn(p, "\n"), p);
		return out;
	}
	return "";
}

static u64 number(const char *head)
{
	u64 v = ~0UL;

	sscanf(line(head) + strlen(head), "%lu", &v);
	return v;
}

static void make(struct world *w)
{
	struct pgalloc_opts o = { .dma_end = 4 * MiB, .dma32_end = 32 * MiB };

	env_host_log_to_stderr(0);
	world_make(w, 32 * MiB, &o);
}

START_TEST(test_buddyinfo)
{
	struct world w;

	make(&w);
	for (unsigned i = 0; i < 3; i++)
		CHECK(alloc_pages(&w.pg, GFP_KERNEL, MAX_ORDER) != NULL);
	show_buddyinfo(start(), &w.pg);
	ck_assert_str_eq(line("Node 0, zone      DMA "),
			 "Node 0, zone      DMA      1      1      1      1      1      1      1  "
			 "    1      1      1      0 ");
	CHECK_EQ(strlen(line("Node 0, zone    DMA32 ")), strlen(line("Node 0, zone      DMA ")));
	show_pagetypeinfo(start(), &w.pg);
	ck_assert_str_eq(line("Page block order"), "Page block order: 9");
	ck_assert_str_eq(line("Pages per block"), "Pages per block:  512");
	ck_assert_str_eq(
		line("Free pages count"),
		"Free pages count per migrate type at order       0      1      2      3   "
		"   4      5      6      7      8      9     10 ");
	ck_assert_str_eq(
		line("Node    0, zone      DMA, type      Movable "),
		"Node    0, zone      DMA, type      Movable      1      1      1      1   "
		"   1      1      1      1      1      1      0 ");
	ck_assert_str_eq(
		line("Number of blocks type "),
		"Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic "
		"         CMA      Isolate ");
	ck_assert_str_eq(
		line("Node 0, zone      DMA "),
		"Node 0, zone      DMA            0            2            0            0 "
		"           0            0 ");
	show_unusable_index(start(), &w.pg);
	ck_assert_str_eq(line("Node 0, zone      DMA "),
			 "Node 0, zone      DMA 0.000 0.000 0.002 0.006 0.014 0.030 0.061 0.124 "
			 "0.249 0.499 1.000 ");
	show_extfrag_index(start(), &w.pg);
	ck_assert_str_eq(line("Node 0, zone      DMA "),
			 "Node 0, zone      DMA -1.000 -1.000 -1.000 -1.000 -1.000 -1.000 -1.000 "
			 "-1.000 -1.000 -1.000  0.801 ");
	world_end(&w);
}
END_TEST

START_TEST(test_zoneinfo)
{
	struct world w;
	const struct zone *z;
	char want[64];

	make(&w);
	z = &w.pg.node[0]->zone[ZONE_DMA32];
	show_zoneinfo(start(), &w.pg);
	ck_assert_str_eq(line("Node 0, zone    DMA32"), "Node 0, zone    DMA32");
	snprintf(want, sizeof(want), "        managed  %lu", z->managed);
	ck_assert_ptr_nonnull(strstr(text, want));
	snprintf(want, sizeof(want), "        low      %lu", z->watermark[WMARK_LOW]);
	ck_assert_ptr_nonnull(strstr(text, want));
	ck_assert_ptr_nonnull(strstr(text, "        protection: ("));
	ck_assert_ptr_nonnull(
		strstr(text, "\n  pagesets\n    cpu: 0\n              count:    0\n"));
	snprintf(want, sizeof(want), "  start_pfn:           %lu\n", z->start);
	ck_assert_ptr_nonnull(strstr(text, want));
	world_end(&w);
}
END_TEST

START_TEST(test_meminfo)
{
	struct world w;
	struct slab_sys s;
	struct mem_usage use = { .cached = 10, .shmem = 3 };
	void *p;

	make(&w);
	CHECK_EQ(slab_sys_init(&s, &w.pg, &slub_ops, 0), 0);
	p = kmalloc(&s, 100, GFP_KERNEL);
	drain_all_pages(&w.pg);
	show_meminfo(start(), &w.pg, &s, NULL, &use);
	CHECK_EQ(number("MemTotal:"), nr_managed_pages(&w.pg) * 4);
	CHECK_EQ(number("MemFree:"), nr_free_pages(&w.pg) * 4);
	CHECK_EQ(number("Slab:"), 4);
	CHECK_EQ(number("Cached:"), 40);
	CHECK_EQ(number("Shmem:"), 12);
	CHECK(number("MemAvailable:") < number("MemFree:") &&
	      number("MemAvailable:") > number("MemFree:") / 2);
	ck_assert_str_eq(line("Buffers:"), "Buffers:               0 kB");
	ck_assert_str_eq(line("HugePages_Total:"), "HugePages_Total:       0");
	ck_assert_str_eq(line("Hugepagesize:"), "Hugepagesize:       2048 kB");
	show_vmstat(start(), &w.pg, &s, &use);
	CHECK_EQ(number("nr_free_pages"), nr_free_pages(&w.pg));
	CHECK_EQ(number("nr_slab_unreclaimable"), 1);
	CHECK_EQ(number("pgalloc_dma32"), 1);
	CHECK_EQ(number("nr_shmem"), 3);
	for (unsigned i = 0; i < 100; i++)
		free_pages(&w.pg, alloc_page(&w.pg, GFP_KERNEL), 0);
	show_vmstat(start(), &w.pg, &s, NULL);
	CHECK_EQ(number("pgalloc_dma32"), 101);
	CHECK_EQ(number("pgfree"), 100);
	show_numastat(start(), &w.pg, 0);
	CHECK_EQ(number("numa_hit"), 101);
	CHECK_EQ(number("local_node"), 101);
	CHECK_EQ(number("numa_miss"), 0);
	kfree(&s, p);
	CHECK_EQ(slab_sys_destroy(&s), 0);
	world_end(&w);
}
END_TEST

START_TEST(test_slabinfo)
{
	struct world w;
	struct slab_sys s;
	struct kmem_cache_args a = { .name = "task_struct", .size = 700, .flags = SLAB_NO_MERGE };
	struct kmem_cache *c;
	void *p[30];

	make(&w);
	CHECK_EQ(slab_sys_init(&s, &w.pg, &slub_ops, 0), 0);
	c = kmem_cache_create(&s, &a);
	for (unsigned i = 0; i < 30; i++)
		p[i] = kmem_cache_alloc(c, GFP_KERNEL);
	show_slabinfo(start(), &s);
	ck_assert_str_eq(line("slabinfo"), "slabinfo - version: 2.1");
	ck_assert_str_eq(line("# name"),
			 "# name            <active_objs> <num_objs> <objsize> <objperslab> "
			 "<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata "
			 "<active_slabs> <num_slabs> <sharedavail>");
	ck_assert_str_eq(
		line("task_struct"),
		"task_struct           30     33    704   11    2 : tunables   54   27    0 "
		": slabdata      3      3      0");
	for (unsigned i = 0; i < 30; i++)
		kmem_cache_free(c, p[i]);
	CHECK_EQ(slab_sys_destroy(&s), 0);
	world_end(&w);
}
END_TEST

START_TEST(test_iomem)
{
	struct resource root = { 0, ~0UL, "root", NULL, NULL, NULL };
	struct resource r[] = {
		{ .start = 0x100000, .end = 0xffffff, .name = "System RAM" },
		{ .start = 0, .end = 0xfff, .name = "Reserved" },
		{ .start = 0x200000, .end = 0x2fffff, .name = "Kernel code" },
		{ .start = 0x300000, .end = 0x30ffff, .name = "Kernel data" },
		{ .start = 0x200000, .end = 0x3fffff, .name = "Kernel" },
		{ .start = 0x100000000, .end = 0x1ffffffff, .name = "System RAM" },
	};
	struct resource bad = { .start = 0x2f0000, .end = 0x30ffff, .name = "across" };

	for (unsigned i = 0; i < ARRAY_SIZE(r); i++)
		CHECK_EQ(insert_resource(&root, &r[i]), 0);
	CHECK(!resource_check(&root));
	CHECK_EQ(insert_resource(&root, &bad), -EBUSY);
	bad.end = 0;
	CHECK_EQ(insert_resource(&root, &bad), -EINVAL);
	show_iomem(start(), &root);
	ck_assert_str_eq(text, "00000000-00000fff : Reserved\n"
			       "00100000-00ffffff : System RAM\n"
			       "  00200000-003fffff : Kernel\n"
			       "    00200000-002fffff : Kernel code\n"
			       "    00300000-0030ffff : Kernel data\n"
			       "100000000-1ffffffff : System RAM\n");
	remove_resource(&r[4]);
	CHECK(!resource_check(&root));
	show_iomem(start(), &root);
	ck_assert_str_eq(text, "00000000-00000fff : Reserved\n"
			       "00100000-00ffffff : System RAM\n"
			       "  00200000-002fffff : Kernel code\n"
			       "  00300000-0030ffff : Kernel data\n"
			       "100000000-1ffffffff : System RAM\n");
}
END_TEST

/* Any order of insertion and removal keeps the tree right. */
START_TEST(test_resources_random)
{
	struct resource root = { 0, 1023, "root", NULL, NULL, NULL };
	static struct resource r[64];
	static bool in[64];
	struct rand rnd;

	rand_init(&rnd, 1);
	for (unsigned n = 0; n < 100000; n++) {
		unsigned i = (unsigned)rand_below(&rnd, 64);
		const char *broken;

		if (in[i]) {
			remove_resource(&r[i]);
			in[i] = false;
		} else {
			u64 size = 1UL << rand_below(&rnd, 8);

			r[i].start = rand_below(&rnd, 1024 / size) * size;
			r[i].end = r[i].start + size - 1 + rand_one_in(&rnd, 5);
			r[i].name = "r";
			in[i] = insert_resource(&root, &r[i]) == 0;
		}
		broken = resource_check(&root);
		if (broken)
			ck_abort_msg("%s", broken);
	}
}
END_TEST

static phys_t get_table(void *arg)
{
	struct world *w = arg;

	return (phys_t)((u8 *)page_address(&w->pg, alloc_page(&w->pg, GFP_KERNEL | __GFP_ZERO)) -
			w->arena);
}

static void put_table(void *arg, phys_t pa)
{
	struct world *w = arg;

	free_pages(&w->pg, pfn_to_page(&w->pg.model, PFN_DOWN(pa)), 0);
}

START_TEST(test_virtual)
{
	static const struct pt_marker markers[] = { { 0xffff888000000000UL, "Low Kernel Mapping" },
						    { 0xffffc90000000000UL, "vmalloc() Area" },
						    { 0, NULL } };
	struct world w;
	struct slab_sys s;
	struct pgtable pt;
	struct vmalloc_space vs;
	void *p, *io;

	make(&w);
	CHECK_EQ(slab_sys_init(&s, &w.pg, &slub_ops, 0), 0);
	pt = (struct pgtable){ .levels = 4,
			       .max_leaf = 3,
			       .has_nx = true,
			       .env = &w.pg.env,
			       .alloc_table = get_table,
			       .free_table = put_table,
			       .arg = &w };
	CHECK_EQ(pgtable_init(&pt), 0);
	CHECK_EQ(vmalloc_init(&vs, &w.pg, &s, &pt, 0xffffc90000000000UL, 0xffffe90000000000UL), 0);
	p = __vmalloc(&vs, 3 * PAGE_SIZE, GFP_KERNEL, PAGE_KERNEL, 0);
	io = ioremap(&vs, 0xfec00000, PAGE_SIZE);
	find_vm_area(&vs, io)->caller = 0;
	show_vmallocinfo(start(), &vs);
	ck_assert_str_eq(text,
			 "0xffffc90000000000-0xffffc90000004000   16384 pages=3 vmalloc N0=3\n"
			 "0xffffc90000004000-0xffffc90000006000    8192 phys=0x00000000fec00000 "
			 "ioremap\n");
	show_meminfo(start(), &w.pg, &s, &vs, NULL);
	CHECK_EQ(number("VmallocUsed:"), 12);
	CHECK_EQ(number("VmallocTotal:"), 0x200000000000UL >> 10);
	CHECK_EQ(pgtable_map(&pt, 0xffff888000000000UL, 0, 4 * MiB, PAGE_KERNEL), 0);
	CHECK_EQ(pgtable_map(&pt, 0xffff888000400000UL, 4 * MiB, PAGE_SIZE, PAGE_KERNEL_ROX), 0);
	show_pagetable(start(), &pt, 0, ~0UL, markers);
	ck_assert_str_eq(
		text,
		"---[ Low Kernel Mapping ]---\n"
		"0xffff888000000000-0xffff888000400000           4M     RW         PSE GLB NX pmd\n"
		"0xffff888000400000-0xffff888000401000           4K     ro             GLB x  pte\n"
		"---[ vmalloc() Area ]---\n"
		"0xffffc90000000000-0xffffc90000003000          12K     RW             GLB NX pte\n"
		"0xffffc90000004000-0xffffc90000005000           4K     RW PWT PCD     GLB NX pte\n");
	vfree(&vs, p);
	iounmap(&vs, io);
	CHECK_EQ(vmalloc_destroy(&vs), 0);
	CHECK_EQ(slab_sys_destroy(&s), 0);
	world_end(&w);
}
END_TEST

START_TEST(test_small_buffer)
{
	char small[8];

	seq_to_buf(&seq, &buf, small, sizeof(small));
	seq_printf(&seq, "%d-%s", 12345, "abcdef");
	seq_puts(&seq, "more");
	ck_assert_str_eq(small, "12345-a");
	CHECK_EQ(buf.len, 16);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mm/show");
	TCase *tc = tcase_create("show");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_buddyinfo);
	tcase_add_test(tc, test_zoneinfo);
	tcase_add_test(tc, test_meminfo);
	tcase_add_test(tc, test_slabinfo);
	tcase_add_test(tc, test_iomem);
	tcase_add_test(tc, test_resources_random);
	tcase_add_test(tc, test_virtual);
	tcase_add_test(tc, test_small_buffer);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
