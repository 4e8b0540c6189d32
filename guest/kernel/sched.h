/* SPDX-License-Identifier: MIT */
/*
 * sched.h - the kernel's one scheduler: setting it up, idling, sleeping for a time. What decides who
 * runs is guest/sched; how it reaches stacks and interrupts is guest/env/ring0_sched.c.
 */
#ifndef GUEST_KERNEL_SCHED_H
#define GUEST_KERNEL_SCHED_H

#include "guest/kernel/task.h"
#include "guest/sched/sched.h"

extern struct sched *kernel_sched; /* set by sched_setup() */

DECLARE_PER_CPU(struct rq *, runqueues); /* each CPU's own; NULL before it is set up */

/*
 * Makes the scheduler for up to `cpus` CPUs, with the fair policy that sched=NAME asks for, and the
 * running code CPU 0's idle task. Boot CPU, IRQs off; panics without memory.
 */
void sched_setup(unsigned cpus);

/* Idle and stop tasks for a CPU about to be started; its idle task, or NULL without memory. */
struct thread *sched_prepare_cpu(unsigned cpu);

/* On the new CPU: from here on its idle task runs, and tasks may come. */
void sched_enter_cpu(void);

/* The idle loop of a CPU; never returns. */
_Noreturn void cpu_idle_loop(void);

/* Keeps the calling thread on one CPU from now on, returning there; lets it roam again. Sleep. */
void sched_pin(unsigned cpu);
void sched_unpin(void);

/* set_cpus_allowed(), which has happened on return: t, the caller also, is off every other CPU. Sleeps. */
int sched_set_affinity(struct task_struct *t, const u64 *mask);
/* The same for one CPU. */
int sched_bind(struct task_struct *t, unsigned cpu);

/* Makes this CPU look for a better task as soon as preemption is on. IRQs off. */
void set_need_resched(void);

/* Switches on all CPUs since boot. */
u64 nr_context_switches(void);

/* ---- sleeping: timers.c ---------------------------------------------------------------------- */

/* A timeout: sleeps for ns or a few ticks longer, by the timer wheel; state must be set before. Time
 * left when woken. */
u64 schedule_timeout(u64 ns);

/* Sleep for so long, to the resolution of the clock; max is when it may take at the latest. */
void msleep(u64 ms);
void usleep_range(u64 min, u64 max);
/* Up to a moment of clock_ns(), state set before; UINT64_MAX: until woken. */
void schedule_until(u64 deadline);

#endif
