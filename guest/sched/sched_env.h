/* SPDX-License-Identifier: MIT */
/*
 * sched_env.h - the second seam: what scheduler and locks ask of whoever runs tasks.
 *
 * The kernel answers with stacks and interrupts, guest/env/sim_machine.c with scripts in virtual
 * time, a unit test with whatever it plays. Chosen by linking, like env.h, which goes with it.
 *
 * In return the environment calls, with IRQs off on the CPU concerned:
 *	sched_tick()		every tick_ns while the CPU is not idle
 *	sched_timer_interrupt()	at or after the time of sched_env_set_timer()
 *	preempt_schedule_irq()	on the way out of an interrupt, when this_rq()->need_resched and
 *				the interrupted code may be preempted
 */
#ifndef GUEST_SCHED_ENV_H
#define GUEST_SCHED_ENV_H

#include "guest/lib/types.h"

struct rq;
struct task_struct;

/* A world where these five are an instruction or two names a header with them in SCHED_ENV_INLINE. */
#ifdef SCHED_ENV_INLINE
#include SCHED_ENV_INLINE
#else
/* The running task and this CPU's queue. The queue is stable while preemption is off. */
struct task_struct *sched_env_current(void);
struct rq *sched_env_this_rq(void);

/* Ends what env_preempt_disable() began, without looking for a better task. */
void sched_env_preempt_enable_no_resched(void);

/* need_resched of this CPU was set. rq->lock is held. */
static inline void sched_env_resched_here(void)
{
}

/* False where sched_env_atomic() may have a reason. */
static inline bool sched_env_may_sleep(void)
{
	return false;
}
#endif

#define current	  sched_env_current()
#define this_rq() sched_env_this_rq()

/*
 * Makes next the running task of this CPU. rq->lock held, IRQs off. Returns, on next's stack, the
 * task that this CPU ran right before; an environment without stacks returns prev at once. A task's
 * first run must begin with schedule_tail(that task).
 */
struct task_struct *sched_env_switch(struct task_struct *prev, struct task_struct *next);

/* Makes another CPU look at its need_resched. rq->lock of that CPU is held. */
void sched_env_send_resched(unsigned cpu);

/* That CPU's next sched_timer_interrupt(); UINT64_MAX: none. rq->lock of that CPU is held. */
void sched_env_set_timer(unsigned cpu, u64 expires);

/* Time since boot that a hypervisor took from this CPU; 0 where nobody does. */
u64 sched_env_stolen_ns(unsigned cpu);

/* A dead task has left its CPU for good: its memory may go. No lock held, preemption off. */
void sched_env_task_dead(struct task_struct *p);

/* Keeps a task's memory while no lock protects it (a reference), and lets go of it again. */
void sched_env_task_hold(struct task_struct *p);
void sched_env_task_drop(struct task_struct *p);

/* Why the current context may not sleep ("in an interrupt", "preemption off (2)"), or NULL. */
const char *sched_env_atomic(void);

/* Prints where the current context is, for a misuse report. */
void sched_env_backtrace(void);

#endif
