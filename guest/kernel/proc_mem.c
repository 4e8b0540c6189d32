/* SPDX-License-Identifier: MIT */
/* proc_mem.c - memory in /proc. The texts are made in guest/mm/show_*.c and mm_show.c. */
#include "guest/kernel/mm.h"
#include "guest/kernel/mm_show.h"
#include "guest/kernel/proc.h"

static int meminfo(struct seq *s, void *arg)
{
	struct mem_usage u = mm_usage();

	(void)arg;
	show_meminfo(s, &kernel_mm.pg, &kernel_mm.slab, &kernel_mm.vmalloc, &u);
	return 0;
}

static int vmstat(struct seq *s, void *arg)
{
	struct mem_usage u = mm_usage();

	(void)arg;
	show_vmstat(s, &kernel_mm.pg, &kernel_mm.slab, &u);
	return 0;
}

/* Those that want nothing but the page allocator. */
static int of_pages(struct seq *s, void *show)
{
	((void (*)(struct seq * s, struct pgalloc * pg)) show)(s, &kernel_mm.pg);
	return 0;
}

static int slabinfo(struct seq *s, void *arg)
{
	(void)arg;
	show_slabinfo(s, &kernel_mm.slab);
	return 0;
}

static int vmallocinfo(struct seq *s, void *arg)
{
	(void)arg;
	show_vmallocinfo(s, &kernel_mm.vmalloc);
	return 0;
}

static int iomem(struct seq *s, void *arg)
{
	(void)arg;
	mm_show_iomem(s);
	return 0;
}

/* Nothing is ever swapped out. */
static int swaps(struct seq *s, void *arg)
{
	(void)arg;
	seq_puts(s, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

static const struct pseudo_ops meminfo_ops = { .show = meminfo };
static const struct pseudo_ops vmstat_ops = { .show = vmstat };
static const struct pseudo_ops pages_ops = { .show = of_pages };
static const struct pseudo_ops slabinfo_ops = { .show = slabinfo };
static const struct pseudo_ops vmallocinfo_ops = { .show = vmallocinfo };
static const struct pseudo_ops iomem_ops = { .show = iomem };
static const struct pseudo_ops swaps_ops = { .show = swaps };

int proc_mem_init(struct pseudo_tree *proc)
{
	/* Where addresses of the kernel are to be seen, root alone may read. */
	static const struct pseudo_desc files[] = {
		{ .name = "buddyinfo", .mode = 0444, .ops = &pages_ops, .arg = show_buddyinfo },
		{ .name = "iomem", .mode = 0400, .ops = &iomem_ops },
		{ .name = "meminfo", .mode = 0444, .ops = &meminfo_ops },
		{ .name = "pagetypeinfo",
		  .mode = 0400,
		  .ops = &pages_ops,
		  .arg = show_pagetypeinfo },
		{ .name = "slabinfo", .mode = 0400, .ops = &slabinfo_ops },
		{ .name = "swaps", .mode = 0444, .ops = &swaps_ops },
		{ .name = "vmallocinfo", .mode = 0400, .ops = &vmallocinfo_ops },
		{ .name = "vmstat", .mode = 0444, .ops = &vmstat_ops },
		{ .name = "zoneinfo", .mode = 0444, .ops = &pages_ops, .arg = show_zoneinfo },
		{ .name = NULL },
	};

	return pseudo_add(proc, NULL, files, NULL);
}
