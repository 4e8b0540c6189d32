/* SPDX-License-Identifier: MIT */
/* xarray.c - see xarray.h. */
#include "guest/lib/xarray.h"
#include "guest/lib/bitops.h"
#include "guest/lib/env.h"
#include "guest/lib/errno.h"

#define SLOT_MASK (XA_SLOTS - 1)
#define PRESENT	  XA_MARKS /* the bits behind the marks: slots in use */

struct xa_node {
	u8 shift;  /* index bits below this level */
	u8 offset; /* which slot of the parent */
	struct xa_node *parent;
	u64 bits[XA_MARKS + 1];
	void *slot[XA_SLOTS];
};

_Static_assert(XA_SLOTS <= 64, "a node's slots are the bits of a word");

const size_t xa_node_size = sizeof(struct xa_node);

static void *env_node_alloc(void *arg)
{
	(void)arg;
	return env_alloc(sizeof(struct xa_node));
}

static void env_node_free(void *arg, void *node)
{
	(void)arg;
	env_free(node, sizeof(struct xa_node));
}

const struct xa_mem xa_env_mem = { .alloc = env_node_alloc, .free = env_node_free };

void xa_init(struct xarray *xa, const struct xa_mem *mem)
{
	*xa = (struct xarray){ .mem = mem };
}

/* The highest index, counted from the node's first, that it can hold. */
static u64 node_last(const struct xa_node *n)
{
	unsigned bits = n->shift + XA_SHIFT;

	return bits >= 64 ? ~0ULL : (1ULL << bits) - 1;
}

static unsigned slot_of(const struct xa_node *n, u64 index)
{
	return index >> n->shift & SLOT_MASK;
}

static struct xa_node *node_new(struct xarray *xa, unsigned shift, struct xa_node *parent,
				unsigned offset)
{
	struct xa_node *n = xa->mem->alloc(xa->mem->arg);

	if (!n)
		return NULL;
	n->shift = (u8)shift;
	n->offset = (u8)offset;
	n->parent = parent;
	if (parent) {
		parent->slot[offset] = n;
		parent->bits[PRESENT] |= BIT(offset);
	}
	return n;
}

static void node_free(struct xarray *xa, struct xa_node *n)
{
	xa->mem->free(xa->mem->arg, n);
}

/* The lowest-level node for index, or NULL. */
static struct xa_node *leaf_of(const struct xarray *xa, u64 index)
{
	struct xa_node *n = xa->root;

	if (!n || index > node_last(n))
		return NULL;
	while (n && n->shift)
		n = n->slot[slot_of(n, index)];
	return n;
}

void *xa_load(const struct xarray *xa, u64 index)
{
	const struct xa_node *leaf = leaf_of(xa, index);

	return leaf ? leaf->slot[index & SLOT_MASK] : NULL;
}

void xa_load_range(const struct xarray *xa, u64 first, unsigned n, void **entries)
{
	for (unsigned done = 0; done < n;) {
		const struct xa_node *leaf = leaf_of(xa, first + done);
		unsigned off = (first + done) & SLOT_MASK, run = MIN(n - done, XA_SLOTS - off);

		for (unsigned i = 0; i < run; i++)
			entries[done + i] = leaf ? leaf->slot[off + i] : NULL;
		done += run;
	}
}

/* Restores X2 and X4 after something has gone from n. */
static void prune(struct xarray *xa, struct xa_node *n)
{
	while (n && !n->bits[PRESENT]) {
		struct xa_node *parent = n->parent;

		if (parent) {
			parent->slot[n->offset] = NULL;
			parent->bits[PRESENT] &= ~BIT(n->offset);
		} else {
			xa->root = NULL;
		}
		node_free(xa, n);
		n = parent;
	}
	while (xa->root && xa->root->shift && xa->root->bits[PRESENT] == 1) {
		n = xa->root;
		xa->root = n->slot[0];
		xa->root->parent = NULL;
		node_free(xa, n);
	}
}

/* Puts levels on top until index fits. */
static int grow(struct xarray *xa, u64 index)
{
	while (index > node_last(xa->root)) {
		struct xa_node *old = xa->root;
		struct xa_node *top = node_new(xa, old->shift + XA_SHIFT, NULL, 0);

		if (!top)
			return -ENOMEM;
		for (unsigned i = 0; i <= PRESENT; i++)
			top->bits[i] = old->bits[i] ? 1 : 0;
		top->slot[0] = old;
		old->parent = top;
		old->offset = 0;
		xa->root = top;
	}
	return 0;
}

int xa_store(struct xarray *xa, u64 index, void *entry, void **old)
{
	struct xa_node *n;
	unsigned off, shift = 0;
	int err = -ENOMEM;

	BUG_ON(!entry);
	if (!xa->root) {
		while (shift + XA_SHIFT < 64 && index >> (shift + XA_SHIFT))
			shift += XA_SHIFT;
		xa->root = node_new(xa, shift, NULL, 0);
		if (!xa->root)
			return -ENOMEM;
	}
	n = xa->root;
	if (grow(xa, index))
		goto undo;
	for (n = xa->root; n->shift;) {
		off = slot_of(n, index);
		if (!n->slot[off] && !node_new(xa, n->shift - XA_SHIFT, n, off))
			goto undo;
		n = n->slot[off];
	}
	off = index & SLOT_MASK;
	if (old)
		*old = n->slot[off];
	if (!n->slot[off])
		xa->count++;
	n->slot[off] = entry;
	n->bits[PRESENT] |= BIT(off);
	return 0;
undo:
	/* Empty nodes on the way down, or levels put on top in vain. */
	prune(xa, n);
	return err;
}

static void clear_mark_up(struct xa_node *n, unsigned off, unsigned mark)
{
	while (n) {
		n->bits[mark] &= ~BIT(off);
		if (n->bits[mark])
			return;
		off = n->offset;
		n = n->parent;
	}
}

void *xa_erase(struct xarray *xa, u64 index)
{
	struct xa_node *leaf = leaf_of(xa, index);
	unsigned off = index & SLOT_MASK;
	void *entry = leaf ? leaf->slot[off] : NULL;

	if (!entry)
		return NULL;
	for (unsigned m = 0; m < XA_MARKS; m++)
		clear_mark_up(leaf, off, m);
	leaf->slot[off] = NULL;
	leaf->bits[PRESENT] &= ~BIT(off);
	xa->count--;
	prune(xa, leaf);
	return entry;
}

/* The lowest index >= *index whose bit is set all the way down. */
static void *find(const struct xarray *xa, u64 *index, u64 last, unsigned which)
{
	u64 at = *index;

	while (at <= last && xa->root && at <= node_last(xa->root)) {
		const struct xa_node *n = xa->root;

		for (;;) {
			unsigned off = slot_of(n, at);
			u64 rest = n->bits[which] >> off << off;

			if (!rest) { /* go on behind this node */
				at |= node_last(n);
				if (at++ == ~0ULL)
					return NULL;
				break;
			}
			if (!(rest & BIT(off))) {
				at = (at & ~node_last(n)) | (u64)__ffs(rest) << n->shift;
				if (at > last)
					return NULL;
				off = __ffs(rest);
			}
			if (!n->shift) {
				*index = at;
				return n->slot[off];
			}
			n = n->slot[off];
		}
	}
	return NULL;
}

void *xa_find(const struct xarray *xa, u64 *index, u64 last)
{
	return find(xa, index, last, PRESENT);
}

void *xa_find_rev(const struct xarray *xa, u64 *index, u64 first)
{
	u64 at = *index;

	if (!xa->root)
		return NULL;
	at = MIN(at, node_last(xa->root));
	while (at >= first) {
		const struct xa_node *n = xa->root;

		for (;;) {
			unsigned off = slot_of(n, at);
			u64 rest = n->bits[PRESENT] & (~0ULL >> (63 - off));

			if (!rest) { /* go on before this node */
				at &= ~node_last(n);
				if (!at--)
					return NULL;
				break;
			}
			if (__fls(rest) != off) {
				off = __fls(rest);
				at = (at & ~node_last(n)) | (u64)off << n->shift |
				     ((1ULL << n->shift) - 1);
				if (at < first)
					return NULL;
			}
			if (!n->shift) {
				*index = at;
				return n->slot[off];
			}
			n = n->slot[off];
		}
	}
	return NULL;
}

void *xa_find_marked(const struct xarray *xa, u64 *index, u64 last, enum xa_mark mark)
{
	return find(xa, index, last, mark);
}

bool xa_find_gap(const struct xarray *xa, u64 first, u64 last, u64 *index)
{
	for (u64 at = first; at <= last; at++) {
		const struct xa_node *leaf = leaf_of(xa, at);
		u64 rest;

		if (!leaf || !leaf->slot[at & SLOT_MASK]) {
			*index = at;
			return true;
		}
		/* To the leaf's next free slot, or its end. */
		rest = ~leaf->bits[PRESENT] >> (at & SLOT_MASK) << (at & SLOT_MASK);
		at = (at & ~(u64)SLOT_MASK) | (rest ? MIN(__ffs(rest), SLOT_MASK) : SLOT_MASK);
		if (rest && __ffs(rest) <= SLOT_MASK)
			at--;
		if (at == ~0ULL)
			break;
	}
	return false;
}

void xa_set_mark(struct xarray *xa, u64 index, enum xa_mark mark)
{
	struct xa_node *n = leaf_of(xa, index);
	unsigned off = index & SLOT_MASK;

	if (!n || !n->slot[off])
		return;
	for (; n && !(n->bits[mark] & BIT(off)); n = n->parent) {
		n->bits[mark] |= BIT(off);
		off = n->offset;
	}
}

void xa_clear_mark(struct xarray *xa, u64 index, enum xa_mark mark)
{
	struct xa_node *n = leaf_of(xa, index);

	if (n && n->bits[mark] & BIT(index & SLOT_MASK))
		clear_mark_up(n, index & SLOT_MASK, mark);
}

bool xa_get_mark(const struct xarray *xa, u64 index, enum xa_mark mark)
{
	const struct xa_node *n = leaf_of(xa, index);

	return n && n->bits[mark] & BIT(index & SLOT_MASK);
}

bool xa_marked(const struct xarray *xa, enum xa_mark mark)
{
	return xa->root && xa->root->bits[mark];
}

void xa_destroy(struct xarray *xa)
{
	struct xa_node *n = xa->root;

	while (n) {
		struct xa_node *parent = n->parent;

		if (n->shift && n->bits[PRESENT]) {
			unsigned off = __ffs(n->bits[PRESENT]);

			n->bits[PRESENT] &= ~BIT(off);
			n = n->slot[off];
			continue;
		}
		node_free(xa, n);
		n = parent;
	}
	xa->root = NULL;
	xa->count = 0;
}

static const char *check_node(const struct xa_node *n, const struct xa_node *parent, u64 *count)
{
	if (n->parent != parent || (parent && parent->shift != n->shift + XA_SHIFT))
		return "X0: a node is not where its parent says";
	if (!n->bits[PRESENT])
		return "X2: a node is empty";
	for (unsigned i = 0; i < XA_SLOTS; i++) {
		const struct xa_node *child = n->slot[i];
		const char *broken;

		if (!child != !(n->bits[PRESENT] & BIT(i)))
			return "X1: a presence bit does not match its slot";
		for (unsigned m = 0; m < XA_MARKS; m++) {
			bool set = n->bits[m] & BIT(i);

			if (set && !child)
				return "X3: a mark on nothing";
			if (child && n->shift && set != !!child->bits[m])
				return "X3: a mark does not say what is below";
		}
		if (!child)
			continue;
		if (!n->shift) {
			++*count;
			continue;
		}
		if (child->offset != i)
			return "X0: a node is in another slot than it believes";
		broken = check_node(child, n, count);
		if (broken)
			return broken;
	}
	return NULL;
}

const char *xa_check(const struct xarray *xa)
{
	const char *broken;
	u64 count = 0;

	if (!xa->root)
		return xa->count ? "X1: entries counted in an empty array" : NULL;
	broken = check_node(xa->root, NULL, &count);
	if (broken)
		return broken;
	if (count != xa->count)
		return "X1: the count of entries is wrong";
	return xa->root->shift && xa->root->bits[PRESENT] == 1 ? "X4: higher than needed" : NULL;
}
