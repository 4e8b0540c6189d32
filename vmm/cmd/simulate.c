/* SPDX-License-Identifier: MIT */
/* simulate.c - `parallax simulate FILE`: the tiny kernel's scheduler in virtual time. */
#include <errno.h>
#include <stdio.h>

#include "guest/env/simulate.h"
#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"
#include "vmm/options.h"

static int set_policy(void *ctx, const char *v, struct error *e)
{
	(void)e;
	((struct simulate_request *)ctx)->policy = v;
	return 0;
}

static int set_seed(void *ctx, const char *v, struct error *e)
{
	struct simulate_request *r = ctx;

	r->have_seed = true;
	return option_number("seed", v, UINT64_MAX, &r->seed, e);
}

static int set_json(void *ctx, const char *v, struct error *e)
{
	(void)v;
	(void)e;
	((struct simulate_request *)ctx)->json = true;
	return 0;
}

static int set_path(void *ctx, const char *word, struct error *e)
{
	struct simulate_request *r = ctx;

	if (r->path)
		return error_set(e, -EINVAL, "%s: one scenario at a time", word);
	r->path = word;
	return 0;
}

static const struct option_def defs[] = {
	{ "policy", 'p', "NAME", "instead of the file's: eevdf, cfs, o1, bfs or all", set_policy },
	{ "seed", 0, "N", "instead of the file's", set_seed },
	{ "json", 0, NULL, "print JSON instead of tables", set_json },
};

int cmd_simulate(int argc, char **argv)
{
	struct simulate_request r = { .out = stdout };
	struct option_set set = {
		.defs = defs, .n = ARRAY_SIZE(defs), .ctx = &r, .word = set_path
	};
	struct error e;
	int err = options_parse(&set, argc, argv, NULL, &e);

	if (err == 1) {
		printf("usage: parallax simulate [options] FILE\n\n"
		       "Runs the tasks that FILE describes on the tiny kernel's own scheduler, in\n"
		       "virtual time, on as many CPUs as it says. The same file and seed give the\n"
		       "same run. "
		       "docs/guide/sched-simulator.md describes the format.\n\n");
		options_help(&set, stdout);
		return 0;
	}
	if (!err && !r.path)
		err = error_set(&e, -EINVAL, "which scenario? `parallax simulate FILE`");
	if (err)
		return cmd_fail("simulate", &e, EXIT_BAD_USAGE);
	err = simulate_file(&r);
	if (err) {
		error_set(&e, err, "%s", r.error);
		return cmd_fail("simulate", &e, EXIT_BAD_USAGE);
	}
	return 0;
}
