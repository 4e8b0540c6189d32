/* SPDX-License-Identifier: MIT */
/*
 * affinity.c - where tasks may run, and CPUs that come and go: sched_setaffinity(2).
 *
 * A waiting task is moved at once. A running one cannot be: the stop task of its CPU takes the CPU
 * from it and then moves it like any other.
 */
#include "guest/lib/string.h"
#include "guest/sched/internal.h"
#include "guest/sched/stop.h"

struct migration_work {
	struct cpu_stop_work stop;
	struct task_struct *p; /* held: it may exit before the stop task comes to it */
};

/* An online CPU that p may use; nr_cpus: none. */
static unsigned any_cpu(const struct task_struct *p)
{
	const struct sched *s = p->sched;
	size_t cpu;

	for_each_set_bit (cpu, p->cpus_ptr, s->nr_cpus)
		if (cpu_online(s, (unsigned)cpu))
			return (unsigned)cpu;
	return s->nr_cpus;
}

/* p waits on rq, locked with p->pi_lock. Returns the queue it is on now, locked instead. */
static struct rq *move_queued_task(struct rq *rq, struct task_struct *p, unsigned cpu)
{
	deactivate_task(rq, p, 0);
	set_task_cpu(p, cpu);
	raw_spin_unlock(&rq->lock);
	rq = cpu_rq(p->sched, cpu);
	raw_spin_lock(&rq->lock);
	activate_task(rq, p, 0);
	wakeup_preempt(rq, p, 0);
	return rq;
}

static unsigned best_cpu(struct task_struct *p)
{
	unsigned cpu = p->sched_class->select_task_rq(p, p->cpu, WF_FORK);

	if (cpu < p->sched->nr_cpus && task_allowed(p, cpu) && cpu_online(p->sched, cpu))
		return cpu;
	return any_cpu(p);
}

/* Runs in the stop task of the CPU that p ran on, so p does not run now. */
static void migrate_stopped(struct rq *rq, struct cpu_stop_work *work)
{
	struct migration_work *m = container_of(work, struct migration_work, stop);
	struct task_struct *p = m->p;
	unsigned cpu;
	u64 flags;

	rq = task_rq_lock(p, &flags);
	if (p->se.sched_delayed && task_on_rq_queued(p)) {
		update_rq_clock(rq);
		finish_delayed_dequeue(rq, p);
	}
	if (task_on_rq_queued(p) && !task_allowed(p, rq->cpu) && p->on_cpu) {
		/* It went elsewhere before we came, and has lost its right to that CPU since. */
		task_rq_unlock(rq, p, flags);
		cpu_stop_queue(rq, work);
		return;
	}
	p->in_pending_move = false;
	if (task_on_rq_queued(p) && !task_allowed(p, rq->cpu)) {
		cpu = best_cpu(p);
		if (cpu < p->sched->nr_cpus) {
			p->stats.nr_forced_migrations++;
			rq = move_queued_task(rq, p, cpu);
		}
	}
	task_rq_unlock(rq, p, flags);
	sched_env_task_drop(p);
	env_free(m, sizeof(*m));
}

static void set_mask(struct task_struct *p, u64 *own)
{
	p->cpus_own = own;
	p->cpus_ptr = own ? own : p->sched->possible;
	p->nr_cpus_allowed = (unsigned)bitmap_weight(p->cpus_ptr, p->sched->nr_cpus);
}

int set_cpus_allowed(struct task_struct *p, const u64 *mask)
{
	struct sched *s = p->sched;
	size_t bytes = s->mask_words * sizeof(u64);
	u64 *own = env_alloc(bytes), *old;
	struct migration_work *work = env_alloc(sizeof(*work));
	struct sched_change c;
	struct rq *rq;
	int err = 0;
	u64 flags;

	if (!own || !work) {
		env_free(own, bytes);
		env_free(work, sizeof(*work));
		return -ENOMEM;
	}
	bitmap_and(own, mask, s->possible, s->nr_cpus);
	rq = task_rq_lock(p, &flags);
	old = own;
	if ((p->flags & PF_NO_SETAFFINITY) || !bitmap_intersects(own, s->online, s->nr_cpus))
		err = -EINVAL;
	else if (dl_policy(p->policy) && bitmap_weight(own, s->nr_cpus) < s->nr_cpus)
		err = -EBUSY; /* it was admitted to the sum of all CPUs */
	if (err)
		goto out;
	old = p->cpus_own;
	sched_change_begin(rq, p, &c, 0);
	set_mask(p, own);
	sched_change_end(rq, p, &c);
	if (task_allowed(p, p->cpu) || !task_on_rq_queued(p))
		goto out; /* a sleeper is placed when it wakes */
	if (!p->on_cpu) {
		rq = move_queued_task(rq, p, best_cpu(p));
	} else if (!p->in_pending_move) {
		p->in_pending_move = true;
		work->p = p;
		work->stop.fn = migrate_stopped;
		sched_env_task_hold(p);
		task_rq_unlock(rq, p, flags);
		env_free(old, bytes);
		if (!cpu_stop_queue(rq, &work->stop)) {
			p->in_pending_move = false;
			env_free(work, sizeof(*work));
			sched_env_task_drop(p);
		}
		return 0;
	}
out:
	task_rq_unlock(rq, p, flags);
	env_free(old, bytes);
	env_free(work, sizeof(*work));
	return err;
}

/* ---- hotplug ------------------------------------------------------------------------------------------- */

void sched_cpu_online(struct sched *s, unsigned cpu)
{
	struct rq *rq = cpu_rq(s, cpu);
	u64 flags = env_irq_save();

	raw_spin_lock(&rq->lock);
	rq->online = true;
	set_bit(cpu, s->online);
	raw_spin_unlock(&rq->lock);
	env_irq_restore(flags);
}

/* The next task but stop and idle; it does not run, since the stop task does. */
static struct task_struct *any_waiting(struct rq *rq)
{
	for (unsigned i = SLOT_DL; i < SLOT_IDLE; i++) {
		const struct sched_class *class = rq->sched->chain[i];
		struct task_struct *p = class ? class->pick_task(rq) : NULL;

		if (p)
			return p;
	}
	return NULL;
}

static void push_all(struct rq *rq, struct cpu_stop_work *work)
{
	u64 flags = env_irq_save();
	struct task_struct *p;

	env_free(work, sizeof(*work));
	raw_spin_lock(&rq->lock);
	update_rq_clock(rq);
	fair_rq_offline(rq);
	rt_rq_offline(rq);
	dl_rq_offline(rq);
	while (!rq->online && (p = any_waiting(rq))) {
		unsigned cpu;
		struct rq *to;

		/* pi_lock comes before rq->lock; meanwhile p may go elsewhere. */
		raw_spin_unlock(&rq->lock);
		raw_spin_lock(&p->pi_lock);
		raw_spin_lock(&rq->lock);
		if (task_rq(p) == rq && task_on_rq_queued(p)) {
			cpu = best_cpu(p);
			if (cpu == rq->sched->nr_cpus) /* bound to CPUs that are all gone */
				cpu = (unsigned)find_first_bit(rq->sched->online,
							       rq->sched->nr_cpus);
			to = move_queued_task(rq, p, cpu);
			raw_spin_unlock(&to->lock);
		} else {
			raw_spin_unlock(&rq->lock);
		}
		raw_spin_unlock(&p->pi_lock);
		raw_spin_lock(&rq->lock);
	}
	raw_spin_unlock(&rq->lock);
	env_irq_restore(flags);
}

int sched_cpu_offline(struct sched *s, unsigned cpu)
{
	struct cpu_stop_work *work;
	struct rq *rq = cpu_rq(s, cpu);
	int err = 0;
	u64 flags;

	if (bitmap_weight(s->online, s->nr_cpus) < 2)
		return -EBUSY;
	work = env_alloc(sizeof(*work));
	if (!work)
		return -ENOMEM;
	work->fn = push_all;
	flags = env_irq_save();
	raw_spin_lock(&rq->lock);
	if (!rq->online || !rq->stop) {
		err = -EINVAL;
	} else {
		rq->online = false; /* no wake-up, no balancing brings more */
		clear_bit(cpu, s->online);
	}
	raw_spin_unlock(&rq->lock);
	env_irq_restore(flags);
	if (err)
		env_free(work, sizeof(*work));
	else
		cpu_stop_queue(rq, work);
	return err;
}
