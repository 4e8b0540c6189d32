/* SPDX-License-Identifier: MIT */
/*
 * defer_machine.h - fibers.h with interrupts: timers, softirqs and their threads, workers. A step is an
 * interrupt on a random CPU or a turn of its task.
 */
#ifndef TESTS_UNIT_GUEST_DEFER_MACHINE_H
#define TESTS_UNIT_GUEST_DEFER_MACHINE_H

#include "tests/unit/guest/fibers.h"

#include "guest/defer/defer_env.h"
#include "guest/defer/softirq.h"
#include "guest/defer/workqueue.h"
#include "guest/time/time_env.h"

#define DM_TICK 1000000ULL

static struct {
	struct softirqs softirqs;
	struct timers timers;
	struct workqueues wqs;
	struct task_struct *ksoftirqd[FIBER_CPUS];
	bool in_irq, stop;
	unsigned wakes, fail_workers;
} dm;

void time_env_set_event(unsigned cpu, u64 expires)
{
	(void)cpu;
	(void)expires;
}

void time_env_raise(enum time_softirq which)
{
	(void)which;
}

void time_env_kick(unsigned cpu)
{
	(void)cpu;
}

void time_env_tick(struct tick_sched *ts)
{
	(void)ts;
}

static bool dm_irqs_were_off;

void defer_env_irq_enable(void)
{
	CHECK(env_host_irqs_off());
	env_irq_restore(0);
}

void defer_env_irq_disable(void)
{
	dm_irqs_were_off = env_irq_save();
}

bool defer_env_in_irq(void)
{
	return dm.in_irq;
}

void defer_env_wake_ksoftirqd(struct softirqs *s, unsigned cpu)
{
	(void)s;
	dm.wakes++;
	if (dm.ksoftirqd[cpu])
		wake_up_process(dm.ksoftirqd[cpu]);
}

static struct fiber *dm_fiber(void (*fn)(void *arg), void *arg, unsigned cpu)
{
	struct fiber *f = fiber_new(fiber_main);
	u64 mask = BIT(cpu);

	CHECK(fb.nr < MAX_FIBERS);
	f->fn = fn;
	f->arg = arg;
	f->t.pid = (int)++fb.nr;
	CHECK_EQ(sched_fork(fb.sched, &f->t, NULL), 0);
	lockdep_task_init(&f->t, &f->lockdep);
	fb.fibers[fb.nr - 1] = f;
	if (cpu < fb.nr_cpus)
		CHECK_EQ(set_cpus_allowed(&f->t, &mask), 0);
	return f;
}

static void dm_worker(void *arg)
{
	worker_thread(arg);
}

int defer_env_create_worker(struct worker *w, unsigned cpu, int nice)
{
	struct fiber *f;

	if (dm.fail_workers) {
		dm.fail_workers--;
		return -ENOMEM;
	}
	f = dm_fiber(dm_worker, w, cpu);
	set_user_nice(&f->t, nice);
	w->task = &f->t;
	wake_up_new_task(&f->t);
	return 0;
}

static void dm_ksoftirqd(void *arg)
{
	(void)arg;
	while (!dm.stop) {
		ksoftirqd_run(&dm.softirqs);
		checkpoint();
	}
}

static inline void dm_timers(unsigned cpu, void *arg)
{
	(void)arg;
	timer_run_softirq(&dm.timers, cpu);
}

static inline void dm_init(unsigned nr_cpus, u64 seed)
{
	memset(&dm, 0, sizeof(dm));
	fibers_init(nr_cpus, seed);
	CHECK_EQ(softirqs_init(&dm.softirqs, nr_cpus), 0);
	CHECK_EQ(timers_init(&dm.timers, nr_cpus, DM_TICK), 0);
	CHECK_EQ(workqueues_init(&dm.wqs, nr_cpus, &dm.timers), 0);
	open_softirq(&dm.softirqs, TIMER_SOFTIRQ, dm_timers, NULL);
	for (unsigned i = 0; i < nr_cpus; i++) {
		struct fiber *f = dm_fiber(dm_ksoftirqd, NULL, i);

		dm.ksoftirqd[i] = &f->t;
		env_host_set_cpu(i);
		wake_up_new_task(&f->t);
	}
}

/* An interrupt on the CPU whose turn it is: fn(arg) in it, then what it put off. */
static inline void dm_irq(void (*fn)(void *arg), void *arg)
{
	u64 flags = env_irq_save();

	dm.in_irq = true;
	if (timers_due(&dm.timers, env_cpu()))
		raise_softirq(&dm.softirqs, TIMER_SOFTIRQ);
	if (fn)
		fn(arg);
	dm.in_irq = false;
	softirq_irq_exit(&dm.softirqs);
	CHECK(env_host_irqs_off());
	env_irq_restore(flags);
	CHECK(!env_host_preempt_count());
}

static inline void dm_step(void)
{
	const char *bad;

	fibers_step();
	if (rand_one_in(&fb.rand, 3))
		dm_irq(NULL, NULL);
	bad = workqueues_check(&dm.wqs);
	if (bad)
		ck_abort_msg("%s", bad);
}

/* Until cond(arg). */
static inline void dm_until(bool (*cond)(void *arg), void *arg, unsigned max_steps)
{
	while (!cond(arg)) {
		CHECK(max_steps-- > 0);
		dm_step();
	}
}

static inline void dm_exit(unsigned max_steps)
{
	dm.stop = true;
	workqueues_stop(&dm.wqs);
	while (!fibers_done()) {
		CHECK(max_steps-- > 0);
		for (unsigned i = 0; i < fb.nr_cpus; i++)
			wake_up_process(dm.ksoftirqd[i]);
		dm_step();
	}
	ck_assert_msg(!sched_check(fb.sched), "%s", sched_check(fb.sched));
	workqueues_free(&dm.wqs);
	timers_free(&dm.timers);
	softirqs_free(&dm.softirqs);
	fibers_exit();
}

static inline int dm_run_suite(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
