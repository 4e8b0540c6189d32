/* SPDX-License-Identifier: MIT */
/* simulate.h - a scenario file in, a table or JSON out. For a host program: includes nothing of the
 * guest's. The format is described in docs/guide/sched-simulator.md. */
#ifndef GUEST_ENV_SIMULATE_H
#define GUEST_ENV_SIMULATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct simulate_request {
	const char *path;   /* the scenario */
	const char *policy; /* NULL: the file's; "all": each one in turn */
	bool have_seed;
	uint64_t seed; /* instead of the file's */
	bool json;
	FILE *out;
	char error[300]; /* filled on failure: one line for a person */
};

/* 0, or -errno: the file cannot be read or understood, there is no memory, a task is not admitted. */
int simulate_file(struct simulate_request *r);

#endif
