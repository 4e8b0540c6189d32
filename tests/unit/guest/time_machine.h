/* SPDX-License-Identifier: MIT */
/*
 * time_machine.h - time_env.h for tests: a clock event for each CPU, played in the order of time by one
 * thread over host.c. The hardware of a CPU comes tm.late ns after the time it was set to.
 */
#ifndef TESTS_UNIT_GUEST_TIME_MACHINE_H
#define TESTS_UNIT_GUEST_TIME_MACHINE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/env/host.h"
#include "guest/lib/env.h"
#include "guest/lib/rand.h"
#include "guest/time/hrtimer.h"
#include "guest/time/tick.h"
#include "guest/time/time_env.h"
#include "guest/time/timer.h"
#include "tests/unit/guest/fast_check.h"

#define TM_CPUS 4
#define TM_TICK 1000000ULL

static struct {
	u64 now, late;
	u64 event[TM_CPUS];
	bool raised[TM_CPUS][2], kicked[TM_CPUS];
	u64 interrupts[TM_CPUS], ticks[TM_CPUS], kicks;
	struct hrtimers hr;
	struct timers wheel;
	struct tick_sched tick[TM_CPUS];
	/* After every event, on its CPU. */
	void (*after)(unsigned cpu);
	struct rand rand;
} tm;

void time_env_set_event(unsigned cpu, u64 expires)
{
	CHECK_EQ(cpu, env_cpu());
	CHECK(env_host_irqs_off());
	tm.event[cpu] = expires;
}

void time_env_raise(enum time_softirq which)
{
	tm.raised[env_cpu()][which] = true;
}

void time_env_kick(unsigned cpu)
{
	tm.kicked[cpu] = true;
	tm.kicks++;
}

void time_env_tick(struct tick_sched *ts)
{
	tm.ticks[ts->cpu]++;
	if (timers_due(&tm.wheel, ts->cpu))
		time_env_raise(TIME_SOFTIRQ_TIMER);
}

static inline void tm_init(u64 seed)
{
	memset(&tm, 0, sizeof(tm));
	env_host_reset();
	env_host_set_nr_cpus(TM_CPUS);
	rand_init(&tm.rand, seed);
	for (unsigned i = 0; i < TM_CPUS; i++)
		tm.event[i] = UINT64_MAX;
	tm.now = rand_below(&tm.rand, 1ULL << 40);
	env_host_set_now(tm.now);
	ck_assert_int_eq(hrtimers_init(&tm.hr, TM_CPUS), 0);
	ck_assert_int_eq(timers_init(&tm.wheel, TM_CPUS, TM_TICK), 0);
}

static inline void tm_exit(void)
{
	hrtimers_free(&tm.hr);
	timers_free(&tm.wheel);
	ck_assert_uint_eq(env_host_live_allocs(), 0);
}

static inline void tm_check(void)
{
	for (unsigned i = 0; i < TM_CPUS; i++) {
		const char *bad = hrtimer_check(&tm.hr.base[i]);

		for (unsigned k = 0; k < TIMER_NR_BASES && !bad; k++)
			bad = timer_base_check(&tm.wheel.base[i][k]);
		if (!bad && tm.tick[i].wheel)
			bad = tick_check(&tm.tick[i]);
		if (bad)
			ck_abort_msg("CPU %u: %s", i, bad);
	}
}

static inline void tm_softirqs(unsigned cpu)
{
	if (tm.raised[cpu][TIME_SOFTIRQ_TIMER]) {
		tm.raised[cpu][TIME_SOFTIRQ_TIMER] = false;
		timer_run_softirq(&tm.wheel, cpu);
	}
	if (tm.raised[cpu][TIME_SOFTIRQ_HRTIMER]) {
		tm.raised[cpu][TIME_SOFTIRQ_HRTIMER] = false;
		hrtimer_run_softirq(&tm.hr.base[cpu]);
	}
	CHECK(!env_host_irqs_off() && !env_host_preempt_count());
}

static inline void tm_interrupt(unsigned cpu)
{
	u64 flags;

	env_host_set_cpu(cpu);
	flags = env_irq_save();
	if (tm.event[cpu] <= tm.now) {
		tm.event[cpu] = UINT64_MAX; /* one-shot */
		tm.interrupts[cpu]++;
		hrtimer_interrupt(&tm.hr.base[cpu]);
	}
	tm.kicked[cpu] = false;
	env_irq_restore(flags);
	tm_softirqs(cpu);
	if (tm.after)
		tm.after(cpu);
}

/* All events up to `until`; then the clock stands there. */
static inline void tm_run(u64 until)
{
	for (;;) {
		u64 first = UINT64_MAX;
		unsigned cpu = 0;

		for (unsigned i = 0; i < TM_CPUS; i++) {
			u64 at = tm.event[i] == UINT64_MAX ? UINT64_MAX : tm.event[i] + tm.late;

			if (tm.kicked[i])
				at = tm.now;
			if (at < first) {
				first = at;
				cpu = i;
			}
		}
		if (first > until)
			break;
		tm.now = MAX(tm.now, first);
		env_host_set_now(tm.now);
		tm_interrupt(cpu);
	}
	tm.now = MAX(tm.now, until);
	env_host_set_now(tm.now);
}

static inline int tm_run_suite(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
