/* SPDX-License-Identifier: MIT */
/* trace.c - `parallax trace`: a run, and its timeline in a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"
#include "vmm/options.h"
#include "vmm/trace.h"

#define MAX_OPTIONS 64

struct tracing {
	struct config_builder b; /* first: the setters of `run` take it */
	const char *output;
	u64 limit;
	bool kvm;
};

static int set_output(void *ctx, const char *v, struct error *e)
{
	(void)e;
	((struct tracing *)ctx)->output = v;
	return 0;
}

static int set_limit(void *ctx, const char *v, struct error *e)
{
	return option_number("--limit", v, 100000000, &((struct tracing *)ctx)->limit, e);
}

static int set_kvm(void *ctx, const char *v, struct error *e)
{
	(void)v;
	(void)e;
	((struct tracing *)ctx)->kvm = true;
	return 0;
}

static const struct option_def own_defs[] = {
	{ "output", 'o', "FILE", "where the timeline goes, as trace-event JSON", set_output },
	{ "limit", 0, "N", "events of either side to keep, 1000000 by default", set_limit },
	{ "kvm", 0, NULL, "also exits that KVM handles itself (root, tracefs)", set_kvm },
};

static void help(const struct option_set *set)
{
	printf("usage: parallax trace -o FILE [options] [KERNEL]\n\n"
	       "Runs a guest and writes one timeline of its exits to the VMM and, of the tiny\n"
	       "kernel, its switches, interrupts and faults, for ui.perfetto.dev.\n\n");
	options_help(set, stdout);
}

static void say_counts(struct trace *t, const char *path)
{
	struct trace_counts c;

	trace_count(t, &c);
	fprintf(stderr, "parallax trace: %s: %lu exits, %lu guest events\n", path, c.exits,
		c.events);
	if (c.kvm || c.kvm_over)
		fprintf(stderr, "parallax trace: %lu exits in all, %lu left out or lost\n", c.kvm,
			c.kvm_over);
	if (c.events_lost)
		fprintf(stderr, "parallax trace: %lu guest events were lost: its ring was full\n",
			c.events_lost);
	if (c.exits_over || c.events_over)
		fprintf(stderr,
			"parallax trace: %lu exits and %lu guest events more were left out; see "
			"--limit\n",
			c.exits_over, c.events_over);
}

static int run(const struct machine_config *cfg, const char *path)
{
	const struct machine_result *r;
	struct machine *m;
	struct error e;
	int status;

	if (machine_create(cfg, &m, &e))
		return cmd_fail("trace", &e, EXIT_NO_START);
	r = machine_run(m);
	fputs(r->report, stderr);
	if (cfg->stats == STATS_TABLE)
		stats_print_table(stderr, &r->stats);
	else if (cfg->stats == STATS_JSON)
		stats_print_json(stderr, &r->stats);
	status = r->status;
	if (trace_write(cfg->trace, path, &e))
		status = cmd_fail("trace", &e, EXIT_NO_START);
	else
		say_counts(cfg->trace, path);
	machine_destroy(m);
	return status;
}

/* The file is opened before the guest runs, lest a long run be for nothing. */
static int check_output(const char *path, struct error *e)
{
	FILE *f = path ? fopen(path, "ae") : NULL;

	if (!path)
		return error_set(e, -EINVAL, "-o FILE is missing: where the timeline goes");
	if (!f)
		return error_sys(e, -errno, "-o %s", path);
	fclose(f);
	return 0;
}

int cmd_trace(int argc, char **argv)
{
	struct option_def defs[MAX_OPTIONS];
	struct tracing t = { 0 };
	char words[2048];
	struct option_set set;
	struct error e;
	int status;

	config_options(&set, &t.b);
	memcpy(defs, own_defs, sizeof(own_defs));
	memcpy(defs + ARRAY_SIZE(own_defs), set.defs, set.n * sizeof(defs[0]));
	set.defs = defs;
	set.n += ARRAY_SIZE(own_defs);
	status = options_parse(&set, argc, argv, NULL, &e);
	if (status == 1) {
		help(&set);
		return 0;
	}
	if (!status && (t.b.detach || t.b.dry_run))
		status = error_set(&e, -EINVAL, "--detach and --dry-run: of `run` alone");
	if (!status)
		status = config_finish(&t.b, &e);
	if (!status && !t.output)
		status = check_output(t.output, &e);
	if (status)
		return cmd_fail("trace", &e, status == -ENOENT ? EXIT_NO_START : EXIT_BAD_USAGE);
	if (check_output(t.output, &e))
		return cmd_fail("trace", &e, EXIT_NO_START);
	/* Another kernel would not know the word. */
	if (t.b.cfg.kernel == t.b.default_kernel) {
		snprintf(words, sizeof(words), "trace %s", t.b.cfg.append ? t.b.cfg.append : "");
		t.b.cfg.append = words;
	}
	t.b.cfg.trace = trace_create(t.b.cfg.cpus, t.limit);
	if (!t.b.cfg.trace) {
		error_sys(&e, -ENOMEM, "a trace of %u CPUs", t.b.cfg.cpus);
		return cmd_fail("trace", &e, EXIT_NO_START);
	}
	if (t.kvm && trace_use_kvm(t.b.cfg.trace, &e))
		status = cmd_fail("trace", &e, EXIT_NO_START);
	else
		status = run(&t.b.cfg, t.output);
	trace_destroy(t.b.cfg.trace);
	return status;
}
