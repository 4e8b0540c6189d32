/* SPDX-License-Identifier: MIT */
/*
 * backing.h - host memory behind guest RAM: one mapping, linear in RAM offsets (layout.h).
 *
 * Rule K1: the host address of RAM offset 0 is a multiple of 2 MiB (1 GiB with 1 GiB pages), so
 * that with L1 each gpa agrees with its host address and KVM may map huge pages.
 * Rule K2: unmapped guard pages lie on both sides.
 */
#ifndef MM_BACKING_H
#define MM_BACKING_H

#include "mm/guest_mem.h"

struct backing {
	u8 *ram; /* RAM offset 0 */
	u64 len; /* the size, rounded up to whole pages of the backing */
	void *reservation;
	u64 reservation_len;
};

/* Page size that the backing allocates in: 4 KiB (also for THP), 2 MiB or 1 GiB. */
u64 backing_page_size(enum mem_backing kind);

/* What guest node boundaries are aligned to: 2 MiB, or 1 GiB with 1 GiB pages. */
u64 backing_unit(enum mem_backing kind);

/* Maps size bytes, touching none. 0, or -errno with e filled; undone by backing_unmap(). */
int backing_map(u64 size, enum mem_backing kind, struct backing *out, struct error *e);
void backing_unmap(struct backing *b);

/* Every byte zero again, its pages given back. 0 or -errno. */
int backing_clear(struct backing *b, enum mem_backing kind);

/*
 * Makes every page of [host, host + len) present and writable, contents kept, guest not yet
 * running. Aligned to 4 KiB. 0 or -errno.
 */
int backing_populate(u8 *host, u64 len, u64 page_size);

/* The same by writing to each page, for host kernels before 5.14 (no MADV_POPULATE_WRITE). */
void backing_touch(u8 *host, u64 len, u64 page_size);

#endif
