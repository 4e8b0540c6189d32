/* SPDX-License-Identifier: MIT */
/* layout.c - see layout.h. */
#include "mm/layout.h"

/* What the MMIO hole below 4 GiB moves RAM up by; a multiple of 1 GiB keeps L1. */
#define MMIO_HOLE (GPA_RAM_ABOVE_4G - GPA_RAM_LOW_END)

_Static_assert(MMIO_HOLE % GiB == 0, "L1");
/* The VGA hole, the MMIO hole, the node cuts and the slot limit each add at most this many. */
_Static_assert(3 + (MEM_MAX_NODES - 1) + MEM_MAX_SIZE / LAYOUT_MAX_REGION <= MEM_MAX_REGIONS,
	       "layout_build() fits");

static u64 gpa_of(u64 offset)
{
	return offset < GPA_RAM_LOW_END ? offset : offset + MMIO_HOLE;
}

u64 layout_ram_offset(gpa_t gpa)
{
	return gpa.v < GPA_RAM_ABOVE_4G ? gpa.v : gpa.v - MMIO_HOLE;
}

u64 layout_end(u64 size)
{
	return size <= GPA_RAM_LOW_END ? size : size + MMIO_HOLE;
}

u64 layout_max_size(u64 limit)
{
	return limit > GPA_RAM_ABOVE_4G ? limit - MMIO_HOLE : MIN(limit, GPA_RAM_LOW_END);
}

u64 layout_cut(const struct mem_layout *l, unsigned n)
{
	if (n >= l->nr_nodes)
		return l->size;
	return ALIGN_DOWN(l->size * n / l->nr_nodes, l->unit);
}

/* The end of the region that starts at `offset` on `node`. */
static u64 region_end(const struct mem_layout *l, u64 offset, unsigned node)
{
	u64 end = layout_cut(l, node + 1);
	u64 gpa = gpa_of(offset);
	u64 slot_end = ALIGN_DOWN(gpa, LAYOUT_MAX_REGION) + LAYOUT_MAX_REGION;

	if (offset < GPA_VGA_HOLE)
		end = MIN(end, GPA_VGA_HOLE);
	if (offset < GPA_RAM_LOW_END)
		end = MIN(end, GPA_RAM_LOW_END);
	return MIN(end, offset + (slot_end - gpa)); /* L2 */
}

size_t layout_build(const struct mem_layout *l, struct mem_region out[MEM_MAX_REGIONS])
{
	unsigned node = 0;
	size_t nr = 0;
	u64 offset = 0;

	while (offset < l->size) {
		u64 end = region_end(l, offset, node);

		out[nr++] = (struct mem_region){
			.gpa = GPA(gpa_of(offset)),
			.size = end - offset,
			.node = node,
		};
		offset = end == GPA_VGA_HOLE ? GPA_VGA_HOLE_END : end;
		if (offset == layout_cut(l, node + 1))
			node++;
	}
	return nr;
}

static bool overlaps(u64 start, u64 end, u64 hole, u64 hole_end)
{
	return start < hole_end && hole < end;
}

const char *layout_check(const struct mem_layout *l, const struct mem_region *r, size_t nr)
{
	u64 sum = 0, last_end = 0;

	if (!nr || nr > MEM_MAX_REGIONS)
		return "number of regions";
	for (size_t i = 0; i < nr; i++) {
		u64 start = r[i].gpa.v, end = start + r[i].size;
		u64 offset = layout_ram_offset(r[i].gpa);

		if (!r[i].size || end < start || start < last_end)
			return "M2: sorted, not empty, no overlap";
		if (overlaps(start, end, GPA_VGA_HOLE, GPA_VGA_HOLE_END) ||
		    overlaps(start, end, GPA_RAM_LOW_END, GPA_RAM_ABOVE_4G))
			return "no RAM in a hole";
		if (start % GUEST_PAGE_SIZE || r[i].size % GUEST_PAGE_SIZE)
			return "whole pages";
		if ((start ^ offset) % GiB ||
		    (r[i].host && (start ^ (uintptr_t)r[i].host) % (2 * MiB)))
			return "L1: gpa and host address agree";
		if (r[i].size > LAYOUT_MAX_REGION)
			return "L2: one slot each";
		if (r[i].node >= l->nr_nodes || offset < layout_cut(l, r[i].node) ||
		    offset + r[i].size > layout_cut(l, r[i].node + 1))
			return "L3: inside its node";
		sum += r[i].size;
		last_end = end;
	}
	if (sum + (GPA_VGA_HOLE_END - GPA_VGA_HOLE) != l->size || last_end != layout_end(l->size))
		return "all RAM but the part behind the VGA window";
	return NULL;
}
