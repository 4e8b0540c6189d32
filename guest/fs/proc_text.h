/* SPDX-License-Identifier: MIT */
/*
 * proc_text.h - lines of /proc made from plain numbers, in Linux's formats: proc(5),
 * Documentation/filesystems/proc.rst. Who knows the numbers is elsewhere; here is how they look, for
 * a test to check without a kernel around them.
 */
#ifndef GUEST_FS_PROC_TEXT_H
#define GUEST_FS_PROC_TEXT_H

#include "guest/fs/abi.h"
#include "guest/mm/seq.h"

#define PROC_USER_HZ  100
#define PROC_TICK_NS  (1000000000UL / PROC_USER_HZ)
#define PROC_NSIG     64
#define PROC_COMM_LEN 16

/* An address space, in bytes but for what says otherwise. */
struct proc_mm_text {
	u64 total_vm, hiwater_vm, locked_vm, data_vm, stack_vm, exec_vm; /* pages */
	u64 rss_anon, rss_file, rss_shmem, hiwater_rss;			 /* pages */
	u64 table_bytes;
	u64 start_code, end_code, start_data, end_data, start_brk, start_stack;
	u64 arg_start, arg_end, env_start, env_end;
};

/* A process or one of its threads. Times in ns. */
struct proc_task_text {
	char comm[PROC_COMM_LEN];
	char state; /* one of RSDTtZX, what ps prints */
	int pid, tgid, ppid, pgrp, sid, tpgid, tracer;
	u32 tty; /* major << 8 | low minor, as stat's tty_nr; 0: none */
	u32 flags;
	u64 min_flt, cmin_flt, maj_flt, cmaj_flt;
	u64 utime, stime, cutime, cstime, start;
	int prio; /* 0..139, deadline below */
	int nice;
	unsigned nr_threads, rt_priority, policy, cpu;
	u64 rss_limit;
	int exit_signal, exit_code;
	u64 pending, shared_pending, blocked, ignored, caught; /* signal n is bit n - 1 */
	u64 nr_queued, max_queued;
	bool no_new_privs;
	u64 nvcsw, nivcsw;

	bool has_mm, addresses; /* addresses: the reader may know them */
	struct proc_mm_text mm;

	/* status only. */
	int umask;	    /* -1: not known (a kernel thread, a zombie) */
	u32 uid[4], gid[4]; /* real, effective, saved, file */
	u32 fd_size, nr_groups;
	const u32 *groups;
	u64 cap[5];	 /* inheritable, permitted, effective, bounding, ambient */
	const u64 *cpus; /* where it may run */
	unsigned nr_cpus, nr_nodes;
};

/* /proc/PID/stat, statm, status. */
void proc_show_stat(struct seq *s, const struct proc_task_text *t);
void proc_show_statm(struct seq *s, const struct proc_task_text *t);
void proc_show_status(struct seq *s, const struct proc_task_text *t);

/* /proc/PID/limits: soft and hard ones by RLIMIT_*. */
void proc_show_limits(struct seq *s, const u64 soft[RLIM_NLIMITS], const u64 hard[RLIM_NLIMITS]);

/* "0-3,8" and "000000ff,ffffffff", the forms of cpulist and cpumask; without newline. */
void proc_show_cpulist(struct seq *s, const u64 *mask, unsigned nr);
void proc_show_cpumask(struct seq *s, const u64 *mask, unsigned nr);
/* The list back into a mask of nr bits: 0 or -EINVAL. */
int proc_parse_cpulist(const char *text, u64 *mask, unsigned nr);

/* One area's line of maps; name NULL: none. */
struct proc_area_text {
	u64 start, end, offset, ino;
	u32 dev_major, dev_minor;
	bool read, write, exec, shared;
	const char *name;
};
void proc_show_area(struct seq *s, const struct proc_area_text *a);

/*
 * Load averages over 1, 5 and 15 minutes, fixed point with 11 bits of fraction as Linux keeps them
 * (kernel/sched/loadavg.c): every 5 s each moves towards the number of active tasks.
 */
struct loadavg {
	u64 avg[3];
};
#define LOADAVG_PERIOD_NS 5000000000ULL
void loadavg_update(struct loadavg *l, unsigned active);
/* "0.00 0.01 0.05": without newline. */
void proc_show_loadavg(struct seq *s, const struct loadavg *l);

#endif
