/* SPDX-License-Identifier: MIT */
/* The timer wheel and the tickless idle against a list of what should run when. */
#include "tests/unit/guest/time_machine.h"

#define NR 400

struct entry {
	struct timer_list t;
	bool expected;
	u64 at;	   /* jiffy asked for */
	u64 bound; /* latest jiffy, W1 */
	unsigned fired, cpu;
};

static struct entry entries[NR];
static u64 worst_late, worst_distance;

/* A jiffy has no chance to be served before the tick that follows it. */
static u64 jiffies(void)
{
	return tm.now / TM_TICK;
}

static void fires(struct timer_list *t)
{
	struct entry *e = container_of(t, struct entry, t);
	u64 late = jiffies() - e->at;

	CHECK(e->expected);
	CHECK(jiffies() >= e->at); /* W2 */
	CHECK(jiffies() <= e->bound);
	CHECK(e->cpu == env_cpu());
	CHECK(!env_host_irqs_off());
	CHECK(!timer_pending(t));
	worst_late = MAX(worst_late, late);
	e->expected = false;
	e->fired++;
}

static void expect(struct entry *e, u64 at)
{
	u64 distance = at > jiffies() ? at - jiffies() : 0;

	e->expected = true;
	e->at = at;
	e->cpu = env_cpu();
	/* A jiffy for the one that has begun already and a distance that counts from it. */
	e->bound = MAX(at, jiffies()) + distance * 8 / 63 + 1;
	worst_distance = MAX(worst_distance, distance);
}

static void setup(unsigned flags)
{
	for (unsigned i = 0; i < NR; i++) {
		entries[i] = (struct entry){ 0 };
		env_host_set_cpu(i % TM_CPUS);
		timer_setup(&tm.wheel, &entries[i].t, fires, flags);
	}
}

static u64 some_distance(void)
{
	return rand_below(&tm.rand, 1ULL << rand_range(&tm.rand, 0, 18));
}

/* Ticks come from the CPUs' own tick timers, which never stop here. */
START_TEST(random_starts_and_cancels)
{
	u64 fired = 0;

	tm_init((u64)_i);
	for (unsigned i = 0; i < TM_CPUS; i++) {
		env_host_set_cpu(i);
		tick_start(&tm.tick[i], &tm.hr, &tm.wheel);
	}
	setup(0);
	for (unsigned step = 0; step < 40000; step++) {
		struct entry *e = &entries[rand_below(&tm.rand, NR)];
		u64 at = jiffies() + some_distance();

		env_host_set_cpu((unsigned)rand_below(&tm.rand, TM_CPUS));
		switch (rand_below(&tm.rand, 6)) {
		case 0:
			CHECK_EQ(del_timer(&e->t), e->expected);
			e->expected = false;
			break;
		case 1:
			CHECK_EQ(del_timer_sync(&e->t), e->expected);
			e->expected = false;
			break;
		case 2:
			if (e->expected && e->at <= at) {
				CHECK(timer_reduce(&e->t, at));
			} else {
				CHECK(timer_reduce(&e->t, at) == e->expected);
				expect(e, at);
				e->cpu = e->t.base->cpu;
			}
			break;
		case 3:
		case 4:
			if (rand_one_in(&tm.rand, 4))
				at = jiffies() - MIN(jiffies(), some_distance());
			if (e->expected && e->at == at) {
				/* Stays where it is. */
				CHECK(mod_timer(&e->t, at));
				break;
			}
			CHECK(mod_timer(&e->t, at) == e->expected);
			expect(e, at);
			/* It may have stayed in its bucket, on its CPU. */
			e->cpu = e->t.base->cpu;
			break;
		default:
			tm_run(tm.now + rand_below(&tm.rand, 3 * TM_TICK));
		}
		CHECK(timer_pending(&e->t) == e->expected);
		if (step % 64 == 0)
			tm_check();
	}
	tm_run(tm.now + 350000 * TM_TICK);
	for (unsigned i = 0; i < NR; i++) {
		CHECK(!entries[i].expected);
		fired += entries[i].fired;
	}
	ck_assert_uint_gt(fired, 3000);
	ck_assert_uint_gt(worst_late, 1000); /* coarse levels were used */
	for (unsigned i = 0; i < TM_CPUS; i++) {
		env_host_set_cpu(i);
		tick_end(&tm.tick[i]);
	}
	tm_exit();
}
END_TEST

/* Every level and every place in it: exact in the first, late by less than a width in the others. */
START_TEST(every_level)
{
	tm_init(4);
	setup(0);
	env_host_set_cpu(0);
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		u64 width = 1ULL << (3 * level);

		for (unsigned i = 0; i < 40; i++) {
			struct timer_base *b = &tm.wheel.base[0][TIMER_BASE_STD];
			/* A jiffy that has been served is over. */
			u64 from = MAX(b->clk, jiffies()), least = level ? 63 * (width / 8) : 0;
			u64 at = from + rand_range(&tm.rand, least, 63 * width - 1), served;

			expect(&entries[0], at);
			mod_timer(&entries[0].t, at);
			CHECK_EQ(entries[0].t.bucket / WHEEL_SLOTS, level);
			served = b->next_expiry;
			ck_assert_uint_ge(served, at);
			ck_assert_uint_lt(served - at, width);
			/* Not a jiffy before. */
			tm_run((served - 1) * TM_TICK);
			timer_run_softirq(&tm.wheel, 0);
			CHECK(entries[0].expected);
			tm_run(served * TM_TICK + rand_below(&tm.rand, TM_TICK));
			timer_run_softirq(&tm.wheel, 0);
			CHECK(!entries[0].expected);
			tm_check();
		}
	}
	/* Beyond the last level: cut. */
	mod_timer(&entries[0].t, UINT64_MAX);
	ck_assert_uint_le(tm.wheel.base[0][0].next_expiry, jiffies() + (64ULL << 24));
	del_timer(&entries[0].t);
	tm_exit();
}
END_TEST

static struct timer_list chained;
static unsigned chain_runs;

static void chain(struct timer_list *t)
{
	chain_runs++;
	CHECK_EQ(try_to_del_timer_sync(t), -1);
	mod_timer(t, jiffies());
}

START_TEST(restarting_itself_does_not_loop)
{
	tm_init(4);
	timer_setup(&tm.wheel, &chained, chain, 0);
	mod_timer(&chained, jiffies());
	for (unsigned i = 1; i <= 10; i++) {
		timer_run_softirq(&tm.wheel, 0);
		CHECK_EQ(chain_runs, i);
		tm_run((jiffies() + 1) * TM_TICK);
	}
	CHECK(timer_shutdown_sync(&chained));
	CHECK(!mod_timer(&chained, jiffies() + 5));
	CHECK(!timer_pending(&chained));
	tm_exit();
}
END_TEST

START_TEST(pinned_timers_and_dead_cpus)
{
	u64 flags;

	tm_init(2);
	setup(TIMER_PINNED);
	env_host_set_cpu(1);
	for (unsigned i = 0; i < 100; i++) {
		u64 at = jiffies() + some_distance() % 5000;

		add_timer_on(&entries[i].t, at, 3);
		expect(&entries[i], at);
		CHECK_EQ(entries[i].t.base->cpu, 3);
		if (mod_timer(&entries[i].t, at + 1))
			expect(&entries[i], at + 1);
		CHECK_EQ(entries[i].t.base->cpu, 3);
		entries[i].cpu = 1;
	}
	flags = env_irq_save();
	timers_adopt(&tm.wheel, 1, 3);
	env_irq_restore(flags);
	tm_check();
	for (unsigned i = 0; i < 7000; i++) {
		tm_run(tm.now + TM_TICK);
		timer_run_softirq(&tm.wheel, 1);
	}
	for (unsigned i = 0; i < 100; i++)
		CHECK_EQ(entries[i].fired, 1);
	tm_exit();
}
END_TEST

START_TEST(rounded_jiffies_meet)
{
	tm_init(2);
	for (unsigned n = 0; n < 1000; n++) {
		u64 j = jiffies() + 2000 + rand_below(&tm.rand, 100000);
		u64 r = round_jiffies(&tm.wheel, j, 2);

		CHECK_EQ((r + 6) % 1000, 0);
		ck_assert_uint_le(r, j + 750);
		ck_assert_uint_ge(r + 250, j);
	}
	ck_assert_uint_ge(round_jiffies(&tm.wheel, jiffies(), 0), jiffies());
	tm_exit();
}
END_TEST

/* ---- without a tick ---------------------------------------------------------------------------------------- */

static bool idle[TM_CPUS];
static unsigned deps[TM_CPUS];

/* The idle loop: after each interrupt it looks again. */
static void idle_again(unsigned cpu)
{
	if (idle[cpu]) {
		u64 flags = env_irq_save();

		tick_idle_enter(&tm.tick[cpu], tm.now, deps[cpu]);
		env_irq_restore(flags);
	}
	tm_check();
}

static void set_idle(unsigned cpu, bool on)
{
	u64 flags;

	env_host_set_cpu(cpu);
	flags = env_irq_save();
	idle[cpu] = on;
	if (on)
		tick_idle_enter(&tm.tick[cpu], tm.now, deps[cpu]);
	else
		tick_idle_exit(&tm.tick[cpu], tm.now);
	env_irq_restore(flags);
}

static enum hrtimer_restart hr_fires(struct hrtimer *t)
{
	CHECK(tm.now == t->expires);
	return HRTIMER_NORESTART;
}

static void start_ticks(void)
{
	for (unsigned i = 0; i < TM_CPUS; i++) {
		env_host_set_cpu(i);
		idle[i] = false;
		deps[i] = 0;
		tick_start(&tm.tick[i], &tm.hr, &tm.wheel);
	}
	tm.after = idle_again;
}

/* CPUs go idle and come back at random, timers are started from anywhere: none is late for it. */
START_TEST(no_timer_is_late_for_idleness)
{
	static struct hrtimer hr[20];
	u64 saved = 0;

	tm_init((u64)_i + 100);
	start_ticks();
	setup(0);
	for (unsigned i = 0; i < ARRAY_SIZE(hr); i++)
		hrtimer_init(&tm.hr, &hr[i], HRTIMER_MODE_ABS, hr_fires);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned cpu = (unsigned)rand_below(&tm.rand, TM_CPUS);
		struct entry *e = &entries[rand_below(&tm.rand, 30)];
		u64 at = jiffies() + some_distance() % 20000;

		switch (rand_below(&tm.rand, 8)) {
		case 0:
			deps[cpu] = rand_one_in(&tm.rand, 4) ? TICK_DEP_RCU : 0;
			set_idle(cpu, true);
			CHECK(!(deps[cpu] && tm.tick[cpu].stopped));
			break;
		case 1:
			set_idle(cpu, false);
			CHECK(tm.tick[cpu].jiffies == jiffies());
			break;
		case 2: /* an idle CPU's timer from elsewhere */
			if (timer_pending(&e->t))
				break;
			env_host_set_cpu((cpu + 1) % TM_CPUS);
			add_timer_on(&e->t, at, cpu);
			expect(e, at);
			e->cpu = cpu;
			break;
		case 3:
			if (idle[cpu] || timer_pending(&e->t))
				break;
			env_host_set_cpu(cpu);
			mod_timer(&e->t, at);
			expect(e, at);
			break;
		case 4:
			env_host_set_cpu(cpu);
			if (!idle[cpu])
				hrtimer_start(&hr[rand_below(&tm.rand, ARRAY_SIZE(hr))],
					      tm.now + some_distance() * 1000, HRTIMER_MODE_ABS);
			break;
		default:
			tm_run(tm.now + rand_below(&tm.rand, 20 * TM_TICK));
		}
		tm_check();
	}
	for (unsigned i = 0; i < TM_CPUS; i++)
		saved += tick_saved(&tm.tick[i]);
	ck_assert_uint_gt(saved, 10000);
	ck_assert_uint_gt(tm.kicks, 10);
	for (unsigned i = 0; i < ARRAY_SIZE(hr); i++)
		hrtimer_cancel(&hr[i]);
	tm_exit();
}
END_TEST

/* Ten idle seconds with nothing to do: no interrupt at all; one timer: one interrupt. */
START_TEST(an_idle_cpu_is_left_alone)
{
	u64 begin;

	tm_init(1);
	start_ticks();
	setup(0);
	tm_run((jiffies() + 5) * TM_TICK + 300000);
	begin = tm.interrupts[0];
	CHECK_EQ(begin, 5);
	set_idle(0, true);
	CHECK(tm.tick[0].stopped);
	tm_run(tm.now + 10000 * TM_TICK);
	CHECK_EQ(tm.interrupts[0], begin);
	set_idle(0, false);
	CHECK_EQ(tm.tick[0].jiffies, jiffies());
	CHECK_EQ(tick_saved(&tm.tick[0]), 10000);
	CHECK_EQ(tm.tick[0].idle_ns, 10000 * TM_TICK);

	/* 40 jiffies away: in the finest level, exact. */
	env_host_set_cpu(0);
	expect(&entries[0], jiffies() + 40);
	mod_timer(&entries[0].t, jiffies() + 40);
	set_idle(0, true);
	tm_run(tm.now + 5000 * TM_TICK);
	CHECK_EQ(entries[0].fired, 1);
	CHECK_EQ(tm.interrupts[0], begin + 1);
	set_idle(0, false);
	/* On the grid again. */
	tm_run(tm.now + 10 * TM_TICK);
	CHECK_EQ(tm.interrupts[0], begin + 11);
	/* The others had theirs all the time. */
	ck_assert_uint_gt(tm.ticks[1], 15000);
	tm_exit();
}
END_TEST

START_TEST(the_tick_stays_where_it_is_needed)
{
	static const unsigned why[] = { TICK_DEP_RESCHED, TICK_DEP_SOFTIRQ, TICK_DEP_RCU,
					TICK_DEP_OFF };

	tm_init(1);
	start_ticks();
	for (size_t i = 0; i < ARRAY_SIZE(why); i++) {
		deps[0] = why[i];
		set_idle(0, true);
		CHECK(!tm.tick[0].stopped);
		CHECK_EQ(tm.tick[0].kept[i], 1);
		set_idle(0, false);
	}
	/* The last sleeps were short: the next one keeps its tick until it proves to be long. */
	deps[0] = 0;
	set_idle(0, true);
	CHECK(!tm.tick[0].stopped);
	CHECK_EQ(tm.tick[0].kept[5], 1);
	tm_run(tm.now + 3 * TM_TICK);
	CHECK(tm.tick[0].stopped);
	set_idle(0, false);
	setup(0);
	env_host_set_cpu(0);
	expect(&entries[0], jiffies() + 1);
	mod_timer(&entries[0].t, jiffies() + 1);
	set_idle(0, true);
	CHECK(!tm.tick[0].stopped);
	CHECK_EQ(tm.tick[0].kept[4], 1);
	tm_run(tm.now + 3 * TM_TICK);
	CHECK_EQ(entries[0].fired, 1);
	CHECK(tm.tick[0].stopped); /* looked again after the timer */
	set_idle(0, false);
	tm_exit();
}
END_TEST

/* A deferrable timer waits for the next interrupt that comes anyway. */
START_TEST(deferrable_timers_do_not_wake)
{
	tm_init(1);
	start_ticks();
	setup(TIMER_DEFERRABLE);
	env_host_set_cpu(0);
	entries[0].cpu = 0;
	entries[0].expected = true;
	entries[0].at = jiffies() + 30;
	entries[0].bound = UINT64_MAX;
	mod_timer(&entries[0].t, jiffies() + 30);
	set_idle(0, true);
	tm_run(tm.now + 900 * TM_TICK);
	CHECK_EQ(entries[0].fired, 0);
	set_idle(0, false);
	tm_run(tm.now + 2 * TM_TICK);
	CHECK_EQ(entries[0].fired, 1);
	tm_exit();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("time_wheel");
	TCase *t = tcase_create("wheel"), *n = tcase_create("tickless");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, random_starts_and_cancels, 0, 4);
	tcase_add_test(t, every_level);
	tcase_add_test(t, restarting_itself_does_not_loop);
	tcase_add_test(t, pinned_timers_and_dead_cpus);
	tcase_add_test(t, rounded_jiffies_meet);
	suite_add_tcase(s, t);
	tcase_set_timeout(n, 60);
	tcase_add_loop_test(n, no_timer_is_late_for_idleness, 0, 4);
	tcase_add_test(n, an_idle_cpu_is_left_alone);
	tcase_add_test(n, the_tick_stays_where_it_is_needed);
	tcase_add_test(n, deferrable_timers_do_not_wake);
	suite_add_tcase(s, n);
	return tm_run_suite(s);
}
