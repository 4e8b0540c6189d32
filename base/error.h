/* SPDX-License-Identifier: MIT */
/*
 * error.h - one line for a person, carried upward beside a -errno.
 *
 * Library code fills a struct error where the detail is known and returns -errno; only a verb (or
 * main) prints it. The line says what was tried, what happened and what to do next, without a
 * trailing newline or program name.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/types.h"

struct error {
	char text[512];
};

/*
 * Formats into e->text (truncating, never failing) and returns code, so that callers can write
 * `return error_set(e, -EINVAL, "...")`. code is a negative errno value. e may be NULL.
 */
int error_set(struct error *e, int code, const char *fmt, ...) printf_like(3, 4);

/* As error_set, and appends ": " and the text of -code (strerror). */
int error_sys(struct error *e, int code, const char *fmt, ...) printf_like(3, 4);

#endif
