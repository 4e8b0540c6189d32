/* SPDX-License-Identifier: MIT */
/*
 * fair.c - entities in virtual time: the half that EEVDF and CFS have in common.
 *
 * F1 curr is not in the tree; everything else with on_rq is. F2 avg_vruntime and avg_load are the
 * sums over the tree, relative to min_vruntime. F3 load and nr_queued count the tree and curr.
 * F4 each node's min_vruntime is the least below it. F5 a group's entity is queued exactly while
 * its own queue is not empty nor throttled. F6 min_vruntime never goes back.
 */
#include "guest/sched/fair.h"

#include "guest/lib/math.h"

/* ---- the sums ------------------------------------------------------------------------------------ */

static void avg_add(struct cfs_rq *cfs, const struct sched_entity *se)
{
	cfs->avg_vruntime += entity_key(cfs, se) * se->weight;
	cfs->avg_load += se->weight;
}

static void avg_sub(struct cfs_rq *cfs, const struct sched_entity *se)
{
	cfs->avg_vruntime -= entity_key(cfs, se) * se->weight;
	cfs->avg_load -= se->weight;
}

/* The sums with curr in them. */
static s64 sums(const struct cfs_rq *cfs, s64 *load)
{
	const struct sched_entity *curr = cfs->curr;
	s64 avg = cfs->avg_vruntime;

	*load = (s64)cfs->avg_load;
	if (curr && curr->on_rq) {
		avg += entity_key(cfs, curr) * curr->weight;
		*load += curr->weight;
	}
	return avg;
}

u64 avg_vruntime(const struct cfs_rq *cfs)
{
	s64 load, avg = sums(cfs, &load);

	if (!load)
		return cfs->min_vruntime;
	if (avg < 0)
		avg -= load - 1; /* down, also below zero: who is placed at V is eligible */
	return cfs->min_vruntime + (u64)(avg / load);
}

bool vruntime_eligible(const struct cfs_rq *cfs, u64 vruntime)
{
	s64 load, avg = sums(cfs, &load);

	/* key <= avg / load without the rounding of a division. */
	return avg >= (__int128)(s64)(vruntime - cfs->min_vruntime) * load;
}

static void update_min_vruntime(struct cfs_rq *cfs)
{
	struct sched_entity *curr = cfs->curr;
	struct rb_node *root = cfs->timeline.root.node;
	u64 v = cfs->min_vruntime;
	bool any = curr && curr->on_rq;

	if (any)
		v = curr->vruntime;
	if (root && (!any || vtime_before(se_of(root)->min_vruntime, v)))
		v = se_of(root)->min_vruntime;
	if (vtime_before(cfs->min_vruntime, v)) { /* F6 */
		cfs->avg_vruntime -= (s64)(v - cfs->min_vruntime) * (s64)cfs->avg_load;
		WRITE_ONCE(cfs->min_vruntime, v);
	}
}

/* ---- the tree -------------------------------------------------------------------------------------- */

static bool min_vruntime_update(struct sched_entity *se, bool exit)
{
	u64 v = se->vruntime, old = se->min_vruntime;
	struct rb_node *l = se->run_node.left, *r = se->run_node.right;

	if (l && vtime_before(se_of(l)->min_vruntime, v))
		v = se_of(l)->min_vruntime;
	if (r && vtime_before(se_of(r)->min_vruntime, v))
		v = se_of(r)->min_vruntime;
	se->min_vruntime = v;
	return exit && v == old;
}

RB_DECLARE_CALLBACKS(min_vruntime_cb, struct sched_entity, run_node, min_vruntime,
		     min_vruntime_update);

static void tree_add(struct cfs_rq *cfs, struct sched_entity *se)
{
	avg_add(cfs, se);
	se->min_vruntime = se->vruntime;
	rb_add_augmented_cached(&se->run_node, &cfs->timeline, cfs_ops(cfs)->less,
				&min_vruntime_cb);
}

static void tree_del(struct cfs_rq *cfs, struct sched_entity *se)
{
	rb_erase_augmented_cached(&se->run_node, &cfs->timeline, &min_vruntime_cb);
	avg_sub(cfs, se);
}

/* ---- load -------------------------------------------------------------------------------------------- */

void update_load_avg(struct cfs_rq *cfs, struct sched_entity *se)
{
	u64 now = cfs->rq->clock;
	s64 delta;

	/* A switch comes by several times at one moment. */
	if (now - se->avg.last_update_time < PELT_UNIT &&
	    now - cfs->avg.last_update_time < PELT_UNIT)
		return;
	update_sched_avg(&se->avg, now, se->on_rq ? se->weight : 0,
			 se->my_q ? se->my_q->h_nr_running : se->on_rq && !se->sched_delayed,
			 cfs->curr == se);
	if (!update_sched_avg(&cfs->avg, now, cfs->load, cfs->h_nr_running, cfs->curr != NULL) ||
	    !cfs->group->parent)
		return;
	delta = (s64)cfs->avg.load_avg - (s64)cfs->tg_load_contrib;
	if ((u64)(delta < 0 ? -delta : delta) > cfs->tg_load_contrib / 64) {
		atomic64_add(delta, &cfs->group->load_avg);
		cfs->tg_load_contrib = cfs->avg.load_avg;
	}
}

/* A group's weight on this CPU: its shares, split by where its load is. */
void update_cfs_group(struct sched_entity *se)
{
	struct cfs_rq *cfs = se->my_q;
	u64 load, total;
	s64 others;

	if (!cfs || !se->on_rq)
		return;
	load = MAX(cfs->load, (u64)cfs->avg.load_avg);
	others = atomic64_read(&cfs->group->load_avg) - (s64)cfs->tg_load_contrib;
	total = load + (others > 0 ? (u64)others : 0);
	if (total)
		load = cfs->group->shares * load / total;
	load = MIN(MAX(load, 2ULL), cfs->group->shares);
	reweight_entity(se->cfs_rq, se, (u32)load);
}

/* ---- charging ------------------------------------------------------------------------------------------ */

void fair_update_curr(struct cfs_rq *cfs)
{
	struct sched_entity *curr = cfs->curr;
	struct rq *rq = cfs->rq;
	u64 delta;

	if (!curr || rq->clock_task <= curr->exec_start)
		return;
	delta = rq->clock_task - curr->exec_start;
	curr->exec_start = rq->clock_task;
	curr->sum_exec_runtime += delta;
	curr->vruntime += calc_delta_fair(delta, curr->weight);
	if (unlikely(cfs->limited))
		charge_bandwidth(cfs, delta);
	if (!curr->on_rq)
		return;
	update_min_vruntime(cfs);
	if (cfs_ops(cfs)->expired(cfs, curr) && cfs->nr_queued > 1)
		resched_curr(rq);
}

void update_curr_fair(struct rq *rq)
{
	for (struct sched_entity *se = &rq->curr->se; se; se = se->parent)
		fair_update_curr(se->cfs_rq);
}

/* ---- entities ------------------------------------------------------------------------------------------- */

static void enqueue_entity(struct cfs_rq *cfs, struct sched_entity *se, int flags)
{
	/* A group whose last task is just going off the CPU may get a new one from elsewhere. */
	bool curr = cfs->curr == se;

	BUG_ON(se->on_rq || (curr && !se->my_q));
	fair_update_curr(cfs);
	update_load_avg(cfs, se);
	update_cfs_group(se);
	cfs_ops(cfs)->place(cfs, se, flags);
	cfs->load += se->weight;
	cfs->nr_queued++;
	if (!curr)
		tree_add(cfs, se);
	se->on_rq = true;
}

static void dequeue_entity(struct cfs_rq *cfs, struct sched_entity *se, int flags)
{
	fair_update_curr(cfs);
	update_load_avg(cfs, se);
	cfs_ops(cfs)->leave(cfs, se, flags);
	if (cfs->curr != se)
		tree_del(cfs, se);
	se->on_rq = false;
	se->sched_delayed = false;
	cfs->load -= se->weight;
	cfs->nr_queued--;
	update_min_vruntime(cfs);
}

/* Puts a queued entity where it would go if it came now with this lag. */
void fair_requeue(struct cfs_rq *cfs, struct sched_entity *se, s64 vlag)
{
	bool curr = cfs->curr == se;

	if (!curr)
		tree_del(cfs, se);
	se->on_rq = false;
	cfs->nr_queued--;
	se->vlag = vlag;
	cfs_ops(cfs)->place(cfs, se, 0);
	cfs->nr_queued++;
	se->on_rq = true;
	if (!curr)
		tree_add(cfs, se);
}

void reweight_entity(struct cfs_rq *cfs, struct sched_entity *se, u32 weight)
{
	const struct fair_ops *ops = cfs_ops(cfs);
	bool curr = cfs->curr == se, queued = se->on_rq;
	u32 old = se->weight;

	if (weight == old)
		return;
	if (queued) {
		fair_update_curr(cfs);
		ops->leave(cfs, se, DEQUEUE_SAVE);
		if (!curr)
			tree_del(cfs, se);
		se->on_rq = false;
		cfs->load -= old;
		cfs->nr_queued--;
	}
	se->weight = weight;
	ops->reweight(se, old);
	if (queued) {
		ops->place(cfs, se, ENQUEUE_RESTORE);
		cfs->load += weight;
		cfs->nr_queued++;
		se->on_rq = true;
		if (!curr)
			tree_add(cfs, se);
		update_min_vruntime(cfs);
	}
}

void fair_reweight_task(struct task_struct *p, const struct fair_ops *ops, u32 weight)
{
	u32 old = p->se.weight;

	p->se.weight = weight;
	if (ops && old && old != weight)
		ops->reweight(&p->se, old);
}

/* ---- the class's members --------------------------------------------------------------------------------- */

bool count_runnable(struct sched_entity *se, int n, s64 weight)
{
	for (; se; se = se->parent) {
		struct cfs_rq *cfs = se->cfs_rq;

		cfs->h_nr_running += (unsigned)n;
		cfs->h_load += (u64)weight;
		if (unlikely(cfs->throttled))
			return false;
	}
	return true;
}

static void task_comes(struct rq *rq, struct task_struct *p)
{
	list_add(&p->group_node, &rq->fair_tasks);
	if (likely(count_runnable(&p->se, 1, p->se.weight)))
		fair_count(rq, 1, p->se.weight);
}

static void task_goes(struct rq *rq, struct task_struct *p)
{
	list_del_init(&p->group_node);
	if (likely(count_runnable(&p->se, -1, -(s64)p->se.weight)))
		fair_count(rq, -1, -(s64)p->se.weight);
}

static void hrtick_start(struct rq *rq)
{
	struct sched_entity *se = &rq->curr->se;
	u64 left = UINT64_MAX;

	if (!rq->sched->tun.hrtick || rq->curr->sched_class != rq->sched->chain[SLOT_FAIR])
		return;
	for (; se; se = se->parent)
		if (se->cfs_rq->nr_queued > 1)
			left = MIN(left, cfs_ops(se->cfs_rq)->time_left(se->cfs_rq, se));
	if (left == UINT64_MAX)
		sched_timer_cancel(rq, &rq->hrtick_timer);
	else
		sched_timer_start(rq, &rq->hrtick_timer, rq->clock + MAX(left, 1000ULL));
}

static void undelay(struct rq *rq, struct task_struct *p)
{
	struct sched_entity *se = &p->se;
	struct cfs_rq *cfs = se->cfs_rq;

	fair_update_curr(cfs);
	se->sched_delayed = false;
	/* What was owed it has slept away. */
	if ((s64)(avg_vruntime(cfs) - se->vruntime) > 0)
		fair_requeue(cfs, se, 0);
	task_comes(rq, p);
}

void enqueue_entities(struct sched_entity *se, int flags)
{
	for (; se && !se->on_rq; se = se->parent) {
		enqueue_entity(se->cfs_rq, se, flags);
		if (unlikely(se->cfs_rq->throttled))
			return;
		flags = ENQUEUE_WAKEUP;
	}
	for (; se; se = se->parent) {
		update_load_avg(se->cfs_rq, se);
		update_cfs_group(se);
	}
}

void dequeue_entities(struct sched_entity *se, int flags)
{
	do {
		struct cfs_rq *cfs = se->cfs_rq;

		dequeue_entity(cfs, se, flags);
		if (!cfs->nr_queued && unlikely(cfs->limited))
			return_bandwidth(cfs);
		if (cfs->nr_queued || cfs->throttled)
			break;		/* F5 */
		flags |= DEQUEUE_SLEEP; /* a group that has run empty */
		se = se->parent;
	} while (se);
	for (se = se ? se->parent : NULL; se; se = se->parent) {
		update_load_avg(se->cfs_rq, se);
		update_cfs_group(se);
	}
}

void enqueue_task_fair(struct rq *rq, struct task_struct *p, int flags)
{
	struct sched_entity *se = &p->se;

	if (flags & ENQUEUE_DELAYED) {
		undelay(rq, p);
		return;
	}
	/* Counted first: the load of a group that gets its first task is not 0. */
	task_comes(rq, p);
	enqueue_entities(se, flags);
	if (rq->fair_nr == 2)
		hrtick_start(rq);
}

bool dequeue_task_fair(struct rq *rq, struct task_struct *p, int flags)
{
	struct sched_entity *se = &p->se;

	if (!(flags & DEQUEUE_DELAYED)) {
		BUG_ON(se->sched_delayed);
		task_goes(rq, p);
		if ((flags & DEQUEUE_SLEEP) && !(flags & DEQUEUE_SPECIAL)) {
			update_curr_fair(rq);
			if (cfs_ops(se->cfs_rq)->delay(se->cfs_rq, se)) {
				se->sched_delayed = true;
				return false;
			}
		}
	}
	dequeue_entities(se, flags);
	return true;
}

void yield_task_fair(struct rq *rq)
{
	struct sched_entity *se = &rq->curr->se;

	fair_update_curr(se->cfs_rq);
	if (rq->nr_running > 1)
		cfs_ops(se->cfs_rq)->yield(se->cfs_rq, se);
}

static unsigned depth(const struct sched_entity *se)
{
	unsigned n = 0;

	for (; se->parent; se = se->parent)
		n++;
	return n;
}

void wakeup_preempt_fair(struct rq *rq, struct task_struct *p, int wake_flags)
{
	struct sched_entity *se = &rq->curr->se, *pse = &p->se;
	unsigned d = depth(se), pd = depth(pse);

	(void)wake_flags;
	if (se == pse || READ_ONCE(rq->need_resched))
		return;
	if (rq->curr->policy == SCHED_IDLE && p->policy != SCHED_IDLE) {
		resched_curr(rq);
		return;
	}
	if (p->policy != SCHED_NORMAL)
		return; /* batch work and idle work wait for their turn */
	/* Up to where both stand in one queue. */
	for (; d > pd; d--)
		se = se->parent;
	for (; pd > d; pd--)
		pse = pse->parent;
	for (; se->cfs_rq != pse->cfs_rq; pse = pse->parent)
		se = se->parent;
	if (se == pse || unlikely(!pse->on_rq)) /* throttled */
		return;
	fair_update_curr(se->cfs_rq);
	if (cfs_ops(se->cfs_rq)->preempts(se->cfs_rq, se, pse))
		resched_curr(rq);
}

struct task_struct *pick_task_fair(struct rq *rq)
{
	struct cfs_rq *cfs = &rq->cfs;

	while (cfs->nr_queued) {
		struct sched_entity *se;

		if (cfs->curr && cfs->curr->on_rq)
			fair_update_curr(cfs);
		if (unlikely(cfs->limited) && !bandwidth_left(cfs)) {
			cfs = &rq->cfs; /* from the top: this queue is out of it */
			continue;
		}
		se = cfs_ops(cfs)->pick(cfs);
		if (se->my_q) {
			cfs = se->my_q;
		} else if (se->sched_delayed) {
			finish_delayed_dequeue(rq, task_of(se));
			cfs = &rq->cfs;
		} else {
			return task_of(se);
		}
	}
	return NULL;
}

void put_prev_task_fair(struct rq *rq, struct task_struct *p)
{
	for (struct sched_entity *se = &p->se; se; se = se->parent) {
		struct cfs_rq *cfs = se->cfs_rq;

		fair_update_curr(cfs);
		update_load_avg(cfs, se);
		if (se->on_rq)
			tree_add(cfs, se);
		cfs->curr = NULL;
	}
	sched_timer_cancel(rq, &rq->hrtick_timer);
}

void set_next_task_fair(struct rq *rq, struct task_struct *p, bool first)
{
	for (struct sched_entity *se = &p->se; se; se = se->parent) {
		struct cfs_rq *cfs = se->cfs_rq;

		BUG_ON(cfs->curr);
		update_load_avg(cfs, se);
		if (se->on_rq)
			tree_del(cfs, se); /* F1 */
		cfs->curr = se;
		se->exec_start = rq->clock_task;
		se->prev_sum_exec_runtime = se->sum_exec_runtime;
		cfs_ops(cfs)->start(cfs, se);
	}
	if (first && rq->sched->tun.hrtick && rq->fair_nr > 1) {
		struct task_struct *old = rq->curr;

		rq->curr = p; /* hrtick_start() is about the one that will run */
		hrtick_start(rq);
		rq->curr = old;
	}
}

bool balance_fair(struct rq *rq)
{
	if (!rq->nr_running)
		newidle_balance(rq);
	return rq->nr_running;
}

void migrate_task_rq_fair(struct task_struct *p, unsigned new_cpu)
{
	struct cfs_rq *to = p->group->cfs_rq[new_cpu];

	cfs_ops(to)->migrate(&p->se, p->se.cfs_rq, to);
	p->se.exec_start = 0;
}

void task_tick_fair(struct rq *rq, struct task_struct *p)
{
	for (struct sched_entity *se = &p->se; se; se = se->parent) {
		struct cfs_rq *cfs = se->cfs_rq;

		fair_update_curr(cfs);
		update_load_avg(cfs, se);
		update_cfs_group(se);
		if (cfs->nr_queued > 1 && cfs_ops(cfs)->tick(cfs, se))
			resched_curr(rq);
	}
}

void switched_to_fair(struct rq *rq, struct task_struct *p)
{
	if (!task_on_rq_queued(p))
		return;
	if (task_current(rq, p))
		resched_curr(rq);
	else
		wakeup_preempt(rq, p, 0);
}

void prio_changed_fair(struct rq *rq, struct task_struct *p, int old_prio)
{
	if (!task_on_rq_queued(p) || rq->nr_running == 1)
		return;
	if (!task_current(rq, p))
		wakeup_preempt(rq, p, 0);
	else if (p->prio > old_prio)
		resched_curr(rq);
}

void task_init_fair(struct task_struct *p)
{
	struct sched_entity *se = &p->se;

	se->parent = p->group->se ? p->group->se[p->cpu] : NULL;
	se->cfs_rq = p->group->cfs_rq[p->cpu];
	se->my_q = NULL;
	se->vruntime = READ_ONCE(se->cfs_rq->min_vruntime);
	se->vlag = 0;
	se->rel_deadline = false;
	se->sched_delayed = false;
}

u64 get_rr_interval_fair(struct rq *rq, struct task_struct *p)
{
	return rq->fair_nr ? cfs_ops(p->se.cfs_rq)->slice(p->se.cfs_rq, &p->se) : 0;
}

void hrtick_fair(struct rq *rq)
{
	task_tick_fair(rq, rq->curr);
	if (!rq->need_resched)
		hrtick_start(rq);
}

void init_cfs_rq(struct cfs_rq *cfs, struct rq *rq, struct task_group *tg)
{
	cfs->timeline = RB_ROOT_CACHED;
	cfs->rq = rq;
	cfs->group = tg;
}
