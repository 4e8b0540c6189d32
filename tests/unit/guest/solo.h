/* SPDX-License-Identifier: MIT */
/* solo.h - sched_env.h for code that takes sleeping locks but never has to wait for one: there is one
 * task, and it is always running. */
#ifndef TESTS_UNIT_GUEST_SOLO_H
#define TESTS_UNIT_GUEST_SOLO_H

#include "guest/env/host.h"
#include "guest/lib/env.h"
#include "guest/sched/sched.h"

static struct task_struct solo_task;

struct task_struct *sched_env_current(void)
{
	return &solo_task;
}

struct rq *sched_env_this_rq(void)
{
	env_panic(__FILE__, __LINE__, "the only task would sleep");
}

struct task_struct *sched_env_switch(struct task_struct *prev, struct task_struct *next)
{
	(void)next;
	return prev;
}

void sched_env_send_resched(unsigned cpu)
{
	(void)cpu;
}

void sched_env_set_timer(unsigned cpu, u64 expires)
{
	(void)cpu;
	(void)expires;
}

u64 sched_env_stolen_ns(unsigned cpu)
{
	(void)cpu;
	return 0;
}

void sched_env_task_dead(struct task_struct *p)
{
	(void)p;
}

void sched_env_task_hold(struct task_struct *p)
{
	(void)p;
}

void sched_env_task_drop(struct task_struct *p)
{
	(void)p;
}

void sched_env_preempt_enable_no_resched(void)
{
	env_preempt_enable();
}

const char *sched_env_atomic(void)
{
	return env_host_preempt_count() ? "preemption is off" : NULL;
}

void sched_env_backtrace(void)
{
}

#endif
