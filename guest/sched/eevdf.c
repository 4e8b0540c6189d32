/* SPDX-License-Identifier: MIT */
/*
 * eevdf.c - earliest eligible virtual deadline first: I. Stoica, H. Abdel-Wahab, "Earliest Eligible
 * Virtual Deadline First", Old Dominion University TR-95-22, 1995.
 *
 * Each entity asks for `slice` ns at a time. Its virtual deadline is where its vruntime will be when
 * it has had them. Among those that are owed time (lag >= 0) the earliest deadline runs; so a short
 * slice brings the CPU sooner, not longer. Lag stays within one request, the paper's theorem 1.
 *
 * The tree is in the order of deadlines, each node knowing the least vruntime below, so the search
 * for the first eligible one is one descent; usually the leftmost is eligible and there is none.
 */
#include "guest/sched/fair.h"

#include "guest/lib/math.h"

static bool deadline_less(const struct rb_node *a, const struct rb_node *b)
{
	return vtime_before(se_of(a)->deadline, se_of(b)->deadline);
}

static u64 slice_eevdf(struct cfs_rq *cfs, struct sched_entity *se)
{
	return se->custom_slice ? se->slice : cfs->rq->sched->tun.base_slice;
}

/* a * b / c with a sign. */
static s64 scale(s64 a, u64 b, u64 c)
{
	return a < 0 ? -(s64)mul_u64_u64_div_u64((u64)-a, b, c)
		     : (s64)mul_u64_u64_div_u64((u64)a, b, c);
}

/* Nobody is owed, or owes, more than two requests or a tick. */
static s64 clamp_lag(struct cfs_rq *cfs, struct sched_entity *se, s64 vlag)
{
	const struct sched_tunables *tun = &cfs->rq->sched->tun;
	s64 limit = (s64)calc_delta_fair(MAX(2 * slice_eevdf(cfs, se), tun->tick), se->weight);

	return vlag < -limit ? -limit : MIN(vlag, limit);
}

static void place_eevdf(struct cfs_rq *cfs, struct sched_entity *se, int flags)
{
	u64 v = avg_vruntime(cfs), vslice;
	s64 lag = 0;

	se->slice = slice_eevdf(cfs, se);
	vslice = calc_delta_fair(se->slice, se->weight);
	if (cfs->nr_queued && se->vlag) {
		u64 load = cfs->load;

		/* It comes with lag l and thereby moves V by -w l / (W + w): to have l afterwards
		 * it has to bring l (W + w) / W. */
		lag = scale(se->vlag, load + se->weight, load);
	}
	se->vruntime = v - (u64)lag;
	if (se->rel_deadline) {
		se->deadline += se->vruntime;
		se->rel_deadline = false;
		return;
	}
	if (flags & ENQUEUE_INITIAL)
		vslice /= 2; /* joins in the middle of a round */
	se->deadline = se->vruntime + vslice;
}

static void leave_eevdf(struct cfs_rq *cfs, struct sched_entity *se, int flags)
{
	se->vlag = clamp_lag(cfs, se, (s64)(avg_vruntime(cfs) - se->vruntime));
	if (se->sched_delayed && se->vlag > 0)
		se->vlag = 0;
	if (!(flags & DEQUEUE_SLEEP)) {
		se->deadline -= se->vruntime;
		se->rel_deadline = true;
	}
}

static struct sched_entity *pick_eevdf(struct cfs_rq *cfs)
{
	struct rb_node *node = cfs->timeline.root.node;
	struct rb_node *first = rb_first_cached(&cfs->timeline);
	struct sched_entity *curr = cfs->curr, *best = NULL;

	if (curr && (!curr->on_rq || !entity_eligible(cfs, curr)))
		curr = NULL;
	if (curr && vtime_before(curr->vruntime, curr->vprot) && !curr->sched_delayed)
		return curr;
	if (!first)
		return cfs->curr;
	if (entity_eligible(cfs, se_of(first))) {
		best = se_of(first);
		node = NULL;
	}
	while (node) {
		struct sched_entity *se = se_of(node);

		if (node->left && vruntime_eligible(cfs, se_of(node->left)->min_vruntime)) {
			node = node->left;
		} else if (entity_eligible(cfs, se)) {
			best = se;
			break;
		} else {
			node = node->right;
		}
	}
	if (!best || (curr && vtime_before(curr->deadline, best->deadline)))
		best = curr;
	BUG_ON(!best); /* lags add up to 0: somebody has none or is owed */
	return best;
}

/* Runs a whole request unless somebody asks for a shorter one: fewer switches, same bound. */
static void start_eevdf(struct cfs_rq *cfs, struct sched_entity *se)
{
	(void)cfs;
	se->vprot = se->deadline;
}

static bool expired_eevdf(struct cfs_rq *cfs, struct sched_entity *curr)
{
	if (vtime_before(curr->vruntime, curr->deadline))
		return false;
	curr->slice = slice_eevdf(cfs, curr);
	curr->deadline = curr->vruntime + calc_delta_fair(curr->slice, curr->weight);
	curr->vprot = curr->vruntime;
	return true;
}

static bool tick_eevdf(struct cfs_rq *cfs, struct sched_entity *curr)
{
	(void)cfs;
	return !vtime_before(curr->vruntime, curr->vprot);
}

static bool preempts_eevdf(struct cfs_rq *cfs, struct sched_entity *curr,
			   struct sched_entity *woken)
{
	if (woken->slice < curr->slice && entity_eligible(cfs, woken) &&
	    vtime_before(woken->deadline, curr->deadline))
		curr->vprot = curr->vruntime;
	return pick_eevdf(cfs) == woken;
}

static void yield_eevdf(struct cfs_rq *cfs, struct sched_entity *curr)
{
	curr->deadline += calc_delta_fair(slice_eevdf(cfs, curr), curr->weight);
	curr->vprot = curr->vruntime;
}

static bool delay_eevdf(struct cfs_rq *cfs, struct sched_entity *se)
{
	return cfs->rq->sched->tun.delay_dequeue && !entity_eligible(cfs, se);
}

static u64 time_left_eevdf(struct cfs_rq *cfs, struct sched_entity *curr)
{
	u64 until = vtime_before(curr->vruntime, curr->vprot) ? curr->vprot : curr->deadline;
	u64 left = vtime_before(curr->vruntime, until) ? until - curr->vruntime : 0;

	(void)cfs;
	return virtual_to_ns(left, curr->weight);
}

static void reweight_eevdf(struct sched_entity *se, u32 old_weight)
{
	se->vlag = scale(se->vlag, old_weight, se->weight);
	if (se->rel_deadline)
		se->deadline = (u64)scale((s64)se->deadline, old_weight, se->weight);
}

static void migrate_eevdf(struct sched_entity *se, struct cfs_rq *from, struct cfs_rq *to)
{
	/* Lag and relative deadline mean the same everywhere. */
	(void)se;
	(void)from;
	(void)to;
}

static const struct fair_ops eevdf_ops = {
	.less = deadline_less,
	.place = place_eevdf,
	.leave = leave_eevdf,
	.pick = pick_eevdf,
	.start = start_eevdf,
	.expired = expired_eevdf,
	.tick = tick_eevdf,
	.preempts = preempts_eevdf,
	.yield = yield_eevdf,
	.delay = delay_eevdf,
	.time_left = time_left_eevdf,
	.slice = slice_eevdf,
	.reweight = reweight_eevdf,
	.migrate = migrate_eevdf,
};

const struct sched_class eevdf_sched_class = {
	.name = "eevdf",
	.fair = &eevdf_ops,
	FAIR_CLASS_MEMBERS,
};
