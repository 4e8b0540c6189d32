/* SPDX-License-Identifier: MIT */
/*
 * sim.h - a deterministic machine in virtual time behind env.h (guest/env/sim.c).
 *
 * A machine is N CPUs and a queue of events. Each event belongs to a CPU and runs its function to
 * the end while env_cpu() and env_now_ns() are that CPU's. Time moves only from event to event and
 * by sim_spend(): a CPU that has spent time starts its next event late. Events at the same time
 * run in the order in which they were scheduled, so the same inputs give the same run.
 *
 * The seam has no instance argument, so env_*() speak for the machine whose sim_run() is running.
 */
#ifndef GUEST_ENV_SIM_H
#define GUEST_ENV_SIM_H

#include "guest/lib/types.h"

struct sim;
struct sim_event;
typedef void (*sim_fn)(struct sim *sim, struct sim_event *ev);

/* Embedded in the owner's structure; zero-initialise. A queued event must stay. */
struct sim_event {
	u64 time; /* ns */
	u64 seq;
	unsigned cpu;
	u32 index;
	u8 level, slot;
	bool queued;
	sim_fn fn;
};

/* NULL when there is no memory. nr_cpus > 0. */
struct sim *sim_new(unsigned nr_cpus);
void sim_free(struct sim *sim); /* queued events are dropped */

/* Queues ev for cpu at `time` (not before now: the past is now). It must not be queued. */
void sim_schedule(struct sim *sim, struct sim_event *ev, unsigned cpu, u64 time, sim_fn fn);
/* Takes it out; returns whether it was queued. */
bool sim_cancel(struct sim *sim, struct sim_event *ev);

/* Runs events up to and including `until`; then the clock stands there. Returns how many ran. */
u64 sim_run(struct sim *sim, u64 until);

/* The time of the next event, or UINT64_MAX. */
u64 sim_next_time(struct sim *sim);

/* From within an event: the CPU works for that long. */
void sim_spend(struct sim *sim, u64 ns);

u64 sim_now(const struct sim *sim);
/* How long a CPU has worked so far. */
u64 sim_busy_ns(const struct sim *sim, unsigned cpu);
unsigned sim_preempt_count(const struct sim *sim, unsigned cpu);

/* NULL, or the broken rule of the queue of events. */
const char *sim_check(const struct sim *sim);

#endif
