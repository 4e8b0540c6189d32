/* SPDX-License-Identifier: MIT */
/* memblock.c - two sorted arrays of ranges; see memblock.h for the rules M1..M4. */
#include "guest/mm/memblock.h"
#include "guest/lib/env.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"

static phys_t region_end(const struct memblock_region *r)
{
	return r->base + r->size;
}

static int insert_at(struct memblock_list *l, size_t i, struct memblock_region r)
{
	if (l->count == MEMBLOCK_MAX_REGIONS)
		return -ENOSPC;
	memmove(&l->region[i + 1], &l->region[i], (l->count - i) * sizeof(r));
	l->region[i] = r;
	l->count++;
	return 0;
}

static void delete_at(struct memblock_list *l, size_t i)
{
	l->count--;
	memmove(&l->region[i], &l->region[i + 1], (l->count - i) * sizeof(l->region[0]));
}

/* Keeps M3 around region i after a change. */
static void merge_around(struct memblock_list *l, size_t i)
{
	if (i + 1 < l->count) {
		struct memblock_region *r = &l->region[i], *next = r + 1;

		if (region_end(r) == next->base && r->node == next->node) {
			r->size += next->size;
			delete_at(l, i + 1);
		}
	}
	if (i > 0) {
		struct memblock_region *r = &l->region[i], *prev = r - 1;

		if (region_end(prev) == r->base && prev->node == r->node) {
			prev->size += r->size;
			delete_at(l, i);
		}
	}
}

/* Adds the parts of [base, end) that no region covers yet: M2 holds by construction. */
static int list_add_range(struct memblock_list *l, phys_t base, phys_t end, int node)
{
	size_t i = 0;

	while (base < end) {
		struct memblock_region part = { .base = base, .node = node };
		int err;

		while (i < l->count && region_end(&l->region[i]) <= base)
			i++;
		if (i < l->count && l->region[i].base <= base) {
			base = region_end(&l->region[i]);
			continue;
		}
		part.size = (i < l->count ? MIN(end, l->region[i].base) : end) - base;
		err = insert_at(l, i, part);
		if (err)
			return err;
		base += part.size;
		merge_around(l, i);
		i = i ? i - 1 : 0; /* merging may have moved the list down by one */
	}
	return 0;
}

static int list_remove_range(struct memblock_list *l, phys_t base, phys_t end)
{
	for (size_t i = 0; i < l->count;) {
		struct memblock_region *r = &l->region[i];
		phys_t r_end = region_end(r);

		if (r_end <= base || r->base >= end) {
			i++;
		} else if (r->base < base && r_end > end) {
			struct memblock_region tail = { end, r_end - end, r->node };
			int err = insert_at(l, i + 1, tail);

			if (err)
				return err;
			l->region[i].size = base - l->region[i].base;
			return 0;
		} else if (r->base < base) {
			r->size = base - r->base;
			i++;
		} else if (r_end > end) {
			r->base = end;
			r->size = r_end - end;
			i++;
		} else {
			delete_at(l, i);
		}
	}
	return 0;
}

void memblock_init(struct memblock *mb)
{
	mb->memory.count = 0;
	mb->reserved.count = 0;
}

int memblock_add(struct memblock *mb, phys_t base, u64 size, int node)
{
	if (base + size < base)
		return -EINVAL;
	return list_add_range(&mb->memory, base, base + size, node);
}

int memblock_remove(struct memblock *mb, phys_t base, u64 size)
{
	if (base + size < base)
		return -EINVAL;
	return list_remove_range(&mb->memory, base, base + size);
}

int memblock_reserve(struct memblock *mb, phys_t base, u64 size)
{
	if (base + size < base)
		return -EINVAL;
	return list_add_range(&mb->reserved, base, base + size, MEMBLOCK_NO_NODE);
}

int memblock_free(struct memblock *mb, phys_t base, u64 size)
{
	if (base + size < base)
		return -EINVAL;
	return list_remove_range(&mb->reserved, base, base + size);
}

/* The highest place in [start, end) that no reservation touches, or 0. */
static phys_t place_in(const struct memblock *mb, phys_t start, phys_t end, u64 size, u64 align)
{
	size_t i = mb->reserved.count;

	while (end >= size && end > start) {
		phys_t at = ALIGN_DOWN(end - size, align);

		if (at < start || !at)
			return 0;
		/* The reservations are walked downward along with the candidate. */
		while (i && mb->reserved.region[i - 1].base >= at + size)
			i--;
		if (!i || region_end(&mb->reserved.region[i - 1]) <= at)
			return at;
		end = mb->reserved.region[i - 1].base;
	}
	return 0;
}

phys_t memblock_alloc(struct memblock *mb, const struct memblock_request *req)
{
	u64 align = req->align ? req->align : 1;

	BUG_ON(align & (align - 1));
	if (!req->size)
		return 0;
	for (size_t i = mb->memory.count; i--;) {
		const struct memblock_region *r = &mb->memory.region[i];
		phys_t end = region_end(r), at;

		if (req->node != MEMBLOCK_NO_NODE && r->node != req->node)
			continue;
		if (req->limit)
			end = MIN(end, req->limit);
		at = place_in(mb, r->base, end, req->size, align);
		if (at)
			return memblock_reserve(mb, at, req->size) ? 0 : at;
	}
	return 0;
}

bool memblock_is_memory(const struct memblock *mb, phys_t base, u64 size)
{
	phys_t end = base + size;

	for (size_t i = 0; i < mb->memory.count && base < end; i++) {
		const struct memblock_region *r = &mb->memory.region[i];

		if (region_end(r) <= base)
			continue;
		if (r->base > base)
			return false;
		base = region_end(r);
	}
	return base >= end;
}

bool memblock_is_reserved(const struct memblock *mb, phys_t base, u64 size)
{
	for (size_t i = 0; i < mb->reserved.count; i++) {
		const struct memblock_region *r = &mb->reserved.region[i];

		if (r->base < base + size && region_end(r) > base)
			return true;
	}
	return false;
}

bool memblock_next_free(const struct memblock *mb, phys_t *pos, struct memblock_region *out)
{
	size_t i = 0;

	for (size_t m = 0; m < mb->memory.count; m++) {
		const struct memblock_region *r = &mb->memory.region[m];
		phys_t base = MAX(r->base, *pos), end = region_end(r);

		while (base < end) {
			const struct memblock_region *taken;

			while (i < mb->reserved.count &&
			       region_end(&mb->reserved.region[i]) <= base)
				i++;
			taken = i < mb->reserved.count ? &mb->reserved.region[i] : NULL;
			if (taken && taken->base <= base) {
				base = region_end(taken);
				continue;
			}
			if (taken)
				end = MIN(end, taken->base);
			*out = (struct memblock_region){ base, end - base, r->node };
			*pos = end;
			return true;
		}
	}
	return false;
}

u64 memblock_total(const struct memblock *mb)
{
	u64 sum = 0;

	for (size_t i = 0; i < mb->memory.count; i++)
		sum += mb->memory.region[i].size;
	return sum;
}

u64 memblock_total_free(const struct memblock *mb)
{
	struct memblock_region r;
	phys_t pos = 0;
	u64 sum = 0;

	while (memblock_next_free(mb, &pos, &r))
		sum += r.size;
	return sum;
}

phys_t memblock_end(const struct memblock *mb)
{
	return mb->memory.count ? region_end(&mb->memory.region[mb->memory.count - 1]) : 0;
}

static const char *ranges_check(const struct memblock_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct memblock_region *r = &l->region[i];

		if (!r->size)
			return "M1: an empty region";
		if (region_end(r) < r->base)
			return "M4: a region wraps";
		if (!i)
			continue;
		if (r->base < r[-1].base)
			return "M1: regions are not sorted";
		if (region_end(&r[-1]) > r->base)
			return "M2: regions overlap";
		if (region_end(&r[-1]) == r->base && r[-1].node == r->node)
			return "M3: neighbours are not merged";
	}
	return NULL;
}

const char *memblock_check(const struct memblock *mb)
{
	const char *broken = ranges_check(&mb->memory);

	return broken ? broken : ranges_check(&mb->reserved);
}
