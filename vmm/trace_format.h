/* SPDX-License-Identifier: MIT */
/*
 * trace_format.h - what the kernel says of a tracepoint in its file `format`: where its fields are, and the
 * words for their values (Linux, Documentation/trace/events.rst, 2.3).
 */
#ifndef VMM_TRACE_FORMAT_H
#define VMM_TRACE_FORMAT_H

#include <stddef.h>

#include "base/types.h"

#define TRACE_WORD_MAX 32

struct trace_word {
	u64 value;
	char word[TRACE_WORD_MAX];
};

/* The id, or -1. */
long trace_format_id(const char *text);

/* Where a field of that size is, in bytes from the record's begin; -1: there is none. */
int trace_format_field(const char *text, const char *name, unsigned size);

/*
 * The pairs of the nth __print_symbolic() in the text; how many, at most max. Words are cut to fit. Values
 * are numbers or sums of numbers, as C writes them; a pair with another value is left out.
 */
size_t trace_format_words(const char *text, unsigned nth, struct trace_word *out, size_t max);

#endif
