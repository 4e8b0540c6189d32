/* SPDX-License-Identifier: MIT */
/*
 * mm_init.c - from a list of free ranges to page frames, objects, and mapped areas.
 *
 * Each allocator stands on the one before: page frames come out of the boot's memory map, objects
 * out of page frames, mapped areas are described by objects.
 */
#include "guest/arch/x86/backtrace.h"
#include "guest/arch/x86/kstack.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/sections.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/boot_mem.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/printk.h"
#include "guest/lib/cmdline.h"
#include "guest/lib/env.h"
#include "guest/lib/errno.h"
#include "guest/mm/pgalloc_init.h"

struct kernel_mm kernel_mm;

/* ---- what guest/mm asks of the kernel ---------------------------------------------------------------- */

static void run_on_each_cpu(void (*fn)(void *arg), void *arg)
{
	u64 flags;

	if (nr_cpus > 1) {
		on_each_cpu(fn, arg);
		return;
	}
	flags = local_irq_save();
	fn(arg);
	local_irq_restore(flags);
}

struct flush_range {
	u64 start, last;
};

static void flush_one(void *arg)
{
	const struct flush_range *r = arg;

	flush_tlb_local_range(r->start, r->last);
}

void kernel_flush_tlb(u64 start, u64 last)
{
	struct flush_range r = { start, last };

	run_on_each_cpu(flush_one, &r);
}

static unsigned callers(u64 *pc, unsigned max)
{
	return (unsigned)backtrace_save(NULL, __builtin_frame_address(0), pc, max);
}

const struct mm_env kernel_mm_env = {
	.linear_base = PAGE_OFFSET,
	.reach = linear_map_reach,
	.on_each_cpu = run_on_each_cpu,
	.flush_tlb = kernel_flush_tlb,
	.backtrace = callers,
};

gfp_t mm_gfp(void)
{
	return irqs_disabled() || preempt_count() ? GFP_ATOMIC : GFP_KERNEL;
}

/* ---- page tables ---------------------------------------------------------------------------------------- */

phys_t mm_table_alloc(void)
{
	struct page *page = alloc_page(&kernel_mm.pg, GFP_ATOMIC | __GFP_ZERO);

	if (!page)
		return 0;
	__SetPageTable(page);
	__atomic_fetch_add(&kernel_mm.nr_table_pages, 1, __ATOMIC_RELAXED);
	return PFN_PHYS(page_to_pfn(&kernel_mm.pg.model, page));
}

void mm_table_free(phys_t table)
{
	struct page *page = pfn_to_page(&kernel_mm.pg.model, PFN_DOWN(table));

	/* One of the boot's: its frame was never given to the page allocator. */
	if (!kernel_mm.pages_up || !pfn_online(&kernel_mm.pg, PFN_DOWN(table)) || !PageTable(page))
		return;
	__ClearPageTable(page);
	__atomic_fetch_sub(&kernel_mm.nr_table_pages, 1, __ATOMIC_RELAXED);
	__free_page(&kernel_mm.pg, page);
}

/* ---- page frames ---------------------------------------------------------------------------------------- */

static const struct slab_ops *const slab_kinds[] = { &slub_ops, &slab_ops, &slob_ops };

/* What the command line wants; read once, since looking for a word means walking through all. */
static struct {
	int model, slab;
	u64 movable, cma;
	u32 slab_flags;
	bool page_owner;
} wish = { .model = MEMMODEL_FLAT };

static int parse_slab(const char *name, size_t len)
{
	const struct slab_ops *ops = slab_ops_by_name(name, len);

	for (unsigned i = 0; i < ARRAY_SIZE(slab_kinds); i++)
		if (slab_kinds[i] == ops)
			return (int)i;
	return -1;
}

static void choose(const struct cmdline_arg *arg, int (*parse)(const char *name, size_t len),
		   int *choice, const char *which)
{
	int n = arg->value ? parse(arg->value, arg->value_len) : -1;

	if (n >= 0)
		*choice = n;
	else
		pr_err("%.*s=%.*s: there are %s", (int)arg->key_len, arg->key, (int)arg->value_len,
		       arg->value ? arg->value : "", which);
}

static void read_wishes(void)
{
	const char *pos = boot_info.cmdline;
	struct cmdline_arg arg;

	while (cmdline_next(&pos, &arg)) {
		if (cmdline_is(&arg, "memmodel"))
			choose(&arg, memmodel_parse, &wish.model,
			       "flat, discontig, sparse, vmemmap");
		else if (cmdline_is(&arg, "slab"))
			choose(&arg, parse_slab, &wish.slab, "slub, slab, slob");
		else if (cmdline_is(&arg, "slab_debug"))
			wish.slab_flags |= SLAB_DEBUG_FLAGS;
		else if (cmdline_is(&arg, "page_owner"))
			wish.page_owner = true;
		else if (cmdline_is(&arg, "kmemleak"))
			wish.slab_flags |= SLAB_LEAK_TRACE;
		else if (cmdline_is(&arg, "movable"))
			wish.movable = boot_option_u64("movable", 0);
		else if (cmdline_is(&arg, "cma"))
			wish.cma = boot_option_u64("cma", 0);
	}
}

static int populate_vmemmap(void *unused, u64 va, u64 size, unsigned nid)
{
	phys_t pa;

	(void)unused;
	(void)nid;
	if (kernel_mm.pages_up) {
		struct page *page = alloc_pages_node(&kernel_mm.pg, nid, GFP_KERNEL,
						     order_base_2(PFN_UP(size)));

		pa = page ? PFN_PHYS(page_to_pfn(&kernel_mm.pg.model, page)) : 0;
	} else {
		pa = boot_mem_alloc(size, PAGES_PER_SECTION * sizeof(struct page), 0);
	}
	return pa ? pgtable_map(&kernel_pt, va, pa, size, PAGE_KERNEL) : -ENOMEM;
}

/* /distance-map of the device tree (Linux Documentation/devicetree/bindings/numa.txt, section 3):
 * triples of node, node, distance. How many nodes it speaks of. */
static unsigned read_distances(u8 *table)
{
	u32 len, triple[3], nr = 0;
	const u8 *p;
	dt_node n;

	if (!boot_info.has_fdt)
		return 0;
	n = dt_find_compatible(&boot_info.fdt, DT_NONE, "numa-distance-map-v1");
	p = n == DT_NONE ? NULL : dt_get(&boot_info.fdt, n, "distance-matrix", &len);
	if (!p)
		return 0;
	for (u32 pass = 0; pass < 2; pass++) {
		for (u32 at = 0; at + sizeof(triple) <= len; at += sizeof(triple)) {
			for (unsigned i = 0; i < ARRAY_SIZE(triple); i++)
				triple[i] = dt_be32(p + at + i * sizeof(u32));
			if (triple[0] >= MAX_NUMNODES)
				continue;
			if (!pass)
				nr = MAX(nr, triple[0] + 1); /* each node has a row */
			else if (triple[1] < nr)
				table[triple[0] * nr + triple[1]] = (u8)MIN(triple[2], 255u);
		}
	}
	return nr;
}

static void reserve_cma(phys_t *base, u64 *size)
{
	*size = 0;
	if (wish.cma &&
	    cma_reserve(boot_mem_take_map(), wish.cma, boot_mem_highmem(), base, size)) {
		pr_err("cma=%lu: there is no such range; going on without", wish.cma);
		*size = 0;
	}
}

static void show_zones(void)
{
	const struct memmodel *m = &kernel_mm.pg.model;
	struct zone *z;

	for_each_zone (&kernel_mm.pg, z)
		pr_info("  %-7s %016lx-%016lx  node %u, %lu pages; reserve %lu, kswapd at %lu",
			z->name, PFN_PHYS(z->start), PFN_PHYS(z->end) - 1, z->nid, z->managed,
			z->watermark[WMARK_MIN], z->watermark[WMARK_LOW]);
	pr_info("  memmap  %s: %lu KiB, %lu bytes for each page, written when the page is first needed",
		memmodel_name(m->type), memmodel_cost(m) >> 10, sizeof(struct page));
}

void mm_init_pages(void)
{
	static u8 cpu_nid[NR_CPUS], distance[MAX_NUMNODES * MAX_NUMNODES];
	struct pgalloc_opts opts = {
		.nr_cpus = (unsigned)boot_info.nr_cpus,
		.cpu_nid = cpu_nid,
		.distance = distance,
		.highmem_start = boot_mem_highmem() == ~0UL ? 0 : boot_mem_highmem(),
		.defer_after = 1, /* nothing at boot: a gigabyte costs as little as another */
		.vmemmap_base = VMEMMAP_START,
		.vmemmap_populate = populate_vmemmap,
	};
	phys_t cma_base = 0;
	u64 cma_size;
	int err;

	read_wishes();
	opts.model = (enum memmodel_type)wish.model;
	opts.movable_bytes = wish.movable;
	opts.page_owner = wish.page_owner;
	for (size_t i = 0; i < boot_info.nr_cpus; i++)
		cpu_nid[i] = boot_info.cpu[i].node < 0 ? 0 : (u8)boot_info.cpu[i].node;
	opts.nr_nodes = read_distances(distance);
	reserve_cma(&cma_base, &cma_size);
	err = pgalloc_init(&kernel_mm.pg, &kernel_mm_env, boot_mem_take_map(), &opts);
	if (err)
		env_panic(__FILE__, __LINE__, "no memory for the page allocator (error %d)", err);
	boot_mem_close();
	kernel_mm.pages_up = true;
	if (cma_size) {
		err = cma_activate(&kernel_mm.pg, &kernel_mm.cma, "boot", cma_base, cma_size);
		kernel_mm.has_cma = !err;
	}
	show_zones();
}

/* ---- objects -------------------------------------------------------------------------------------------- */

#define EARLY_CHUNKS 8

/* The slab allocator's own bookkeeping comes from env_alloc(), which is the slab allocator: until it
 * stands, from whole pages that never come back. */
static struct {
	u8 *base[EARLY_CHUNKS];
	u64 size, used; /* of each; of the last */
	unsigned nr;
} early;

static void *early_alloc(size_t size)
{
	u8 *p;

	size = ALIGN_UP(size, 16UL);
	if (!early.nr || early.used + size > early.size) {
		unsigned order = MIN(order_base_2(boot_info.nr_cpus) + 2, (unsigned)MAX_ORDER);
		struct page *page = alloc_pages(&kernel_mm.pg, GFP_NOWAIT | __GFP_ZERO, order);

		if (!page || early.nr == EARLY_CHUNKS || size > PAGE_SIZE << order)
			return NULL;
		early.base[early.nr++] = page_address(&kernel_mm.pg, page);
		early.size = PAGE_SIZE << order;
		early.used = 0;
	}
	p = early.base[early.nr - 1] + early.used;
	early.used += size;
	return p;
}

void *mm_env_alloc(size_t size)
{
	if (unlikely(!kernel_mm.slab_up))
		return early_alloc(size);
	return kzalloc(&kernel_mm.slab, size, mm_gfp());
}

void mm_env_free(void *ptr)
{
	kfree(&kernel_mm.slab, ptr);
}

static struct kmem_cache *leak_cache;

static void *leak_node_alloc(size_t size)
{
	(void)size;
	return kmem_cache_zalloc(leak_cache, GFP_ATOMIC);
}

static void leak_node_free(void *node, size_t size)
{
	(void)size;
	if (node)
		kmem_cache_free(leak_cache, node);
}

static void init_kmemleak(void)
{
	struct kmem_cache_args args = {
		.name = "kmemleak_object",
		.size = MAX(sizeof(struct kmemleak_object), sizeof(struct kmemleak_root)),
		.flags = SLAB_NOLEAKTRACE | SLAB_NO_MERGE | SLAB_PANIC,
	};
	struct kmemleak *kl = &kernel_mm.leak;
	int err;

	leak_cache = kmem_cache_create(&kernel_mm.slab, &args);
	kmemleak_init(kl, &kernel_mm_env, 0);
	kl->node_alloc = leak_node_alloc;
	kl->node_free = leak_node_free;
	err = kmemleak_add_root(kl, _sdata, (u64)(_edata - _sdata));
	err |= kmemleak_add_root(kl, boot_stack, (u64)(_end - boot_stack));
	for (unsigned i = 0; i < early.nr; i++)
		err |= kmemleak_add_root(kl, early.base[i], early.size);
	for (unsigned cpu = 0; cpu < boot_info.nr_cpus; cpu++)
		err |= kmemleak_add_root(kl, per_cpu_ptr(&__per_cpu_start[0], cpu), percpu_size());
	BUG_ON(err);
	kernel_mm.has_leak = true;
	kernel_mm.slab.leak = kl;
	pr_info("  kmemleak looks after every object from here on");
}

void mm_init_slab(void)
{
	const struct slab_ops *ops = slab_kinds[wish.slab];

	if (slab_sys_init(&kernel_mm.slab, &kernel_mm.pg, ops, wish.slab_flags))
		env_panic(__FILE__, __LINE__, "no memory for the %s allocator",
			  slab_sys_name(&kernel_mm.slab));
	if (wish.slab_flags & SLAB_LEAK_TRACE)
		init_kmemleak();
	kernel_mm.slab_up = true;
	pr_info("  %s: objects of 8 bytes to 8 KiB out of pages%s%s",
		slab_sys_name(&kernel_mm.slab),
		ops != &slob_ops ? ", a stock of free ones for each CPU" : "",
		wish.slab_flags & SLAB_DEBUG_FLAGS ? "; each is guarded by red zones" : "");
}

/* ---- mapped areas, per-CPU memory ------------------------------------------------------------------------ */

void *alloc_percpu_kernel(size_t size, size_t align)
{
	u8 *p = alloc_percpu(&kernel_mm.pcpu, size, align, mm_gfp());

	/* per_cpu_ptr() takes addresses of the template. */
	return p ? p - per_cpu_offset[0] : NULL;
}

void free_percpu_kernel(void *ptr)
{
	if (ptr)
		free_percpu(&kernel_mm.pcpu, (u8 *)ptr + per_cpu_offset[0]);
}

static void init_percpu(void)
{
	u64 unit_off[NR_CPUS];
	int err;

	for (unsigned cpu = 0; cpu < boot_info.nr_cpus; cpu++)
		unit_off[cpu] = per_cpu_offset[cpu] - per_cpu_offset[0];
	err = pcpu_init(&kernel_mm.pcpu, &kernel_mm.pg, (u32)percpu_unit_size(), unit_off);
	if (err)
		env_panic(__FILE__, __LINE__, "no per-CPU memory (error %d)", err);
}

static void show_layout(void)
{
	pr_info("  vmalloc %016lx-%016lx  areas of pages from anywhere, a guard page after each",
		VMALLOC_START, VMALLOC_END - 1);
	if (kernel_mm.pg.model.type == MEMMODEL_VMEMMAP)
		pr_info("  vmemmap %016lx  the struct pages", VMEMMAP_START);
	pr_info("  kmap    %016lx  %u shared addresses, %u more for each CPU", KMAP_START,
		KMAP_SLOTS, KMAP_LOCAL_DEPTH);
	pr_info("  fixmap  %016lx  device registers, one page each", FIXADDR_START);
}

void mm_init_vmalloc(void)
{
	struct kernel_mm *mm = &kernel_mm;

	if (vmalloc_init(&mm->vmalloc, &mm->pg, &mm->slab, &kernel_pt, VMALLOC_START,
			 VMALLOC_END) ||
	    kmap_init(&mm->kmap, &mm->pg, &kernel_pt, KMAP_START))
		env_panic(__FILE__, __LINE__, "no memory for the mapped areas");
	init_percpu();
	show_layout();
}

u64 mm_settled_free_bytes(void)
{
	struct kernel_mm *mm = &kernel_mm;
	struct kmem_cache *c;

	kstack_drain();
	vmalloc_purge(&mm->vmalloc);
	/* Off-slab index arrays are objects of other caches: twice. */
	for (unsigned i = 0; i < 2; i++)
		list_for_each_entry (c, &mm->slab.caches, list)
			kmem_cache_shrink(c);
	drain_all_pages(&mm->pg);
	return (nr_free_pages(&mm->pg) + READ_ONCE(mm->nr_table_pages)) * PAGE_SIZE +
	       slob_free_bytes(&mm->slab);
}
