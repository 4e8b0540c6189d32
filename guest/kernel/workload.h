/* SPDX-License-Identifier: MIT */
/*
 * workload.h - workload=NAME[,n=N][,...]: one kind of work, done n times, for whoever counts outside what
 * it costs. Writes to the POST port (devices/abi/post.h) enclose the work, and a line of results follows:
 *
 *	RESULT workload=clock n=2000 ns=1234 clock=kvmclock eoi-written=1 ...
 *
 * or, when this machine lacks something, RESULT workload=disk-read skip="no disk".
 */
#ifndef GUEST_KERNEL_WORKLOAD_H
#define GUEST_KERNEL_WORKLOAD_H

#include "guest/lib/types.h"

/* Runs what the value of workload= says. The machine's exit status: 0, 1 when it could not be done, 2 when
 * there is no such workload. Thread context. */
u8 workload_run(void);

/* ---- for the workload_*.c files ------------------------------------------------------------- */

/* One run. Everything but n and skip belongs to the workload. */
struct work {
	u64 n;		  /* how often; run() may put in what it came to */
	const char *skip; /* set by prepare(): why it cannot be done here */
	u64 ms, us, depth, size;
	void *data;
};

struct workload {
	const char *name;
	u64 n;				 /* unless the command line says otherwise */
	unsigned cpus;			 /* at least */
	void (*prepare)(struct work *w); /* not measured; NULL: nothing */
	void (*run)(struct work *w); /* NULL: nothing, for what came before is measured: the boot */
	void (*finish)(struct work *w); /* not measured; NULL: nothing */
};

/* Each file's own table, ended by an entry without a name. */
extern const struct workload cpu_workloads[], mem_workloads[], io_workloads[], user_workloads[];

#endif
