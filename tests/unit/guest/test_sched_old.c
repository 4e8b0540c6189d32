/* SPDX-License-Identifier: MIT */
/* The O(1) scheduler and BFS behave as their authors describe them. */
#include "tests/unit/guest/sched_machine.h"

#include <math.h>

static struct sim_program hog(int nice)
{
	struct sim_program p = { .name = "hog", SCRIPT(hog_ops), .attr = { .nice = nice } };

	return p;
}

/* ---- O(1) ---------------------------------------------------------------------------------------------- */

START_TEST(o1_slices)
{
	static const struct {
		int nice;
		u64 ms;
	} slices[] = { { -20, 800 }, { -10, 600 }, { -1, 420 }, { 0, 100 }, { 10, 50 }, { 19, 5 } };
	struct sim_program progs[] = { hog(0) };
	struct sim_machine_config cfg = config_for("o1", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 1);
	struct task_struct *p;

	sim_machine_spawn(m, 0, 1);
	sim_machine_run(m, MSEC(1));
	p = &sim_machine_task(m, 0, 0)->t;
	for (size_t i = 0; i < ARRAY_SIZE(slices); i++) {
		set_user_nice(p, slices[i].nice);
		ck_assert_uint_eq(task_rr_interval(p), slices[i].ms * MSEC(1));
	}
	sim_machine_destroy(m);
}
END_TEST

/* Hogs share as their slices do: in a round everybody has one. */
START_TEST(o1_shares_are_slices)
{
	struct sim_program progs[] = { hog(0), hog(10), hog(-1) };
	struct sim_machine_config cfg = config_for("o1", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 3);
	double t;

	for (unsigned i = 0; i < 3; i++)
		sim_machine_spawn(m, i, 1);
	t = SEC(570);
	sim_machine_run(m, (u64)t);
	check_machine(m);
	ck_assert_double_eq_tol(sim_machine_stats(m, 0)->run_ns / t, 100 / 570.0, 0.01);
	ck_assert_double_eq_tol(sim_machine_stats(m, 1)->run_ns / t, 50 / 570.0, 0.01);
	ck_assert_double_eq_tol(sim_machine_stats(m, 2)->run_ns / t, 420 / 570.0, 0.01);
	sim_machine_destroy(m);
}
END_TEST

/* A sleeper gains five levels, a hog loses five; the sleeper preempts at once. */
START_TEST(o1_finds_who_is_interactive)
{
	static struct sim_op ops[] = { RUN(MSEC(1)), SLEEP(MSEC(50)), FOREVER };
	struct sim_program progs[] = { hog(0), { .name = "editor", SCRIPT(ops) } };
	struct sim_machine_config cfg = config_for("o1", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 2);

	sim_machine_spawn(m, 0, 8);
	sim_machine_spawn(m, 1, 1);
	sim_machine_run(m, SEC(10));
	check_machine(m);
	ck_assert_int_eq(sim_machine_task(m, 1, 0)->t.o1.prio, 115);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_int_eq(sim_machine_task(m, 0, i)->t.o1.prio, 125);
	ck_assert_uint_le(sim_histogram_at(&sim_machine_stats(m, 1)->latency, 800), MSEC(1));
	sim_machine_destroy(m);
}
END_TEST

/* Interactive tasks that together want nearly all there is leave the rest to the expired ones. */
START_TEST(o1_expired_do_not_starve)
{
	static struct sim_op ops[] = { RUN(MSEC(5)), SLEEP(MSEC(60)), FOREVER };
	struct sim_program progs[] = { hog(0), { .name = "editor", SCRIPT(ops) } };
	struct sim_machine_config cfg = config_for("o1", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 2);

	sim_machine_spawn(m, 0, 2);
	sim_machine_spawn(m, 1, 12);
	sim_machine_run(m, SEC(300));
	check_machine(m);
	ck_assert_uint_gt(sim_machine_stats(m, 0)->run_ns, SEC(9));
	for (unsigned i = 0; i < 2; i++)
		ck_assert_uint_lt(sim_machine_task(m, 0, i)->t.stats.wait_max, 16 * SEC(1));
	sim_machine_destroy(m);
}
END_TEST

/* Forking splits the parent's slice: no time is gained. */
START_TEST(o1_fork_splits_the_slice)
{
	struct sim_program progs[] = { hog(0) };
	struct sim_machine_config cfg = config_for("o1", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 1);
	struct task_struct *p, child = { .pid = 99 };
	u64 had;

	sim_machine_spawn(m, 0, 1);
	sim_machine_run(m, MSEC(20));
	p = &sim_machine_task(m, 0, 0)->t;
	had = p->o1.time_slice;
	ck_assert_uint_gt(had, 0);
	ck_assert_int_eq(sched_fork(sim_machine_sched(m), &child, p), 0);
	ck_assert_uint_eq(p->o1.time_slice + child.o1.time_slice, had);
	sched_task_free(&child);
	sim_machine_destroy(m);
}
END_TEST

/* ---- BFS ------------------------------------------------------------------------------------------------ */

/* Equals share equally; each level of nice waits 10 % longer. */
START_TEST(bfs_shares)
{
	struct sim_program progs[] = { hog(0), hog(5) };
	struct sim_machine_config cfg = config_for("bfs", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 2);
	double a, b;

	sim_machine_spawn(m, 0, 4);
	sim_machine_spawn(m, 1, 4);
	sim_machine_run(m, SEC(100));
	check_machine(m);
	a = sim_machine_stats(m, 0)->run_ns;
	b = sim_machine_stats(m, 1)->run_ns;
	ck_assert_double_eq_tol(a / b, pow(1.1, 5), 0.12);
	sim_machine_destroy(m);
}
END_TEST

/* One queue: with more tasks than CPUs no CPU idles, and hogs of different weight spread evenly without
 * any balancing. */
START_TEST(bfs_one_queue)
{
	struct sim_program progs[] = { hog(0) };
	struct sim_machine_config cfg = config_for("bfs", 4);
	struct sim_machine *m = machine_of(&cfg, progs, 1);

	sim_machine_spawn(m, 0, 6);
	sim_machine_run(m, SEC(10));
	check_machine(m);
	for (unsigned cpu = 0; cpu < 4; cpu++)
		ck_assert_uint_le(sim_machine_idle_ns(m, cpu), US(1));
	for (unsigned i = 0; i < 6; i++)
		ck_assert_double_eq_tol((double)sim_machine_task(m, 0, i)->t.se.sum_exec_runtime /
						SEC(10),
					4 / 6.0, 0.03);
	sim_machine_destroy(m);
}
END_TEST

/* The task that has waited for its deadline runs first; a sleeper comes back with an old one. */
START_TEST(bfs_sleepers_are_soon_due)
{
	static struct sim_op ops[] = { RUN(US(200)), SLEEP(MSEC(40)), FOREVER };
	struct sim_program progs[] = { hog(0), { .name = "editor", SCRIPT(ops) } };
	struct sim_machine_config cfg = config_for("bfs", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 2);

	sim_machine_spawn(m, 0, 4);
	sim_machine_spawn(m, 1, 1);
	sim_machine_run(m, SEC(10));
	ck_assert_uint_le(sim_histogram_at(&sim_machine_stats(m, 1)->latency, 900), MSEC(7));
	sim_machine_destroy(m);
}
END_TEST

START_TEST(bfs_idle_policy_only_when_idle)
{
	struct sim_program progs[] = { hog(0), hog(0) };
	struct sim_machine_config cfg = config_for("bfs", 2);
	struct sim_machine *m;

	progs[1].attr.policy = SCHED_IDLE;
	m = machine_of(&cfg, progs, 2);
	sim_machine_spawn(m, 0, 2);
	sim_machine_spawn(m, 1, 2);
	sim_machine_run(m, SEC(5));
	check_machine(m);
	ck_assert_uint_eq(sim_machine_stats(m, 1)->run_ns, 0);
	sim_machine_destroy(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sched_old");
	TCase *t = tcase_create("o1"), *b = tcase_create("bfs");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, o1_slices);
	tcase_add_test(t, o1_shares_are_slices);
	tcase_add_test(t, o1_finds_who_is_interactive);
	tcase_add_test(t, o1_expired_do_not_starve);
	tcase_add_test(t, o1_fork_splits_the_slice);
	tcase_set_timeout(b, 60);
	tcase_add_test(b, bfs_shares);
	tcase_add_test(b, bfs_one_queue);
	tcase_add_test(b, bfs_sleepers_are_soon_due);
	tcase_add_test(b, bfs_idle_policy_only_when_idle);
	suite_add_tcase(s, t);
	suite_add_tcase(s, b);
	return run_suite(s);
}
