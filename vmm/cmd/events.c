/* SPDX-License-Identifier: MIT */
/* events.c - `parallax events`: what happens to a guest, one line each, until it ends. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "vmm/cmd/client.h"
#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"
#include "vmm/options.h"

static const struct option_def options[] = {
	{ "json", 0, NULL, "each event as one line of JSON", verb_set_json },
};

static const char text[] =
	"events [--json] [NAME]\n\n"
	"Prints STOP, RESUME, RESET, POWERDOWN, GUEST_PANICKED and SHUTDOWN as they "
	"come.\n";

static void print(const json_t *event, bool json)
{
	const json_t *stamp = json_object_get(event, "timestamp");
	time_t s = (time_t)json_integer_value(json_object_get(stamp, "seconds"));
	json_t *data = json_object_get(event, "data");
	char clock[32] = "";
	struct tm tm;

	if (json) {
		json_dumpf(event, stdout, 0);
	} else {
		if (localtime_r(&s, &tm))
			strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
		printf("%s.%03ld  %-14s  ", clock,
		       (long)json_integer_value(json_object_get(stamp, "microseconds")) / 1000,
		       json_string_value(json_object_get(event, "event")));
		if (data)
			json_dumpf(data, stdout, 0);
	}
	fputc('\n', stdout);
	fflush(stdout);
}

int cmd_events(int argc, char **argv)
{
	struct verb v = { 0 };
	struct client c;
	struct error e;
	json_t *event;
	int r = verb_parse(&v, argc, argv, options, ARRAY_SIZE(options), text);

	if (r >= 0)
		return r;
	if (v.nr > 1) {
		error_set(&e, -EINVAL, "%s: one guest at a time", v.name[1]);
		return cmd_fail("events", &e, EXIT_BAD_USAGE);
	}
	if (client_open(&c, v.nr ? v.name[0] : NULL, &e))
		return cmd_fail("events", &e, 1);
	while ((r = client_event(&c, -1, &event, &e)) == 1) {
		print(event, v.json);
		json_decref(event);
	}
	client_close(&c);
	return r ? cmd_fail("events", &e, 1) : 0;
}
