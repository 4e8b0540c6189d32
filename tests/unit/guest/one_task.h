/* SPDX-License-Identifier: MIT */
/* one_task.h - sched_env.h for tests that take sleeping locks but have a single task: whoever would
 * have to wait has found a deadlock. */
#ifndef TESTS_UNIT_GUEST_ONE_TASK_H
#define TESTS_UNIT_GUEST_ONE_TASK_H

#include <check.h>

#include "guest/env/host.h"
#include "guest/sched/sched.h"

static struct task_struct the_task;

struct task_struct *sched_env_current(void)
{
	return &the_task;
}

struct rq *sched_env_this_rq(void)
{
	ck_abort_msg("the only task went to sleep");
	return NULL;
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
	return env_host_preempt_count() ? "preemption off" : NULL;
}

void sched_env_backtrace(void)
{
}

#endif
