/* SPDX-License-Identifier: MIT */
/* pgalloc_init.c - see pgalloc_init.h. */
#include "guest/mm/pgalloc_init.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/deferred.h"
#include "guest/mm/page_alloc.h"
#include "guest/mm/page_owner.h"
#include "guest/mm/pcp.h"

#define MAX_RANGES (MEMBLOCK_MAX_REGIONS + MAX_NUMNODES)

struct setup {
	struct pgalloc *pg;
	struct memblock *mb;
	const struct pgalloc_opts *opts;
	struct memmodel_range range[MAX_RANGES]; /* RAM by node, sorted */
	unsigned nr;
	pfn_t dma_end, dma32_end, highmem;
	pfn_t movable_start[MAX_NUMNODES];
};

/* Memory that stays, not to be touched before mm_reach(): from the node if it has any, where the linear map reaches. */
static void *boot_alloc(void *arg, u64 size, unsigned nid)
{
	struct setup *s = arg;
	/* What is smaller than a page shares one: this memory never comes back. */
	u64 align = size < PAGE_SIZE ? 64 : PAGE_SIZE;
	struct memblock_request req = {
		.size = ALIGN_UP(size, align),
		.align = align,
		.limit = s->opts->highmem_start,
		.node = (int)nid,
	};
	phys_t pa = memblock_alloc(s->mb, &req);

	req.node = MEMBLOCK_NO_NODE;
	if (!pa)
		pa = memblock_alloc(s->mb, &req);
	if (!pa)
		return NULL;
	s->pg->reserved_bytes += req.size;
	return phys_to_virt(s->pg, pa);
}

static void *boot_zalloc(void *arg, u64 size, unsigned nid)
{
	const struct setup *s = arg;
	void *p = boot_alloc(arg, size, nid);

	if (!p)
		return NULL;
	mm_reach(&s->pg->env, virt_to_phys(s->pg, p), size);
	return memset(p, 0, size);
}

/* The same once the buddy stands: for memory that is added. */
static void *late_alloc(void *arg, u64 size, unsigned nid)
{
	struct pgalloc *pg = arg;
	struct page *page = alloc_pages_node(pg, nid, GFP_KERNEL, order_base_2(PFN_UP(size)));

	return page ? page_address(pg, page) : NULL;
}

/* ---- which frame belongs to which node and zone ------------------------------------------------ */

static int add_range(struct setup *s, pfn_t start, pfn_t end, unsigned nid)
{
	struct memmodel_range *prev = s->nr ? &s->range[s->nr - 1] : NULL;

	/* A block of MAX_ORDER has one zone (buddy.h): what the lower node began it keeps. */
	if (prev && prev->nid != nid && start < ALIGN_UP(prev->end, MAX_ORDER_PAGES)) {
		pfn_t edge = MIN(ALIGN_UP(prev->end, MAX_ORDER_PAGES), end);
		int err = add_range(s, start, edge, prev->nid);

		if (err)
			return err;
		start = edge;
		prev = &s->range[s->nr - 1];
	}
	if (start >= end)
		return 0;
	if (prev && prev->nid == nid && prev->end == start) {
		prev->end = end;
		return 0;
	}
	if (s->nr == MAX_RANGES)
		return -ENOSPC;
	s->range[s->nr++] = (struct memmodel_range){ start, end, nid };
	return 0;
}

static int find_ranges(struct setup *s)
{
	for (size_t i = 0; i < s->mb->memory.count; i++) {
		const struct memblock_region *r = &s->mb->memory.region[i];
		pfn_t start = PFN_UP(r->base), end = PFN_DOWN(r->base + r->size);
		unsigned nid = r->node < 0 ? 0 : (unsigned)r->node;
		int err;

		if (nid >= MAX_NUMNODES)
			return -EINVAL;
		err = start < end ? add_range(s, start, end, nid) : 0;
		if (err)
			return err;
		s->pg->nr_nodes = MAX(s->pg->nr_nodes, nid + 1);
	}
	return s->nr ? 0 : -EINVAL;
}

static void find_movable(struct setup *s)
{
	u64 want = PFN_DOWN(s->opts->movable_bytes);

	for (unsigned n = 0; n < s->pg->nr_nodes; n++) {
		u64 left = want;

		s->movable_start[n] = ~0UL;
		for (unsigned i = s->nr; left && i-- > 0;) {
			const struct memmodel_range *r = &s->range[i];
			u64 size = MIN(left, r->end - r->start);

			if (r->nid != n)
				continue;
			s->movable_start[n] = ALIGN_UP(r->end - size, MAX_ORDER_PAGES);
			left -= size;
		}
	}
}

/* The zone of a frame; *end becomes the first frame that may be in another. */
static enum zone_type zone_of(const struct setup *s, unsigned nid, pfn_t pfn, pfn_t *end)
{
	const struct {
		pfn_t start;
		enum zone_type type;
	} limits[] = {
		{ 0, ZONE_DMA },
		{ s->dma_end, ZONE_DMA32 },
		{ s->dma32_end, ZONE_NORMAL },
		{ s->highmem, ZONE_HIGHMEM },
		{ s->movable_start[nid], ZONE_MOVABLE },
	};
	enum zone_type type = ZONE_DMA;

	/* Later lines go before earlier ones: a small highmem start cuts the rest off. */
	for (unsigned i = 0; i < ARRAY_SIZE(limits); i++) {
		if (pfn >= limits[i].start)
			type = limits[i].type;
		else
			*end = MIN(*end, limits[i].start);
	}
	return type;
}

/* ---- the parts of the instance ----------------------------------------------------------------- */

static int make_nodes(struct setup *s)
{
	struct pgalloc *pg = s->pg;

	u64 zone_pcps = pg->nr_cpus * sizeof(struct per_cpu_pages);

	for (unsigned n = 0; n < pg->nr_nodes; n++) {
		/* In one piece with the stocks of its zones. */
		struct pglist_data *pgdat =
			boot_zalloc(s, sizeof(*pgdat) + MAX_NR_ZONES * zone_pcps, n);
		u8 *pcps = (u8 *)(pgdat + 1);

		if (!pgdat)
			return -ENOMEM;
		pg->node[n] = pgdat;
		pgdat->nid = n;
		for (unsigned t = 0; t < MAX_NR_ZONES; t++) {
			struct zone *z = &pgdat->zone[t];
			unsigned id = page_links(0, n, t) >> PAGE_ZONE_SHIFT;

			z->pg = pg;
			z->type = t;
			z->nid = n;
			z->name = zone_names[t];
			pg->zone_table[id] = z;
			z->pcp = (struct per_cpu_pages *)(pcps + t * zone_pcps);
			for (unsigned c = 0; c < pg->nr_cpus; c++)
				pcp_init(&z->pcp[c], z);
		}
	}
	return 0;
}

static void set_distances(struct setup *s)
{
	struct pgalloc *pg = s->pg;

	for (unsigned a = 0; a < pg->nr_nodes; a++) {
		for (unsigned b = 0; b < pg->nr_nodes; b++) {
			bool known =
				s->opts->distance && a < s->opts->nr_nodes && b < s->opts->nr_nodes;

			pg->distance[a][b] = known ? s->opts->distance[a * s->opts->nr_nodes + b]
						   : (a == b ? 10 : 20);
		}
	}
}

static int make_cpus(struct setup *s)
{
	struct pgalloc *pg = s->pg;

	pg->cpu = boot_zalloc(s, pg->nr_cpus * sizeof(*pg->cpu), 0);
	if (!pg->cpu)
		return -ENOMEM;
	for (unsigned c = 0; c < pg->nr_cpus; c++) {
		unsigned nid = s->opts->cpu_nid ? s->opts->cpu_nid[c] : 0;

		if (nid >= pg->nr_nodes || !pg->node[nid])
			nid = 0;
		pg->cpu[c] = boot_zalloc(s, sizeof(**pg->cpu), nid);
		if (!pg->cpu[c])
			return -ENOMEM;
		pg->cpu[c]->nid = nid;
	}
	return 0;
}

static int make_tables(struct setup *s)
{
	struct pgalloc *pg = s->pg;
	u64 blocks;
	int err;

	pg->max_pfn =
		ALIGN_UP(MAX(s->range[s->nr - 1].end, PFN_UP(s->opts->max_phys)), MAX_ORDER_PAGES);
	pg->highmem_pfn = s->opts->highmem_start ? s->highmem : pg->max_pfn;
	blocks = pg->max_pfn >> PAGEBLOCK_ORDER;
	pg->pageblock = boot_alloc(s, blocks, 0);
	if (!pg->pageblock)
		return -ENOMEM;
	mm_reach(&pg->env, virt_to_phys(pg, pg->pageblock), blocks);
	memset(pg->pageblock, PAGEBLOCK_NONE, blocks);
	if (s->opts->page_owner)
		pg->owner = boot_alloc(s, pg->max_pfn * sizeof(*pg->owner), 0);
	if (s->opts->page_owner && !pg->owner)
		return -ENOMEM;
	pg->map_alloc = (struct memmodel_alloc){
		.alloc = boot_alloc,
		.zalloc = boot_zalloc,
		.arg = s,
		.vmemmap_base = s->opts->vmemmap_base,
		.populate = s->opts->vmemmap_populate,
		.populate_arg = s->opts->vmemmap_arg,
	};
	err = memmodel_init(&pg->model, s->opts->model, s->range, s->nr, pg->max_pfn,
			    &pg->map_alloc);
	pg->map_alloc.alloc = pg->map_alloc.zalloc = late_alloc; /* tables are all there */
	pg->map_alloc.arg = pg;
	return err;
}

static void span_zone(struct pgalloc *pg, struct zone *z, pfn_t start, pfn_t end)
{
	struct pglist_data *pgdat = pg->node[z->nid];

	if (!z->present) {
		z->start = z->init_next = start;
		buddy_init(&z->buddy, page_links(0, z->nid, z->type) >> PAGE_ZONE_SHIFT, &pg->model,
			   pg->pageblock);
	}
	z->start = MIN(z->start, start);
	z->end = MAX(z->end, end);
	z->present += end - start;
	if (!pgdat->present)
		pgdat->start = start;
	pgdat->start = MIN(pgdat->start, start);
	pgdat->end = MAX(pgdat->end, end);
	pgdat->present += end - start;
}

/* Calls fn for each stretch of RAM that lies in one zone. */
static void for_each_piece (struct setup *s,
			    void (*fn)(struct setup *s, struct zone *z, pfn_t start, pfn_t end))
{
	for (unsigned i = 0; i < s->nr; i++) {
		const struct memmodel_range *r = &s->range[i];
		pfn_t at = r->start;

		while (at < r->end) {
			pfn_t end = r->end;
			enum zone_type t = zone_of(s, r->nid, at, &end);

			fn(s, &s->pg->node[r->nid]->zone[t], at, end);
			at = end;
		}
	}
}

static void span_piece(struct setup *s, struct zone *z, pfn_t start, pfn_t end)
{
	span_zone(s->pg, z, start, end);
}

static void init_piece(struct setup *s, struct zone *z, pfn_t start, pfn_t end)
{
	(void)s;
	init_struct_pages(z, start, MIN(end, z->init_next));
}

/* Everything that memblock still has free goes to the buddy, or waits. */
static void free_piece(struct setup *s, struct zone *z, pfn_t start, pfn_t end)
{
	pfn_t pos = start, from, to;

	while (next_free_frames(s->pg, &pos, end, &from, &to)) {
		pfn_t now = MIN(MAX(from, z->init_next), to);

		z->managed += to - from;
		z->nr_deferred += to - now;
		if (from < now)
			free_reserved_range(s->pg, from, now);
	}
}

static void free_all(struct setup *s)
{
	struct zone *z;

	for_each_zone (s->pg, z) {
		u64 limit = PFN_DOWN(s->opts->defer_after);

		z->init_next = z->end;
		if (!s->opts->defer_after)
			continue;
		if (!limit)
			z->init_next = z->start;
		else if (z->end - z->start > limit)
			z->init_next = ALIGN_UP(z->start + limit, MAX_ORDER_PAGES);
	}
	for_each_piece (s, init_piece)
		;
	for_each_piece (s, free_piece)
		;
}

static const char *bad_opts(const struct pgalloc_opts *o)
{
	if ((o->dma_end | o->dma32_end | o->highmem_start) & ((MAX_ORDER_PAGES << PAGE_SHIFT) - 1))
		return "zone limits must be multiples of 4 MiB";
	if (o->model == MEMMODEL_VMEMMAP && (!o->vmemmap_base || !o->vmemmap_populate))
		return "memmodel=vmemmap needs an address range";
	return NULL;
}

static int setup(struct setup *s)
{
	int err = find_ranges(s);

	if (err)
		return err;
	find_movable(s);
	err = make_tables(s);
	if (!err)
		err = make_nodes(s);
	if (!err)
		err = make_cpus(s);
	if (err)
		return err;
	set_distances(s);
	for_each_piece (s, span_piece)
		;
	/* From here on the boot's map does not change any more. */
	free_all(s);
	return 0;
}

int pgalloc_init(struct pgalloc *pg, const struct mm_env *env, struct memblock *mb,
		 const struct pgalloc_opts *opts)
{
	static const phys_t dma = 16UL << 20, dma32 = 4UL << 30;
	const char *bad = bad_opts(opts);
	struct setup s = { .pg = pg, .mb = mb, .opts = opts };
	struct zone *z;
	int err;

	if (bad) {
		env_log(ENV_ERR, "memory: %s", bad);
		return -EINVAL;
	}
	memset(pg, 0, sizeof(*pg));
	pg->env = *env;
	pg->memblock = mb;
	pg->nr_cpus = opts->nr_cpus ? opts->nr_cpus : 1;
	pg->min_free_kbytes = opts->min_free_kbytes;
	s.dma_end = PFN_DOWN(opts->dma_end ? opts->dma_end : dma);
	s.dma32_end = PFN_DOWN(opts->dma32_end ? opts->dma32_end : dma32);
	s.highmem = opts->highmem_start ? PFN_DOWN(opts->highmem_start) : ~0UL;
	err = setup(&s);
	if (err) {
		env_log(ENV_ERR, "memory: no room for the %s memory map of %lu KiB (error %d)",
			memmodel_name(opts->model), memblock_total(mb) >> 10, err);
		return err;
	}
	build_zonelists(pg);
	setup_watermarks(pg);
	for_each_zone (pg, z)
		zone_set_pcp_limits(z);
	return 0;
}

void pgalloc_finish_deferred(struct pgalloc *pg)
{
	struct zone *z;

	for_each_zone (pg, z)
		while (deferred_grow_zone(z, MAX_ORDER))
			;
}

/* ---- memory that comes later -------------------------------------------------------------------- */

int pgalloc_add_memory(struct pgalloc *pg, unsigned nid, enum zone_type type, phys_t base, u64 size)
{
	pfn_t start = PFN_DOWN(base), end = PFN_DOWN(base + size);
	struct zone *z;
	int err;

	if ((base | size) & ~PAGE_MASK || nid >= pg->nr_nodes || !pg->node[nid])
		return -EINVAL;
	err = memmodel_add(&pg->model, start, end, nid, &pg->map_alloc);
	if (err)
		return err;
	z = &pg->node[nid]->zone[type];
	/* What waits for initialisation is a range up to the old end: make it ready first. */
	while (deferred_grow_zone(z, MAX_ORDER))
		;
	init_struct_pages(z, start, end);
	span_zone(pg, z, start, end);
	z->init_next = z->end;
	if (type != ZONE_DEVICE) {
		z->managed += end - start;
		free_reserved_range(pg, start, end);
	}
	build_zonelists(pg);
	setup_watermarks(pg);
	zone_set_pcp_limits(z);
	return 0;
}
