/* SPDX-License-Identifier: MIT */
/*
 * cfs.c - the completely fair scheduler: the least vruntime runs next.
 *
 * Every entity should run once within the latency period, for a time in proportion to its weight.
 * With more of them than min_granularity allows the period grows. Sleepers come back at most half a
 * period behind the others, so that they get the CPU soon without having saved up their sleep.
 */
#include "guest/sched/fair.h"

static bool vruntime_less(const struct rb_node *a, const struct rb_node *b)
{
	return vtime_before(se_of(a)->vruntime, se_of(b)->vruntime);
}

/* ns of one period that belong to se, seen from the root down. */
static u64 slice_cfs(struct cfs_rq *cfs, struct sched_entity *se)
{
	const struct sched_tunables *tun = &cfs->rq->sched->tun;
	u64 nr = cfs->h_nr_running + !se->on_rq;
	u64 slice = MAX(tun->latency, nr * tun->min_granularity);

	for (; se; se = se->parent) {
		u64 load = se->cfs_rq->load + (se->on_rq ? 0 : se->weight);

		slice = slice * se->weight / load;
	}
	return MAX(slice, tun->min_granularity);
}

static void place_cfs(struct cfs_rq *cfs, struct sched_entity *se, int flags)
{
	u64 v = cfs->min_vruntime;

	if (flags & ENQUEUE_INITIAL)
		v += calc_delta_fair(slice_cfs(cfs, se), se->weight);
	else if (flags & ENQUEUE_WAKEUP)
		v -= cfs->rq->sched->tun.latency / 2;
	else
		return; /* moved or reweighted: keeps its place */
	if (vtime_before(se->vruntime, v))
		se->vruntime = v;
}

static void leave_cfs(struct cfs_rq *cfs, struct sched_entity *se, int flags)
{
	(void)cfs;
	(void)se;
	(void)flags;
}

static struct sched_entity *pick_cfs(struct cfs_rq *cfs)
{
	struct rb_node *first = rb_first_cached(&cfs->timeline);
	struct sched_entity *curr = cfs->curr && cfs->curr->on_rq ? cfs->curr : NULL;

	if (!first || (curr && vtime_before(curr->vruntime, se_of(first)->vruntime)))
		return curr;
	return se_of(first);
}

static void start_cfs(struct cfs_rq *cfs, struct sched_entity *se)
{
	(void)cfs;
	(void)se;
}

static bool expired_cfs(struct cfs_rq *cfs, struct sched_entity *curr)
{
	(void)cfs;
	(void)curr;
	return false; /* looked at by the tick */
}

static bool tick_cfs(struct cfs_rq *cfs, struct sched_entity *curr)
{
	u64 ran = curr->sum_exec_runtime - curr->prev_sum_exec_runtime;
	u64 ideal = slice_cfs(cfs, curr);
	struct rb_node *first = rb_first_cached(&cfs->timeline);

	if (ran >= ideal)
		return true;
	if (ran < cfs->rq->sched->tun.min_granularity || !first)
		return false;
	return (s64)(curr->vruntime - se_of(first)->vruntime) > (s64)ideal;
}

static bool preempts_cfs(struct cfs_rq *cfs, struct sched_entity *curr, struct sched_entity *woken)
{
	s64 ahead = (s64)(curr->vruntime - woken->vruntime);
	u64 gran = calc_delta_fair(cfs->rq->sched->tun.wakeup_granularity, woken->weight);

	return ahead > (s64)gran;
}

/* Behind everybody: the last in the order of vruntimes. */
static void yield_cfs(struct cfs_rq *cfs, struct sched_entity *curr)
{
	struct rb_node *last = rb_last(&cfs->timeline.root);

	if (last && !vtime_before(se_of(last)->vruntime, curr->vruntime))
		curr->vruntime = se_of(last)->vruntime + 1;
}

static bool delay_cfs(struct cfs_rq *cfs, struct sched_entity *se)
{
	(void)cfs;
	(void)se;
	return false;
}

static u64 time_left_cfs(struct cfs_rq *cfs, struct sched_entity *curr)
{
	u64 ran = curr->sum_exec_runtime - curr->prev_sum_exec_runtime;
	u64 ideal = slice_cfs(cfs, curr);

	return ran < ideal ? ideal - ran : 0;
}

static void reweight_cfs(struct sched_entity *se, u32 old_weight)
{
	(void)se;
	(void)old_weight;
}

static void migrate_cfs(struct sched_entity *se, struct cfs_rq *from, struct cfs_rq *to)
{
	/* As far ahead of the others there as here. */
	se->vruntime += READ_ONCE(to->min_vruntime) - READ_ONCE(from->min_vruntime);
}

static const struct fair_ops cfs_fair_ops = {
	.less = vruntime_less,
	.place = place_cfs,
	.leave = leave_cfs,
	.pick = pick_cfs,
	.start = start_cfs,
	.expired = expired_cfs,
	.tick = tick_cfs,
	.preempts = preempts_cfs,
	.yield = yield_cfs,
	.delay = delay_cfs,
	.time_left = time_left_cfs,
	.slice = slice_cfs,
	.reweight = reweight_cfs,
	.migrate = migrate_cfs,
};

const struct sched_class cfs_sched_class = {
	.name = "cfs",
	.fair = &cfs_fair_ops,
	FAIR_CLASS_MEMBERS,
};
