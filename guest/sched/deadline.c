/* SPDX-License-Identifier: MIT */
/*
 * deadline.c - SCHED_DEADLINE: earliest deadline first over reservations that police themselves.
 *
 * EDF: C. Liu, J. Layland, "Scheduling algorithms for multiprogramming in a hard-real-time
 * environment", JACM 20(1), 1973. Reservations are constant bandwidth servers: L. Abeni, G. Buttazzo,
 * "Integrating multimedia applications in hard real-time systems", RTSS 1998: who has used up its
 * runtime waits for its next period, so an overrunner harms nobody but itself.
 *
 * D1 the tree is in the order of deadlines. D2 a queued task is on the tree or throttled. D3 a
 * throttled task's timer is armed on its own queue. D4 the sum of runtime/period admitted stays
 * below CPUs * rt_runtime / rt_period.
 *
 * On one CPU D4 means that no deadline is missed; on several, that lateness is bounded (U. Devi, J.
 * Anderson, "Tardiness bounds under global EDF scheduling", RTSS 2005).
 */
#include "guest/sched/push.h"

#include "guest/lib/math.h"

#define BW_SHIFT    20
#define MIN_RUNTIME 1024ULL
#define MIN_PERIOD  (100 * NSEC_PER_USEC_)
#define MAX_PERIOD  (1ULL << 32) /* about 4 s */

static struct task_struct *dl_task_of(const struct rb_node *node)
{
	return rb_entry(node, struct task_struct, dl.node);
}

static bool dl_less(const struct rb_node *a, const struct rb_node *b)
{
	return dl_task_of(a)->dl.deadline < dl_task_of(b)->dl.deadline;
}

/* Runs with somebody else's deadline: not policed, it has to let go of a lock. */
static bool boosted(const struct task_struct *p)
{
	return !dl_policy(p->policy) || (p->pi_top_task && dl_prio(p->pi_top_task->prio));
}

/* ---- admission ---------------------------------------------------------------------------------------- */

static u64 period_of(const struct sched_attr *attr)
{
	return attr->period ? attr->period : attr->deadline;
}

bool dl_attr_valid(const struct sched_attr *attr)
{
	u64 period = period_of(attr);

	return attr->runtime >= MIN_RUNTIME && attr->runtime <= attr->deadline &&
	       attr->deadline <= period && period >= MIN_PERIOD && period <= MAX_PERIOD;
}

static u64 ratio(u64 runtime, u64 period)
{
	return (runtime << BW_SHIFT) / period;
}

int dl_admit(struct task_struct *p, unsigned policy, const struct sched_attr *attr)
{
	struct sched *s = p->sched;
	u64 bw = dl_policy(policy) ? ratio(attr->runtime, period_of(attr)) : 0;
	u64 was = dl_policy(p->policy) ? p->dl.dl_bw : 0;
	u64 limit = RUNTIME_INF;
	int err = 0;

	if (!bw && !was)
		return 0;
	/* The sum speaks for all CPUs: a task bound to a few of them could overload those. */
	if (bw && p->nr_cpus_allowed < s->nr_cpus)
		return -EPERM;
	raw_spin_lock(&s->dl_lock);
	if (s->tun.rt_runtime != RUNTIME_INF)
		limit = bitmap_weight(s->online, s->nr_cpus) *
			ratio(s->tun.rt_runtime, s->tun.rt_period);
	if (bw > was && s->dl_total_bw - was + bw > limit)
		err = -EBUSY;
	else
		s->dl_total_bw += bw - was;
	raw_spin_unlock(&s->dl_lock);
	return err;
}

void dl_set_params(struct task_struct *p, const struct sched_attr *attr)
{
	struct sched_dl_entity *dl = &p->dl;

	dl->dl_runtime = attr->runtime;
	dl->dl_deadline = attr->deadline;
	dl->dl_period = period_of(attr);
	dl->dl_bw = ratio(dl->dl_runtime, dl->dl_period);
	dl->dl_density = ratio(dl->dl_runtime, dl->dl_deadline);
}

void dl_clear_params(struct task_struct *p)
{
	sched_timer_cancel(task_rq(p), &p->dl.timer);
	p->dl.throttled = p->dl.yielded = false;
	p->dl.dl_bw = 0;
}

static void task_dead_dl(struct rq *rq, struct task_struct *p)
{
	struct sched *s = rq->sched;

	raw_spin_lock(&s->dl_lock);
	s->dl_total_bw -= p->dl.dl_bw;
	raw_spin_unlock(&s->dl_lock);
	dl_clear_params(p);
}

/* ---- the tree ------------------------------------------------------------------------------------------- */

static void update_first(struct rq *rq)
{
	struct rb_node *first = rb_first_cached(&rq->dl.root);

	WRITE_ONCE(rq->dl.earliest, first ? dl_task_of(first)->dl.deadline : UINT64_MAX);
	set_overloaded(rq, &rq->sched->dl_overload, &rq->dl.overloaded,
		       rq->dl.nr_running > 1 && rq->dl.nr_migratory);
}

static void tree_in(struct rq *rq, struct task_struct *p)
{
	BUG_ON(p->dl.on_tree);
	p->dl.on_tree = true;
	rb_add_cached(&p->dl.node, &rq->dl.root, dl_less);
	rq->dl.nr_running++;
	rq->dl.nr_migratory += p->nr_cpus_allowed > 1;
	add_nr_running(rq, 1);
	update_first(rq);
}

static void tree_out(struct rq *rq, struct task_struct *p)
{
	if (!p->dl.on_tree)
		return;
	p->dl.on_tree = false;
	rb_erase_cached(&p->dl.node, &rq->dl.root);
	rq->dl.nr_running--;
	rq->dl.nr_migratory -= p->nr_cpus_allowed > 1;
	sub_nr_running(rq, 1);
	update_first(rq);
}

/* ---- constant bandwidth ------------------------------------------------------------------------------------ */

static u64 next_period(const struct sched_dl_entity *dl)
{
	return dl->deadline - dl->dl_deadline + dl->dl_period;
}

static void new_instance(struct sched_dl_entity *dl, u64 now)
{
	dl->deadline = now + dl->dl_deadline;
	dl->runtime = (s64)dl->dl_runtime;
	dl->missed = false;
}

static void replenish(struct sched_dl_entity *dl, u64 now)
{
	/* An overrun is paid for out of the following periods. */
	while (dl->runtime <= 0) {
		dl->deadline += dl->dl_period;
		dl->runtime += (s64)dl->dl_runtime;
	}
	dl->missed = false;
	if (dl->deadline <= now)
		new_instance(dl, now); /* too late for all of that */
	dl->yielded = dl->throttled = false;
}

/* Would what is left of the runtime, used until the deadline, be more than the reservation? */
static bool overflow(const struct sched_dl_entity *dl, u64 now)
{
	return (__int128)dl->runtime * dl->dl_deadline >
	       (__int128)(dl->deadline - now) * dl->dl_runtime;
}

static void wake_instance(struct sched_dl_entity *dl, u64 now)
{
	if (dl->deadline <= now) {
		new_instance(dl, now);
	} else if (overflow(dl, now)) {
		/* With deadline < period a new instance now could come twice in a period: what
		 * fits until the old deadline has to do. */
		if (dl->dl_deadline < dl->dl_period)
			dl->runtime =
				(s64)mul_u64_u64_shr(dl->dl_density, dl->deadline - now, BW_SHIFT);
		else
			new_instance(dl, now);
	}
}

static void throttle(struct rq *rq, struct task_struct *p)
{
	p->dl.throttled = true;
	p->dl.nr_throttled++;
	sched_timer_start(rq, &p->dl.timer, next_period(&p->dl)); /* D3 */
}

static void replenish_timer(struct rq *rq, struct sched_timer *timer)
{
	struct task_struct *p = container_of(timer, struct task_struct, dl.timer);

	BUG_ON(p->cpu != rq->cpu);
	if (p->dl.runtime > 0)
		p->dl.runtime = 0; /* throttled for having yielded, or for waking too early */
	replenish(&p->dl, rq->clock);
	if (!task_on_rq_queued(p) || p->sched_class != &dl_sched_class || p->dl.on_tree)
		return;
	tree_in(rq, p);
	if (!task_current(rq, p))
		wakeup_preempt(rq, p, 0);
	else
		resched_curr(rq);
	if (rq->dl.overloaded) {
		rq->push |= (u8)BIT(SLOT_DL);
		resched_curr(rq);
	}
}

static void update_curr_dl(struct rq *rq)
{
	struct task_struct *p = rq->curr;
	u64 delta;

	if (rq->clock_task > p->se.exec_start) {
		delta = rq->clock_task - p->se.exec_start;
		p->se.exec_start = rq->clock_task;
		p->se.sum_exec_runtime += delta;
		if (boosted(p))
			return;
		p->dl.runtime -= (s64)delta;
	}
	if (boosted(p))
		return;
	if (rq->clock > p->dl.deadline && !p->dl.missed) {
		p->dl.missed = true;
		rq->dl.missed++;
	}
	if ((p->dl.runtime > 0 && !p->dl.yielded) || !p->dl.on_tree)
		return;
	tree_out(rq, p);
	if (p->dl.yielded)
		p->dl.runtime = MIN(p->dl.runtime, 0);
	if (next_period(&p->dl) <= rq->clock) {
		replenish(&p->dl, rq->clock);
		tree_in(rq, p);
	} else {
		throttle(rq, p);
	}
	resched_curr(rq);
}

/* ---- the class's members --------------------------------------------------------------------------------------- */

static void enqueue_task_dl(struct rq *rq, struct task_struct *p, int flags)
{
	struct sched_dl_entity *dl = &p->dl;

	if (boosted(p)) {
		const struct task_struct *top = p->pi_top_task;

		/* It must not be stopped now, whatever it has used. */
		sched_timer_cancel(rq, &dl->timer);
		dl->throttled = false;
		if (top && dl_prio(top->prio))
			dl->deadline = top->dl.deadline;
		tree_in(rq, p);
		return;
	}
	if (dl->throttled)
		return; /* D2: the timer puts it in */
	if (flags & (ENQUEUE_WAKEUP | ENQUEUE_INITIAL)) {
		/* Woken after the deadline, before the next period: not now. */
		if (dl->dl_deadline < dl->dl_period && dl->deadline && dl->deadline <= rq->clock &&
		    rq->clock < next_period(dl)) {
			throttle(rq, p);
			return;
		}
		wake_instance(dl, rq->clock);
	} else if (!dl->deadline || dl->deadline <= rq->clock) {
		new_instance(dl, rq->clock);
	}
	tree_in(rq, p);
}

static bool dequeue_task_dl(struct rq *rq, struct task_struct *p, int flags)
{
	(void)flags;
	if (task_current(rq, p))
		update_curr_dl(rq);
	tree_out(rq, p);
	return true;
}

static void yield_task_dl(struct rq *rq)
{
	/* Done for this period. */
	rq->curr->dl.yielded = true;
	update_curr_dl(rq);
}

static void wakeup_preempt_dl(struct rq *rq, struct task_struct *p, int wake_flags)
{
	(void)wake_flags;
	if (p->dl.on_tree && p->dl.deadline < rq->curr->dl.deadline)
		resched_curr(rq);
}

static struct task_struct *pick_task_dl(struct rq *rq)
{
	struct rb_node *first = rb_first_cached(&rq->dl.root);

	return first ? dl_task_of(first) : NULL;
}

static void start_hrtick(struct rq *rq, struct task_struct *p)
{
	if (!boosted(p) && p->dl.runtime > 0)
		sched_timer_start(rq, &rq->hrtick_timer, rq->clock + (u64)p->dl.runtime);
}

static void put_prev_task_dl(struct rq *rq, struct task_struct *p)
{
	(void)p;
	update_curr_dl(rq);
	sched_timer_cancel(rq, &rq->hrtick_timer);
}

static void set_next_task_dl(struct rq *rq, struct task_struct *p, bool first)
{
	(void)first;
	p->se.exec_start = rq->clock_task;
	start_hrtick(rq, p);
	if (rq->dl.overloaded)
		rq->push |= (u8)BIT(SLOT_DL);
}

static void task_tick_dl(struct rq *rq, struct task_struct *p)
{
	(void)p;
	update_curr_dl(rq);
}

static void hrtick_dl(struct rq *rq)
{
	update_curr_dl(rq);
	if (!rq->need_resched)
		start_hrtick(rq, rq->curr); /* stolen time is not its own */
}

/* ---- several CPUs ------------------------------------------------------------------------------------------------ */

/* Idle, without a deadline task, or with the latest deadline beyond p's; nr_cpus: none. */
static unsigned find_later_cpu(const struct task_struct *p)
{
	struct sched *s = p->sched;
	unsigned best = s->nr_cpus;
	u64 latest = p->dl.deadline;
	size_t cpu;

	for_each_set_bit (cpu, p->cpus_ptr, s->nr_cpus) {
		struct rq *rq = cpu_rq(s, (unsigned)cpu);
		u64 d = READ_ONCE(rq->dl.earliest);

		if (!cpu_online(s, (unsigned)cpu))
			continue;
		if (d == UINT64_MAX && available_idle_cpu(rq))
			return (unsigned)cpu;
		if (d > latest) {
			latest = d;
			best = (unsigned)cpu;
		}
	}
	return best;
}

static unsigned select_task_rq_dl(struct task_struct *p, unsigned cpu, int wake_flags)
{
	struct rq *rq = cpu_rq(p->sched, cpu);
	unsigned best;

	(void)wake_flags;
	if (p->dl.throttled) /* D3 */
		return cpu;
	if (cpu_online(p->sched, cpu) && task_allowed(p, cpu) &&
	    READ_ONCE(rq->dl.earliest) == UINT64_MAX)
		return cpu;
	best = find_later_cpu(p);
	return best < p->sched->nr_cpus ? best : cpu;
}

static struct task_struct *first_pushable(struct rq *rq, unsigned cpu)
{
	struct rb_node *node = rb_first_cached(&rq->dl.root);

	for (; node; node = rb_next(node))
		if (pushable(rq, dl_task_of(node), cpu))
			return dl_task_of(node);
	return NULL;
}

static bool wins(const struct task_struct *p, const struct rq *to)
{
	return p->dl.deadline < to->dl.earliest;
}

static bool waits_for_better(const struct task_struct *p, const struct rq *from)
{
	return p->dl.deadline >= from->dl.earliest;
}

static const struct push_ops dl_push_ops = {
	.first_pushable = first_pushable,
	.find_cpu = find_later_cpu,
	.wins = wins,
	.beats_queued = wins, /* nothing else than deadline tasks counts */
	.waits_for_better = waits_for_better,
};

static void push_dl(struct rq *rq)
{
	push_away(rq, &dl_push_ops);
}

static bool balance_dl(struct rq *rq)
{
	pull_here(rq, &dl_push_ops, &rq->sched->dl_overload);
	return rq->dl.nr_running || (rq->stop && task_on_rq_queued(rq->stop));
}

/* ---- changes -------------------------------------------------------------------------------------------------------- */

static void switched_to_dl(struct rq *rq, struct task_struct *p)
{
	if (!p->dl.on_tree)
		return;
	if (rq->dl.overloaded)
		rq->push |= (u8)BIT(SLOT_DL);
	if (task_current(rq, p) ? rq->dl.overloaded : true)
		resched_curr(rq);
}

static void prio_changed_dl(struct rq *rq, struct task_struct *p, int old_prio)
{
	(void)p;
	(void)old_prio;
	resched_curr(rq); /* the deadline may have changed either way */
}

static void task_init_dl(struct task_struct *p)
{
	p->dl.timer.fn = replenish_timer;
	p->dl.on_tree = false;
	p->dl.throttled = p->dl.yielded = false;
	p->dl.deadline = 0;
	p->dl.runtime = 0;
}

static u64 get_rr_interval_dl(struct rq *rq, struct task_struct *p)
{
	(void)rq;
	(void)p;
	return 0;
}

void init_dl_rq(struct rq *rq)
{
	rq->dl.root = RB_ROOT_CACHED;
	rq->dl.earliest = UINT64_MAX;
}

void dl_rq_offline(struct rq *rq)
{
	struct rb_node *node = rb_first_cached(&rq->timers), *next;

	for (; node; node = next) {
		struct sched_timer *t = rb_entry(node, struct sched_timer, node);

		next = rb_next(node);
		if (t->fn != replenish_timer)
			continue;
		sched_timer_cancel(rq, t);
		replenish_timer(rq, t);
	}
}

static const char *check_dl(struct rq *rq)
{
	const char *bad = rb_check_cached(&rq->dl.root, dl_less, NULL);
	unsigned n = 0;

	if (bad)
		return bad;
	for (struct rb_node *node = rb_first_cached(&rq->dl.root); node; node = rb_next(node)) {
		struct task_struct *p = dl_task_of(node);

		if (p->dl.throttled || !p->dl.on_tree || p->cpu != rq->cpu)
			return "D2: a task on the tree that should not be there";
		n++;
	}
	if (n != rq->dl.nr_running)
		return "D2: the count of tasks is wrong";
	return NULL;
}

const struct sched_class dl_sched_class = {
	.name = "deadline",
	.slot = SLOT_DL,
	.enqueue_task = enqueue_task_dl,
	.dequeue_task = dequeue_task_dl,
	.yield_task = yield_task_dl,
	.wakeup_preempt = wakeup_preempt_dl,
	.pick_task = pick_task_dl,
	.put_prev_task = put_prev_task_dl,
	.set_next_task = set_next_task_dl,
	.balance = balance_dl,
	.push = push_dl,
	.select_task_rq = select_task_rq_dl,
	.task_tick = task_tick_dl,
	.hrtick = hrtick_dl,
	.update_curr = update_curr_dl,
	.switched_to = switched_to_dl,
	.prio_changed = prio_changed_dl,
	.task_init = task_init_dl,
	.task_dead = task_dead_dl,
	.get_rr_interval = get_rr_interval_dl,
	.check = check_dl,
};
