/* SPDX-License-Identifier: MIT */
/* push.h - moving tasks between CPUs for classes that run their best ones everywhere; see push.c. The
 * queues named are locked and IRQs are off, unless the line says otherwise. */
#ifndef GUEST_SCHED_PUSH_H
#define GUEST_SCHED_PUSH_H

#include "guest/sched/internal.h"

/* How a class compares. */
struct push_ops {
	/* Its best task that waits on rq and may go to cpu (nr_cpus: anywhere), see pushable(). */
	struct task_struct *(*first_pushable)(struct rq *rq, unsigned cpu);
	/* The CPU that p should push somebody from; nr_cpus: none. No lock needed. */
	unsigned (*find_cpu)(const struct task_struct *p);
	/* p would run at once on `to`. */
	bool (*wins)(const struct task_struct *p, const struct rq *to);
	/* p is better than all of its class on rq. */
	bool (*beats_queued)(const struct task_struct *p, const struct rq *rq);
	/* p is not about to run on its own queue. */
	bool (*waits_for_better)(const struct task_struct *p, const struct rq *from);
};

/* Keeps U1; *was is the class's own note of it. */
void set_overloaded(struct rq *rq, struct sched_overload *o, bool *was, bool over);

bool pushable(const struct rq *rq, const struct task_struct *p, unsigned cpu);

/* Both may drop rq->lock for a moment. */
void push_away(struct rq *rq, const struct push_ops *ops);
void pull_here(struct rq *rq, const struct push_ops *ops, const struct sched_overload *o);

#endif
