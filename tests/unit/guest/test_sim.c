/* SPDX-License-Identifier: MIT */
/*
 * Unit tests of guest/env/sim.c. The source is included instead of linked, because the room's
 * library holds host.c: with env.h's functions defined here, the linker leaves that one out.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "guest/env/sim.c"
#include "guest/lib/hash.h"
#include "guest/lib/list.h"
#include "guest/lib/rand.h"
#include "tests/unit/guest/fast_check.h"

struct tick {
	struct sim_event ev;
	u64 at[64];
	unsigned n;
	u64 work;
};

static void on_tick(struct sim *sim, struct sim_event *ev)
{
	struct tick *t = container_of(ev, struct tick, ev);

	t->at[t->n++] = env_now_ns();
	ck_assert_uint_eq(env_cpu(), ev->cpu);
	sim_spend(sim, t->work);
	if (t->n < 8)
		sim_schedule(sim, ev, ev->cpu, ev->time + 100, on_tick);
}

START_TEST(events_run_at_their_time)
{
	struct sim *sim = sim_new(2);
	struct tick fast = { 0 }, slow = { .work = 250 };

	sim_schedule(sim, &fast.ev, 0, 10, on_tick);
	sim_schedule(sim, &slow.ev, 1, 20, on_tick);
	ck_assert_uint_eq(sim_next_time(sim), 10);
	ck_assert_uint_eq(sim_run(sim, 9), 0);
	ck_assert_uint_eq(sim_now(sim), 9);
	ck_assert_uint_eq(sim_run(sim, 1000000), 16);
	for (unsigned i = 0; i < 8; i++) {
		ck_assert_uint_eq(fast.at[i], 10 + 100 * i);
		/* Asked for every 100 ns, but its CPU is busy for 250 each time. */
		ck_assert_uint_eq(slow.at[i], 20 + 250 * i);
	}
	ck_assert_uint_eq(sim_busy_ns(sim, 0), 0);
	ck_assert_uint_eq(sim_busy_ns(sim, 1), 2000);
	ck_assert_uint_eq(sim_next_time(sim), UINT64_MAX);
	ck_assert_uint_eq(sim_now(sim), 1000000);
	sim_free(sim);
}
END_TEST

static char order[16];

static void note(struct sim *sim, struct sim_event *ev)
{
	(void)sim;
	order[strlen(order)] = (char)('a' + ev->cpu);
}

START_TEST(same_time_keeps_the_order_of_scheduling)
{
	struct sim *sim = sim_new(5);
	struct sim_event ev[5] = { 0 };

	for (unsigned i = 0; i < 5; i++)
		sim_schedule(sim, &ev[i], (i * 3) % 5, 50, note);
	ck_assert(sim_cancel(sim, &ev[2]));
	ck_assert(!sim_cancel(sim, &ev[2]));
	sim_run(sim, 50);
	ck_assert_str_eq(order, "adec");
	/* The past is now. */
	sim_schedule(sim, &ev[0], 0, 3, note);
	ck_assert_uint_eq(sim_next_time(sim), 50);
	sim_free(sim);
}
END_TEST

/* Many CPUs poke each other at random; the trace's hash is the run's identity. */
struct storm {
	struct rand rand;
	u64 hash;
	struct sim_event ev[1000];
};

static struct storm storm;

static void poke(struct sim *sim, struct sim_event *ev)
{
	struct rand *r = &storm.rand;
	u64 line[3] = { env_now_ns(), env_cpu(), ev->seq };
	u64 flags = env_irq_save();

	storm.hash = storm.hash * 31 + hash_bytes(line, sizeof(line));
	env_irq_restore(flags);
	env_preempt_disable();
	sim_spend(sim, rand_below(r, 300));
	env_preempt_enable();
	sim_schedule(sim, ev, (unsigned)rand_below(r, env_nr_cpus()),
		     env_now_ns() + rand_below(r, 2000), poke);
}

static u64 run_storm(u64 seed)
{
	struct sim *sim = sim_new(300);
	u64 ran, busy = 0;

	memset(&storm, 0, sizeof(storm));
	rand_init(&storm.rand, seed);
	for (unsigned i = 0; i < 1000; i++)
		sim_schedule(sim, &storm.ev[i], i % 300, rand_below(&storm.rand, 100), poke);
	ran = sim_run(sim, 100000);
	CHECK(ran > 50000);
	CHECK(!sim_check(sim));
	for (unsigned i = 0; i < 300; i++)
		busy += sim_busy_ns(sim, i);
	/* Nobody works more than time passes, but for the last event's overhang. */
	CHECK(busy <= 300 * (100000 + 300));
	sim_free(sim);
	return storm.hash;
}

START_TEST(same_seed_same_run)
{
	u64 first = run_storm(1);

	ck_assert_uint_eq(run_storm(1), first);
	ck_assert_uint_ne(run_storm(2), first);
}
END_TEST

static void forgets_to_enable(struct sim *sim, struct sim_event *ev)
{
	(void)sim;
	(void)ev;
	env_preempt_disable();
}

START_TEST(an_event_must_leave_its_cpu_as_it_came)
{
	struct sim *sim = sim_new(1);
	struct sim_event ev = { 0 };

	sim_schedule(sim, &ev, 0, 1, forgets_to_enable);
	sim_run(sim, 1);
}
END_TEST

static void waits_for_ever(struct sim *sim, struct sim_event *ev)
{
	(void)sim;
	(void)ev;
	for (;;)
		env_relax();
}

START_TEST(an_endless_wait_is_found)
{
	struct sim *sim = sim_new(1);
	struct sim_event ev = { 0 };

	sim_schedule(sim, &ev, 0, 1, waits_for_ever);
	sim_run(sim, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim");
	TCase *t = tcase_create("sim");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, events_run_at_their_time);
	tcase_add_test(t, same_time_keeps_the_order_of_scheduling);
	tcase_add_test(t, same_seed_same_run);
	tcase_add_test_raise_signal(t, an_event_must_leave_its_cpu_as_it_came, SIGABRT);
	tcase_add_test_raise_signal(t, an_endless_wait_is_found, SIGABRT);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
