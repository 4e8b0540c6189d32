/* SPDX-License-Identifier: MIT */
/*
 * o1.c - the O(1) scheduler that Ingo Molnar wrote for Linux 2.6: two arrays of 40 lists with a
 * bitmap each. Who has used up its slice goes from the active array to the expired one; when the
 * active one is empty they change places. Whatever the number of tasks, picking is finding a bit.
 *
 * A task that sleeps much is taken for interactive: it gains up to 5 levels of priority (a hog loses
 * up to 5), and goes back to the active array unless the expired ones starve.
 *
 * O1 a bit is set exactly while its list has a member. O2 a queued task is on the list of its
 * dynamic prio in one of the arrays. Groups are not known to it: all tasks are equal members.
 */
#include "guest/sched/internal.h"

#define MAX_BONUS	  10
#define MAX_SLEEP_AVG	  NSEC_PER_SEC_
#define STARVATION_LIMIT  MAX_SLEEP_AVG
#define INTERACTIVE_DELTA 2
#define MIN_TIMESLICE	  (5 * NSEC_PER_MSEC_)
#define DEF_TIMESLICE	  (100 * NSEC_PER_MSEC_)
#define GRANULARITY	  (10 * NSEC_PER_MSEC_)

/* 5 ms for nice 19, 100 ms for 0, 800 ms for -20. */
static u64 task_timeslice(const struct task_struct *p)
{
	u64 base = p->static_prio < DEFAULT_PRIO ? 4 * DEF_TIMESLICE : DEF_TIMESLICE;
	u64 slice = base * (u64)(MAX_PRIO - p->static_prio) / (O1_PRIOS / 2);

	if (p->policy == SCHED_IDLE)
		return MIN_TIMESLICE;
	return MAX(slice, MIN_TIMESLICE);
}

static int current_bonus(const struct task_struct *p)
{
	return (int)(p->o1.sleep_avg * MAX_BONUS / MAX_SLEEP_AVG);
}

static int effective_prio(const struct task_struct *p)
{
	int prio = p->static_prio - current_bonus(p) + MAX_BONUS / 2;

	if (p->policy != SCHED_NORMAL)
		prio = MAX(prio, p->policy == SCHED_IDLE ? MAX_PRIO - 1 : p->static_prio);
	return MIN(MAX(prio, MAX_RT_PRIO), MAX_PRIO - 1);
}

/* How many levels better than its nice value a task must be to count as interactive: few for a
 * negative nice, and more than there are for a high one. */
static bool task_interactive(const struct task_struct *p)
{
	int delta = task_nice(p) * MAX_BONUS / 40 + INTERACTIVE_DELTA;

	return p->o1.prio <= p->static_prio - delta;
}

static bool expired_starving(const struct rq *rq)
{
	const struct o1_rq *o = &rq->o1;

	return (o->expired_since &&
		rq->clock - o->expired_since > STARVATION_LIMIT * rq->fair_nr) ||
	       rq->curr->static_prio > o->best_expired_prio;
}

/* ---- arrays -------------------------------------------------------------------------------------------- */

static void array_add(struct o1_array *a, struct task_struct *p, bool head)
{
	unsigned i = (unsigned)(p->o1.prio - MAX_RT_PRIO);

	if (head)
		list_add(&p->o1.run_list, &a->queue[i]);
	else
		list_add_tail(&p->o1.run_list, &a->queue[i]);
	__set_bit(i, a->bitmap);
	a->nr_active++;
	p->o1.array = a;
}

static void array_del(struct task_struct *p)
{
	unsigned i = (unsigned)(p->o1.prio - MAX_RT_PRIO);
	struct o1_array *a = p->o1.array;

	list_del_init(&p->o1.run_list);
	if (list_empty(&a->queue[i]))
		__clear_bit(i, a->bitmap);
	a->nr_active--;
	p->o1.array = NULL;
}

static void enqueue_task_o1(struct rq *rq, struct task_struct *p, int flags)
{
	BUG_ON(p->o1.array);
	if ((flags & ENQUEUE_WAKEUP) && rq->clock > p->o1.timestamp)
		p->o1.sleep_avg =
			MIN(p->o1.sleep_avg + (rq->clock - p->o1.timestamp), MAX_SLEEP_AVG);
	p->o1.timestamp = rq->clock;
	p->o1.prio = effective_prio(p);
	array_add(rq->o1.active, p, flags & ENQUEUE_HEAD);
	fair_account_enqueue(rq, p);
}

static void update_curr_o1(struct rq *rq)
{
	struct task_struct *p = rq->curr;
	u64 delta, bonus;

	if (rq->clock_task <= p->se.exec_start)
		return;
	delta = rq->clock_task - p->se.exec_start;
	p->se.exec_start = rq->clock_task;
	p->se.sum_exec_runtime += delta;
	p->o1.time_slice -= MIN(delta, p->o1.time_slice);
	/* The more bonus, the more slowly running uses it up. */
	bonus = (u64)current_bonus(p);
	p->o1.sleep_avg -= MIN(delta / MAX(bonus, 1ULL), p->o1.sleep_avg);
}

static bool dequeue_task_o1(struct rq *rq, struct task_struct *p, int flags)
{
	(void)flags;
	if (task_current(rq, p))
		update_curr_o1(rq);
	array_del(p);
	p->o1.timestamp = rq->clock;
	fair_account_dequeue(rq, p);
	return true;
}

static void expire(struct rq *rq, struct task_struct *p)
{
	struct o1_rq *o = &rq->o1;

	if (!o->expired_since)
		o->expired_since = MAX(rq->clock, 1ULL);
	o->best_expired_prio = MIN(o->best_expired_prio, p->static_prio);
	array_add(o->expired, p, false);
}

static void yield_task_o1(struct rq *rq)
{
	/* Behind all that are not expired yet. */
	array_del(rq->curr);
	expire(rq, rq->curr);
}

static void wakeup_preempt_o1(struct rq *rq, struct task_struct *p, int wake_flags)
{
	(void)wake_flags;
	if (p->o1.prio < rq->curr->o1.prio)
		resched_curr(rq);
}

static struct task_struct *pick_task_o1(struct rq *rq)
{
	struct o1_rq *o = &rq->o1;

	if (!o->active->nr_active) {
		struct o1_array *a = o->active;

		if (!o->expired->nr_active)
			return NULL;
		o->active = o->expired;
		o->expired = a;
		o->expired_since = 0;
		o->best_expired_prio = MAX_PRIO;
	}
	return list_first_entry(&o->active->queue[find_first_bit(o->active->bitmap, O1_PRIOS)],
				struct task_struct, o1.run_list);
}

static void put_prev_task_o1(struct rq *rq, struct task_struct *p)
{
	(void)p;
	update_curr_o1(rq);
}

static void set_next_task_o1(struct rq *rq, struct task_struct *p, bool first)
{
	(void)first;
	p->se.exec_start = rq->clock_task;
	p->se.prev_sum_exec_runtime = p->se.sum_exec_runtime;
}

static void task_tick_o1(struct rq *rq, struct task_struct *p)
{
	struct o1_array *a = p->o1.array;
	u64 ran;

	update_curr_o1(rq);
	if (p->o1.time_slice) {
		/* A long slice is had in pieces among equals, or they would wait 800 ms. */
		ran = p->se.sum_exec_runtime - p->se.prev_sum_exec_runtime;
		if (task_interactive(p) && ran >= GRANULARITY && a == rq->o1.active &&
		    !list_is_singular(&a->queue[p->o1.prio - MAX_RT_PRIO])) {
			array_del(p);
			p->o1.prio = effective_prio(p);
			array_add(a, p, false);
			resched_curr(rq);
		}
		return;
	}
	array_del(p);
	p->o1.prio = effective_prio(p);
	p->o1.time_slice = task_timeslice(p);
	if (task_interactive(p) && !expired_starving(rq))
		array_add(rq->o1.active, p, false);
	else
		expire(rq, p);
	resched_curr(rq);
}

static void switched_to_o1(struct rq *rq, struct task_struct *p)
{
	if (task_on_rq_queued(p))
		resched_curr(rq);
}

static void prio_changed_o1(struct rq *rq, struct task_struct *p, int old_prio)
{
	(void)old_prio;
	if (task_on_rq_queued(p) && rq->nr_running > 1)
		resched_curr(rq);
}

static void task_init_o1(struct task_struct *p)
{
	p->o1 = (struct o1_entity){ .prio = p->static_prio, .time_slice = task_timeslice(p) };
	p->o1.timestamp = task_rq(p)->clock;
	INIT_LIST_HEAD(&p->o1.run_list);
}

/* A child takes half of what its parent has left, so that forking gains no time. */
static void task_fork_o1(struct task_struct *p, struct task_struct *parent)
{
	if (parent->sched_class != &o1_sched_class)
		return;
	p->o1.time_slice = (parent->o1.time_slice + 1) / 2;
	parent->o1.time_slice /= 2;
	p->o1.sleep_avg = parent->o1.sleep_avg;
}

static u64 get_rr_interval_o1(struct rq *rq, struct task_struct *p)
{
	(void)rq;
	return task_timeslice(p);
}

void init_o1_rq(struct rq *rq)
{
	struct o1_rq *o = &rq->o1;

	for (unsigned i = 0; i < O1_PRIOS; i++) {
		INIT_LIST_HEAD(&o->arrays[0].queue[i]);
		INIT_LIST_HEAD(&o->arrays[1].queue[i]);
	}
	o->active = &o->arrays[0];
	o->expired = &o->arrays[1];
	o->best_expired_prio = MAX_PRIO;
}

static const char *check_array(struct rq *rq, struct o1_array *a, unsigned *sum)
{
	unsigned n = 0;

	for (unsigned i = 0; i < O1_PRIOS; i++) {
		struct task_struct *p;

		if (test_bit(i, a->bitmap) == list_empty(&a->queue[i]))
			return "O1: bit and list disagree";
		list_for_each_entry (p, &a->queue[i], o1.run_list) {
			if (p->o1.array != a || p->o1.prio != (int)i + MAX_RT_PRIO ||
			    p->cpu != rq->cpu)
				return "O2: a task on the wrong list";
			n++;
		}
	}
	*sum += n;
	return n == a->nr_active ? NULL : "O2: the count of tasks is wrong";
}

static const char *check_o1(struct rq *rq)
{
	unsigned n = 0;
	const char *bad = check_array(rq, rq->o1.active, &n);

	if (!bad)
		bad = check_array(rq, rq->o1.expired, &n);
	if (!bad && n != rq->fair_nr)
		bad = "O2: tasks are missing";
	return bad;
}

const struct sched_class o1_sched_class = {
	.name = "o1",
	.slot = SLOT_FAIR,
	.enqueue_task = enqueue_task_o1,
	.dequeue_task = dequeue_task_o1,
	.yield_task = yield_task_o1,
	.wakeup_preempt = wakeup_preempt_o1,
	.pick_task = pick_task_o1,
	.put_prev_task = put_prev_task_o1,
	.set_next_task = set_next_task_o1,
	.balance = balance_fair,
	.select_task_rq = select_task_rq_fair,
	.task_tick = task_tick_o1,
	.update_curr = update_curr_o1,
	.switched_to = switched_to_o1,
	.prio_changed = prio_changed_o1,
	.task_init = task_init_o1,
	.task_fork = task_fork_o1,
	.get_rr_interval = get_rr_interval_o1,
	.check = check_o1,
};
