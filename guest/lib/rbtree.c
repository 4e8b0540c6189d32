/* SPDX-License-Identifier: MIT */
/*
 * rbtree.c - balancing. Rules R1..R5 are in rbtree.h.
 *
 * An insertion can only break R4 (and R2), an erasure only R5 (and R2, R4); each loop below says
 * what is broken where, and moves that place upward until a rotation or a recolouring mends it.
 * Left and right are mirror images: child() picks one of the two child pointers.
 */
#include "guest/lib/rbtree.h"

enum { LEFT, RIGHT };

static inline struct rb_node **child(struct rb_node *node, int side)
{
	return side == LEFT ? &node->left : &node->right;
}

static inline bool is_black(const struct rb_node *node)
{
	return !node || rb_is_black(node); /* R3 */
}

static inline void set_parent(struct rb_node *node, struct rb_node *parent)
{
	node->parent_color = (uintptr_t)parent | (node->parent_color & 1);
}

static inline void set_black(struct rb_node *node)
{
	node->parent_color |= 1;
}

static inline void set_red(struct rb_node *node)
{
	node->parent_color &= ~(uintptr_t)1;
}

static inline void copy_color(struct rb_node *to, const struct rb_node *from)
{
	to->parent_color = (to->parent_color & ~(uintptr_t)1) | (from->parent_color & 1);
}

/* Whatever pointed to `old` from above points to `entry` (may be NULL) now. */
static inline void replace_in_parent(struct rb_node *old, struct rb_node *entry,
				     struct rb_node *parent, struct rb_root *root)
{
	if (!parent)
		root->node = entry;
	else if (parent->left == old)
		parent->left = entry;
	else
		parent->right = entry;
}

/* node's child on the other side takes its place; node goes down on `side`. Colours stay. */
static void rotate(struct rb_node *node, int side, struct rb_root *root,
		   const struct rb_augment_callbacks *aug)
{
	struct rb_node *up = *child(node, !side);
	struct rb_node *inner = *child(up, side);
	struct rb_node *parent = rb_parent(node);

	*child(node, !side) = inner;
	if (inner)
		set_parent(inner, node);
	*child(up, side) = node;
	set_parent(up, parent);
	replace_in_parent(node, up, parent, root);
	set_parent(node, up);
	if (aug)
		aug->rotate(node, up);
}

void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 const struct rb_augment_callbacks *aug)
{
	struct rb_node *parent;

	/* node is red. R4 may be broken between node and its parent, and nowhere else. */
	while ((parent = rb_parent(node)) && rb_is_red(parent)) {
		struct rb_node *grand = rb_parent(parent); /* a red node is not the root: R2 */
		int side = parent == grand->left ? LEFT : RIGHT;
		struct rb_node *uncle = *child(grand, !side);

		if (!is_black(uncle)) {
			/* Push grand's blackness down a level; grand may now clash above. */
			set_black(parent);
			set_black(uncle);
			set_red(grand);
			node = grand;
			continue;
		}
		if (node == *child(parent, !side)) {
			rotate(parent, side, root, aug);
			parent = node;
		}
		/* Two reds in a line below a black grand: the middle one becomes the top. */
		set_black(parent);
		set_red(grand);
		rotate(grand, !side, root, aug);
		break;
	}
	set_black(root->node);
}

/*
 * Ways through `node` (NULL counts too; its parent is given) are one black short: R5. node itself
 * is black, or a red one which is simply made black.
 */
static void erase_fixup(struct rb_node *node, struct rb_node *parent, struct rb_root *root,
			const struct rb_augment_callbacks *aug)
{
	while (parent && is_black(node)) {
		int side = node == parent->left ? LEFT : RIGHT;
		struct rb_node *sibling = *child(parent, !side); /* exists: its ways are longer */

		if (rb_is_red(sibling)) {
			/* Make the sibling black without changing any way's blacks. */
			set_black(sibling);
			set_red(parent);
			rotate(parent, side, root, aug);
			sibling = *child(parent, !side);
		}
		if (is_black(sibling->left) && is_black(sibling->right)) {
			/* Both sides one short now; all of parent is. */
			set_red(sibling);
			node = parent;
			parent = rb_parent(node);
			continue;
		}
		if (is_black(*child(sibling, !side))) {
			/* The red nephew is the inner one: turn it outward. */
			set_black(*child(sibling, side));
			set_red(sibling);
			rotate(sibling, !side, root, aug);
			sibling = *child(parent, !side);
		}
		/* Red outer nephew: parent comes down on the short side as the missing black. */
		copy_color(sibling, parent);
		set_black(parent);
		set_black(*child(sibling, !side));
		rotate(parent, side, root, aug);
		return;
	}
	if (node)
		set_black(node);
}

/* Takes out a node with at most one child (*orphan, may become NULL); returns its parent. */
static struct rb_node *unlink_simple(struct rb_node *node, struct rb_root *root,
				     struct rb_node **orphan)
{
	struct rb_node *parent = rb_parent(node);

	*orphan = node->left ? node->left : node->right;
	if (*orphan)
		set_parent(*orphan, parent);
	replace_in_parent(node, *orphan, parent, root);
	return parent;
}

void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			const struct rb_augment_callbacks *aug)
{
	struct rb_node *parent, *orphan, *changed;
	bool lost_black;

	if (!node->left || !node->right) {
		lost_black = rb_is_black(node);
		parent = unlink_simple(node, root, &orphan);
		changed = parent;
	} else {
		/* The next in order has no left child: take that one out, and put it in node's
		 * place with node's colour, so that only its old place can be one black short. */
		struct rb_node *next = node->right;

		while (next->left)
			next = next->left;
		lost_black = rb_is_black(next);
		parent = unlink_simple(next, root, &orphan);
		if (parent == node)
			parent = next;
		rb_replace_node(node, next, root);
		if (aug) {
			/* Two steps, because the first may end early below next, whose own
			 * data differ from node's. */
			aug->propagate(parent, next);
			aug->copy(node, next);
		}
		changed = next;
	}
	if (aug && changed)
		aug->propagate(changed, NULL);
	if (lost_black)
		erase_fixup(orphan, parent, root, aug);
}

void rb_replace_node(struct rb_node *old, struct rb_node *entry, struct rb_root *root)
{
	*entry = *old;
	if (entry->left)
		set_parent(entry->left, entry);
	if (entry->right)
		set_parent(entry->right, entry);
	replace_in_parent(old, entry, rb_parent(entry), root);
}

void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	rb_insert_augmented(node, root, NULL);
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	rb_erase_augmented(node, root, NULL);
}

static struct rb_node *outermost(struct rb_node *node, int side)
{
	if (node)
		while (*child(node, side))
			node = *child(node, side);
	return node;
}

struct rb_node *rb_first(const struct rb_root *root)
{
	return outermost(root->node, LEFT);
}

struct rb_node *rb_last(const struct rb_root *root)
{
	return outermost(root->node, RIGHT);
}

static struct rb_node *step(const struct rb_node *node, int side)
{
	struct rb_node *parent, *below = *child((struct rb_node *)node, side);

	if (below)
		return outermost(below, !side);
	while ((parent = rb_parent(node)) && node == *child(parent, side))
		node = parent;
	return parent;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	return step(node, RIGHT);
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	return step(node, LEFT);
}

/* Black nodes from here up to the root, both included. */
static unsigned blacks_up(const struct rb_node *node)
{
	unsigned n = 0;

	for (; node; node = rb_parent(node))
		n += rb_is_black(node);
	return n;
}

static const char *check_node(const struct rb_node *node, unsigned blacks)
{
	if (node->left && rb_parent(node->left) != node)
		return "a left child does not know its parent";
	if (node->right && rb_parent(node->right) != node)
		return "a right child does not know its parent";
	if (rb_is_red(node) && !(is_black(node->left) && is_black(node->right)))
		return "R4: a red node has a red child";
	/* R5 for every node follows from R5 for the root. */
	if ((!node->left || !node->right) && blacks_up(node) != blacks)
		return "R5: ways down differ in black nodes";
	return NULL;
}

const char *rb_check(const struct rb_root *root, rb_less_fn less,
		     bool (*aug_ok)(const struct rb_node *node))
{
	const struct rb_node *node = rb_first(root), *prev = NULL;
	unsigned blacks;

	if (!node)
		return NULL;
	if (rb_parent(root->node))
		return "the root has a parent";
	if (rb_is_red(root->node))
		return "R2: the root is red";
	for (blacks = blacks_up(node); node; prev = node, node = rb_next(node)) {
		const char *broken = check_node(node, blacks);

		if (broken)
			return broken;
		if (less && prev && less(node, prev))
			return "a node is less than the one before it";
		if (aug_ok && !aug_ok(node))
			return "an augmented value is stale";
	}
	return NULL;
}

const char *rb_check_cached(const struct rb_root_cached *tree, rb_less_fn less,
			    bool (*aug_ok)(const struct rb_node *node))
{
	if (tree->leftmost != rb_first(&tree->root))
		return "the cached leftmost node is not the first";
	return rb_check(&tree->root, less, aug_ok);
}
