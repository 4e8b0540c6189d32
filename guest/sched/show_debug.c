/* SPDX-License-Identifier: MIT */
/* show_debug.c - sched_debug, see show.h: what is tuned how, and who waits on which queue. */
#include "guest/sched/internal.h"
#include "guest/sched/show.h"

static void show_ms(struct seq *s, const char *name, u64 ns)
{
	seq_printf(s, "  .%-30s: %ld.%06lu\n", name, (s64)ns / 1000000, ns % 1000000);
}

static void show_nr(struct seq *s, const char *name, u64 n)
{
	seq_printf(s, "  .%-30s: %ld\n", name, (s64)n);
}

static void show_tunables(struct seq *s, const struct sched *sched)
{
	const struct sched_tunables *t = &sched->tun;

	seq_puts(s, "sysctl_sched\n");
	show_ms(s, "sysctl_sched_base_slice", t->base_slice);
	show_ms(s, "sysctl_sched_latency", t->latency);
	show_ms(s, "sysctl_sched_min_granularity", t->min_granularity);
	show_ms(s, "sysctl_sched_wakeup_granularity", t->wakeup_granularity);
	show_ms(s, "sysctl_sched_migration_cost", t->migration_cost);
	show_nr(s, "sysctl_sched_nr_migrate", t->nr_migrate);
	seq_printf(s, "  .%-30s: %s\n\n", "fair class", sched->chain[SLOT_FAIR]->name);
}

static char state_of(const struct task_struct *p)
{
	unsigned state = READ_ONCE(p->state);

	if (!state)
		return 'R';
	return state & TASK_INTERRUPTIBLE ? 'S' : state & TASK_UNINTERRUPTIBLE ? 'D' : 'X';
}

static void show_task_line(struct seq *s, const struct rq *rq, const struct task_struct *p)
{
	seq_printf(s, "%c%c %15s %5d %9ld.%06lu %9lu %5d %9lu.%06lu\n", rq->curr == p ? '>' : ' ',
		   state_of(p), p->comm, p->pid, (s64)p->se.vruntime / 1000000,
		   p->se.vruntime % 1000000, p->nvcsw + p->nivcsw, p->prio,
		   p->se.sum_exec_runtime / 1000000, p->se.sum_exec_runtime % 1000000);
}

/* On the queue, or asleep with its place there. */
static void show_tasks(struct seq *s, struct sched *sched, const struct rq *rq)
{
	const struct task_struct *p;
	u64 flags;

	seq_puts(s, "\nrunnable tasks:\n S            task   PID         vruntime  switches  prio"
		    "         sum-exec\n"
		    "-------------------------------------------------------------------------\n");
	flags = spin_lock_irqsave(&sched->tasks_lock);
	list_for_each_entry (p, &sched->tasks, sched_node)
		if (READ_ONCE(p->cpu) == rq->cpu)
			show_task_line(s, rq, p);
	spin_unlock_irqrestore(&sched->tasks_lock, flags);
}

static void show_queue(struct seq *s, struct sched *sched, const struct rq *rq)
{
	seq_printf(s, "cpu#%u\n", rq->cpu);
	show_nr(s, "nr_running", rq->nr_running);
	show_nr(s, "nr_switches", rq->nr_switches);
	show_nr(s, "curr->pid", (u64)rq->curr->pid);
	show_ms(s, "clock", rq->clock);
	show_ms(s, "clock_task", rq->clock_task);
	seq_puts(s, "\ncfs_rq:/\n");
	show_ms(s, "min_vruntime", rq->cfs.min_vruntime);
	show_nr(s, "nr_running", rq->cfs.nr_queued);
	show_nr(s, "h_nr_running", rq->cfs.h_nr_running);
	show_nr(s, "load", rq->cfs.load);
	show_nr(s, "load_avg", rq->cfs.avg.load_avg);
	show_nr(s, "runnable_avg", rq->cfs.avg.runnable_avg);
	show_nr(s, "util_avg", rq->cfs.avg.util_avg);
	seq_puts(s, "\nrt_rq:/\n");
	show_nr(s, "rt_nr_running", rq->rt.nr_running);
	show_nr(s, "rt_throttled", rq->rt.throttled);
	show_ms(s, "rt_time", rq->rt.time);
	show_ms(s, "rt_runtime", sched->tun.rt_runtime);
	seq_puts(s, "\ndl_rq:\n");
	show_nr(s, "dl_nr_running", rq->dl.nr_running);
	show_tasks(s, sched, rq);
	seq_puts(s, "\n");
}

void show_sched_debug(struct seq *s, struct sched *sched, u64 now_ns, u64 jiffies,
		      const char *release)
{
	seq_printf(s, "Sched Debug Version: v0.11, %s\n", release);
	seq_printf(s, "%-40s: %lu.%06lu\n", "ktime", now_ns / 1000000, now_ns % 1000000);
	seq_printf(s, "%-40s: %lu\n\n", "jiffies", jiffies);
	show_tunables(s, sched);
	for (unsigned cpu = 0; cpu < sched->nr_cpus; cpu++)
		if (cpu_online(sched, cpu))
			show_queue(s, sched, sched->rq[cpu]);
}
