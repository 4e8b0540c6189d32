/* SPDX-License-Identifier: MIT */
/* cputime.c - see cputime.h. */
#include "guest/kernel/cputime.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/softirq.h"
#include "guest/kernel/time.h"
#include "guest/kernel/timers.h"
#include "guest/lib/string.h"
#include "guest/platform/platform.h"

struct cputime {
	spinlock_t lock;
	bool started;
	u64 ns[NR_CPUTIMES];   /* lock, like the others */
	u64 now, busy, stolen; /* up to which they are in ns[] */
};
static DEFINE_PER_CPU(struct cputime, cputime);

/* ns that tasks other than the idle one have had of the CPU, the running one included. */
static u64 busy_ns(unsigned cpu, u64 now)
{
	const struct rq *rq = cpu_rq(kernel_sched, cpu);
	const struct task_struct *curr = READ_ONCE(rq->curr);
	u64 sum = READ_ONCE(rq->cpu_time), since;

	if (!curr || curr == rq->idle)
		return sum;
	/* Task memory stays mapped; a switch meanwhile makes this early, never late. */
	since = READ_ONCE(curr->sched_info.last_arrival);
	return now > since ? sum + (now - since) : sum;
}

static u64 stolen_ns(unsigned cpu)
{
	return platform->steal_ns ? platform->steal_ns(cpu) : 0;
}

/* What has passed since the last time, busy as `kind`. lock held. */
static void account(struct cputime *c, unsigned cpu, enum cpu_usage kind)
{
	u64 now = clock_ns(), busy, stolen, passed;

	if (now <= c->now)
		return;
	passed = now - c->now;
	busy = busy_ns(cpu, now);
	busy = busy > c->busy ? MIN(busy - c->busy, passed) : 0;
	stolen = stolen_ns(cpu);
	stolen = stolen > c->stolen ? MIN(stolen - c->stolen, passed) : 0;
	c->now = now;
	c->busy += busy;
	c->stolen += stolen;
	/* Time stolen from a busy CPU is in the tasks' time, too. */
	c->ns[CPUTIME_STEAL] += stolen;
	c->ns[kind] += busy - MIN(busy, stolen);
	c->ns[CPUTIME_IDLE] += passed - MAX(busy, stolen);
}

static enum cpu_usage kind_now(unsigned cpu, bool user)
{
	const struct task_struct *t = current;

	if (user)
		return task_nice(t) > 0 && fair_policy(t->policy) ? CPUTIME_NICE : CPUTIME_USER;
	return kernel_softirqs.cpu && kernel_softirqs.cpu[cpu].running ? CPUTIME_SOFTIRQ
								       : CPUTIME_SYSTEM;
}

void cputime_start_cpu(void)
{
	struct cputime *c = this_cpu_ptr(&cputime);
	unsigned cpu = smp_processor_id();

	raw_spin_lock(&c->lock);
	/* The boot CPU has been at work since the kernel was entered. */
	c->now = cpu || c->started ? clock_ns() : 0;
	c->busy = busy_ns(cpu, clock_ns());
	c->stolen = stolen_ns(cpu);
	c->started = true;
	raw_spin_unlock(&c->lock);
}

void cputime_tick(bool user)
{
	struct cputime *c = this_cpu_ptr(&cputime);
	unsigned cpu = smp_processor_id();

	if (unlikely(!c->started))
		return;
	raw_spin_lock(&c->lock);
	account(c, cpu, kind_now(cpu, user));
	raw_spin_unlock(&c->lock);
}

void cputime_read(unsigned cpu, u64 out[NR_CPUTIMES])
{
	struct cputime *c = &per_cpu(cputime, cpu);
	u64 flags = spin_lock_irqsave(&c->lock);

	/* A CPU that ticks does it itself; one that sleeps, or runs too short for a tick, does not. */
	if (c->started && cpu_is_online(cpu) &&
	    clock_ns() - MIN(c->now, clock_ns()) > 2 * NSEC_PER_SEC / tick_hz)
		account(c, cpu, CPUTIME_SYSTEM);
	memcpy(out, c->ns, sizeof(c->ns));
	spin_unlock_irqrestore(&c->lock, flags);
}

/* ---- load -------------------------------------------------------------------------------------------------- */

static struct loadavg load;
static DEFINE_SPINLOCK(load_lock);
static struct timer_list load_timer;

void count_tasks(unsigned *running, unsigned *uninterruptible, unsigned *all)
{
	struct sched *s = kernel_sched;
	const struct task_struct *t;
	u64 flags;

	*running = *uninterruptible = *all = 0;
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		*running += READ_ONCE(cpu_rq(s, cpu)->nr_running);
	flags = spin_lock_irqsave(&s->tasks_lock);
	list_for_each_entry (t, &s->tasks, sched_node) {
		*uninterruptible += !!(READ_ONCE(t->state) & TASK_UNINTERRUPTIBLE);
		*all += t->pid != 0;
	}
	spin_unlock_irqrestore(&s->tasks_lock, flags);
}

static u64 load_period(void)
{
	return LOADAVG_PERIOD_NS / (NSEC_PER_SEC / tick_hz);
}

static void load_update(struct timer_list *t)
{
	unsigned running, waiting, all;
	u64 flags;

	count_tasks(&running, &waiting, &all);
	flags = spin_lock_irqsave(&load_lock);
	loadavg_update(&load, running + waiting);
	spin_unlock_irqrestore(&load_lock, flags);
	mod_timer(t, t->expires + load_period());
}

void loadavg_init(void)
{
	timer_setup(&kernel_timers, &load_timer, load_update, 0);
	mod_timer(&load_timer, jiffies() + load_period());
}

struct loadavg loadavg_read(void)
{
	u64 flags = spin_lock_irqsave(&load_lock);
	struct loadavg l = load;

	spin_unlock_irqrestore(&load_lock, flags);
	return l;
}
