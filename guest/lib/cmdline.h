/* SPDX-License-Identifier: MIT */
/*
 * cmdline.h - a kernel command line, read as Linux reads it.
 *
 *   quiet mem=64M name="two words" "list=a, b" -- arguments for init
 *
 * Words are separated by white space outside double quotes. Quotes around a value or around a
 * whole word are not part of it. The first `=` separates key and value. In keys `-` and `_` are the
 * same. A later word wins over an earlier one. A word `--` ends the kernel's part. The text is
 * never changed and must outlive all views of it.
 */
#ifndef GUEST_LIB_CMDLINE_H
#define GUEST_LIB_CMDLINE_H

#include "guest/lib/types.h"

/* One word, as views into the text. */
struct cmdline_arg {
	const char *key;
	size_t key_len;
	const char *value; /* NULL: no `=` */
	size_t value_len;
};

/* Takes the next word at *pos and moves on; false at the end or at `--`. Begin with *pos = text. */
bool cmdline_next(const char **pos, struct cmdline_arg *arg);

/* What follows `--`, without leading white space; NULL when there is no `--`. */
const char *cmdline_rest(const char *text);

/* Whether arg's key is this one. */
bool cmdline_is(const struct cmdline_arg *arg, const char *key);

/* The last word with that key; false when there is none. */
bool cmdline_find(const char *text, const char *key, struct cmdline_arg *arg);

/* Whether the word occurs at all, with or without value. */
bool cmdline_has(const char *text, const char *key);

/* Copies the value with a NUL. Returns its length, -ENOENT (no such word, or one without `=`), or
 * -E2BIG (does not fit: buf then holds the empty string). size > 0. */
s64 cmdline_str(const char *text, const char *key, char *buf, size_t size);

/* A number with an optional suffix. 0, -ENOENT (as above), -EINVAL, -ERANGE; *out is written on
 * success only, so that it can hold the default before. */
int cmdline_u64(const char *text, const char *key, u64 *out);

/* A switch: `key`, `key=on`, `key=0`, ... 0, -ENOENT, -EINVAL; *out as above. */
int cmdline_bool(const char *text, const char *key, bool *out);

/* Walks `a,b,c`: takes the next item of the value at *pos (begin with 0) and moves on; empty items
 * are skipped. False at the end. */
bool cmdline_list_next(const struct cmdline_arg *arg, size_t *pos, const char **item, size_t *len);

/* Whether key's value, read as a list, has the item. */
bool cmdline_list_has(const char *text, const char *key, const char *item);

#endif
