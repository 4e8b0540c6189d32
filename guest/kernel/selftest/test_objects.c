/* SPDX-License-Identifier: MIT */
/* test_objects.c - small objects, mapped areas, per-CPU memory, fixed and temporary addresses. */
#include "guest/arch/x86/extable.h"
#include "guest/arch/x86/fixmap.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/boot_mem.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/selftest/mm_test.h"
#include "guest/lib/printf.h"
#include "guest/lib/rand.h"
#include "guest/mm/mempool.h"

#define HELD 64

static struct slab_sys *const slab = &kernel_mm.slab;
static struct vmalloc_space *const vs = &kernel_mm.vmalloc;

static const char *check_caches(void *sys)
{
	struct slab_sys *s = sys;
	static char words[128];
	struct kmem_cache *c;

	list_for_each_entry (c, &s->caches, list) {
		const char *broken = kmem_cache_check(c);

		if (broken) {
			ksnprintf(words, sizeof(words), "%s: %s", c->name, broken);
			return words;
		}
	}
	return NULL;
}

static const char *check_vmalloc(void *space)
{
	return vmalloc_check(space);
}

static const char *check_percpu(void *pc)
{
	return pcpu_check(pc);
}

void ktest_mm_kmalloc(struct ktest *t)
{
	static struct {
		u8 *p;
		size_t size;
	} held[HELD];
	u64 before = mm_test_settle(), wrong = 0;
	struct rand r;

	rand_init(&r, 3);
	for (unsigned i = 0; i < 800; i++) {
		unsigned k = (unsigned)rand_below(&r, HELD);
		size_t shift = rand_below(&r, rand_one_in(&r, 16) ? 15 : 10);

		if (held[k].p) {
			wrong += memchr_inv(held[k].p, (u8)k, held[k].size) != NULL;
			kfree(slab, held[k].p);
			held[k].p = NULL;
			continue;
		}
		held[k].size = rand_range(&r, 1UL << shift >> 1 | 1, 1UL << shift);
		held[k].p = kmalloc(slab, held[k].size, GFP_KERNEL);
		if (!held[k].p) {
			ktest_fail(t, __FILE__, __LINE__, "no %lu bytes", held[k].size);
			continue;
		}
		wrong += (u64)held[k].p & 7 || ksize(slab, held[k].p) < held[k].size;
		memset(held[k].p, (u8)k, held[k].size);
	}
	for (unsigned k = 0; k < HELD; k++) {
		wrong += held[k].p && memchr_inv(held[k].p, (u8)k, held[k].size);
		kfree(slab, held[k].p);
		held[k].p = NULL;
	}
	KT_EXPECT_EQ(t, wrong, 0);
	KT_EXPECT(t, !kmalloc(slab, 1UL << 40, GFP_KERNEL | __GFP_NOWARN));
	KT_EXPECT(t, !kmalloc(slab, 0, GFP_KERNEL));
	ktest_check_still(t, check_caches, slab);
	MM_TEST_ALL_BACK(t, before);
}

static void make_thing(void *obj)
{
	memset(obj, 0x77, 72);
}

void ktest_mm_caches(struct ktest *t)
{
	struct kmem_cache_args args = {
		.name = "selftest", .size = 72, .flags = SLAB_HWCACHE_ALIGN, .ctor = make_thing
	};
	u64 before = mm_test_settle();
	struct kmem_cache *c = kmem_cache_create(slab, &args);
	void *p[40] = { NULL };
	struct mempool pool;

	KT_EXPECT(t, c != NULL);
	if (!c)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = kmem_cache_alloc(c, GFP_KERNEL);
		KT_EXPECT(t, p[i] && !((u64)p[i] & 63) && !memchr_inv(p[i], 0x77, 72));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		if (p[i])
			kmem_cache_free(c, p[i]);
	KT_EXPECT_EQ(t, mempool_init(&pool, 4, mempool_alloc_slab, mempool_free_slab, c), 0);
	p[0] = mempool_alloc(&pool, GFP_KERNEL);
	KT_EXPECT(t, p[0] != NULL);
	mempool_free(&pool, p[0]);
	mempool_exit(&pool);
	KT_EXPECT_EQ(t, kmem_cache_destroy(c), 0);
	MM_TEST_ALL_BACK(t, before);
}

/* An allocator of its own with every guard on; its reports go to the log alone. */
void ktest_mm_misuse(struct ktest *t)
{
	static struct slab_sys guarded;
	struct kmem_cache_args args = { .name = "victim", .size = 40 },
			       other = { .name = "other", .size = 40 };
	u64 before = mm_test_settle();
	int level = printk_set_level(LOGLEVEL_EMERG);
	struct slab_report *r = &guarded.last_report;
	struct kmem_cache *c, *c2;
	u8 *p, *other_object;

	KT_EXPECT_EQ(t, slab_sys_init(&guarded, &kernel_mm.pg, slab->ops, SLAB_DEBUG_FLAGS), 0);
	c = kmem_cache_create(&guarded, &args);
	c2 = kmem_cache_create(&guarded, &other);
	if (!c || !c2)
		goto out;
	/* Keeps the slab in being while the others come and go. */
	other_object = kmem_cache_alloc(c, GFP_KERNEL);
	p = kmem_cache_alloc(c, GFP_KERNEL);
	kmem_cache_free(c, p);
	kmem_cache_free(c, p);
	KT_EXPECT_EQ(t, guarded.nr_reports, 1);
	KT_EXPECT_EQ(t, r->fault, SLAB_DOUBLE_FREE);
	/* Who allocated it, who freed it first, and who is here. */
	KT_EXPECT(t, r->alloc_pc[0] && r->free_pc[0] && r->now_pc[0]);

	p = kmem_cache_alloc(c, GFP_KERNEL);
	p[40] = 1;
	kmem_cache_free(c, p);
	KT_EXPECT_EQ(t, r->fault, SLAB_OVERFLOW);
	p = kmem_cache_alloc(c, GFP_KERNEL);
	kmem_cache_free(c2, p);
	KT_EXPECT_EQ(t, r->fault, SLAB_WRONG_CACHE);
	kmem_cache_free(c, p + 8);
	KT_EXPECT(t, r->fault == SLAB_BAD_POINTER || r->fault == SLAB_DOUBLE_FREE);
	kmem_cache_free(c, p);
	kmem_cache_free(c, other_object);
	kfree(&guarded, (void *)boot_mem_map()); /* kernel data: not from any allocator */
	KT_EXPECT_EQ(t, r->fault, SLAB_WILD_POINTER);
	KT_EXPECT(t, guarded.nr_reports >= 5);
	KT_EXPECT_EQ(t, kmem_cache_destroy(c2), 0);
	KT_EXPECT_EQ(t, kmem_cache_destroy(c), 0);
out:
	KT_EXPECT_EQ(t, slab_sys_destroy(&guarded), 0);
	printk_set_level(level);
	MM_TEST_ALL_BACK(t, before);
}

void ktest_mm_vmalloc(struct ktest *t)
{
	u64 before = mm_test_settle();
	u8 *p[24] = { NULL };
	u8 v;

	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		u64 size = (i % 5 + 1) * PAGE_SIZE;

		p[i] = vmalloc(vs, size);
		KT_EXPECT(t, p[i] != NULL);
		if (!p[i])
			continue;
		memset(p[i], (int)i, size);
		KT_EXPECT_EQ(t, ex_vector(try_read8(p[i] + size, &v)), 14); /* the guard page */
	}
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		u64 size = (i % 5 + 1) * PAGE_SIZE;
		struct page *page = p[i] ? vmalloc_to_page(vs, p[i] + size - 1) : NULL;

		KT_EXPECT(t, page && !memchr_inv(p[i], (int)i, size));
		/* The same memory by its other name, if it has one. */
		if (page && page_address(&kernel_mm.pg, page))
			KT_EXPECT_EQ(t, *(u8 *)page_address(&kernel_mm.pg, page), i);
		if (i % 2)
			vfree(vs, p[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(p); i += 2)
		vfree(vs, p[i]);
	vmalloc_purge(vs); /* until then a CPU may remember */
	KT_EXPECT_EQ(t, ex_vector(try_read8(p[1], &v)), 14);
	KT_EXPECT(t, !vmalloc(vs, 1UL << 46));
	ktest_check_still(t, check_vmalloc, vs);
	MM_TEST_ALL_BACK(t, before);
}

static void read_area(void *arg)
{
	u8 v;

	(void)try_read8(*(u8 **)arg, &v); /* fills this CPU's TLB, or faults */
}

static void expect_gone(void *arg)
{
	u8 v;

	if (!try_read8(*(u8 **)arg, &v))
		*(u8 **)arg = NULL;
}

/* After a purge no CPU has the old translation. */
void ktest_mm_purge(struct ktest *t)
{
	u8 *p = vmalloc(vs, PAGE_SIZE), *seen = p;

	KT_EXPECT(t, p != NULL);
	if (!p)
		return;
	*p = 1;
	on_each_cpu(read_area, &p);
	vfree(vs, p);
	vmalloc_purge(vs);
	on_each_cpu(expect_gone, &seen);
	KT_EXPECT(t, seen == p);
}

void ktest_mm_remap(struct ktest *t)
{
	u64 before = mm_test_settle();
	struct page *page = alloc_page(&kernel_mm.pg, GFP_KERNEL);
	phys_t pa = page ? PFN_PHYS(page_to_pfn(&kernel_mm.pg.model, page)) : 0;
	struct pt_leaf leaf = { 0 };
	u8 *m, *io;

	KT_EXPECT(t, page != NULL);
	if (!page)
		return;
	m = memremap(vs, pa + 8, 16);
	io = ioremap(vs, pa, PAGE_SIZE);
	KT_EXPECT(t, m && io);
	if (m && io) {
		*m = 0x5a;
		KT_EXPECT_EQ(t, ((u8 *)__va(pa))[8], 0x5a);
		KT_EXPECT(t, pgtable_lookup(&kernel_pt, (u64)io, &leaf));
		KT_EXPECT(t, (leaf.entry & _PAGE_PCD) && leaf.pa == pa);
	}
	iounmap(vs, m);
	iounmap(vs, io);
	__free_page(&kernel_mm.pg, page);
	MM_TEST_ALL_BACK(t, before);
}

void ktest_mm_fixmap(struct ktest *t)
{
	phys_t pa = 0;
	u8 v;

	if (fixmap_user(FIX_SLEEP, &pa)) {
		ktest_skip(t, "the slot is in use");
		return;
	}
	fixmap_set(FIX_SLEEP, __pa(__va(0x1000)));
	KT_EXPECT(t, fixmap_user(FIX_SLEEP, &pa) && pa == 0x1000);
	KT_EXPECT_EQ(t, try_read8((void *)fix_to_virt(FIX_SLEEP), &v), 0);
	fixmap_clear(FIX_SLEEP);
	KT_EXPECT_EQ(t, ex_vector(try_read8((void *)fix_to_virt(FIX_SLEEP), &v)), 14);
}

void ktest_mm_percpu(struct ktest *t)
{
	u64 before = mm_test_settle();
	u64 *a[20];

	for (unsigned i = 0; i < ARRAY_SIZE(a); i++) {
		a[i] = alloc_percpu_kernel(8 * (i + 1), 8UL << i % 4);
		KT_EXPECT(t, a[i] != NULL);
		if (!a[i])
			return;
		for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
			KT_EXPECT_EQ(t, *per_cpu_ptr(a[i], cpu), 0);
			memset(per_cpu_ptr(a[i], cpu), (int)(cpu + i), 8 * (i + 1));
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(a); i++) {
		for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
			KT_EXPECT(t,
				  !memchr_inv(per_cpu_ptr(a[i], cpu), (u8)(cpu + i), 8 * (i + 1)));
		free_percpu_kernel(a[i]);
	}
	ktest_check_still(t, check_percpu, &kernel_mm.pcpu);
	MM_TEST_ALL_BACK(t, before);
}

void ktest_mm_kmap(struct ktest *t)
{
	u64 before = mm_test_settle();
	struct page *pages[KMAP_SLOTS + 8] = { NULL };
	u64 *va, wrong = 0;

	if (boot_mem_highmem() == ~0UL) {
		ktest_skip(t, "all memory has a linear address; highmem=SIZE changes that");
		return;
	}
	/* More pages than slots: unused ones are unmapped on the way. */
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = alloc_page(&kernel_mm.pg, GFP_HIGHUSER);
		KT_EXPECT(t, pages[i] && page_zonenum(pages[i]) == ZONE_HIGHMEM);
		va = pages[i] ? kmap(&kernel_mm.kmap, pages[i]) : NULL;
		KT_EXPECT(t, va != NULL);
		if (!va)
			return;
		*va = i;
		kunmap(&kernel_mm.kmap, pages[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		va = kmap_local_page(&kernel_mm.kmap, pages[i]);
		wrong += !va || *va != i;
		kunmap_local(&kernel_mm.kmap, va);
		__free_page(&kernel_mm.pg, pages[i]);
	}
	KT_EXPECT_EQ(t, wrong, 0);
	MM_TEST_ALL_BACK(t, before);
}
