/* SPDX-License-Identifier: MIT */
/*
 * layout.h - where RAM lies in the guest-physical map of guest_mem.h; pure arithmetic.
 *
 * A RAM offset counts bytes of RAM from 0 to the configured size. As in a PC, the legacy VGA
 * window hides the 128 KiB of RAM behind it, and RAM from GPA_RAM_LOW_END on moves up to 4 GiB.
 * Rule L1: gpa and RAM offset agree modulo 1 GiB, so that a host mapping that is linear in RAM
 * offsets lets KVM use its largest pages.
 * Rule L2: a region fits one KVM memory slot, which counts pages in 31 bits (KVM_MEM_MAX_NR_PAGES).
 * Rule L3: node n owns the RAM offsets [cut(n), cut(n + 1)), each a multiple of `unit`.
 */
#ifndef MM_LAYOUT_H
#define MM_LAYOUT_H

#include "mm/guest_mem.h"

#define LAYOUT_MAX_REGION (4 * TiB)

struct mem_layout {
	u64 size;	   /* RAM offsets, the hidden part included */
	u64 unit;	   /* node boundaries are multiples of this; a power of two, >= 2 MiB */
	unsigned nr_nodes; /* size >= nr_nodes * unit when above 1 */
};

/* First RAM offset of node n; the size for n == nr_nodes. */
u64 layout_cut(const struct mem_layout *l, unsigned n);

/* The RAM offset behind a gpa that is RAM. */
u64 layout_ram_offset(gpa_t gpa);

/* First gpa above all RAM. */
u64 layout_end(u64 size);

/* The largest size whose RAM lies below limit. */
u64 layout_max_size(u64 limit);

/* Fills out (host NULL) and returns the count. l satisfies mem_config_check(). */
size_t layout_build(const struct mem_layout *l, struct mem_region out[MEM_MAX_REGIONS]);

/* NULL, or the rule that the regions break, in words. For tests and fuzzers. */
const char *layout_check(const struct mem_layout *l, const struct mem_region *r, size_t nr);

#endif
