/* SPDX-License-Identifier: MIT */
/*
 * scenario.c - a line-based reader. Names are resolved when a line is read, except those of tasks: a
 * task may fork one that comes later in the file.
 */
#include "guest/env/scenario.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/parse.h"

#define MAX_OPS	  256
#define MAX_CPUS  65536
#define MAX_TASKS 10000000
#define MAX_LINE  4096

struct reader {
	struct scenario *s;
	const char *name;
	unsigned line;
	char *error;
	size_t error_size;
	/* fork NAME, to be found at the end */
	struct {
		unsigned program, op, line;
		char name[TASK_COMM_LEN];
	} forks[MAX_OPS];
	unsigned nr_forks;
};

static bool bad(struct reader *r, const char *fmt, ...) printf_like(2, 3);
static bool bad(struct reader *r, const char *fmt, ...)
{
	int n = snprintf(r->error, r->error_size, "%s:%u: ", r->name, r->line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->error + n, r->error_size - (size_t)n, fmt, ap);
	va_end(ap);
	return false;
}

/* ---- words ------------------------------------------------------------------------------------------- */

static bool number(struct reader *r, const char *word, u64 max, u64 *out)
{
	if (!word || parse_u64(word, strlen(word), 10, out) || *out > max)
		return bad(r, "%s: not a number up to %llu", word ? word : "nothing",
			   (unsigned long long)max);
	return true;
}

static bool signed_number(struct reader *r, const char *word, s64 min, s64 max, s64 *out)
{
	if (!word || parse_s64(word, strlen(word), 10, out) || *out < min || *out > max)
		return bad(r, "%s: not a number from %lld to %lld", word ? word : "nothing",
			   (long long)min, (long long)max);
	return true;
}

/* 10ns, 2us, 5ms, 1s; at most an hour. */
static bool duration(struct reader *r, const char *word, size_t len, u64 *out)
{
	static const struct {
		const char *unit;
		u64 ns;
	} units[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 } };
	size_t digits = word ? strspn(word, "0123456789") : 0;
	u64 n;

	for (size_t i = 0; digits && i < ARRAY_SIZE(units); i++) {
		if (len - digits != strlen(units[i].unit) ||
		    memcmp(word + digits, units[i].unit, len - digits))
			continue;
		if (parse_u64(word, digits, 10, &n) || n > 3600000000000ULL / units[i].ns)
			break;
		*out = n * units[i].ns;
		return true;
	}
	return bad(r, "%.*s: not a time like 500us, 3ms or 1s (an hour at most)",
		   word ? (int)len : 7, word ? word : "nothing");
}

static bool one_duration(struct reader *r, const char *word, u64 *out)
{
	return duration(r, word, word ? strlen(word) : 0, out);
}

/* 3ms or 1ms..5ms */
static bool range(struct reader *r, const char *word, struct sim_op *op)
{
	const char *dots = word ? strstr(word, "..") : NULL;
	u64 lo, hi;

	if (!dots) {
		if (!one_duration(r, word, &lo))
			return false;
		hi = lo;
	} else if (!duration(r, word, (size_t)(dots - word), &lo) ||
		   !one_duration(r, dots + 2, &hi)) {
		return false;
	}
	if (hi < lo)
		return bad(r, "%s: the range is empty", word);
	op->a = (s64)lo;
	op->b = (s64)hi;
	return true;
}

static bool set_name(struct reader *r, char *to, const char *word)
{
	if (!word || !*word || strlen(word) >= TASK_COMM_LEN)
		return bad(r, "%s: not a name of 1 to 15 characters", word ? word : "nothing");
	strcpy(to, word);
	return true;
}

static bool find_lock(struct reader *r, const char *word, s64 *out)
{
	for (unsigned i = 0; word && i < r->s->cfg.nr_locks; i++) {
		if (!strcmp(r->s->lock_names[i], word)) {
			*out = i;
			return true;
		}
	}
	return bad(r, "%s: no such lock; a line `lock NAME mutex` makes one",
		   word ? word : "nothing");
}

static bool find_group(struct reader *r, const char *word, int *out)
{
	for (unsigned i = 0; i < r->s->nr_groups; i++) {
		if (!strcmp(r->s->groups[i].name, word)) {
			*out = (int)i;
			return true;
		}
	}
	return bad(r, "%s: no such group; a line `group NAME shares=1024` makes one", word);
}

static bool policy_of(struct reader *r, char *word, struct sched_attr *attr)
{
	static const struct {
		const char *name;
		unsigned policy;
	} names[] = { { "normal", SCHED_NORMAL }, { "batch", SCHED_BATCH },
		      { "idle", SCHED_IDLE },	  { "fifo", SCHED_FIFO },
		      { "rr", SCHED_RR },	  { "deadline", SCHED_DEADLINE } };
	char *arg = word ? strchr(word, ':') : NULL, *save;
	u64 prio;

	if (arg)
		*arg++ = 0;
	for (size_t i = 0; word && i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i].name, word))
			continue;
		attr->policy = names[i].policy;
		if (rt_policy(attr->policy)) {
			if (!number(r, arg, 99, &prio))
				return false;
			attr->priority = (unsigned)prio;
		} else if (dl_policy(attr->policy)) {
			const char *period;

			if (!one_duration(r, arg ? strtok_r(arg, "/", &save) : NULL,
					  &attr->runtime) ||
			    !one_duration(r, strtok_r(NULL, "/", &save), &attr->deadline))
				return false;
			period = strtok_r(NULL, "/", &save);
			if (period && !one_duration(r, period, &attr->period))
				return false;
		}
		return true;
	}
	return bad(r,
		   "%s: not a policy; normal, batch, idle, fifo:PRIO, rr:PRIO or "
		   "deadline:RUNTIME/DEADLINE/PERIOD",
		   word ? word : "nothing");
}

/* 0-3,8 */
static bool cpu_list(struct reader *r, char *word, const u64 **out)
{
	unsigned n = r->s->cfg.topo.nr_cpus;
	u64 *mask = calloc(BITS_TO_WORDS(n), sizeof(u64)), lo, hi;
	char *save, *part;

	if (!mask)
		return bad(r, "no memory");
	*out = mask;
	for (part = strtok_r(word, ",", &save); part; part = strtok_r(NULL, ",", &save)) {
		char *dash = strchr(part, '-');

		if (dash)
			*dash++ = 0;
		if (!number(r, part, n - 1, &lo) || !number(r, dash ? dash : part, n - 1, &hi))
			return false;
		for (; lo <= hi; lo++)
			__set_bit(lo, mask);
	}
	return true;
}

/* ---- scripts --------------------------------------------------------------------------------------------- */

static bool parse_op(struct reader *r, unsigned program, struct sim_op *op, char *text,
		     unsigned index)
{
	char *save, *verb = strtok_r(text, " \t", &save), *arg = strtok_r(NULL, " \t", &save);
	char *arg2 = arg ? strtok_r(NULL, " \t", &save) : NULL;
	u64 n = 0;

	if (!strcmp(verb, "run") || !strcmp(verb, "sleep")) {
		op->code = verb[0] == 'r' ? OP_RUN : OP_SLEEP;
		return range(r, arg, op);
	}
	if (!strcmp(verb, "lock") || !strcmp(verb, "unlock")) {
		op->code = verb[0] == 'l' ? OP_LOCK : OP_UNLOCK;
		return find_lock(r, arg, &op->a);
	}
	if (!strcmp(verb, "yield") || !strcmp(verb, "exit")) {
		op->code = verb[0] == 'y' ? OP_YIELD : OP_EXIT;
		return true;
	}
	if (!strcmp(verb, "nice")) {
		op->code = OP_NICE;
		return signed_number(r, arg, MIN_NICE, MAX_NICE, &op->a);
	}
	if (!strcmp(verb, "setsched")) {
		op->code = OP_SETATTR;
		return policy_of(r, arg, &op->attr);
	}
	if (!strcmp(verb, "period")) {
		op->code = OP_PERIOD;
		if (!one_duration(r, arg, &n))
			return false;
		op->a = (s64)n;
		return n ? true : bad(r, "a period of 0");
	}
	if (!strcmp(verb, "use")) {
		op->code = OP_POLICY;
		op->fair = arg ? sched_fair_by_name(arg) : NULL;
		return op->fair ? true : bad(r, "use: eevdf, cfs, o1 or bfs");
	}
	if (!strcmp(verb, "repeat")) {
		op->code = OP_LOOP;
		if (arg && !number(r, arg, UINT32_MAX, &n))
			return false;
		op->a = (s64)n;
		return true;
	}
	if (!strcmp(verb, "fork")) {
		op->code = OP_FORK;
		n = 1;
		if (arg2 && !number(r, arg2, 1000, &n))
			return false;
		op->b = (s64)n;
		if (r->nr_forks == ARRAY_SIZE(r->forks))
			return bad(r, "too many forks in one file");
		r->forks[r->nr_forks].program = program;
		r->forks[r->nr_forks].op = index;
		r->forks[r->nr_forks].line = r->line;
		return set_name(r, r->forks[r->nr_forks++].name, arg);
	}
	return bad(r,
		   "%s: no such step; run, sleep, lock, unlock, yield, nice, setsched, fork, "
		   "period, use, repeat or exit",
		   verb);
}

static bool parse_script(struct reader *r, unsigned program, char *text)
{
	struct sim_program *p = &r->s->programs[program];
	char *save, *part;

	p->ops = calloc(MAX_OPS, sizeof(*p->ops));
	if (!p->ops)
		return bad(r, "no memory");
	for (part = strtok_r(text, ";", &save); part; part = strtok_r(NULL, ";", &save)) {
		part += strspn(part, " \t");
		if (!*part)
			continue;
		if (p->nr_ops == MAX_OPS)
			return bad(r, "more than %d steps", MAX_OPS);
		if (!parse_op(r, program, &p->ops[p->nr_ops], part, p->nr_ops))
			return false;
		p->nr_ops++;
	}
	return p->nr_ops ? true : bad(r, "the task has nothing to do");
}

/* ---- lines --------------------------------------------------------------------------------------------------- */

static bool task_option(struct reader *r, unsigned i, char *word)
{
	struct sim_program *p = &r->s->programs[i];
	char *value = strchr(word, '=');
	s64 nice;

	if (!value)
		return bad(r, "%s: expected KEY=VALUE before the colon", word);
	*value++ = 0;
	if (!strcmp(word, "count"))
		return number(r, value, MAX_TASKS, &r->s->count[i]);
	if (!strcmp(word, "nice")) {
		if (!signed_number(r, value, MIN_NICE, MAX_NICE, &nice))
			return false;
		p->attr.nice = (int)nice;
		return true;
	}
	if (!strcmp(word, "policy"))
		return policy_of(r, value, &p->attr);
	if (!strcmp(word, "slice"))
		return one_duration(r, value, &p->attr.runtime);
	if (!strcmp(word, "start"))
		return one_duration(r, value, &p->start);
	if (!strcmp(word, "cpus"))
		return p->affinity ? bad(r, "cpus= twice") : cpu_list(r, value, &p->affinity);
	if (!strcmp(word, "group"))
		return find_group(r, value, &r->s->group_of[i]);
	return bad(r, "%s: no such option; count, nice, policy, slice, start, cpus or group", word);
}

static bool parse_task(struct reader *r, char *text)
{
	struct scenario *s = r->s;
	unsigned i = s->cfg.nr_programs;
	char *script = strstr(text, ": "), *save, *word;

	if (!script)
		return bad(r, "task NAME [options]: STEP; STEP... needs a colon and a blank");
	*script = 0;
	if (i == SCENARIO_MAX)
		return bad(r, "more than %d kinds of tasks", SCENARIO_MAX);
	if (!set_name(r, s->programs[i].name, strtok_r(text, " \t", &save)))
		return false;
	s->cfg.nr_programs++;
	s->count[i] = 1;
	s->group_of[i] = -1;
	while ((word = strtok_r(NULL, " \t", &save)))
		if (!task_option(r, i, word))
			return false;
	return parse_script(r, i, script + 2);
}

static bool parse_lock(struct reader *r, char *text)
{
	static const char *const kinds[] = { "mutex", "rtmutex", "semaphore" };
	struct scenario *s = r->s;
	char *save, *name = strtok_r(text, " \t", &save), *kind = strtok_r(NULL, " \t", &save);

	if (s->cfg.nr_locks == SCENARIO_MAX)
		return bad(r, "more than %d locks", SCENARIO_MAX);
	if (!set_name(r, s->lock_names[s->cfg.nr_locks], name))
		return false;
	for (unsigned i = 0; kind && i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kind, kinds[i])) {
			s->locks[s->cfg.nr_locks++] = (enum sim_lock_kind)i;
			return true;
		}
	}
	return bad(r, "lock %s: mutex, rtmutex or semaphore", name);
}

/* QUOTA/PERIOD, as in cpu.max. */
static bool quota_of(struct reader *r, char *text, struct scenario_group *g)
{
	char *period = strchr(text, '/');

	if (!period)
		return bad(r, "quota=%s: expected QUOTA/PERIOD like 20ms/100ms", text);
	*period++ = 0;
	if (!one_duration(r, text, &g->quota) || !one_duration(r, period, &g->period))
		return false;
	if (g->quota < NSEC_PER_MSEC_ || g->period < NSEC_PER_MSEC_ || g->period > NSEC_PER_SEC_)
		return bad(r, "quota=: at least 1ms, of a period of 1ms to 1s");
	return true;
}

static bool parse_group(struct reader *r, char *text)
{
	struct scenario_group *g = &r->s->groups[r->s->nr_groups];
	char *save, *word;

	if (r->s->nr_groups == SCENARIO_MAX)
		return bad(r, "more than %d groups", SCENARIO_MAX);
	if (!set_name(r, g->name, strtok_r(text, " \t", &save)))
		return false;
	g->parent = -1;
	g->shares = NICE_0_LOAD;
	g->quota = RUNTIME_INF;
	while ((word = strtok_r(NULL, " \t", &save))) {
		if (!strncmp(word, "shares=", 7)) {
			if (!number(r, word + 7, 262144, &g->shares))
				return false;
		} else if (!strncmp(word, "in=", 3)) {
			if (!find_group(r, word + 3, &g->parent))
				return false;
		} else if (!strncmp(word, "quota=", 6)) {
			if (!quota_of(r, word + 6, g))
				return false;
		} else {
			return bad(r, "%s: shares=N, quota=QUOTA/PERIOD or in=GROUP", word);
		}
	}
	r->s->nr_groups++;
	return true;
}

static bool parse_topology(struct reader *r, char *text)
{
	struct sched_topology_desc *t = &r->s->cfg.topo;
	char *save, *word = strtok_r(text, " \t", &save);
	u64 n;

	for (; word; word = strtok_r(NULL, " \t", &save)) {
		char *value = strchr(word, '=');

		if (value)
			*value++ = 0;
		if (!number(r, value, MAX_CPUS, &n))
			return false;
		if (!n)
			return bad(r, "%s=0: at least 1", word);
		if (!strcmp(word, "threads"))
			t->threads_per_core = (unsigned)n;
		else if (!strcmp(word, "cores"))
			t->cores_per_llc = (unsigned)n;
		else if (!strcmp(word, "caches"))
			t->llcs_per_node = (unsigned)n;
		else
			return bad(r,
				   "%s: threads=N (a core), cores=N (a cache) or caches=N (a node)",
				   word);
	}
	return true;
}

static bool parse_cpus(struct reader *r, const char *text)
{
	struct scenario *s = r->s;
	u64 n;

	if (s->cfg.nr_programs)
		return bad(r, "cpus comes before the tasks");
	if (!number(r, text, MAX_CPUS, &n))
		return false;
	if (!n)
		return bad(r, "at least one CPU");
	s->cfg.topo.nr_cpus = (unsigned)n;
	s->cfg.topo.cores_per_llc = (unsigned)n;
	sched_tunables_default(&s->cfg.tun, (unsigned)n);
	return true;
}

static bool parse_line(struct reader *r, char *line)
{
	struct scenario *s = r->s;
	struct sched_tunables *tun = &s->cfg.tun;
	const struct {
		const char *key;
		u64 *ns;
	} times[] = { { "duration", &s->duration },
		      { "tick", &tun->tick },
		      { "slice", &tun->base_slice },
		      { "latency", &tun->latency },
		      { "min_granularity", &tun->min_granularity },
		      { "wakeup_granularity", &tun->wakeup_granularity },
		      { "rr_timeslice", &tun->rr_timeslice },
		      { "rt_period", &tun->rt_period },
		      { "rt_runtime", &tun->rt_runtime },
		      { "migration_cost", &tun->migration_cost },
		      { "ipi", &s->cfg.ipi_ns },
		      { "switch", &s->cfg.switch_ns } };
	const struct {
		const char *key;
		bool *flag;
	} flags[] = { { "hrtick", &tun->hrtick },
		      { "balance", &tun->balance },
		      { "delay_dequeue", &tun->delay_dequeue } };
	size_t len = strcspn(line, " \t");
	char *arg = line + len + strspn(line + len, " \t");

	line[len] = 0;
	if (!strcmp(line, "task"))
		return parse_task(r, arg);
	if (!strcmp(line, "lock"))
		return parse_lock(r, arg);
	if (!strcmp(line, "group"))
		return parse_group(r, arg);
	if (!strcmp(line, "cpus"))
		return parse_cpus(r, arg);
	if (!strcmp(line, "topology"))
		return parse_topology(r, arg);
	if (!strcmp(line, "seed"))
		return number(r, arg, UINT64_MAX, &s->cfg.seed);
	if (!strcmp(line, "policy")) {
		s->cfg.fair = sched_fair_by_name(arg);
		return s->cfg.fair ? true : bad(r, "%s: eevdf, cfs, o1 or bfs", arg);
	}
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		if (strcmp(line, times[i].key))
			continue;
		if (!one_duration(r, arg, times[i].ns))
			return false;
		return tun->tick && s->duration ? true : bad(r, "%s: more than 0", line);
	}
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (strcmp(line, flags[i].key))
			continue;
		if (parse_bool(arg, strlen(arg), flags[i].flag))
			return bad(r, "%s: on or off", line);
		return true;
	}
	return bad(r,
		   "%s: no such line; task, lock, group, cpus, topology, policy, seed, duration, "
		   "tick, slice, ... are known",
		   line);
}

static bool resolve_forks(struct reader *r)
{
	struct scenario *s = r->s;

	for (unsigned i = 0; i < r->nr_forks; i++) {
		unsigned p = 0;

		while (p < s->cfg.nr_programs && strcmp(s->programs[p].name, r->forks[i].name))
			p++;
		r->line = r->forks[i].line;
		if (p == s->cfg.nr_programs)
			return bad(r, "fork %s: no such task", r->forks[i].name);
		s->programs[r->forks[i].program].ops[r->forks[i].op].a = p;
	}
	return true;
}

static bool read_lines(struct reader *r, FILE *f)
{
	char line[MAX_LINE];

	while (fgets(line, sizeof(line), f)) {
		char *text = line + strspn(line, " \t");

		r->line++;
		if (!strchr(line, '\n') && !feof(f))
			return bad(r, "longer than %d characters", MAX_LINE);
		text[strcspn(text, "#\r\n")] = 0;
		for (size_t n = strlen(text); n && (text[n - 1] == ' ' || text[n - 1] == '\t');)
			text[--n] = 0;
		if (*text && !parse_line(r, text))
			return false;
	}
	if (ferror(f))
		return bad(r, "cannot be read");
	if (!r->s->cfg.nr_programs)
		return bad(r, "no task; `task hog: run 10ms; repeat` is one");
	return resolve_forks(r);
}

struct scenario *scenario_read(FILE *f, const char *name, char *error, size_t size)
{
	struct scenario *s = calloc(1, sizeof(*s));
	struct reader *r = calloc(1, sizeof(*r));
	bool ok = false;

	if (s && r) {
		*r = (struct reader){ .s = s, .name = name, .error = error, .error_size = size };
		s->cfg.topo = (struct sched_topology_desc){
			.nr_cpus = 1, .threads_per_core = 1, .cores_per_llc = 1, .llcs_per_node = 1
		};
		s->cfg.seed = 1;
		s->cfg.fair = &eevdf_sched_class;
		s->cfg.programs = s->programs;
		s->cfg.locks = s->locks;
		s->duration = 1000000000;
		sched_tunables_default(&s->cfg.tun, 1);
		ok = read_lines(r, f);
	} else {
		snprintf(error, size, "%s: no memory to read it", name);
	}
	free(r);
	if (!ok) {
		scenario_free(s);
		return NULL;
	}
	return s;
}

void scenario_free(struct scenario *s)
{
	for (unsigned i = 0; s && i < SCENARIO_MAX; i++) {
		free(s->programs[i].ops);
		free((void *)(uintptr_t)s->programs[i].affinity);
	}
	free(s);
}
