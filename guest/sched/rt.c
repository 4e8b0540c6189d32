/* SPDX-License-Identifier: MIT */
/*
 * rt.c - SCHED_FIFO and SCHED_RR, sched(7): 100 lists and a bitmap; picking is finding a bit.
 *
 * R1 a bit is set exactly while its list has a member. R2 queued tasks, the running one too, are on
 * the list of their prio. R3 while throttled none of them counts in rq->nr_running.
 *
 * Throttling: RT tasks of a CPU get at most rt_runtime of each rt_period, so that a spinning one
 * leaves the administrator a shell. What a hypervisor takes meanwhile counts: on a busy host they
 * would else never have run for rt_runtime, and leave nothing. Over several CPUs the best tasks run: who cannot run at once is
 * pushed to the CPU with the least important work, and a CPU about to do worse pulls.
 */
#include "guest/sched/push.h"

static struct list_head *queue_of(struct rq *rq, const struct task_struct *p)
{
	return &rq->rt.queue[p->prio];
}

static int highest_prio(const struct rq *rq)
{
	return rq->rt.highest;
}

static void update_highest(struct rq *rq)
{
	WRITE_ONCE(rq->rt.highest, (int)find_first_bit(rq->rt.bitmap, MAX_RT_PRIO));
	set_overloaded(rq, &rq->sched->rt_overload, &rq->rt.overloaded,
		       rq->rt.nr_running > 1 && rq->rt.nr_migratory);
}

/* ---- throttling ------------------------------------------------------------------------------------ */

static void throttle(struct rq *rq)
{
	rq->rt.throttled = true;
	rq->rt.nr_throttled++;
	sub_nr_running(rq, rq->rt.nr_running); /* R3 */
	resched_curr(rq);
}

static void unthrottle(struct rq *rq)
{
	rq->rt.throttled = false;
	add_nr_running(rq, rq->rt.nr_running);
	if (rq->rt.nr_running && highest_prio(rq) < rq->curr->prio)
		resched_curr(rq);
}

static void period_timer(struct rq *rq, struct sched_timer *timer)
{
	const struct sched_tunables *tun = &rq->sched->tun;
	struct rt_rq *rt = &rq->rt;

	if (rq->curr->sched_class == &rt_sched_class)
		rt_sched_class.update_curr(rq);
	rt->time -= MIN(rt->time, tun->rt_runtime);
	if (rt->throttled && rt->time < tun->rt_runtime)
		unthrottle(rq);
	rt->timer_set = rt->time || rt->nr_running;
	if (rt->timer_set)
		sched_timer_start(rq, timer, timer->expires + tun->rt_period);
}

static void charge_runtime(struct rq *rq, u64 delta)
{
	const struct sched_tunables *tun = &rq->sched->tun;
	struct rt_rq *rt = &rq->rt;

	if (tun->rt_runtime == RUNTIME_INF)
		return;
	if (!rt->timer_set) {
		rt->timer_set = true;
		sched_timer_start(rq, &rt->period_timer, rq->clock + tun->rt_period);
	}
	rt->time += delta;
	if (rt->time > tun->rt_runtime && !rt->throttled)
		throttle(rq);
}

static void update_curr_rt(struct rq *rq)
{
	struct sched_entity *se = &rq->curr->se;

	if (rq->clock_task > se->exec_start) {
		se->sum_exec_runtime += rq->clock_task - se->exec_start;
		se->exec_start = rq->clock_task;
	}
	if (rq->clock > rq->rt.charged_until) {
		u64 delta = rq->clock - rq->rt.charged_until;

		rq->rt.charged_until = rq->clock;
		charge_runtime(rq, delta);
	}
}

/* ---- the lists --------------------------------------------------------------------------------------- */

static void list_in(struct rq *rq, struct task_struct *p, bool head)
{
	if (head)
		list_add(&p->rt.run_list, queue_of(rq, p));
	else
		list_add_tail(&p->rt.run_list, queue_of(rq, p));
	__set_bit((unsigned)p->prio, rq->rt.bitmap);
	p->rt.on_list = true;
}

static void list_out(struct rq *rq, struct task_struct *p)
{
	list_del_init(&p->rt.run_list);
	if (list_empty(queue_of(rq, p)))
		__clear_bit((unsigned)p->prio, rq->rt.bitmap);
	p->rt.on_list = false;
}

static void enqueue_task_rt(struct rq *rq, struct task_struct *p, int flags)
{
	BUG_ON(p->rt.on_list || !rt_prio(p->prio) || p->prio < 0);
	list_in(rq, p, flags & ENQUEUE_HEAD);
	rq->rt.nr_running++;
	rq->rt.nr_migratory += p->nr_cpus_allowed > 1;
	if (!rq->rt.throttled)
		add_nr_running(rq, 1);
	update_highest(rq);
}

static bool dequeue_task_rt(struct rq *rq, struct task_struct *p, int flags)
{
	(void)flags;
	BUG_ON(!p->rt.on_list);
	if (task_current(rq, p))
		update_curr_rt(rq);
	list_out(rq, p);
	if (!rq->rt.throttled)
		sub_nr_running(rq, 1);
	rq->rt.nr_running--;
	rq->rt.nr_migratory -= p->nr_cpus_allowed > 1;
	update_highest(rq);
	return true;
}

static void yield_task_rt(struct rq *rq)
{
	list_move_tail(&rq->curr->rt.run_list, queue_of(rq, rq->curr));
}

static void wakeup_preempt_rt(struct rq *rq, struct task_struct *p, int wake_flags)
{
	(void)wake_flags;
	if (p->prio < rq->curr->prio)
		resched_curr(rq);
}

static struct task_struct *pick_task_rt(struct rq *rq)
{
	if (!rq->rt.nr_running || rq->rt.throttled)
		return NULL;
	return list_first_entry(&rq->rt.queue[highest_prio(rq)], struct task_struct, rt.run_list);
}

static void put_prev_task_rt(struct rq *rq, struct task_struct *p)
{
	(void)p;
	update_curr_rt(rq);
}

static void set_next_task_rt(struct rq *rq, struct task_struct *p, bool first)
{
	(void)first;
	p->se.exec_start = rq->clock_task;
	rq->rt.charged_until = rq->clock;
	if (rq->rt.overloaded)
		rq->push |= (u8)BIT(SLOT_RT);
}

static void task_tick_rt(struct rq *rq, struct task_struct *p)
{
	u64 tick = rq->sched->tun.tick;

	update_curr_rt(rq);
	if (p->policy != SCHED_RR)
		return;
	if (p->rt.time_slice > tick) {
		p->rt.time_slice -= tick;
		return;
	}
	p->rt.time_slice = rq->sched->tun.rr_timeslice;
	if (p->rt.on_list && !list_is_singular(queue_of(rq, p))) {
		list_move_tail(&p->rt.run_list, queue_of(rq, p));
		resched_curr(rq);
	}
}

/* ---- several CPUs -------------------------------------------------------------------------------------- */

static int lowest_prio(const struct rq *rq)
{
	int prio = MIN(READ_ONCE(rq->curr_prio), READ_ONCE(rq->rt.highest));

	return READ_ONCE(rq->dl.earliest) == UINT64_MAX ? prio : MAX_DL_PRIO - 1;
}

/* The CPU whose current work matters least, if p matters more; else nr_cpus. No lock needed. */
static unsigned find_lowest_cpu(const struct task_struct *p)
{
	struct sched *s = p->sched;
	unsigned best = s->nr_cpus;
	int best_prio = p->prio;
	size_t cpu;

	/* Who is queued counts like who runs: it will, as soon as an interrupt has arrived. */
	for_each_set_bit (cpu, p->cpus_ptr, s->nr_cpus) {
		struct rq *rq = cpu_rq(s, (unsigned)cpu);
		int prio = available_idle_cpu(rq) ? MAX_PRIO + 1 : lowest_prio(rq);

		if (!cpu_online(s, (unsigned)cpu) || prio <= best_prio)
			continue;
		best = (unsigned)cpu;
		best_prio = prio;
		if (prio > MAX_PRIO)
			break;
	}
	return best;
}

static unsigned select_task_rq_rt(struct task_struct *p, unsigned cpu, int wake_flags)
{
	struct rq *rq = cpu_rq(p->sched, cpu);
	unsigned best;

	(void)wake_flags;
	/* Stays where its cache may be warm unless that CPU has something as urgent to do. */
	if (cpu_online(p->sched, cpu) && task_allowed(p, cpu) && lowest_prio(rq) >= MAX_RT_PRIO)
		return cpu;
	best = find_lowest_cpu(p);
	return best < p->sched->nr_cpus ? best : cpu;
}

static struct task_struct *first_pushable(struct rq *rq, unsigned cpu)
{
	size_t prio;

	if (rq->rt.throttled)
		return NULL;
	for_each_set_bit (prio, rq->rt.bitmap, MAX_RT_PRIO) {
		struct task_struct *p;

		list_for_each_entry (p, &rq->rt.queue[prio], rt.run_list)
			if (pushable(rq, p, cpu))
				return p;
	}
	return NULL;
}

static bool wins(const struct task_struct *p, const struct rq *to)
{
	return p->prio < lowest_prio(to);
}

static bool beats_queued(const struct task_struct *p, const struct rq *rq)
{
	return p->prio < highest_prio(rq);
}

/* One better than what runs there is about to run there. */
static bool waits_for_better(const struct task_struct *p, const struct rq *from)
{
	return p->prio >= from->curr->prio;
}

static const struct push_ops rt_push_ops = {
	.first_pushable = first_pushable,
	.find_cpu = find_lowest_cpu,
	.wins = wins,
	.beats_queued = beats_queued,
	.waits_for_better = waits_for_better,
};

static void push_rt(struct rq *rq)
{
	push_away(rq, &rt_push_ops);
}

static bool balance_rt(struct rq *rq)
{
	if (!rq->rt.throttled)
		pull_here(rq, &rt_push_ops, &rq->sched->rt_overload);
	return (rq->rt.nr_running && !rq->rt.throttled) || rq->dl.nr_running ||
	       (rq->stop && task_on_rq_queued(rq->stop));
}

/* ---- changes -------------------------------------------------------------------------------------------- */

static void switched_to_rt(struct rq *rq, struct task_struct *p)
{
	if (!task_on_rq_queued(p))
		return;
	if (rq->rt.overloaded)
		rq->push |= (u8)BIT(SLOT_RT);
	if (task_current(rq, p) ? rq->rt.overloaded : p->prio < rq->curr->prio)
		resched_curr(rq);
	else if (rq->push)
		resched_curr(rq); /* somebody has to push it */
}

static void prio_changed_rt(struct rq *rq, struct task_struct *p, int old_prio)
{
	if (!task_on_rq_queued(p))
		return;
	/* Less important than before: here or elsewhere a better one may wait. */
	if (task_current(rq, p) ? p->prio > old_prio : p->prio < rq->curr->prio)
		resched_curr(rq);
}

static void task_init_rt(struct task_struct *p)
{
	INIT_LIST_HEAD(&p->rt.run_list);
	p->rt.on_list = false;
	p->rt.time_slice = p->sched->tun.rr_timeslice;
}

static u64 get_rr_interval_rt(struct rq *rq, struct task_struct *p)
{
	return p->policy == SCHED_RR ? rq->sched->tun.rr_timeslice : 0;
}

void rt_rq_offline(struct rq *rq)
{
	rq->rt.time = 0;
	if (rq->rt.throttled)
		unthrottle(rq);
}

void init_rt_rq(struct rq *rq)
{
	for (unsigned i = 0; i < MAX_RT_PRIO; i++)
		INIT_LIST_HEAD(&rq->rt.queue[i]);
	rq->rt.highest = MAX_RT_PRIO;
	rq->rt.period_timer.fn = period_timer;
}

static const char *check_rt(struct rq *rq)
{
	unsigned n = 0, migratory = 0;

	for (unsigned prio = 0; prio < MAX_RT_PRIO; prio++) {
		struct task_struct *p;

		if (test_bit(prio, rq->rt.bitmap) == list_empty(&rq->rt.queue[prio]))
			return "R1: bit and list disagree";
		list_for_each_entry (p, &rq->rt.queue[prio], rt.run_list) {
			if (p->prio != (int)prio || p->cpu != rq->cpu || !p->rt.on_list)
				return "R2: a task on the wrong list";
			n++;
			migratory += p->nr_cpus_allowed > 1;
		}
	}
	if (n != rq->rt.nr_running || migratory != rq->rt.nr_migratory)
		return "R2: the count of tasks is wrong";
	if (rq->rt.highest != (int)find_first_bit(rq->rt.bitmap, MAX_RT_PRIO))
		return "R1: the best priority is out of date";
	if (rq->rt.overloaded != test_bit(rq->cpu, rq->sched->rt_overload.cpus))
		return "R4: the overload mask is wrong";
	return NULL;
}

const struct sched_class rt_sched_class = {
	.name = "rt",
	.slot = SLOT_RT,
	.enqueue_task = enqueue_task_rt,
	.dequeue_task = dequeue_task_rt,
	.yield_task = yield_task_rt,
	.wakeup_preempt = wakeup_preempt_rt,
	.pick_task = pick_task_rt,
	.put_prev_task = put_prev_task_rt,
	.set_next_task = set_next_task_rt,
	.balance = balance_rt,
	.push = push_rt,
	.select_task_rq = select_task_rq_rt,
	.task_tick = task_tick_rt,
	.update_curr = update_curr_rt,
	.switched_to = switched_to_rt,
	.prio_changed = prio_changed_rt,
	.task_init = task_init_rt,
	.get_rr_interval = get_rr_interval_rt,
	.check = check_rt,
};
