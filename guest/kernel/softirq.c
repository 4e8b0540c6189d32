/* SPDX-License-Identifier: MIT */
/* softirq.c - see softirq.h; the seam of defer_env.h, and the threads behind it. */
#include "guest/kernel/softirq.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/smp.h"
#include "guest/defer/defer_env.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/timers.h"

struct softirqs kernel_softirqs;
struct tasklets kernel_tasklets;
struct workqueues kernel_workqueues;
struct workqueue_struct *system_wq, *system_unbound_wq, *system_long_wq;
static DEFINE_PER_CPU(struct task_struct *, ksoftirqd);
static atomic_t worker_ids;

void softirqs_setup(unsigned cpus)
{
	if (softirqs_init(&kernel_softirqs, cpus) ||
	    tasklets_init(&kernel_tasklets, &kernel_softirqs))
		env_panic(__FILE__, __LINE__, "no memory for softirqs");
}

static int run_ksoftirqd(void *unused)
{
	(void)unused;
	while (!kthread_should_stop())
		ksoftirqd_run(&kernel_softirqs);
	return 0;
}

static void start_ksoftirqd(unsigned cpu)
{
	struct task_struct *t;
	u64 flags;

	if (per_cpu(ksoftirqd, cpu))
		return;
	t = kthread_create(run_ksoftirqd, NULL, "ksoftirqd/%u", cpu);
	if (!t)
		env_panic(__FILE__, __LINE__, "no memory for a thread");
	kthread_bind(t, cpu);
	kthread_start(t);
	flags = local_irq_save();
	WRITE_ONCE(per_cpu(ksoftirqd, cpu), t);
	local_irq_restore(flags);
}

void deferred_work_start(void)
{
	unsigned cpu;

	for_each_online_cpu (cpu)
		start_ksoftirqd(cpu);
	if (workqueues_init(&kernel_workqueues, nr_cpus, &kernel_timers) ||
	    workqueues_start(&kernel_workqueues))
		env_panic(__FILE__, __LINE__, "no memory for work queues");
	system_wq = alloc_workqueue(&kernel_workqueues, "events", 0, 0);
	system_unbound_wq = alloc_workqueue(&kernel_workqueues, "events_unbound", WQ_UNBOUND, 0);
	system_long_wq = alloc_workqueue(&kernel_workqueues, "events_long", WQ_CPU_INTENSIVE, 0);
	if (!system_wq || !system_unbound_wq || !system_long_wq)
		env_panic(__FILE__, __LINE__, "no memory for work queues");
}

/* ---- the seam ------------------------------------------------------------------------------------- */

void defer_env_irq_enable(void)
{
	local_irq_enable();
}

void defer_env_irq_disable(void)
{
	local_irq_disable();
}

bool defer_env_in_irq(void)
{
	return in_interrupt();
}

void defer_env_wake_ksoftirqd(struct softirqs *s, unsigned cpu)
{
	struct task_struct *t = per_cpu(ksoftirqd, cpu);

	(void)s;
	if (t) /* before there are threads the next interrupt's end does it */
		wake_up_process(t);
}

static int run_worker(void *w)
{
	worker_thread(w);
	return 0;
}

int defer_env_create_worker(struct worker *w, unsigned cpu, int nice)
{
	unsigned id = (unsigned)atomic_inc_return(&worker_ids);
	struct task_struct *t;

	if (cpu < env_nr_cpus())
		t = kthread_create(run_worker, w, "kworker/%u:%u%s", cpu, id, nice ? "H" : "");
	else
		t = kthread_create(run_worker, w, "kworker/u:%u%s", id, nice ? "H" : "");
	if (!t)
		return -ENOMEM;
	if (cpu < env_nr_cpus())
		kthread_bind(t, cpu);
	set_user_nice(t, nice);
	w->task = t;
	kthread_start(t);
	put_task(t); /* nobody waits for it: it goes when it has ended */
	return 0;
}
