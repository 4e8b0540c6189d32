/* SPDX-License-Identifier: MIT */
/* stats.c - the numbers as /proc/schedstat (version 15) and /proc/PID/sched show them. */
#include "guest/lib/printf.h"
#include "guest/sched/internal.h"
#include "guest/sched/topology.h"

#define LINE 256

static void emit_line(sched_emit_fn emit, void *ctx, const char *fmt, ...) printf_like(3, 4);
static void emit_line(sched_emit_fn emit, void *ctx, const char *fmt, ...)
{
	char line[LINE];
	va_list ap;

	va_start(ap, fmt);
	kvscnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	emit(ctx, line);
}

#define LLU(x) ((unsigned long long)(x))

void sched_show_schedstat(struct sched *s, sched_emit_fn emit, void *ctx)
{
	emit_line(emit, ctx, "version 15");
	emit_line(emit, ctx, "timestamp %llu", LLU(env_now_ns() / NSEC_PER_MSEC_));
	for (unsigned cpu = 0; cpu < s->nr_cpus; cpu++) {
		const struct rq *rq = s->rq[cpu];

		/* The second number is a legacy of the O(1) scheduler and always 0. */
		emit_line(emit, ctx, "cpu%u %llu 0 %llu %llu %llu %llu %llu %llu %llu", cpu,
			  LLU(rq->yld_count), LLU(rq->sched_count), LLU(rq->sched_goidle),
			  LLU(rq->ttwu_count), LLU(rq->ttwu_local), LLU(rq->cpu_time),
			  LLU(rq->info.run_delay), LLU(rq->info.pcount));
		for (const struct sched_domain *sd = rq->sd; sd; sd = sd->parent)
			emit_line(emit, ctx, "domain%u %s %u cpus: %llu %llu %llu %llu %llu",
				  sd->level, sd->name, sd->weight, LLU(sd->lb_count),
				  LLU(sd->lb_balanced), LLU(sd->lb_failed), LLU(sd->lb_gained),
				  LLU(sd->newidle_gained));
	}
}

/* Milliseconds with six digits behind the point, as Linux prints nanoseconds. */
#define MS(ns) LLU((ns) / NSEC_PER_MSEC_), LLU((ns) % NSEC_PER_MSEC_)

void sched_show_task(struct task_struct *p, sched_emit_fn emit, void *ctx)
{
	const struct sched_statistics *st = &p->stats;
	const struct {
		const char *name;
		u64 value;
	} counts[] = {
		{ "nr_migrations", st->nr_migrations },
		{ "nr_forced_migrations", st->nr_forced_migrations },
		{ "nr_wakeups", st->nr_wakeups },
		{ "nr_wakeups_sync", st->nr_wakeups_sync },
		{ "nr_wakeups_migrate", st->nr_wakeups_migrate },
		{ "nr_wakeups_local", st->nr_wakeups_local },
		{ "nr_wakeups_remote", st->nr_wakeups_remote },
		{ "nr_wakeups_affine", st->nr_wakeups_affine },
		{ "nr_wakeups_affine_attempts", st->nr_wakeups_affine_attempts },
		{ "nr_switches", p->nvcsw + p->nivcsw },
		{ "nr_voluntary_switches", p->nvcsw },
		{ "nr_involuntary_switches", p->nivcsw },
		{ "se.load.weight", p->se.weight },
		{ "se.avg.load_avg", p->se.avg.load_avg },
		{ "se.avg.runnable_avg", p->se.avg.runnable_avg },
		{ "se.avg.util_avg", p->se.avg.util_avg },
		{ "policy", p->policy },
		{ "prio", (u64)p->prio },
	};
	const struct {
		const char *name;
		u64 ns;
	} times[] = {
		{ "se.exec_start", p->se.exec_start },
		{ "se.vruntime", p->se.vruntime },
		{ "se.sum_exec_runtime", p->se.sum_exec_runtime },
		{ "sum_sleep_runtime", st->sum_sleep_runtime },
		{ "wait_max", st->wait_max },
		{ "wait_sum", p->sched_info.run_delay },
	};

	emit_line(emit, ctx, "%s (%d, #class: %s)", p->comm, p->pid, p->sched_class->name);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		emit_line(emit, ctx, "%-45s:%14llu.%06llu", times[i].name, MS(times[i].ns));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		emit_line(emit, ctx, "%-45s:%21llu", counts[i].name, LLU(counts[i].value));
	if (dl_policy(p->policy)) {
		emit_line(emit, ctx, "%-45s:%21llu", "dl.runtime", LLU(MAX(p->dl.runtime, 0)));
		emit_line(emit, ctx, "%-45s:%21llu", "dl.deadline", LLU(p->dl.deadline));
		emit_line(emit, ctx, "%-45s:%21llu", "dl.nr_throttled", LLU(p->dl.nr_throttled));
	}
}
