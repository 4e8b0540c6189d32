/* SPDX-License-Identifier: MIT */
/*
 * compaction.h - making large free blocks of many small ones by moving pages together.
 *
 * Two scanners walk a zone towards each other: from the bottom up one collects movable pages, from
 * the top down the other collects free frames for them. Where they meet the zone is compact.
 */
#ifndef GUEST_MM_COMPACTION_H
#define GUEST_MM_COMPACTION_H

#include "guest/mm/zone.h"

enum compact_result {
	COMPACT_SKIPPED,  /* too little is free to try, or too soon after failing */
	COMPACT_COMPLETE, /* the scanners met, and there is no such block */
	COMPACT_SUCCESS,  /* a block of the order is free */
};

/* Until a block of that order is free in z. May sleep. */
enum compact_result compact_zone_order(struct zone *z, unsigned order);

/* All of z, whatever is free already: /proc/sys/vm/compact_memory. How many pages moved. */
u64 compact_zone_fully(struct zone *z);

/* For an allocation: the zones that it may use, nearest first, until one has the block. */
enum compact_result try_to_compact_pages(struct pgalloc *pg, unsigned nid, enum zone_type highest,
					 unsigned order);

/* Of the free pages of z those in blocks too small for the order, in thousandths
 * (/sys/kernel/debug/extfrag/unusable_index). */
unsigned unusable_free_index(const struct zone *z, unsigned order);

/* Why an allocation of the order would fail: towards 0 for want of memory, towards 1000 because it
 * is in pieces; -1000: it would not fail (extfrag_index). */
int fragmentation_index(const struct zone *z, unsigned order);

#endif
