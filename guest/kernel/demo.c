/* SPDX-License-Identifier: MIT */
/* demo.c - demo=switch: two threads per CPU that never give it up, and the tick that makes them. */
#include "guest/arch/x86/smp.h"
#include "guest/kernel/init.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/platform/platform.h"

#define RUN_MS	 100
#define MAX_CPUS 2u /* that take part: the table stays small */
#define THREADS	 (2 * MAX_CPUS)

struct spinner {
	struct task_struct *task;
	u64 count;
	u64 runtime_ns, preemptions; /* copied at the end */
};

static bool stop;

static int spin(void *arg)
{
	struct spinner *s = arg;

	while (!READ_ONCE(stop))
		WRITE_ONCE(s->count, s->count + 1);
	s->preemptions = current->nivcsw;
	s->runtime_ns = current->sum_exec_runtime;
	return 0;
}

static void print_row(const char *name, unsigned cpu, const struct spinner *s)
{
	console_printf("  %-10s %3u %14lu %9lu.%03lu %11lu\n", name, cpu, s->count,
		       s->runtime_ns / 1000000, s->runtime_ns / 1000 % 1000, s->preemptions);
}

void demo_switch(void)
{
	static struct spinner spinners[THREADS];
	static const char *const names[THREADS] = { "spin-A", "spin-B", "spin-C", "spin-D" };
	unsigned cpus = MIN(nr_cpus, MAX_CPUS), nr = 2 * cpus;
	u64 switches = nr_context_switches(), start = clock_ns(), ms;
	unsigned tick = platform_tick_vector();

	for (unsigned i = 0; i < nr; i++) {
		spinners[i].task = kthread_create(spin, &spinners[i], "%s", names[i]);
		if (!spinners[i].task)
			panic("demo: no memory for a thread");
		kthread_bind(spinners[i].task, i / 2);
		wake_up_process(spinners[i].task);
	}
	msleep(RUN_MS);
	WRITE_ONCE(stop, true);
	for (unsigned i = 0; i < nr; i++)
		kthread_join(spinners[i].task);
	ms = (clock_ns() - start) / NSEC_PER_MSEC;

	console_printf("\nThreads that never yield, sharing CPUs for %lu ms under a %u Hz tick\n", ms,
		       tick_hz);
	console_printf("  thread     CPU     loops done   run time ms   preempted\n");
	for (unsigned i = 0; i < nr; i++)
		print_row(names[i], i / 2, &spinners[i]);
	console_printf("  %-17s %lu\n", "context switches", nr_context_switches() - switches);
	console_printf("  %-17s %s\n", "platform", platform->name);
	console_printf("  %-17s %s\n", "interrupts", platform_names.irqchip);
	console_printf("  %-17s %s\n", "clock", clock_source()->name);
	console_printf("  %-17s %s, %lu interrupts\n", "tick", platform_names.tick,
		       irq_count_all(tick));
	console_printf("  %-17s %lu reschedule, %lu call function\n", "between CPUs",
		       irq_count_all(VECTOR_RESCHEDULE), irq_count_all(VECTOR_CALL_FUNCTION));
	if (platform->steal_ns)
		console_printf("  %-17s %lu us stolen by the host on CPU 0%s%s\n", "paravirtual",
			       platform->steal_ns(0) / 1000, *platform_names.extras ? "; " : "",
			       platform_names.extras);
	console_printf("  %-17s 16550 at COM1, polled\n\n", "console");
}
