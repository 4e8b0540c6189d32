/* SPDX-License-Identifier: MIT */
/*
 * timer.c - the scheduler's own timers: a tree on each queue, of which the environment is told the
 * earliest time only.
 */
#include "guest/sched/internal.h"

static bool timer_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct sched_timer, node)->expires <
	       rb_entry(b, struct sched_timer, node)->expires;
}

static struct sched_timer *first_timer(struct rq *rq)
{
	return rb_entry_safe(rb_first_cached(&rq->timers), struct sched_timer, node);
}

static void program(struct rq *rq)
{
	struct sched_timer *t = first_timer(rq);
	u64 expires = t ? t->expires : UINT64_MAX;

	if (expires != rq->timer_set) {
		rq->timer_set = expires;
		sched_env_set_timer(rq->cpu, expires);
	}
}

void sched_timer_start(struct rq *rq, struct sched_timer *t, u64 expires)
{
	if (t->armed) {
		if (t->expires == expires)
			return;
		rb_erase_cached(&t->node, &rq->timers);
	}
	t->expires = expires;
	t->armed = true;
	rb_add_cached(&t->node, &rq->timers, timer_less);
	program(rq);
}

void sched_timer_cancel(struct rq *rq, struct sched_timer *t)
{
	if (!t->armed)
		return;
	rb_erase_cached(&t->node, &rq->timers);
	t->armed = false;
	program(rq);
}

void sched_timer_interrupt(void)
{
	struct rq *rq = this_rq();
	struct sched_timer *t;

	raw_spin_lock(&rq->lock);
	update_rq_clock(rq);
	rq->timer_set = UINT64_MAX; /* it was one-shot */
	while ((t = first_timer(rq)) && t->expires <= rq->clock) {
		rb_erase_cached(&t->node, &rq->timers);
		t->armed = false;
		t->fn(rq, t);
	}
	program(rq);
	raw_spin_unlock(&rq->lock);
}

void sched_timers_resume(void)
{
	struct rq *rq = this_rq();
	u64 flags = env_irq_save();

	raw_spin_lock(&rq->lock);
	rq->timer_set = UINT64_MAX; /* what the environment was told before is forgotten */
	program(rq);
	raw_spin_unlock(&rq->lock);
	env_irq_restore(flags);
}

const char *sched_timer_check(struct rq *rq)
{
	struct sched_timer *t = first_timer(rq);
	const char *bad = rb_check_cached(&rq->timers, timer_less, NULL);

	if (!bad && t && rq->timer_set > t->expires)
		bad = "S6: the environment waits for a later timer than the first";
	return bad;
}
