/* SPDX-License-Identifier: MIT */
/*
 * pgalloc_init.h - from the boot's memory map to zones full of free pages, and adding memory later.
 */
#ifndef GUEST_MM_PGALLOC_INIT_H
#define GUEST_MM_PGALLOC_INIT_H

#include "guest/mm/zone.h"

struct pgalloc_opts {
	enum memmodel_type model;
	unsigned nr_cpus;     /* possible CPUs; 0: 1 */
	const u8 *cpu_nid;    /* [nr_cpus]; NULL: all on node 0 */
	const u8 *distance;   /* [nr_nodes][nr_nodes] as in SLIT; NULL: 10 at home, 20 else */
	unsigned nr_nodes;    /* rows of that table */
	phys_t dma_end;	      /* 0: 16 MiB */
	phys_t dma32_end;     /* 0: 4 GiB */
	phys_t highmem_start; /* from here on no linear map; 0: none */
	u64 movable_bytes;    /* the top of each node for movable pages only */
	phys_t max_phys;      /* memory may be added up to here; 0: none */
	/* Initialise only so much of each zone at boot (less than a page: nothing); 0: everything. */
	u64 defer_after;
	u64 min_free_kbytes; /* 0: from the size of memory */
	bool page_owner;     /* debugging: remember who took and freed each frame */
	u64 vmemmap_base;    /* MEMMODEL_VMEMMAP, as in memmodel.h */
	int (*vmemmap_populate)(void *arg, u64 va, u64 size, unsigned nid);
	void *vmemmap_arg;
};

/*
 * Takes over all memory that mb has free; mb may not hand out any more, and stays where it is, since
 * ranges whose initialisation is deferred are looked up in it. Zone limits are multiples of 4 MiB;
 * where two nodes share such a block, the lower one gets all of it. 0, -ENOMEM, -EINVAL with a line
 * on the log. Boot context: one CPU, and 4 KiB of its stack.
 */
int pgalloc_init(struct pgalloc *pg, const struct mm_env *env, struct memblock *mb,
		 const struct pgalloc_opts *opts);

/*
 * Adds whole sections of RAM to a zone of a node that exists (ZONE_DEVICE: struct pages only, which
 * stay reserved). Errors as memmodel_add(). May sleep; the caller serialises.
 */
int pgalloc_add_memory(struct pgalloc *pg, unsigned nid, enum zone_type type, phys_t base,
		       u64 size);

/* Initialises all that was deferred. May take long. */
void pgalloc_finish_deferred(struct pgalloc *pg);

#endif
