/* SPDX-License-Identifier: MIT */
/*
 * bfs.c - Con Kolivas's scheduler of 2009: one queue for all CPUs, no heuristics. A task gets a
 * slice of rr_interval and a virtual deadline, now + rr_interval * ratio(nice); the earliest deadline
 * runs, found by looking at every waiting task. A sleeper keeps its deadline, so it is soon due.
 *
 * B1 the list holds every runnable task of the slot that does not run. B2 a task counts on the queue
 * (rq) it last ran on; a CPU that takes it locks both queues. The list's lock is the innermost, and
 * other queues are only tried from within: nobody waits in a circle.
 */
#include "guest/sched/internal.h"

#define MIN_SLICE (100 * NSEC_PER_USEC_) /* less is not worth a switch */

/* Each level of nice waits 10 % longer, in 128ths of rr_interval. */
static u64 prio_ratio(const struct task_struct *p)
{
	u64 ratio = 128;

	for (int prio = MAX_RT_PRIO; prio < p->static_prio; prio++)
		ratio = ratio * 11 / 10;
	return ratio;
}

static void refill(struct task_struct *p, u64 now)
{
	u64 interval = p->sched->tun.bfs_rr_interval;

	p->bfs.time_slice = interval;
	p->bfs.deadline = now + interval * prio_ratio(p) / 128;
}

/* SCHED_IDLE only when nobody else is there. */
static u64 rank(const struct task_struct *p)
{
	return p->bfs.deadline + (p->policy == SCHED_IDLE ? 1ULL << 62 : 0);
}

static void list_in(struct task_struct *p)
{
	struct bfs_global *g = &p->sched->bfs;

	raw_spin_lock(&g->lock);
	list_add_tail(&p->bfs.run_list, &g->queue);
	g->nr_queued++;
	raw_spin_unlock(&g->lock);
}

static void list_out(struct task_struct *p)
{
	struct bfs_global *g = &p->sched->bfs;

	raw_spin_lock(&g->lock);
	list_del_init(&p->bfs.run_list);
	g->nr_queued--;
	raw_spin_unlock(&g->lock);
}

static void enqueue_task_bfs(struct rq *rq, struct task_struct *p, int flags)
{
	(void)flags;
	BUG_ON(p->bfs.queued);
	if (!p->bfs.deadline || p->bfs.time_slice < MIN_SLICE)
		refill(p, rq->clock);
	p->bfs.queued = true;
	list_in(p);
	fair_account_enqueue(rq, p);
}

static void update_curr_bfs(struct rq *rq)
{
	struct task_struct *p = rq->curr;
	u64 delta;

	if (rq->clock_task <= p->se.exec_start)
		return;
	delta = rq->clock_task - p->se.exec_start;
	p->se.exec_start = rq->clock_task;
	p->se.sum_exec_runtime += delta;
	p->bfs.time_slice -= MIN(delta, p->bfs.time_slice);
}

static bool dequeue_task_bfs(struct rq *rq, struct task_struct *p, int flags)
{
	(void)flags;
	BUG_ON(!p->bfs.queued);
	if (task_current(rq, p))
		update_curr_bfs(rq);
	if (!list_empty(&p->bfs.run_list))
		list_out(p);
	p->bfs.queued = false;
	fair_account_dequeue(rq, p);
	return true;
}

static void yield_task_bfs(struct rq *rq)
{
	refill(rq->curr, rq->clock);
}

static void wakeup_preempt_bfs(struct rq *rq, struct task_struct *p, int wake_flags)
{
	(void)wake_flags;
	if (rank(p) < rank(rq->curr))
		resched_curr(rq);
}

/*
 * The best waiting task that this CPU may run; with `take`, of another CPU's queue too, which is then
 * locked (B2). The first one whose deadline has passed is taken without looking further.
 */
static struct task_struct *earliest(struct rq *rq, bool take)
{
	struct bfs_global *g = &rq->sched->bfs;
	struct task_struct *p, *best = NULL;
	struct rq *locked = NULL;

	raw_spin_lock(&g->lock);
	list_for_each_entry (p, &g->queue, bfs.run_list) {
		struct rq *from;

		if (best && rank(p) >= rank(best))
			continue;
		if (!task_allowed(p, rq->cpu))
			continue;
		from = task_rq(p);
		if (from != rq && from != locked) {
			if (!take || p->on_cpu || !raw_spin_trylock(&from->lock))
				continue;
			if (locked)
				raw_spin_unlock(&locked->lock);
			locked = from;
		} else if (from == rq && locked) {
			raw_spin_unlock(&locked->lock);
			locked = NULL;
		}
		best = p;
		if (rank(p) < rq->clock)
			break;
	}
	raw_spin_unlock(&g->lock);
	return best;
}

static bool balance_bfs(struct rq *rq)
{
	struct task_struct *p = rq->sched->bfs.nr_queued && rq->online ? earliest(rq, true) : NULL;

	if (p && p->cpu != rq->cpu) {
		struct rq *from = task_rq(p);
		const struct task_struct *curr = rq->curr;

		/* Not if this CPU's own task, still runnable, is better. */
		if (curr->sched_class != &bfs_sched_class || !curr->bfs.queued ||
		    rank(p) < rank(curr)) {
			deactivate_task(from, p, 0);
			set_task_cpu(p, rq->cpu);
			activate_task(rq, p, 0);
			rq->nr_pulled++;
		}
		raw_spin_unlock(&from->lock);
	}
	return rq->nr_running;
}

static struct task_struct *pick_task_bfs(struct rq *rq)
{
	struct task_struct *p = rq->fair_nr ? earliest(rq, false) : NULL;
	struct task_struct *curr = rq->curr;

	if (curr->sched_class == &bfs_sched_class && curr->bfs.queued &&
	    list_empty(&curr->bfs.run_list) && (!p || rank(curr) <= rank(p)))
		return curr;
	return p;
}

static void put_prev_task_bfs(struct rq *rq, struct task_struct *p)
{
	update_curr_bfs(rq);
	if (p->bfs.queued)
		list_in(p); /* B1 */
	WRITE_ONCE(rq->bfs_deadline, UINT64_MAX);
}

static void set_next_task_bfs(struct rq *rq, struct task_struct *p, bool first)
{
	(void)first;
	if (!list_empty(&p->bfs.run_list))
		list_out(p);
	p->se.exec_start = rq->clock_task;
	p->se.prev_sum_exec_runtime = p->se.sum_exec_runtime;
	WRITE_ONCE(rq->bfs_deadline, rank(p));
}

/* An idle CPU, or the one whose task has the latest deadline. */
static unsigned select_task_rq_bfs(struct task_struct *p, unsigned cpu, int wake_flags)
{
	struct sched *s = p->sched;
	unsigned best = cpu;
	u64 latest = 0;
	size_t i;

	(void)wake_flags;
	if (cpu_online(s, cpu) && task_allowed(p, cpu) && available_idle_cpu(cpu_rq(s, cpu)))
		return cpu;
	for_each_set_bit (i, p->cpus_ptr, s->nr_cpus) {
		struct rq *rq = cpu_rq(s, (unsigned)i);

		if (!cpu_online(s, (unsigned)i) || READ_ONCE(rq->curr_prio) < MAX_RT_PRIO)
			continue;
		if (available_idle_cpu(rq))
			return (unsigned)i;
		if (READ_ONCE(rq->bfs_deadline) > latest) {
			latest = READ_ONCE(rq->bfs_deadline);
			best = (unsigned)i;
		}
	}
	return best;
}

static void task_tick_bfs(struct rq *rq, struct task_struct *p)
{
	update_curr_bfs(rq);
	if (p->bfs.time_slice >= MIN_SLICE)
		return;
	refill(p, rq->clock);
	WRITE_ONCE(rq->bfs_deadline, rank(p));
	if (rq->sched->bfs.nr_queued)
		resched_curr(rq);
}

static void switched_to_bfs(struct rq *rq, struct task_struct *p)
{
	if (task_on_rq_queued(p))
		resched_curr(rq);
}

static void prio_changed_bfs(struct rq *rq, struct task_struct *p, int old_prio)
{
	(void)old_prio;
	if (task_on_rq_queued(p) && rq->nr_running > 1)
		resched_curr(rq);
}

static void task_init_bfs(struct task_struct *p)
{
	p->bfs = (struct bfs_entity){ 0 };
	INIT_LIST_HEAD(&p->bfs.run_list);
}

static u64 get_rr_interval_bfs(struct rq *rq, struct task_struct *p)
{
	(void)p;
	return rq->sched->tun.bfs_rr_interval;
}

static const char *check_bfs(struct rq *rq)
{
	struct task_struct *p;

	list_for_each_entry (p, &rq->fair_tasks, group_node) {
		bool listed = !list_empty(&p->bfs.run_list);

		if (!p->bfs.queued || listed == (p == rq->curr) || p->cpu != rq->cpu)
			return "B1: a runnable task is neither listed nor running, or both";
	}
	return list_check(&rq->sched->bfs.queue, rq->sched->bfs.nr_queued + 1);
}

const struct sched_class bfs_sched_class = {
	.name = "bfs",
	.slot = SLOT_FAIR,
	.enqueue_task = enqueue_task_bfs,
	.dequeue_task = dequeue_task_bfs,
	.yield_task = yield_task_bfs,
	.wakeup_preempt = wakeup_preempt_bfs,
	.pick_task = pick_task_bfs,
	.put_prev_task = put_prev_task_bfs,
	.set_next_task = set_next_task_bfs,
	.balance = balance_bfs,
	.select_task_rq = select_task_rq_bfs,
	.task_tick = task_tick_bfs,
	.update_curr = update_curr_bfs,
	.switched_to = switched_to_bfs,
	.prio_changed = prio_changed_bfs,
	.task_init = task_init_bfs,
	.get_rr_interval = get_rr_interval_bfs,
	.check = check_bfs,
};
