/* SPDX-License-Identifier: MIT */
/*
 * percpu.h - memory of which every CPU has its own copy, allocated at run time.
 *
 * A chunk holds one unit for each CPU; an object lies at the same offset in all units of its chunk.
 * CPU c's copy is `ptr + unit_off[c]`, for every chunk alike, so that an architecture which finds
 * its static per-CPU variables by one offset finds these by the same.
 *
 * Rules: P1 the free areas of a chunk are its bits that are clear. P2 the bits of an object are one
 * run, marked at its first and behind its last bit in `bound`. P3 free is the number of clear bits.
 */
#ifndef GUEST_MM_PERCPU_H
#define GUEST_MM_PERCPU_H

#include "guest/mm/page_alloc.h"

#define PCPU_GRAIN     8u /* bytes a bit stands for */
#define PCPU_UNIT_MIN  0x4000u
#define PCPU_MAX_ALIGN PAGE_SIZE

struct pcpu {
	struct pgalloc *pg;
	unsigned nr_cpus;
	u32 unit_size;
	u64 *unit_off; /* [nr_cpus] */
	spinlock_t lock;
	struct list_head chunks; /* lock; the fullest first */
	u64 nr_chunks, used_bytes;
};

/* unit_off: where each CPU's unit begins, from the first one's (copied); NULL: one behind the other.
 * 0, -ENOMEM, -EINVAL when units would overlap. */
int pcpu_init(struct pcpu *pc, struct pgalloc *pg, u32 unit_size, const u64 *unit_off);

/* Frees all chunks. -EBUSY while there are objects. */
int pcpu_destroy(struct pcpu *pc);

/* Zeroed for every CPU; size up to unit_size, align up to a page. NULL without memory. May sleep if
 * gfp says so. */
void *alloc_percpu(struct pcpu *pc, size_t size, size_t align, gfp_t gfp);

/* NULL is fine. Panics for what is not the start of an object. */
void free_percpu(struct pcpu *pc, void *ptr);

static inline void *percpu_ptr(const struct pcpu *pc, void *ptr, unsigned cpu)
{
	return (u8 *)ptr + pc->unit_off[cpu];
}

const char *pcpu_check(struct pcpu *pc);

#endif
