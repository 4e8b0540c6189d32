/* SPDX-License-Identifier: MIT */
/*
 * pagetable.h - x86-64 page tables as data: mapping, unmapping, changing, splitting and joining of
 * pages of 4 KiB, 2 MiB and 1 GiB, over 4 or 5 levels (SDM volume 3, 4.5).
 *
 * Levels are counted from the leaf: 1 pte, 2 pmd, 3 pud, 4 p4d, 5 pgd; with 4 levels the top one
 * plays both p4d and pgd.
 *
 * Rules: T1 an entry without the present bit is 0. T2 a table page in the tree has at least one
 * entry in use, but for the top one (and unless keep_tables). T3 only levels 2 and 3 carry PSE, and
 * then the address in them is aligned to their size. T4 table entries are writable and executable:
 * the leaf alone decides.
 *
 * The caller serialises changes of one range. Changes of others beside it are safe where tables stay
 * (keep_tables), and looking up is always: an entry is written with one store. TLB: after removing or restricting something the caller flushes; the
 * functions that free tables do so themselves first.
 */
#ifndef GUEST_MM_PAGETABLE_H
#define GUEST_MM_PAGETABLE_H

#include "guest/mm/mm_env.h"
#include "guest/mm/page_size.h"

#define _PAGE_PRESENT	(1ULL << 0)
#define _PAGE_RW	(1ULL << 1)
#define _PAGE_USER	(1ULL << 2)
#define _PAGE_PWT	(1ULL << 3)
#define _PAGE_PCD	(1ULL << 4)
#define _PAGE_ACCESSED	(1ULL << 5)
#define _PAGE_DIRTY	(1ULL << 6)
#define _PAGE_PSE	(1ULL << 7)
#define _PAGE_GLOBAL	(1ULL << 8)
#define _PAGE_NX	(1ULL << 63)
#define PT_ADDR_MASK	0x000ffffffffff000ULL

#define PAGE_KERNEL_ROX (_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_GLOBAL)
#define PAGE_KERNEL_RO	(PAGE_KERNEL_ROX | _PAGE_NX)
#define PAGE_KERNEL	(PAGE_KERNEL_RO | _PAGE_RW | _PAGE_DIRTY)
#define PAGE_KERNEL_IO	(PAGE_KERNEL | _PAGE_PCD | _PAGE_PWT)

#define PTRS_PER_TABLE	512
#define PT_MAX_LEVELS	5

struct pgtable {
	phys_t root;
	unsigned levels;   /* 4 or 5 */
	unsigned max_leaf; /* the largest page there may be: 1, 2 or 3 */
	bool has_nx;
	/* Unmapping leaves empty tables where they are: nothing to flush at once, less to allocate
	 * the next time. For areas whose pages come and go. */
	bool keep_tables;
	const struct mm_env *env;
	/* One zeroed page for a table, reachable by the linear map; 0 when there is none. */
	phys_t (*alloc_table)(void *arg);
	void (*free_table)(void *arg, phys_t table);
	void *arg;
	u64 nr_tables;	    /* without the top one */
	u64 leaves[4];	    /* [level] pages mapped now */
	u64 splits, merges; /* ever */
};

static inline u64 pt_size_of(unsigned level)
{
	return 1ULL << (PAGE_SHIFT + 9 * (level - 1));
}

/* The canonical form of an address: bits above the top level repeat its highest. */
u64 pt_canonical(const struct pgtable *pt, u64 va);

/* Allocates the top table. 0 or -ENOMEM. The other fields are set by the caller before. */
int pgtable_init(struct pgtable *pt);

/* Frees all tables; what is mapped is forgotten. No flush. */
void pgtable_destroy(struct pgtable *pt);

/*
 * Maps [va, va + size) to pa on, in the largest pages that alignment and max_leaf allow. All are
 * multiples of 4 KiB. -EEXIST where something is mapped, -ENOMEM: then nothing of it is mapped.
 * New mappings need no flush.
 */
int pgtable_map(struct pgtable *pt, u64 va, phys_t pa, u64 size, u64 prot);

/*
 * Unmaps what is mapped in the range, splitting pages that stick out, and frees tables that become
 * empty (after a flush). -ENOMEM when a page could not be split: then nothing is unmapped.
 */
int pgtable_unmap(struct pgtable *pt, u64 va, u64 size);

/* Sets the bits `set` and clears `clear` in the leaves of the range, splitting where needed. Where
 * nothing is mapped nothing happens. 0 or -ENOMEM; then the range may be changed in part. */
int pgtable_protect(struct pgtable *pt, u64 va, u64 size, u64 set, u64 clear);

/* Makes the leaf that maps va one of this level or smaller. 0, -ENOENT, -ENOMEM. */
int pgtable_split(struct pgtable *pt, u64 va, unsigned level);

/* Joins neighbouring small pages that map one large piece with equal rights (A and D aside), from
 * the bottom up; how many joins. Flushes. */
u64 pgtable_merge(struct pgtable *pt, u64 va, u64 size);

struct pt_leaf {
	u64 va;
	u64 entry;
	unsigned level;
	phys_t pa; /* of va itself, which may lie inside the page */
};

/* The leaf that maps va. */
bool pgtable_lookup(const struct pgtable *pt, u64 va, struct pt_leaf *leaf);

/* Calls fn for each leaf in [start, last], in order; it may end the walk by returning false. */
void pgtable_walk(const struct pgtable *pt, u64 start, u64 last,
		  bool (*fn)(void *arg, const struct pt_leaf *leaf), void *arg);

/* NULL, or the broken rule. */
const char *pgtable_check(const struct pgtable *pt);

#endif
