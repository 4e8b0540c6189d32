/* SPDX-License-Identifier: MIT */
/* init.c - making a scheduler, its idle and stop tasks, and new tasks. */
#include "guest/lib/string.h"
#include "guest/sched/internal.h"

void sched_tunables_default(struct sched_tunables *tun, unsigned nr_cpus)
{
	/* Slices grow with the machine, as more CPUs mean that waiting is rarer: 1 + log2, at most 4. */
	u64 factor = 1 + ilog2(MIN(MAX(nr_cpus, 1U), 8U));

	*tun = (struct sched_tunables){
		.tick = NSEC_PER_MSEC_,
		.base_slice = factor * 700 * NSEC_PER_USEC_,
		.latency = factor * 6 * NSEC_PER_MSEC_,
		.min_granularity = factor * 750 * NSEC_PER_USEC_,
		.wakeup_granularity = factor * NSEC_PER_MSEC_,
		.rr_timeslice = 100 * NSEC_PER_MSEC_,
		.rt_period = NSEC_PER_SEC_,
		.rt_runtime = 950 * NSEC_PER_MSEC_,
		.bfs_rr_interval = 6 * NSEC_PER_MSEC_,
		.bandwidth_slice = 5 * NSEC_PER_MSEC_,
		.migration_cost = 500 * NSEC_PER_USEC_,
		.nr_migrate = 32,
		.delay_dequeue = true,
		.hrtick = false,
		.balance = true,
	};
}

static bool rq_create(struct sched *s, unsigned cpu)
{
	struct rq *rq = env_alloc(sizeof(*rq));

	if (!rq)
		return false;
	s->rq[cpu] = rq;
	s->root_group.cfs_rq[cpu] = &rq->cfs;
	spin_lock_init(&rq->lock);
	rq->cpu = cpu;
	rq->sched = s;
	rq->curr_prio = MAX_PRIO;
	rq->timer_set = UINT64_MAX;
	rq->bfs_deadline = UINT64_MAX;
	rq->hrtick_timer.fn = hrtick_fire;
	INIT_LIST_HEAD(&rq->fair_tasks);
	INIT_LIST_HEAD(&rq->stop_work);
	init_cfs_rq(&rq->cfs, rq, &s->root_group);
	init_rt_rq(rq);
	init_dl_rq(rq);
	init_o1_rq(rq);
	return true;
}

static u64 **masks_of(struct sched *s, unsigned i)
{
	u64 **const all[] = { &s->possible,	 &s->online,	       &s->idle_mask,
			      &s->fair_overload, &s->rt_overload.cpus, &s->dl_overload.cpus };

	return i < ARRAY_SIZE(all) ? all[i] : NULL;
}

struct sched *sched_create(const struct sched_topology_desc *topo, const struct sched_tunables *tun,
			   const struct sched_class *fair)
{
	struct sched *s;
	u64 **mask;

	if (!topo->nr_cpus)
		return NULL;
	s = env_alloc(sizeof(*s));
	if (!s)
		return NULL;
	s->nr_cpus = topo->nr_cpus;
	s->mask_words = BITS_TO_WORDS(topo->nr_cpus);
	s->tun = *tun;
	s->schedstats = true;
	s->chain[SLOT_STOP] = &stop_sched_class;
	s->chain[SLOT_DL] = &dl_sched_class;
	s->chain[SLOT_RT] = &rt_sched_class;
	s->chain[SLOT_FAIR] = fair ? fair : &eevdf_sched_class;
	s->chain[SLOT_IDLE] = &idle_sched_class;
	sched_chain_changed(s);
	INIT_LIST_HEAD(&s->tasks);
	INIT_LIST_HEAD(&s->groups);
	INIT_LIST_HEAD(&s->bfs.queue);
	s->root_group.sched = s;
	s->root_group.shares = NICE_0_LOAD;
	s->root_group.bandwidth.quota = RUNTIME_INF;
	for (unsigned i = 0; (mask = masks_of(s, i)); i++) {
		*mask = env_alloc(s->mask_words * sizeof(u64));
		if (!*mask)
			goto err;
	}
	bitmap_fill(s->possible, s->nr_cpus);
	s->rq = env_alloc(s->nr_cpus * sizeof(*s->rq));
	s->root_group.cfs_rq = env_alloc(s->nr_cpus * sizeof(struct cfs_rq *));
	if (!s->rq || !s->root_group.cfs_rq)
		goto err;
	for (unsigned cpu = 0; cpu < s->nr_cpus; cpu++)
		if (!rq_create(s, cpu))
			goto err;
	if (sched_domains_build(s, topo))
		goto err;
	return s;
err:
	sched_destroy(s);
	return NULL;
}

void sched_destroy(struct sched *s)
{
	struct task_group *tg, *tmp;
	u64 **mask;

	list_for_each_entry_safe (tg, tmp, &s->groups, node)
		task_group_free(tg);
	sched_domains_free(s);
	for (unsigned cpu = 0; s->rq && cpu < s->nr_cpus; cpu++)
		env_free(s->rq[cpu], sizeof(struct rq));
	env_free(s->rq, s->nr_cpus * sizeof(*s->rq));
	env_free(s->root_group.cfs_rq, s->nr_cpus * sizeof(struct cfs_rq *));
	for (unsigned i = 0; (mask = masks_of(s, i)); i++)
		env_free(*mask, s->mask_words * sizeof(u64));
	env_free(s, sizeof(*s));
}

/* ---- tasks --------------------------------------------------------------------------------------------- */

static void task_basics(struct sched *s, struct task_struct *p, unsigned cpu)
{
	p->sched = s;
	p->group = &s->root_group;
	p->cpu = cpu;
	p->cpus_ptr = s->possible;
	p->nr_cpus_allowed = s->nr_cpus;
	p->static_prio = p->normal_prio = p->prio = DEFAULT_PRIO;
	p->se.weight = NICE_0_LOAD;
	p->se.cfs_rq = s->root_group.cfs_rq[cpu];
	p->se.slice = s->tun.base_slice;
	p->pi_waiters = RB_ROOT_CACHED;
	spin_lock_init(&p->pi_lock);
	INIT_LIST_HEAD(&p->group_node);
	INIT_LIST_HEAD(&p->rt.run_list);
	INIT_LIST_HEAD(&p->sched_node);
}

void sched_init_idle(struct sched *s, struct task_struct *idle, unsigned cpu)
{
	struct rq *rq = cpu_rq(s, cpu);

	task_basics(s, idle, cpu);
	idle->flags |= PF_IDLE | PF_NO_SETAFFINITY | PF_KTHREAD;
	idle->sched_class = &idle_sched_class;
	idle->prio = idle->normal_prio = MAX_PRIO;
	idle->nr_cpus_allowed = 1;
	idle->on_cpu = 1;
	rq->idle = rq->curr = idle;
	sched_idle_enter(rq);
}

void sched_init_stop(struct sched *s, struct task_struct *stop, unsigned cpu)
{
	task_basics(s, stop, cpu);
	stop->flags |= PF_NO_SETAFFINITY | PF_KTHREAD;
	stop->sched_class = &stop_sched_class;
	stop->policy = SCHED_FIFO;
	stop->rt_priority = MAX_RT_PRIO - 1;
	stop->prio = stop->normal_prio = 0;
	stop->nr_cpus_allowed = 1;
	stop->cpus_own = NULL;
	stop->state = TASK_INTERRUPTIBLE;
	cpu_rq(s, cpu)->stop = stop;
}

int sched_fork(struct sched *s, struct task_struct *p, struct task_struct *parent)
{
	u64 flags;

	task_basics(s, p, parent ? parent->cpu : 0);
	p->state = TASK_NEW;
	if (parent) {
		bool reset = parent->sched_reset_on_fork;

		p->policy = parent->policy;
		p->rt_priority = parent->rt_priority;
		p->static_prio = parent->static_prio;
		p->group = parent->group;
		p->se.custom_slice = parent->se.custom_slice;
		p->se.slice = parent->se.slice;
		if (parent->cpus_own) {
			p->cpus_own = env_alloc(s->mask_words * sizeof(u64));
			if (!p->cpus_own)
				return -ENOMEM;
			bitmap_copy(p->cpus_own, parent->cpus_own, s->nr_cpus);
			p->cpus_ptr = p->cpus_own;
			p->nr_cpus_allowed = parent->nr_cpus_allowed;
		}
		if (reset && (rt_policy(p->policy) || dl_policy(p->policy))) {
			p->policy = SCHED_NORMAL;
			p->rt_priority = 0;
			p->static_prio = DEFAULT_PRIO;
		} else if (reset && p->static_prio < DEFAULT_PRIO) {
			p->static_prio = DEFAULT_PRIO;
		}
		/* A reservation is for one task: children would have it for nothing. */
		if (dl_policy(p->policy)) {
			sched_task_free(p);
			return -EAGAIN;
		}
	}
	/* Until it is on the list, a change of the fair slot would pass it by. */
	flags = spin_lock_irqsave(&s->tasks_lock);
	/* Not the parent's prio in force: what it has been lent is not inherited. */
	p->prio = p->normal_prio = normal_prio(p);
	p->se.weight = task_weight(p);
	p->sched_class = sched_class_of(p, p->prio);
	p->se.cfs_rq = p->group->cfs_rq[p->cpu];
	p->se.parent = p->group->se ? p->group->se[p->cpu] : NULL;
	if (p->sched_class->task_init)
		p->sched_class->task_init(p);
	if (parent && p->sched_class->task_fork)
		p->sched_class->task_fork(p, parent);
	list_add_tail(&p->sched_node, &s->tasks);
	spin_unlock_irqrestore(&s->tasks_lock, flags);
	return 0;
}

void sched_task_free(struct task_struct *p)
{
	struct sched *s = p->sched;

	if (!list_empty(&p->sched_node)) {
		u64 flags = spin_lock_irqsave(&s->tasks_lock);

		list_del_init(&p->sched_node);
		spin_unlock_irqrestore(&s->tasks_lock, flags);
	}
	if (p->cpus_own)
		env_free(p->cpus_own, s->mask_words * sizeof(u64));
	p->cpus_own = NULL;
	p->cpus_ptr = s->possible;
}
