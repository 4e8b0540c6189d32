/* SPDX-License-Identifier: MIT */
/* demo.c - demo=switch: what the tick does, and what the machine's services cost. */
#include "guest/arch/x86/lapic.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/costs.h"
#include "guest/kernel/init.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/platform/platform.h"

#define RUN_MS	 60
#define MAX_CPUS 2u /* that take part: the table stays small */
#define THREADS	 (2 * MAX_CPUS)

struct spinner {
	struct task_struct *task;
	u64 count;
};

static bool stop;

static int spin(void *arg)
{
	struct spinner *s = arg;

	while (!READ_ONCE(stop))
		WRITE_ONCE(s->count, s->count + 1);
	return 0;
}

static void show_preemption(void)
{
	static struct spinner spinners[THREADS];
	static const char *const names[THREADS] = { "spin-A", "spin-B", "spin-C", "spin-D" };
	unsigned nr = 2 * MIN(nr_cpus, MAX_CPUS);
	u64 switches = nr_context_switches();

	for (unsigned i = 0; i < nr; i++) {
		spinners[i].task = kthread_create(spin, &spinners[i], "%s", names[i]);
		if (!spinners[i].task)
			panic("demo: no memory for a thread");
		get_task(spinners[i].task); /* its numbers outlive it */
		kthread_bind(spinners[i].task, i / 2);
		kthread_start(spinners[i].task);
	}
	msleep(RUN_MS);
	WRITE_ONCE(stop, true);
	for (unsigned i = 0; i < nr; i++)
		kthread_join(spinners[i].task);
	switches = nr_context_switches() - switches;

	console_printf("\nTwo threads per CPU that never yield, %u ms under a %u Hz tick\n", RUN_MS,
		       tick_hz);
	console_printf("  thread  CPU     loops done   run time ms   preempted\n");
	for (unsigned i = 0; i < nr; i++) {
		const struct spinner *s = &spinners[i];
		u64 ns = s->task->se.sum_exec_runtime;

		console_printf("  %-7s %3u %14lu %9lu.%03lu %11lu\n", names[i], i / 2, s->count,
			       ns / 1000000, ns / 1000 % 1000, s->task->nivcsw);
		put_task(s->task);
	}
	console_printf("  context switches  %lu\n", switches);
}

static void show_cost(const char *what, u64 ns, const char *how)
{
	if (ns)
		console_printf("  %-20s %5lu.%03lu us  %s\n", what, ns / 1000, ns % 1000, how);
}

static void show_costs(void)
{
	u64 written, spared;

	console_printf("\nThis machine, and what its services cost\n");
	console_printf("  %-20s %s\n", "platform", platform->name);
	console_printf("  %-20s %s; tick by the %s\n", "interrupts", platform_names.irqchip,
		       platform_names.tick);
	show_cost("read the clock", cost_clock_read(), clock_source()->name);
	show_cost("switch stacks", cost_switch_alone(), "from one thread's registers to another's");
	show_cost("switch threads", cost_switch(), "one waking the other, on one CPU");
	show_cost("wake and be woken", cost_wake_other(), "by a thread on another CPU");
	show_cost("call on another CPU", cost_call(), "an interrupt there and its answer");
	show_cost("a page", cost_page(), "taken and freed, from this CPU's stock");
	show_cost("an object", cost_object(), "of 64 bytes, likewise");
	show_cost("CPUID", cost_cpuid(), "which a hypervisor always answers");
	show_cost("read a port", cost_port_read(), "which the VMM answers");
	lapic_eoi_counts(&written, &spared);
	console_printf("  %-20s %9lu     of which PV EOI spared %lu\n", "ends of interrupt",
		       written + spared, spared);
	if (platform->steal_ns)
		console_printf("  %-20s %9lu ms  that CPU 0 wanted to run and could not\n",
			       "stolen by the host", platform->steal_ns(0) / NSEC_PER_MSEC);
	console_printf("\n");
}

void demo_switch(void)
{
	show_preemption();
	show_costs();
}
