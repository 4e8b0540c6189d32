/* SPDX-License-Identifier: MIT */
/* idle.c - the class of a CPU's idle task: always there, never queued, last in the chain. */
#include "guest/sched/internal.h"

static void enqueue_task_idle(struct rq *rq, struct task_struct *p, int flags)
{
	(void)flags;
	env_panic(__FILE__, __LINE__, "idle task %s of CPU %u queued", p->comm, rq->cpu);
}

static bool dequeue_task_idle(struct rq *rq, struct task_struct *p, int flags)
{
	(void)flags;
	env_panic(__FILE__, __LINE__, "idle task %s of CPU %u went to sleep", p->comm, rq->cpu);
}

static void yield_task_idle(struct rq *rq)
{
	env_panic(__FILE__, __LINE__, "idle task of CPU %u yields", rq->cpu);
}

static void wakeup_preempt_idle(struct rq *rq, struct task_struct *p, int wake_flags)
{
	(void)p;
	(void)wake_flags;
	resched_curr(rq);
}

static struct task_struct *pick_task_idle(struct rq *rq)
{
	return rq->idle;
}

static void put_prev_task_idle(struct rq *rq, struct task_struct *p)
{
	(void)p;
	sched_idle_exit(rq);
}

static void set_next_task_idle(struct rq *rq, struct task_struct *p, bool first)
{
	(void)p;
	(void)first;
	sched_idle_enter(rq);
}

static unsigned select_task_rq_idle(struct task_struct *p, unsigned cpu, int wake_flags)
{
	(void)cpu;
	(void)wake_flags;
	return p->cpu;
}

static void task_tick_idle(struct rq *rq, struct task_struct *p)
{
	(void)rq;
	(void)p;
}

static void update_curr_idle(struct rq *rq)
{
	(void)rq;
}

static u64 get_rr_interval_idle(struct rq *rq, struct task_struct *p)
{
	(void)rq;
	(void)p;
	return 0;
}

static const char *check_idle(struct rq *rq)
{
	if (rq->idle->on_rq)
		return "I1: the idle task is queued";
	if (rq->idle->cpu != rq->cpu)
		return "I2: the idle task belongs to another CPU";
	return NULL;
}

const struct sched_class idle_sched_class = {
	.name = "idle",
	.slot = SLOT_IDLE,
	.enqueue_task = enqueue_task_idle,
	.dequeue_task = dequeue_task_idle,
	.yield_task = yield_task_idle,
	.wakeup_preempt = wakeup_preempt_idle,
	.pick_task = pick_task_idle,
	.put_prev_task = put_prev_task_idle,
	.set_next_task = set_next_task_idle,
	.select_task_rq = select_task_rq_idle,
	.task_tick = task_tick_idle,
	.update_curr = update_curr_idle,
	.get_rr_interval = get_rr_interval_idle,
	.check = check_idle,
};
