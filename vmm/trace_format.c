/* SPDX-License-Identifier: MIT */
/* trace_format.c - see trace_format.h. */
#include "vmm/trace_format.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

long trace_format_id(const char *text)
{
	const char *at = strstr(text, "\nID: ");

	return at ? strtol(at + 5, NULL, 10) : -1;
}

int trace_format_field(const char *text, const char *name, unsigned size)
{
	char end[64];

	snprintf(end, sizeof(end), " %s;\toffset:", name);
	for (const char *at = text; (at = strstr(at, end)); at++) {
		unsigned offset, bytes;

		if (sscanf(at + strlen(end), "%u;\tsize:%u;", &offset, &bytes) == 2 &&
		    bytes == size)
			return (int)offset;
	}
	return -1;
}

static const char *skip_spaces(const char *at)
{
	return at + strspn(at, " \t");
}

/* A number or a sum of numbers; the character behind it, or NULL. */
static const char *sum(const char *at, u64 *out)
{
	u64 total = 0;
	char *end;

	for (;; at = skip_spaces(end) + 1) {
		at = skip_spaces(at);
		total += strtoull(at, &end, 0);
		if (end == at)
			return NULL;
		if (*skip_spaces(end) != '+')
			break;
	}
	*out = total;
	return skip_spaces(end);
}

/* `{ value, "word" }`, whose brace is at `at`. */
static bool pair(const char *at, struct trace_word *out)
{
	size_t len;

	at = sum(at + 1, &out->value);
	if (!at || *at != ',')
		return false;
	at = skip_spaces(at + 1);
	if (*at != '"')
		return false;
	len = strcspn(++at, "\"");
	snprintf(out->word, sizeof(out->word), "%.*s", (int)len, at);
	return len > 0;
}

size_t trace_format_words(const char *text, unsigned nth, struct trace_word *out, size_t max)
{
	static const char begin[] = "__print_symbolic(";
	const char *at = strstr(text, begin), *next;
	size_t n = 0;

	while (at && nth--)
		at = strstr(at + 1, begin);
	if (!at)
		return 0;
	at += sizeof(begin) - 1;
	next = strstr(at, begin);
	while (n < max && (at = strchr(at, '{')) && (!next || at < next)) {
		n += pair(at, &out[n]);
		at++;
	}
	return n;
}
