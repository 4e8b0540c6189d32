/* SPDX-License-Identifier: MIT */
/* proc_stat.c - what the CPUs do: stat, uptime, loadavg, interrupts, softirqs, schedstat. */
#include "guest/arch/x86/lapic.h"
#include "guest/arch/x86/smp.h"
#include "guest/fs/seq_file.h"
#include "guest/kernel/cputime.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/proc.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/softirq.h"
#include "guest/kernel/time.h"
#include "guest/kernel/timers.h"
#include "guest/kernel/wallclock.h"
#include "guest/process/process.h"
#include "guest/process/uts.h"
#include "guest/sched/show.h"
#include "devices/abi/pc.h"

/* ---- stat, uptime, loadavg ------------------------------------------------------------------------------- */

static void show_cpu(struct seq *s, const u64 ns[NR_CPUTIMES])
{
	for (unsigned i = 0; i < NR_CPUTIMES; i++)
		seq_printf(s, " %lu", ns[i] / PROC_TICK_NS);
	seq_puts(s, " 0 0\n"); /* guests: there are none */
}

static void sum_cpus(u64 sum[NR_CPUTIMES])
{
	u64 ns[NR_CPUTIMES];

	for (unsigned i = 0; i < NR_CPUTIMES; i++)
		sum[i] = 0;
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
		cputime_read(cpu, ns);
		for (unsigned i = 0; i < NR_CPUTIMES; i++)
			sum[i] += ns[i];
	}
}

static u64 irq_sum(unsigned vector)
{
	u64 sum = 0;

	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		sum += irq_count(vector, cpu);
	return sum;
}

/* Where input n of the interrupt controller arrives. */
static unsigned vector_of(unsigned irq)
{
	return (lapic_present() ? VECTOR_GSI : VECTOR_PIC) + irq;
}

static unsigned nr_irqs(void)
{
	return lapic_present() ? PC_IOAPIC_PINS : 16;
}

static void show_intr(struct seq *s)
{
	u64 total = 0;

	for (unsigned v = VECTOR_PIC; v <= VECTOR_SPURIOUS; v++)
		total += irq_sum(v);
	seq_printf(s, "intr %lu", total);
	for (unsigned irq = 0; irq < nr_irqs(); irq++)
		seq_printf(s, " %lu", irq_sum(vector_of(irq)));
	seq_puts(s, "\n");
}

static u64 softirq_sum(unsigned nr)
{
	u64 sum = 0;

	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		sum += kernel_softirqs.cpu[cpu].count[nr];
	return sum;
}

static void show_softirq_sums(struct seq *s)
{
	u64 total = 0;

	for (unsigned i = 0; i < NR_SOFTIRQS; i++)
		total += softirq_sum(i);
	seq_printf(s, "softirq %lu", total);
	for (unsigned i = 0; i < NR_SOFTIRQS; i++)
		seq_printf(s, " %lu", softirq_sum(i));
	seq_puts(s, "\n");
}

static int stat(struct seq *s, void *arg)
{
	u64 ns[NR_CPUTIMES];
	unsigned cpu, running, waiting, all;

	(void)arg;
	sum_cpus(ns);
	seq_puts(s, "cpu ");
	show_cpu(s, ns);
	for_each_online_cpu (cpu) {
		cputime_read(cpu, ns);
		seq_printf(s, "cpu%u", cpu);
		show_cpu(s, ns);
	}
	show_intr(s);
	count_tasks(&running, &waiting, &all);
	seq_printf(s, "ctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %u\nprocs_blocked 0\n",
		   nr_context_switches(), (wallclock_ns() - clock_ns()) / NSEC_PER_SEC,
		   total_forks(), running);
	show_softirq_sums(s);
	return 0;
}

static int uptime(struct seq *s, void *arg)
{
	u64 ns[NR_CPUTIMES], up = clock_ns(), idle;

	(void)arg;
	sum_cpus(ns);
	idle = ns[CPUTIME_IDLE];
	seq_printf(s, "%lu.%02lu %lu.%02lu\n", up / NSEC_PER_SEC, up % NSEC_PER_SEC / 10000000,
		   idle / NSEC_PER_SEC, idle % NSEC_PER_SEC / 10000000);
	return 0;
}

static int loadavg(struct seq *s, void *arg)
{
	struct loadavg l = loadavg_read();
	unsigned running, waiting, all;

	(void)arg;
	count_tasks(&running, &waiting, &all);
	proc_show_loadavg(s, &l);
	seq_printf(s, " %u/%u %d\n", running, all, last_pid());
	return 0;
}

/* ---- interrupts, softirqs -------------------------------------------------------------------------------- */

static void show_cpu_names(struct seq *s)
{
	unsigned cpu;

	for_each_online_cpu (cpu)
		seq_printf(s, "CPU%-8u", cpu);
	seq_puts(s, "\n");
}

static void show_counts(struct seq *s, unsigned vector)
{
	unsigned cpu;

	for_each_online_cpu (cpu)
		seq_printf(s, "%10lu ", irq_count(vector, cpu));
}

static void show_device_irqs(struct seq *s)
{
	const char *chip = lapic_present() ? "IO-APIC" : "XT-PIC";

	for (unsigned irq = 0; irq < nr_irqs(); irq++) {
		const char *name = irq_name(vector_of(irq));

		if (!name)
			continue;
		seq_printf(s, "%3u: ", irq);
		show_counts(s, vector_of(irq));
		seq_printf(s, " %8s %3u-%-8s  %s\n", chip, irq, "edge", name);
	}
}

static int interrupts(struct seq *s, void *arg)
{
	static const struct {
		unsigned vector;
		const char *name, *text;
	} rows[] = {
		{ VECTOR_TIMER, "LOC", "Local timer interrupts" },
		{ VECTOR_SPURIOUS, "SPU", "Spurious interrupts" },
		{ VECTOR_RESCHEDULE, "RES", "Rescheduling interrupts" },
		{ VECTOR_CALL_FUNCTION, "CAL", "Function call interrupts" },
		{ VECTOR_HOST_PAGE, "HYP", "Hypervisor callback interrupts" },
	};

	(void)arg;
	seq_puts(s, "           ");
	show_cpu_names(s);
	show_device_irqs(s);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		seq_printf(s, "%3s: ", rows[i].name);
		show_counts(s, rows[i].vector);
		seq_printf(s, "  %s\n", rows[i].text);
	}
	seq_printf(s, "%3s: %10lu\n", "ERR", irq_sum(VECTOR_ERROR));
	return 0;
}

static int softirqs(struct seq *s, void *arg)
{
	unsigned cpu;

	(void)arg;
	seq_puts(s, "                    ");
	show_cpu_names(s);
	for (unsigned i = 0; i < NR_SOFTIRQS; i++) {
		seq_printf(s, "%12s:", softirq_name(i));
		for_each_online_cpu (cpu)
			seq_printf(s, " %10lu", kernel_softirqs.cpu[cpu].count[i]);
		seq_puts(s, "\n");
	}
	return 0;
}

/* ---- the scheduler --------------------------------------------------------------------------------------- */

static int schedstat(struct seq *s, void *arg)
{
	(void)arg;
	show_schedstat(s, kernel_sched, jiffies());
	return 0;
}

static int sched_debug(struct seq *s, void *arg)
{
	(void)arg;
	show_sched_debug(s, kernel_sched, clock_ns(), jiffies(), kernel_uts.release);
	return 0;
}

static const struct pseudo_ops stat_ops = { .show = stat };
static const struct pseudo_ops uptime_ops = { .show = uptime };
static const struct pseudo_ops loadavg_ops = { .show = loadavg };
static const struct pseudo_ops interrupts_ops = { .show = interrupts };
static const struct pseudo_ops softirqs_ops = { .show = softirqs };
static const struct pseudo_ops schedstat_ops = { .show = schedstat };
static const struct pseudo_ops sched_debug_ops = { .show = sched_debug };

int proc_stat_init(struct pseudo_tree *proc)
{
	static const struct pseudo_desc files[] = {
		{ .name = "interrupts", .mode = 0444, .ops = &interrupts_ops },
		{ .name = "loadavg", .mode = 0444, .ops = &loadavg_ops },
		{ .name = "sched_debug", .mode = 0444, .ops = &sched_debug_ops },
		{ .name = "schedstat", .mode = 0444, .ops = &schedstat_ops },
		{ .name = "softirqs", .mode = 0444, .ops = &softirqs_ops },
		{ .name = "stat", .mode = 0444, .ops = &stat_ops },
		{ .name = "uptime", .mode = 0444, .ops = &uptime_ops },
		{ .name = NULL },
	};

	loadavg_init();
	return pseudo_add(proc, NULL, files, NULL);
}
