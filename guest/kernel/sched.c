/* SPDX-License-Identifier: MIT */
/* sched.c - see sched.h. */
#include "guest/kernel/sched.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/hotplug.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/rcu.h"
#include "guest/kernel/softirq.h"
#include "guest/kernel/time.h"
#include "guest/kernel/timers.h"
#include "guest/lib/cmdline.h"
#include "guest/lib/string.h"
#include "guest/sched/stop.h"

struct sched *kernel_sched;
DEFINE_PER_CPU(struct rq *, runqueues);

static const bool never;
DEFINE_PER_CPU(const bool *, resched_flag) = &never;

static const struct sched_class *fair_from_cmdline(void)
{
	const struct sched_class *fair;
	char name[16];

	if (cmdline_str(boot_info.cmdline, "sched", name, sizeof(name)) < 0)
		return &eevdf_sched_class;
	fair = sched_fair_by_name(name);
	if (fair)
		return fair;
	pr_err("sched=%s: no such policy (eevdf, cfs, o1, bfs); eevdf is used", name);
	return &eevdf_sched_class;
}

/* schedstats=enable: from the start; else they wait for /proc/sys/kernel/sched_schedstats. */
static bool wants_schedstats(void)
{
	char word[16];

	return cmdline_str(boot_info.cmdline, "schedstats", word, sizeof(word)) >= 0 &&
	       !strcmp(word, "enable");
}

static void run_idle_here(struct task_struct *idle, struct rq *rq)
{
	this_cpu_write(current_task, idle);
	this_cpu_write(runqueues, rq);
	this_cpu_write(resched_flag, &rq->need_resched);
}

void sched_setup(unsigned cpus)
{
	const struct sched_topology_desc topo = {
		.nr_cpus = cpus,
		.threads_per_core = 1,
		.cores_per_llc = cpus,
		.llcs_per_node = 1,
	};
	struct sched_tunables tun;

	softirqs_setup(cpus);
	timers_setup(cpus);
	sched_tunables_default(&tun, cpus);
	tun.tick = NSEC_PER_SEC / tick_hz;
	kernel_sched = sched_create(&topo, &tun, fair_from_cmdline());
	if (!kernel_sched || !sched_prepare_cpu(0))
		env_panic(__FILE__, __LINE__, "no memory for the scheduler");
	kernel_sched->schedstats = wants_schedstats();
	rcu_setup(cpus);
	sched_enter_cpu();
}

/* Takes the CPU from whoever runs when a running task must be moved. */
static int stop_thread(void *rq)
{
	while (!kthread_should_stop()) { /* nobody says so */
		cpu_stop_run(rq);
		schedule();
	}
	return 0;
}

struct thread *sched_prepare_cpu(unsigned cpu)
{
	struct rq *rq = cpu_rq(kernel_sched, cpu);
	struct thread *idle, *stop;

	if (rq->idle) /* of a CPU that did not come */
		return thread_of(rq->idle);
	stop = thread_alloc(stop_thread, rq);
	idle = cpu == 0 ? &init_thread : thread_alloc(NULL, NULL);
	if (!idle || !stop)
		return NULL;
	thread_set_name(idle, "swapper/%u", cpu);
	thread_set_name(stop, "migration/%u", cpu);
	sched_init_idle(kernel_sched, &idle->t, cpu);
	sched_init_stop(kernel_sched, &stop->t, cpu);
	return idle;
}

void sched_enter_cpu(void)
{
	unsigned cpu = smp_processor_id();
	struct rq *rq = cpu_rq(kernel_sched, cpu);

	run_idle_here(rq->idle, rq);
	rcu_idle_exit(kernel_rcu);
	sched_cpu_online(kernel_sched, cpu);
}

void preempt_check(void)
{
	if (irqs_disabled())
		return;
	if (!resched_wanted()) {
		/* An interrupt in between that wants one switches on its way out, here. */
		this_cpu_or32(preempt_count_, PREEMPT_NO_SWITCH);
		return;
	}
	rcu_quiescent(kernel_rcu); /* also when nobody better waits and there is no switch */
	preempt_schedule();
}

void preempt_check_irq(const struct pt_regs *regs)
{
	if (!resched_wanted())
		return;
	preempt_look_soon();
	if (!preempt_count() && (regs->eflags & X86_EFLAGS_IF))
		preempt_schedule_irq();
}

_Noreturn void cpu_idle_loop(void)
{
	for (;;) {
		local_irq_disable();
		if (resched_wanted()) {
			local_irq_enable();
			schedule();
		} else {
			hotplug_idle();
			/* An interrupt that makes something runnable switches on its own way out. */
			timers_idle_enter_cpu();
			rcu_idle_enter(kernel_rcu);
			safe_halt();
		}
	}
}

int sched_set_affinity(struct task_struct *t, const u64 *mask)
{
	int err = set_cpus_allowed(t, mask);

	while (!err && READ_ONCE(t->in_pending_move))
		schedule(); /* the stop task is about to take t's CPU, which may be ours */
	return err;
}

int sched_bind(struct task_struct *t, unsigned cpu)
{
	DECLARE_BITMAP(mask, NR_CPUS) = { 0 };

	__set_bit(cpu, mask);
	return sched_set_affinity(t, mask);
}

void sched_pin(unsigned cpu)
{
	if (sched_bind(current, cpu))
		env_panic(__FILE__, __LINE__, "cannot go to CPU %u", cpu);
}

void sched_unpin(void)
{
	set_cpus_allowed(current, kernel_sched->possible);
}

void set_need_resched(void)
{
	struct rq *rq = this_rq();

	raw_spin_lock(&rq->lock);
	resched_curr(rq);
	raw_spin_unlock(&rq->lock);
}

u64 nr_context_switches(void)
{
	u64 sum = 0;

	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		sum += READ_ONCE(cpu_rq(kernel_sched, cpu)->nr_switches);
	return sum;
}
