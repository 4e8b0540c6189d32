/* SPDX-License-Identifier: MIT */
/*
 * xarray.h - an array of pointers over all of u64, sparse: a radix tree with 64 slots a node that is
 * only as high as its highest index needs. Each entry has three marks, and a search for marked or
 * present entries skips empty subtrees. D. Knuth, The Art of Computer Programming, volume 3, 6.3.
 *
 * X1 a node's presence bits are those of its slots that are not NULL. X2 every node has at least one.
 * X3 a mark is set in a parent exactly if it is set somewhere in that slot's subtree. X4 the top has
 * something beyond its first slot, or is the lowest level. Entries are pointers other than NULL. The caller serialises.
 */
#ifndef GUEST_LIB_XARRAY_H
#define GUEST_LIB_XARRAY_H

#include "guest/lib/types.h"

#ifndef XA_SHIFT
#define XA_SHIFT 6
#endif
#define XA_SLOTS (1u << XA_SHIFT)

enum xa_mark { XA_MARK_0, XA_MARK_1, XA_MARK_2, XA_MARKS };

/* Where nodes come from: zeroed blocks of xa_node_size bytes, or NULL. */
struct xa_mem {
	void *(*alloc)(void *arg);
	void (*free)(void *arg, void *node);
	void *arg;
};
extern const size_t xa_node_size;
/* env_alloc() and env_free(). */
extern const struct xa_mem xa_env_mem;

struct xa_node;

struct xarray {
	const struct xa_mem *mem;
	struct xa_node *root; /* NULL: empty */
	u64 count;	      /* entries */
};

void xa_init(struct xarray *xa, const struct xa_mem *mem);
/* Frees the nodes; entries are the caller's. */
void xa_destroy(struct xarray *xa);

void *xa_load(const struct xarray *xa, u64 index);
/* Those at [first, first + n), NULL where there is none. */
void xa_load_range(const struct xarray *xa, u64 first, unsigned n, void **entries);
/* 0 or -ENOMEM (nothing changed). Takes the place of what is there; *old (may be NULL) gets it.
 * A new entry has no marks; a replaced one keeps them. */
int xa_store(struct xarray *xa, u64 index, void *entry, void **old);
/* What was there, or NULL. */
void *xa_erase(struct xarray *xa, u64 index);

/* The entry at the lowest index in [*index, last], which becomes *index; NULL: none. */
void *xa_find(const struct xarray *xa, u64 *index, u64 last);
/* The entry at the highest index in [first, *index], which becomes *index; NULL: none. */
void *xa_find_rev(const struct xarray *xa, u64 *index, u64 first);
/* As xa_find(), among those with the mark. */
void *xa_find_marked(const struct xarray *xa, u64 *index, u64 last, enum xa_mark mark);
/* The lowest index in [first, last] without an entry; false: none. */
bool xa_find_gap(const struct xarray *xa, u64 first, u64 last, u64 *index);

/* Of an entry that exists; otherwise nothing / false. */
void xa_set_mark(struct xarray *xa, u64 index, enum xa_mark mark);
void xa_clear_mark(struct xarray *xa, u64 index, enum xa_mark mark);
bool xa_get_mark(const struct xarray *xa, u64 index, enum xa_mark mark);
bool xa_marked(const struct xarray *xa, enum xa_mark mark); /* any entry */

#define xa_for_each(xa, index, entry)                                        \
	for ((index) = 0, (entry) = xa_find((xa), &(index), ~0ULL); (entry); \
	     (entry) = (index)++ == ~0ULL ? NULL : xa_find((xa), &(index), ~0ULL))

/* NULL, or the broken rule. */
const char *xa_check(const struct xarray *xa);

#endif
