/* SPDX-License-Identifier: MIT */
/*
 * sim_machine.h - a machine that runs the scheduler of guest/sched in virtual time: CPUs, ticks,
 * interrupts and tasks that follow scripts. It answers sched_env.h; link it with sim.c.
 *
 * One machine runs at a time. The same configuration and seed give the same run, event by event;
 * a task's own random numbers depend on the seed and its number only, so every policy is offered
 * the same work.
 */
#ifndef GUEST_ENV_SIM_MACHINE_H
#define GUEST_ENV_SIM_MACHINE_H

#include "guest/env/sim.h"
#include "guest/env/sim_histogram.h"
#include "guest/env/sim_lock.h"
#include "guest/lib/rand.h"
#include "guest/sched/sched.h"

enum sim_opcode {
	OP_RUN,	  /* use the CPU for a..b ns */
	OP_SLEEP, /* a..b ns */
	OP_LOCK,  /* lock a */
	OP_UNLOCK,
	OP_YIELD,
	OP_NICE,    /* a */
	OP_SETATTR, /* attr */
	OP_FORK,    /* b tasks of program a */
	OP_PERIOD,  /* sleep until the next multiple of a ns; late if it has passed already */
	OP_POLICY,  /* the fair slot becomes fair */
	OP_LOOP,    /* back to the start, a times (0: for ever) */
	OP_EXIT,    /* also what follows the last op */
};

struct sim_op {
	enum sim_opcode code;
	s64 a, b;
	struct sched_attr attr;
	const struct sched_class *fair;
};

struct sim_program {
	char name[TASK_COMM_LEN];
	struct sim_op *ops;
	unsigned nr_ops;
	struct sched_attr attr;
	const u64 *affinity; /* NULL: everywhere */
	struct task_group *group;
	u64 start; /* first release, ns */
};

/* What all tasks of one program did. */
struct sim_stats {
	u64 tasks, exited;
	u64 run_ns, wait_ns;
	u64 nvcsw, nivcsw, migrations, wakeups;
	u64 jobs, missed, worst_late_ns; /* OP_PERIOD */
	u64 throttled;
	struct sim_histogram latency; /* woken until running */
	struct sim_histogram lock_wait;
};

struct sim_task {
	/* One behind the other what a wake-up looks at: insert() of sim.c fetches it ahead. */
	struct sim_event wake;
	u64 left;      /* ns of OP_RUN not had yet */
	u64 run_start; /* when the CPU began to work on them */
	struct task_struct t;
	const struct sim_program *prog;
	struct sim_stats *stats;
	struct rand rand;
	u64 woken_at, lock_since, release;
	s64 loops;
	unsigned pc;
	bool running, in_lock;
	union sim_lock_waiter waiter;
	struct list_head node;
};

struct sim_machine_config {
	struct sched_topology_desc topo;
	struct sched_tunables tun;
	const struct sched_class *fair;
	u64 seed;
	u64 ipi_ns, switch_ns;	 /* what an interrupt to another CPU, and a switch, takes */
	unsigned stolen_percent; /* of the time, by a hypervisor: nobody is charged for it */
	const struct sim_program *programs;
	unsigned nr_programs;
	const enum sim_lock_kind *locks;
	unsigned nr_locks;
};

struct sim_machine;

/* NULL without memory. cfg's programs stay the caller's and must stay. */
struct sim_machine *sim_machine_create(const struct sim_machine_config *cfg);
void sim_machine_destroy(struct sim_machine *m);

/* count tasks of that program, the first one at its start time. False without memory. */
bool sim_machine_spawn(struct sim_machine *m, unsigned program, u64 count);

/* Runs up to `until` ns; returns the number of events. */
u64 sim_machine_run(struct sim_machine *m, u64 until);

struct sched *sim_machine_sched(struct sim_machine *m);
struct sim *sim_machine_engine(struct sim_machine *m);
/* Up to now; valid until the next call. */
const struct sim_stats *sim_machine_stats(struct sim_machine *m, unsigned program);
struct sim_lock *sim_machine_lock(struct sim_machine *m, unsigned lock);
/* Tasks alive of a program, in the order they were made; NULL behind the last. */
struct sim_task *sim_machine_task(struct sim_machine *m, unsigned program, unsigned index);
u64 sim_machine_switches(struct sim_machine *m);
u64 sim_machine_idle_ns(struct sim_machine *m, unsigned cpu);
/* fn is called after every event. NULL: none. */
void sim_machine_on_event(struct sim_machine *m, void (*fn)(struct sim_machine *m, void *arg),
			  void *arg);

#endif
