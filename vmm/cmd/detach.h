/* SPDX-License-Identifier: MIT */
/* detach.h - `run --detach`. */
#ifndef VMM_CMD_DETACH_H
#define VMM_CMD_DETACH_H

#include "base/error.h"
#include "vmm/machine_control.h"

struct detach {
	struct machine *machine;
	struct machine_listener listener;
	int ready; /* the waiting parent's pipe; -1: it has been told */
	char log[160];
};

#define DETACH_BACKGROUND 1000

/*
 * Before anything is built. DETACH_BACKGROUND in the new process, which has a session of its own; in
 * the foreground the exit status, once the guest runs (its name is printed) or could not start, or
 * -errno with e filled.
 */
int detach_fork(struct detach *d, struct error *e);
void detach_watch(struct detach *d, struct machine *m); /* before machine_run() */
void detach_ended(struct detach *d, int status);	/* after it, while the machine is there */

#endif
