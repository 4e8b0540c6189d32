/* SPDX-License-Identifier: MIT */
/* check.c - sched_check(): the rules of sched.h, and of every class, on a scheduler at rest. */
#include "guest/sched/fair.h"

static bool node_less(const struct rb_node *a, const struct rb_node *b)
{
	return cfs_ops(se_of(a)->cfs_rq)->less(a, b);
}

static bool node_min_ok(const struct rb_node *node)
{
	u64 v = se_of(node)->vruntime;

	if (node->left && vtime_before(se_of(node->left)->min_vruntime, v))
		v = se_of(node->left)->min_vruntime;
	if (node->right && vtime_before(se_of(node->right)->min_vruntime, v))
		v = se_of(node->right)->min_vruntime;
	return v == se_of(node)->min_vruntime;
}

static const char *check_cfs_rq(struct cfs_rq *cfs, unsigned *tasks)
{
	const char *bad = rb_check_cached(&cfs->timeline, node_less, node_min_ok); /* F4 */
	struct rb_node *node;
	unsigned n = 0;
	u64 load = 0;
	s64 avg = 0;

	if (bad)
		return bad;
	for (node = rb_first_cached(&cfs->timeline); node; node = rb_next(node)) {
		struct sched_entity *se = se_of(node);

		if (se == cfs->curr)
			return "F1: curr is in the tree";
		if (!se->on_rq || se->cfs_rq != cfs)
			return "F1: an entity in the wrong tree";
		if (se->my_q && (!se->my_q->nr_queued || se->my_q->throttled))
			return "F5: an empty or throttled group is queued";
		load += se->weight;
		avg += entity_key(cfs, se) * se->weight;
		n++;
		if (!se->my_q)
			*tasks += !se->sched_delayed;
		else if ((bad = check_cfs_rq(se->my_q, tasks)))
			return bad;
	}
	if (load != cfs->avg_load || avg != cfs->avg_vruntime)
		return "F2: the sums are wrong";
	if (cfs->curr && cfs->curr->on_rq) {
		load += cfs->curr->weight;
		n++;
		if (!cfs->curr->my_q)
			++*tasks;
		else if ((bad = check_cfs_rq(cfs->curr->my_q, tasks)))
			return bad;
	}
	if (load != cfs->load || n != cfs->nr_queued)
		return "F3: load or count is wrong";
	return NULL;
}

const char *check_fair(struct rq *rq)
{
	unsigned tasks = 0;
	const char *bad = check_cfs_rq(&rq->cfs, &tasks);

	if (!bad && (tasks != rq->fair_nr || tasks != rq->cfs.h_nr_running))
		bad = "F3: the number of tasks is wrong";
	return bad;
}

static const char *check_rq(struct rq *rq)
{
	const struct sched *s = rq->sched;
	struct task_struct *p;
	unsigned nr = rq->fair_nr + rq->dl.nr_running, listed = 0;
	u64 load = 0;
	const char *bad;

	if (spin_is_locked(&rq->lock))
		return "S4: a queue is locked";
	if (!rq->idle)
		return NULL; /* never came up */
	if (!rq->curr->on_cpu || rq->curr->cpu != rq->cpu)
		return "S2: curr does not run here";
	nr += rq->rt.throttled ? 0 : rq->rt.nr_running;
	nr += rq->stop && task_on_rq_queued(rq->stop);
	/* What a class from outside has queued only it knows. */
	if (s->chain[SLOT_EXT] ? nr > rq->nr_running : nr != rq->nr_running)
		return "S3: nr_running is not the sum of the classes";
	list_for_each_entry (p, &rq->fair_tasks, group_node) {
		if (!fair_throttled(p)) {
			listed++;
			load += p->se.weight;
		}
		if (p->cpu != rq->cpu || !task_on_rq_queued(p))
			return "S1: a task of another queue";
	}
	if (listed != rq->fair_nr || load != rq->fair_load)
		return "S3: count or load of the fair slot is wrong";
	if ((rq->fair_nr > 1) != test_bit(rq->cpu, s->fair_overload))
		return "S7: the overload mask is wrong";
	if ((rq->curr == rq->idle) != test_bit(rq->cpu, s->idle_mask))
		return "S7: the idle mask is wrong";
	for (unsigned i = 0; i < SCHED_NR_SLOTS; i++)
		if (s->chain[i] && (bad = s->chain[i]->check(rq)))
			return bad;
	if ((bad = check_bandwidth(rq)))
		return bad;
	return sched_timer_check(rq);
}

const char *sched_check(struct sched *s)
{
	struct task_struct *p;
	const char *bad;

	for (unsigned cpu = 0; cpu < s->nr_cpus; cpu++)
		if ((bad = check_rq(s->rq[cpu])))
			return bad;
	list_for_each_entry (p, &s->tasks, sched_node) {
		if (p->on_rq == TASK_ON_RQ_MIGRATING)
			return "S1: a task between two queues";
		if (p->on_cpu != (task_rq(p)->curr == p))
			return "S2: on_cpu without being curr, or the other way round";
		if (p->state == TASK_RUNNING && !p->on_rq)
			return "S1: a runnable task is not queued";
		if (p->on_rq && p->sched_class != sched_class_of(p, p->prio))
			return "S1: the class does not go with the priority";
	}
	return NULL;
}
