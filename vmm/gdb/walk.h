/* SPDX-License-Identifier: MIT */
/*
 * walk.h - from a linear to a guest-physical address, by the guest's own page tables.
 * Spec: SDM volume 3, chapter 4: no paging, 32-bit, PAE, 4-level and 5-level paging.
 *
 * Reads tables through the checked door only; nothing is changed (no accessed bits).
 */
#ifndef VMM_GDB_WALK_H
#define VMM_GDB_WALK_H

#include <linux/kvm.h>

#include "mm/guest_mem.h"

struct walk_entry {
	const char *name; /* "PML4" ... */
	gpa_t at;
	u64 value;
};

struct walk {
	gpa_t gpa;
	u64 page_size; /* of the leaf; 4 GiB and more: no paging */
	unsigned nr; /* entries seen, the last one being the leaf or the reason why there is none */
	struct walk_entry entry[5];
	const char *why; /* NULL, or why the address is not mapped */
};

/* 0 with w->gpa, or -EFAULT with w->why; w->entry tells the way in both cases. */
int walk_translate(const struct guest_mem *gm, const struct kvm_sregs *s, u64 linear,
		   struct walk *w);

/* "5 levels", "PAE" ... */
const char *walk_mode(const struct kvm_sregs *s);

#endif
