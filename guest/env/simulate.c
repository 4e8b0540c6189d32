/* SPDX-License-Identifier: MIT */
/* simulate.c - runs a scenario and prints what came of it; see simulate.h. */
#include "guest/env/simulate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/env/scenario.h"

struct outcome {
	struct scenario *s;
	struct sim_machine *m;
	u64 events, spent_ns; /* of this process's CPU time */
	double idle;	      /* of all CPUs' time */
};

static u64 cpu_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static bool make_groups(struct scenario *s, struct sim_machine *m)
{
	struct task_group *tg[SCENARIO_MAX] = { NULL };

	for (unsigned i = 0; i < s->nr_groups; i++) {
		const struct scenario_group *g = &s->groups[i];

		tg[i] = task_group_create(sim_machine_sched(m),
					  g->parent < 0 ? NULL : tg[g->parent], g->shares);
		if (!tg[i])
			return false;
		if (g->quota != RUNTIME_INF &&
		    task_group_set_bandwidth(tg[i], g->quota, g->period, 0))
			return false;
	}
	for (unsigned i = 0; i < s->cfg.nr_programs; i++)
		s->programs[i].group = s->group_of[i] < 0 ? NULL : tg[s->group_of[i]];
	return true;
}

static int run(struct outcome *o, struct simulate_request *r)
{
	u64 begun, idle = 0;
	unsigned cpus = o->s->cfg.topo.nr_cpus;

	o->m = sim_machine_create(&o->s->cfg);
	if (!o->m || !make_groups(o->s, o->m)) {
		snprintf(r->error, sizeof(r->error), "%s: no memory for %u CPUs; give it fewer",
			 r->path, cpus);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < o->s->cfg.nr_programs; i++) {
		if (sim_machine_spawn(o->m, i, o->s->count[i]))
			continue;
		snprintf(r->error, sizeof(r->error),
			 "%s: task %s: not admitted (deadline tasks may ask for 95 %% of the CPUs "
			 "in all, unbound), or no memory",
			 r->path, o->s->programs[i].name);
		return -EBUSY;
	}
	begun = cpu_time();
	o->events = sim_machine_run(o->m, o->s->duration);
	o->spent_ns = cpu_time() - begun;
	for (unsigned i = 0; i < cpus; i++)
		idle += sim_machine_idle_ns(o->m, i);
	o->idle = (double)idle / o->s->duration / cpus;
	return 0;
}

/* ---- for a person ---------------------------------------------------------------------------------------- */

/* 1.234ms: four digits or so, in 9 columns. */
static const char *ns_text(char buf[16], u64 ns)
{
	if (ns < 10000)
		snprintf(buf, 16, "%lluns", (unsigned long long)ns);
	else if (ns < 10000000)
		snprintf(buf, 16, "%.1fus", ns / 1e3);
	else if (ns < 10000000000ULL)
		snprintf(buf, 16, "%.1fms", ns / 1e6);
	else
		snprintf(buf, 16, "%.1fs", ns / 1e9);
	return buf;
}

static void print_latency(FILE *out, const char *what, const struct scenario *s,
			  struct sim_machine *m, size_t offset)
{
	bool head = false;

	for (unsigned i = 0; i < s->cfg.nr_programs; i++) {
		const struct sim_stats *st = sim_machine_stats(m, i);
		const struct sim_histogram *h = (const void *)((const char *)st + offset);
		char p50[16], p90[16], p99[16], max[16];

		if (!h->n)
			continue;
		if (!head)
			fprintf(out, "\n%-15s %10s %9s %9s %9s %9s\n", what, "times", "median",
				"90 %", "99 %", "longest");
		head = true;
		fprintf(out, "%-15s %10llu %9s %9s %9s %9s\n", s->programs[i].name,
			(unsigned long long)h->n, ns_text(p50, sim_histogram_at(h, 500)),
			ns_text(p90, sim_histogram_at(h, 900)),
			ns_text(p99, sim_histogram_at(h, 990)), ns_text(max, h->max));
	}
}

static void print_jobs(FILE *out, const struct scenario *s, struct sim_machine *m)
{
	bool head = false;

	for (unsigned i = 0; i < s->cfg.nr_programs; i++) {
		const struct sim_stats *st = sim_machine_stats(m, i);
		char late[16];

		if (!st->jobs && !st->throttled)
			continue;
		if (!head)
			fprintf(out, "\n%-15s %10s %9s %9s %9s\n", "jobs", "number", "late",
				"latest", "throttled");
		head = true;
		fprintf(out, "%-15s %10llu %9llu %9s %9llu\n", s->programs[i].name,
			(unsigned long long)st->jobs, (unsigned long long)st->missed,
			ns_text(late, st->worst_late_ns), (unsigned long long)st->throttled);
	}
}

static void print_table(FILE *out, struct outcome *o)
{
	const struct scenario *s = o->s;
	char t[16];

	fprintf(out, "%s, %u CPU%s, %s of virtual time, seed %llu\n",
		sim_machine_sched(o->m)->chain[SLOT_FAIR]->name, s->cfg.topo.nr_cpus,
		s->cfg.topo.nr_cpus == 1 ? "" : "s", ns_text(t, s->duration),
		(unsigned long long)s->cfg.seed);
	fprintf(out, "%-15s %7s %7s %9s %9s %10s %10s %10s\n", "tasks", "number", "CPU %",
		"run each", "wait each", "voluntary", "preempted", "migrated");
	for (unsigned i = 0; i < s->cfg.nr_programs; i++) {
		const struct sim_stats *st = sim_machine_stats(o->m, i);
		u64 n = MAX(st->tasks, 1ULL);
		char run_each[16], wait_each[16];

		fprintf(out, "%-15s %7llu %7.2f %9s %9s %10llu %10llu %10llu\n",
			s->programs[i].name, (unsigned long long)st->tasks,
			100.0 * (double)st->run_ns / s->duration / s->cfg.topo.nr_cpus,
			ns_text(run_each, st->run_ns / n), ns_text(wait_each, st->wait_ns / n),
			(unsigned long long)st->nvcsw, (unsigned long long)st->nivcsw,
			(unsigned long long)st->migrations);
	}
	fprintf(out, "%-15s %7s %7.2f\n", "idle", "", 100 * o->idle);
	print_latency(out, "wake-up to run", s, o->m, offsetof(struct sim_stats, latency));
	print_latency(out, "wait for lock", s, o->m, offsetof(struct sim_stats, lock_wait));
	print_jobs(out, s, o->m);
	fprintf(out, "\n%llu switches; %llu events, %.2f million a second\n",
		(unsigned long long)sim_machine_switches(o->m), (unsigned long long)o->events,
		o->spent_ns ? o->events * 1e3 / o->spent_ns : 0.0);
}

/* ---- for a program ------------------------------------------------------------------------------------------ */

/* Names are taken as they stand in the file: quotes and backslashes are escaped, the rest is kept. */
static void json_name(FILE *out, const char *name)
{
	fputc('"', out);
	for (; *name; name++)
		fprintf(out, *name == '"' || *name == '\\' ? "\\%c" : "%c", *name);
	fputc('"', out);
}

static void json_histogram(FILE *out, const char *key, const struct sim_histogram *h)
{
	fprintf(out,
		", \"%s\": {\"n\": %llu, \"p50\": %llu, \"p90\": %llu, \"p99\": %llu, \"max\": %llu}",
		key, (unsigned long long)h->n, (unsigned long long)sim_histogram_at(h, 500),
		(unsigned long long)sim_histogram_at(h, 900),
		(unsigned long long)sim_histogram_at(h, 990), (unsigned long long)h->max);
}

static void print_json(FILE *out, struct outcome *o)
{
	const struct scenario *s = o->s;

	fprintf(out,
		"{\"policy\": \"%s\", \"cpus\": %u, \"duration_ns\": %llu, \"seed\": %llu, "
		"\"events\": %llu, \"switches\": %llu, \"idle\": %.6f, \"tasks\": [",
		sim_machine_sched(o->m)->chain[SLOT_FAIR]->name, s->cfg.topo.nr_cpus,
		(unsigned long long)s->duration, (unsigned long long)s->cfg.seed,
		(unsigned long long)o->events, (unsigned long long)sim_machine_switches(o->m),
		o->idle);
	for (unsigned i = 0; i < s->cfg.nr_programs; i++) {
		const struct sim_stats *st = sim_machine_stats(o->m, i);

		fprintf(out, "%s\n  {\"name\": ", i ? "," : "");
		json_name(out, s->programs[i].name);
		fprintf(out,
			", \"tasks\": %llu, \"exited\": %llu, \"run_ns\": %llu, \"wait_ns\": %llu, "
			"\"voluntary\": %llu, \"preempted\": %llu, \"migrations\": %llu, "
			"\"wakeups\": %llu, \"jobs\": %llu, \"late\": %llu, \"latest_ns\": %llu, "
			"\"throttled\": %llu",
			(unsigned long long)st->tasks, (unsigned long long)st->exited,
			(unsigned long long)st->run_ns, (unsigned long long)st->wait_ns,
			(unsigned long long)st->nvcsw, (unsigned long long)st->nivcsw,
			(unsigned long long)st->migrations, (unsigned long long)st->wakeups,
			(unsigned long long)st->jobs, (unsigned long long)st->missed,
			(unsigned long long)st->worst_late_ns, (unsigned long long)st->throttled);
		json_histogram(out, "latency_ns", &st->latency);
		json_histogram(out, "lock_wait_ns", &st->lock_wait);
		fputc('}', out);
	}
	fprintf(out, "]}");
}

/* ---- */

static int simulate_one(struct simulate_request *r, const struct sched_class *fair)
{
	struct outcome o = { 0 };
	FILE *f = fopen(r->path, "re");
	int err = -EINVAL;

	if (!f) {
		err = -errno;
		snprintf(r->error, sizeof(r->error), "%s: %s", r->path, strerror(errno));
		return err;
	}
	o.s = scenario_read(f, r->path, r->error, sizeof(r->error));
	fclose(f);
	if (!o.s)
		return -EINVAL;
	if (fair)
		o.s->cfg.fair = fair;
	if (r->have_seed)
		o.s->cfg.seed = r->seed;
	err = run(&o, r);
	if (!err && r->json)
		print_json(r->out, &o);
	else if (!err)
		print_table(r->out, &o);
	if (o.m)
		sim_machine_destroy(o.m);
	scenario_free(o.s);
	return err;
}

int simulate_file(struct simulate_request *r)
{
	static const char *const all[] = { "eevdf", "cfs", "o1", "bfs" };
	bool each = r->policy && !strcmp(r->policy, "all");
	const struct sched_class *fair = NULL;
	int err = 0;

	if (r->policy && !each) {
		fair = sched_fair_by_name(r->policy);
		if (!fair) {
			snprintf(r->error, sizeof(r->error),
				 "--policy %s: eevdf, cfs, o1, bfs or all", r->policy);
			return -EINVAL;
		}
	}
	if (!each) {
		err = simulate_one(r, fair);
		if (!err && r->json)
			fputc('\n', r->out);
		return err;
	}
	for (size_t i = 0; i < ARRAY_SIZE(all) && !err; i++) {
		if (r->json)
			fputs(i ? ",\n" : "[", r->out);
		else if (i)
			fputs("\n", r->out);
		err = simulate_one(r, sched_fair_by_name(all[i]));
	}
	if (r->json && !err)
		fputs("]\n", r->out);
	return err;
}
