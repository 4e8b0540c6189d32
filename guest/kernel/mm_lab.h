/* SPDX-License-Identifier: MIT */
/*
 * mm_lab.h - a small set of zones of its own, made of blocks that the kernel's page allocator gave:
 * tests and demonstrations fill, fragment and exhaust it, and nobody else notices.
 */
#ifndef GUEST_KERNEL_MM_LAB_H
#define GUEST_KERNEL_MM_LAB_H

#include "guest/mm/cma.h"
#include "guest/mm/page_alloc.h"
#include "guest/mm/pgalloc_init.h"

#define LAB_MAX_BLOCKS 8

struct mm_lab {
	struct pgalloc pg;
	struct memblock mb;
	struct cma cma;			    /* with opts.cma */
	struct page *block[LAB_MAX_BLOCKS]; /* of 4 MiB, neighbours, the lowest first */
	unsigned nr;
	phys_t base;
};

/* How a lab looks; all limits count from its beginning. */
struct mm_lab_opts {
	unsigned blocks;   /* of 4 MiB */
	unsigned nodes;	   /* that share the blocks evenly; 0: 1 */
	u64 highmem_start; /* 0: none */
	u64 movable;	   /* of each node; 0: none */
	u64 cma;	   /* size of a contiguous area; 0: none */
	enum memmodel_type model;
};

/* NULL when there are not so many blocks side by side. Thread context. */
struct mm_lab *mm_lab_make(const struct mm_lab_opts *opts);

/* Gives the blocks back; what the lab's own allocator handed out is gone. */
void mm_lab_end(struct mm_lab *lab);

#endif
