/* SPDX-License-Identifier: MIT */
/* zone.c - watermarks, zonelists and counters; see zone.h. */
#include "guest/mm/zone.h"
#include "guest/lib/math.h"
#include "guest/lib/minmax.h"
#include "guest/mm/pcp.h"

const char *const zone_names[MAX_NR_ZONES] = {
	[ZONE_DMA] = "DMA",	    [ZONE_DMA32] = "DMA32",	[ZONE_NORMAL] = "Normal",
	[ZONE_HIGHMEM] = "HighMem", [ZONE_MOVABLE] = "Movable", [ZONE_DEVICE] = "Device",
};

/* How much smaller than the zones above it the part of a zone is that they may not take. */
static const unsigned lowmem_reserve_ratio[MAX_NR_ZONES] = {
	[ZONE_DMA] = 256,
	[ZONE_DMA32] = 256,
	[ZONE_NORMAL] = 32,
};

u64 vm_event(const struct pgalloc *pg, enum vm_event e)
{
	u64 sum = 0;

	for (unsigned c = 0; c < pg->nr_cpus; c++)
		sum += READ_ONCE(pg->cpu[c]->event[e]);
	return sum;
}

struct zone *next_zone(const struct pgalloc *pg, const struct zone *prev)
{
	unsigned n = prev ? prev->nid : 0, t = prev ? prev->type + 1u : 0;

	for (; n < pg->nr_nodes; n++, t = 0)
		for (; pg->node[n] && t < MAX_NR_ZONES; t++)
			if (pg->node[n]->zone[t].present)
				return &pg->node[n]->zone[t];
	return NULL;
}

u64 zone_free_pages(const struct zone *z)
{
	return READ_ONCE(z->buddy.nr_free_pages) + READ_ONCE(z->nr_deferred);
}

bool zone_watermark_ok(const struct zone *z, unsigned order, u64 mark, enum zone_type highest,
		       unsigned flags)
{
	s64 min = (s64)mark, free = (s64)zone_free_pages(z);

	free -= (1 << order) - 1;
	if (!(flags & (ALLOC_HIGHATOMIC | ALLOC_MIN_RESERVE)))
		free -= (s64)z->nr_reserved_highatomic;
	if (!(flags & ALLOC_CMA))
		free -= (s64)z->buddy.nr_free_cma;
	if (flags & ALLOC_MIN_RESERVE) {
		min -= min / 2;
		if (flags & ALLOC_NON_BLOCK)
			min -= min / 4;
	}
	if (free <= min + (s64)z->lowmem_reserve[highest])
		return false;
	/* What is not initialised yet is free in the largest blocks there are. */
	return !order || READ_ONCE(z->nr_deferred) >= MAX_ORDER_PAGES ||
	       buddy_has_block(&z->buddy, order, MIGRATE_MOVABLE,
			       (flags & ALLOC_CMA ? BUDDY_CMA : 0u) |
				       (flags & ALLOC_HIGHATOMIC ? BUDDY_HIGHATOMIC : 0u));
}

static bool is_highmem(const struct zone *z)
{
	return z->type == ZONE_HIGHMEM || z->type == ZONE_MOVABLE;
}

/* Frames that the kernel itself can use. */
static u64 lowmem_pages(const struct pgalloc *pg)
{
	const struct zone *z;
	u64 sum = 0;

	for_each_zone (pg, z)
		if (!is_highmem(z) && z->type != ZONE_DEVICE)
			sum += z->managed;
	return sum;
}

static void setup_lowmem_reserve(struct pgalloc *pg)
{
	for (unsigned n = 0; n < pg->nr_nodes; n++) {
		if (!pg->node[n])
			continue;
		for (unsigned i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *z = &pg->node[n]->zone[i];
			u64 above = 0;

			for (unsigned j = i + 1; j < MAX_NR_ZONES; j++) {
				above += pg->node[n]->zone[j].managed;
				z->lowmem_reserve[j] = lowmem_reserve_ratio[i] && z->managed
							       ? above / lowmem_reserve_ratio[i]
							       : 0;
			}
		}
	}
}

void setup_watermarks(struct pgalloc *pg)
{
	u64 low = lowmem_pages(pg), kb = pg->min_free_kbytes, min_pages;
	struct zone *z;

	/* The root of the size: small machines need a larger share (Linux mm/page_alloc.c). */
	if (!kb)
		kb = clamp_t(u64, int_sqrt64(low * (PAGE_SIZE / 1024) * 16), 128, 262144);
	min_pages = kb >> (PAGE_SHIFT - 10);
	for_each_zone (pg, z) {
		u64 share = low ? min_pages * z->managed / low : 0, gap;

		if (z->type == ZONE_DEVICE)
			continue;
		if (is_highmem(z))
			z->watermark[WMARK_MIN] = clamp_t(u64, z->managed / 1024, 32, 128);
		else
			z->watermark[WMARK_MIN] = share;
		gap = MAX(share / 4, z->managed / 1000);
		z->watermark[WMARK_LOW] = z->watermark[WMARK_MIN] + gap;
		z->watermark[WMARK_HIGH] = z->watermark[WMARK_LOW] + gap;
	}
	setup_lowmem_reserve(pg);
}

/* Of the nodes not yet taken the nearest to `from`; ties go round so that node 0 is not
 * everybody's second choice. */
static int nearest_node(const struct pgalloc *pg, unsigned from, u64 taken)
{
	int best = -1;

	for (unsigned i = 0; i < pg->nr_nodes; i++) {
		unsigned n = (from + i) % pg->nr_nodes;

		if (!pg->node[n] || (taken >> n & 1))
			continue;
		if (best < 0 || pg->distance[from][n] < pg->distance[from][best])
			best = (int)n;
	}
	return best;
}

static void build_zonelist(struct pgalloc *pg, struct pglist_data *pgdat)
{
	unsigned nr = 0;
	u64 taken = 0;
	int n;

	pgdat->nr_local = 0;
	while ((n = nearest_node(pg, pgdat->nid, taken)) >= 0) {
		taken |= 1ULL << n;
		for (unsigned t = ZONE_DEVICE; t-- > 0;)
			if (pg->node[n]->zone[t].present)
				pgdat->zonelist[nr++] = &pg->node[n]->zone[t];
		if ((unsigned)n == pgdat->nid)
			pgdat->nr_local = nr;
	}
	pgdat->zonelist[nr] = NULL;
}

void build_zonelists(struct pgalloc *pg)
{
	pg->no_pcp.busy = 1;
	for (unsigned n = 0; n < pg->nr_nodes; n++)
		if (pg->node[n])
			build_zonelist(pg, pg->node[n]);
	for (unsigned c = 0; c < pg->nr_cpus; c++) {
		struct pg_cpu *pc = pg->cpu[c];

		for (gfp_t bits = 0; bits <= GFP_ZONEMASK; bits++) {
			struct zone **z = pg->node[pc->nid]->zonelist;

			while (*z && (*z)->type > gfp_zone(bits))
				z++;
			pc->pref[bits] = *z && !pg->owner ? &(*z)->pcp[c] : &pg->no_pcp;
		}
		for (unsigned i = 0; i <= PAGE_ZONEID_MASK; i++)
			pc->pcp[i] = pg->owner		 ? &pg->no_pcp
				     : pg->zone_table[i] ? &pg->zone_table[i]->pcp[c]
							 : NULL;
	}
}

static const char *check_chain(const struct zone *z, const struct page *page, u32 nr)
{
	for (; page; page = (const struct page *)page->lru.next) {
		if (!nr--)
			return "Z3: a per-CPU list is longer than its count";
		if (page_zone(z->pg, page) != z)
			return "Z1: a per-CPU list holds another zone's page";
		if (page_ref_count(page) || PageBuddy(page))
			return "Z2: a page on a per-CPU list is in use";
	}
	return nr ? "Z3: a per-CPU list is shorter than its count" : NULL;
}

static const char *check_pcp(const struct zone *z, const struct per_cpu_pages *pcp)
{
	const char *broken = NULL;

	for (unsigned i = 0; !broken && i < NR_PCP_LISTS; i++) {
		const struct pcp_list *l = &pcp->list[i];

		broken = check_chain(z, l->hot, pcp_nr_hot(l));
		if (!broken)
			broken = check_chain(z, l->cold, l->nr_cold);
	}
	return broken;
}

const char *pgalloc_check(struct pgalloc *pg)
{
	struct zone *z;

	for_each_zone (pg, z) {
		const char *broken = buddy_check(&z->buddy, z->start, z->end);

		for (unsigned c = 0; !broken && z->pcp && c < pg->nr_cpus; c++)
			broken = check_pcp(z, &z->pcp[c]);
		if (broken)
			return broken;
		if (z->buddy.nr_free_pages + z->buddy.nr_isolated > z->managed)
			return "Z4: more free pages than the zone has";
	}
	return NULL;
}
