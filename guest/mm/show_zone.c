/* SPDX-License-Identifier: MIT */
/* show_zone.c - buddyinfo, pagetypeinfo, zoneinfo, numastat and the fragmentation indices. */
#include "guest/mm/compaction.h"
#include "guest/mm/show.h"

static const char *const mt_names[MIGRATE_TYPES] = {
	[MIGRATE_UNMOVABLE] = "Unmovable",
	[MIGRATE_MOVABLE] = "Movable",
	[MIGRATE_RECLAIMABLE] = "Reclaimable",
	[MIGRATE_HIGHATOMIC] = "HighAtomic",
	[MIGRATE_CMA] = "CMA",
	[MIGRATE_ISOLATE] = "Isolate",
};

void show_buddyinfo(struct seq *s, struct pgalloc *pg)
{
	struct zone *z;

	for_each_zone (pg, z) {
		seq_printf(s, "Node %u, zone %8s ", z->nid, z->name);
		for (unsigned o = 0; o < NR_PAGE_ORDERS; o++)
			seq_printf(s, "%6lu ", buddy_nr_free(&z->buddy, o));
		seq_puts(s, "\n");
	}
}

static void show_block_counts(struct seq *s, const struct zone *z)
{
	u64 count[MIGRATE_TYPES] = { 0 };

	for (pfn_t pfn = ALIGN_DOWN(z->start, PAGEBLOCK_PAGES); pfn < z->end;
	     pfn += PAGEBLOCK_PAGES) {
		u8 mt = z->pg->pageblock[pfn >> PAGEBLOCK_ORDER];

		/* Nodes may lie in each other's span. */
		if (mt < MIGRATE_TYPES &&
		    page_zone(z->pg, pfn_to_page(&z->pg->model, MAX(pfn, z->start))) == z)
			count[mt]++;
	}
	seq_printf(s, "Node %u, zone %8s ", z->nid, z->name);
	for (unsigned t = 0; t < MIGRATE_TYPES; t++)
		seq_printf(s, "%12lu ", count[t]);
	seq_puts(s, "\n");
}

void show_pagetypeinfo(struct seq *s, struct pgalloc *pg)
{
	struct zone *z;

	seq_printf(s, "Page block order: %d\nPages per block:  %lu\n\n", PAGEBLOCK_ORDER,
		   PAGEBLOCK_PAGES);
	seq_printf(s, "%-43s ", "Free pages count per migrate type at order");
	for (unsigned o = 0; o < NR_PAGE_ORDERS; o++)
		seq_printf(s, "%6u ", o);
	seq_puts(s, "\n");
	for_each_zone (pg, z) {
		for (unsigned t = 0; t < MIGRATE_TYPES; t++) {
			seq_printf(s, "Node %4u, zone %8s, type %12s ", z->nid, z->name,
				   mt_names[t]);
			for (unsigned o = 0; o < NR_PAGE_ORDERS; o++)
				seq_printf(s, "%6lu ", z->buddy.area[o].nr_free[t]);
			seq_puts(s, "\n");
		}
	}
	seq_printf(s, "\n%-23s", "Number of blocks type ");
	for (unsigned t = 0; t < MIGRATE_TYPES; t++)
		seq_printf(s, "%12s ", mt_names[t]);
	seq_puts(s, "\n");
	for_each_zone (pg, z)
		show_block_counts(s, z);
}

static const char *const numa_names[NR_NUMA_EVENTS] = {
	[NUMA_HIT] = "numa_hit",     [NUMA_MISS] = "numa_miss",	  [NUMA_FOREIGN] = "numa_foreign",
	[NUMA_LOCAL] = "numa_local", [NUMA_OTHER] = "numa_other",
};

/* What the fast path hands out is a hit, by the CPU's own choice of node; it counts in one place. */
static u64 numa_event(const struct zone *z, enum numa_event e)
{
	u64 sum = z->numa[e];

	for (unsigned c = 0; c < z->pg->nr_cpus; c++) {
		bool local = z->pg->cpu[c]->nid == z->nid;

		if (e == NUMA_HIT || e == (local ? NUMA_LOCAL : NUMA_OTHER))
			sum += z->pcp[c].nr_pop - z->pcp[c].nr_slow;
	}
	return sum;
}

static void show_zone_pagesets(struct seq *s, const struct zone *z)
{
	seq_puts(s, "\n  pagesets");
	for (unsigned c = 0; c < z->pg->nr_cpus; c++)
		seq_printf(s,
			   "\n    cpu: %u\n              count:    %u\n              high:     %u"
			   "\n              batch:    %u",
			   c, (unsigned)pcp_count(&z->pcp[c]), 2 * z->pcp[c].list[0].limit,
			   z->pcp[c].batch);
}

static void show_one_zone(struct seq *s, const struct zone *z)
{
	seq_printf(s, "Node %u, zone %8s", z->nid, z->name);
	seq_printf(s, "\n  pages free     %lu\n        boost    %lu\n        min      %lu",
		   z->buddy.nr_free_pages, 0UL, z->watermark[WMARK_MIN]);
	seq_printf(s, "\n        low      %lu\n        high     %lu", z->watermark[WMARK_LOW],
		   z->watermark[WMARK_HIGH]);
	seq_printf(
		s,
		"\n        spanned  %lu\n        present  %lu\n        managed  %lu\n        cma      %lu",
		z->end - z->start, z->present, z->managed, z->cma_pages);
	seq_printf(s, "\n        protection: (%lu", z->lowmem_reserve[0]);
	for (unsigned t = 1; t < MAX_NR_ZONES; t++)
		seq_printf(s, ", %lu", z->lowmem_reserve[t]);
	seq_puts(s, ")");
	seq_printf(s, "\n      %-12s %lu", "nr_free_pages", z->buddy.nr_free_pages);
	seq_printf(s, "\n      %-12s %lu", "nr_free_cma", z->buddy.nr_free_cma);
	if (z->nr_deferred)
		seq_printf(s, "\n      %-12s %lu", "nr_deferred", z->nr_deferred);
	for (unsigned e = 0; e < NR_NUMA_EVENTS; e++)
		seq_printf(s, "\n      %-12s %lu", numa_names[e], numa_event(z, e));
	show_zone_pagesets(s, z);
	seq_printf(s, "\n  node_unreclaimable:  %u\n  start_pfn:           %lu\n", 0, z->start);
}

void show_zoneinfo(struct seq *s, struct pgalloc *pg)
{
	struct zone *z;

	for_each_zone (pg, z)
		show_one_zone(s, z);
}

void show_numastat(struct seq *s, struct pgalloc *pg, unsigned nid)
{
	static const struct {
		const char *name;
		enum numa_event e;
	} rows[] = { { "numa_hit", NUMA_HIT },	       { "numa_miss", NUMA_MISS },
		     { "numa_foreign", NUMA_FOREIGN }, { "interleave_hit", NR_NUMA_EVENTS },
		     { "local_node", NUMA_LOCAL },     { "other_node", NUMA_OTHER } };

	for (unsigned r = 0; r < ARRAY_SIZE(rows); r++) {
		struct zone *z;
		u64 sum = 0;

		for_each_zone (pg, z)
			if (z->nid == nid && rows[r].e < NR_NUMA_EVENTS)
				sum += numa_event(z, rows[r].e);
		seq_printf(s, "%s %lu\n", rows[r].name, sum);
	}
}

void show_unusable_index(struct seq *s, struct pgalloc *pg)
{
	struct zone *z;

	for_each_zone (pg, z) {
		seq_printf(s, "Node %u, zone %8s ", z->nid, z->name);
		for (unsigned o = 0; o < NR_PAGE_ORDERS; o++) {
			unsigned i = unusable_free_index(z, o);

			seq_printf(s, "%u.%03u ", i / 1000, i % 1000);
		}
		seq_puts(s, "\n");
	}
}

void show_extfrag_index(struct seq *s, struct pgalloc *pg)
{
	struct zone *z;

	for_each_zone (pg, z) {
		seq_printf(s, "Node %u, zone %8s ", z->nid, z->name);
		for (unsigned o = 0; o < NR_PAGE_ORDERS; o++) {
			int i = fragmentation_index(z, o);

			/* As Linux prints it: the sign only in front of the whole part. */
			seq_printf(s, "%2d.%03d ", i / 1000, (i < 0 ? -i : i) % 1000);
		}
		seq_puts(s, "\n");
	}
}
