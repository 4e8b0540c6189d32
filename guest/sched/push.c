/* SPDX-License-Identifier: MIT */
/*
 * push.c - for classes whose best tasks run on all CPUs together, rt and deadline: a CPU that has one
 * more than it can run pushes it to where it matters more than what runs; a CPU about to run
 * something less important pulls from those.
 *
 * U1 a CPU is in the overload mask while it has more than one task of the class and at least one of
 * them may go elsewhere. What is looked at without a lock is looked at again with both queues locked.
 */
#include "guest/sched/push.h"

void set_overloaded(struct rq *rq, struct sched_overload *o, bool *was, bool over)
{
	if (over == *was)
		return;
	*was = over;
	if (over) {
		set_bit(rq->cpu, o->cpus);
		atomic_inc(&o->nr);
	} else {
		atomic_dec(&o->nr);
		clear_bit(rq->cpu, o->cpus);
	}
}

/* Both queues locked. */
static void move_task(struct rq *from, struct rq *to, struct task_struct *p)
{
	deactivate_task(from, p, 0);
	set_task_cpu(p, to->cpu);
	activate_task(to, p, 0);
	to->nr_pulled++;
}

bool pushable(const struct rq *rq, const struct task_struct *p, unsigned cpu)
{
	if (p == rq->curr || p->on_cpu || p->nr_cpus_allowed < 2)
		return false;
	return cpu == rq->sched->nr_cpus || task_allowed(p, cpu);
}

void push_away(struct rq *rq, const struct push_ops *ops)
{
	unsigned anywhere = rq->sched->nr_cpus;
	struct task_struct *p;

	while ((p = ops->first_pushable(rq, anywhere))) {
		unsigned cpu = ops->find_cpu(p);
		struct rq *to;
		bool again;

		if (cpu >= anywhere || cpu == rq->cpu)
			return;
		to = cpu_rq(rq->sched, cpu);
		again = double_lock_balance(rq, to) && p != ops->first_pushable(rq, anywhere);
		if (!again && ops->wins(p, to)) {
			move_task(rq, to, p);
			wakeup_preempt(to, p, 0);
			again = true;
		}
		raw_spin_unlock(&to->lock);
		if (!again)
			return;
	}
}

void pull_here(struct rq *rq, const struct push_ops *ops, const struct sched_overload *o)
{
	struct sched *s = rq->sched;
	size_t cpu;

	if (!atomic_read(&o->nr) || !rq->online)
		return;
	for_each_set_bit (cpu, o->cpus, s->nr_cpus) {
		struct rq *from = cpu_rq(s, (unsigned)cpu);
		struct task_struct *p;

		if (from == rq)
			continue;
		double_lock_balance(rq, from);
		p = ops->first_pushable(from, rq->cpu);
		if (p && ops->beats_queued(p, rq) && ops->waits_for_better(p, from))
			move_task(from, rq, p);
		raw_spin_unlock(&from->lock);
	}
}
