/* SPDX-License-Identifier: MIT */
/* stat.c - `parallax stat`: what a running guest costs; with --interval, what it costs per second. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/size.h"
#include "vmm/cmd/client.h"
#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"
#include "vmm/options.h"

static const struct option_def options[] = {
	{ "json", 0, NULL, "the counters as JSON", verb_set_json },
	{ "interval", 'i', "SECONDS", "again and again, with the rates, busiest first",
	  verb_set_interval },
};

static const char text[] =
	"stat [options] [NAME]\n\n"
	"Counters of a running guest: its process, its exits to the VMM, KVM's own.\n";

static s64 number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void print_head(const json_t *s)
{
	char mem[SIZE_TEXT];

	size_format((u64)number(s, "memory"), mem);
	printf("%s: %s, %s, %ld CPU%s, memory %s, process %ld\n",
	       json_string_value(json_object_get(s, "name")),
	       json_string_value(json_object_get(s, "status")),
	       json_string_value(json_object_get(s, "virt")), (long)number(s, "cpus"),
	       number(s, "cpus") == 1 ? "" : "s", mem, (long)number(s, "pid"));
	printf("  %-30s %16lu\n", "resident, KiB", (unsigned long)number(s, "rss") / 1024);
	printf("  %-30s %16.3f\n", "up, s", (double)number(s, "uptime-ns") / 1e9);
	printf("  %-30s %16.3f\n", "CPU time user, s", (double)number(s, "cpu-user-ns") / 1e9);
	printf("  %-30s %16.3f\n", "CPU time system, s", (double)number(s, "cpu-system-ns") / 1e9);
	printf("  %-30s %16ld\n", "serial output, bytes", (long)number(s, "serial-bytes"));
}

#define MAX_COUNTERS 256

struct counter {
	const char *key;
	s64 value, change;
};

static int busiest_first(const void *a, const void *b)
{
	s64 x = ((const struct counter *)a)->change, y = ((const struct counter *)b)->change;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Those that moved, by how fast; the first time, all that ever did. */
static void print_counters(const char *title, const json_t *now, const json_t *before, double s)
{
	struct counter c[MAX_COUNTERS];
	size_t nr = 0;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)now, key, value)
	{
		s64 n = json_integer_value(value), was = number(before, key);

		if (n && !(before && n == was) && nr < MAX_COUNTERS)
			c[nr++] = (struct counter){ key, n, before ? n - was : 0 };
	}
	if (before && nr)
		qsort(c, nr, sizeof(c[0]), busiest_first);
	for (size_t i = 0; i < nr; i++) {
		printf("  %s%-*s %16ld", title, (int)(30 - strlen(title)), c[i].key,
		       (long)c[i].value);
		if (before)
			printf(" %14.1f/s", (double)c[i].change / s);
		fputc('\n', stdout);
	}
}

static void print(const json_t *now, const json_t *before)
{
	double s = (double)(number(now, "uptime-ns") - number(before, "uptime-ns")) / 1e9;

	/* On a terminal the figures stay where they are, and change. */
	if (before && isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	print_head(now);
	print_counters("exits: ", json_object_get(now, "exits"), json_object_get(before, "exits"),
		       s);
	print_counters("KVM: ", json_object_get(now, "kvm"), json_object_get(before, "kvm"), s);
	fflush(stdout);
}

int cmd_stat(int argc, char **argv)
{
	struct verb v = { 0 };
	json_t *now, *before = NULL;
	struct timespec pause;
	struct client c;
	struct error e;
	int r = verb_parse(&v, argc, argv, options, ARRAY_SIZE(options), text);

	if (r >= 0)
		return r;
	if (v.nr > 1) {
		error_set(&e, -EINVAL, "%s: one guest at a time", v.name[1]);
		return cmd_fail("stat", &e, EXIT_BAD_USAGE);
	}
	if (client_open(&c, v.nr ? v.name[0] : NULL, &e))
		return cmd_fail("stat", &e, 1);
	pause.tv_sec = (time_t)v.interval;
	pause.tv_nsec = (long)((v.interval - (double)pause.tv_sec) * 1e9);
	for (;;) {
		now = client_execute(&c, "x-stat", NULL, &e);
		if (!now)
			break;
		if (v.json) {
			print_json(json_incref(now));
			fflush(stdout);
		} else {
			print(now, before);
		}
		json_decref(before);
		before = now;
		if (v.interval == 0)
			break;
		nanosleep(&pause, NULL);
	}
	client_close(&c);
	json_decref(before);
	/* A guest that ended while it was watched is no failure. */
	return now || before ? 0 : cmd_fail("stat", &e, 1);
}
