/* SPDX-License-Identifier: MIT */
/*
 * policy.c - giving a slot to another class while tasks run: with every task and every queue locked, all
 * tasks that it concerns are taken off, told, and put back. The queues alone would not do: a waker
 * holds no queue while its class places the task that it wakes.
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

void sched_chain_changed(struct sched *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SCHED_NR_SLOTS; i++)
		if (s->chain[i])
			s->active[n++] = s->chain[i];
	s->active[n] = NULL;
}

/* Whether the class of p depends on who has the slot. A task that runs with a better class's priority,
 * lent to it, does not. */
static bool affected(const struct task_struct *p, enum sched_slot slot)
{
	if (slot == SLOT_FAIR)
		return p->sched_class->slot == SLOT_FAIR;
	return p->policy == SCHED_EXT && p->sched_class->slot >= SLOT_FAIR;
}

int sched_set_slot(struct sched *s, enum sched_slot slot, const struct sched_class *to)
{
	struct list_head queued = { &queued, &queued };
	struct task_struct *p;
	int err = 0;
	u64 flags;

	env_preempt_disable();
	flags = env_irq_save();
	raw_spin_lock(&s->tasks_lock);
	list_for_each_entry (p, &s->tasks, sched_node)
		raw_spin_lock(&p->pi_lock); /* S5: nobody else holds two */
	for (unsigned cpu = 0; cpu < s->nr_cpus; cpu++)
		raw_spin_lock(&s->rq[cpu]->lock);
	if (slot == SLOT_EXT && to && s->chain[slot])
		err = -EBUSY;
	if (err || s->chain[slot] == to)
		goto out;
	list_for_each_entry (p, &s->tasks, sched_node)
		if (affected(p, slot))
			take_off(task_rq(p), p, &queued);
	s->chain[slot] = to;
	sched_chain_changed(s);
	list_for_each_entry (p, &s->tasks, sched_node) {
		if (!affected(p, slot))
			continue;
		p->sched_class = sched_class_of(p, p->prio);
		/* run_list is in use here: the classes in the slot do not touch it. */
		if (p->sched_class->task_init)
			p->sched_class->task_init(p);
	}
	list_for_each_entry (p, &s->tasks, sched_node)
		if (affected(p, slot))
			put_back(task_rq(p), p);
out:
	for (unsigned cpu = s->nr_cpus; cpu-- > 0;)
		raw_spin_unlock(&s->rq[cpu]->lock);
	list_for_each_entry (p, &s->tasks, sched_node)
		raw_spin_unlock(&p->pi_lock);
	raw_spin_unlock(&s->tasks_lock);
	env_irq_restore(flags);
	env_preempt_enable();
	return err;
}

void sched_switch_fair(struct sched *s, const struct sched_class *fair)
{
	BUG_ON(fair->slot != SLOT_FAIR);
	sched_set_slot(s, SLOT_FAIR, fair);
}
