/* SPDX-License-Identifier: MIT */
/* vmalloc against a sorted list of what is held: no overlap, the lowest place that fits, and every
 * byte behind an address is in a page of its own. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "guest/lib/rand.h"
#include "guest/mm/kmap.h"
#include "guest/mm/vmalloc.h"
#include "guest/mm/vmap_area.h"
#include "tests/unit/guest/mm_env_host.h"

#define MiB   (1UL << 20)
#define START 0xffffc90000000000UL

struct lab {
	struct world w;
	struct slab_sys s;
	struct pgtable pt;
	struct vmalloc_space vs;
	struct free_state boot;
	size_t env_allocs;
};

static unsigned flushes;
static u64 flushed_start, flushed_last;

static void flush(u64 start, u64 last)
{
	flushes++;
	flushed_start = start;
	flushed_last = last;
}

static phys_t get_table(void *arg)
{
	struct pgalloc *pg = arg;
	struct page *page = alloc_page(pg, GFP_NOWAIT | __GFP_ZERO);

	if (page)
		SetPageTable(page);
	return page ? PFN_PHYS(page_to_pfn(&pg->model, page)) : 0;
}

static void put_table(void *arg, phys_t pa)
{
	struct pgalloc *pg = arg;
	struct page *page = pfn_to_page(&pg->model, PFN_DOWN(pa));

	ClearPageTable(page);
	free_pages(pg, page, 0);
}

static void make(struct lab *l, u64 space)
{
	struct pgalloc_opts o = { .dma_end = 4 * MiB, .dma32_end = 8 * MiB, .nr_cpus = 2 };

	env_host_log_to_stderr(0);
	world_make(&l->w, 64 * MiB, &o);
	l->w.pg.env.flush_tlb = flush;
	l->boot = free_state(&l->w);
	l->env_allocs = env_host_live_allocs();
	CHECK_EQ(slab_sys_init(&l->s, &l->w.pg, &slub_ops, 0), 0);
	l->pt = (struct pgtable){ .levels = 4,
				  .max_leaf = 1,
				  .has_nx = true,
				  .keep_tables = true,
				  .env = &l->w.pg.env,
				  .alloc_table = get_table,
				  .free_table = put_table,
				  .arg = &l->w.pg };
	CHECK_EQ(pgtable_init(&l->pt), 0);
	CHECK_EQ(vmalloc_init(&l->vs, &l->w.pg, &l->s, &l->pt, START, START + space), 0);
}

static void check_space(struct lab *l)
{
	const char *broken = vmalloc_check(&l->vs);

	if (!broken)
		broken = pgtable_check(&l->pt);
	if (broken)
		ck_abort_msg("%s", broken);
}

static void end(struct lab *l)
{
	struct free_state now;

	check_space(l);
	CHECK_EQ(l->pt.leaves[1], 0);
	CHECK_EQ(l->vs.nr_pages, 0);
	CHECK_EQ(vmalloc_destroy(&l->vs), 0);
	pgtable_destroy(&l->pt);
	CHECK_EQ(slab_sys_destroy(&l->s), 0);
	now = free_state(&l->w);
	CHECK(same_state(&l->boot, &now));
	CHECK_EQ(env_host_live_allocs(), l->env_allocs);
	world_check(&l->w);
	world_end(&l->w);
}

/* Where a virtual address really is. */
static u8 *behind(struct lab *l, const void *addr)
{
	struct pt_leaf leaf;

	if (!pgtable_lookup(&l->pt, (u64)addr, &leaf))
		return NULL;
	return phys_to_virt(&l->w.pg, leaf.pa);
}

START_TEST(test_vmalloc)
{
	struct lab l;
	u8 *p, *q;
	struct vm_struct *vm;

	make(&l, 64 * MiB);
	p = vmalloc(&l.vs, 5 * PAGE_SIZE - 100);
	CHECK_EQ((u64)p, START);
	for (unsigned i = 0; i < 5; i++) {
		CHECK(behind(&l, p + i * PAGE_SIZE) != NULL);
		CHECK(vmalloc_to_page(&l.vs, p + i * PAGE_SIZE + 7) ==
		      virt_to_page(&l.w.pg, behind(&l, p + i * PAGE_SIZE)));
	}
	CHECK(!behind(&l, p + 5 * PAGE_SIZE)); /* the guard */
	CHECK(!vmalloc_to_page(&l.vs, p + 5 * PAGE_SIZE));
	CHECK(!vmalloc_to_page(&l.vs, l.w.arena));
	vm = find_vm_area(&l.vs, p + 3 * PAGE_SIZE);
	CHECK(vm && vm->addr == p && vm->nr_pages == 5 && vm->size == 6 * PAGE_SIZE);
	q = vzalloc(&l.vs, 1);
	CHECK_EQ((u64)q, START + 6 * PAGE_SIZE);
	CHECK_EQ(l.vs.nr_pages, 6);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		CHECK(!behind(&l, q)[i]);
	CHECK(!vmalloc(&l.vs, 0));
	CHECK(!vmalloc(&l.vs, 100UL << 30));
	CHECK(!vmalloc(&l.vs, ~0UL));
	vfree(&l.vs, NULL);
	vfree(&l.vs, p + PAGE_SIZE);
	ck_assert_ptr_nonnull(strstr(env_host_log_text(), "BUG: vfree"));
	vfree(&l.vs, p);
	CHECK(!behind(&l, p) && !find_vm_area(&l.vs, p));
	vfree(&l.vs, p); /* twice: reported */
	vunmap(&l.vs, q);
	CHECK(behind(&l, q) != NULL);
	vfree(&l.vs, q);
	end(&l);
}
END_TEST

/* Freed addresses do not come back before a flush, and one flush is for many. */
START_TEST(test_lazy_purge)
{
	struct lab l;
	u8 *p, *q;

	make(&l, 16384 * MiB);
	p = vmalloc(&l.vs, PAGE_SIZE);
	vfree(&l.vs, p);
	flushes = 0;
	for (unsigned i = 0; i < 1000; i++) {
		q = vmalloc(&l.vs, PAGE_SIZE);
		CHECK(q != p);
		vfree(&l.vs, q);
	}
	CHECK_EQ(flushes, 0);
	CHECK_EQ(l.vs.lazy_pages, 2002);
	vmalloc_purge(&l.vs);
	CHECK_EQ(flushes, 1);
	CHECK_EQ(flushed_start, START);
	CHECK_EQ(flushed_last, START + 2002 * PAGE_SIZE - 1);
	CHECK(vmalloc(&l.vs, PAGE_SIZE) == p);
	vfree(&l.vs, p);
	/* On its own when enough has gathered. */
	for (unsigned i = 0; i < 20000; i++)
		vfree(&l.vs, vmalloc(&l.vs, PAGE_SIZE));
	CHECK(flushes > 1 && flushes < 8);
	end(&l);
}
END_TEST

/* A space without room flushes before it gives up. */
START_TEST(test_small_space)
{
	struct lab l;
	void *p[8];

	make(&l, 16 * PAGE_SIZE);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 8; i++)
			CHECK((p[i] = vmalloc(&l.vs, PAGE_SIZE)) != NULL);
		CHECK(!vmalloc(&l.vs, 1));
		for (unsigned i = 0; i < 8; i++)
			vfree(&l.vs, p[i]);
	}
	CHECK(!get_vm_area(&l.vs, 16 * PAGE_SIZE, PAGE_SIZE, VM_MAP, 0));
	free_vm_area(&l.vs, get_vm_area(&l.vs, 16 * PAGE_SIZE, PAGE_SIZE, VM_MAP | VM_NO_GUARD, 0));
	end(&l);
}
END_TEST

START_TEST(test_maps)
{
	struct lab l;
	struct page *pages[6];
	u8 *p, *q;
	struct pt_leaf leaf;

	make(&l, 64 * MiB);
	for (unsigned i = 0; i < 6; i++)
		pages[i] = alloc_page(&l.w.pg, GFP_KERNEL);
	p = vmap(&l.vs, pages, 6, PAGE_KERNEL_RO);
	for (unsigned i = 0; i < 6; i++) {
		CHECK(behind(&l, p + i * PAGE_SIZE) == page_address(&l.w.pg, pages[i]));
		CHECK(pgtable_lookup(&l.pt, (u64)p, &leaf) && !(leaf.entry & _PAGE_RW));
	}
	q = ioremap(&l.vs, 0xfee00010, 0x30);
	CHECK_EQ((u64)q & ~PAGE_MASK, 0x10);
	CHECK(pgtable_lookup(&l.pt, (u64)q, &leaf));
	CHECK(leaf.pa == 0xfee00010 && (leaf.entry & _PAGE_PCD));
	CHECK(!ioremap(&l.vs, ~0UL - 5, 100));
	CHECK(!ioremap(&l.vs, 0x1000, 0));
	iounmap(&l.vs, q);
	CHECK(!pgtable_lookup(&l.pt, (u64)q, &leaf));
	q = memremap(&l.vs, 0x1ffff, 2);
	CHECK(pgtable_lookup(&l.pt, (u64)q + 1, &leaf) && leaf.pa == 0x20000);
	iounmap(&l.vs, q);
	vunmap(&l.vs, p);
	for (unsigned i = 0; i < 6; i++)
		free_pages(&l.w.pg, pages[i], 0);
	end(&l);
}
END_TEST

/* ---- the model ------------------------------------------------------------------------------------------ */

#define MAX_AREAS 1500
#define SPACE	  (4000 * PAGE_SIZE)

struct area {
	u64 start, end;
	struct vm_struct *vm;
};

static struct area areas[MAX_AREAS]; /* sorted */
static unsigned nr_areas;

/* The lowest hole of that size, as vmalloc must find it. */
static u64 model_place(u64 size, u64 align)
{
	u64 at = START;

	for (unsigned i = 0; i <= nr_areas; i++) {
		u64 hole_end = i < nr_areas ? areas[i].start : START + SPACE;
		u64 start = ALIGN_UP(at, align);

		if (start + size <= hole_end)
			return start;
		at = i < nr_areas ? areas[i].end : at;
	}
	return 0;
}

static void model_insert(struct vm_struct *vm)
{
	u64 start = (u64)vm->addr, last = start + vm->size;
	unsigned i = nr_areas++;

	for (; i && areas[i - 1].start > start; i--)
		areas[i] = areas[i - 1];
	areas[i] = (struct area){ start, last, vm };
	CHECK(!i || areas[i - 1].end <= start);
	CHECK(i + 1 == nr_areas || last <= areas[i + 1].start);
}

START_TEST(test_random_areas)
{
	struct lab l;
	struct rand r;
	bool purge_each = _i % 2;

	make(&l, SPACE);
	rand_init(&r, (u64)_i);
	nr_areas = 0;
	for (unsigned n = 0; n < 250000; n++) {
		if (nr_areas < MAX_AREAS && rand_below(&r, 100) < ((n >> 12) & 1 ? 40u : 58u)) {
			u64 pages =
				rand_one_in(&r, 20) ? rand_range(&r, 1, 200) : rand_range(&r, 1, 6);
			u64 align =
				rand_one_in(&r, 10) ? PAGE_SIZE << rand_below(&r, 5) : PAGE_SIZE;
			u64 want = align == PAGE_SIZE ? model_place(pages * PAGE_SIZE, align) : 0;
			struct vm_struct *vm = get_vm_area(&l.vs, pages * PAGE_SIZE, align,
							   VM_MAP | VM_NO_GUARD, 0);

			if (purge_each && align == PAGE_SIZE)
				CHECK_EQ(vm ? (u64)vm->addr : 0, want);
			if (vm) {
				CHECK(!((u64)vm->addr & (align - 1)));
				model_insert(vm);
			}
		} else if (nr_areas) {
			unsigned i = (unsigned)rand_below(&r, nr_areas);

			free_vm_area(&l.vs, areas[i].vm);
			memmove(areas + i, areas + i + 1, (--nr_areas - i) * sizeof(areas[0]));
			if (purge_each)
				vmalloc_purge(&l.vs);
		}
		if (n % 5003 == 0)
			check_space(&l);
	}
	while (nr_areas--)
		free_vm_area(&l.vs, areas[nr_areas].vm);
	end(&l);
}
END_TEST

START_TEST(test_random_memory)
{
	struct lab l;
	struct rand r;
	static struct {
		u8 *p;
		u64 pages;
		u8 mark;
	} held[200];
	unsigned nr = 0;

	make(&l, 256 * MiB);
	rand_init(&r, 3);
	for (unsigned n = 0; n < 40000; n++) {
		if (nr < 200 && rand_one_in(&r, 2)) {
			u64 pages = rand_one_in(&r, 50) ? rand_range(&r, 500, 1500)
							: rand_range(&r, 1, 20);

			held[nr].p = vmalloc(&l.vs, pages * PAGE_SIZE);
			if (!held[nr].p)
				continue;
			held[nr].pages = pages;
			held[nr].mark = (u8)n;
			for (u64 i = 0; i < pages; i++)
				behind(&l, held[nr].p + i * PAGE_SIZE)[i % PAGE_SIZE] = (u8)n;
			nr++;
		} else if (nr) {
			unsigned k = (unsigned)rand_below(&r, nr);

			for (u64 i = 0; i < held[k].pages; i++)
				CHECK_EQ(behind(&l, held[k].p + i * PAGE_SIZE)[i % PAGE_SIZE],
					 held[k].mark);
			vfree(&l.vs, held[k].p);
			held[k] = held[--nr];
		}
		if (n % 5000 == 0)
			check_space(&l);
	}
	while (nr--)
		vfree(&l.vs, held[nr].p);
	end(&l);
}
END_TEST

/* Every page, object and table is refused in turn. */
START_TEST(test_every_failure)
{
	struct lab l;
	struct zone *z;
	bool failed = true;
	unsigned failures = 0;
	void *p;

	make(&l, 64 * MiB);
	for_each_zone (&l.w.pg, z)
		for (unsigned c = 0; c < 2; c++)
			z->pcp[c].busy = 1;
	for (unsigned n = 1; failed; n++) {
		struct page *pages[3] = { pfn_to_page(&l.w.pg.model, 5),
					  pfn_to_page(&l.w.pg.model, 9),
					  pfn_to_page(&l.w.pg.model, 7) };
		void *m, *io;

		kmem_cache_shrink(l.vs.area_cache);
		l.w.pg.fail_after = n;
		p = vmalloc(&l.vs, 1000 * PAGE_SIZE);
		m = vmap(&l.vs, pages, 3, PAGE_KERNEL);
		io = ioremap(&l.vs, 0x10000000, 3 * MiB);
		failed = !l.w.pg.fail_after;
		l.w.pg.fail_after = 0;
		failures += !p + !m + !io;
		CHECK(failed || (p && m && io));
		vfree(&l.vs, p);
		vunmap(&l.vs, m);
		iounmap(&l.vs, io);
		check_space(&l);
		CHECK_EQ(l.pt.leaves[1], 0);
	}
	CHECK(failures > 900);
	for_each_zone (&l.w.pg, z)
		for (unsigned c = 0; c < 2; c++)
			z->pcp[c].busy = 0;
	end(&l);
}
END_TEST

/* ---- kmap and fixmap -------------------------------------------------------------------------------------- */

START_TEST(test_kmap)
{
	struct lab l;
	struct pgalloc_opts o = {
		.dma_end = 4 * MiB, .dma32_end = 8 * MiB, .highmem_start = 32 * MiB, .nr_cpus = 2
	};
	struct kmap km;
	struct page *high[40], *low;
	void *a[40], *b;

	env_host_log_to_stderr(0);
	world_make(&l.w, 64 * MiB, &o);
	l.w.pg.env.flush_tlb = flush;
	l.pt = (struct pgtable){ .levels = 4,
				 .max_leaf = 1,
				 .has_nx = true,
				 .env = &l.w.pg.env,
				 .alloc_table = get_table,
				 .free_table = put_table,
				 .arg = &l.w.pg };
	CHECK_EQ(pgtable_init(&l.pt), 0);
	CHECK_EQ(kmap_init(&km, &l.w.pg, &l.pt, 0xfffffffffe000000UL), 0);
	low = alloc_page(&l.w.pg, GFP_KERNEL);
	CHECK(kmap(&km, low) == page_address(&l.w.pg, low));
	kunmap(&km, low);
	for (unsigned i = 0; i < 40; i++) {
		high[i] = alloc_page(&l.w.pg, GFP_HIGHUSER);
		CHECK_EQ(page_zonenum(high[i]), ZONE_HIGHMEM);
	}
	/* As many as there are places, the same page twice is one. */
	for (unsigned i = 0; i < KMAP_SLOTS; i++) {
		a[i] = kmap(&km, high[i]);
		CHECK(a[i] && kmap(&km, high[i]) == a[i]);
		CHECK(page_address(&l.w.pg, high[i]) == a[i]);
		CHECK(behind(&l, a[i]) ==
		      (u8 *)l.w.arena + PFN_PHYS(page_to_pfn(&l.w.pg.model, high[i])));
	}
	CHECK(!kmap(&km, high[KMAP_SLOTS]));
	flushes = 0;
	kunmap(&km, high[3]);
	CHECK(!kmap(&km, high[KMAP_SLOTS]));
	kunmap(&km, high[3]);
	b = kmap(&km, high[KMAP_SLOTS]);
	CHECK(b == a[3] && flushes >= 1);
	CHECK(!page_address(&l.w.pg, high[3]));
	kunmap(&km, high[KMAP_SLOTS]);
	for (unsigned i = 0; i < KMAP_SLOTS; i++)
		if (i != 3) {
			kunmap(&km, high[i]);
			kunmap(&km, high[i]);
		}
	/* For a moment, on this CPU: a stack of slots. */
	env_host_set_cpu(1);
	a[0] = kmap_local_page(&km, high[0]);
	a[1] = kmap_local_page(&km, high[1]);
	CHECK(a[0] != a[1] &&
	      behind(&l, a[1]) == (u8 *)l.w.arena + PFN_PHYS(page_to_pfn(&l.w.pg.model, high[1])));
	kunmap_local(&km, a[1]);
	CHECK(!behind(&l, a[1]));
	kunmap_local(&km, a[0]);
	if (!env_host_expect_panic()) {
		kunmap_local(&km, a[0]);
		ck_abort();
	}
	env_free(km.local_depth, 2);
	world_end(&l.w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mm/vmalloc");
	TCase *tc = tcase_create("vmalloc");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_vmalloc);
	tcase_add_test(tc, test_lazy_purge);
	tcase_add_test(tc, test_small_space);
	tcase_add_test(tc, test_maps);
	tcase_add_loop_test(tc, test_random_areas, 0, 2);
	tcase_add_test(tc, test_random_memory);
	tcase_add_test(tc, test_every_failure);
	tcase_add_test(tc, test_kmap);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
