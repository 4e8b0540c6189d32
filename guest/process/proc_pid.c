/* SPDX-License-Identifier: MIT */
/* proc_pid.c - see proc_pid.h: which files there are, with which rights. What they say is in proc_*.c. */
#include "guest/process/proc_pid.h"
#include "guest/lib/parse.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"
#include "guest/process/internal.h"
#include "guest/process/proc_internal.h"

static const struct pseudo_dynamic task_dynamic;

/* In both tables: a process's folder and a thread's. */
#define COMMON_FILES                                                                           \
	{ .name = "auxv", .mode = 0400, .ops = &proc_auxv_ops },                               \
		{ .name = "cmdline", .mode = 0444, .ops = &proc_cmdline_ops },                 \
		{ .name = "comm", .mode = 0644, .ops = &proc_comm_ops },                       \
		{ .name = "cwd", .mode = S_IFLNK | 0777, .ops = &proc_cwd_ops },               \
		{ .name = "environ", .mode = 0400, .ops = &proc_environ_ops },                 \
		{ .name = "exe", .mode = S_IFLNK | 0777, .ops = &proc_exe_ops },               \
		{ .name = "fd", .mode = S_IFDIR | 0500, .dynamic = &proc_fd_dynamic },         \
		{ .name = "fdinfo", .mode = S_IFDIR | 0555, .dynamic = &proc_fdinfo_dynamic }, \
		{ .name = "io", .mode = 0400, .ops = &proc_io_ops },                           \
		{ .name = "limits", .mode = 0444, .ops = &proc_limits_ops },                   \
		{ .name = "maps", .mode = 0444, .ops = &proc_maps_ops },                       \
		{ .name = "mem", .mode = 0600, .ops = &proc_mem_ops },                         \
		{ .name = "mountinfo", .mode = 0444, .ops = &proc_mountinfo_ops },             \
		{ .name = "mounts", .mode = 0444, .ops = &proc_mounts_ops },                   \
		{ .name = "oom_score", .mode = 0444, .ops = &proc_oom_score_ops },             \
		{ .name = "oom_score_adj", .mode = 0644, .ops = &proc_oom_score_adj_ops },     \
		{ .name = "root", .mode = S_IFLNK | 0777, .ops = &proc_root_ops },             \
		{ .name = "sched", .mode = 0644, .ops = &proc_sched_ops },                     \
		{ .name = "schedstat", .mode = 0444, .ops = &proc_schedstat_ops },             \
		{ .name = "smaps", .mode = 0444, .ops = &proc_smaps_ops },                     \
		{ .name = "smaps_rollup", .mode = 0444, .ops = &proc_smaps_rollup_ops },       \
		{ .name = "stack", .mode = 0400, .ops = &proc_stack_ops },                     \
		{ .name = "stat", .mode = 0444, .ops = &proc_stat_ops },                       \
		{ .name = "statm", .mode = 0444, .ops = &proc_statm_ops },                     \
		{ .name = "status", .mode = 0444, .ops = &proc_status_ops },                   \
	{                                                                                      \
		.name = "wchan", .mode = 0444, .ops = &proc_wchan_ops                          \
	}

static const struct pseudo_desc process_files[] = {
	{ .name = "task", .mode = S_IFDIR | 0555, .dynamic = &task_dynamic },
	COMMON_FILES,
	{ .name = NULL },
};

static const struct pseudo_desc thread_files[] = {
	COMMON_FILES,
	{ .name = NULL },
};

static const struct pseudo_desc process_dir = { .mode = S_IFDIR | 0555, .children = process_files };
static const struct pseudo_desc thread_dir = { .mode = S_IFDIR | 0555, .children = thread_files };

static int parse_number(const char *name, size_t len)
{
	u64 nr;

	if (parse_u64(name, len, 10, &nr) || nr >= PID_MAX || *name == '0')
		return -1;
	return (int)nr;
}

static const struct pseudo_desc *pid_lookup(struct vfs_task *t, void *unused, const char *name,
					    size_t len, void **obj)
{
	int pid = parse_number(name, len);

	(void)t;
	(void)unused;
	*obj = pid > 0 ? proc_ref_find(pid) : NULL;
	return *obj ? &process_dir : NULL;
}

static const struct pseudo_desc *tid_lookup(struct vfs_task *t, void *dir_arg, const char *name,
					    size_t len, void **obj)
{
	int tid = parse_number(name, len);

	(void)t;
	*obj = tid > 0 ? proc_ref_find_thread(dir_arg, tid) : NULL;
	return *obj ? &thread_dir : NULL;
}

static bool named(int nr, u64 *key, char name[NAME_MAX + 1], u32 *type)
{
	if (nr < 0)
		return false;
	*key = (u64)nr;
	*type = S_IFDIR;
	kscnprintf(name, NAME_MAX + 1, "%d", nr);
	return true;
}

static bool pid_next(struct vfs_task *t, void *unused, u64 *key, char name[NAME_MAX + 1], u32 *type)
{
	(void)t;
	(void)unused;
	return *key < PID_MAX && named(proc_next_pid((int)*key), key, name, type);
}

static bool tid_next(struct vfs_task *t, void *dir_arg, u64 *key, char name[NAME_MAX + 1],
		     u32 *type)
{
	(void)t;
	return *key < PID_MAX && named(proc_next_tid(dir_arg, (int)*key), key, name, type);
}

static const struct pseudo_dynamic pid_dynamic = {
	.lookup = pid_lookup,
	.next = pid_next,
	.get = proc_ref_get,
	.put = proc_ref_put,
	.alive = proc_ref_alive,
	.owner = proc_ref_owner,
};

static const struct pseudo_dynamic task_dynamic = {
	.lookup = tid_lookup,
	.next = tid_next,
	.get = proc_ref_get,
	.put = proc_ref_put,
	.alive = proc_ref_alive,
	.owner = proc_ref_owner,
};

struct proc_ref *proc_pid_of_folder(const struct file *f)
{
	return pseudo_object(f, &process_dir);
}

/* ---- self ------------------------------------------------------------------------------------------------ */

static int read_self(struct vfs_task *t, void *unused, char *buf, size_t size)
{
	(void)t;
	(void)unused;
	if (!current_uthread())
		return -ENOENT;
	kscnprintf(buf, size, "%d", current_process()->tgid);
	return 0;
}

static int read_thread_self(struct vfs_task *t, void *unused, char *buf, size_t size)
{
	(void)t;
	(void)unused;
	if (!current_uthread())
		return -ENOENT;
	kscnprintf(buf, size, "%d/task/%d", current_process()->tgid, current_uthread()->tid);
	return 0;
}

static const struct pseudo_ops self_ops = { .readlink = read_self };
static const struct pseudo_ops thread_self_ops = { .readlink = read_thread_self };

int proc_pid_init(struct pseudo_tree *tree)
{
	static const struct pseudo_desc links[] = {
		{ .name = "self", .mode = S_IFLNK | 0777, .ops = &self_ops },
		{ .name = "thread-self", .mode = S_IFLNK | 0777, .ops = &thread_self_ops },
		{ .name = NULL },
	};

	pseudo_set_dynamic(tree->root, &pid_dynamic, NULL);
	return pseudo_add(tree, NULL, links, NULL);
}
