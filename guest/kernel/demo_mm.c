/* SPDX-License-Identifier: MIT */
/*
 * demo_mm.c - demo=mm: fragmentation and compaction, contiguous areas lent and taken back, help from
 * another node, memory without a linear address, and what allocators and memory models cost.
 *
 * All of it happens in laboratories (mm_lab.h) of some MiB, so that it takes a moment on any machine.
 */
#include "guest/arch/x86/layout.h"
#include "guest/arch/x86/paging.h"
#include "guest/kernel/cma_load.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/mm_lab.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/time.h"
#include "guest/lib/errno.h"
#include "guest/lib/rand.h"
#include "guest/mm/compaction.h"
#include "guest/mm/migrate.h"

#define MiB	  (1UL << 20)
#define MAX_OWNED 4096
#define MOVABLE	  (GFP_NOWAIT | __GFP_MOVABLE | __GFP_HIGHMEM)

/* Owners of movable pages know them by number, wherever they are. */
static struct page *owned[MAX_OWNED];

static bool isolate_owned(struct page *page)
{
	(void)page;
	return true;
}

static int migrate_owned(struct pgalloc *pg, struct page *dst, struct page *src)
{
	migrate_copy_page(pg, dst, src);
	dst->private = src->private;
	owned[dst->private] = dst;
	return 0;
}

static void putback_owned(struct page *page)
{
	(void)page;
}

static const struct movable_ops owned_ops = { isolate_owned, migrate_owned, putback_owned };

/* Movable pages until there are no more, or `most`; how many. */
static unsigned own_pages(struct mm_lab *lab, unsigned most)
{
	unsigned nr;

	for (nr = 0; nr < MIN(most, (unsigned)MAX_OWNED); nr++) {
		struct page *page = alloc_page(&lab->pg, MOVABLE);

		if (!page)
			break;
		page->private = nr;
		SetPageMovableOps(page, &owned_ops);
		*(u64 *)page_address(&lab->pg, page) = nr;
		owned[nr] = page;
	}
	return nr;
}

static void disown(struct mm_lab *lab, unsigned i)
{
	ClearPageMovable(owned[i]);
	__free_page(&lab->pg, owned[i]);
	owned[i] = NULL;
}

/* How many of the pages still hold what their owner wrote. */
static unsigned count_intact(struct mm_lab *lab, unsigned nr)
{
	unsigned intact = 0;

	for (unsigned i = 0; i < nr; i++)
		intact += owned[i] && *(u64 *)page_address(&lab->pg, owned[i]) == i;
	return intact;
}

static struct mm_lab *lab_or_excuse(const struct mm_lab_opts *o)
{
	struct mm_lab *lab = mm_lab_make(o);

	if (!lab)
		console_printf("  (needs %u MiB in a row, which this machine has not)\n",
			       o->blocks * 4);
	return lab;
}

static struct zone *first_zone(struct mm_lab *lab)
{
	return next_zone(&lab->pg, NULL);
}

/* ---- fragmentation ---------------------------------------------------------------------------------- */

static void show_free_blocks(const char *when, struct mm_lab *lab)
{
	struct zone *z = first_zone(lab);

	drain_all_pages(&lab->pg);
	console_printf("  %-7s", when);
	for (unsigned o = 0; o < NR_PAGE_ORDERS; o++)
		console_printf("%5lu", buddy_nr_free(&z->buddy, o));
	console_printf("   %3u%%\n", unusable_free_index(z, PAGEBLOCK_ORDER) / 10);
}

static void demo_fragmentation(void)
{
	struct mm_lab *lab;
	struct rand r;
	unsigned nr, left = 0;
	u64 moved, start;

	console_printf(
		"\nFragmentation: 16 MiB full of movable pages, five of six freed at random\n");
	lab = lab_or_excuse(&(struct mm_lab_opts){ .blocks = 4 });
	if (!lab)
		return;
	console_printf("  free blocks of 2^n pages, n =\n          ");
	for (unsigned o = 0; o < NR_PAGE_ORDERS; o++)
		console_printf("%2u   ", o);
	console_printf("free, but too small for 2 MiB\n");
	show_free_blocks("empty", lab);
	nr = own_pages(lab, MAX_OWNED);
	rand_init(&r, 1);
	for (unsigned i = 0; i < nr; i++)
		if (rand_below(&r, 6))
			disown(lab, i);
	for (unsigned i = 0; i < nr; i++)
		left += owned[i] != NULL;
	show_free_blocks("before", lab);
	start = clock_ns();
	moved = compact_zone_fully(first_zone(lab));
	start = clock_ns() - start;
	show_free_blocks("after", lab);
	console_printf(
		"  compaction moved %lu pages in %lu us; %u of %u hold what their owners wrote\n",
		moved, start / NSEC_PER_USEC, count_intact(lab, nr), left);
	mm_lab_end(lab);
}

/* ---- contiguous areas ---------------------------------------------------------------------------------- */

static unsigned lent_pages(struct mm_lab *lab, const struct cma *cma, unsigned nr)
{
	unsigned lent = 0;

	for (unsigned i = 0; i < nr; i++) {
		pfn_t pfn = page_to_pfn(&lab->pg.model, owned[i]);

		lent += pfn >= cma->base && pfn < cma->base + cma->count;
	}
	return lent;
}

static void demo_cma(void)
{
	const u64 want = 6 * MiB >> PAGE_SHIFT;
	struct mm_lab *lab;
	struct page *page;
	unsigned nr, lent;
	u64 start;

	console_printf(
		"\nA contiguous area of 8 MiB in 16 MiB, lent to movable pages until a device asks\n");
	lab = lab_or_excuse(&(struct mm_lab_opts){ .blocks = 4, .cma = 8 * MiB });
	if (!lab)
		return;
	nr = own_pages(lab, 600);
	lent = lent_pages(lab, &lab->cma, nr);
	console_printf("  %u movable pages are in use, %u of them in the area\n", nr, lent);
	start = clock_ns();
	page = cma_alloc(&lab->pg, &lab->cma, want, 0);
	start = clock_ns() - start;
	if (page)
		console_printf(
			"  6 MiB in a row taken back in %lu us: %u pages moved away, %u of %u intact\n",
			start / NSEC_PER_USEC, lent - lent_pages(lab, &lab->cma, nr),
			count_intact(lab, nr), nr);
	else
		console_printf("  6 MiB in a row: not to be had\n");
	if (page)
		cma_release(&lab->pg, &lab->cma, page, want);
	mm_lab_end(lab);
}

static void demo_cma_load(void)
{
	const unsigned rounds = 8;
	struct cma_load res;
	struct mm_lab *lab;

	console_printf(
		"\nThe same area under load: parts of up to 2 MiB are asked back, %u times,\n"
		"while threads take movable pages, give them up, and pin some\n",
		rounds);
	lab = lab_or_excuse(&(struct mm_lab_opts){ .blocks = 4, .cma = 8 * MiB });
	if (!lab)
		return;
	if (cma_load_run(lab, rounds, &res)) {
		console_printf("  (needs more memory than there is)\n");
	} else {
		console_printf("  %lu requests got %lu KiB, %lu were refused; %lu us the longest\n",
			       res.taken, res.frames * PAGE_SIZE >> 10, res.refused,
			       res.ns_longest / NSEC_PER_USEC);
		console_printf("  %lu pages moved away, %lu times a pinned one stayed; meanwhile\n",
			       res.moved, res.pinned);
		console_printf("  %u threads gave up %lu; %lu pages were not as they were left\n",
			       res.threads, res.churned, res.wrong);
	}
	mm_lab_end(lab);
}

/* ---- nodes -------------------------------------------------------------------------------------------- */

static void show_zonelists(const struct pgalloc *pg)
{
	for (unsigned n = 0; n < pg->nr_nodes; n++) {
		struct zone **z = pg->node[n]->zonelist;

		console_printf("  node %u asks in this order:", n);
		for (; *z; z++)
			console_printf(" %u:%s", (*z)->nid, (*z)->name);
		console_printf("\n");
	}
}

static void demo_numa(void)
{
	struct mm_lab *lab;
	struct zone *z;
	unsigned here = 0, there = 0;

	if (kernel_mm.pg.nr_nodes > 1) {
		console_printf("\nThis machine's nodes\n");
		show_zonelists(&kernel_mm.pg);
	}
	console_printf("\nTwo nodes of 4 MiB; 1500 pages are wanted on node 1\n");
	lab = lab_or_excuse(&(struct mm_lab_opts){ .blocks = 2, .nodes = 2 });
	if (!lab)
		return;
	show_zonelists(&lab->pg);
	for (unsigned i = 0; i < 1500; i++) {
		struct page *page = alloc_pages_node(&lab->pg, 1, GFP_NOWAIT, 0);

		if (page)
			*(page_to_nid(page) == 1 ? &here : &there) += 1;
	}
	console_printf("  %u came from node 1, %u from node 0\n", here, there);
	for_each_zone (&lab->pg, z)
		console_printf("  node %u: numa_hit %lu, numa_miss %lu, numa_foreign %lu\n", z->nid,
			       z->numa[NUMA_HIT], z->numa[NUMA_MISS], z->numa[NUMA_FOREIGN]);
	mm_lab_end(lab);
}

/* ---- memory without a linear address --------------------------------------------------------------------- */

static void demo_highmem(void)
{
	static struct kmap km;
	struct mm_lab *lab;
	struct page *page;
	u64 *va, *local;

	console_printf("\nHIGHMEM: of 8 MiB the upper 4 have no linear address\n");
	lab = lab_or_excuse(&(struct mm_lab_opts){ .blocks = 2, .highmem_start = 4 * MiB });
	if (!lab)
		return;
	page = alloc_page(&lab->pg, GFP_HIGHUSER);
	if (page && !kmap_init(&km, &lab->pg, &kernel_pt, KMAP_START + kmap_size(&kernel_mm.pg))) {
		console_printf("  frame %#lx of zone %s: page_address() is %p\n",
			       page_to_pfn(&lab->pg.model, page), page_zone(&lab->pg, page)->name,
			       page_address(&lab->pg, page));
		va = kmap(&km, page);
		local = kmap_local_page(&km, page);
		if (va && local) {
			*va = 0x5eed;
			console_printf(
				"  kmap() gives it %p, for all; kmap_local_page() %p, here; read %#lx there\n",
				(void *)va, (void *)local, *local);
		}
		kunmap_local(&km, local);
		kunmap(&km, page);
		kmap_exit(&km);
	}
	mm_lab_end(lab);
}

/* ---- what things cost ----------------------------------------------------------------------------------- */

#define TRACE_LIVE 256
#define TRACE_OPS  1500

struct trace_result {
	u64 ns, free, asked; /* free: pages, when all objects are there */
};

/* Objects of 8 to 2048 bytes, small ones more often, each replaced at random. */
static void replay(struct slab_sys *sys, struct pgalloc *pg, struct trace_result *res)
{
	static void *live[TRACE_LIVE];
	static u16 size[TRACE_LIVE];
	u64 start = clock_ns();
	struct rand r;

	rand_init(&r, 7);
	for (unsigned i = 0; i < TRACE_OPS; i++) {
		u64 k = rand_below(&r, TRACE_LIVE), shift = rand_below(&r, 9);

		kfree(sys, live[k]);
		size[k] = (u16)rand_range(&r, 8UL << shift >> 1, 8UL << shift);
		live[k] = kmalloc(sys, size[k], GFP_NOWAIT);
	}
	res->ns = (clock_ns() - start) / TRACE_OPS;
	drain_all_pages(pg);
	res->free = nr_free_pages(pg);
	res->asked = 0;
	for (unsigned k = 0; k < TRACE_LIVE; k++) {
		res->asked += live[k] ? size[k] : 0;
		kfree(sys, live[k]);
		live[k] = NULL;
	}
}

static void demo_slabs(void)
{
	static const struct slab_ops *const kinds[] = { &slub_ops, &slab_ops, &slob_ops };
	static struct slab_sys sys;

	console_printf(
		"\nThe same %u replacements of %u objects of 4 to 2048 bytes by each allocator\n",
		TRACE_OPS, TRACE_LIVE);
	console_printf("          memory taken   for each byte asked   ns a replacement\n");
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct mm_lab *lab = lab_or_excuse(&(struct mm_lab_opts){ .blocks = 1 });
		struct trace_result res;
		u64 taken;

		if (!lab)
			return;
		taken = nr_free_pages(&lab->pg);
		if (!slab_sys_init(&sys, &lab->pg, kinds[i], 0)) {
			replay(&sys, &lab->pg, &res); /* the first time fills the stocks */
			replay(&sys, &lab->pg, &res);
			taken = (taken - res.free) * PAGE_SIZE;
			console_printf("  %s %13lu KiB %17lu.%02lu %18lu\n", slab_sys_name(&sys),
				       taken >> 10, taken / res.asked,
				       taken * 100 / res.asked % 100, res.ns);
			slab_sys_destroy(&sys);
		}
		mm_lab_end(lab);
	}
}

#define MODEL_FRAMES (4 * PAGES_PER_SECTION)
#define MODEL_LOOPS  1024

/* Addresses are enough: nobody looks at the struct pages. */
static void *area_for_map(void *areas, u64 size, unsigned nid)
{
	struct vm_struct *vm = get_vm_area(&kernel_mm.vmalloc, size, PAGE_SIZE, VM_MAP, 0),
			 **a = areas;

	(void)nid;
	while (*a)
		a++;
	*a = vm;
	return vm ? vm->addr : NULL;
}

static void *table_for_map(void *areas, u64 size, unsigned nid)
{
	(void)areas;
	(void)nid;
	return kzalloc(&kernel_mm.slab, size, GFP_KERNEL);
}

static int nothing_to_populate(void *unused, u64 va, u64 size, unsigned nid)
{
	(void)unused;
	(void)va;
	(void)size;
	(void)nid;
	return 0;
}

static u64 time_lookups(const struct memmodel *m)
{
	u64 best = ~0UL;

	for (unsigned batch = 0; batch < 3; batch++) {
		u64 start = clock_ns(), sum = 0;

		for (u64 i = 0; i < MODEL_LOOPS; i++)
			sum += (u64)pfn_to_page(m, i * 31 % MODEL_FRAMES);
		__asm__ volatile("" : : "r"(sum));
		best = MIN(best, clock_ns() - start);
	}
	return best;
}

static void demo_models(void)
{
	const struct memmodel_range range[] = {
		{ 0, MODEL_FRAMES / 2, 0 },
		{ MODEL_FRAMES / 2, MODEL_FRAMES, 1 },
	};

	console_printf("\npfn_to_page() of 512 MiB on two nodes, by memory model\n");
	console_printf("             ns a lookup   struct pages and tables\n");
	for (enum memmodel_type t = MEMMODEL_FLAT; t <= MEMMODEL_VMEMMAP; t++) {
		struct vm_struct *areas[8] = { NULL };
		const struct memmodel_alloc a = {
			.alloc = area_for_map,
			.zalloc = table_for_map,
			.arg = areas,
			.vmemmap_base = VMEMMAP_START,
			.populate = nothing_to_populate,
		};
		static struct memmodel m;

		if (!memmodel_init(&m, t, range, ARRAY_SIZE(range), MODEL_FRAMES, &a)) {
			u64 ps = time_lookups(&m) * 1000 / MODEL_LOOPS;

			console_printf("  %-9s %9lu.%03lu %15lu KiB\n", memmodel_name(t), ps / 1000,
				       ps % 1000, memmodel_cost(&m) >> 10);
		}
		kfree(&kernel_mm.slab, m.section);
		kfree(&kernel_mm.slab, m.node_of);
		for (unsigned i = 0; areas[i]; i++)
			free_vm_area(&kernel_mm.vmalloc, areas[i]);
	}
}

void demo_mm(void)
{
	demo_fragmentation();
	demo_cma();
	demo_cma_load();
	demo_numa();
	demo_highmem();
	demo_slabs();
	demo_models();
	console_printf("\n");
}
