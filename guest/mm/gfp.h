/* SPDX-License-Identifier: MIT */
/*
 * gfp.h - how a page is wanted: from which zone, how hard to try, what for. Linux's names.
 *
 * The low four bits choose the highest zone; bits 3 and 4 together are the migrate type.
 */
#ifndef GUEST_MM_GFP_H
#define GUEST_MM_GFP_H

#include "guest/lib/types.h"

typedef u32 gfp_t;

#define __GFP_DMA	     0x01u
#define __GFP_HIGHMEM	     0x02u
#define __GFP_DMA32	     0x04u
#define __GFP_MOVABLE	     0x08u /* its owner can move it elsewhere */
#define __GFP_RECLAIMABLE    0x10u /* a shrinker can free it */
#define __GFP_HIGH	     0x20u /* may use part of the reserve below the min watermark */
#define __GFP_IO	     0x40u
#define __GFP_FS	     0x80u
#define __GFP_ZERO	     0x100u
#define __GFP_DIRECT_RECLAIM 0x400u /* the caller can sleep */
#define __GFP_KSWAPD_RECLAIM 0x800u /* wake kswapd at the low watermark */
#define __GFP_NOWARN	     0x2000u
#define __GFP_RETRY_MAYFAIL  0x4000u
#define __GFP_NOFAIL	     0x8000u
#define __GFP_NORETRY	     0x10000u
#define __GFP_MEMALLOC	     0x20000u /* frees more than it takes: no watermark at all */
#define __GFP_COMP	     0x40000u /* tail pages know their head */
#define __GFP_NOMEMALLOC     0x80000u
#define __GFP_THISNODE	     0x200000u
#define __GFP_COLD	     0x1000000u /* not for this CPU's cache: from the cold end */

#define __GFP_RECLAIM	     (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)
#define GFP_ZONEMASK	     0x0fu

#define GFP_ATOMIC	     (__GFP_HIGH | __GFP_KSWAPD_RECLAIM)
#define GFP_KERNEL	     (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
#define GFP_NOWAIT	     (__GFP_KSWAPD_RECLAIM | __GFP_NOWARN)
#define GFP_NOIO	     (__GFP_RECLAIM)
#define GFP_NOFS	     (__GFP_RECLAIM | __GFP_IO)
#define GFP_USER	     (GFP_KERNEL)
#define GFP_DMA		     (__GFP_DMA)
#define GFP_DMA32	     (__GFP_DMA32)
#define GFP_HIGHUSER	     (GFP_USER | __GFP_HIGHMEM)
#define GFP_HIGHUSER_MOVABLE (GFP_HIGHUSER | __GFP_MOVABLE)

/* In the order of page groups: the first three have lists per CPU and borrow from one another. */
enum migratetype {
	MIGRATE_UNMOVABLE,
	MIGRATE_MOVABLE,
	MIGRATE_RECLAIMABLE,
	MIGRATE_PCPTYPES,
	MIGRATE_HIGHATOMIC = MIGRATE_PCPTYPES, /* kept for high-order atomic requests */
	MIGRATE_CMA,			       /* lent to movable pages only */
	MIGRATE_ISOLATE,		       /* nobody allocates from here */
	MIGRATE_TYPES
};

static inline enum migratetype gfp_migratetype(gfp_t gfp)
{
	return (enum migratetype)(gfp >> 3 & 3);
}

/* Zones by address; on a 64-bit machine HIGHMEM exists only where the linear map is made small. */
enum zone_type {
	ZONE_DMA,
	ZONE_DMA32,
	ZONE_NORMAL,
	ZONE_HIGHMEM,
	ZONE_MOVABLE,
	ZONE_DEVICE,
	MAX_NR_ZONES
};

/* The highest zone that serves the request. */
static inline enum zone_type gfp_zone(gfp_t gfp)
{
	if (gfp & __GFP_DMA)
		return ZONE_DMA;
	if (gfp & __GFP_DMA32)
		return ZONE_DMA32;
	if ((gfp & (__GFP_HIGHMEM | __GFP_MOVABLE)) == (__GFP_HIGHMEM | __GFP_MOVABLE))
		return ZONE_MOVABLE;
	return gfp & __GFP_HIGHMEM ? ZONE_HIGHMEM : ZONE_NORMAL;
}

#endif
