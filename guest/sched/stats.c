/* SPDX-License-Identifier: MIT */
/* stats.c - see show.h; PID/sched and schedstat. */
#include "guest/lib/string.h"
#include "guest/sched/internal.h"
#include "guest/sched/show.h"
#include "guest/sched/topology.h"

/* ---- /proc/PID/sched --------------------------------------------------------------------------- */

struct row {
	const char *name;
	u64 value;
};

/* Milliseconds with six digits behind the point. */
static void show_times(struct seq *s, const struct row *row, size_t n)
{
	for (; n--; row++)
		seq_printf(s, "%-45s:%14ld.%06lu\n", row->name, (s64)row->value / 1000000,
			   row->value % 1000000);
}

static void show_numbers(struct seq *s, const struct row *row, size_t n)
{
	for (; n--; row++)
		seq_printf(s, "%-45s:%21ld\n", row->name, (s64)row->value);
}

/* What is counted only while sched_schedstats is on. */
static void show_statistics(struct seq *s, const struct task_struct *p)
{
	const struct sched_statistics *st = &p->stats;
	u64 run = p->se.sum_exec_runtime, switches = p->nvcsw + p->nivcsw;
	const struct row times[] = {
		{ "sum_sleep_runtime", st->sum_sleep_runtime },
		{ "sum_block_runtime", st->sum_block_runtime },
		{ "sleep_max", st->sleep_max },
		{ "block_max", st->block_max },
		{ "wait_max", st->wait_max },
		{ "wait_sum", st->wait_sum },
	};
	const struct row counts[] = {
		{ "wait_count", st->wait_count },
		{ "nr_migrations_cold", st->nr_migrations_cold },
		{ "nr_forced_migrations", st->nr_forced_migrations },
		{ "nr_wakeups", st->nr_wakeups },
		{ "nr_wakeups_sync", st->nr_wakeups_sync },
		{ "nr_wakeups_migrate", st->nr_wakeups_migrate },
		{ "nr_wakeups_local", st->nr_wakeups_local },
		{ "nr_wakeups_remote", st->nr_wakeups_remote },
		{ "nr_wakeups_affine", st->nr_wakeups_affine },
		{ "nr_wakeups_affine_attempts", st->nr_wakeups_affine_attempts },
	};
	const struct row averages[] = {
		{ "avg_atom", switches ? run / switches : ~0UL },
		{ "avg_per_cpu", st->nr_migrations ? run / st->nr_migrations : ~0UL },
	};

	show_times(s, times, ARRAY_SIZE(times));
	show_numbers(s, counts, ARRAY_SIZE(counts));
	show_times(s, averages, ARRAY_SIZE(averages));
}

static void show_state(struct seq *s, const struct task_struct *p)
{
	const struct sched_avg *a = &p->se.avg;
	u64 t0, t1;
	const struct row rows[] = {
		{ "nr_switches", p->nvcsw + p->nivcsw },
		{ "nr_voluntary_switches", p->nvcsw },
		{ "nr_involuntary_switches", p->nivcsw },
		/* Linux keeps weights with ten more bits. */
		{ "se.load.weight", (u64)p->se.weight << 10 },
		{ "se.avg.load_sum", a->load_sum },
		{ "se.avg.runnable_sum", a->runnable_sum },
		{ "se.avg.util_sum", a->util_sum },
		{ "se.avg.load_avg", a->load_avg },
		{ "se.avg.runnable_avg", a->runnable_avg },
		{ "se.avg.util_avg", a->util_avg },
		{ "se.avg.last_update_time", a->last_update_time },
		{ "policy", p->policy },
		{ "prio", (u64)(s64)p->prio },
	};

	show_numbers(s, rows, ARRAY_SIZE(rows));
	if (dl_policy(p->policy))
		show_numbers(s,
			     (const struct row[]){ { "dl.runtime", (u64)p->dl.runtime },
						   { "dl.deadline", p->dl.deadline } },
			     2);
	t0 = env_now_ns();
	t1 = env_now_ns();
	show_numbers(s, &(const struct row){ "clock-delta", t1 - t0 }, 1);
}

void sched_show_pid_sched(struct seq *s, const struct task_struct *p, unsigned nr_threads)
{
	const struct row times[] = {
		{ "se.exec_start", p->se.exec_start },
		{ "se.vruntime", p->se.vruntime },
		{ "se.sum_exec_runtime", p->se.sum_exec_runtime },
	};

	seq_printf(s, "%s (%d, #threads: %u)\n", p->comm, p->pid, nr_threads);
	seq_puts(s, "-------------------------------------------------------------------\n");
	show_times(s, times, ARRAY_SIZE(times));
	show_numbers(s, &(const struct row){ "se.nr_migrations", p->stats.nr_migrations }, 1);
	if (READ_ONCE(p->sched->schedstats))
		show_statistics(s, p);
	show_state(s, p);
}

void sched_reset_stats(struct task_struct *p)
{
	u64 migrations = p->stats.nr_migrations, flags;
	struct rq *rq = task_rq_lock(p, &flags);

	memset(&p->stats, 0, sizeof(p->stats));
	p->stats.nr_migrations = migrations;
	task_rq_unlock(rq, p, flags);
}

/* ---- /proc/schedstat --------------------------------------------------------------------------- */

/* The mask as hexadecimal words of 32 bits, the highest first. */
static void show_mask(struct seq *s, const u64 *mask, unsigned nr)
{
	unsigned chunk = (nr + 31) / 32, digits = ((nr - 1) % 32) / 4 + 1;

	while (chunk--) {
		u64 word = mask[chunk / 2] >> (chunk % 2 * 32) & UINT32_MAX;

		seq_printf(s, "%0*lx%s", (int)digits, word, chunk ? "," : "");
		digits = 8;
	}
}

/*
 * For each of idle, busy and newly idle: lb_count, balanced, failed, imbalance, gained, hot_gained,
 * nobusyq, nobusyg. Then active balancing (3), exec and fork balancing (3 each), wake-ups (3).
 */
static void show_domain(struct seq *s, const struct sched_domain *sd, unsigned nr_cpus)
{
	seq_printf(s, "domain%u ", sd->level);
	show_mask(s, sd->span, nr_cpus);
	for (unsigned i = 0; i < NR_LB_KINDS; i++) {
		const struct lb_stats *lb = &sd->lb[i];

		seq_printf(s, " %lu %lu %lu %lu %lu 0 0 %lu", lb->count, lb->balanced, lb->failed,
			   lb->imbalance, lb->gained, lb->nobusyg);
	}
	seq_puts(s, " 0 0 0 0 0 0 0 0 0 0 0 0\n");
}

void show_schedstat(struct seq *s, const struct sched *sched, u64 jiffies)
{
	seq_printf(s, "version 15\ntimestamp %lu\n", jiffies);
	for (unsigned cpu = 0; cpu < sched->nr_cpus; cpu++) {
		const struct rq *rq = sched->rq[cpu];

		if (!cpu_online(sched, cpu))
			continue;
		/* The second number is a legacy of the O(1) scheduler and always 0. */
		seq_printf(s, "cpu%u %lu 0 %lu %lu %lu %lu %lu %lu %lu\n", cpu, rq->yld_count,
			   rq->sched_count, rq->sched_goidle, rq->ttwu_count, rq->ttwu_local,
			   rq->cpu_time, rq->info.run_delay, rq->info.pcount);
		for (const struct sched_domain *sd = rq->sd; sd; sd = sd->parent)
			show_domain(s, sd, sched->nr_cpus);
	}
}
