/* SPDX-License-Identifier: MIT */
/* sysfs_cpu.c - /sys/devices/system/cpu and node: which there are, which are near which. */
#include "guest/arch/x86/smp.h"
#include "guest/fs/proc_text.h"
#include "guest/kernel/hotplug.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/proc.h"
#include "guest/kernel/sched.h"
#include "guest/lib/parse.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"
#include "guest/mm/show.h"
#include "guest/sched/topology.h"

#define SYSFS_SIZE 4096

/* A number kept in a pointer. */
static unsigned number(void *arg)
{
	return (unsigned)(u64)arg;
}

/* ---- sets of CPUs ------------------------------------------------------------------------------------------ */

static void show_list(struct seq *s, const u64 *mask, unsigned nr)
{
	proc_show_cpulist(s, mask, nr);
	seq_puts(s, "\n");
}

static int online(struct seq *s, void *arg)
{
	(void)arg;
	show_list(s, kernel_sched->online, nr_cpus);
	return 0;
}

static int offline(struct seq *s, void *arg)
{
	DECLARE_BITMAP(mask, NR_CPUS);

	(void)arg;
	bitmap_fill(mask, nr_cpus);
	bitmap_andnot(mask, mask, kernel_sched->online, nr_cpus);
	show_list(s, mask, nr_cpus);
	return 0;
}

/* Those that came up at boot: no others ever will. */
static int all_cpus(struct seq *s, void *arg)
{
	DECLARE_BITMAP(mask, NR_CPUS);

	(void)arg;
	bitmap_fill(mask, nr_cpus);
	show_list(s, mask, nr_cpus);
	return 0;
}

static int kernel_max(struct seq *s, void *arg)
{
	(void)arg;
	seq_printf(s, "%d\n", NR_CPUS - 1);
	return 0;
}

/* ---- one CPU ----------------------------------------------------------------------------------------------- */

static int show_cpu_online(struct seq *s, void *arg)
{
	seq_printf(s, "%d\n", cpu_is_online(number(arg)));
	return 0;
}

static s64 store_cpu_online(struct vfs_task *t, void *arg, const char *data, size_t len)
{
	const char *text = strim((char *)data);
	bool on;
	int err;

	(void)t;
	if (parse_bool(text, strlen(text), &on))
		return -EINVAL;
	err = cpu_set_online(number(arg), on);
	return err ? err : (s64)len;
}

static int core_id(struct seq *s, void *arg)
{
	seq_printf(s, "%u\n", kernel_sched->topology->core_of[number(arg)]);
	return 0;
}

static int package_id(struct seq *s, void *arg)
{
	seq_printf(s, "%u\n", kernel_sched->topology->node_of[number(arg)]);
	return 0;
}

static int core_list(struct seq *s, void *arg)
{
	show_list(s, core_mask(kernel_sched, number(arg)), nr_cpus);
	return 0;
}

static int core_map(struct seq *s, void *arg)
{
	proc_show_cpumask(s, core_mask(kernel_sched, number(arg)), nr_cpus);
	seq_puts(s, "\n");
	return 0;
}

static int package_list(struct seq *s, void *arg)
{
	show_list(s, node_mask(kernel_sched, number(arg)), nr_cpus);
	return 0;
}

static int package_map(struct seq *s, void *arg)
{
	proc_show_cpumask(s, node_mask(kernel_sched, number(arg)), nr_cpus);
	seq_puts(s, "\n");
	return 0;
}

#define SHOW(id) static const struct pseudo_ops id##_ops = { .show = id, .size = SYSFS_SIZE }
SHOW(online);
SHOW(offline);
SHOW(all_cpus);
SHOW(kernel_max);
SHOW(core_id);
SHOW(package_id);
SHOW(core_list);
SHOW(core_map);
SHOW(package_list);
SHOW(package_map);
static const struct pseudo_ops cpu_online_ops = { .show = show_cpu_online,
						  .store = store_cpu_online,
						  .size = SYSFS_SIZE };

static const struct pseudo_desc topology_files[] = {
	{ .name = "core_cpus", .mode = 0444, .ops = &core_map_ops },
	{ .name = "core_cpus_list", .mode = 0444, .ops = &core_list_ops },
	{ .name = "core_id", .mode = 0444, .ops = &core_id_ops },
	{ .name = "core_siblings", .mode = 0444, .ops = &package_map_ops },
	{ .name = "core_siblings_list", .mode = 0444, .ops = &package_list_ops },
	{ .name = "package_cpus", .mode = 0444, .ops = &package_map_ops },
	{ .name = "package_cpus_list", .mode = 0444, .ops = &package_list_ops },
	{ .name = "physical_package_id", .mode = 0444, .ops = &package_id_ops },
	{ .name = "thread_siblings", .mode = 0444, .ops = &core_map_ops },
	{ .name = "thread_siblings_list", .mode = 0444, .ops = &core_list_ops },
	{ .name = NULL },
};

static const struct pseudo_desc cpu_files[] = {
	{ .name = "kernel_max", .mode = 0444, .ops = &kernel_max_ops },
	{ .name = "offline", .mode = 0444, .ops = &offline_ops },
	{ .name = "online", .mode = 0444, .ops = &online_ops },
	{ .name = "possible", .mode = 0444, .ops = &all_cpus_ops },
	{ .name = "present", .mode = 0444, .ops = &all_cpus_ops },
	{ .name = NULL },
};

/* ---- one node ---------------------------------------------------------------------------------------------- */

static void cpus_of_node(unsigned nid, u64 *mask)
{
	bitmap_zero(mask, nr_cpus);
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		if (kernel_mm.pg.cpu[cpu]->nid == nid && cpu_is_online(cpu))
			__set_bit(cpu, mask);
}

static int node_cpulist(struct seq *s, void *arg)
{
	DECLARE_BITMAP(mask, NR_CPUS);

	cpus_of_node(number(arg), mask);
	show_list(s, mask, nr_cpus);
	return 0;
}

static int node_cpumap(struct seq *s, void *arg)
{
	DECLARE_BITMAP(mask, NR_CPUS);

	cpus_of_node(number(arg), mask);
	proc_show_cpumask(s, mask, nr_cpus);
	seq_puts(s, "\n");
	return 0;
}

static int node_distance(struct seq *s, void *arg)
{
	const struct pgalloc *pg = &kernel_mm.pg;

	for (unsigned n = 0; n < pg->nr_nodes; n++)
		seq_printf(s, "%s%u", n ? " " : "", pg->distance[number(arg)][n]);
	seq_puts(s, "\n");
	return 0;
}

static int node_meminfo(struct seq *s, void *arg)
{
	unsigned nid = number(arg);
	u64 total = 0, free = 0;
	struct zone *z;

	for_each_zone (&kernel_mm.pg, z) {
		total += z->nid == nid ? z->managed : 0;
		free += z->nid == nid ? zone_free_pages(z) : 0;
	}
	seq_printf(s, "Node %u MemTotal:       %8lu kB\n", nid, total << 2);
	seq_printf(s, "Node %u MemFree:        %8lu kB\n", nid, free << 2);
	seq_printf(s, "Node %u MemUsed:        %8lu kB\n", nid, (total - free) << 2);
	return 0;
}

static int node_numastat(struct seq *s, void *arg)
{
	show_numastat(s, &kernel_mm.pg, number(arg));
	return 0;
}

static int node_online(struct seq *s, void *arg)
{
	u64 mask = (kernel_mm.pg.nr_nodes < 64 ? 1UL << kernel_mm.pg.nr_nodes : 0) - 1;

	(void)arg;
	show_list(s, &mask, kernel_mm.pg.nr_nodes);
	return 0;
}

SHOW(node_cpulist);
SHOW(node_cpumap);
SHOW(node_distance);
SHOW(node_meminfo);
SHOW(node_numastat);
SHOW(node_online);

static const struct pseudo_desc one_node_files[] = {
	{ .name = "cpulist", .mode = 0444, .ops = &node_cpulist_ops },
	{ .name = "cpumap", .mode = 0444, .ops = &node_cpumap_ops },
	{ .name = "distance", .mode = 0444, .ops = &node_distance_ops },
	{ .name = "meminfo", .mode = 0444, .ops = &node_meminfo_ops },
	{ .name = "numastat", .mode = 0444, .ops = &node_numastat_ops },
	{ .name = NULL },
};

static const struct pseudo_desc node_files[] = {
	{ .name = "has_memory", .mode = 0444, .ops = &node_online_ops },
	{ .name = "online", .mode = 0444, .ops = &node_online_ops },
	{ .name = "possible", .mode = 0444, .ops = &node_online_ops },
	{ .name = NULL },
};

/* ---- making ------------------------------------------------------------------------------------------------ */

static int add_cpu(struct pseudo_tree *sys, struct pseudo_entry *cpus, unsigned cpu)
{
	struct pseudo_entry *dir, *topology;
	char name[24], target[32];
	unsigned nid = kernel_mm.pg.cpu[cpu]->nid;

	kscnprintf(name, sizeof(name), "cpu%u", cpu);
	dir = pseudo_dir(sys, cpus, name, 0755);
	topology = dir ? pseudo_dir(sys, dir, "topology", 0755) : NULL;
	if (!topology)
		return -ENOMEM;
	/* The boot CPU stays, so there is nothing to switch. */
	if (cpu && !pseudo_file(sys, dir, "online", 0644, &cpu_online_ops, (void *)(u64)cpu))
		return -ENOMEM;
	kscnprintf(name, sizeof(name), "node%u", nid);
	kscnprintf(target, sizeof(target), "../../node/node%u", nid);
	if (!pseudo_symlink(sys, dir, name, target))
		return -ENOMEM;
	return pseudo_add(sys, topology, topology_files, (void *)(u64)cpu);
}

static int add_node(struct pseudo_tree *sys, struct pseudo_entry *nodes, unsigned nid)
{
	struct pseudo_entry *dir;
	char name[24], target[32];

	kscnprintf(name, sizeof(name), "node%u", nid);
	dir = pseudo_dir(sys, nodes, name, 0755);
	if (!dir)
		return -ENOMEM;
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
		if (kernel_mm.pg.cpu[cpu]->nid != nid)
			continue;
		kscnprintf(name, sizeof(name), "cpu%u", cpu);
		kscnprintf(target, sizeof(target), "../../cpu/cpu%u", cpu);
		if (!pseudo_symlink(sys, dir, name, target))
			return -ENOMEM;
	}
	return pseudo_add(sys, dir, one_node_files, (void *)(u64)nid);
}

int sysfs_cpu_init(struct pseudo_tree *sys)
{
	struct pseudo_entry *cpus = pseudo_find(sys, "devices/system/cpu");
	struct pseudo_entry *nodes = pseudo_find(sys, "devices/system/node");
	int err = pseudo_add(sys, cpus, cpu_files, NULL);

	for (unsigned cpu = 0; !err && cpu < nr_cpus; cpu++)
		err = add_cpu(sys, cpus, cpu);
	if (!err)
		err = pseudo_add(sys, nodes, node_files, NULL);
	for (unsigned n = 0; !err && n < kernel_mm.pg.nr_nodes; n++)
		err = add_node(sys, nodes, n);
	return err;
}
