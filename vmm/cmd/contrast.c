/* SPDX-License-Identifier: MIT */
/* contrast.c - `parallax contrast`: its options, and every workload in every mode. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "vmm/cmd/cmd.h"
#include "vmm/contrast/contrast.h"
#include "vmm/machine.h"
#include "vmm/options.h"

#define MAX_BACKINGS  4
#define MAX_WORKLOADS 32
#define MAX_RUNS      64
#define MAX_OPTIONS   64

struct contrast {
	struct config_builder b; /* first: the setters of `run` take it */
	const struct contrast_workload *workload[MAX_WORKLOADS];
	unsigned nr_workloads;
	struct contrast_mode mode[CONTRAST_MAX_MODES];
	unsigned nr_modes;
	enum mem_backing backing[MAX_BACKINGS];
	unsigned nr_backings;
	u64 n;
	unsigned runs;
	const char *json, *html;
	bool measured; /* one of its own options was given: workloads, not the user's guest */
};

/* Calls fn for each item of a,b,c. */
static int each(const char *list, struct contrast *c,
		int (*fn)(struct contrast *c, const char *item, size_t len, struct error *e),
		struct error *e)
{
	int err = 0;

	c->measured = true;
	while (!err && *list) {
		size_t n = strcspn(list, ",");

		err = fn(c, list, n, e);
		list += n + (list[n] == ',');
	}
	return err;
}

static int add_workload(struct contrast *c, const char *item, size_t len, struct error *e)
{
	const struct contrast_workload *w = contrast_workload_find(item, len);

	if (len == 3 && !memcmp(item, "all", 3)) {
		for (c->nr_workloads = 0; c->nr_workloads < contrast_nr_workloads;
		     c->nr_workloads++)
			c->workload[c->nr_workloads] = &contrast_workloads[c->nr_workloads];
		return 0;
	}
	if (!w)
		return error_set(e, -EINVAL,
				 "--workload %.*s: no such workload; `parallax contrast "
				 "--workload list` lists them",
				 (int)len, item);
	if (c->nr_workloads == MAX_WORKLOADS)
		return error_set(e, -E2BIG, "--workload: more than %d", MAX_WORKLOADS);
	c->workload[c->nr_workloads++] = w;
	return 0;
}

static int set_workload(void *ctx, const char *v, struct error *e)
{
	return each(v, ctx, add_workload, e);
}

static int add_mode(struct contrast *c, const char *item, size_t len, struct error *e)
{
	if (c->nr_modes == CONTRAST_MAX_MODES)
		return error_set(e, -E2BIG, "--modes: more than %d", CONTRAST_MAX_MODES);
	return contrast_mode_parse(item, len, &c->mode[c->nr_modes++], e);
}

static int set_modes(void *ctx, const char *v, struct error *e)
{
	return each(v, ctx, add_mode, e);
}

static int add_backing(struct contrast *c, const char *item, size_t len, struct error *e)
{
	char name[8];

	snprintf(name, sizeof(name), "%.*s", (int)len, item);
	if (len >= sizeof(name) || c->nr_backings == MAX_BACKINGS ||
	    !mem_backing_parse(name, &c->backing[c->nr_backings]))
		return error_set(e, -EINVAL, "--backing %.*s: 4k, thp, 2M or 1G", (int)len, item);
	c->nr_backings++;
	return 0;
}

static int set_backing(void *ctx, const char *v, struct error *e)
{
	return each(v, ctx, add_backing, e);
}

static int set_runs(void *ctx, const char *v, struct error *e)
{
	struct contrast *c = ctx;
	u64 n;
	int err = option_number("--runs", v, MAX_RUNS, &n, e);

	c->measured = true;
	if (!err && !n)
		return error_set(e, -EINVAL, "--runs 0: 1 to %d", MAX_RUNS);
	c->runs = (unsigned)n;
	return err;
}

static int set_count(void *ctx, const char *v, struct error *e)
{
	struct contrast *c = ctx;
	int err = option_number("--count", v, 1000000000, &c->n, e);

	c->measured = true;
	return err || c->n ? err : error_set(e, -EINVAL, "--count 0: nothing would be done");
}

static int set_json(void *ctx, const char *v, struct error *e)
{
	(void)e;
	((struct contrast *)ctx)->measured = true;
	((struct contrast *)ctx)->json = v;
	return 0;
}

static int set_html(void *ctx, const char *v, struct error *e)
{
	(void)e;
	((struct contrast *)ctx)->measured = true;
	((struct contrast *)ctx)->html = v;
	return 0;
}

static const struct option_def own_defs[] = {
	{ "workload", 'w', "NAME,...", "what to run: all (default); `list` names them",
	  set_workload },
	{ "modes", 0, "MODE,...", "full,para (default); para-eoi: para without PV EOI", set_modes },
	{ "runs", 0, "N", "boots for each figure, 1 by default", set_runs },
	{ "count", 0, "N", "how often each work is done", set_count },
	{ "backing", 0, "KIND,...", "memory of touch and chase: 4k, thp, 2M, 1G", set_backing },
	{ "json", 0, "FILE", "write everything that was counted", set_json },
	{ "html", 0, "FILE", "write a page with plots and reasons", set_html },
};

static void help(const struct option_set *set)
{
	printf("usage: parallax contrast [options] [KERNEL]\n\n"
	       "Runs a guest fully virtualized, then para-virtualized: what did each cost?\n"
	       "With --workload and its kin: work of the tiny kernel, each by itself.\n\n");
	options_help(set, stdout);
}

static int list_workloads(void)
{
	for (size_t i = 0; i < contrast_nr_workloads; i++)
		printf("%-18s %s\n", contrast_workloads[i].name, contrast_workloads[i].title);
	return 0;
}

static void describe_host(struct contrast_report *r, bool icount)
{
	char model[128] = "unknown processor", line[256];
	FILE *f = fopen("/proc/cpuinfo", "re");
	struct utsname u = { 0 };

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "model name : %127[^\n]", model) == 1)
			break;
	if (f)
		fclose(f);
	uname(&u);
	r->host_cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	snprintf(r->kernel, sizeof(r->kernel), "%s %s", u.sysname, u.release);
	snprintf(r->host, sizeof(r->host), "%s, %u CPU%s, %.100s", model, r->host_cpus,
		 r->host_cpus == 1 ? "" : "s", r->kernel);
	if (icount)
		snprintf(r->instructions, sizeof(r->instructions),
			 "one nanosecond is one instruction here, host and guest together");
}

/* All runs of one cell. */
static int measure(struct contrast *c, struct contrast_run *run, struct contrast_cell *out,
		   struct error *e)
{
	struct contrast_cell *cell = calloc(c->runs, sizeof(*cell));
	int err = cell ? 0 : error_sys(e, -ENOMEM, "%u runs", c->runs);

	for (unsigned i = 0; !err && i < c->runs; i++)
		err = contrast_run(run, &cell[i], e);
	if (!err)
		contrast_median(cell, c->runs, out);
	free(cell);
	return err;
}

static int fill_row(struct contrast *c, struct contrast_report *r, struct contrast_row *row,
		    bool icount, struct error *e)
{
	struct contrast_run run = {
		.base = &c->b.cfg,
		.workload = row->workload,
		.backing = row->backing,
		.n = c->n,
		.icount = icount,
	};
	int err = 0;

	for (unsigned m = 0; !err && m < r->nr_modes; m++) {
		run.mode = &r->mode[m];
		err = measure(c, &run, &row->cell[m], e);
		if (!err && !icount && row->cell[m].v[CM_INSTRUCTIONS])
			snprintf(r->instructions, sizeof(r->instructions),
				 "this KVM interprets the guest's kernel, and counts what it does");
	}
	return err;
}

/* cell: as many as there can be */
static void plan(struct contrast *c, struct contrast_report *r, struct contrast_cell *cell)
{
	memcpy(r->mode, c->mode, sizeof(r->mode));
	r->nr_modes = c->nr_modes;
	r->runs = c->runs;
	for (unsigned i = 0; i < c->nr_workloads; i++) {
		const struct contrast_workload *w = c->workload[i];

		for (unsigned k = 0; k < (w->by_backing ? c->nr_backings : 1); k++) {
			struct contrast_row *row = &r->row[r->nr_rows++];

			row->cell = cell;
			cell += c->nr_modes;
			row->workload = w;
			row->backing = w->by_backing ? c->backing[k] : c->b.cfg.mem.backing;
			snprintf(row->name, sizeof(row->name), "%s%s%s", w->name,
				 w->by_backing && c->nr_backings > 1 ? "@" : "",
				 !(w->by_backing && c->nr_backings > 1) ? ""
				 : row->backing == MEM_BACKING_4K	? "4k"
								  : mem_backing_name(row->backing));
		}
	}
}

/* The first boot of all finds the host's caches cold, and its figures would be that. */
static int warm_up(struct contrast *c, struct error *e)
{
	struct contrast_cell unused;
	struct contrast_run run = {
		.base = &c->b.cfg,
		.workload = contrast_workload_find("boot", 4),
		.mode = &c->mode[0],
		.backing = c->b.cfg.mem.backing,
	};

	return contrast_run(&run, &unused, e);
}

static int run_all(struct contrast *c, struct contrast_report *r, struct error *e)
{
	bool icount = contrast_host_counts_instructions();
	int err = 0;

	describe_host(r, icount);
	err = warm_up(c, e);
	if (err)
		return err;
	for (unsigned i = 0; i < r->nr_rows; i++) {
		err = fill_row(c, r, &r->row[i], icount, e);
		if (err)
			return err;
		if (i == 0)
			contrast_print_head(stdout, r);
		contrast_print_row(stdout, r, &r->row[i]);
	}
	if (c->json)
		err = contrast_write_json(r, c->json, e);
	if (!err && c->html)
		err = contrast_write_html(r, c->html, e);
	return err;
}

static void defaults(struct contrast *c)
{
	struct error e;

	if (!c->nr_workloads)
		add_workload(c, "all", 3, &e);
	if (!c->nr_modes) {
		add_mode(c, "full", 4, &e);
		add_mode(c, "para", 4, &e);
	}
	if (!c->nr_backings)
		c->backing[c->nr_backings++] = c->b.cfg.mem.backing;
	if (!c->runs)
		c->runs = 1;
}

static int measured(struct contrast *c)
{
	size_t most = (size_t)MAX_WORKLOADS * MAX_BACKINGS;
	struct contrast_report r = { 0 };
	struct contrast_cell *cell;
	struct error e;
	int err;

	defaults(c);
	r.row = calloc(most, sizeof(*r.row));
	cell = calloc(most * c->nr_modes, sizeof(*cell));
	if (r.row && cell) {
		plan(c, &r, cell);
		err = run_all(c, &r, &e);
	} else {
		err = error_sys(&e, -ENOMEM, "the report");
	}
	free(cell);
	free(r.row);
	if (err == -EINTR)
		return EXIT_GUEST_OFF;
	return err ? cmd_fail("contrast", &e, EXIT_NO_START) : 0;
}

int cmd_contrast(int argc, char **argv)
{
	struct option_def defs[MAX_OPTIONS];
	struct option_set set;
	struct contrast c = { 0 };
	struct error e;
	int status;

	config_options(&set, &c.b);
	memcpy(defs, own_defs, sizeof(own_defs));
	memcpy(defs + ARRAY_SIZE(own_defs), set.defs, set.n * sizeof(defs[0]));
	set.defs = defs;
	set.n += ARRAY_SIZE(own_defs);
	/* Two at once, and soon over: nobody is to control them. */
	c.b.cfg.control.registered = false;
	if (argc == 3 && !strcmp(argv[2], "list") &&
	    (!strcmp(argv[1], "--workload") || !strcmp(argv[1], "-w")))
		return list_workloads();
	status = options_parse(&set, argc, argv, NULL, &e);
	if (status == 1) {
		help(&set);
		return 0;
	}
	if (status)
		return cmd_fail("contrast", &e, EXIT_BAD_USAGE);
	/* The tiny kernel by itself: there is nobody who would talk to a shell. */
	if (!c.b.cfg.kernel && !c.b.cfg.initrd && !*c.b.cfg.append)
		c.b.cfg.append = c.measured ? "noinitrd" : "demo=switch";
	status = config_finish(&c.b, &e);
	if (status)
		return cmd_fail("contrast", &e, status == -ENOENT ? EXIT_NO_START : EXIT_BAD_USAGE);
	return c.measured ? measured(&c) : contrast_own_guest(&c.b.cfg);
}
