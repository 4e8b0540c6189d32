/* SPDX-License-Identifier: MIT */
/*
 * core.c - what every policy shares: queueing, wake-ups, picking, the switch, the tick.
 *
 * A task sleeps by setting its state and calling schedule(); a waker that comes in between finds
 * on_rq still set and only resets the state. A waker that comes after on_rq was cleared, but before
 * the sleeper has left its CPU, waits for on_cpu: nobody may run on a stack still in use.
 */
#include "guest/sched/internal.h"

void update_rq_clock(struct rq *rq)
{
	u64 now = env_now_ns(), stolen, delta;

	if (now <= rq->clock)
		return; /* another CPU's clock may be behind the one that looked last */
	delta = now - rq->clock;
	rq->clock = now;
	stolen = sched_env_stolen_ns(rq->cpu) - rq->stolen;
	stolen = MIN(stolen, delta);
	rq->stolen += stolen;
	rq->clock_task += delta - stolen;
}

/* ---- locks ----------------------------------------------------------------------------------- */

struct rq *__task_rq_lock(struct task_struct *p)
{
	for (;;) {
		struct rq *rq = task_rq(p);

		raw_spin_lock(&rq->lock);
		if (likely(rq == task_rq(p) && READ_ONCE(p->on_rq) != TASK_ON_RQ_MIGRATING))
			return rq;
		raw_spin_unlock(&rq->lock);
		env_relax();
	}
}

struct rq *task_rq_lock(struct task_struct *p, u64 *flags)
{
	env_preempt_disable();
	*flags = env_irq_save();
	raw_spin_lock(&p->pi_lock);
	return __task_rq_lock(p);
}

void task_rq_unlock(struct rq *rq, struct task_struct *p, u64 flags)
{
	raw_spin_unlock(&rq->lock);
	raw_spin_unlock(&p->pi_lock);
	env_irq_restore(flags);
	env_preempt_enable();
}

static void double_rq_lock(struct rq *a, struct rq *b)
{
	if (a->cpu > b->cpu) {
		raw_spin_lock(&b->lock);
		raw_spin_lock(&a->lock);
	} else {
		raw_spin_lock(&a->lock);
		raw_spin_lock(&b->lock);
	}
}

bool double_lock_balance(struct rq *rq, struct rq *other)
{
	if (likely(raw_spin_trylock(&other->lock)))
		return false;
	if (rq->cpu < other->cpu) {
		raw_spin_lock(&other->lock);
		return false;
	}
	raw_spin_unlock(&rq->lock);
	double_rq_lock(rq, other);
	return true;
}

/* ---- time waited and run, as /proc/schedstat counts it ----------------------------------------- */

static void sched_info_queued(struct rq *rq, struct task_struct *p)
{
	if (!p->sched_info.last_queued)
		p->sched_info.last_queued = rq->clock;
}

static u64 sched_info_waited(struct rq *rq, struct task_struct *p)
{
	u64 delay = 0;

	if (p->sched_info.last_queued && rq->clock > p->sched_info.last_queued)
		delay = rq->clock - p->sched_info.last_queued;
	p->sched_info.last_queued = 0;
	p->sched_info.run_delay += delay;
	rq->info.run_delay += delay;
	if (schedstat_enabled(rq->sched)) {
		p->stats.wait_max = MAX(p->stats.wait_max, delay);
		p->stats.wait_sum += delay;
		p->stats.wait_count++;
	}
	return delay;
}

static void sched_info_switch(struct rq *rq, struct task_struct *prev, struct task_struct *next)
{
	if (prev != rq->idle) {
		rq->cpu_time += rq->clock - MIN(rq->clock, prev->sched_info.last_arrival);
		if (prev->on_rq && !prev->state)
			sched_info_queued(rq, prev);
	}
	if (next != rq->idle) {
		sched_info_waited(rq, next);
		next->sched_info.last_arrival = rq->clock;
		next->sched_info.pcount++;
		rq->info.pcount++;
	}
}

/* ---- queueing ---------------------------------------------------------------------------------- */

void enqueue_task(struct rq *rq, struct task_struct *p, int flags)
{
	if (!(flags & RQ_NOCLOCK))
		update_rq_clock(rq);
	p->sched_class->enqueue_task(rq, p, flags);
	if (!(flags & ENQUEUE_RESTORE))
		sched_info_queued(rq, p);
}

bool dequeue_task(struct rq *rq, struct task_struct *p, int flags)
{
	if (!(flags & RQ_NOCLOCK))
		update_rq_clock(rq);
	if (!(flags & DEQUEUE_SAVE) && p->sched_info.last_queued)
		sched_info_waited(rq, p);
	return p->sched_class->dequeue_task(rq, p, flags);
}

void activate_task(struct rq *rq, struct task_struct *p, int flags)
{
	if (p->on_rq == TASK_ON_RQ_MIGRATING)
		flags |= ENQUEUE_MIGRATED;
	enqueue_task(rq, p, flags);
	WRITE_ONCE(p->on_rq, TASK_ON_RQ_QUEUED);
}

void deactivate_task(struct rq *rq, struct task_struct *p, int flags)
{
	WRITE_ONCE(p->on_rq, TASK_ON_RQ_MIGRATING);
	dequeue_task(rq, p, flags);
}

void finish_delayed_dequeue(struct rq *rq, struct task_struct *p)
{
	dequeue_task(rq, p, DEQUEUE_SLEEP | DEQUEUE_DELAYED | RQ_NOCLOCK);
	smp_store_release(&p->on_rq, 0);
}

static void block_task(struct rq *rq, struct task_struct *p)
{
	int flags = DEQUEUE_SLEEP | RQ_NOCLOCK;

	if (p->state == TASK_DEAD)
		flags |= DEQUEUE_SPECIAL;
	if (schedstat_enabled(rq->sched))
		*(p->state & TASK_UNINTERRUPTIBLE ? &p->stats.block_start : &p->stats.sleep_start) =
			rq->clock;
	/* As soon as on_rq is clear a waker may put p on another queue. */
	if (dequeue_task(rq, p, flags))
		smp_store_release(&p->on_rq, 0);
	if (p->state == TASK_DEAD && p->sched_class->task_dead)
		p->sched_class->task_dead(rq, p);
}

void set_task_cpu(struct task_struct *p, unsigned cpu)
{
	if (p->cpu == cpu)
		return;
	if (p->sched_class->migrate_task_rq)
		p->sched_class->migrate_task_rq(p, cpu);
	p->stats.nr_migrations++;
	p->se.cfs_rq = p->group->cfs_rq[cpu];
	p->se.parent = p->group->se ? p->group->se[cpu] : NULL;
	smp_wmb(); /* who sees the new CPU may lock its queue and use the above */
	WRITE_ONCE(p->cpu, cpu);
}

void put_prev_task(struct rq *rq, struct task_struct *p)
{
	BUG_ON(rq->curr != p);
	p->sched_class->put_prev_task(rq, p);
}

void set_next_task(struct rq *rq, struct task_struct *p)
{
	p->sched_class->set_next_task(rq, p, false);
}

void resched_curr(struct rq *rq)
{
	if (READ_ONCE(rq->need_resched))
		return;
	WRITE_ONCE(rq->need_resched, true);
	if (rq->cpu != env_cpu())
		sched_env_send_resched(rq->cpu);
	else
		sched_env_resched_here();
}

void wakeup_preempt(struct rq *rq, struct task_struct *p, int wake_flags)
{
	const struct sched_class *running = rq->curr->sched_class;

	if (p->sched_class == running)
		running->wakeup_preempt(rq, p, wake_flags);
	else if (p->sched_class->slot < running->slot)
		resched_curr(rq);
}

/* ---- wake-up ------------------------------------------------------------------------------------ */

/* p may not run where its class would like it to, or that CPU has gone. */
static unsigned select_fallback_rq(struct task_struct *p)
{
	struct sched *s = p->sched;
	size_t cpu;

	if (cpu_online(s, p->cpu) && task_allowed(p, p->cpu))
		return p->cpu;
	for_each_set_bit (cpu, p->cpus_ptr, s->nr_cpus)
		if (cpu_online(s, (unsigned)cpu))
			return (unsigned)cpu;
	/* Every CPU it was bound to is gone: better elsewhere than nowhere, cpuset(7). */
	cpu = find_first_bit(s->online, s->nr_cpus);
	return cpu < s->nr_cpus ? (unsigned)cpu : p->cpu;
}

static unsigned select_task_rq(struct task_struct *p, unsigned cpu, int wake_flags)
{
	if (p->sched_class->slot == SLOT_STOP)
		return p->cpu;
	if (p->nr_cpus_allowed > 1)
		cpu = p->sched_class->select_task_rq(p, cpu, wake_flags);
	else
		cpu = (unsigned)find_first_bit(p->cpus_ptr, p->sched->nr_cpus);
	if (unlikely(cpu >= p->sched->nr_cpus || !task_allowed(p, cpu) ||
		     !cpu_online(p->sched, cpu)))
		cpu = select_fallback_rq(p);
	return cpu;
}

/* p is still queued: no placement needed, only a look whether it should run now. */
static bool ttwu_runnable(struct task_struct *p, int wake_flags)
{
	struct rq *rq = __task_rq_lock(p);
	bool queued = task_on_rq_queued(p);

	if (queued) {
		update_rq_clock(rq);
		if (p->se.sched_delayed)
			enqueue_task(rq, p, ENQUEUE_DELAYED | RQ_NOCLOCK);
		if (!p->on_cpu)
			wakeup_preempt(rq, p, wake_flags);
		WRITE_ONCE(p->state, TASK_RUNNING);
	}
	raw_spin_unlock(&rq->lock);
	return queued;
}

static void ttwu_stat(struct task_struct *p, unsigned cpu, int wake_flags)
{
	struct rq *rq = this_rq();

	if (!schedstat_enabled(rq->sched))
		return;
	rq->ttwu_count++;
	p->stats.nr_wakeups++;
	if (cpu == rq->cpu) {
		rq->ttwu_local++;
		p->stats.nr_wakeups_local++;
	} else {
		p->stats.nr_wakeups_remote++;
	}
	p->stats.nr_wakeups_migrate += !!(wake_flags & WF_MIGRATED);
	p->stats.nr_wakeups_sync += !!(wake_flags & WF_SYNC);
}

/* How long it slept; the queue is locked. */
static void slept(struct rq *rq, u64 *start, u64 *sum, u64 *max)
{
	u64 ns = *start && rq->clock > *start ? rq->clock - *start : 0;

	*start = 0;
	*sum += ns;
	*max = MAX(*max, ns);
}

static void ttwu_queue(struct task_struct *p, unsigned cpu, int wake_flags)
{
	struct rq *rq = cpu_rq(p->sched, cpu);
	int flags = ENQUEUE_WAKEUP | RQ_NOCLOCK | (wake_flags & WF_MIGRATED ? ENQUEUE_MIGRATED : 0);

	raw_spin_lock(&rq->lock);
	update_rq_clock(rq);
	if (schedstat_enabled(rq->sched)) {
		struct sched_statistics *st = &p->stats;

		slept(rq, &st->sleep_start, &st->sum_sleep_runtime, &st->sleep_max);
		slept(rq, &st->block_start, &st->sum_block_runtime, &st->block_max);
	}
	activate_task(rq, p, flags);
	wakeup_preempt(rq, p, wake_flags);
	WRITE_ONCE(p->state, TASK_RUNNING);
	raw_spin_unlock(&rq->lock);
}

bool try_to_wake_up(struct task_struct *p, unsigned state, int wake_flags)
{
	bool success = false;
	unsigned cpu;
	u64 flags;

	env_preempt_disable();
	flags = env_irq_save();
	raw_spin_lock(&p->pi_lock);
	smp_mb(); /* the condition before the state: pairs with set_current_state() */
	if (!(READ_ONCE(p->state) & state))
		goto out;
	success = true;
	smp_rmb(); /* state before on_rq, which goes to 0 after the state was set */
	cpu = p->cpu;
	if (READ_ONCE(p->on_rq) && ttwu_runnable(p, wake_flags))
		goto stat;
	WRITE_ONCE(p->state, TASK_WAKING);
	while (smp_load_acquire(&p->on_cpu))
		env_relax();
	cpu = select_task_rq(p, p->cpu, wake_flags);
	if (cpu != p->cpu) {
		wake_flags |= WF_MIGRATED;
		set_task_cpu(p, cpu);
	}
	ttwu_queue(p, cpu, wake_flags);
stat:
	ttwu_stat(p, cpu, wake_flags);
out:
	raw_spin_unlock(&p->pi_lock);
	env_irq_restore(flags);
	env_preempt_enable();
	return success;
}

void wake_up_new_task(struct task_struct *p)
{
	struct rq *rq;
	u64 flags;

	env_preempt_disable();
	flags = env_irq_save();
	raw_spin_lock(&p->pi_lock);
	BUG_ON(p->state != TASK_NEW || p->on_rq);
	set_task_cpu(p, select_task_rq(p, p->cpu, WF_FORK));
	p->stats.nr_migrations = 0;
	rq = __task_rq_lock(p);
	update_rq_clock(rq);
	WRITE_ONCE(p->state, TASK_RUNNING);
	activate_task(rq, p, ENQUEUE_INITIAL | RQ_NOCLOCK);
	wakeup_preempt(rq, p, WF_FORK);
	raw_spin_unlock(&rq->lock);
	raw_spin_unlock(&p->pi_lock);
	env_irq_restore(flags);
	env_preempt_enable();
}

/* ---- the switch ------------------------------------------------------------------------------------ */

static struct task_struct *pick_next_task(struct rq *rq, struct task_struct *prev)
{
	const struct sched_class *const *chain = rq->sched->chain;

	/* Every class from prev's down may now have room for a task from elsewhere. */
	for (unsigned i = MIN((unsigned)prev->sched_class->slot, (unsigned)SLOT_FAIR);
	     i <= SLOT_FAIR; i++)
		if (chain[i]->balance && chain[i]->balance(rq))
			break;
	for (const struct sched_class *const *class = rq->sched->active; *class; class ++) {
		struct task_struct *p = (*class)->pick_task(rq);

		if (!p)
			continue;
		if (p != prev) {
			prev->sched_class->put_prev_task(rq, prev);
			p->sched_class->set_next_task(rq, p, true);
		}
		return p;
	}
	env_panic(__FILE__, __LINE__, "CPU %u has not even an idle task", rq->cpu);
}

/* Tasks that would run elsewhere at once are sent there. */
static void push_tasks(struct rq *rq)
{
	while (unlikely(rq->push)) {
		unsigned slot = __ffs(rq->push);
		const struct sched_class *class = rq->sched->chain[slot];

		rq->push &= (u8)~BIT(slot);
		class->push(rq);
	}
}

void schedule_tail(struct task_struct *prev)
{
	struct rq *rq = this_rq();
	bool dead = prev->state == TASK_DEAD && !prev->on_rq;

	/* Only now may another CPU run prev. */
	smp_store_release(&prev->on_cpu, 0);
	push_tasks(rq);
	raw_spin_unlock(&rq->lock);
	if (unlikely(dead))
		sched_env_task_dead(prev);
}

/* IRQs and preemption off. */
static void __schedule(bool preempt)
{
	struct rq *rq = this_rq();
	struct task_struct *prev = rq->curr, *next;
	u64 *switch_count = &prev->nivcsw;

	/* The lock orders the caller's state before the look at it: pairs with try_to_wake_up(). */
	raw_spin_lock(&rq->lock);
	smp_mb();
	update_rq_clock(rq);
	rq->sched_count++;
	if (!preempt && prev->state) {
		if (signal_pending_state(prev->state, prev)) {
			WRITE_ONCE(prev->state, TASK_RUNNING);
		} else {
			block_task(rq, prev);
			switch_count = &prev->nvcsw;
		}
	}
	next = pick_next_task(rq, prev);
	WRITE_ONCE(rq->need_resched, false);
	if (next == prev) {
		push_tasks(rq);
		raw_spin_unlock(&rq->lock);
		return;
	}
	++*switch_count;
	rq->nr_switches++;
	if (schedstat_enabled(rq->sched))
		rq->sched_goidle += next == rq->idle;
	sched_info_switch(rq, prev, next);
	next->on_cpu = 1;
	WRITE_ONCE(rq->curr, next);
	WRITE_ONCE(rq->curr_prio, next->prio);
	schedule_tail(sched_env_switch(prev, next)); /* S4 */
}

static void schedule_loop(bool preempt)
{
	do {
		u64 flags;

		env_preempt_disable();
		flags = env_irq_save();
		__schedule(preempt);
		env_irq_restore(flags);
		sched_env_preempt_enable_no_resched();
	} while (need_resched());
}

void schedule(void)
{
	const char *why = sched_env_atomic();
	struct task_struct *p = current;
	struct task_sleep_hooks *hooks = p->sleep_hooks;

	if (unlikely(why)) {
		env_log(ENV_ERR, "BUG: scheduling while atomic: task %d (%s): %s", p->pid, p->comm,
			why);
		sched_env_backtrace();
		BUG_ON(p->state && p->state != TASK_DEAD);
	}
	if (unlikely(hooks) && p->state)
		hooks->sleeping(hooks);
	schedule_loop(false);
	if (unlikely(hooks))
		hooks->running(hooks);
}

void schedule_idle(void)
{
	do {
		u64 flags = env_irq_save();

		__schedule(false);
		env_irq_restore(flags);
	} while (need_resched());
}

void preempt_schedule(void)
{
	schedule_loop(true);
}

void preempt_schedule_irq(void)
{
	schedule_loop(true);
}

void do_sched_yield(void)
{
	u64 flags;
	struct rq *rq;

	env_preempt_disable();
	flags = env_irq_save();
	rq = this_rq();
	raw_spin_lock(&rq->lock);
	update_rq_clock(rq);
	if (schedstat_enabled(rq->sched))
		rq->yld_count++;
	rq->curr->sched_class->yield_task(rq);
	raw_spin_unlock(&rq->lock);
	env_irq_restore(flags);
	sched_env_preempt_enable_no_resched();
	schedule();
}

void hrtick_fire(struct rq *rq, struct sched_timer *timer)
{
	(void)timer;
	if (rq->curr->sched_class->hrtick)
		rq->curr->sched_class->hrtick(rq);
}

void sched_tick(void)
{
	struct rq *rq = this_rq();

	raw_spin_lock(&rq->lock);
	update_rq_clock(rq);
	rq->curr->sched_class->task_tick(rq, rq->curr);
	raw_spin_unlock(&rq->lock);
	sched_balance_tick(rq);
}
