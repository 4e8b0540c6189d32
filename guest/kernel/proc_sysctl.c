/* SPDX-License-Identifier: MIT */
/*
 * proc_sysctl.c - /proc/sys/kernel and /proc/sys/vm: what of this kernel can be asked and set while it
 * runs. What it could not obey is not there; what is fixed cannot be written.
 */
#include "guest/fs/pagecache.h"
#include "guest/fs/seq_file.h"
#include "guest/kernel/fs.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/proc.h"
#include "guest/kernel/random.h"
#include "guest/kernel/sched.h"
#include "guest/lib/parse.h"
#include "guest/lib/string.h"
#include "guest/mm/compaction.h"
#include "guest/process/internal.h"
#include "guest/process/uts.h"

/* ---- numbers ----------------------------------------------------------------------------------------------- */

struct number {
	s64 (*get)(void);
	int (*set)(s64 v); /* v is in [min, max]; NULL: it cannot be set */
	s64 min, max;
};

static int show_number(struct seq *s, void *arg)
{
	const struct number *n = arg;

	seq_printf(s, "%ld\n", n->get());
	return 0;
}

static s64 store_number(struct vfs_task *t, void *arg, const char *data, size_t len)
{
	const struct number *n = arg;
	const char *text = strim((char *)data);
	s64 v, err;

	(void)t;
	if (!n->set)
		return -EACCES;
	if (parse_s64(text, strlen(text), 0, &v) || v < n->min || v > n->max)
		return -EINVAL;
	err = n->set(v);
	return err ? err : (s64)len;
}

static const struct pseudo_ops number_ops = { .show = show_number,
					      .store = store_number,
					      .mode_binds = true };

#define NUMBER(id, getter, setter, lo, hi) \
	static const struct number id = { getter, setter, lo, hi }
#define CONSTANT(id, value)          \
	static s64 get_##id(void)    \
	{                            \
		return (s64)(value); \
	}                            \
	NUMBER(id, get_##id, NULL, 0, 0)
/* A field of the scheduler's tunables in units of `unit` ns. */
#define TUNABLE(id, field, unit, lo, hi)                                   \
	static s64 get_##id(void)                                          \
	{                                                                  \
		return (s64)(READ_ONCE(kernel_sched->tun.field) / (unit)); \
	}                                                                  \
	static int set_##id(s64 v)                                         \
	{                                                                  \
		WRITE_ONCE(kernel_sched->tun.field, (u64)v *(unit));       \
		return 0;                                                  \
	}                                                                  \
	NUMBER(id, get_##id, set_##id, lo, hi)

CONSTANT(pid_max, PID_MAX);
CONSTANT(threads_max, PID_MAX); /* each thread needs a number */
CONSTANT(ngroups_max, NGROUPS_MAX);
CONSTANT(cap_last_cap, CAP_LAST);
CONSTANT(max_map_count, MM_MAX_AREAS);
/* Mappings are promised and paid for when they are touched; nothing is ever swapped out. */
CONSTANT(overcommit_memory, 1);
CONSTANT(swappiness, 0);
TUNABLE(base_slice, base_slice, 1, 100000, 1000000000);
TUNABLE(latency, latency, 1, 100000, 1000000000);
TUNABLE(min_granularity, min_granularity, 1, 100000, 1000000000);
TUNABLE(wakeup_granularity, wakeup_granularity, 1, 0, 1000000000);
TUNABLE(migration_cost, migration_cost, 1, 0, INT64_MAX);
TUNABLE(rr_timeslice, rr_timeslice, 1000000, 1, 10000);

static s64 get_schedstats(void)
{
	return READ_ONCE(kernel_sched->schedstats);
}

static int set_schedstats(s64 v)
{
	WRITE_ONCE(kernel_sched->schedstats, v != 0);
	return 0;
}
NUMBER(schedstats, get_schedstats, set_schedstats, 0, 1);

static s64 get_nr_migrate(void)
{
	return READ_ONCE(kernel_sched->tun.nr_migrate);
}

static int set_nr_migrate(s64 v)
{
	WRITE_ONCE(kernel_sched->tun.nr_migrate, (unsigned)v);
	return 0;
}
NUMBER(nr_migrate, get_nr_migrate, set_nr_migrate, 0, 1024);

/* sched(7), "Limiting the CPU usage of real-time processes": -1 is no limit. */
static s64 get_rt_runtime(void)
{
	u64 v = READ_ONCE(kernel_sched->tun.rt_runtime);

	return v == RUNTIME_INF ? -1 : (s64)(v / 1000);
}

static s64 get_rt_period(void)
{
	return (s64)(READ_ONCE(kernel_sched->tun.rt_period) / 1000);
}

static int set_rt_runtime(s64 v)
{
	if (v > get_rt_period())
		return -EINVAL;
	WRITE_ONCE(kernel_sched->tun.rt_runtime, v < 0 ? RUNTIME_INF : (u64)v * 1000);
	return 0;
}

static int set_rt_period(s64 v)
{
	if (v < get_rt_runtime())
		return -EINVAL;
	WRITE_ONCE(kernel_sched->tun.rt_period, (u64)v * 1000);
	return 0;
}
NUMBER(rt_runtime, get_rt_runtime, set_rt_runtime, -1, INT32_MAX);
NUMBER(rt_period, get_rt_period, set_rt_period, 1, INT32_MAX);

/* ---- kernel: text ------------------------------------------------------------------------------------------ */

static int show_text(struct seq *s, void *arg)
{
	seq_printf(s, "%s\n", (const char *)arg);
	return 0;
}

/* Names of the machine: up to the first end of line. */
static s64 store_name(struct vfs_task *t, void *arg, const char *data, size_t len)
{
	char name[65] = { 0 };
	size_t n = 0;

	(void)t;
	while (n < len && n < sizeof(name) - 1 && data[n] && data[n] != '\n') {
		name[n] = data[n];
		n++;
	}
	memcpy(arg, name, sizeof(name));
	return (s64)len;
}

/* Levels: the console's, then defaults that cannot be changed. */
static int show_printk(struct seq *s, void *arg)
{
	(void)arg;
	seq_printf(s, "%d\t%d\t%d\t%d\n", printk_level(), LOGLEVEL_WARNING, 1, LOGLEVEL_DEBUG);
	return 0;
}

static s64 store_printk(struct vfs_task *t, void *arg, const char *data, size_t len)
{
	const char *end = data;
	u64 level;

	(void)t;
	(void)arg;
	while (is_digit(*end))
		end++;
	if (parse_u64(data, (size_t)(end - data), 10, &level) || level > 15)
		return -EINVAL;
	printk_set_level((int)level);
	return (s64)len;
}

/* RFC 4122, version 4. */
static void show_uuid_bytes(struct seq *s, u8 id[16])
{
	id[6] = (u8)((id[6] & 0x0f) | 0x40);
	id[8] = (u8)((id[8] & 0x3f) | 0x80);
	for (unsigned i = 0; i < 16; i++)
		seq_printf(s, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
	seq_puts(s, "\n");
}

static int show_uuid(struct seq *s, void *arg)
{
	u8 id[16];

	(void)arg;
	random_bytes(id, sizeof(id));
	show_uuid_bytes(s, id);
	return 0;
}

static u8 boot_id[16];

static int show_boot_id(struct seq *s, void *arg)
{
	u8 id[16];

	(void)arg;
	memcpy(id, boot_id, sizeof(id));
	show_uuid_bytes(s, id);
	return 0;
}

/* ---- vm ---------------------------------------------------------------------------------------------------- */

static s64 get_min_free(void)
{
	return (s64)kernel_mm.pg.min_free_kbytes;
}

static int set_min_free(s64 v)
{
	kernel_mm.pg.min_free_kbytes = (u64)v;
	setup_watermarks(&kernel_mm.pg);
	return 0;
}
/* No more than a twentieth of a small machine: it has to keep something to run with. */
NUMBER(min_free, get_min_free, set_min_free, 0, 1 << 18);

static s64 get_mmap_min(void)
{
	return (s64)kernel_user_mm.mmap_min_addr;
}

static int set_mmap_min(s64 v)
{
	WRITE_ONCE(kernel_user_mm.mmap_min_addr, PAGE_ALIGN((u64)v));
	return 0;
}
NUMBER(mmap_min, get_mmap_min, set_mmap_min, 0, 1 << 30);

static int parse_trigger(const char *data, u64 max, u64 *v)
{
	const char *text = strim((char *)data);

	return parse_u64(text, strlen(text), 10, v) || !*v || *v > max ? -EINVAL : 0;
}

/* Bit 1: dentries and inodes nobody uses, then whole slabs. Bit 0 has nothing to do: the page cache is
 * where the files are. */
static s64 store_drop_caches(struct vfs_task *t, void *arg, const char *data, size_t len)
{
	struct kmem_cache *c;
	u64 v;

	(void)arg;
	if (parse_trigger(data, 3, &v))
		return -EINVAL;
	if (v & 2) {
		vfs_shrink(t->vfs, UINT64_MAX);
		list_for_each_entry (c, &kernel_mm.slab.caches, list)
			kmem_cache_shrink(c);
	}
	return (s64)len;
}

static s64 store_compact(struct vfs_task *t, void *arg, const char *data, size_t len)
{
	struct zone *z;
	u64 v;

	(void)t;
	(void)arg;
	if (parse_trigger(data, 1, &v))
		return -EINVAL;
	drain_all_pages(&kernel_mm.pg);
	for_each_zone (&kernel_mm.pg, z)
		compact_zone_fully(z);
	return (s64)len;
}

/* ---- the folders ------------------------------------------------------------------------------------------- */

static const struct pseudo_ops text_ops = { .show = show_text, .mode_binds = true };
static const struct pseudo_ops name_ops = { .show = show_text,
					    .store = store_name,
					    .mode_binds = true };
static const struct pseudo_ops printk_ops = { .show = show_printk,
					      .store = store_printk,
					      .mode_binds = true };
static const struct pseudo_ops uuid_ops = { .show = show_uuid, .mode_binds = true };
static const struct pseudo_ops boot_id_ops = { .show = show_boot_id, .mode_binds = true };
static const struct pseudo_ops drop_caches_ops = { .store = store_drop_caches, .mode_binds = true };
static const struct pseudo_ops compact_ops = { .store = store_compact, .mode_binds = true };

static const struct pseudo_desc random_files[] = {
	{ .name = "boot_id", .mode = 0444, .ops = &boot_id_ops },
	{ .name = "uuid", .mode = 0444, .ops = &uuid_ops },
	{ .name = NULL },
};

#define RW_NUMBER(file, number)                                                          \
	{                                                                                \
		.name = file, .mode = 0644, .ops = &number_ops, .arg = (void *)&(number) \
	}
#define RO_NUMBER(file, number)                                                          \
	{                                                                                \
		.name = file, .mode = 0444, .ops = &number_ops, .arg = (void *)&(number) \
	}

static const struct pseudo_desc kernel_files[] = {
	RO_NUMBER("cap_last_cap", cap_last_cap),
	{ .name = "domainname", .mode = 0644, .ops = &name_ops, .arg = kernel_uts.domainname },
	{ .name = "hostname", .mode = 0644, .ops = &name_ops, .arg = kernel_uts.nodename },
	RO_NUMBER("ngroups_max", ngroups_max),
	{ .name = "osrelease", .mode = 0444, .ops = &text_ops, .arg = kernel_uts.release },
	{ .name = "ostype", .mode = 0444, .ops = &text_ops, .arg = kernel_uts.sysname },
	RO_NUMBER("pid_max", pid_max),
	{ .name = "printk", .mode = 0644, .ops = &printk_ops },
	{ .name = "random", .mode = S_IFDIR | 0555, .children = random_files },
	RW_NUMBER("sched_base_slice_ns", base_slice),
	RW_NUMBER("sched_latency_ns", latency),
	RW_NUMBER("sched_migration_cost_ns", migration_cost),
	RW_NUMBER("sched_min_granularity_ns", min_granularity),
	RW_NUMBER("sched_nr_migrate", nr_migrate),
	RW_NUMBER("sched_rr_timeslice_ms", rr_timeslice),
	RW_NUMBER("sched_rt_period_us", rt_period),
	RW_NUMBER("sched_rt_runtime_us", rt_runtime),
	RW_NUMBER("sched_schedstats", schedstats),
	RW_NUMBER("sched_wakeup_granularity_ns", wakeup_granularity),
	RO_NUMBER("threads-max", threads_max),
	{ .name = "version", .mode = 0444, .ops = &text_ops, .arg = kernel_uts.version },
	{ .name = NULL },
};

static const struct pseudo_desc vm_files[] = {
	{ .name = "compact_memory", .mode = 0200, .ops = &compact_ops },
	{ .name = "drop_caches", .mode = 0200, .ops = &drop_caches_ops },
	RO_NUMBER("max_map_count", max_map_count),
	RW_NUMBER("min_free_kbytes", min_free),
	RW_NUMBER("mmap_min_addr", mmap_min),
	RO_NUMBER("overcommit_memory", overcommit_memory),
	RO_NUMBER("swappiness", swappiness),
	{ .name = NULL },
};

int proc_sysctl_init(struct pseudo_tree *proc)
{
	int err = pseudo_add(proc, pseudo_find(proc, "sys/kernel"), kernel_files, NULL);

	random_bytes(boot_id, sizeof(boot_id));
	return err ? err : pseudo_add(proc, pseudo_find(proc, "sys/vm"), vm_files, NULL);
}
