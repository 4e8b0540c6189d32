/* SPDX-License-Identifier: MIT */
/*
 * balance.c - moving waiting tasks of the fair slot from CPUs with too many to CPUs with too few.
 *
 * Who has room pulls. A CPU that runs empty takes one task from the nearest CPU with several. A busy
 * one looks around at its tick, near CPUs often and far ones rarely, and of each group only one CPU
 * does so. A CPU without tick is woken to pull by a busy one. Only waiting tasks move.
 *
 * Nobody waits for another CPU's lock here: balancing can be late, and in a virtual machine with more
 * CPUs than the host gives it, idle ones that queue up for a busy one's lock would hold up its work.
 */
#include "guest/sched/internal.h"
#include "guest/sched/topology.h"

#define BUSY_FACTOR    16 /* a busy CPU looks that much less often than an idle one */
#define MAX_BACKOFF    5u /* doublings of the interval while nothing can be moved */
#define MAX_CANDIDATES 8
#define MAX_LOOPS      32u

/* ---- what there is to balance ----------------------------------------------------------------------------- */

void fair_count(struct rq *rq, int n, s64 weight)
{
	bool over = rq->fair_nr > 1;

	WRITE_ONCE(rq->fair_nr, rq->fair_nr + (unsigned)n);
	WRITE_ONCE(rq->fair_load, rq->fair_load + (u64)weight);
	WRITE_ONCE(rq->nr_running, rq->nr_running + (unsigned)n);
	if (likely(over == (rq->fair_nr > 1)))
		return;
	if (over)
		clear_bit(rq->cpu, rq->sched->fair_overload);
	else
		set_bit(rq->cpu, rq->sched->fair_overload);
}

void fair_account_enqueue(struct rq *rq, struct task_struct *p)
{
	list_add(&p->group_node, &rq->fair_tasks);
	fair_count(rq, 1, p->se.weight);
}

void fair_account_dequeue(struct rq *rq, struct task_struct *p)
{
	list_del_init(&p->group_node);
	fair_count(rq, -1, -(s64)p->se.weight);
}

/* ---- moving --------------------------------------------------------------------------------------------------- */

struct lb_env {
	struct rq *src, *dst;
	u64 imbalance; /* weight to move */
	unsigned max;  /* tasks */
	bool hot_too;
	unsigned moved;
};

static bool can_migrate(const struct lb_env *env, const struct task_struct *p)
{
	const struct rq *src = env->src;

	if (p == src->curr || p->on_cpu || !task_allowed(p, env->dst->cpu) || fair_throttled(p))
		return false;
	/* It ran a moment ago and finds its data in the cache it leaves. */
	if (!env->hot_too && !cpus_share_cache(src->sched, src->cpu, env->dst->cpu) &&
	    src->clock_task < p->se.exec_start + src->sched->tun.migration_cost)
		return false;
	return true;
}

/* Both queues locked; clocks up to date. */
static void move_tasks(struct lb_env *env)
{
	struct rq *src = env->src;
	unsigned loops = MIN(src->fair_nr, MAX_LOOPS);
	struct list_head *pos = src->fair_tasks.prev, *prev;

	for (; loops-- && pos != &src->fair_tasks && env->moved < env->max; pos = prev) {
		struct task_struct *p = list_entry(pos, struct task_struct, group_node);

		prev = pos->prev;
		if (!can_migrate(env, p))
			continue;
		/* Half the difference at most, or the load would only swap sides. */
		if (p->se.weight > env->imbalance && env->max > 1)
			continue;
		deactivate_task(src, p, 0);
		set_task_cpu(p, env->dst->cpu);
		activate_task(env->dst, p, 0);
		env->dst->nr_pulled++;
		env->imbalance -= MIN((u64)p->se.weight, env->imbalance);
		env->moved++;
		wakeup_preempt(env->dst, p, 0);
	}
}

/* ---- running empty --------------------------------------------------------------------------------------- */

static struct rq *busiest_of(struct rq *rq, const struct sched_domain *sd)
{
	const struct sched *s = rq->sched;
	unsigned w = rq->cpu / BITS_PER_WORD, seen = 0;
	struct rq *best = NULL;

	for (unsigned i = 0; i < sd->nr_words; i++, w++) {
		u64 bits;

		if (w == sd->first_word + sd->nr_words)
			w = sd->first_word;
		bits = sd->span[w] & READ_ONCE(s->fair_overload[w]);

		for (; bits; bits &= bits - 1) {
			struct rq *src = s->rq[w * BITS_PER_WORD + __ffs(bits)];

			if (src == rq)
				continue;
			if (!best || READ_ONCE(src->fair_load) > READ_ONCE(best->fair_load))
				best = src;
			if (++seen == MAX_CANDIDATES)
				return best;
		}
	}
	return best;
}

void newidle_balance(struct rq *rq)
{
	struct sched_domain *sd;

	if (!rq->online || !rq->sched->tun.balance)
		return;
	for (sd = rq->sd; sd && !rq->nr_running; sd = sd->parent) {
		struct lb_env env = { .dst = rq, .max = 1, .hot_too = true };
		struct lb_stats *lb = &sd->lb[LB_NEWIDLE];

		lb->count++;
		env.src = busiest_of(rq, sd);
		if (!env.src) {
			lb->balanced++;
			lb->nobusyg++;
			continue;
		}
		if (!raw_spin_trylock(&env.src->lock))
			continue;
		update_rq_clock(rq);
		update_rq_clock(env.src);
		if (!rq->nr_running && env.src->fair_nr > 1)
			move_tasks(&env);
		raw_spin_unlock(&env.src->lock);
		lb->gained += env.moved;
		lb->failed += !env.moved;
	}
}

/* ---- from time to time ------------------------------------------------------------------------------------- */

struct group_stats {
	const u64 *mask;
	u64 load;
	unsigned nr, weight, idle;
};

static struct group_stats group_stats(const struct sched *s, const u64 *mask)
{
	struct group_stats g = { .mask = mask };
	unsigned cpu;

	for_each_cpu_of (cpu, mask, s->nr_cpus) {
		if (!cpu_online(s, cpu))
			continue;
		g.load += READ_ONCE(s->rq[cpu]->fair_load);
		g.nr += READ_ONCE(s->rq[cpu]->fair_nr);
		g.idle += available_idle_cpu(s->rq[cpu]);
		g.weight++;
	}
	return g;
}

/* a has more load for each CPU than b, by more than pct. */
static bool busier(const struct group_stats *a, const struct group_stats *b, unsigned pct)
{
	return a->load * b->weight * 100 > b->load * a->weight * pct;
}

static const u64 *find_busiest_group(struct rq *rq, struct sched_domain *sd, u64 *imbalance)
{
	const struct sched *s = rq->sched;
	struct group_stats local = { 0 }, busiest = { 0 };
	u64 avg, above, below;

	for (unsigned i = 0; i < sd->nr_groups; i++) {
		struct group_stats g = group_stats(s, sd->groups[i]);

		if (test_bit(rq->cpu, sd->groups[i]))
			local = g;
		else if (g.nr > g.weight || (g.nr > 1 && g.weight == 1))
			if (!busiest.mask || busier(&g, &busiest, 100))
				busiest = g;
	}
	if (!busiest.mask || !local.weight)
		return NULL;
	if (!busier(&busiest, &local, local.idle ? 100 : sd->imbalance_pct))
		return NULL;
	/* What the busiest has above, and what we have below, the average of both. */
	avg = (busiest.load + local.load) / (busiest.weight + local.weight);
	above = busiest.load - MIN(busiest.load, avg * busiest.weight);
	below = avg * local.weight - MIN(local.load, avg * local.weight);
	*imbalance = MIN(above, below);
	return busiest.mask;
}

static struct rq *find_busiest_rq(const struct sched *s, const u64 *mask)
{
	struct rq *best = NULL;
	unsigned cpu;

	for_each_cpu_of (cpu, mask, s->nr_cpus) {
		struct rq *rq = s->rq[cpu];

		if (READ_ONCE(rq->fair_nr) > 1 &&
		    (!best || READ_ONCE(rq->fair_load) > READ_ONCE(best->fair_load)))
			best = rq;
	}
	return best;
}

/* The first idle CPU of our group, else its first: one is enough. */
static bool should_balance(struct rq *rq, struct sched_domain *sd)
{
	const struct sched *s = rq->sched;
	unsigned first = s->nr_cpus;
	unsigned cpu;

	for (unsigned i = 0; i < sd->nr_groups; i++) {
		if (!test_bit(rq->cpu, sd->groups[i]))
			continue;
		for_each_cpu_of (cpu, sd->groups[i], s->nr_cpus) {
			if (!cpu_online(s, cpu))
				continue;
			if (first == s->nr_cpus)
				first = cpu;
			if (available_idle_cpu(s->rq[cpu]))
				return cpu == rq->cpu;
		}
	}
	return first == rq->cpu;
}

static void load_balance(struct rq *rq, struct sched_domain *sd)
{
	struct lb_env env = { .dst = rq, .max = rq->sched->tun.nr_migrate };
	const u64 *group;
	struct lb_stats *lb = &sd->lb[rq->curr == rq->idle ? LB_IDLE : LB_BUSY];
	u64 diff;

	lb->count++;
	if (!should_balance(rq, sd))
		return;
	group = find_busiest_group(rq, sd, &env.imbalance);
	env.src = group ? find_busiest_rq(rq->sched, group) : NULL;
	if (!env.src) {
		lb->balanced++;
		lb->nobusyg++;
		rq->balance_failed = 0;
		return;
	}
	env.hot_too = rq->balance_failed > 2;
	raw_spin_lock(&rq->lock);
	if (!raw_spin_trylock(&env.src->lock)) {
		raw_spin_unlock(&rq->lock);
		return;
	}
	update_rq_clock(rq);
	update_rq_clock(env.src);
	/* Between two queues: half the difference evens them out. */
	diff = env.src->fair_load - MIN(env.src->fair_load, rq->fair_load);
	env.imbalance = MIN(MAX(env.imbalance, 1ULL), diff / 2);
	move_tasks(&env);
	raw_spin_unlock(&env.src->lock);
	raw_spin_unlock(&rq->lock);
	lb->imbalance += env.imbalance;
	lb->gained += env.moved;
	if (env.moved) {
		rq->balance_failed = 0;
	} else {
		lb->failed++;
		rq->balance_failed++;
	}
}

/* Several tasks here, and somewhere near a CPU that sleeps: it will look around when it wakes. */
static void kick_idle(struct rq *rq)
{
	struct sched *s = rq->sched;
	struct sched_domain *sd;

	for (sd = rq->sd; sd; sd = sd->parent) {
		for (unsigned i = 0; i < sd->nr_words; i++) {
			unsigned w = sd->first_word + i;
			u64 bits = sd->span[w] & READ_ONCE(s->idle_mask[w]) & s->online[w];
			struct rq *idle;

			if (!bits)
				continue;
			idle = s->rq[w * BITS_PER_WORD + __ffs(bits)];
			if (!raw_spin_trylock(&idle->lock))
				return; /* it is about to do something anyway */
			if (idle->curr == idle->idle)
				resched_curr(idle);
			raw_spin_unlock(&idle->lock);
			return;
		}
	}
}

/* No lock held, IRQs off. */
void sched_balance_tick(struct rq *rq)
{
	u64 now = rq->clock;

	if (!rq->online || !rq->sched->tun.balance ||
	    rq->sched->chain[SLOT_FAIR] == &bfs_sched_class)
		return;
	for (struct sched_domain *sd = rq->sd; sd; sd = sd->parent) {
		u64 interval = sd->weight * NSEC_PER_MSEC_;

		if (now < rq->next_balance[sd->level])
			continue;
		if (rq->curr != rq->idle)
			interval *= BUSY_FACTOR;
		else /* what may not move will mostly not be allowed to next time either */
			interval <<= MIN(rq->balance_failed, MAX_BACKOFF);
		rq->next_balance[sd->level] = now + interval;
		load_balance(rq, sd);
	}
	if (rq->fair_nr > 1)
		kick_idle(rq);
}
