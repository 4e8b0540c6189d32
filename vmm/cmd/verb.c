/* SPDX-License-Identifier: MIT */
/* verb.c - what the verbs for running guests have in common (client.h): options, names, output. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cmd/client.h"
#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"
#include "vmm/options.h"
#include "vmm/qmp/registry.h"

#define FLAG(field)                                                         \
	int verb_set_##field(void *ctx, const char *value, struct error *e) \
	{                                                                   \
		(void)value;                                                \
		(void)e;                                                    \
		((struct verb *)ctx)->field = true;                         \
		return 0;                                                   \
	}

FLAG(json)
FLAG(all)
FLAG(force)
FLAG(quiet)
FLAG(recent)
FLAG(read_only)

static int set_number(const char *option, const char *value, u64 most, unsigned *out,
		      struct error *e)
{
	u64 n;
	int err = option_number(option, value, most, &n, e);

	if (!err)
		*out = (unsigned)n;
	return err;
}

int verb_set_timeout(void *ctx, const char *value, struct error *e)
{
	return set_number("--timeout", value, 1000000, &((struct verb *)ctx)->seconds, e);
}

int verb_set_port(void *ctx, const char *value, struct error *e)
{
	return set_number("--port", value, CONFIG_MAX_SERIALS - 1, &((struct verb *)ctx)->port, e);
}

int verb_set_interval(void *ctx, const char *value, struct error *e)
{
	char *end;
	double s = strtod(value, &end);

	if (end == value || *end || !(s >= 0.05 && s <= 86400))
		return error_set(e, -EINVAL, "--interval %s: seconds, 0.05 to 86400", value);
	((struct verb *)ctx)->interval = s;
	return 0;
}

static int add_word(void *ctx, const char *word, struct error *e)
{
	struct verb *v = ctx;

	if (v->nr == VERB_MAX_NAMES)
		return error_set(e, -E2BIG, "more than %d words", VERB_MAX_NAMES);
	v->name[v->nr++] = word;
	return 0;
}

int verb_parse(struct verb *v, int argc, char **argv, const struct option_def *options, size_t n,
	       const char *text)
{
	struct option_set set = { .defs = options, .n = n, .ctx = v, .word = add_word };
	struct error e;
	int rest, r = options_parse(&set, argc, argv, &rest, &e);

	if (r == 1) {
		printf("usage: parallax %s", text);
		if (n)
			fputc('\n', stdout);
		options_help(&set, stdout);
		return 0;
	}
	while (!r && rest < argc)
		r = add_word(v, argv[rest++], &e);
	return r ? cmd_fail(argv[0], &e, EXIT_BAD_USAGE) : -1;
}

static int add_name(void *arg, struct registry_guest *g)
{
	struct verb *v = arg;
	char *name = strdup(g->name);

	close(g->fd);
	if (name && v->nr < VERB_MAX_NAMES)
		v->name[v->nr++] = name;
	return 0;
}

int verb_all_names(struct verb *v, struct error *e)
{
	unsigned dead;

	v->nr = 0;
	return registry_each(add_name, v, &dead, e);
}

void print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2));
	fputc('\n', stdout);
	json_decref(value);
}
