/* SPDX-License-Identifier: MIT */
/* SCHED_FIFO and SCHED_RR: exact order, round robin, throttling, the best tasks over several CPUs. */
#include "tests/unit/guest/sched_machine.h"

static struct sim_program rt_prog(struct sim_op *ops, unsigned n, unsigned policy, unsigned prio)
{
	struct sim_program p = { .name = "rt",
				 .ops = ops,
				 .nr_ops = n,
				 .attr = { .policy = policy, .priority = prio } };

	return p;
}

/* A hundred tasks of random priority, all there at once, each 1 ms long: they end in the order of
 * priority, among equals in the order of arrival. */
START_TEST(fifo_order_is_exact)
{
	static struct sim_op ops[] = { RUN(MSEC(1)) };
	struct sim_program progs[100];
	unsigned prio[100], done = 0;
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m;
	struct rand r;

	rand_init(&r, (u64)_i);
	for (unsigned i = 0; i < 100; i++) {
		prio[i] = 1 + (unsigned)rand_below(&r, 20);
		progs[i] = rt_prog(ops, 1, rand_one_in(&r, 2) ? SCHED_FIFO : SCHED_RR, prio[i]);
	}
	m = machine_of(&cfg, progs, 100);
	for (unsigned i = 0; i < 100; i++)
		sim_machine_spawn(m, i, 1);
	while (done < 100) {
		unsigned best = 100;

		for (unsigned i = 0; i < 100; i++)
			if (!sim_machine_stats(m, i)->exited &&
			    (best == 100 || prio[i] > prio[best]))
				best = i;
		sim_machine_run(m, (u64)MSEC(++done) + 1);
		check_machine(m);
		ck_assert_uint_eq(sim_machine_stats(m, best)->exited, 1);
	}
	sim_machine_destroy(m);
}
END_TEST

START_TEST(fifo_never_yields_its_cpu_rr_does)
{
	struct sim_machine_config cfg = config_for("eevdf", 1);

	cfg.tun.rt_runtime = RUNTIME_INF;
	for (unsigned rr = 0; rr < 2; rr++) {
		struct sim_program progs[2];
		struct sim_machine *m;

		for (unsigned i = 0; i < 2; i++)
			progs[i] = rt_prog(hog_ops, 2, rr ? SCHED_RR : SCHED_FIFO, 5);
		m = machine_of(&cfg, progs, 2);
		sim_machine_spawn(m, 0, 1);
		sim_machine_spawn(m, 1, 1);
		sim_machine_run(m, SEC(4));
		if (rr) {
			ck_assert_uint_eq(sim_machine_stats(m, 0)->run_ns, SEC(2));
			/* Every 100 ms. */
			ck_assert_uint_eq(sim_machine_switches(m), 1 + 40);
		} else {
			ck_assert_uint_eq(sim_machine_stats(m, 0)->run_ns, SEC(4));
			ck_assert_uint_eq(sim_machine_stats(m, 1)->run_ns, 0);
		}
		sim_machine_destroy(m);
	}
}
END_TEST

START_TEST(yield_goes_behind_equals)
{
	static struct sim_op ops[] = { RUN(MSEC(1)), YIELD, FOREVER };
	struct sim_program progs[] = { rt_prog(ops, 3, SCHED_FIFO, 5),
				       rt_prog(ops, 3, SCHED_FIFO, 5),
				       rt_prog(ops, 3, SCHED_FIFO, 4) };
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m;

	cfg.tun.rt_runtime = RUNTIME_INF;
	m = machine_of(&cfg, progs, 3);
	for (unsigned i = 0; i < 3; i++)
		sim_machine_spawn(m, i, 1);
	sim_machine_run(m, SEC(1));
	ck_assert_uint_eq(sim_machine_stats(m, 0)->run_ns, MSEC(500));
	ck_assert_uint_eq(sim_machine_stats(m, 1)->run_ns, MSEC(500));
	ck_assert_uint_eq(sim_machine_stats(m, 2)->run_ns, 0);
	sim_machine_destroy(m);
}
END_TEST

/* A spinning FIFO task leaves 5 % of every second. */
START_TEST(throttling_leaves_room)
{
	struct sim_program progs[] = { rt_prog(hog_ops, 2, SCHED_FIFO, 50),
				       { .name = "shell", SCRIPT(hog_ops) } };
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 2);

	sim_machine_spawn(m, 0, 1);
	sim_machine_spawn(m, 1, 1);
	for (u64 s = 1; s <= 20; s++) {
		sim_machine_run(m, s * SEC(1));
		check_machine(m);
		/* Charged to the tick. */
		ck_assert_uint_ge(sim_machine_stats(m, 1)->run_ns, s * MSEC(49) - MSEC(1));
		ck_assert_uint_le(sim_machine_stats(m, 1)->run_ns, s * MSEC(51));
	}
	sim_machine_destroy(m);
}
END_TEST

/* The same share of the time there is, when a hypervisor takes most of it: the task never gets to run
 * for rt_runtime, and has to leave the CPU all the same. */
START_TEST(throttling_under_a_busy_hypervisor)
{
	struct sim_program progs[] = { rt_prog(hog_ops, 2, SCHED_FIFO, 50),
				       { .name = "shell", SCRIPT(hog_ops) } };
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m;

	cfg.stolen_percent = 60;
	m = machine_of(&cfg, progs, 2);
	sim_machine_spawn(m, 0, 1);
	sim_machine_spawn(m, 1, 1);
	for (u64 s = 1; s <= 20; s++) {
		sim_machine_run(m, s * SEC(1));
		check_machine(m);
		ck_assert_uint_ge(sim_machine_stats(m, 1)->run_ns, s * MSEC(19) - MSEC(1));
		ck_assert_uint_le(sim_machine_stats(m, 1)->run_ns, s * MSEC(21));
	}
	sim_machine_destroy(m);
}
END_TEST

/* At every moment the CPUs run the most important tasks there are. */
START_TEST(the_best_tasks_run_on_all_cpus)
{
	static struct sim_op ops[] = { RUN_RANGE(US(50), MSEC(3)), SLEEP_RANGE(US(50), MSEC(6)),
				       FOREVER };
	struct sim_program progs[21];
	struct sim_machine_config cfg = config_for("eevdf", 4);
	struct sim_machine *m;
	struct rand r;
	u64 t = 0;

	cfg.tun.rt_runtime = RUNTIME_INF;
	rand_init(&r, 11);
	for (unsigned i = 0; i < 20; i++)
		progs[i] = rt_prog(ops, 3, SCHED_FIFO, 1 + (unsigned)rand_below(&r, 90));
	progs[20] = (struct sim_program){ .name = "hog", SCRIPT(hog_ops) };
	m = machine_of(&cfg, progs, 21);
	for (unsigned i = 0; i < 20; i++)
		sim_machine_spawn(m, i, 1);
	sim_machine_spawn(m, 20, 6);
	for (unsigned n = 0; n < 20000; n++) {
		int worst_running = -1, best_waiting = MAX_PRIO;

		t += rand_range(&r, US(20), US(400));
		sim_machine_run(m, t);
		check_machine(m);
		for (unsigned cpu = 0; cpu < 4; cpu++) {
			int prio = sim_machine_sched(m)->rq[cpu]->curr->prio;

			worst_running = MAX(worst_running, prio);
		}
		for (unsigned i = 0; i < 20; i++) {
			struct task_struct *p = &sim_machine_task(m, i, 0)->t;

			if (p->on_rq && !p->on_cpu)
				best_waiting = MIN(best_waiting, p->prio);
		}
		CHECK(best_waiting >= worst_running);
	}
	sim_machine_destroy(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sched_rt");
	TCase *t = tcase_create("rt");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, fifo_order_is_exact, 0, 5);
	tcase_add_test(t, fifo_never_yields_its_cpu_rr_does);
	tcase_add_test(t, yield_goes_behind_equals);
	tcase_add_test(t, throttling_leaves_room);
	tcase_add_test(t, throttling_under_a_busy_hypervisor);
	tcase_add_test(t, the_best_tasks_run_on_all_cpus);
	suite_add_tcase(s, t);
	return run_suite(s);
}
