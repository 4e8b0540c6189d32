/* SPDX-License-Identifier: MIT */
/* SCHED_DEADLINE: admission, no miss while admitted, overrunners throttled alone. */
#include "tests/unit/guest/sched_machine.h"

static struct sim_program dl_prog(struct sim_op *ops, unsigned n, u64 runtime, u64 deadline,
				  u64 period)
{
	struct sim_program p = { .name = "dl",
				 .ops = ops,
				 .nr_ops = n,
				 .attr = { .policy = SCHED_DEADLINE,
					   .runtime = runtime,
					   .deadline = deadline,
					   .period = period } };

	return p;
}

START_TEST(admission)
{
	static const struct {
		u64 runtime, deadline, period;
		int err;
	} cases[] = {
		{ MSEC(10), MSEC(100), 0, 0 },
		{ MSEC(10), MSEC(50), MSEC(100), 0 },
		{ 1023, MSEC(100), 0, -EINVAL },	    /* below the clock's grain */
		{ MSEC(11), MSEC(10), MSEC(100), -EINVAL }, /* runtime > deadline */
		{ MSEC(1), MSEC(101), MSEC(100), -EINVAL }, /* deadline > period */
		{ US(10), US(99), 0, -EINVAL },		    /* too short */
		{ MSEC(1), SEC(5), 0, -EINVAL },	    /* too long */
		{ MSEC(96), MSEC(100), 0, -EBUSY },	    /* more than 95 % */
		{ 0, 0, 0, -EINVAL },
	};
	struct sim_program progs[] = { { .name = "t", SCRIPT(hog_ops) } };
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 1);
	struct task_struct *p;

	sim_machine_spawn(m, 0, 12);
	p = &sim_machine_task(m, 0, 0)->t;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sched_attr attr = { .policy = SCHED_DEADLINE,
					   .runtime = cases[i].runtime,
					   .deadline = cases[i].deadline,
					   .period = cases[i].period };

		ck_assert_int_eq(task_setattr(p, &attr, NULL), cases[i].err);
		ck_assert_int_eq(task_setscheduler(p, SCHED_NORMAL, 0, NULL), 0);
		ck_assert_uint_eq(sim_machine_sched(m)->dl_total_bw, 0);
	}
	/* Nine times 10 % fit, the tenth does not; when one leaves there is room again. */
	for (unsigned i = 0; i < 10; i++) {
		struct sched_attr attr = { .policy = SCHED_DEADLINE,
					   .runtime = MSEC(10),
					   .deadline = MSEC(100) };

		ck_assert_int_eq(task_setattr(&sim_machine_task(m, 0, i)->t, &attr, NULL),
				 i < 9 ? 0 : -EBUSY);
	}
	ck_assert_int_eq(task_setscheduler(&sim_machine_task(m, 0, 3)->t, SCHED_FIFO, 3, NULL), 0);
	p = &sim_machine_task(m, 0, 9)->t;
	ck_assert_int_eq(task_setattr(p,
				      &(struct sched_attr){ .policy = SCHED_DEADLINE,
							    .runtime = MSEC(10),
							    .deadline = MSEC(100) },
				      NULL),
			 0);
	sim_machine_run(m, MSEC(10));
	check_machine(m);
	sim_machine_destroy(m);
}
END_TEST

/* Random periodic tasks up to 95 % of one CPU, with hogs of every lower class: no job is late. Jobs
 * need at most their runtime; deadlines equal periods. */
START_TEST(no_miss_while_admitted)
{
	struct sim_op ops[16][3];
	struct sim_program progs[18];
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m;
	unsigned n = 0;
	double u = 0;
	struct rand r;

	rand_init(&r, 100 + (u64)_i);
	while (n < 16) {
		u64 period = rand_range(&r, MSEC(1), MSEC(60));
		u64 runtime = period * rand_range(&r, 1, 25) / 100;

		if (u + (double)runtime / period > 0.949)
			break;
		u += (double)runtime / period;
		ops[n][0] = (struct sim_op)RUN_RANGE((s64)runtime / 2, (s64)runtime - 1);
		ops[n][1] = (struct sim_op)PERIOD((s64)period);
		ops[n][2] = (struct sim_op)FOREVER;
		progs[n] = dl_prog(ops[n], 3, runtime, period, period);
		progs[n].start = rand_below(&r, MSEC(50));
		n++;
	}
	progs[n] = (struct sim_program){ .name = "rt",
					 SCRIPT(hog_ops),
					 .attr = { .policy = SCHED_FIFO, .priority = 99 } };
	progs[n + 1] = (struct sim_program){ .name = "fair", SCRIPT(hog_ops) };
	m = machine_of(&cfg, progs, n + 2);
	for (unsigned i = 0; i < n + 2; i++)
		ck_assert(sim_machine_spawn(m, i, 1));
	for (u64 t = 1; t <= 40; t++) {
		sim_machine_run(m, t * MSEC(250));
		check_machine(m);
	}
	for (unsigned i = 0; i < n; i++) {
		const struct sim_stats *st = sim_machine_stats(m, i);

		ck_assert_uint_gt(st->jobs, 100);
		ck_assert_msg(!st->missed, "task %u of %u (sum %.2f): %llu of %llu jobs late", i, n,
			      u, (unsigned long long)st->missed, (unsigned long long)st->jobs);
	}
	sim_machine_destroy(m);
}
END_TEST

/* A task that wants all it can get has its runtime in each period and no more; its neighbours do not
 * notice. */
START_TEST(overrunner_is_throttled_alone)
{
	static struct sim_op good[] = { RUN(MSEC(4) - US(1)), PERIOD(MSEC(10)), FOREVER };
	struct sim_program progs[] = { dl_prog(hog_ops, 2, MSEC(3), MSEC(10), MSEC(10)),
				       dl_prog(good, 3, MSEC(4), MSEC(10), MSEC(10)),
				       { .name = "fair", SCRIPT(hog_ops) } };
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 3);
	u64 got;

	for (unsigned i = 0; i < 3; i++)
		sim_machine_spawn(m, i, 1);
	sim_machine_run(m, SEC(10));
	check_machine(m);
	got = sim_machine_stats(m, 0)->run_ns;
	ck_assert_uint_ge(got, MSEC(2997));
	ck_assert_uint_le(got, MSEC(3003));
	ck_assert_uint_ge(sim_machine_stats(m, 0)->throttled, 999);
	ck_assert_uint_eq(sim_machine_stats(m, 1)->missed, 0);
	ck_assert_uint_eq(sim_machine_stats(m, 1)->throttled, 0);
	/* The rest is for everybody else. */
	ck_assert_uint_ge(sim_machine_stats(m, 2)->run_ns, MSEC(2990));
	sim_machine_destroy(m);
}
END_TEST

/* sched_yield(2): done for this period. */
START_TEST(yield_ends_the_period)
{
	static struct sim_op ops[] = { RUN(MSEC(1)), YIELD, FOREVER };
	struct sim_program progs[] = { dl_prog(ops, 3, MSEC(5), MSEC(10), MSEC(10)) };
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 1);

	sim_machine_spawn(m, 0, 1);
	sim_machine_run(m, SEC(1));
	ck_assert_uint_eq(sim_machine_stats(m, 0)->run_ns, MSEC(100));
	sim_machine_destroy(m);
}
END_TEST

/* Four CPUs, sum 3.6: no CPU idles while a job waits, and lateness stays below the longest period
 * (global EDF bounds it, and does not rule it out). */
START_TEST(global_lateness_is_bounded)
{
	struct sim_op ops[12][3];
	struct sim_program progs[12];
	struct sim_machine_config cfg = config_for("eevdf", 4);
	struct sim_machine *m;
	struct rand r;

	rand_init(&r, 4);
	for (unsigned i = 0; i < 12; i++) {
		u64 period = rand_range(&r, MSEC(5), MSEC(50)), runtime = period * 30 / 100;

		ops[i][0] = (struct sim_op)RUN_RANGE((s64)runtime * 9 / 10, (s64)runtime - US(1));
		ops[i][1] = (struct sim_op)PERIOD((s64)period);
		ops[i][2] = (struct sim_op)FOREVER;
		progs[i] = dl_prog(ops[i], 3, runtime, period, period);
	}
	m = machine_of(&cfg, progs, 12);
	for (unsigned i = 0; i < 12; i++)
		ck_assert(sim_machine_spawn(m, i, 1));
	for (u64 t = 1; t <= 20000; t++) {
		unsigned waiting = 0, idle = 0;

		sim_machine_run(m, t * US(500) + t % 7);
		if (t % 50 == 0)
			check_machine(m);
		for (unsigned i = 0; i < 12; i++) {
			struct task_struct *p = &sim_machine_task(m, i, 0)->t;

			waiting += p->dl.on_tree && !p->on_cpu;
		}
		for (unsigned cpu = 0; cpu < 4; cpu++)
			idle += sim_machine_sched(m)->rq[cpu]->curr ==
				sim_machine_sched(m)->rq[cpu]->idle;
		CHECK(!waiting || !idle);
	}
	for (unsigned i = 0; i < 12; i++)
		ck_assert_uint_le(sim_machine_stats(m, i)->worst_late_ns, MSEC(50));
	sim_machine_destroy(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sched_deadline");
	TCase *t = tcase_create("deadline");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, admission);
	tcase_add_loop_test(t, no_miss_while_admitted, 0, 20);
	tcase_add_test(t, overrunner_is_throttled_alone);
	tcase_add_test(t, yield_ends_the_period);
	tcase_add_test(t, global_lateness_is_bounded);
	suite_add_tcase(s, t);
	return run_suite(s);
}
