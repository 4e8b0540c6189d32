/* SPDX-License-Identifier: MIT */
/*
 * bandwidth.c - time limits of groups: cpu.max. P. Turner, B. Rao, N. Rao, "CPU bandwidth control for
 * CFS", Linux Symposium 2010.
 *
 * A group has quota ns in each period. CPUs take slices of it, so that they meet at the group's lock
 * once a slice only. A queue that gets nothing more is throttled: its group's entity leaves the tree,
 * and with it everything below, until the next period.
 *
 * L1 what all CPUs take in a period is at most quota + burst; what a CPU runs beyond its slice (until
 * it is noticed) is taken from its next one. L2 a throttled queue's timer is armed, on its own CPU,
 * for the end of the period: nobody else has to wake it. L3 only picking throttles, so a queue is never
 * taken away from under a change of its tasks. Time of a CPU that is going offline is not limited.
 */
#include "guest/sched/fair.h"

#define MIN_PERIOD NSEC_PER_MSEC_
#define MAX_PERIOD NSEC_PER_SEC_
#define MIN_QUOTA  NSEC_PER_MSEC_
#define KEPT	   NSEC_PER_MSEC_ /* by an empty queue, for its next task */

void init_cfs_bandwidth(struct cfs_bandwidth *b)
{
	*b = (struct cfs_bandwidth){ .quota = RUNTIME_INF, .period = 100 * NSEC_PER_MSEC_ };
	spin_lock_init(&b->lock);
}

/* b->lock is held from here on where b is given. */
static void refill(struct cfs_bandwidth *b, u64 now)
{
	u64 most = b->quota + b->burst, n;

	if (now < b->period_end)
		return;
	if (!b->period_end) {
		b->runtime = b->quota;
		b->period_end = now + b->period;
		return;
	}
	n = (now - b->period_end) / b->period + 1;
	b->runtime = n > most / b->quota ? most : MIN(b->runtime + n * b->quota, most);
	b->period_end += n * b->period;
	b->nr_periods++;
}

/* Brings the queue's share up to `want` if it can be had; whether there is any now. */
static bool take(struct cfs_rq *cfs, s64 want)
{
	struct cfs_bandwidth *b = &cfs->group->bandwidth;
	u64 got = 0;

	raw_spin_lock(&b->lock);
	refill(b, cfs->rq->clock);
	if (want > cfs->runtime_remaining)
		got = MIN((u64)(want - cfs->runtime_remaining), b->runtime);
	b->runtime -= got; /* L1 */
	raw_spin_unlock(&b->lock);
	cfs->runtime_remaining += (s64)got;
	return cfs->runtime_remaining > 0;
}

static bool take_slice(struct cfs_rq *cfs)
{
	return take(cfs, (s64)cfs->rq->sched->tun.bandwidth_slice);
}

void charge_bandwidth(struct cfs_rq *cfs, u64 delta)
{
	cfs->runtime_remaining -= (s64)delta;
	if (cfs->runtime_remaining <= 0 && cfs->rq->online && !take_slice(cfs))
		resched_curr(cfs->rq); /* L3 */
}

void return_bandwidth(struct cfs_rq *cfs)
{
	struct cfs_bandwidth *b = &cfs->group->bandwidth;
	s64 more = cfs->runtime_remaining - (s64)KEPT;

	if (more <= 0)
		return;
	raw_spin_lock(&b->lock);
	b->runtime = MIN(b->runtime + (u64)more, b->quota + b->burst);
	raw_spin_unlock(&b->lock);
	cfs->runtime_remaining -= more;
}

/* ---- throttling --------------------------------------------------------------------------------------- */

static struct sched_entity *entity_of(struct cfs_rq *cfs)
{
	return cfs->group->se[cfs->rq->cpu];
}

static void arm(struct cfs_rq *cfs)
{
	sched_timer_start(cfs->rq, &cfs->limit_timer,
			  MAX(cfs->group->bandwidth.period_end, cfs->rq->clock + 1));
}

static void throttle(struct cfs_rq *cfs)
{
	struct cfs_bandwidth *b = &cfs->group->bandwidth;
	struct sched_entity *se = entity_of(cfs);
	int n = (int)cfs->h_nr_running;
	s64 load = (s64)cfs->h_load;

	raw_spin_lock(&b->lock);
	b->nr_throttled += b->throttled_in != b->period_end;
	b->throttled_in = b->period_end;
	raw_spin_unlock(&b->lock);
	cfs->throttled_since = cfs->rq->clock;
	if (count_runnable(se, -n, -load))
		fair_count(cfs->rq, -n, -load);
	cfs->throttled = true;
	dequeue_entities(se, DEQUEUE_SLEEP);
	arm(cfs); /* L2 */
}

static void unthrottle(struct cfs_rq *cfs)
{
	struct cfs_bandwidth *b = &cfs->group->bandwidth;
	struct sched_entity *se = entity_of(cfs);
	struct rq *rq = cfs->rq;
	int n = (int)cfs->h_nr_running;
	s64 load = (s64)cfs->h_load;

	cfs->throttled = false;
	sched_timer_cancel(rq, &cfs->limit_timer);
	raw_spin_lock(&b->lock);
	b->throttled_ns += rq->clock - cfs->throttled_since;
	raw_spin_unlock(&b->lock);
	if (!cfs->nr_queued)
		return;
	if (count_runnable(se, n, load))
		fair_count(rq, n, load);
	enqueue_entities(se, ENQUEUE_WAKEUP);
	if (rq->fair_nr)
		resched_curr(rq);
}

bool bandwidth_left(struct cfs_rq *cfs)
{
	if (cfs->runtime_remaining > 0 || !cfs->rq->online || take_slice(cfs))
		return true;
	throttle(cfs);
	return false;
}

static void period_begins(struct rq *rq, struct sched_timer *timer)
{
	struct cfs_rq *cfs = container_of(timer, struct cfs_rq, limit_timer);

	(void)rq;
	if (!cfs->throttled)
		return;
	/* Just enough to run on: whoever needs a slice asks for it then, and all CPUs get their
	 * chance. */
	if (take(cfs, 1))
		unthrottle(cfs);
	else
		arm(cfs);
}

bool fair_throttled(const struct task_struct *p)
{
	if (!p->sched_class->fair)
		return false;
	for (const struct sched_entity *se = &p->se; se; se = se->parent)
		if (se->cfs_rq->throttled)
			return true;
	return false;
}

/* ---- changes --------------------------------------------------------------------------------------------- */

/* Its limit is as the group says; its share starts anew. */
static void set_limited(struct cfs_rq *cfs, bool limited)
{
	cfs->limit_timer.fn = period_begins;
	cfs->limited = limited;
	cfs->runtime_remaining = 0;
	if (cfs->throttled)
		unthrottle(cfs);
}

int task_group_set_bandwidth(struct task_group *tg, u64 quota, u64 period, u64 burst)
{
	struct cfs_bandwidth *b = &tg->bandwidth;
	struct sched *s = tg->sched;
	bool limited = quota != RUNTIME_INF;
	u64 flags;

	if (!tg->parent || period < MIN_PERIOD || period > MAX_PERIOD)
		return -EINVAL;
	if (limited && (quota < MIN_QUOTA || quota > UINT64_MAX / 4 || burst > quota))
		return -EINVAL;
	flags = spin_lock_irqsave(&b->lock);
	b->quota = quota;
	b->period = period;
	b->burst = limited ? burst : 0;
	b->period_end = 0;
	b->runtime = 0;
	spin_unlock_irqrestore(&b->lock, flags);
	for (unsigned cpu = 0; cpu < s->nr_cpus; cpu++) {
		struct rq *rq = cpu_rq(s, cpu);

		env_preempt_disable();
		flags = env_irq_save();
		raw_spin_lock(&rq->lock);
		update_rq_clock(rq);
		set_limited(tg->cfs_rq[cpu], limited);
		raw_spin_unlock(&rq->lock);
		env_irq_restore(flags);
		env_preempt_enable();
	}
	return 0;
}

void fair_rq_offline(struct rq *rq)
{
	struct rb_node *node = rb_first_cached(&rq->timers), *next;

	/* Every throttled queue has its timer here, L2. */
	for (; node; node = next) {
		struct sched_timer *t = rb_entry(node, struct sched_timer, node);

		next = rb_next(node);
		if (t->fn == period_begins)
			unthrottle(container_of(t, struct cfs_rq, limit_timer));
	}
}

const char *check_bandwidth(struct rq *rq)
{
	struct task_group *tg;

	list_for_each_entry (tg, &rq->sched->groups, node) {
		const struct cfs_rq *cfs = tg->cfs_rq[rq->cpu];

		if (cfs->throttled && !cfs->limited)
			return "L1: a queue without a limit is throttled";
		if (cfs->throttled != cfs->limit_timer.armed)
			return "L2: a throttled queue without a timer, or the other way round";
		if (cfs->throttled && tg->se[rq->cpu]->on_rq)
			return "F5: a throttled group is queued";
	}
	return NULL;
}
