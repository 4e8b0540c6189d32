/* SPDX-License-Identifier: MIT */
/*
 * rbtree.h - intrusive red-black trees, in Linux's words; optionally with the leftmost node cached
 * and with per-subtree data kept up to date (augmented).
 *
 * Rules: R1 every node is red or black; R2 the root is black; R3 absent children count as black;
 *        R4 a red node has no red child; R5 every way from a node down to an absent child passes
 *        the same number of black nodes. Hence no way is more than twice as long as another.
 * The caller serialises; no allocation; a node is in one tree at a time.
 */
#ifndef GUEST_LIB_RBTREE_H
#define GUEST_LIB_RBTREE_H

#include "guest/lib/types.h"

struct rb_node {
	uintptr_t parent_color; /* the parent's address; bit 0 set: black */
	struct rb_node *left, *right;
};

struct rb_root {
	struct rb_node *node;
};

struct rb_root_cached {
	struct rb_root root;
	struct rb_node *leftmost;
};

#define RB_ROOT          \
	(struct rb_root) \
	{                \
		NULL     \
	}
#define RB_ROOT_CACHED          \
	(struct rb_root_cached) \
	{                       \
		{ NULL }, NULL  \
	}

/*
 * How the data of a subtree follows from its root's own data and the two children's.
 * propagate: recomputes from node upward, up to but not including stop (NULL: through the root);
 *            it may end early at a node whose value does not change.
 * copy:      node `to` takes the place of `from`: it takes over from's value.
 * rotate:    `to` has become the parent of `from` by a rotation: `to` takes over from's value, and
 *            from's is recomputed.
 */
struct rb_augment_callbacks {
	void (*propagate)(struct rb_node *node, struct rb_node *stop);
	void (*copy)(struct rb_node *from, struct rb_node *to);
	void (*rotate)(struct rb_node *from, struct rb_node *to);
};

#define rb_entry(ptr, type, member) container_of(ptr, type, member)
#define rb_entry_safe(ptr, type, member)                          \
	({                                                        \
		__typeof__(ptr) rb_ptr_ = (ptr);                  \
		rb_ptr_ ? rb_entry(rb_ptr_, type, member) : NULL; \
	})

static inline struct rb_node *rb_parent(const struct rb_node *node)
{
	return (struct rb_node *)(node->parent_color & ~(uintptr_t)1);
}

static inline bool rb_is_black(const struct rb_node *node)
{
	return node->parent_color & 1;
}

static inline bool rb_is_red(const struct rb_node *node)
{
	return !rb_is_black(node);
}

static inline bool RB_EMPTY_ROOT(const struct rb_root *root)
{
	return !READ_ONCE(root->node);
}

/* A node marked as being in no tree: its own parent. */
static inline void RB_CLEAR_NODE(struct rb_node *node)
{
	node->parent_color = (uintptr_t)node;
}

static inline bool RB_EMPTY_NODE(const struct rb_node *node)
{
	return node->parent_color == (uintptr_t)node;
}

/* Ends of the order and steps along it; NULL past either end. O(log n), steps O(1) on average. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

static inline struct rb_node *rb_first_cached(const struct rb_root_cached *tree)
{
	return tree->leftmost;
}

/* Hangs node, red and childless, below parent at *link (NULL parent: the empty root). Must be
 * followed by one of the rb_insert_* functions. */
static inline void rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
	node->parent_color = (uintptr_t)parent;
	node->left = NULL;
	node->right = NULL;
	*link = node;
}

/* Restores the rules after rb_link_node(). */
void rb_insert_color(struct rb_node *node, struct rb_root *root);

/* Takes node out. Its own links stay as they were: RB_CLEAR_NODE() it if it is asked later. */
void rb_erase(struct rb_node *node, struct rb_root *root);

/* `entry` takes the place of `old`, which compares equal; O(1). */
void rb_replace_node(struct rb_node *old, struct rb_node *entry, struct rb_root *root);

/*
 * Augmented forms. Before rb_insert_augmented() the caller has linked the node, set its value to
 * what it is without children, and called propagate() on its parent.
 */
void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 const struct rb_augment_callbacks *aug);
void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			const struct rb_augment_callbacks *aug);

/* Cached forms; `leftmost` says whether the node was linked at the very left. */
static inline void rb_insert_color_cached(struct rb_node *node, struct rb_root_cached *tree,
					  bool leftmost)
{
	if (leftmost)
		tree->leftmost = node;
	rb_insert_color(node, &tree->root);
}

static inline void rb_insert_augmented_cached(struct rb_node *node, struct rb_root_cached *tree,
					      bool leftmost, const struct rb_augment_callbacks *aug)
{
	if (leftmost)
		tree->leftmost = node;
	rb_insert_augmented(node, &tree->root, aug);
}

/* Return the new leftmost node when it has changed, else NULL. */
static inline struct rb_node *rb_erase_cached(struct rb_node *node, struct rb_root_cached *tree)
{
	struct rb_node *leftmost = NULL;

	if (tree->leftmost == node)
		leftmost = tree->leftmost = rb_next(node);
	rb_erase(node, &tree->root);
	return leftmost;
}

static inline struct rb_node *rb_erase_augmented_cached(struct rb_node *node,
							struct rb_root_cached *tree,
							const struct rb_augment_callbacks *aug)
{
	struct rb_node *leftmost = NULL;

	if (tree->leftmost == node)
		leftmost = tree->leftmost = rb_next(node);
	rb_erase_augmented(node, &tree->root, aug);
	return leftmost;
}

/*
 * Search and insert with the order given as a function. Equal keys go to the right of those that
 * are there: first in, first out. Inline, so that the comparison is inlined too.
 */
typedef bool (*rb_less_fn)(const struct rb_node *a, const struct rb_node *b);
/* <0, 0, >0: key comes before, at, after node. */
typedef int (*rb_cmp_fn)(const void *key, const struct rb_node *node);

static inline __attribute__((always_inline)) void rb_add(struct rb_node *node, struct rb_root *root,
							 rb_less_fn less)
{
	struct rb_node **link = &root->node;
	struct rb_node *parent = NULL;

	while (*link) {
		parent = *link;
		link = less(node, parent) ? &parent->left : &parent->right;
	}
	rb_link_node(node, parent, link);
	rb_insert_color(node, root);
}

/* Links node and returns whether it became the leftmost. */
static inline __attribute__((always_inline)) bool rb_link_sorted(struct rb_node *node,
								 struct rb_root *root,
								 rb_less_fn less)
{
	struct rb_node **link = &root->node;
	struct rb_node *parent = NULL;
	bool leftmost = true;

	while (*link) {
		parent = *link;
		if (less(node, parent)) {
			link = &parent->left;
		} else {
			link = &parent->right;
			leftmost = false;
		}
	}
	rb_link_node(node, parent, link);
	return leftmost;
}

/* Both return whether node became the leftmost. */
static inline __attribute__((always_inline)) bool rb_add_cached(struct rb_node *node,
								struct rb_root_cached *tree,
								rb_less_fn less)
{
	bool leftmost = rb_link_sorted(node, &tree->root, less);

	rb_insert_color_cached(node, tree, leftmost);
	return leftmost;
}

/* The node's augmented value is already what it is without children. */
static inline __attribute__((always_inline)) bool rb_add_augmented_cached(
	struct rb_node *node, struct rb_root_cached *tree, rb_less_fn less,
	const struct rb_augment_callbacks *aug)
{
	bool leftmost = rb_link_sorted(node, &tree->root, less);

	if (rb_parent(node))
		aug->propagate(rb_parent(node), NULL);
	rb_insert_augmented_cached(node, tree, leftmost, aug);
	return leftmost;
}

/* Some node with that key, or NULL. */
static inline __attribute__((always_inline)) struct rb_node *rb_find(const void *key,
								     const struct rb_root *root,
								     rb_cmp_fn cmp)
{
	struct rb_node *node = root->node;

	while (node) {
		int c = cmp(key, node);

		if (c == 0)
			return node;
		node = c < 0 ? node->left : node->right;
	}
	return NULL;
}

/* The leftmost node with that key, or NULL. */
static inline __attribute__((always_inline)) struct rb_node *rb_find_first(
	const void *key, const struct rb_root *root, rb_cmp_fn cmp)
{
	struct rb_node *node = root->node, *match = NULL;

	while (node) {
		int c = cmp(key, node);

		if (c == 0)
			match = node;
		node = c <= 0 ? node->left : node->right;
	}
	return match;
}

/*
 * Defines `static const struct rb_augment_callbacks name` for a value that
 * `bool compute(type *node, bool exit)` derives from the node and its children: it stores the new
 * value, and returns true (only if exit) when it was that already.
 */
#define RB_DECLARE_CALLBACKS(name, type, rbmember, augmented, compute)         \
	static void name##_propagate(struct rb_node *rb, struct rb_node *stop) \
	{                                                                      \
		while (rb != stop) {                                           \
			type *node = rb_entry(rb, type, rbmember);             \
			if (compute(node, true))                               \
				break;                                         \
			rb = rb_parent(&node->rbmember);                       \
		}                                                              \
	}                                                                      \
	static void name##_copy(struct rb_node *from, struct rb_node *to)      \
	{                                                                      \
		rb_entry(to, type, rbmember)->augmented =                      \
			rb_entry(from, type, rbmember)->augmented;             \
	}                                                                      \
	static void name##_rotate(struct rb_node *from, struct rb_node *to)    \
	{                                                                      \
		name##_copy(from, to);                                         \
		compute(rb_entry(from, type, rbmember), false);                \
	}                                                                      \
	static const struct rb_augment_callbacks name = {                      \
		.propagate = name##_propagate,                                 \
		.copy = name##_copy,                                           \
		.rotate = name##_rotate,                                       \
	}

/*
 * NULL, or the broken rule ("R4: a red node has a red child"). less (may be NULL) adds the order,
 * aug_ok (may be NULL) says whether one node's augmented value is right. O(n log n), no recursion.
 */
const char *rb_check(const struct rb_root *root, rb_less_fn less,
		     bool (*aug_ok)(const struct rb_node *node));
const char *rb_check_cached(const struct rb_root_cached *tree, rb_less_fn less,
			    bool (*aug_ok)(const struct rb_node *node));

#endif
