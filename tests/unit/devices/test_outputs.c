/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/outputs.h. Calls from inside irq_set() stand for another thread's. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "devices/outputs.h"
#include "tests/unit/devices/mock_env.h"

static struct mock_env m;
static struct device dev;
static struct dev_lock lock;
static struct dev_outputs out;

static int played[16];
static unsigned nr_played, depth;
static void (*meanwhile)(void);

static void want(bool level)
{
	dev_lock(&lock);
	dev_outputs_level(&out, level);
	dev_outputs_unlock(&out, &dev, &lock);
}

static void record(void *ctx, u32 gsi, int level)
{
	void (*fn)(void) = meanwhile;

	(void)ctx, (void)gsi;
	ck_assert_uint_eq(depth++, 0); /* O1 */
	played[nr_played++] = level;
	meanwhile = NULL;
	if (fn)
		fn();
	depth--;
}

static void setup(void)
{
	mock_init(&m);
	dev = (struct device){ .env = &m.env, .irq = { record, NULL, 1 } };
	dev_outputs_init(&out, m.env.timer_create(&m, NULL, NULL));
	nr_played = depth = 0;
	meanwhile = NULL;
}

static void teardown(void)
{
	mock_fini(&m);
}

static void assert_played(unsigned n, const int *levels)
{
	ck_assert_uint_eq(nr_played, n);
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(played[i], levels[i]);
}

START_TEST(only_changes_are_driven)
{
	want(false);
	want(true);
	want(true);
	want(false);
	want(false);
	assert_played(2, (const int[]){ 1, 0 });
}
END_TEST

static void fall(void)
{
	want(false);
}

static void fall_and_rise(void)
{
	want(false);
	want(true);
}

static void rise_and_fall(void)
{
	want(true);
	want(false);
}

START_TEST(a_fall_meanwhile_is_played_afterwards)
{
	meanwhile = fall;
	want(true);
	assert_played(2, (const int[]){ 1, 0 });
}
END_TEST

START_TEST(a_second_edge_meanwhile_is_not_lost)
{
	meanwhile = fall_and_rise;
	want(true);
	assert_played(3, (const int[]){ 1, 0, 1 });
}
END_TEST

/* The request was withdrawn before it was seen, as when a flag is read and cleared. */
START_TEST(a_withdrawn_rise_is_nothing)
{
	want(true);
	meanwhile = rise_and_fall;
	want(false);
	assert_played(2, (const int[]){ 1, 0 });
}
END_TEST

static void set_deadline(u64 deadline)
{
	dev_lock(&lock);
	out.deadline = deadline;
	dev_outputs_unlock(&out, &dev, &lock);
}

START_TEST(timer_follows_the_deadline)
{
	set_deadline(DEV_NEVER);
	ck_assert_uint_eq(m.timer_arms, 0);
	set_deadline(500);
	set_deadline(500);
	ck_assert_uint_eq(m.timer_arms, 1);
	ck_assert(m.timers[0].armed);
	ck_assert_uint_eq(m.timers[0].deadline, 500);
	set_deadline(DEV_NEVER);
	ck_assert(!m.timers[0].armed);
	set_deadline(600);
	dev_lock(&lock);
	dev_outputs_fired(&out);
	dev_outputs_unlock(&out, &dev, &lock);
	ck_assert_uint_eq(m.timer_arms, 3); /* spent, and wanted again */
}
END_TEST

static void slow_line(void *ctx, u32 gsi, int level)
{
	static int driven;

	(void)gsi;
	/* Strictly alternating, never two at a time. */
	if (__atomic_exchange_n((int *)ctx, 1, __ATOMIC_SEQ_CST) || driven == level)
		abort();
	driven = level;
	__atomic_store_n((int *)ctx, 0, __ATOMIC_SEQ_CST);
}

static void *toggler(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 100000; i++)
		want(i & 1);
	return NULL;
}

START_TEST(threads_take_turns)
{
	int inside = 0;
	pthread_t t[3];

	dev.irq = (struct irq_line){ slow_line, &inside, 1 };
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, toggler, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	want(true);
	ck_assert(out.driven && !out.busy);
	want(false);
	ck_assert(!out.driven);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("outputs");
	TCase *t = tcase_create("outputs");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, only_changes_are_driven);
	tcase_add_test(t, a_fall_meanwhile_is_played_afterwards);
	tcase_add_test(t, a_second_edge_meanwhile_is_not_lost);
	tcase_add_test(t, a_withdrawn_rise_is_nothing);
	tcase_add_test(t, timer_follows_the_deadline);
	tcase_add_test(t, threads_take_turns);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
