/* SPDX-License-Identifier: MIT */
/* hugetlb.h - the host's pools of 2 MiB and 1 GiB pages. */
#ifndef MM_HUGETLB_H
#define MM_HUGETLB_H

#include "base/error.h"
#include "base/types.h"

#define HUGETLB_SYSFS "/sys/kernel/mm/hugepages"

/* A memfd that hands out pages of page_size (2 MiB or 1 GiB). Returns the fd or -errno. */
int hugetlb_memfd(u64 page_size);

/*
 * Turns the failure `cause` (-errno) to get `wanted` pages of page_size into a line that says what
 * to do, from the counters below `root` (HUGETLB_SYSFS). Returns -ENODEV when the host kernel has
 * no such page size, -ENOMEM when its pool is too small, else cause.
 */
int hugetlb_explain(const char *root, u64 page_size, u64 wanted, int cause, struct error *e);

#endif
