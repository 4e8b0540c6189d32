/* SPDX-License-Identifier: MIT */
/* ps.c - `parallax ps`: the guests that run, and what has become of the others' leftovers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "vmm/cmd/client.h"
#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"
#include "vmm/options.h"
#include "vmm/qmp/registry.h"

#define PATIENCE_MS 1000 /* with one guest; a hung one must not hide the others */

static const struct option_def options[] = {
	{ "json", 0, NULL, "the list as JSON, with every counter", verb_set_json },
	{ "quiet", 'q', NULL, "names alone", verb_set_quiet },
};

struct listing {
	struct verb *v;
	json_t *all;
	unsigned shown;
};

static json_t *ask(struct registry_guest *g)
{
	json_t *stat = NULL;
	struct client c;
	struct error e;

	if (!client_adopt(&c, g->name, g->fd, g->pid, PATIENCE_MS, &e)) {
		stat = client_execute(&c, "x-stat", NULL, &e);
		client_close(&c);
	}
	if (!stat)
		stat = json_pack("{s:s,s:s,s:i}", "name", g->name, "status", "no answer", "pid",
				 (int)g->pid);
	return stat;
}

static s64 number(const json_t *stat, const char *key)
{
	return json_integer_value(json_object_get(stat, key));
}

static void duration(s64 ns, char *buf, size_t size)
{
	s64 s = ns / 1000000000;

	if (s < 60)
		snprintf(buf, size, "%lds", (long)s);
	else if (s < 3600)
		snprintf(buf, size, "%ldm%02lds", (long)(s / 60), (long)(s % 60));
	else
		snprintf(buf, size, "%ldh%02ldm", (long)(s / 3600), (long)(s / 60 % 60));
}

static void show(struct listing *l, const json_t *stat)
{
	char mem[SIZE_TEXT], up[32];
	s64 cpu = number(stat, "cpu-user-ns") + number(stat, "cpu-system-ns");

	if (!l->shown++)
		printf("%-20s %-14s %8s %4s %8s %9s %8s %9s\n", "NAME", "STATUS", "PID", "CPUS",
		       "MEMORY", "RESIDENT", "UP", "CPU TIME");
	size_format((u64)number(stat, "memory"), mem);
	duration(number(stat, "uptime-ns"), up, sizeof(up));
	printf("%-20s %-14s %8ld %4ld %8s %7luKi %8s %8.2fs\n",
	       json_string_value(json_object_get(stat, "name")),
	       json_string_value(json_object_get(stat, "status")), (long)number(stat, "pid"),
	       (long)number(stat, "cpus"), mem, (unsigned long)number(stat, "rss") / 1024, up,
	       (double)cpu / 1e9);
}

static int each(void *arg, struct registry_guest *g)
{
	struct listing *l = arg;
	json_t *stat;

	if (l->v->quiet) {
		puts(g->name);
		close(g->fd);
		return 0;
	}
	stat = ask(g);
	if (l->v->json) {
		json_array_append_new(l->all, stat);
	} else {
		show(l, stat);
		json_decref(stat);
	}
	return 0;
}

int cmd_ps(int argc, char **argv)
{
	struct verb v = { 0 };
	struct listing l = { .v = &v };
	struct error e;
	unsigned dead;
	int status = verb_parse(&v, argc, argv, options, ARRAY_SIZE(options),
				"ps [options]\n\nLists the guests of this user that run.\n");

	if (status >= 0)
		return status;
	if (v.nr) {
		error_set(&e, -EINVAL, "%s: not expected here; --help tells", v.name[0]);
		return cmd_fail("ps", &e, EXIT_BAD_USAGE);
	}
	l.all = json_array();
	if (registry_each(each, &l, &dead, &e))
		return cmd_fail("ps", &e, EXIT_NO_START);
	if (v.json)
		print_json(l.all);
	else if (dead)
		fprintf(stderr, "parallax ps: cleaned up after %u guest%s that had died\n", dead,
			dead == 1 ? "" : "s");
	return 0;
}
