/* SPDX-License-Identifier: MIT */
/*
 * group.c - task groups: on each CPU a group is one entity in its parent's queue, and has a queue
 * of its own for its members. Its weight there is its shares, split by where its load is, so that
 * two groups with equal shares get equal time however many tasks they have.
 */
#include "guest/lib/string.h"
#include "guest/sched/fair.h"

#define MIN_SHARES 2ULL
#define MAX_SHARES (1ULL << 18)

static void group_release(struct task_group *tg)
{
	unsigned n = tg->sched->nr_cpus;

	for (unsigned cpu = 0; cpu < n; cpu++) {
		if (tg->cfs_rq && tg->parent)
			env_free(tg->cfs_rq[cpu], sizeof(struct cfs_rq));
		if (tg->se)
			env_free(tg->se[cpu], sizeof(struct sched_entity));
	}
	env_free(tg->cfs_rq, n * sizeof(*tg->cfs_rq));
	env_free(tg->se, n * sizeof(*tg->se));
}

static bool group_alloc(struct task_group *tg)
{
	struct sched *s = tg->sched;

	tg->cfs_rq = env_alloc(s->nr_cpus * sizeof(*tg->cfs_rq));
	tg->se = env_alloc(s->nr_cpus * sizeof(*tg->se));
	if (!tg->cfs_rq || !tg->se)
		return false;
	for (unsigned cpu = 0; cpu < s->nr_cpus; cpu++) {
		struct cfs_rq *cfs = env_alloc(sizeof(*cfs));
		struct sched_entity *se = env_alloc(sizeof(*se));

		tg->cfs_rq[cpu] = cfs;
		tg->se[cpu] = se;
		if (!cfs || !se)
			return false;
		init_cfs_rq(cfs, s->rq[cpu], tg);
		se->weight = NICE_0_LOAD;
		se->my_q = cfs;
		se->cfs_rq = tg->parent->cfs_rq[cpu];
		se->parent = tg->parent->se ? tg->parent->se[cpu] : NULL;
	}
	return true;
}

struct task_group *task_group_create(struct sched *s, struct task_group *parent, u64 shares)
{
	struct task_group *tg = env_alloc(sizeof(*tg));
	u64 flags;

	if (!tg)
		return NULL;
	tg->sched = s;
	tg->parent = parent ? parent : &s->root_group;
	tg->shares = MIN(MAX(shares, MIN_SHARES), MAX_SHARES);
	init_cfs_bandwidth(&tg->bandwidth);
	INIT_LIST_HEAD(&tg->node);
	if (!group_alloc(tg)) {
		task_group_free(tg);
		return NULL;
	}
	flags = spin_lock_irqsave(&s->tasks_lock);
	list_add(&tg->node, &s->groups);
	spin_unlock_irqrestore(&s->tasks_lock, flags);
	return tg;
}

void task_group_free(struct task_group *tg)
{
	u64 flags;

	if (tg->bandwidth.quota != RUNTIME_INF) /* no timer stays behind */
		task_group_set_bandwidth(tg, RUNTIME_INF, tg->bandwidth.period, 0);
	flags = spin_lock_irqsave(&tg->sched->tasks_lock);
	list_del(&tg->node);
	spin_unlock_irqrestore(&tg->sched->tasks_lock, flags);
	group_release(tg);
	env_free(tg, sizeof(*tg));
}

void task_group_set_shares(struct task_group *tg, u64 shares)
{
	struct sched *s = tg->sched;

	WRITE_ONCE(tg->shares, MIN(MAX(shares, MIN_SHARES), MAX_SHARES));
	for (unsigned cpu = 0; tg->parent && cpu < s->nr_cpus; cpu++) {
		struct rq *rq = cpu_rq(s, cpu);
		u64 flags = env_irq_save();

		raw_spin_lock(&rq->lock);
		update_rq_clock(rq);
		if (s->chain[SLOT_FAIR]->fair)
			update_cfs_group(tg->se[cpu]);
		raw_spin_unlock(&rq->lock);
		env_irq_restore(flags);
	}
}

void task_group_move(struct task_struct *p, struct task_group *tg)
{
	struct sched_change c;
	struct rq *rq;
	u64 flags;

	rq = task_rq_lock(p, &flags);
	sched_change_begin(rq, p, &c, DEQUEUE_MOVE);
	p->group = tg;
	p->se.cfs_rq = tg->cfs_rq[p->cpu];
	p->se.parent = tg->se ? tg->se[p->cpu] : NULL;
	/* Neither debts nor claims come along. */
	p->se.vruntime = p->se.cfs_rq->min_vruntime;
	p->se.vlag = 0;
	p->se.rel_deadline = false;
	sched_change_end(rq, p, &c);
	if (task_current(rq, p))
		resched_curr(rq);
	else if (task_on_rq_queued(p))
		wakeup_preempt(rq, p, 0);
	task_rq_unlock(rq, p, flags);
}
