/* SPDX-License-Identifier: MIT */
/* mm_show.h - tables about the kernel's own memory that need more than guest/mm/show.h knows. */
#ifndef GUEST_KERNEL_MM_SHOW_H
#define GUEST_KERNEL_MM_SHOW_H

#include "guest/mm/show.h"

/* What stacks, page tables, files and processes use. Thread context. */
struct mem_usage mm_usage(void);
/* /proc/iomem. Thread context. */
void mm_show_iomem(struct seq *s);
/* /sys/kernel/debug/kernel_page_tables */
void mm_show_pagetables(struct seq *s);

#endif
