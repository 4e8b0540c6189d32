/* SPDX-License-Identifier: MIT */
/* show_mem.c - meminfo, vmstat, slabinfo, vmallocinfo, iomem. */
#include "guest/lib/string.h"
#include "guest/mm/show.h"

#define KB(pages) ((u64)(pages) << (PAGE_SHIFT - 10))

static const struct mem_usage no_usage;

/* What could be had without swapping: free pages above the low watermarks, and half of what could be
 * given up (Linux si_mem_available()). */
static u64 mem_available(struct pgalloc *pg, struct slab_sys *slab, const struct mem_usage *use)
{
	u64 low = 0, cache = use->active_file + use->inactive_file, reclaimable;
	s64 available = (s64)nr_free_pages(pg);
	struct zone *z;

	for_each_zone (pg, z)
		low += z->watermark[WMARK_LOW];
	reclaimable = slab ? (u64)atomic64_read(&slab->pages_reclaimable) : 0;
	available -= (s64)low;
	available += (s64)(cache - MIN(cache / 2, low));
	available += (s64)(reclaimable - MIN(reclaimable / 2, low));
	return available > 0 ? (u64)available : 0;
}

static void show_kb(struct seq *s, const char *name, u64 kb)
{
	seq_printf(s, "%-16s%8lu kB\n", name, kb);
}

static u64 sum_zones(const struct pgalloc *pg, u64 (*fn)(const struct zone *z))
{
	struct zone *z;
	u64 sum = 0;

	for_each_zone (pg, z)
		sum += fn(z);
	return sum;
}

static u64 zone_cma(const struct zone *z)
{
	return z->cma_pages;
}

static u64 zone_free_cma(const struct zone *z)
{
	return z->buddy.nr_free_cma;
}

static void show_slab_lines(struct seq *s, const struct slab_sys *slab)
{
	u64 rec = slab ? (u64)atomic64_read(&slab->pages_reclaimable) : 0;
	u64 unrec = slab ? (u64)atomic64_read(&slab->pages_unreclaimable) : 0;

	show_kb(s, "KReclaimable:", KB(rec));
	show_kb(s, "Slab:", KB(rec + unrec));
	show_kb(s, "SReclaimable:", KB(rec));
	show_kb(s, "SUnreclaim:", KB(unrec));
}

void show_meminfo(struct seq *s, struct pgalloc *pg, struct slab_sys *slab,
		  struct vmalloc_space *vs, const struct mem_usage *use)
{
	const struct mem_usage *u = use ? use : &no_usage;

	show_kb(s, "MemTotal:", KB(nr_managed_pages(pg)));
	show_kb(s, "MemFree:", KB(nr_free_pages(pg)));
	show_kb(s, "MemAvailable:", KB(mem_available(pg, slab, u)));
	show_kb(s, "Buffers:", KB(u->buffers));
	show_kb(s, "Cached:", KB(u->cached));
	show_kb(s, "SwapCached:", KB(u->swap_cached));
	show_kb(s, "Active:", KB(u->active_anon + u->active_file));
	show_kb(s, "Inactive:", KB(u->inactive_anon + u->inactive_file));
	show_kb(s, "Active(anon):", KB(u->active_anon));
	show_kb(s, "Inactive(anon):", KB(u->inactive_anon));
	show_kb(s, "Active(file):", KB(u->active_file));
	show_kb(s, "Inactive(file):", KB(u->inactive_file));
	show_kb(s, "Unevictable:", KB(u->unevictable));
	show_kb(s, "Mlocked:", KB(u->mlocked));
	show_kb(s, "SwapTotal:", KB(u->swap_total));
	show_kb(s, "SwapFree:", KB(u->swap_free));
	show_kb(s, "Dirty:", KB(u->dirty));
	show_kb(s, "Writeback:", KB(u->writeback));
	show_kb(s, "AnonPages:", KB(u->anon));
	show_kb(s, "Mapped:", KB(u->mapped));
	show_kb(s, "Shmem:", KB(u->shmem));
	show_slab_lines(s, slab);
	show_kb(s, "KernelStack:", u->kernel_stack_kb);
	show_kb(s, "PageTables:", KB(u->page_tables));
	show_kb(s, "CommitLimit:", KB(u->commit_limit));
	show_kb(s, "Committed_AS:", KB(u->committed_as));
	show_kb(s, "VmallocTotal:", vs ? (vs->end - vs->start) >> 10 : 0);
	show_kb(s, "VmallocUsed:", vs ? KB(READ_ONCE(vs->nr_pages)) : 0);
	show_kb(s, "VmallocChunk:", 0);
	show_kb(s, "AnonHugePages:", KB(u->anon_huge));
	show_kb(s, "CmaTotal:", KB(sum_zones(pg, zone_cma)));
	show_kb(s, "CmaFree:", KB(sum_zones(pg, zone_free_cma)));
	seq_printf(s, "HugePages_Total:   %5lu\nHugePages_Free:    %5lu\n", u->huge_total,
		   u->huge_free);
	seq_printf(s, "HugePages_Rsvd:    %5lu\nHugePages_Surp:    %5lu\n", u->huge_rsvd,
		   u->huge_surp);
	show_kb(s, "Hugepagesize:", 2048);
}

static void show_stat(struct seq *s, const char *name, u64 n)
{
	seq_printf(s, "%s %lu\n", name, n);
}

/* The fast paths count in the per-CPU lists. */
static u64 pcp_allocs(const struct pgalloc *pg, enum zone_type type)
{
	struct zone *z;
	u64 sum = 0;

	for_each_zone (pg, z)
		for (unsigned c = 0; z->type == type && c < pg->nr_cpus; c++)
			sum += z->pcp[c].nr_pop - z->pcp[c].nr_slow;
	return sum;
}

static u64 pcp_frees(const struct pgalloc *pg)
{
	struct zone *z;
	u64 sum = 0;

	for_each_zone (pg, z)
		for (unsigned c = 0; c < pg->nr_cpus; c++)
			sum += pcp_nr_free(&z->pcp[c]);
	return sum;
}

void show_vmstat(struct seq *s, struct pgalloc *pg, struct slab_sys *slab,
		 const struct mem_usage *use)
{
	static const char *const names[NR_VM_EVENTS] = {
#define VM_EVENT(id, name) [id] = name,
#include "guest/mm/vm_event.h"
#undef VM_EVENT
	};
	const struct mem_usage *u = use ? use : &no_usage;

	show_stat(s, "nr_free_pages", nr_free_pages(pg));
	show_stat(s, "nr_inactive_anon", u->inactive_anon);
	show_stat(s, "nr_active_anon", u->active_anon);
	show_stat(s, "nr_inactive_file", u->inactive_file);
	show_stat(s, "nr_active_file", u->active_file);
	show_stat(s, "nr_unevictable", u->unevictable);
	show_stat(s, "nr_mlock", u->mlocked);
	show_stat(s, "nr_free_cma", sum_zones(pg, zone_free_cma));
	show_stat(s, "nr_slab_reclaimable",
		  slab ? (u64)atomic64_read(&slab->pages_reclaimable) : 0);
	show_stat(s, "nr_slab_unreclaimable",
		  slab ? (u64)atomic64_read(&slab->pages_unreclaimable) : 0);
	show_stat(s, "nr_anon_pages", u->anon);
	show_stat(s, "nr_mapped", u->mapped);
	show_stat(s, "nr_file_pages", u->cached + u->buffers);
	show_stat(s, "nr_dirty", u->dirty);
	show_stat(s, "nr_writeback", u->writeback);
	show_stat(s, "nr_shmem", u->shmem);
	show_stat(s, "nr_page_table_pages", u->page_tables);
	for (enum vm_event e = 0; e < NR_VM_EVENTS; e++) {
		u64 n = vm_event(pg, e);

		if (e <= PGALLOC_DEVICE)
			n += pcp_allocs(pg, (enum zone_type)(e - PGALLOC_DMA));
		else if (e == PGFREE)
			n += pcp_frees(pg);
		show_stat(s, names[e], n);
	}
}

void show_slabinfo(struct seq *s, struct slab_sys *sys)
{
	struct kmem_cache *c;

	seq_puts(s, "slabinfo - version: 2.1\n"
		    "# name            <active_objs> <num_objs> <objsize> <objperslab> "
		    "<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : "
		    "slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	list_for_each_entry (c, &sys->caches, list) {
		struct slabinfo i;

		kmem_cache_info(c, &i);
		seq_printf(s, "%-17s %6lu %6lu %6u %4u %4u", c->name, i.active_objs, i.num_objs,
			   c->size, c->objects, 1u << c->order);
		seq_printf(s, " : tunables %4u %4u %4u : slabdata %6lu %6lu %6u\n", c->array_cap,
			   c->array_cap / 2, 0, i.active_slabs, i.num_slabs, 0);
	}
}

static void show_vm_nodes(struct seq *s, const struct vm_struct *vm)
{
	u64 nr[MAX_NUMNODES] = { 0 };

	for (const struct page_chunk *c = vm->chunks; c; c = c->next)
		for (u64 i = 0; i < c->nr; i++)
			nr[page_to_nid(c->page[i])]++;
	for (unsigned n = 0; n < MAX_NUMNODES; n++)
		if (nr[n])
			seq_printf(s, " N%u=%lu", n, nr[n]);
}

static void show_vm(void *arg, const struct vm_struct *vm)
{
	struct seq *s = arg;
	u64 start = (u64)vm->addr;

	seq_printf(s, "0x%016lx-0x%016lx %7lu", start, start + vm->size, vm->size);
	if (vm->caller)
		seq_printf(s, " %pS", (void *)vm->caller);
	if (vm->nr_pages)
		seq_printf(s, " pages=%lu", vm->nr_pages);
	if (vm->phys)
		seq_printf(s, " phys=0x%016lx", vm->phys);
	if (vm->flags & VM_IOREMAP)
		seq_puts(s, " ioremap");
	if (vm->flags & VM_ALLOC)
		seq_puts(s, " vmalloc");
	if (vm->flags & VM_MAP)
		seq_puts(s, " vmap");
	show_vm_nodes(s, vm);
	seq_puts(s, "\n");
}

void show_vmallocinfo(struct seq *s, struct vmalloc_space *vs)
{
	vmalloc_for_each (vs, show_vm, s)
		;
}

void show_iomem(struct seq *s, const struct resource *root)
{
	const struct resource *r = root->child;
	unsigned depth = 0;

	/* Depth first without recursion: child, sibling, or back up to a parent that has one. */
	while (r) {
		seq_printf(s, "%*s%08lx-%08lx : %s\n", (int)(depth * 2), "", r->start, r->end,
			   r->name);
		if (r->child) {
			r = r->child;
			depth++;
			continue;
		}
		while (r && !r->sibling) {
			r = r->parent == root ? NULL : r->parent;
			depth--;
		}
		r = r ? r->sibling : NULL;
	}
}
