/* SPDX-License-Identifier: MIT */
/*
 * policy.c - giving the fair slot to another class while tasks run: with every task and every queue
 * locked, all tasks of the slot are taken off, told, and put back. The queues alone would not do: a
 * waker holds no queue while its class places the task that it wakes.
 */
#include "guest/lib/string.h"
#include "guest/sched/internal.h"

static const struct sched_class *const fair_classes[] = {
	&eevdf_sched_class,
	&cfs_sched_class,
	&o1_sched_class,
	&bfs_sched_class,
};

const struct sched_class *sched_fair_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fair_classes); i++)
		if (!strcmp(fair_classes[i]->name, name))
			return fair_classes[i];
	return NULL;
}

/* What the switch remembers of a task, in fields that no class uses meanwhile. */
static void take_off(struct rq *rq, struct task_struct *p, struct list_head *queued)
{
	struct sched_change c;

	sched_change_begin(rq, p, &c, DEQUEUE_MOVE);
	if (c.queued)
		list_add_tail(&p->rt.run_list, queued);
	else
		INIT_LIST_HEAD(&p->rt.run_list);
}

static void put_back(struct rq *rq, struct task_struct *p)
{
	struct sched_change c = { .queued = !list_empty(&p->rt.run_list),
				  .running = task_current(rq, p),
				  .flags = ENQUEUE_MOVE };

	list_del_init(&p->rt.run_list);
	sched_change_end(rq, p, &c);
	if (c.running)
		resched_curr(rq);
	else if (c.queued)
		wakeup_preempt(rq, p, 0);
}

void sched_switch_fair(struct sched *s, const struct sched_class *fair)
{
	const struct sched_class *old = s->chain[SLOT_FAIR];
	struct list_head queued = { &queued, &queued };
	struct task_struct *p;
	u64 flags;

	BUG_ON(fair->slot != SLOT_FAIR);
	env_preempt_disable();
	flags = env_irq_save();
	raw_spin_lock(&s->tasks_lock);
	list_for_each_entry (p, &s->tasks, sched_node)
		raw_spin_lock(&p->pi_lock); /* S5: nobody else holds two */
	for (unsigned cpu = 0; cpu < s->nr_cpus; cpu++)
		raw_spin_lock(&s->rq[cpu]->lock);
	if (fair == old)
		goto out;
	list_for_each_entry (p, &s->tasks, sched_node)
		if (p->sched_class == old)
			take_off(task_rq(p), p, &queued);
	s->chain[SLOT_FAIR] = fair;
	list_for_each_entry (p, &s->tasks, sched_node) {
		if (p->sched_class != old)
			continue;
		p->sched_class = fair;
		/* run_list is in use here: the classes in the slot do not touch it. */
		if (fair->task_init)
			fair->task_init(p);
	}
	list_for_each_entry (p, &s->tasks, sched_node)
		if (p->sched_class == fair)
			put_back(task_rq(p), p);
out:
	for (unsigned cpu = s->nr_cpus; cpu-- > 0;)
		raw_spin_unlock(&s->rq[cpu]->lock);
	list_for_each_entry (p, &s->tasks, sched_node)
		raw_spin_unlock(&p->pi_lock);
	raw_spin_unlock(&s->tasks_lock);
	env_irq_restore(flags);
	env_preempt_enable();
}
