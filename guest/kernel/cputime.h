/* SPDX-License-Identifier: MIT */
/*
 * cputime.h - where each CPU's time goes, for /proc/stat and /proc/uptime, and the load averages.
 *
 * How long a CPU was busy is exact: the scheduler knows when tasks ran. What it was busy with is
 * sampled: what ran between two ticks counts as what the second one found. So the kinds add up to the
 * time that has passed, and none ever goes back.
 */
#ifndef GUEST_KERNEL_CPUTIME_H
#define GUEST_KERNEL_CPUTIME_H

#include "guest/fs/proc_text.h"
#include "guest/lib/types.h"

/* In the order of /proc/stat. Waiting for disks and interrupt handlers have no account of their own. */
enum cpu_usage {
	CPUTIME_USER,
	CPUTIME_NICE,
	CPUTIME_SYSTEM,
	CPUTIME_IDLE,
	CPUTIME_IOWAIT,
	CPUTIME_IRQ,
	CPUTIME_SOFTIRQ,
	CPUTIME_STEAL,
	NR_CPUTIMES
};

/* From the tick, IRQs off: user says what it interrupted. */
void cputime_tick(bool user);
/* This CPU comes online: what was before does not count. IRQs off. */
void cputime_start_cpu(void);

/* ns of each kind up to now. Any context. */
void cputime_read(unsigned cpu, u64 out[NR_CPUTIMES]);

/* Starts to keep load averages. Once, when timers run. */
void loadavg_init(void);
/* Any context. */
struct loadavg loadavg_read(void);
/* Tasks on CPUs or ready, and all there are. */
void count_tasks(unsigned *running, unsigned *uninterruptible, unsigned *all);

#endif
