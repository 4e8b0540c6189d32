/* SPDX-License-Identifier: MIT */
/*
 * flat.c - a raw real-mode image, entered at its first byte: a boot sector at 0x7c00, or any file
 * at a given address (--flat). It is told nothing; there is no BIOS behind it.
 */
#include "vmm/boot/job.h"

#include <errno.h>

#define BOOT_SECTOR_SIZE 512
#define SEGMENT_LIMIT	 0x10000ULL

static bool flat_match(const struct boot_file *f)
{
	return f->size == BOOT_SECTOR_SIZE && f->data[510] == 0x55 && f->data[511] == 0xaa;
}

static int flat_load(struct boot_job *job, struct error *e)
{
	const struct boot_file *f = job->req->kernel;
	u64 at = job->req->force_flat ? job->req->flat_addr : BOOT_FLAT_ADDR;
	struct boot_state *st = job->st;
	int err;

	if (at >= GPA_VGA_HOLE || f->size > GPA_VGA_HOLE - at)
		return error_set(
			e, -ENOSPC,
			"%s: %llu bytes at 0x%llx reach past the %llu KiB of real-mode RAM",
			f->path, (unsigned long long)f->size, (unsigned long long)at,
			(unsigned long long)(GPA_VGA_HOLE / KiB));
	job->place.nr = 0; /* no tables go with it: the EBDA is the image's as well */
	err = place_take(&job->place, at, f->size, "the image", e);
	if (!err)
		err = job_copy_kernel(job, GPA(at), 0, f->size, e);
	if (err)
		return err;
	st->mode = BOOT_REAL16;
	st->entry = at;
	if (at >= SEGMENT_LIMIT)
		st->cs = st->ds = (u16)(at >> 4);
	/* The stack grows down from the image, or, for one at the very bottom or with a segment
	 * of its own, from the top of the segment. */
	st->rsp = at >= 0x1000 && at < SEGMENT_LIMIT ? at & ~1ULL : 0xfffe;
	return 0;
}

const struct boot_protocol boot_protocol_flat = {
	.name = "flat",
	.match = flat_match,
	.load = flat_load,
};
