/* SPDX-License-Identifier: MIT */
/* High-resolution timers against a list of what should run when. */
#include "tests/unit/guest/time_machine.h"

#define NR 300

struct entry {
	struct hrtimer t;
	bool expected; /* is to run at `at`, at most slack later */
	u64 at, slack;
	u64 period; /* restarts itself */
	unsigned fired;
	unsigned cpu;
};

static struct entry entries[NR];
static u64 last_expiry[TM_CPUS][HRTIMER_NR_KINDS];
static bool in_order;

static enum hrtimer_restart fires(struct hrtimer *t)
{
	struct entry *e = container_of(t, struct entry, t);

	CHECK(e->expected);
	CHECK(tm.now >= e->at);			     /* H1 */
	CHECK(tm.now <= e->at + e->slack + tm.late); /* and in time */
	CHECK(e->cpu == env_cpu());		     /* where it was started */
	CHECK(env_host_irqs_off() == (t->kind == HRTIMER_HARD));
	if (in_order)
		CHECK(t->expires >= last_expiry[env_cpu()][t->kind]);
	last_expiry[env_cpu()][t->kind] = t->expires;
	e->fired++;
	if (e->period) {
		u64 n = hrtimer_forward(t, tm.now, e->period);

		CHECK(n == (tm.now - e->at) / e->period + 1);
		e->at += n * e->period;
		CHECK(t->softexpires == e->at && e->at > tm.now);
		return HRTIMER_RESTART;
	}
	e->expected = false;
	return HRTIMER_NORESTART;
}

static void start(struct entry *e, u64 in, u64 slack, bool relative)
{
	e->at = tm.now + in;
	e->slack = slack;
	e->expected = true;
	e->cpu = env_cpu();
	if (relative)
		hrtimer_start_range_ns(&e->t, in, slack, HRTIMER_MODE_REL);
	else
		hrtimer_start_range_ns(&e->t, e->at, slack, HRTIMER_MODE_ABS);
}

static u64 some_distance(void)
{
	return rand_below(&tm.rand, 1ULL << rand_range(&tm.rand, 0, 34));
}

START_TEST(random_starts_and_cancels)
{
	u64 fired = 0;

	tm_init((u64)_i);
	tm.late = _i % 2 ? 5000 : 0;
	for (unsigned i = 0; i < NR; i++) {
		entries[i] = (struct entry){ 0 };
		env_host_set_cpu(i % TM_CPUS);
		hrtimer_init(&tm.hr, &entries[i].t, i % 3 ? HRTIMER_MODE_ABS : HRTIMER_MODE_SOFT,
			     fires);
	}
	for (unsigned step = 0; step < 30000; step++) {
		struct entry *e = &entries[rand_below(&tm.rand, NR)];

		env_host_set_cpu((unsigned)rand_below(&tm.rand, TM_CPUS));
		switch (rand_below(&tm.rand, 4)) {
		case 0:
			CHECK_EQ(hrtimer_cancel(&e->t), e->expected);
			e->expected = false;
			CHECK(!hrtimer_active(&e->t));
			break;
		case 1:
			e->period = rand_one_in(&tm.rand, 8) ? 1 + some_distance() : 0;
			if (e->period)
				e->period += 100000;
			/* fallthrough */
		case 2:
			start(e, some_distance(), rand_one_in(&tm.rand, 3) ? some_distance() : 0,
			      rand_one_in(&tm.rand, 2));
			CHECK(hrtimer_active(&e->t));
			CHECK(hrtimer_remaining(&e->t) == (s64)(e->at - tm.now));
			break;
		default:
			tm_run(tm.now + rand_below(&tm.rand, 2000000));
		}
		if (step % 64 == 0)
			tm_check();
	}
	for (unsigned i = 0; i < NR; i++) {
		entries[i].period = 0;
		hrtimer_cancel(&entries[i].t);
		fired += entries[i].fired;
	}
	ck_assert_uint_gt(fired, 10000);
	tm_check();
	for (unsigned i = 0; i < TM_CPUS; i++) {
		env_host_set_cpu(i);
		CHECK_EQ(hrtimer_next_event(&tm.hr.base[i], NULL), UINT64_MAX);
	}
	tm_exit();
}
END_TEST

/* A thousand timers started in random order run in the order of their expiry. */
START_TEST(runs_in_order)
{
	tm_init(77);
	memset(last_expiry, 0, sizeof(last_expiry));
	in_order = true;
	for (unsigned i = 0; i < NR; i++) {
		entries[i] = (struct entry){ 0 };
		hrtimer_init(&tm.hr, &entries[i].t, i % 2 ? HRTIMER_MODE_SOFT : HRTIMER_MODE_ABS,
			     fires);
		start(&entries[i], rand_below(&tm.rand, 10000000), 0, false);
	}
	tm_run(tm.now + 20000000);
	for (unsigned i = 0; i < NR; i++)
		CHECK_EQ(entries[i].fired, 1);
	in_order = false;
	tm_exit();
}
END_TEST

/* Slack lets timers share an interrupt. */
START_TEST(slack_saves_interrupts)
{
	u64 without = 0, with;

	tm_init(3);
	for (unsigned round = 0; round < 2; round++) {
		u64 before = tm.interrupts[0];

		for (unsigned i = 0; i < 100; i++) {
			entries[i] = (struct entry){ 0 };
			hrtimer_init(&tm.hr, &entries[i].t, HRTIMER_MODE_ABS, fires);
			start(&entries[i], 1000000 + i * 1000, round ? 50000 : 0, false);
		}
		tm_run(tm.now + 10000000);
		if (round)
			with = tm.interrupts[0] - before;
		else
			without = tm.interrupts[0] - before;
	}
	CHECK_EQ(without, 100);
	CHECK_EQ(with, 2);
	tm_exit();
}
END_TEST

static struct hrtimer victim;
static int cancelled;

static enum hrtimer_restart cancels_itself(struct hrtimer *t)
{
	cancelled = hrtimer_try_to_cancel(t);
	CHECK(hrtimer_active(t));
	/* Started by somebody else meanwhile: the result does not start it twice. */
	hrtimer_start(t, tm.now + 500, HRTIMER_MODE_ABS);
	t->fn = fires;
	return HRTIMER_RESTART;
}

START_TEST(a_running_timer_is_not_cancelled)
{
	tm_init(5);
	hrtimer_init(&tm.hr, &victim, HRTIMER_MODE_ABS, cancels_itself);
	hrtimer_start(&victim, tm.now + 10, HRTIMER_MODE_ABS);
	tm_run(tm.now + 100);
	CHECK_EQ(cancelled, -1);
	CHECK(victim.queued);
	tm_check();
	CHECK_EQ(hrtimer_cancel(&victim), 1);
	CHECK_EQ(hrtimer_cancel(&victim), 0);
	tm_exit();
}
END_TEST

static unsigned storms;

static enum hrtimer_restart storm(struct hrtimer *t)
{
	storms++;
	tm.now += 1000; /* takes as long as its interval */
	env_host_set_now(tm.now);
	hrtimer_forward(t, tm.now, 1000);
	t->softexpires = t->expires = tm.now;
	return HRTIMER_RESTART;
}

/* Timers that come due as fast as they are served leave time for others. */
START_TEST(a_storm_is_slowed_down)
{
	struct hrtimer t;

	tm_init(6);
	hrtimer_init(&tm.hr, &t, HRTIMER_MODE_ABS, storm);
	storms = 0;
	hrtimer_start(&t, tm.now + 10, HRTIMER_MODE_ABS);
	tm_run(tm.now + 11);
	ck_assert_uint_ge(tm.hr.base[0].nr_hangs, 1);
	ck_assert_uint_gt(tm.event[0], tm.now);
	hrtimer_cancel(&t);
	tm_exit();
}
END_TEST

START_TEST(a_dead_cpu_s_timers_run_elsewhere)
{
	u64 flags;

	tm_init(8);
	env_host_set_cpu(2);
	for (unsigned i = 0; i < 50; i++) {
		entries[i] = (struct entry){ 0 };
		hrtimer_init(&tm.hr, &entries[i].t, i % 2 ? HRTIMER_MODE_SOFT : 0, fires);
		start(&entries[i], rand_below(&tm.rand, 1000000), 0, true);
		entries[i].cpu = 1;
	}
	tm.event[2] = UINT64_MAX;
	env_host_set_cpu(1);
	flags = env_irq_save();
	hrtimers_adopt(&tm.hr.base[1], &tm.hr.base[2]);
	env_irq_restore(flags);
	tm_check();
	tm_run(tm.now + 2000000);
	for (unsigned i = 0; i < 50; i++)
		CHECK_EQ(entries[i].fired, 1);
	tm_exit();
}
END_TEST

START_TEST(far_away_times_do_not_overflow)
{
	struct hrtimer t;

	tm_init(9);
	hrtimer_init(&tm.hr, &t, HRTIMER_MODE_ABS, fires);
	hrtimer_start_range_ns(&t, UINT64_MAX - 1, 100, HRTIMER_MODE_REL);
	CHECK_EQ(t.expires, UINT64_MAX);
	tm_run(tm.now + 1000000);
	CHECK(t.queued);
	hrtimer_cancel(&t);
	env_host_fail_after(1);
	CHECK_EQ(hrtimers_init(&(struct hrtimers){ 0 }, 4), -12);
	env_host_fail_after(0);
	tm_exit();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("time_hrtimer");
	TCase *t = tcase_create("hrtimer");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, random_starts_and_cancels, 0, 6);
	tcase_add_test(t, runs_in_order);
	tcase_add_test(t, slack_saves_interrupts);
	tcase_add_test(t, a_running_timer_is_not_cancelled);
	tcase_add_test(t, a_storm_is_slowed_down);
	tcase_add_test(t, a_dead_cpu_s_timers_run_elsewhere);
	tcase_add_test(t, far_away_times_do_not_overflow);
	suite_add_tcase(s, t);
	return tm_run_suite(s);
}
