/* SPDX-License-Identifier: MIT */
/* memmodel.c - the tables behind pfn_to_page() and page_to_pfn(); see memmodel.h. */
#include "guest/mm/memmodel.h"
#include "guest/lib/errno.h"
#include "guest/lib/math.h"
#include "guest/lib/string.h"

static const char *const names[] = { "flat", "discontig", "sparse", "vmemmap" };

const char *memmodel_name(enum memmodel_type type)
{
	return names[type];
}

int memmodel_parse(const char *name, size_t len)
{
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && !strncmp(names[i], name, len))
			return (int)i;
	return -1;
}

static int flat_init(struct memmodel *m, const struct memmodel_range *range, unsigned nr,
		     const struct memmodel_alloc *a)
{
	void *map;

	/* Whole blocks of MAX_ORDER at both ends, so that a buddy always has a struct page (MM2). */
	m->start = ALIGN_DOWN(range[0].start, MAX_ORDER_PAGES);
	m->end = ALIGN_UP(range[nr - 1].end, MAX_ORDER_PAGES);
	map = a->alloc(a->arg, (m->end - m->start) * sizeof(struct page), range[0].nid);
	if (!map)
		return -ENOMEM;
	m->linear = (u64)map - m->start * sizeof(struct page);
	return 0;
}

/* The largest blocks that never hold frames of two nodes. */
static unsigned node_shift(const struct memmodel *m)
{
	u64 edges = 0;

	for (unsigned n = 0; n < m->nr_nodes; n++)
		if (m->node[n].start < m->node[n].end && m->node[n].start)
			edges |= m->node[n].start;
	return edges ? MIN(__ffs(edges), 15u) : 15;
}

static int discontig_init(struct memmodel *m, const struct memmodel_range *range, unsigned nr,
			  const struct memmodel_alloc *a)
{
	u64 blocks;

	for (unsigned i = 0; i < nr; i++) {
		struct memmodel_node *n = &m->node[range[i].nid];

		if (n->start == n->end)
			n->start = range[i].start;
		n->end = range[i].end;
		m->nr_nodes = MAX(m->nr_nodes, range[i].nid + 1);
	}
	m->start = ALIGN_DOWN(range[0].start, MAX_ORDER_PAGES);
	m->end = ALIGN_UP(range[nr - 1].end, MAX_ORDER_PAGES);
	m->node_shift = node_shift(m);
	blocks = DIV_ROUND_UP(m->end, 1UL << m->node_shift);
	m->node_of = a->zalloc(a->arg, blocks, 0);
	if (!m->node_of)
		return -ENOMEM;
	for (unsigned i = 0; i < nr; i++)
		for (u64 b = range[i].start >> m->node_shift;
		     b <= (range[i].end - 1) >> m->node_shift; b++)
			m->node_of[b] = (u8)range[i].nid;
	for (unsigned i = 0; i < m->nr_nodes; i++) {
		struct memmodel_node *n = &m->node[i];

		if (n->start == n->end)
			continue;
		n->start = ALIGN_DOWN(n->start, MAX_ORDER_PAGES);
		n->end = ALIGN_UP(n->end, MAX_ORDER_PAGES);
		n->map = a->alloc(a->arg, (n->end - n->start) * sizeof(struct page), i);
		if (!n->map)
			return -ENOMEM;
	}
	return 0;
}

/* One piece of memory for the struct pages of sections [from, to), which have none. */
static int sections_fill(struct memmodel *m, u64 from, u64 to, unsigned nid,
			 const struct memmodel_alloc *a)
{
	const u64 size = PAGES_PER_SECTION * sizeof(struct page);
	u64 base = from * size, zero = m->linear;

	if (m->type == MEMMODEL_VMEMMAP) {
		int err = a->populate(a->populate_arg, m->linear + base, (to - from) * size, nid);

		if (err)
			return err;
	} else {
		void *map = a->alloc(a->arg, (to - from) * size, nid);

		if (!map)
			return -ENOMEM;
		zero = (u64)map - base;
	}
	for (u64 s = from; s < to; s++)
		m->section[s].map = zero;
	return 0;
}

/* The same for those of [from, to) that have none yet, in as few pieces as can be: hundreds of small
 * ones would make a large machine's boot long. */
static int sections_add(struct memmodel *m, u64 from, u64 to, unsigned nid,
			const struct memmodel_alloc *a)
{
	while (from < to) {
		u64 nr = 0;
		int err;

		if (m->section[from].map) {
			from++;
			continue;
		}
		while (from + nr < to && !m->section[from + nr].map)
			nr++;
		do
			err = sections_fill(m, from, from + nr, nid, a);
		while (err == -ENOMEM && (nr /= 2));
		if (err)
			return err;
		from += nr;
	}
	return 0;
}

static int sparse_init(struct memmodel *m, const struct memmodel_range *range, unsigned nr,
		       pfn_t max_pfn, const struct memmodel_alloc *a)
{
	m->start = 0;
	m->end = ALIGN_UP(MAX(max_pfn, range[nr - 1].end), PAGES_PER_SECTION);
	m->nr_sections = pfn_section(m->end);
	m->section = a->zalloc(a->arg, m->nr_sections * sizeof(*m->section), 0);
	if (!m->section)
		return -ENOMEM;
	if (m->type == MEMMODEL_VMEMMAP) {
		if (!a->populate || !a->vmemmap_base)
			return -EINVAL;
		m->linear = a->vmemmap_base;
	}
	for (unsigned i = 0; i < nr; i++) {
		int err = sections_add(m, pfn_section(range[i].start),
				       pfn_section(range[i].end - 1) + 1, range[i].nid, a);

		if (err)
			return err;
	}
	return 0;
}

int memmodel_init(struct memmodel *m, enum memmodel_type type, const struct memmodel_range *range,
		  unsigned nr, pfn_t max_pfn, const struct memmodel_alloc *a)
{
	memset(m, 0, sizeof(*m));
	m->type = type;
	if (!nr)
		return -EINVAL;
	switch (type) {
	case MEMMODEL_FLAT:
		return flat_init(m, range, nr, a);
	case MEMMODEL_DISCONTIG:
		return discontig_init(m, range, nr, a);
	default:
		return sparse_init(m, range, nr, max_pfn, a);
	}
}

int memmodel_add(struct memmodel *m, pfn_t start, pfn_t end, unsigned nid,
		 const struct memmodel_alloc *a)
{
	if (!m->section)
		return -EOPNOTSUPP;
	if ((start | end) & (PAGES_PER_SECTION - 1) || start >= end || end > m->end)
		return -EINVAL;
	for (u64 s = pfn_section(start); s < pfn_section(end); s++)
		if (m->section[s].map)
			return -EEXIST;
	return sections_add(m, pfn_section(start), pfn_section(end), nid, a);
}

bool pfn_valid(const struct memmodel *m, pfn_t pfn)
{
	const struct memmodel_node *n;

	if (pfn < m->start || pfn >= m->end)
		return false;
	if (m->section)
		return m->section[pfn_section(pfn)].map != 0;
	if (m->type == MEMMODEL_FLAT)
		return true;
	n = &m->node[m->node_of[pfn >> m->node_shift]];
	return pfn >= n->start && pfn < n->end;
}

u64 memmodel_cost(const struct memmodel *m)
{
	u64 pages = 0;

	if (m->type == MEMMODEL_FLAT)
		return (m->end - m->start) * sizeof(struct page);
	for (unsigned n = 0; n < m->nr_nodes; n++)
		pages += m->node[n].end - m->node[n].start;
	for (u64 s = 0; s < m->nr_sections; s++)
		pages += m->section[s].map ? PAGES_PER_SECTION : 0;
	return pages * sizeof(struct page) + m->nr_sections * sizeof(*m->section) +
	       (m->node_of ? DIV_ROUND_UP(m->end, 1UL << m->node_shift) : 0);
}
