/* SPDX-License-Identifier: MIT */
/* rcu.c - see rcu.h. */
#include "guest/kernel/rcu.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"

#define STALL_NS (21 * NSEC_PER_SEC) /* Linux's default */

struct rcu *kernel_rcu;
static DEFINE_PER_CPU(struct task_struct *, rcu_thread);

void rcu_setup(unsigned cpus)
{
	kernel_rcu = rcu_create(cpus, STALL_NS);
	if (!kernel_rcu)
		env_panic(__FILE__, __LINE__, "no memory for RCU");
}

/* Whether this CPU's first callback may run. IRQs off. */
static bool callbacks_due(void)
{
	const struct rcu_head *head = kernel_rcu->cpus[smp_processor_id()].head;

	return head && head->gp <= smp_load_acquire(&kernel_rcu->completed);
}

static int run_callbacks(void *unused)
{
	(void)unused;
	for (;;) {
		/* The state first: a tick from now on sees it and wakes. */
		set_current_state(TASK_INTERRUPTIBLE);
		preempt_disable();
		if (rcu_process_callbacks(kernel_rcu))
			__set_current_state(TASK_RUNNING);
		preempt_enable();
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

void rcu_start_threads(void)
{
	unsigned cpu;

	for_each_online_cpu (cpu) {
		struct task_struct *t;

		if (per_cpu(rcu_thread, cpu))
			continue;
		t = kthread_create(run_callbacks, NULL, "rcu/%u", cpu);
		if (!t)
			env_panic(__FILE__, __LINE__, "no memory for a thread");
		kthread_bind(t, cpu);
		kthread_start(t);
		WRITE_ONCE(per_cpu(rcu_thread, cpu), t);
	}
}

void rcu_tick(bool preemptible)
{
	struct task_struct *t = this_cpu_read(rcu_thread);

	if (preemptible)
		rcu_quiescent(kernel_rcu);
	else if (test_bit(smp_processor_id(), kernel_rcu->qs_mask))
		set_need_resched(); /* a CPU that reads again and again stops for a moment */
	if (t && callbacks_due())
		wake_up_process(t);
	rcu_check_stall(kernel_rcu);
}
