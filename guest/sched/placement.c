/* SPDX-License-Identifier: MIT */
/*
 * placement.c - the CPU for a task of the fair slot that wakes or is new. No lock of any queue, no
 * lock of the machine: masks and counters are read as they are, and a CPU that was idle a moment
 * ago is a good choice still.
 */
#include "guest/sched/internal.h"
#include "guest/sched/topology.h"

#define MAX_SAMPLES 8 /* CPUs looked at to judge a group */
#define MAX_CORES   8 /* idle cores looked for */

void sched_idle_enter(struct rq *rq)
{
	set_bit(rq->cpu, rq->sched->idle_mask);
}

void sched_idle_exit(struct rq *rq)
{
	clear_bit(rq->cpu, rq->sched->idle_mask);
}

static bool usable(const struct task_struct *p, unsigned cpu)
{
	return task_allowed(p, cpu) && cpu_online(p->sched, cpu);
}

static bool core_idle(const struct sched *s, unsigned cpu)
{
	const u64 *core = core_mask(s, cpu);
	unsigned w = cpu / BITS_PER_WORD;

	if (core[w] & ~READ_ONCE(s->idle_mask[w]))
		return false;
	return s->topology->cores_in_word || bitmap_subset(core, s->idle_mask, s->nr_cpus);
}

/* An idle CPU of the mask for p, if possible one whose whole core is idle; nr_cpus: none. The search
 * starts behind `near`, so that not all wakers find the same one. */
static unsigned find_idle(const struct task_struct *p, const u64 *mask, unsigned near)
{
	const struct sched *s = p->sched;
	unsigned words = s->mask_words, first = near / BITS_PER_WORD, tried = 0;
	unsigned best = s->nr_cpus;

	for (unsigned i = 0; i <= words; i++) {
		unsigned w = (first + i) % words;
		u64 bits = mask[w] & READ_ONCE(s->idle_mask[w]) & p->cpus_ptr[w] & s->online[w];

		if (i == 0)
			bits &= BITMAP_FIRST_WORD_MASK(near);
		else if (i == words)
			bits &= ~BITMAP_FIRST_WORD_MASK(near);
		for (; bits; bits &= bits - 1) {
			unsigned cpu = w * BITS_PER_WORD + __ffs(bits);

			if (READ_ONCE(s->rq[cpu]->nr_running))
				continue; /* somebody was faster */
			if (core_idle(s, cpu))
				return cpu;
			if (best == s->nr_cpus)
				best = cpu;
			if (++tried == MAX_CORES)
				return best;
		}
	}
	return best;
}

/* The waker's CPU or the one it slept on: where is there more room? */
static unsigned wake_affine(struct task_struct *p, unsigned this_cpu, unsigned prev, int flags)
{
	const struct sched *s = p->sched;
	struct rq *this = cpu_rq(s, this_cpu), *other = cpu_rq(s, prev);
	u64 this_load, prev_load;

	if (schedstat_enabled(p->sched))
		p->stats.nr_wakeups_affine_attempts++;
	if (available_idle_cpu(this) && cpus_share_cache(s, this_cpu, prev))
		return available_idle_cpu(other) ? prev : this_cpu;
	if ((flags & WF_SYNC) && READ_ONCE(this->nr_running) == 1)
		return this_cpu; /* the waker is about to make room */
	if (available_idle_cpu(other))
		return prev;
	this_load = READ_ONCE(this->fair_load) + p->se.weight;
	prev_load = READ_ONCE(other->fair_load) + p->se.weight;
	return this_load < prev_load ? this_cpu : prev;
}

static unsigned select_idle_sibling(struct task_struct *p, unsigned prev, unsigned target)
{
	const struct sched *s = p->sched;
	unsigned cpu;

	if (available_idle_cpu(cpu_rq(s, target)) && usable(p, target))
		return target;
	if (prev != target && cpus_share_cache(s, prev, target) &&
	    available_idle_cpu(cpu_rq(s, prev)) && usable(p, prev))
		return prev;
	cpu = find_idle(p, llc_mask(s, target), target);
	if (cpu == s->nr_cpus)
		cpu = find_idle(p, node_mask(s, target), target);
	return cpu < s->nr_cpus ? cpu : target;
}

/* Load for each CPU of a group, from a few of them; UINT64_MAX when p may run on none of those. */
static u64 group_load(const struct task_struct *p, const u64 *mask, unsigned weight)
{
	const struct sched *s = p->sched;
	unsigned step = (weight + MAX_SAMPLES - 1) / MAX_SAMPLES, n = 0;
	u64 load = 0;

	/* In steps through the numbers: most groups are neighbours there too. */
	for (unsigned w = 0; w < s->mask_words; w++) {
		u64 bits = mask[w];

		if (!bits)
			continue;
		bits &= p->cpus_ptr[w] & s->online[w];
		while (bits) {
			unsigned bit = __ffs(bits);
			const struct rq *rq = s->rq[w * BITS_PER_WORD + bit];

			load += READ_ONCE(rq->fair_load) +
				(u64)(READ_ONCE(rq->nr_running) - READ_ONCE(rq->fair_nr)) *
					NICE_0_LOAD;
			n++;
			bits &= bit + step < BITS_PER_WORD ? ~0ULL << (bit + step) : 0;
		}
	}
	return n ? load * 1024 / n : UINT64_MAX;
}

/* From the widest domain down, always into the group with the least load: new tasks spread. */
static unsigned find_idlest(const struct task_struct *p, unsigned cpu)
{
	const struct sched *s = p->sched;
	const struct sched_domain *sd = cpu_rq(s, cpu)->sd;

	while (sd && sd->parent)
		sd = sd->parent;
	while (sd) {
		u64 least = UINT64_MAX;
		const u64 *best = NULL;
		const struct sched_domain *child;

		for (unsigned i = 0; i < sd->nr_groups; i++) {
			u64 load = group_load(p, sd->groups[i], sd->weight / sd->nr_groups);

			/* With equals the group one is in already: its memory is near. */
			if (load < least ||
			    (load == least && best && test_bit(cpu, sd->groups[i]))) {
				least = load;
				best = sd->groups[i];
			}
		}
		if (!best)
			return cpu;
		if (!test_bit(cpu, best))
			cpu = (unsigned)find_first_bit(best, s->nr_cpus);
		for (child = cpu_rq(s, cpu)->sd; child && child->parent != sd;
		     child = child->parent)
			;
		sd = child && child->level < sd->level ? child : NULL;
	}
	return cpu;
}

unsigned select_task_rq_fair(struct task_struct *p, unsigned prev, int wake_flags)
{
	const struct sched *s = p->sched;
	unsigned this_cpu = env_cpu(), target = prev;

	if (wake_flags & WF_FORK) {
		/* On one node any idle CPU is as good as another; else nodes are filled evenly. */
		if (s->topology->nr_nodes == 1)
			target = find_idle(p, s->possible, prev);
		return target != prev && target < s->nr_cpus ? target : find_idlest(p, prev);
	}
	if (!cpu_online(s, prev) || !task_allowed(p, prev))
		target = this_cpu;
	else if (this_cpu != prev && usable(p, this_cpu))
		target = wake_affine(p, this_cpu, prev, wake_flags);
	if (target != prev && schedstat_enabled(p->sched))
		p->stats.nr_wakeups_affine++;
	return select_idle_sibling(p, prev, target);
}
