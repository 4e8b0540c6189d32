/* SPDX-License-Identifier: MIT */
/*
 * resource.h - who owns which physical addresses: the tree behind /proc/iomem.
 *
 * Rules: R1 the children of a node are sorted, do not overlap and lie inside it.
 * The nodes are the caller's and stay while they are in the tree; the caller serialises.
 */
#ifndef GUEST_MM_RESOURCE_H
#define GUEST_MM_RESOURCE_H

#include "guest/lib/types.h"

struct resource {
	phys_t start, end; /* both included */
	const char *name;
	struct resource *parent, *sibling, *child;
};

/* Puts res below the smallest node that holds all of it; what lies inside res becomes its child.
 * -EBUSY when it would cut another in two, -EINVAL outside of root or start > end. */
int insert_resource(struct resource *root, struct resource *res);

/* Takes res out; its children move up to its parent. */
void remove_resource(struct resource *res);

const char *resource_check(const struct resource *root);

#endif
