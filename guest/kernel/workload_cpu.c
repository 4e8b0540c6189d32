/* SPDX-License-Identifier: MIT */
/* workload_cpu.c - boot, clock, ticks, sleep, switches, locks, messages between CPUs, exceptions. */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/extable.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/kernel/workload.h"

static void run_clock(struct work *w)
{
	for (u64 i = 0; i < w->n; i++)
		clock_ns();
}

/* As busy as can be for so long; how many ticks that took is counted. */
static void run_tick(struct work *w)
{
	u64 before = tick_count(0), end = clock_ns() + (w->ms ? w->ms : 200) * NSEC_PER_MSEC;

	while (clock_ns() < end)
		cpu_relax();
	w->n = MAX(tick_count(0) - before, 1UL);
}

static void prepare_tick(struct work *w)
{
	(void)w;
	sched_pin(0);
}

static void run_idle(struct work *w)
{
	u64 us = w->us ? w->us : 2000;

	for (u64 i = 0; i < w->n; i++)
		usleep_range(us, us);
}

/* ---- two threads that wake each other ---------------------------------------------------------- */

static struct {
	struct task_struct *partner;
	struct completion there, back;
	bool stop;
} pair;

static int answer(void *unused)
{
	(void)unused;
	for (;;) {
		wait_for_completion(&pair.there);
		if (READ_ONCE(pair.stop))
			return 0;
		complete(&pair.back);
	}
}

static void prepare_pair(struct work *w, unsigned cpu)
{
	init_completion(&pair.there);
	init_completion(&pair.back);
	pair.partner = kthread_create(answer, NULL, "partner");
	if (!pair.partner) {
		w->skip = "no memory for a thread";
		return;
	}
	sched_pin(0);
	kthread_bind(pair.partner, cpu);
	kthread_start(pair.partner);
	complete(&pair.there); /* once there and back, so that both are where they belong */
	wait_for_completion(&pair.back);
}

static void prepare_pair_here(struct work *w)
{
	prepare_pair(w, 0);
}

static void prepare_pair_there(struct work *w)
{
	prepare_pair(w, 1);
}

static void run_pair(struct work *w)
{
	for (u64 i = 0; i < w->n; i++) {
		complete(&pair.there);
		wait_for_completion(&pair.back);
	}
}

static void finish_pair(struct work *w)
{
	(void)w;
	WRITE_ONCE(pair.stop, true);
	complete(&pair.there);
	kthread_join(pair.partner);
}

/* ---- one lock, everybody wants it ----------------------------------------------------------------- */

#define CRITICAL_SPINS 20

static struct {
	spinlock_t lock;
	u64 inside; /* lock */
	u64 end;    /* clock_ns() */
	struct completion start, done;
	struct task_struct *task[256];
} fight;

static int want_lock(void *unused)
{
	(void)unused;
	wait_for_completion(&fight.start);
	while (clock_ns() < fight.end) {
		spin_lock(&fight.lock);
		fight.inside++;
		for (unsigned k = 0; k < CRITICAL_SPINS; k++)
			barrier();
		spin_unlock(&fight.lock);
	}
	complete(&fight.done);
	return 0;
}

static void prepare_lock(struct work *w)
{
	(void)w;
	spin_lock_init(&fight.lock);
	init_completion(&fight.start);
	init_completion(&fight.done);
	for (unsigned cpu = 0; cpu < MIN(nr_cpus, 256u); cpu++) {
		fight.task[cpu] = kthread_create(want_lock, NULL, "fighter/%u", cpu);
		if (!fight.task[cpu])
			panic("workload: no memory for a thread");
		kthread_bind(fight.task[cpu], cpu);
		kthread_start(fight.task[cpu]);
	}
}

static void run_lock(struct work *w)
{
	/* By time, since a vCPU is put aside once in a while only. */
	fight.end = clock_ns() + (w->ms ? w->ms : 100) * NSEC_PER_MSEC;
	complete_all(&fight.start);
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		wait_for_completion(&fight.done);
	w->n = fight.inside;
}

static void finish_lock(struct work *w)
{
	(void)w;
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		kthread_join(fight.task[cpu]);
}

/* ---- the rest ---------------------------------------------------------------------------------------- */

static void nothing(void *unused)
{
	(void)unused;
}

static void run_ipi(struct work *w)
{
	for (u64 i = 0; i < w->n; i++)
		on_each_cpu(nothing, NULL);
}

/* The first page is never mapped. */
static void run_fault(struct work *w)
{
	u64 faults = 0;

	for (u64 i = 0; i < w->n; i++)
		faults += try_write8((void *)8, 0) != 0;
	w->n = faults;
}

const struct workload cpu_workloads[] = {
	{ "boot", 1, 1, NULL, NULL, NULL },
	{ "clock", 2000, 1, NULL, run_clock, NULL },
	{ "tick", 1, 1, prepare_tick, run_tick, NULL },
	{ "idle", 50, 1, prepare_tick, run_idle, NULL },
	{ "switch", 100, 1, prepare_pair_here, run_pair, finish_pair },
	{ "switch-far", 100, 2, prepare_pair_there, run_pair, finish_pair },
	{ "lock", 1, 2, prepare_lock, run_lock, finish_lock },
	{ "ipi", 300, 2, NULL, run_ipi, NULL },
	{ "fault", 500, 1, NULL, run_fault, NULL },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
