/* SPDX-License-Identifier: MIT */
/*
 * hotplug.c - see hotplug.h. A CPU goes in steps, each of which the next one builds on: its threads
 * park; no more calls and device interrupts; no more tasks; all wakers that saw it online are through
 * (a grace period); the stop class empties it; its idle task says goodbye; what it leaves is adopted.
 */
#include "guest/kernel/hotplug.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/irq_affinity.h"
#include "guest/kernel/rcu.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/softirq.h"
#include "guest/kernel/timers.h"
#include "guest/kernel/watchdog.h"
#include "guest/locking/mutex.h"
#include "guest/sched/stop.h"

static DEFINE_MUTEX(hotplug_lock);
static DEFINE_PER_CPU(bool, dying);
static DEFINE_PER_CPU(struct cpu_stop_work, goodbye);

/* In the stop task of the CPU that goes. */
static void empty(struct rq *rq, struct cpu_stop_work *work)
{
	(void)work;
	sched_push_all(rq);
	this_cpu_write(dying, true); /* and now there is nobody but the idle task */
}

void hotplug_idle(void)
{
	unsigned cpu = smp_processor_id();

	if (likely(!this_cpu_read(dying)))
		return;
	watchdog_stop_cpu();
	tick_end(this_cpu_ptr(&tick_sched));
	while (softirq_pending(&kernel_softirqs, cpu)) {
		softirq_irq_exit(&kernel_softirqs);
		local_irq_disable();
	}
	rcu_idle_enter(kernel_rcu);
	this_cpu_write(dying, false);
	smp_die();
}

static void adopt(unsigned dead)
{
	unsigned self;
	u64 flags = local_irq_save();

	self = smp_processor_id();
	hrtimers_adopt(&kernel_hrtimers.base[self], &kernel_hrtimers.base[dead]);
	timers_adopt(&kernel_timers, self, dead);
	rcu_adopt(kernel_rcu, dead);
	local_irq_restore(flags);
}

static int take_down(unsigned cpu)
{
	int err;

	rcu_park_thread(cpu);
	softirq_park_thread(cpu);
	smp_exclude(cpu);
	err = sched_cpu_offline(kernel_sched, cpu);
	if (err) {
		smp_include(cpu);
		rcu_unpark_thread(cpu);
		softirq_unpark_thread(cpu);
		return err;
	}
	irq_leave_cpu(cpu);
	synchronize_rcu(kernel_rcu);
	per_cpu(goodbye, cpu).fn = empty;
	cpu_stop_queue(cpu_rq(kernel_sched, cpu), &per_cpu(goodbye, cpu));
	while (!smp_is_dead(cpu))
		msleep(1);
	adopt(cpu);
	return 0;
}

/* hotplug_lock held. */
static int down(unsigned cpu)
{
	int err;

	if (cpu >= nr_cpus || !cpu_is_online(cpu))
		return -EINVAL;
	sched_pin(0);
	err = cpu == 0 ? -EBUSY : take_down(cpu);
	sched_unpin();
	return err;
}

/* hotplug_lock held. */
static int up(unsigned cpu)
{
	int err;

	if (cpu >= nr_cpus || cpu_is_online(cpu))
		return -EINVAL;
	err = smp_restart(cpu);
	if (err)
		return err;
	smp_include(cpu);
	rcu_unpark_thread(cpu);
	softirq_unpark_thread(cpu);
	return 0;
}

int cpu_down(unsigned cpu)
{
	int err;

	mutex_lock(&hotplug_lock);
	err = down(cpu);
	mutex_unlock(&hotplug_lock);
	return err;
}

int cpu_up(unsigned cpu)
{
	int err;

	mutex_lock(&hotplug_lock);
	err = up(cpu);
	mutex_unlock(&hotplug_lock);
	return err;
}

int cpu_set_online(unsigned cpu, bool on)
{
	int err = 0;

	mutex_lock(&hotplug_lock);
	if (cpu >= nr_cpus || cpu_is_online(cpu) != on)
		err = on ? up(cpu) : down(cpu);
	mutex_unlock(&hotplug_lock);
	return err;
}
