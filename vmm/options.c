/* SPDX-License-Identifier: MIT */
/* options.c - see options.h. */
#include "vmm/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

#define MAX_NAMES 64

static bool arg_is_optional(const struct option_def *d)
{
	return d->arg && d->arg[0] == '[';
}

/* The definition of the first len bytes of name, or NULL. */
static const struct option_def *find(const struct option_set *set, const char *name, size_t len)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct option_def *d = &set->defs[i];

		if ((strlen(d->name) == len && !memcmp(d->name, name, len)) ||
		    (len == 1 && d->letter == name[0]))
			return d;
	}
	return NULL;
}

static int unknown(const struct option_set *set, const char *word, const char *name, size_t len,
		   struct error *e)
{
	const char *names[MAX_NAMES], *near;
	char bare[64];
	size_t n = 0;

	for (; n < set->n && n < MAX_NAMES; n++)
		names[n] = set->defs[n].name;
	snprintf(bare, sizeof(bare), "%.*s", (int)MIN(len, sizeof(bare) - 1), name);
	near = suggest(bare, names, n);
	if (near)
		return error_set(e, -EINVAL, "%s: unknown option; did you mean --%s?", word, near);
	return error_set(e, -EINVAL, "%s: unknown option; --help lists them", word);
}

int options_parse(const struct option_set *set, int argc, char **argv, int *rest, struct error *e)
{
	int i;

	for (i = 1; i < argc; i++) {
		const char *word = argv[i], *name = word, *value = NULL;
		const struct option_def *d;
		size_t len;
		int err;

		if (!strcmp(word, "--")) {
			i++;
			break;
		}
		if (word[0] != '-' || !word[1]) {
			if (!set->word)
				return error_set(e, -EINVAL, "%s: not expected here; --help tells",
						 word);
			err = set->word(set->ctx, word, e);
			if (err)
				return err;
			continue;
		}
		name += word[1] == '-' ? 2 : 1;
		len = strcspn(name, "=");
		if (name[len] == '=')
			value = name + len + 1;
		if ((len == 4 && !memcmp(name, "help", 4)) || !strcmp(word, "-h"))
			return 1;
		d = find(set, name, len);
		if (!d)
			return unknown(set, word, name, len, e);
		if (value && !d->arg)
			return error_set(e, -EINVAL, "--%s: takes no value", d->name);
		if (!value && d->arg && !arg_is_optional(d)) {
			if (i + 1 == argc)
				return error_set(e, -EINVAL, "--%s: needs a value (%s)", d->name,
						 d->arg);
			value = argv[++i];
		}
		err = d->set(set->ctx, value, e);
		if (err)
			return err;
	}
	if (rest)
		*rest = i;
	return 0;
}

void options_help(const struct option_set *set, FILE *out)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct option_def *d = &set->defs[i];
		char left[40];

		snprintf(left, sizeof(left), "%s%c%s--%s%s%s", d->letter ? "-" : "  ",
			 d->letter ? d->letter : ' ', d->letter ? ", " : " ", d->name,
			 !d->arg	      ? ""
			 : arg_is_optional(d) ? ""
					      : " ",
			 d->arg ? d->arg : "");
		fprintf(out, "  %-27s %s\n", left, d->help);
	}
}

int option_number(const char *option, const char *text, u64 max, u64 *out, struct error *e)
{
	char *end;
	u64 v;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (!isdigit((unsigned char)text[0]) || *end)
		return error_set(e, -EINVAL, "%s %s: not a number", option, text);
	if (errno || v > max)
		return error_set(e, -EINVAL, "%s %s: the most is %lu", option, text, max);
	*out = v;
	return 0;
}
