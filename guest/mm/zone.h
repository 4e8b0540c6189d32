/* SPDX-License-Identifier: MIT */
/*
 * zone.h - zones, nodes, and the instance that holds them: struct pgalloc, all the page frames of
 * one machine.
 *
 * A zone is a range of frames of one node with its own lock, free lists, watermarks and per-CPU
 * lists. An allocation walks a zonelist: the zones that may serve it, the nearest node first, in a
 * node the highest zone first.
 *
 * Locks: zone->lock (interrupts off) guards buddy and the counters beside it. A per-CPU list
 * belongs to its CPU (mm_cpu_enter() and `busy`). Everything else is set up at boot.
 */
#ifndef GUEST_MM_ZONE_H
#define GUEST_MM_ZONE_H

#include "guest/locking/spinlock.h"
#include "guest/mm/buddy.h"
#include "guest/mm/memblock.h"
#include "guest/mm/mm_env.h"

enum watermark { WMARK_MIN, WMARK_LOW, WMARK_HIGH, NR_WMARK };

enum vm_event {
#define VM_EVENT(id, name) id,
#include "guest/mm/vm_event.h"
#undef VM_EVENT
	NR_VM_EVENTS
};

/* NUMA counters of a zone, in numastat's words. */
enum numa_event {
	NUMA_HIT,     /* got here what was wanted here */
	NUMA_MISS,    /* got here what was wanted elsewhere */
	NUMA_FOREIGN, /* wanted here, got elsewhere */
	NUMA_LOCAL,   /* got here by a CPU of this node */
	NUMA_OTHER,   /* got here by a CPU of another node */
	NR_NUMA_EVENTS
};

#define PCP_MAX_ORDER 3 /* larger blocks go to the buddy directly */
#define NR_PCP_LISTS  (MIGRATE_PCPTYPES * (PCP_MAX_ORDER + 1))

/* Free blocks of one order and type, chained through lru.next. Those freed last, and still in the
 * CPU's cache, are hot; those that were hot before them are cold. */
struct pcp_list {
	struct page *hot, *cold;
	s32 room;    /* for so many more; it counts down because the sign comes free */
	u32 nr_cold; /* blocks */
	u32 limit;   /* blocks that are hot at most */
	u32 unused;
};

/* One CPU's stock of one zone. */
struct per_cpu_pages {
	u8 busy;   /* in use by what an interrupt has interrupted */
	u32 batch; /* pages fetched at once */
	struct zone *zone;
	u64 nr_pop, nr_slow;		    /* blocks handed out, ever; of them by the slow path */
	u64 nr_in, nr_out;		    /* blocks from and to the buddy, ever */
	struct pcp_list list[NR_PCP_LISTS]; /* [order * MIGRATE_PCPTYPES + type] */
} __attribute__((aligned(64)));

struct zone {
	spinlock_t lock;
	struct buddy buddy; /* lock */
	u64 watermark[NR_WMARK];
	u64 lowmem_reserve[MAX_NR_ZONES]; /* left alone by requests that could use zone [i] */
	u64 nr_reserved_highatomic;	  /* lock; pages in blocks of that type */
	u64 cma_pages;
	u64 numa[NR_NUMA_EVENTS];
	struct per_cpu_pages *pcp; /* one each CPU */

	struct pgalloc *pg;
	const char *name;
	enum zone_type type;
	unsigned nid;
	pfn_t start, end;     /* spanned */
	u64 present, managed; /* frames of RAM; those of them that the buddy has been given */
	pfn_t init_next;      /* frames from here to the end wait for deferred initialisation */
	u64 nr_deferred;      /* free frames among them */
	unsigned growing;     /* lock; the CPU (+ 1) that initialises more */

	/* Compaction: where the scanners stopped, and how long not to try again (compaction.c). */
	pfn_t compact_migrate_pfn, compact_free_pfn;
	unsigned compact_defer_shift, compact_considered;
	int compact_order_failed;
};

struct pglist_data {
	unsigned nid;
	struct zone zone[MAX_NR_ZONES];
	pfn_t start, end;
	u64 present;
	struct zone *zonelist[MAX_NUMNODES * MAX_NR_ZONES + 1]; /* ends with NULL */
	unsigned
		nr_local; /* zonelist entries that are this node's own: all that THISNODE may use */
} __attribute__((aligned(64)));

struct pg_cpu {
	struct per_cpu_pages
		*pref[GFP_ZONEMASK + 1]; /* the first choice for the zone bits of a gfp */
	struct per_cpu_pages *pcp[PAGE_ZONEID_MASK + 1]; /* by page_zone_id() */
	u64 event[NR_VM_EVENTS];
	unsigned nid;
} __attribute__((aligned(64)));

struct cma;
struct page_owner;
struct compact_control;

/* What page allocation asks of reclaim, once there is one. All may be NULL and are in `arg`'s
 * world; called without locks. */
struct pgalloc_hooks {
	void *arg;
	void (*wake_kswapd)(void *arg, struct zone *zone, unsigned order);
	/* Frees what it can; whether there was progress. Only for requests that may sleep. */
	bool (*direct_reclaim)(void *arg, gfp_t gfp, unsigned order);
	/* Kills somebody; whether memory will come. */
	bool (*out_of_memory)(void *arg, gfp_t gfp, unsigned order);
	/* A page went to / came from an owner (kmemleak, page owner). */
	void (*report)(void *arg, const char *what, struct page *page);
};

#define MAX_CMA_AREAS 8

struct pgalloc {
	struct memmodel model;
	struct mm_env env;
	struct pgalloc_hooks hooks;
	u8 *pageblock;		     /* [max_pfn >> PAGEBLOCK_ORDER] */
	struct page_owner *owner;    /* [max_pfn]; NULL: nobody keeps books (page_owner.h) */
	pfn_t max_pfn;		     /* frames beyond never exist */
	struct pg_cpu **cpu;	     /* [nr_cpus] */
	struct per_cpu_pages no_pcp; /* always busy: where no zone would do */
	unsigned nr_cpus, nr_nodes;
	struct zone *zone_table[PAGE_ZONEID_MASK + 1];
	struct pglist_data *node[MAX_NUMNODES];
	u8 distance[MAX_NUMNODES][MAX_NUMNODES];
	const struct memblock *memblock; /* which frames of deferred ranges are free */
	struct memmodel_alloc map_alloc;
	struct cma *cma[MAX_CMA_AREAS];
	unsigned nr_cma;
	u64 min_free_kbytes;
	u64 highmem_pfn;     /* frames from here have no linear address; max_pfn: none */
	u64 reserved_bytes;  /* taken from memblock by the set-up itself */
	unsigned fail_after; /* tests: the n-th allocation off the fast path fails; 0: none */
};

static inline struct zone *page_zone(const struct pgalloc *pg, const struct page *page)
{
	return pg->zone_table[page_zone_id(page)];
}

static inline void count_vm_events(struct pgalloc *pg, enum vm_event e, u64 n)
{
	pg->cpu[env_cpu()]->event[e] += n;
}

/* Over all CPUs. */
u64 vm_event(const struct pgalloc *pg, enum vm_event e);

/* Zones with frames, lowest node and zone first. NULL at the end; begin with NULL. */
struct zone *next_zone(const struct pgalloc *pg, const struct zone *prev);

#define for_each_zone(pg, z) for ((z) = next_zone((pg), NULL); (z); (z) = next_zone((pg), (z)))

/* Free pages, pages waiting for deferred initialisation included. */
u64 zone_free_pages(const struct zone *z);

enum alloc_flags {
	ALLOC_MIN_RESERVE = 1 << 0, /* half of min */
	ALLOC_NON_BLOCK = 1 << 1,   /* and a quarter more */
	ALLOC_NO_WATERMARKS = 1 << 2,
	ALLOC_CMA = 1 << 3,
	ALLOC_HIGHATOMIC = 1 << 4,
};

/* Whether 2^order pages can be taken from z without going below mark. `highest` is the zone the
 * request could have used at best: lowmem_reserve keeps low zones for those who need them. */
bool zone_watermark_ok(const struct zone *z, unsigned order, u64 mark, enum zone_type highest,
		       unsigned flags);

/* Recomputes min, low, high from min_free_kbytes (0: from the size of memory) and the reserves of
 * the lower zones. Call after memory came or went. */
void setup_watermarks(struct pgalloc *pg);

/* Orders every node's zonelist by distance, and fills in the CPUs' first choices. */
void build_zonelists(struct pgalloc *pg);

/* NULL, or the broken rule of any zone. No other CPU allocates meanwhile. */
const char *pgalloc_check(struct pgalloc *pg);

extern const char *const zone_names[MAX_NR_ZONES];

#endif
