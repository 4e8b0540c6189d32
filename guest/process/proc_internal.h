/* SPDX-License-Identifier: MIT */
/* proc_internal.h - the files of /proc/PID, each kind in one place; proc_pid.c makes folders of them.
 * arg is a struct proc_ref everywhere. */
#ifndef GUEST_PROCESS_PROC_INTERNAL_H
#define GUEST_PROCESS_PROC_INTERNAL_H

#include "guest/fs/seq_file.h"
#include "guest/process/proc_ref.h"

/* proc_task.c: numbers and names. */
extern const struct pseudo_ops proc_stat_ops, proc_status_ops, proc_statm_ops, proc_limits_ops,
	proc_comm_ops, proc_io_ops, proc_oom_score_ops, proc_oom_score_adj_ops;

/* proc_maps.c: the areas of its memory. */
extern const struct pseudo_ops proc_maps_ops, proc_smaps_ops, proc_smaps_rollup_ops;

/* proc_mem.c: what is in it. */
extern const struct pseudo_ops proc_cmdline_ops, proc_environ_ops, proc_mem_ops, proc_auxv_ops;

/* proc_fd.c: files. */
extern const struct pseudo_ops proc_exe_ops, proc_cwd_ops, proc_root_ops, proc_mounts_ops,
	proc_mountinfo_ops;
extern const struct pseudo_dynamic proc_fd_dynamic, proc_fdinfo_dynamic;

/* proc_sched.c: the scheduler's view, and where it is. */
extern const struct pseudo_ops proc_sched_ops, proc_schedstat_ops, proc_stack_ops, proc_wchan_ops;

/* The reader inside show(). */
static inline struct vfs_task *proc_reader(struct seq *s)
{
	return seq_file_of(s)->task;
}

#endif
