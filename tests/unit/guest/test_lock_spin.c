/* SPDX-License-Identifier: MIT */
/* Ticket locks with and without a hypervisor that puts waiting CPUs to sleep. One thread plays the CPUs. */
#include <stdlib.h>
#include <string.h>

#include "guest/env/host.h"
#include "guest/locking/spinlock.h"
#include "tests/unit/guest/fast_check.h"

static spinlock_t first, second;
static unsigned relaxed, slept, kicked[4];
static void (*in_sleep)(void);

/* Lets go of the lock as another CPU would. */
static void unlock_by(unsigned cpu, spinlock_t *lock)
{
	unsigned me = env_cpu();

	env_host_set_cpu(cpu);
	raw_spin_unlock(lock);
	env_host_set_cpu(me);
}

static void sleep_now(u64 irqs)
{
	(void)irqs;
	CHECK(env_host_irqs_off());
	slept++;
	in_sleep();
}

static void kick(unsigned cpu)
{
	CHECK(cpu < ARRAY_SIZE(kicked));
	kicked[cpu]++;
}

static const struct spin_help help = { sleep_now, kick };

static void begin(const struct spin_help *h)
{
	env_host_reset();
	env_host_set_nr_cpus(4);
	spin_use_help(h);
	first = second = (spinlock_t)SPINLOCK_INIT;
	relaxed = slept = 0;
	memset(kicked, 0, sizeof(kicked));
}

static void after_a_while(void *arg)
{
	if (++relaxed == *(unsigned *)arg)
		unlock_by(0, &first);
}

START_TEST(waits_without_help)
{
	unsigned when = 5000;

	begin(NULL);
	raw_spin_lock(&first);
	env_host_set_cpu(1);
	env_host_on_relax(after_a_while, &when);
	raw_spin_lock(&first);
	ck_assert_uint_eq(relaxed, when);
	CHECK(spin_is_locked(&first) && !raw_spin_trylock(&first));
	raw_spin_unlock(&first);
	CHECK(!spin_is_locked(&first));
	CHECK_EQ(spin_counts().sleeps, 0);
}
END_TEST

static void let_go(void)
{
	unlock_by(0, &first);
	ck_assert_uint_eq(kicked[1], 1);
}

START_TEST(sleeps_and_is_kicked)
{
	struct spin_counts before;

	begin(&help);
	before = spin_counts();
	in_sleep = let_go;
	raw_spin_lock(&first);
	env_host_set_cpu(1);
	spin_lock(&first);
	ck_assert_uint_eq(slept, 1);
	CHECK_EQ(spin_counts().sleeps - before.sleeps, 1);
	CHECK_EQ(spin_counts().kicks - before.kicks, 1);
	CHECK(!env_host_irqs_off());
	ck_assert_uint_eq(env_host_preempt_count(), 1);
	spin_unlock(&first);
	ck_assert_uint_eq(kicked[0] + kicked[1] + kicked[2] + kicked[3], 1);
}
END_TEST

/* The lock comes before patience ends: whoever unlocks finds nobody asleep. */
START_TEST(short_waits_do_not_sleep)
{
	unsigned when = 100;

	begin(&help);
	in_sleep = abort;
	raw_spin_lock(&first);
	env_host_set_cpu(1);
	env_host_on_relax(after_a_while, &when);
	raw_spin_lock(&first);
	ck_assert_uint_eq(slept + kicked[1], 0);
	raw_spin_unlock(&first);
}
END_TEST

static void woken_for_nothing(void)
{
	if (slept == 3)
		let_go();
}

START_TEST(sleeps_again_when_woken_early)
{
	begin(&help);
	in_sleep = woken_for_nothing;
	raw_spin_lock(&first);
	env_host_set_cpu(1);
	raw_spin_lock(&first);
	ck_assert_uint_eq(slept, 3);
	raw_spin_unlock(&first);
}
END_TEST

/* CPU 1 sleeps for `first`; an interrupt comes that sleeps for `second`. Each kick finds its own. */
static void interrupt(void)
{
	if (slept == 1) {
		raw_spin_lock(&second);
		raw_spin_unlock(&second);
		ck_assert_uint_eq(kicked[1], 1);
		unlock_by(0, &first);
		ck_assert_uint_eq(kicked[1], 2);
	} else {
		unlock_by(2, &second);
		ck_assert_uint_eq(kicked[1], 1);
	}
}

START_TEST(interrupts_sleep_on_top)
{
	begin(&help);
	in_sleep = interrupt;
	raw_spin_lock(&first);
	env_host_set_cpu(2);
	raw_spin_lock(&second);
	env_host_set_cpu(1);
	raw_spin_lock(&first);
	ck_assert_uint_eq(slept, 2);
	raw_spin_unlock(&first);
	CHECK(!spin_is_locked(&first) && !spin_is_locked(&second));
}
END_TEST

START_TEST(tickets_wrap)
{
	begin(&help);
	in_sleep = abort;
	for (unsigned i = 0; i < 140000; i++) {
		raw_spin_lock(&first);
		CHECK(spin_is_locked(&first) && !raw_spin_trylock(&first));
		raw_spin_unlock(&first);
		CHECK(!spin_is_locked(&first));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lock_spin");
	TCase *t = tcase_create("tickets");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, waits_without_help);
	tcase_add_test(t, sleeps_and_is_kicked);
	tcase_add_test(t, short_waits_do_not_sleep);
	tcase_add_test(t, sleeps_again_when_woken_early);
	tcase_add_test(t, interrupts_sleep_on_top);
	tcase_add_test(t, tickets_wrap);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
