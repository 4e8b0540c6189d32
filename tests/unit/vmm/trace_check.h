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
	unsigned begins, instants, exits;
};

/* NULL, or what is wrong: no JSON, times that go back, an end without a begin, a begin without an end. */
static inline const char *trace_check_events(const json_t *events, struct trace_seen *seen)
{
	int open[4][TRACE_MAX_CPUS] = { 0 };
	double last = 0;
	size_t i;
	json_t *e;

	json_array_foreach((json_t *)events, i, e)
	{
		const char *ph = json_string_value(json_object_get(e, "ph"));
		json_int_t pid = json_integer_value(json_object_get(e, "pid"));
		json_int_t tid = json_integer_value(json_object_get(e, "tid"));
		double ts = json_number_value(json_object_get(e, "ts"));

		if (!ph || pid < 1 || pid > 3 || tid < 0 || tid >= TRACE_MAX_CPUS)
			return "an event without phase, process or thread";
		if (*ph == 'M')
			continue;
		if (ts < last)
			return "time goes back";
		last = ts;
		seen->begins += *ph == 'B';
		seen->instants += *ph == 'i';
		seen->exits += *ph == 'X';
		open[pid][tid] += *ph == 'B';
		open[pid][tid] -= *ph == 'E';
		if (open[pid][tid] < 0)
			return "an end without a begin";
		if (*ph != 'E' && !json_is_string(json_object_get(e, "name")))
			return "an event without a name";
	}
	for (int p = 0; p < 4; p++)
		for (int t = 0; t < TRACE_MAX_CPUS; t++)
			if (open[p][t])
				return "a begin without an end";
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
