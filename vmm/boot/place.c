/* SPDX-License-Identifier: MIT */
#include "vmm/boot/place.h"

#include <errno.h>
#include <stdio.h>

#include "vmm/boot/boot.h"

#define PLACE_FIRST_START  0x9000ULL
#define PLACE_FIRST_END	   GPA_EBDA
#define PLACE_SECOND_START 0x1000ULL
#define PLACE_SECOND_END   0x8000ULL

void place_init(struct place *p, const struct guest_mem *gm, const char *path)
{
	p->gm = gm;
	p->path = path;
	p->nr = 1;
	p->taken[0] = (struct place_range){ GPA_EBDA, GPA_HIGH_RAM, "the BIOS area" };
}

/* Whether every byte of the range is RAM; neighbouring regions (NUMA nodes) count as one. */
static bool is_ram(const struct guest_mem *gm, u64 start, u64 size)
{
	const struct mem_region *r;
	size_t n = guest_mem_regions(gm, &r);
	u64 end = start + size;

	if (end < start)
		return false;
	for (size_t i = 0; i < n && start < end; i++) {
		if (r[i].gpa.v <= start && start - r[i].gpa.v < r[i].size)
			start = r[i].gpa.v + r[i].size;
	}
	return start >= end;
}

static const struct place_range *find_overlap(const struct place *p, u64 start, u64 end)
{
	for (size_t i = 0; i < p->nr; i++) {
		if (start < p->taken[i].end && p->taken[i].start < end)
			return &p->taken[i];
	}
	return NULL;
}

static int add_range(struct place *p, u64 start, u64 end, const char *what, struct error *e)
{
	struct place_range *r = &p->taken[p->nr];

	if (p->nr == PLACE_MAX_RANGES)
		return error_set(e, -ENOSPC, "%s: more than %d pieces to place in memory", p->path,
				 PLACE_MAX_RANGES);
	r->start = start;
	r->end = end;
	snprintf(r->what, sizeof(r->what), "%s", what);
	p->nr++;
	return 0;
}

int place_take(struct place *p, u64 start, u64 size, const char *what, struct error *e)
{
	const struct place_range *other;
	u64 end = start + size;

	if (!size)
		return 0;
	other = end > start ? find_overlap(p, start, end) : NULL;
	if (other)
		return error_set(e, -EINVAL,
				 "%s: %s (0x%llx..0x%llx) overlaps %s (0x%llx..0x%llx); "
				 "the image cannot be loaded as it is linked",
				 p->path, what, (unsigned long long)start,
				 (unsigned long long)(end - 1), other->what,
				 (unsigned long long)other->start,
				 (unsigned long long)(other->end - 1));
	if (!is_ram(p->gm, start, size))
		return error_set(e, -ENOSPC,
				 "%s: %s (0x%llx + 0x%llx bytes) lies outside guest RAM, which has "
				 "%llu KiB and ends at 0x%llx below 4 GiB; try a larger --mem",
				 p->path, what, (unsigned long long)start, (unsigned long long)size,
				 (unsigned long long)(guest_mem_size(p->gm) / KiB),
				 (unsigned long long)guest_mem_low_end(p->gm));
	return add_range(p, start, end, what, e);
}

static bool find_upward(const struct place *p, u64 from, u64 to, u64 size, u64 align, u64 *out)
{
	u64 at = ALIGN_UP(from, align);

	while (at < to && to - at >= size) {
		const struct place_range *other = find_overlap(p, at, at + size);

		if (!other) {
			*out = at;
			return is_ram(p->gm, at, size);
		}
		at = ALIGN_UP(other->end, align);
	}
	return false;
}

static bool find_downward(const struct place *p, u64 from, u64 to, u64 size, u64 align, u64 *out)
{
	while (to > from && to - from >= size) {
		u64 at = ALIGN_DOWN(to - size, align);
		const struct place_range *other;

		if (at < from)
			return false;
		other = find_overlap(p, at, at + size);
		if (!other) {
			*out = at;
			return is_ram(p->gm, at, size);
		}
		to = other->start;
	}
	return false;
}

int place_find(struct place *p, u64 size, u64 align, const char *what, gpa_t *out, struct error *e)
{
	u64 at = 0;

	if (!find_upward(p, PLACE_FIRST_START, PLACE_FIRST_END, size, align, &at) &&
	    !find_upward(p, PLACE_SECOND_START, PLACE_SECOND_END, size, align, &at) &&
	    !find_downward(p, GPA_HIGH_RAM, guest_mem_low_end(p->gm), size, align, &at))
		return error_set(e, -ENOSPC,
				 "%s: no room for the %s (%llu bytes) beside the image in %llu KiB "
				 "of RAM; try a larger --mem",
				 p->path, what, (unsigned long long)size,
				 (unsigned long long)(guest_mem_size(p->gm) / KiB));
	*out = GPA(at);
	return add_range(p, at, at + size, what, e);
}

/* --- the memory map and the initrd's place (boot.h) ---------------------------------------- */

/* Appends, growing the entry before it when the two touch and are of one type. */
static size_t e820_add(struct boot_e820 *out, size_t n, u64 start, u64 end, u32 type)
{
	if (start >= end)
		return n;
	if (n && out[n - 1].type == type && out[n - 1].addr + out[n - 1].size == start) {
		out[n - 1].size += end - start;
		return n;
	}
	out[n] = (struct boot_e820){ .addr = start, .size = end - start, .type = type };
	return n + 1;
}

size_t boot_e820(const struct guest_mem *gm, struct boot_e820 out[BOOT_MAX_E820])
{
	const struct mem_region *r;
	size_t nr = guest_mem_regions(gm, &r);
	size_t n = 0;

	for (size_t i = 0; i < nr; i++) {
		u64 start = r[i].gpa.v, end = start + r[i].size;

		n = e820_add(out, n, start, MIN(end, GPA_EBDA), E820_RAM);
		n = e820_add(out, n, MAX(start, GPA_EBDA), MIN(end, GPA_HIGH_RAM), E820_RESERVED);
		n = e820_add(out, n, MAX(start, GPA_HIGH_RAM), end, E820_RAM);
	}
	return n;
}

int boot_initrd_place(const struct guest_mem *gm, u64 initrd_size, u64 limit, gpa_t *out,
		      struct error *e)
{
	u64 top = guest_mem_low_end(gm);

	if (limit)
		top = MIN(top, limit);
	if (top < GPA_HIGH_RAM || initrd_size > top - GPA_HIGH_RAM ||
	    ALIGN_DOWN(top - initrd_size, GUEST_PAGE_SIZE) < GPA_HIGH_RAM)
		return error_set(e, -E2BIG,
				 "the initrd has %llu bytes, and only %llu fit between 1 MiB and "
				 "0x%llx; use a smaller one or a larger --mem",
				 (unsigned long long)initrd_size,
				 (unsigned long long)(top > GPA_HIGH_RAM ? top - GPA_HIGH_RAM : 0),
				 (unsigned long long)top);
	*out = GPA(ALIGN_DOWN(top - initrd_size, GUEST_PAGE_SIZE));
	return 0;
}
