/* SPDX-License-Identifier: MIT */
/*
 * options.h - command-line options from a table: parsing, help and "did you mean" in one place.
 *
 * `--name value`, `--name=value` and, for QEMU's users, `-name value` are the same; one-letter
 * forms stand alone (`-m 1G`). `--` ends the options.
 */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include <stdio.h>

#include "base/error.h"
#include "base/types.h"

struct option_def {
	const char *name; /* without dashes */
	char letter;	  /* 0: none */
	const char *arg;  /* placeholder; NULL: takes none; "[X]": only as --name=X */
	const char *help;
	/* value is NULL when none was given. 0, or -EINVAL with e filled. */
	int (*set)(void *ctx, const char *value, struct error *e);
};

struct option_set {
	const struct option_def *defs;
	size_t n;
	void *ctx;
	/* A word that is no option; NULL: none are taken. */
	int (*word)(void *ctx, const char *word, struct error *e);
};

/*
 * Parses argv[1..]. 0; 1 when --help was asked for (the caller prints it); -EINVAL with e filled.
 * *rest, when not NULL, receives the index after a `--`, or argc.
 */
int options_parse(const struct option_set *set, int argc, char **argv, int *rest, struct error *e);

/* One line for each option. */
void options_help(const struct option_set *set, FILE *out);

/* A whole number without sign, in decimal or 0x hex, at most max. 0 or -EINVAL with e filled. */
int option_number(const char *option, const char *text, u64 max, u64 *out, struct error *e);

#endif
