/* SPDX-License-Identifier: MIT */
/*
 * show.h - the text of Linux's memory files in /proc and debugfs, each written in one place.
 *
 * Formats as in Linux 6.x (mm/vmstat.c, mm/slab_common.c, mm/vmalloc.c, fs/proc/meminfo.c,
 * kernel/resource.c, arch/x86/mm/dump_pagetables.c): programs that read those read these. Numbers are
 * taken without stopping the world; two of them may be of different moments. May not sleep.
 */
#ifndef GUEST_MM_SHOW_H
#define GUEST_MM_SHOW_H

#include "guest/mm/pagetable.h"
#include "guest/mm/resource.h"
#include "guest/mm/seq.h"
#include "guest/mm/slab.h"
#include "guest/mm/vmalloc.h"
#include "guest/mm/zone.h"

void show_buddyinfo(struct seq *s, struct pgalloc *pg);
void show_pagetypeinfo(struct seq *s, struct pgalloc *pg);
void show_zoneinfo(struct seq *s, struct pgalloc *pg);
void show_slabinfo(struct seq *s, struct slab_sys *sys);
void show_vmallocinfo(struct seq *s, struct vmalloc_space *vs);
void show_iomem(struct seq *s, const struct resource *root);

/* /sys/kernel/debug/extfrag/{unusable_index,extfrag_index} */
void show_unusable_index(struct seq *s, struct pgalloc *pg);
void show_extfrag_index(struct seq *s, struct pgalloc *pg);

/* /sys/devices/system/node/nodeN/numastat */
void show_numastat(struct seq *s, struct pgalloc *pg, unsigned nid);

/* What kinds of use add to a counter of /proc/meminfo and vmstat that page allocation does not know
 * of: in pages, 0 where there is no such use (yet). */
struct mem_usage {
	u64 buffers, cached, swap_cached, active_anon, inactive_anon, active_file, inactive_file;
	u64 unevictable, mlocked, swap_total, swap_free, dirty, writeback, anon, mapped, shmem;
	u64 kernel_stack_kb, page_tables, commit_limit, committed_as;
	u64 anon_huge, huge_total, huge_free, huge_rsvd, huge_surp;
};

/* use, slab and vs may be NULL. */
void show_meminfo(struct seq *s, struct pgalloc *pg, struct slab_sys *slab,
		  struct vmalloc_space *vs, const struct mem_usage *use);
void show_vmstat(struct seq *s, struct pgalloc *pg, struct slab_sys *slab,
		 const struct mem_usage *use);

struct pt_marker {
	u64 start;
	const char *name;
};

/* /sys/kernel/debug/kernel_page_tables: runs of equal pages in [start, last], under the headings of
 * markers (sorted, ended by a NULL name; may be NULL). */
void show_pagetable(struct seq *s, const struct pgtable *pt, u64 start, u64 last,
		    const struct pt_marker *markers);

#endif
