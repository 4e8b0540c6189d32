/* SPDX-License-Identifier: MIT */
/*
 * memmodel.h - where the struct page of a page frame is: the memory models, chosen at boot.
 *
 *   flat      one array from the first frame to the last; holes cost struct pages
 *   discontig one array a node; a table leads from a frame to its node
 *   sparse    one array a section of 128 MiB that has memory; sections come and go (hot-add)
 *   vmemmap   sparse, with the arrays mapped where one endless array would be: as cheap as flat
 *
 * Rules: MM1 page_to_pfn(pfn_to_page(pfn)) == pfn for every valid frame. MM2 the struct pages of
 * one naturally aligned block of MAX_ORDER are neighbours, so inside it p + n is frame pfn + n.
 */
#ifndef GUEST_MM_MEMMODEL_H
#define GUEST_MM_MEMMODEL_H

#include "guest/mm/page.h"

enum memmodel_type { MEMMODEL_FLAT, MEMMODEL_DISCONTIG, MEMMODEL_SPARSE, MEMMODEL_VMEMMAP };

#define SECTION_SHIFT	  27 /* 128 MiB, as on x86-64 */
#define PAGES_PER_SECTION (1UL << (SECTION_SHIFT - PAGE_SHIFT))

struct mem_section {
	u64 map; /* address of the section's struct pages less that of its first frame; 0: none */
};

struct memmodel_node {
	struct page *map; /* of frame `start` */
	pfn_t start, end;
};

struct memmodel {
	enum memmodel_type type;
	u64 linear;	  /* flat, vmemmap: where the struct page of frame 0 would be; else 0 */
	pfn_t start, end; /* frames outside have no struct page */
	struct mem_section *section; /* sparse, vmemmap */
	u64 nr_sections;
	struct memmodel_node node[MAX_NUMNODES]; /* discontig */
	u8 *node_of;				 /* discontig: node of frame >> node_shift */
	unsigned node_shift, nr_nodes;
};

struct memmodel_range {
	pfn_t start, end;
	unsigned nid;
};

struct memmodel_alloc {
	/* Memory for struct pages, aligned to a page, not touched here; NULL when there is none. */
	void *(*alloc)(void *arg, u64 size, unsigned nid);
	/* The same for tables, zeroed. */
	void *(*zalloc)(void *arg, u64 size, unsigned nid);
	void *arg;
	u64 vmemmap_base; /* vmemmap: the virtual address of frame 0's struct page */
	/* vmemmap: puts memory below [va, va + size); already there is success. 0 or -errno. */
	int (*populate)(void *populate_arg, u64 va, u64 size, unsigned nid);
	void *populate_arg;
};

/* Makes the tables for ranges of RAM (sorted), and up to frame max_pfn for memory added later. The
 * struct pages are not initialised. 0, -ENOMEM, -EINVAL. Boot context. */
int memmodel_init(struct memmodel *m, enum memmodel_type type, const struct memmodel_range *range,
		  unsigned nr, pfn_t max_pfn, const struct memmodel_alloc *a);

/* Gives sections [start, end) struct pages. 0, -EOPNOTSUPP when the model cannot, -EINVAL for an
 * unaligned range or one beyond max_pfn, -EEXIST, -ENOMEM. The caller serialises. */
int memmodel_add(struct memmodel *m, pfn_t start, pfn_t end, unsigned nid,
		 const struct memmodel_alloc *a);

/* Whether the frame has a struct page. */
bool pfn_valid(const struct memmodel *m, pfn_t pfn);

/* The arrays' own size in bytes: what the model costs. */
u64 memmodel_cost(const struct memmodel *m);

const char *memmodel_name(enum memmodel_type type);
/* -1: no such model. */
int memmodel_parse(const char *name, size_t len);

static inline u64 pfn_section(pfn_t pfn)
{
	return pfn >> (SECTION_SHIFT - PAGE_SHIFT);
}

static inline struct page *pfn_to_page(const struct memmodel *m, pfn_t pfn)
{
	const struct memmodel_node *n;

	if (likely(m->linear))
		return (struct page *)(m->linear + pfn * sizeof(struct page));
	if (m->type == MEMMODEL_SPARSE)
		return (struct page *)(m->section[pfn_section(pfn)].map +
				       pfn * sizeof(struct page));
	n = &m->node[m->node_of[pfn >> m->node_shift]];
	return n->map + (pfn - n->start);
}

static inline pfn_t page_to_pfn(const struct memmodel *m, const struct page *page)
{
	const struct memmodel_node *n;

	if (likely(m->linear))
		return ((u64)page - m->linear) / sizeof(struct page);
	if (m->type == MEMMODEL_SPARSE)
		return ((u64)page - m->section[page_to_section(page)].map) / sizeof(struct page);
	n = &m->node[page_to_nid(page)];
	return n->start + (pfn_t)(page - n->map);
}

#endif
