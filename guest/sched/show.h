/* SPDX-License-Identifier: MIT */
/*
 * show.h - the scheduler's text in /proc: /proc/PID/sched, /proc/schedstat, sched_debug, as Linux 6.6
 * prints them (kernel/sched/debug.c, stats.c). What this scheduler does not measure has no line; a
 * column that cannot be left out is 0. Numbers are read without locks.
 */
#ifndef GUEST_SCHED_SHOW_H
#define GUEST_SCHED_SHOW_H

#include "guest/mm/seq.h"
#include "guest/sched/sched.h"

/* nr_threads: of its process. */
void sched_show_pid_sched(struct seq *s, const struct task_struct *p, unsigned nr_threads);
/* Counts of /proc/PID/sched begin anew. */
void sched_reset_stats(struct task_struct *p);

/* Version 15: a line for each online CPU and each of its domains. */
void show_schedstat(struct seq *s, const struct sched *sched, u64 jiffies);

/* Tunables, queues and the tasks on them. Takes tasks_lock. */
void show_sched_debug(struct seq *s, struct sched *sched, u64 now_ns, u64 jiffies,
		      const char *release);

#endif
