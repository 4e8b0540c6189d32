/* SPDX-License-Identifier: MIT */
/*
 * tasklet.h - a function in softirq, once for any number of requests before it runs, and never on two
 * CPUs at a time. New code that may sleep uses a work queue.
 */
#ifndef GUEST_DEFER_TASKLET_H
#define GUEST_DEFER_TASKLET_H

#include "guest/defer/softirq.h"
#include "guest/lib/atomic.h"
#include "guest/lib/list.h"

struct tasklet {
	struct list_head node; /* the list of the CPU that has it, IRQs off */
	u32 state;	       /* atomic bits: scheduled, running */
	atomic_t disabled;
	void (*fn)(struct tasklet *t);
};

struct tasklets {
	struct softirqs *softirqs;
	unsigned nr_cpus;
	struct list_head *queue; /* [nr_cpus] */
};

/* Takes TASKLET_SOFTIRQ. 0 or -ENOMEM. */
int tasklets_init(struct tasklets *s, struct softirqs *softirqs);
void tasklets_free(struct tasklets *s);

void tasklet_setup(struct tasklet *t, void (*fn)(struct tasklet *t));
/* fn will run on this CPU, once. Any context. */
void tasklet_schedule(struct tasklets *s, struct tasklet *t);
/* While disabled it stays scheduled. Nests. */
void tasklet_disable(struct tasklet *t);
void tasklet_enable(struct tasklet *t);
/* Waits until it neither is scheduled nor runs. The caller sees to it that nobody schedules it. Not
 * from a softirq. */
void tasklet_kill(struct tasklet *t);

#endif
