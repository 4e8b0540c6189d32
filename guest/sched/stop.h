/* SPDX-License-Identifier: MIT */
/* stop.h - work that a CPU does before anything else, in its stop task. */
#ifndef GUEST_SCHED_STOP_H
#define GUEST_SCHED_STOP_H

#include "guest/sched/sched.h"

struct cpu_stop_work {
	struct list_head node;
	/* In the stop task of rq's CPU; no lock held. The work may be freed or queued again. */
	void (*fn)(struct rq *rq, struct cpu_stop_work *work);
};

/* Queues work for that CPU and wakes its stop task; false when it has none. Any context. */
bool cpu_stop_queue(struct rq *rq, struct cpu_stop_work *work);

/* The body of a stop task: does all that is queued, then returns with the state set to sleep (the
 * caller schedules) or, when more came, TASK_RUNNING. */
void cpu_stop_run(struct rq *rq);

#endif
