/* SPDX-License-Identifier: MIT */
/*
 * softirq.h - the longer half of interrupts: with interrupts on, right after the handler that asked
 * for it, before any task.
 *
 * Q1 a vector runs on the CPU that raised it. Q2 softirqs of one CPU do not nest, nor run where bottom
 * halves are disabled. Q3 what is pending runs at the next irq exit or local_bh_enable(), or the
 * CPU's ksoftirqd thread has been woken: nothing is forgotten. Q4 one run is limited in rounds and time;
 * what comes as fast as it is served is left to ksoftirqd, which competes with tasks fairly.
 */
#ifndef GUEST_DEFER_SOFTIRQ_H
#define GUEST_DEFER_SOFTIRQ_H

#include "guest/lib/types.h"

/* Served in this order. Names of /proc/softirqs. */
#define SOFTIRQ_VECTORS(X) \
	X(HI) X(TIMER) X(NET_TX) X(NET_RX) X(BLOCK) X(TASKLET) X(SCHED) X(HRTIMER) X(RCU)
#define SOFTIRQ_ENUM(name) name##_SOFTIRQ,
enum softirq_vector { SOFTIRQ_VECTORS(SOFTIRQ_ENUM) NR_SOFTIRQS };

#define SOFTIRQ_MAX_ROUNDS 10
#define SOFTIRQ_MAX_NS	   2000000ULL

/* On the CPU that raised it, IRQs on, preemption off. */
typedef void (*softirq_fn)(unsigned cpu, void *arg);

/* One CPU's; touched by it only, pending with IRQs off. */
struct softirq_cpu {
	u32 pending;
	u32 bh_disabled; /* nests; also set while softirqs run */
	bool running;
	u64 count[NR_SOFTIRQS];
	u64 handed_over; /* times that ksoftirqd got the rest */
};

struct softirqs {
	unsigned nr_cpus;
	struct {
		softirq_fn fn;
		void *arg;
	} action[NR_SOFTIRQS];
	struct softirq_cpu *cpu; /* [nr_cpus] */
};

/* 0 or -ENOMEM. */
int softirqs_init(struct softirqs *s, unsigned nr_cpus);
void softirqs_free(struct softirqs *s);

/* Once for each vector, before it is raised. */
void open_softirq(struct softirqs *s, unsigned nr, softirq_fn fn, void *arg);
const char *softirq_name(unsigned nr);

/* Marks nr on this CPU; wakes ksoftirqd when no irq exit or bh_enable is to come. Any context. */
void raise_softirq(struct softirqs *s, unsigned nr);

/* The way out of an interrupt, with IRQs off, no longer "in" it: runs what is pending. */
void softirq_irq_exit(struct softirqs *s);

/* Keeps softirqs off this CPU, and preemption; nests. Enable runs what came meanwhile; IRQs on. */
void local_bh_disable(struct softirqs *s);
void local_bh_enable(struct softirqs *s);

/* Whether this CPU runs a softirq. */
bool in_serving_softirq(const struct softirqs *s);

static inline bool softirq_pending(const struct softirqs *s, unsigned cpu)
{
	return READ_ONCE(s->cpu[cpu].pending) != 0;
}

/* The body of a CPU's ksoftirqd thread: sleeps until something is pending, then serves it. Returns
 * now and then, to be called again. */
void ksoftirqd_run(struct softirqs *s);

#endif
