/* SPDX-License-Identifier: MIT */
/* scenario.h - reads what the simulator is to do: docs/guide/sched-simulator.md. */
#ifndef GUEST_ENV_SCENARIO_H
#define GUEST_ENV_SCENARIO_H

#include <stdio.h>

#include "guest/env/sim_machine.h"

#define SCENARIO_MAX 64 /* programs, locks and groups, each */

struct scenario_group {
	char name[TASK_COMM_LEN];
	int parent; /* index; -1: the root */
	u64 shares;
	u64 quota, period; /* quota RUNTIME_INF: no limit */
};

struct scenario {
	struct sim_machine_config cfg; /* programs and locks point into this structure */
	struct sim_program programs[SCENARIO_MAX];
	u64 count[SCENARIO_MAX]; /* tasks of each at the start */
	int group_of[SCENARIO_MAX];
	enum sim_lock_kind locks[SCENARIO_MAX];
	char lock_names[SCENARIO_MAX][TASK_COMM_LEN];
	struct scenario_group groups[SCENARIO_MAX];
	unsigned nr_groups;
	u64 duration;
};

/*
 * Reads a whole scenario. NULL with "NAME:LINE: what is wrong and what would be right" in error. The
 * result is freed by scenario_free().
 */
struct scenario *scenario_read(FILE *f, const char *name, char *error, size_t size);
void scenario_free(struct scenario *s);

#endif
