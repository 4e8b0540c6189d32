/* SPDX-License-Identifier: MIT */
/* trace_check.h - whether a file is a trace that a viewer can draw; for the unit test and the fuzzer. */
#ifndef TESTS_UNIT_VMM_TRACE_CHECK_H
#define TESTS_UNIT_VMM_TRACE_CHECK_H

#include <jansson.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/trace.h"

struct trace_seen {
	unsigned slices, instants, exits; /* of the guest, of the guest, of the host */
};

/* Of one track: where the slices end that are open, the innermost last. */
struct trace_track {
	s64 end[64];
	unsigned depth;
};

static inline s64 trace_check_ns(const json_t *e, const char *key)
{
	return (s64)(json_number_value(json_object_get(e, key)) * 1000 + 0.5);
}

/* False: it reaches out of the slice that it lies in. */
static inline bool trace_check_nests(struct trace_track *t, s64 start, s64 end)
{
	while (t->depth && t->end[t->depth - 1] <= start)
		t->depth--;
	if (t->depth && (end > t->end[t->depth - 1] || t->depth == ARRAY_SIZE(t->end)))
		return false;
	t->end[t->depth++] = end;
	return true;
}

/* NULL, or what is wrong: no JSON, times that go back, slices of a guest's CPU that overlap. */
static inline const char *trace_check_events(const json_t *events, struct trace_seen *seen)
{
	struct trace_track tracks[TRACE_MAX_CPUS] = { 0 };
	s64 last = 0;
	size_t i;
	json_t *e;

	json_array_foreach((json_t *)events, i, e)
	{
		const char *ph = json_string_value(json_object_get(e, "ph"));
		json_int_t pid = json_integer_value(json_object_get(e, "pid"));
		json_int_t tid = json_integer_value(json_object_get(e, "tid"));
		s64 start = trace_check_ns(e, "ts"), dur = trace_check_ns(e, "dur");

		if (!ph || pid < 1 || pid > 2 || tid < 0 || tid >= TRACE_MAX_CPUS)
			return "an event without phase, process or thread";
		if (*ph == 'M')
			continue;
		if (!strchr("Xi", *ph))
			return "an event of another phase";
		if (start < last)
			return "time goes back";
		last = start;
		seen->slices += *ph == 'X' && pid == 2;
		seen->exits += *ph == 'X' && pid == 1;
		seen->instants += *ph == 'i';
		if (!json_is_string(json_object_get(e, "name")))
			return "an event without a name";
		if (*ph == 'X' && (!json_is_number(json_object_get(e, "dur")) || dur < 0))
			return "a slice without a duration";
		/* When exits were is the VMM's word; what the guest says must fit whatever it says. */
		if (*ph == 'X' && pid == 2 && !trace_check_nests(&tracks[tid], start, start + dur))
			return "a slice that reaches out of the one around it";
	}
	return NULL;
}

static inline const char *trace_check(struct trace *t, struct trace_seen *seen)
{
	int fd = memfd_create("trace", MFD_CLOEXEC);
	const char *wrong = "cannot be written";
	char path[32];
	struct error e;
	json_t *root;

	memset(seen, 0, sizeof(*seen));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd >= 0 && !trace_write(t, path, &e)) {
		root = json_load_file(path, 0, NULL);
		wrong = root ? trace_check_events(json_object_get(root, "traceEvents"), seen)
			     : "is no JSON";
		json_decref(root);
	}
	close(fd);
	return wrong;
}

#endif
