/* SPDX-License-Identifier: MIT */
/* resource.c - see resource.h. */
#include "guest/mm/resource.h"
#include "guest/lib/errno.h"

static bool inside(const struct resource *a, const struct resource *b)
{
	return a->start >= b->start && a->end <= b->end;
}

static bool apart(const struct resource *a, const struct resource *b)
{
	return a->end < b->start || b->end < a->start;
}

int insert_resource(struct resource *root, struct resource *res)
{
	struct resource *parent = root, **link, *last;

	if (res->start > res->end || !inside(res, root))
		return -EINVAL;
again:
	for (struct resource *c = parent->child; c; c = c->sibling) {
		/* Of two equal ranges the later one is the inner one. */
		if (inside(res, c)) {
			parent = c;
			goto again;
		}
		if (!inside(c, res) && !apart(c, res))
			return -EBUSY;
	}
	link = &parent->child;
	while (*link && (*link)->end < res->start)
		link = &(*link)->sibling;
	/* Children from here on that lie inside become res's own. */
	res->child = NULL;
	res->parent = parent;
	res->sibling = *link;
	for (last = NULL; res->sibling && inside(res->sibling, res); res->sibling = last->sibling) {
		last = res->sibling;
		last->parent = res;
		if (!res->child)
			res->child = last;
	}
	if (last)
		last->sibling = NULL;
	*link = res;
	return 0;
}

void remove_resource(struct resource *res)
{
	struct resource **link = &res->parent->child, *c;

	while (*link != res)
		link = &(*link)->sibling;
	*link = res->child ? res->child : res->sibling;
	for (c = res->child; c; c = c->sibling) {
		c->parent = res->parent;
		if (!c->sibling) {
			c->sibling = res->sibling;
			break;
		}
	}
	res->parent = res->sibling = res->child = NULL;
}

const char *resource_check(const struct resource *root)
{
	const struct resource *prev = NULL;

	for (const struct resource *c = root->child; c; prev = c, c = c->sibling) {
		const char *broken;

		if (c->parent != root || !inside(c, root))
			return "R1: a child lies outside of its parent";
		if (prev && prev->end >= c->start)
			return "R1: children overlap, or are not sorted";
		broken = resource_check(c);
		if (broken)
			return broken;
	}
	return NULL;
}
