/* SPDX-License-Identifier: MIT */
/*
 * place.h - which guest memory a boot has given away, and where the loader's own data may lie.
 *
 *   0x0000_0000 .. 0x0000_0fff   never given out (real-mode vectors and BIOS data by habit)
 *   0x0000_1000 .. 0x0000_7fff   second choice for the loader's data
 *   0x0000_8000 .. 0x0000_8fff   never given out: where guests put the AP trampoline
 *   0x0000_9000 .. 0x0009_fbff   first choice: start_info, zero page, GDT, page tables, command
 *                                line, device tree; packed upward so that few pages are touched
 *   0x0009_fc00 .. 0x000f_ffff   closed to everybody: EBDA, VGA hole, ACPI tables
 *   0x0010_0000 .. low RAM end   third choice for the loader's data, from the top downward, below
 *                                the initrd, which lies as high as it may
 *
 * A kernel's segments may take any RAM that is not closed; the loader's data goes around them.
 * Rule P1: the ranges in taken[] never overlap.
 */
#ifndef VMM_BOOT_PLACE_H
#define VMM_BOOT_PLACE_H

#include "base/error.h"
#include "mm/guest_mem.h"

#define PLACE_MAX_RANGES 64

struct place_range {
	u64 start;
	u64 end; /* first byte after */
	char what[28];
};

struct place {
	const struct guest_mem *gm;
	const char *path; /* the kernel image, named in every error line */
	size_t nr;
	struct place_range taken[PLACE_MAX_RANGES];
};

/* Starts with the closed area taken. path must outlive p. */
void place_init(struct place *p, const struct guest_mem *gm, const char *path);

/*
 * Takes [start, start + size) for `what` ("segment 2"). 0; -ENOSPC when part of it is not RAM,
 * -EINVAL when it overlaps something taken before; e names both.
 */
int place_take(struct place *p, u64 start, u64 size, const char *what, struct error *e);

/* Finds and takes free RAM below 4 GiB for the loader's own data; align is a power of two.
 * 0, or -ENOSPC. */
int place_find(struct place *p, u64 size, u64 align, const char *what, gpa_t *out, struct error *e);

#endif
