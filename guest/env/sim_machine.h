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
#include "guest/lib/rand.h"
#include "guest/locking/mutex.h"
#include "guest/locking/rt_mutex.h"
#include "guest/locking/semaphore.h"
#include "guest/sched/sched.h"

enum sim_opcode {
	OP_RUN,	   /* use the CPU for a..b ns */
	OP_SLEEP,  /* a..b ns */
	OP_LOCK,   /* lock a */
	OP_UNLOCK,
	OP_YIELD,
	OP_NICE,   /* a */
	OP_SETATTR, /* attr */
	OP_FORK,   /* b tasks of program a */
	OP_PERIOD, /* sleep until the next multiple of a ns; late if it has passed already */
	OP_POLICY, /* the fair slot becomes fair */
	OP_LOOP,   /* back to the start, a times (0: for ever) */
	OP_EXIT,   /* also what follows the last op */
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
	u64 start;	     /* first release, ns */
};

enum sim_lock_kind { SIM_MUTEX, SIM_RT_MUTEX, SIM_SEMAPHORE };

struct sim_lock {
	enum sim_lock_kind kind;
	union {
		struct mutex mutex;
		struct rt_mutex rt;
		struct semaphore sem;
	};
};

/* Times fall into buckets an eighth of their size wide. */
#define SIM_BUCKETS 512
struct sim_histogram {
	u64 n, sum, max;
	u32 bucket[SIM_BUCKETS];
};
void sim_histogram_add(struct sim_histogram *h, u64 ns);
/* The least bucket's upper end below which `permille` of the values lie. */
u64 sim_histogram_at(const struct sim_histogram *h, unsigned permille);

/* What all tasks of one program did. */
struct sim_stats {
	u64 tasks, exited;
	u64 run_ns, wait_ns;
	u64 nvcsw, nivcsw, migrations, wakeups;
	u64 jobs, missed, worst_late_ns; /* OP_PERIOD */
	u64 throttled;
	struct sim_histogram latency;	 /* woken until running */
	struct sim_histogram lock_wait;
};

struct sim_task {
	struct task_struct t;
	struct sim_event wake;
	const struct sim_program *prog;
	struct sim_stats *stats;
	struct rand rand;
	u64 left;      /* ns of OP_RUN not had yet */
	u64 run_start; /* when the CPU began to work on them */
	u64 woken_at, lock_since, release;
	s64 loops;
	unsigned pc;
	bool running, in_lock;
	union {
		struct mutex_waiter mutex;
		struct rt_mutex_waiter rt;
		struct semaphore_waiter sem;
	} waiter;
	struct list_head node;
};

struct machine_config {
	struct sched_topology_desc topo;
	struct sched_tunables tun;
	const struct sched_class *fair;
	u64 seed;
	u64 ipi_ns, switch_ns; /* what an interrupt to another CPU, and a switch, takes */
	const struct sim_program *programs;
	unsigned nr_programs;
	const enum sim_lock_kind *locks;
	unsigned nr_locks;
};

struct machine;

/* NULL without memory. cfg's programs stay the caller's and must stay. */
struct machine *machine_create(const struct machine_config *cfg);
void machine_destroy(struct machine *m);

/* count tasks of that program, the first one at its start time. False without memory. */
bool machine_spawn(struct machine *m, unsigned program, u64 count);

/* Runs up to `until` ns; returns the number of events. */
u64 machine_run(struct machine *m, u64 until);

struct sched *machine_sched(struct machine *m);
struct sim *machine_sim(struct machine *m);
/* Up to now; valid until the next call. */
const struct sim_stats *machine_stats(struct machine *m, unsigned program);
struct sim_lock *machine_lock(struct machine *m, unsigned lock);
/* Tasks alive of a program, in the order they were made; NULL behind the last. */
struct sim_task *machine_task(struct machine *m, unsigned program, unsigned index);
u64 machine_switches(struct machine *m);
u64 machine_idle_ns(struct machine *m, unsigned cpu);
/* fn is called after every event. NULL: none. */
void machine_on_event(struct machine *m, void (*fn)(struct machine *m, void *arg), void *arg);

#endif
