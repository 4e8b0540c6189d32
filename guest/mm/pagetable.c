/* SPDX-License-Identifier: MIT */
/*
 * pagetable.c - mapping, splitting, joining; see pagetable.h for the rules T1..T4.
 *
 * Changing is two steps where memory may run out in the middle: first the pages that stick out of
 * the range are split, then the range, now made of whole pages, is changed without allocating.
 */
#include "guest/mm/pagetable.h"
#include "guest/lib/atomic.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"

#define TABLE_BITS (_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED)

static u64 *table_at(const struct pgtable *pt, phys_t pa)
{
	return (u64 *)(pt->env->linear_base + pa);
}

static unsigned index_of(u64 va, unsigned level)
{
	return va >> (PAGE_SHIFT + 9 * (level - 1)) & (PTRS_PER_TABLE - 1);
}

static bool is_leaf(u64 entry, unsigned level)
{
	return level == 1 || (entry & _PAGE_PSE);
}

static void set_entry(u64 *e, u64 value)
{
	__atomic_store_n(e, value, __ATOMIC_RELEASE);
}

u64 pt_canonical(const struct pgtable *pt, u64 va)
{
	unsigned unused = 64 - (PAGE_SHIFT + 9 * pt->levels);

	return (u64)((s64)(va << unused) >> unused);
}

static void count(u64 *counter, s64 n)
{
	__atomic_fetch_add(counter, (u64)n, __ATOMIC_RELAXED);
}

static u64 *new_table(struct pgtable *pt, phys_t *pa)
{
	*pa = pt->alloc_table(pt->arg);
	if (!*pa)
		return NULL;
	count(&pt->nr_tables, 1);
	return table_at(pt, *pa);
}

static void drop_table(struct pgtable *pt, phys_t pa)
{
	count(&pt->nr_tables, -1);
	pt->free_table(pt->arg, pa);
}

/* A table below *e, which is 0, unless somebody with a range beside ours is faster; its address, or
 * 0 without memory. */
static phys_t add_table(struct pgtable *pt, u64 *e)
{
	u64 none = 0;
	phys_t pa;

	if (!new_table(pt, &pa))
		return 0;
	if (try_cmpxchg(e, &none, pa | TABLE_BITS))
		return pa;
	drop_table(pt, pa);
	return none & PT_ADDR_MASK;
}

int pgtable_init(struct pgtable *pt)
{
	pt->nr_tables = pt->splits = pt->merges = 0;
	memset(pt->leaves, 0, sizeof(pt->leaves));
	pt->root = pt->alloc_table(pt->arg);
	return pt->root ? 0 : -ENOMEM;
}

static void destroy_level(struct pgtable *pt, phys_t table, unsigned level)
{
	const u64 *t = table_at(pt, table);

	for (unsigned i = 0; i < PTRS_PER_TABLE; i++)
		if (t[i] && !is_leaf(t[i], level))
			destroy_level(pt, t[i] & PT_ADDR_MASK, level - 1);
	if (level == pt->levels)
		pt->free_table(pt->arg, table);
	else
		drop_table(pt, table);
}

void pgtable_destroy(struct pgtable *pt)
{
	destroy_level(pt, pt->root, pt->levels);
	pt->root = 0;
}

/* ---- mapping ---------------------------------------------------------------------------------------- */

static bool table_is_empty(const u64 *table)
{
	return !memchr_inv(table, 0, PAGE_SIZE);
}

struct map_request {
	phys_t pa; /* of the next byte */
	u64 prot;
	u64 done; /* bytes mapped */
};

/* Leaves from *e on, as many as there are entries left and bytes up to last; how many. */
static u64 map_leaves(u64 *e, unsigned level, u64 va, u64 last, const struct map_request *req)
{
	u64 step = pt_size_of(level), entry = req->pa | req->prot | (level > 1 ? _PAGE_PSE : 0);
	u64 max = MIN((u64)PTRS_PER_TABLE - index_of(va, level), (last - va + 1) / step), n;

#pragma GCC unroll 8
	for (n = 0; n < max; n++, entry += step) {
		if (e[n])
			break;
		set_entry(&e[n], entry);
	}
	return n;
}

static int map_level(struct pgtable *pt, u64 *table, unsigned level, u64 va, u64 last,
		     struct map_request *req)
{
	u64 size = pt_size_of(level);

	for (;;) {
		u64 *e = &table[index_of(va, level)];
		u64 chunk_last = MIN(last, va | (size - 1));

		if (level <= pt->max_leaf && !((va | req->pa) & (size - 1)) &&
		    chunk_last - va == size - 1) {
			u64 n = map_leaves(e, level, va, last, req);

			if (!n)
				return -EEXIST;
			count(&pt->leaves[level], (s64)n);
			req->pa += n * size;
			req->done += n * size;
			chunk_last = va + n * size - 1;
		} else {
			phys_t pa = *e & PT_ADDR_MASK;
			int err;

			if (*e && is_leaf(*e, level))
				return -EEXIST;
			if (!*e)
				pa = add_table(pt, e);
			if (!pa)
				return -ENOMEM;
			/* T4, but for user pages: they need the bit all the way down. */
			if (req->prot & ~*e & _PAGE_USER)
				set_entry(e, *e | _PAGE_USER);
			err = map_level(pt, table_at(pt, pa), level - 1, va, chunk_last, req);
			if (err && !pt->keep_tables && table_is_empty(table_at(pt, pa))) {
				set_entry(e, 0); /* T2 */
				drop_table(pt, pa);
			}
			if (err)
				return err;
		}
		if (chunk_last == last)
			return 0;
		va = chunk_last + 1;
	}
}

int pgtable_map(struct pgtable *pt, u64 va, phys_t pa, u64 size, u64 prot)
{
	struct map_request req = { .pa = pa, .prot = prot };
	int err;

	BUG_ON((va | pa | size) & (PAGE_SIZE - 1));
	if (!size)
		return 0;
	if (!pt->has_nx)
		req.prot &= ~_PAGE_NX;
	err = map_level(pt, table_at(pt, pt->root), pt->levels, va, va + size - 1, &req);
	if (err && req.done) {
		/* Whole pages, all of them ours: nothing to split, this does not fail. */
		int undo = pgtable_unmap(pt, va, req.done);

		BUG_ON(undo);
	}
	return err;
}

/* ---- looking ---------------------------------------------------------------------------------------- */

/* The entry of the leaf, and its level. */
static u64 *find_leaf(const struct pgtable *pt, u64 va, unsigned *level)
{
	phys_t table = pt->root;

	for (unsigned l = pt->levels; l; l--) {
		u64 *e = &table_at(pt, table)[index_of(va, l)], v = READ_ONCE(*e);

		if (!v)
			return NULL;
		if (is_leaf(v, l)) {
			*level = l;
			return e;
		}
		table = v & PT_ADDR_MASK;
	}
	return NULL;
}

static phys_t leaf_pa(u64 entry, unsigned level)
{
	/* Bit 12 of a large page is PAT, not address (SDM volume 3, table 4-16). */
	return entry & PT_ADDR_MASK & ~(pt_size_of(level) - 1);
}

bool pgtable_lookup(const struct pgtable *pt, u64 va, struct pt_leaf *leaf)
{
	unsigned level;
	const u64 *e = find_leaf(pt, va, &level);
	u64 v;

	if (!e)
		return false;
	v = READ_ONCE(*e);
	*leaf = (struct pt_leaf){
		.va = va & ~(pt_size_of(level) - 1),
		.entry = v,
		.level = level,
		.pa = leaf_pa(v, level) + (va & (pt_size_of(level) - 1)),
	};
	return v != 0;
}

struct walk {
	const struct pgtable *pt;
	bool (*fn)(void *arg, const struct pt_leaf *leaf);
	void *arg;
};

static bool walk_level(const struct walk *w, phys_t table, unsigned level, u64 start, u64 last)
{
	u64 size = pt_size_of(level);

	for (u64 va = start;;) {
		u64 chunk_last = MIN(last, va | (size - 1));
		u64 e = READ_ONCE(table_at(w->pt, table)[index_of(va, level)]);

		if (e && is_leaf(e, level)) {
			struct pt_leaf leaf = {
				.va = pt_canonical(w->pt, va & ~(size - 1)),
				.entry = e,
				.level = level,
				.pa = leaf_pa(e, level),
			};

			if (!w->fn(w->arg, &leaf))
				return false;
		} else if (e && !walk_level(w, e & PT_ADDR_MASK, level - 1, va, chunk_last)) {
			return false;
		}
		if (chunk_last == last)
			return true;
		va = chunk_last + 1;
	}
}

void pgtable_walk(const struct pgtable *pt, u64 start, u64 last,
		  bool (*fn)(void *arg, const struct pt_leaf *leaf), void *arg)
{
	struct walk w = { pt, fn, arg };
	u64 span = (pt_size_of(pt->levels) << 9) - 1;

	/* The two halves of the canonical space are one to the tables. */
	walk_level(&w, pt->root, pt->levels, start & span, last & span);
}

/* ---- splitting and joining ---------------------------------------------------------------------------- */

/* Replaces the large page of *e by a table of pages of the level below, mapping the same. */
static int split_entry(struct pgtable *pt, u64 *e, unsigned level)
{
	u64 old = *e, step = pt_size_of(level - 1), bits;
	phys_t pa, base = leaf_pa(old, level);
	u64 *table = new_table(pt, &pa);

	if (!table)
		return -ENOMEM;
	bits = old & ~PT_ADDR_MASK;
	if (level == 2)
		bits &= ~_PAGE_PSE;
	for (unsigned i = 0; i < PTRS_PER_TABLE; i++)
		table[i] = (base + i * step) | bits;
	/* Old and new say the same: whichever a CPU has cached is right, no flush. */
	set_entry(e, pa | TABLE_BITS | (old & _PAGE_USER));
	count(&pt->leaves[level], -1);
	count(&pt->leaves[level - 1], PTRS_PER_TABLE);
	pt->splits++;
	return 0;
}

int pgtable_split(struct pgtable *pt, u64 va, unsigned level)
{
	for (;;) {
		unsigned l;
		u64 *e = find_leaf(pt, va, &l);
		int err;

		if (!e)
			return -ENOENT;
		if (l <= level)
			return 0;
		err = split_entry(pt, e, l);
		if (err)
			return err;
	}
}

/* Splits what crosses va, so that a page begins there. */
static int split_at(struct pgtable *pt, u64 va)
{
	for (;;) {
		unsigned level;
		u64 *e = find_leaf(pt, va, &level);
		int err;

		if (!e || !(va & (pt_size_of(level) - 1)))
			return 0;
		err = split_entry(pt, e, level);
		if (err)
			return err;
	}
}

static int split_ends(struct pgtable *pt, u64 va, u64 size)
{
	int err = split_at(pt, va);

	return err ? err : split_at(pt, va + size);
}

/* Whether the table maps one large page's worth in a row with equal rights; *bits are theirs. */
static bool joinable(const u64 *table, unsigned level, u64 *joined)
{
	const u64 ad = _PAGE_ACCESSED | _PAGE_DIRTY;
	u64 first = table[0], step = pt_size_of(level - 1), seen = 0;

	if (!first || !is_leaf(first, level - 1) ||
	    (first & PT_ADDR_MASK & (pt_size_of(level) - 1)))
		return false;
	for (unsigned i = 0; i < PTRS_PER_TABLE; i++) {
		if ((table[i] & ~ad) != (first & ~ad) + i * step)
			return false;
		seen |= table[i] & ad;
	}
	*joined = (first & ~ad) | seen | _PAGE_PSE;
	return true;
}

static u64 merge_level(struct pgtable *pt, u64 *table, unsigned level, u64 va, u64 last)
{
	u64 size = pt_size_of(level), joins = 0;

	for (;;) {
		u64 *e = &table[index_of(va, level)], joined;
		u64 chunk_last = MIN(last, va | (size - 1));

		if (*e && !is_leaf(*e, level)) {
			phys_t sub = *e & PT_ADDR_MASK;

			if (level > 2)
				joins += merge_level(pt, table_at(pt, sub), level - 1, va,
						     chunk_last);
			if (level <= pt->max_leaf && joinable(table_at(pt, sub), level, &joined)) {
				set_entry(e, joined);
				count(&pt->leaves[level - 1], -PTRS_PER_TABLE);
				count(&pt->leaves[level], 1);
				pt->merges++;
				joins++;
				/* A CPU may still walk through the table it has cached. */
				mm_flush_tlb(pt->env, va & ~(size - 1), va | (size - 1));
				drop_table(pt, sub);
			}
		}
		if (chunk_last == last)
			return joins;
		va = chunk_last + 1;
	}
}

u64 pgtable_merge(struct pgtable *pt, u64 va, u64 size)
{
	return size ? merge_level(pt, table_at(pt, pt->root), pt->levels, va, va + size - 1) : 0;
}

/* ---- unmapping and changing ------------------------------------------------------------------------------ */

/* Only whole pages lie in [va, last]: see split_ends(). */
static void unmap_level(struct pgtable *pt, u64 *table, unsigned level, u64 va, u64 last)
{
	u64 size = pt_size_of(level);

	for (;;) {
		u64 *e = &table[index_of(va, level)];
		u64 chunk_last = MIN(last, va | (size - 1));

		if (*e && is_leaf(*e, level)) {
			set_entry(e, 0);
			count(&pt->leaves[level], -1);
		} else if (*e) {
			phys_t sub = *e & PT_ADDR_MASK;

			unmap_level(pt, table_at(pt, sub), level - 1, va, chunk_last);
			if (!pt->keep_tables && table_is_empty(table_at(pt, sub))) {
				set_entry(e, 0); /* T2 */
				mm_flush_tlb(pt->env, va & ~(size - 1), va | (size - 1));
				drop_table(pt, sub);
			}
		}
		if (chunk_last == last)
			return;
		va = chunk_last + 1;
	}
}

int pgtable_unmap(struct pgtable *pt, u64 va, u64 size)
{
	int err;

	BUG_ON((va | size) & (PAGE_SIZE - 1));
	if (!size)
		return 0;
	err = split_ends(pt, va, size);
	if (!err)
		unmap_level(pt, table_at(pt, pt->root), pt->levels, va, va + size - 1);
	return err;
}

static void protect_level(struct pgtable *pt, u64 *table, unsigned level, u64 va, u64 last, u64 set,
			  u64 clear)
{
	u64 size = pt_size_of(level);

	for (;;) {
		u64 *e = &table[index_of(va, level)];
		u64 chunk_last = MIN(last, va | (size - 1));

		if (*e && is_leaf(*e, level)) {
			set_entry(e, (*e & ~clear) | set);
		} else if (*e) {
			set_entry(e, *e | (set & _PAGE_USER)); /* see map_level() */
			protect_level(pt, table_at(pt, *e & PT_ADDR_MASK), level - 1, va,
				      chunk_last, set, clear);
		}
		if (chunk_last == last)
			return;
		va = chunk_last + 1;
	}
}

int pgtable_protect(struct pgtable *pt, u64 va, u64 size, u64 set, u64 clear)
{
	int err;

	BUG_ON((va | size) & (PAGE_SIZE - 1));
	BUG_ON((set | clear) & (PT_ADDR_MASK | _PAGE_PSE | _PAGE_PRESENT));
	if (!size)
		return 0;
	if (!pt->has_nx)
		set &= ~_PAGE_NX;
	err = split_ends(pt, va, size);
	if (!err)
		protect_level(pt, table_at(pt, pt->root), pt->levels, va, va + size - 1, set,
			      clear);
	return err;
}

/* ---- checks ---------------------------------------------------------------------------------------------- */

struct table_count {
	u64 tables, leaves[PT_MAX_LEVELS + 1];
};

static const char *check_level(const struct pgtable *pt, phys_t table, unsigned level,
			       struct table_count *count)
{
	const u64 *t = table_at(pt, table);
	unsigned used = 0;

	for (unsigned i = 0; i < PTRS_PER_TABLE; i++) {
		u64 e = t[i];
		const char *broken;

		if (!e)
			continue;
		used++;
		if (!(e & _PAGE_PRESENT))
			return "T1: an entry that is not present is not 0";
		if (level > 3 && (e & _PAGE_PSE))
			return "T3: PSE above level 3";
		if (is_leaf(e, level)) {
			if (level > pt->max_leaf || (e & PT_ADDR_MASK & (pt_size_of(level) - 1)))
				return "T3: a large page is not aligned, or must not be";
			count->leaves[level]++;
			continue;
		}
		if (!(e & _PAGE_RW) || (e & _PAGE_NX))
			return "T4: a table entry takes rights away";
		count->tables++;
		broken = check_level(pt, e & PT_ADDR_MASK, level - 1, count);
		if (broken)
			return broken;
	}
	return used || level == pt->levels || pt->keep_tables ? NULL : "T2: an empty table";
}

const char *pgtable_check(const struct pgtable *pt)
{
	struct table_count count = { 0 };
	const char *broken = check_level(pt, pt->root, pt->levels, &count);

	if (broken)
		return broken;
	if (count.tables != pt->nr_tables)
		return "T2: the number of tables differs from the tree";
	for (unsigned l = 1; l <= 3; l++)
		if (count.leaves[l] != pt->leaves[l])
			return "T2: the number of pages differs from the tree";
	return NULL;
}
