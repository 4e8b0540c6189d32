/* SPDX-License-Identifier: MIT */
/*
 * stop.c - the class above all: one task on each CPU, which nothing preempts. It moves running
 * tasks away and empties a CPU that goes offline.
 */
#include "guest/sched/stop.h"
#include "guest/sched/internal.h"

static void enqueue_task_stop(struct rq *rq, struct task_struct *p, int flags)
{
	(void)p;
	(void)flags;
	add_nr_running(rq, 1);
}

static bool dequeue_task_stop(struct rq *rq, struct task_struct *p, int flags)
{
	(void)p;
	(void)flags;
	sub_nr_running(rq, 1);
	return true;
}

static void yield_task_stop(struct rq *rq)
{
	env_panic(__FILE__, __LINE__, "stop task of CPU %u yields", rq->cpu);
}

static void wakeup_preempt_stop(struct rq *rq, struct task_struct *p, int wake_flags)
{
	/* Nothing is better than a stop task, not even a stop task. */
	(void)rq;
	(void)p;
	(void)wake_flags;
}

static struct task_struct *pick_task_stop(struct rq *rq)
{
	return rq->stop && task_on_rq_queued(rq->stop) ? rq->stop : NULL;
}

static void update_curr_stop(struct rq *rq)
{
	struct sched_entity *se = &rq->curr->se;

	se->sum_exec_runtime += rq->clock_task - se->exec_start;
	se->exec_start = rq->clock_task;
}

static void put_prev_task_stop(struct rq *rq, struct task_struct *p)
{
	(void)p;
	update_curr_stop(rq);
}

static void set_next_task_stop(struct rq *rq, struct task_struct *p, bool first)
{
	(void)first;
	p->se.exec_start = rq->clock_task;
}

static unsigned select_task_rq_stop(struct task_struct *p, unsigned cpu, int wake_flags)
{
	(void)cpu;
	(void)wake_flags;
	return p->cpu;
}

static void task_tick_stop(struct rq *rq, struct task_struct *p)
{
	(void)p;
	update_curr_stop(rq);
}

static u64 get_rr_interval_stop(struct rq *rq, struct task_struct *p)
{
	(void)rq;
	(void)p;
	return 0;
}

static const char *check_stop(struct rq *rq)
{
	if (rq->stop && rq->stop->cpu != rq->cpu)
		return "P1: the stop task has left its CPU";
	if (rq->stop && !list_empty(&rq->stop_work) && rq->stop->state & TASK_NORMAL &&
	    !rq->stop->on_rq)
		return "P2: the stop task sleeps although there is work";
	return NULL;
}

const struct sched_class stop_sched_class = {
	.name = "stop",
	.slot = SLOT_STOP,
	.enqueue_task = enqueue_task_stop,
	.dequeue_task = dequeue_task_stop,
	.yield_task = yield_task_stop,
	.wakeup_preempt = wakeup_preempt_stop,
	.pick_task = pick_task_stop,
	.put_prev_task = put_prev_task_stop,
	.set_next_task = set_next_task_stop,
	.select_task_rq = select_task_rq_stop,
	.task_tick = task_tick_stop,
	.update_curr = update_curr_stop,
	.get_rr_interval = get_rr_interval_stop,
	.check = check_stop,
};

/* ---- the work ---------------------------------------------------------------------------------- */

bool cpu_stop_queue(struct rq *rq, struct cpu_stop_work *work)
{
	u64 flags;

	if (!rq->stop)
		return false;
	flags = env_irq_save();
	raw_spin_lock(&rq->lock);
	list_add_tail(&work->node, &rq->stop_work);
	raw_spin_unlock(&rq->lock);
	wake_up_process(rq->stop);
	env_irq_restore(flags); /* not before: P2 holds whenever an interrupt looks */
	return true;
}

void cpu_stop_run(struct rq *rq)
{
	for (;;) {
		struct cpu_stop_work *work;
		u64 flags = env_irq_save();

		raw_spin_lock(&rq->lock);
		work = list_first_entry_or_null(&rq->stop_work, struct cpu_stop_work, node);
		if (work)
			list_del_init(&work->node);
		else /* under the lock that queueing takes: no work is missed */
			WRITE_ONCE(rq->stop->state, TASK_INTERRUPTIBLE);
		raw_spin_unlock(&rq->lock);
		env_irq_restore(flags);
		if (!work)
			return;
		work->fn(rq, work);
	}
}
