/* SPDX-License-Identifier: MIT */
/*
 * memblock.h - the memory map of early boot: which physical ranges are RAM, which are taken, and
 * an allocator over the difference, for use until a real one stands on top of it.
 *
 * Rules: M1 the regions of a list are sorted and not empty; M2 they do not overlap; M3 neighbours
 * that touch have different nodes (else they are one region); M4 base + size does not
 * wrap. The caller serialises. No allocation of its own: a list that is full says -ENOSPC.
 */
#ifndef GUEST_MM_MEMBLOCK_H
#define GUEST_MM_MEMBLOCK_H

#include "guest/lib/types.h"

#define MEMBLOCK_MAX_REGIONS 128
#define MEMBLOCK_NO_NODE     (-1)

struct memblock_region {
	phys_t base;
	u64 size;
	int node; /* NUMA node, or MEMBLOCK_NO_NODE */
};

struct memblock_list {
	size_t count;
	struct memblock_region region[MEMBLOCK_MAX_REGIONS];
};

struct memblock {
	struct memblock_list memory;   /* all RAM */
	struct memblock_list reserved; /* what must not be handed out, RAM or not */
};

void memblock_init(struct memblock *mb);

/*
 * Adds RAM. Where it overlaps RAM that is known already, the first node given stays. 0, -EINVAL
 * for a range that wraps, -ENOSPC (nothing changed or the part that fitted). Size 0 is ignored.
 */
int memblock_add(struct memblock *mb, phys_t base, u64 size, int node);

/* Takes a range out of the RAM list. Errors as memblock_add(). */
int memblock_remove(struct memblock *mb, phys_t base, u64 size);

/* Marks a range as taken, whether or not it is RAM; overlaps are fine. Errors as above. */
int memblock_reserve(struct memblock *mb, phys_t base, u64 size);

/* Gives a reserved range (or part of one) back. Errors as above. */
int memblock_free(struct memblock *mb, phys_t base, u64 size);

struct memblock_request {
	u64 size;
	u64 align;    /* a power of two, or 0 for 1 */
	phys_t limit; /* the block ends at or below; 0: no limit */
	int node;     /* only there; MEMBLOCK_NO_NODE: anywhere */
};

/*
 * Reserves a free block, as high as possible (low memory is for those who need it low), and
 * returns its address; 0 when there is none. Page 0 is never handed out. Not zeroed.
 */
phys_t memblock_alloc(struct memblock *mb, const struct memblock_request *req);

/* Whether the whole range is RAM / any byte of it is reserved. */
bool memblock_is_memory(const struct memblock *mb, phys_t base, u64 size);
bool memblock_is_reserved(const struct memblock *mb, phys_t base, u64 size);

/*
 * Walks the RAM that is not reserved, upward: begin with *pos = 0; false at the end. A piece never
 * spans two nodes.
 */
bool memblock_next_free(const struct memblock *mb, phys_t *pos, struct memblock_region *out);

/* Bytes of RAM / bytes of RAM that are free. */
u64 memblock_total(const struct memblock *mb);
u64 memblock_total_free(const struct memblock *mb);

/* One past the highest byte of RAM. */
phys_t memblock_end(const struct memblock *mb);

/* NULL, or the broken rule. */
const char *memblock_check(const struct memblock *mb);

#endif
