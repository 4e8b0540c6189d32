/* SPDX-License-Identifier: MIT */
/*
 * watchdog.h - CPUs that stand still are reported, with their call chains, instead of hanging in
 * silence.
 *
 * W1 soft lockup: a CPU whose ticks find preemption off, again and again, without one switch in
 *    between. It reports itself, from the tick.
 * W2 hard lockup: a CPU whose watchdog timer beats no more, and whose interrupts are off. The CPU
 *    before it, its buddy, sees that and asks by NMI where it is.
 * W3 lost timer: the same, but the CPU takes interrupts: only its timer has stopped. It is started
 *    again.
 * W4 lost interrupt: a message to look at the run queue was sent two beats ago and has not come. The
 *    beat itself mends it.
 * W5 RCU stall: guest/locking/rcu.c; here the CPUs it names are asked where they are.
 * W6 hung task: a thread that has waited for one lock for six thresholds without running once. Who
 *    holds the lock is said, and where the thread sleeps.
 *
 * Time is counted in ticks and beats of the CPU that looks, not in ns: in a virtual machine all CPUs may
 * stand still together, which is nobody's fault. watchdog=TICKS sets the threshold (default 10 s worth,
 * 0: off); one report for each time a CPU gets stuck.
 */
#ifndef GUEST_KERNEL_WATCHDOG_H
#define GUEST_KERNEL_WATCHDOG_H

#include "guest/lib/types.h"

enum watchdog_kind {
	WATCHDOG_SOFT,
	WATCHDOG_HARD,
	WATCHDOG_TIMER,
	WATCHDOG_IPI,
	WATCHDOG_RCU,
	WATCHDOG_HUNG,
	WATCHDOG_NR_KINDS
};

/* Reads the command line. Boot CPU, before the first CPU starts its own. */
void watchdog_setup(void);

/* Begins to look for hung tasks. Timers and softirqs are up. */
void watchdog_start_hung(void);

/* Starts and ends this CPU's beat. IRQs off. */
void watchdog_start_cpu(void);
void watchdog_stop_cpu(void);

/* From the tick, IRQs off. preemptible: the interrupted code could have been preempted. */
void watchdog_tick(bool preemptible);

/* An RCU grace period takes too long: shows what the CPUs of the mask are doing. IRQs off. */
void watchdog_rcu_stall(const u64 *cpus);

/* What a grace period may take before it counts as stalled, ns. */
u64 watchdog_rcu_stall_ns(void);

/* Reports so far. */
unsigned watchdog_reports(enum watchdog_kind kind);

#endif
