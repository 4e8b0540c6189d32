/* SPDX-License-Identifier: MIT */
/* Policies and their errors, fork, affinity, hotplug, spreading over CPUs, groups, load averages, and a
 * random run of everything. */
#include "tests/unit/guest/sched_machine.h"

#include <math.h>

#include "guest/lib/math.h"
#include "guest/sched/internal.h"
#include "guest/sched/topology.h"

static struct sim_op nap_ops[] = { RUN_RANGE(US(30), MSEC(2)), SLEEP_RANGE(US(30), MSEC(4)),
				   FOREVER };

static struct sim_program hog(int nice)
{
	struct sim_program p = { .name = "hog", SCRIPT(hog_ops), .attr = { .nice = nice } };

	return p;
}

START_TEST(setscheduler_errors)
{
	static const struct sched_cred nobody = { .rlimit_nice = 0 };
	static const struct sched_cred rt10 = { .rlimit_rtprio = 10, .rlimit_nice = 25 };
	static const struct sched_cred root = { .cap_sys_nice = true };
	static const struct {
		unsigned policy, priority;
		const struct sched_cred *cred;
		int err;
	} cases[] = {
		{ SCHED_FIFO, 50, NULL, 0 },
		{ SCHED_NORMAL, 0, NULL, 0 },
		{ SCHED_FIFO, 0, NULL, -EINVAL },
		{ SCHED_RR, 100, NULL, -EINVAL },
		{ SCHED_NORMAL, 1, NULL, -EINVAL },
		{ SCHED_BATCH, 0, NULL, 0 },
		{ 4, 0, NULL, -EINVAL }, /* ISO was never merged */
		{ 99, 0, NULL, -EINVAL },
		{ SCHED_FIFO, 1, &nobody, -EPERM },
		{ SCHED_IDLE, 0, &nobody, 0 },
		{ SCHED_NORMAL, 0, &nobody, -EPERM }, /* no way back out of SCHED_IDLE */
		{ SCHED_NORMAL, 0, &rt10, 0 },
		{ SCHED_FIFO, 11, &rt10, -EPERM },
		{ SCHED_FIFO, 10, &rt10, 0 },
		{ SCHED_RR, 5, &rt10, 0 },
		{ SCHED_FIFO | SCHED_RESET_ON_FORK, 9, &rt10, 0 },
		{ SCHED_FIFO, 9, &rt10, -EPERM }, /* the flag is not taken off without privilege */
		{ SCHED_FIFO, 99, &root, 0 },
		{ SCHED_DEADLINE, 0, NULL, -EINVAL }, /* no parameters */
	};
	struct sim_program progs[] = { hog(0) };
	struct sim_machine_config cfg = config_for("eevdf", 2);
	struct sim_machine *m = machine_of(&cfg, progs, 1);
	struct task_struct *p;

	sim_machine_spawn(m, 0, 1);
	sim_machine_run(m, MSEC(1));
	p = &sim_machine_task(m, 0, 0)->t;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_msg(task_setscheduler(p, cases[i].policy, cases[i].priority,
						cases[i].cred) == cases[i].err,
			      "case %zu", i);
		check_machine(m);
	}
	ck_assert_int_eq(policy_priority_max(SCHED_RR), 99);
	ck_assert_int_eq(policy_priority_min(SCHED_FIFO), 1);
	ck_assert_int_eq(policy_priority_max(SCHED_NORMAL), 0);
	ck_assert_int_eq(policy_priority_min(42), -EINVAL);
	ck_assert_int_eq(task_setscheduler(sim_machine_sched(m)->rq[0]->idle, SCHED_NORMAL, 0,
					   NULL),
			 -EINVAL);
	sim_machine_destroy(m);
}
END_TEST

START_TEST(fork_inherits)
{
	struct sim_program progs[] = { hog(0) };
	struct sim_machine_config cfg = config_for("eevdf", 2);
	struct sim_machine *m = machine_of(&cfg, progs, 1);
	struct sched *s = sim_machine_sched(m);
	struct task_struct *p, child = { 0 };
	u64 mask = 2;

	sim_machine_spawn(m, 0, 1);
	sim_machine_run(m, MSEC(1));
	p = &sim_machine_task(m, 0, 0)->t;
	set_user_nice(p, -7);
	ck_assert_int_eq(set_cpus_allowed(p, &mask), 0);
	ck_assert_int_eq(sched_fork(s, &child, p), 0);
	ck_assert_int_eq(task_nice(&child), -7);
	ck_assert_uint_eq(child.nr_cpus_allowed, 1);
	ck_assert(task_allowed(&child, 1));
	sched_task_free(&child);

	task_setscheduler(p, SCHED_FIFO, 30, NULL);
	child = (struct task_struct){ 0 };
	ck_assert_int_eq(sched_fork(s, &child, p), 0);
	ck_assert_uint_eq(child.policy, SCHED_FIFO);
	ck_assert_int_eq(child.prio, 99 - 30);
	sched_task_free(&child);

	task_setscheduler(p, SCHED_FIFO | SCHED_RESET_ON_FORK, 30, NULL);
	child = (struct task_struct){ 0 };
	ck_assert_int_eq(sched_fork(s, &child, p), 0);
	ck_assert_uint_eq(child.policy, SCHED_NORMAL);
	ck_assert_int_eq(task_nice(&child), 0);
	ck_assert(!child.sched_reset_on_fork);
	sched_task_free(&child);

	mask = 3;
	ck_assert_int_eq(set_cpus_allowed(p, &mask), 0);
	ck_assert_int_eq(task_setattr(p,
				      &(struct sched_attr){ .policy = SCHED_DEADLINE,
							    .runtime = MSEC(1),
							    .deadline = MSEC(10) },
				      NULL),
			 0);
	child = (struct task_struct){ 0 };
	ck_assert_int_eq(sched_fork(s, &child, p), -EAGAIN);
	/* A deadline task is not bound. */
	mask = 1;
	ck_assert_int_eq(set_cpus_allowed(p, &mask), -EBUSY);
	sim_machine_run(m, MSEC(2)); /* the move asked for above */
	check_machine(m);
	sim_machine_destroy(m);
}
END_TEST

START_TEST(affinity_moves_tasks)
{
	struct sim_program progs[] = { hog(0), { .name = "nap", SCRIPT(nap_ops) } };
	struct sim_machine_config cfg = config_for(_i ? "bfs" : "eevdf", 8);
	struct sim_machine *m = machine_of(&cfg, progs, 2);
	u64 none = 0, beyond = 1ULL << 9, t = MSEC(5);
	struct rand r;

	rand_init(&r, 9);
	sim_machine_spawn(m, 0, 10);
	sim_machine_spawn(m, 1, 20);
	sim_machine_run(m, t);
	ck_assert_int_eq(set_cpus_allowed(&sim_machine_task(m, 0, 0)->t, &none), -EINVAL);
	ck_assert_int_eq(set_cpus_allowed(&sim_machine_task(m, 0, 0)->t, &beyond), -EINVAL);
	ck_assert_int_eq(set_cpus_allowed(sim_machine_sched(m)->rq[0]->stop, &t), -EINVAL);
	for (unsigned n = 0; n < 500; n++) {
		unsigned prog = (unsigned)rand_below(&r, 2), i = (unsigned)rand_below(&r, 10);
		struct task_struct *p = &sim_machine_task(m, prog, i)->t;
		u64 mask = rand_range(&r, 1, 255);

		ck_assert_int_eq(set_cpus_allowed(p, &mask), 0);
		t += US(100);
		sim_machine_run(m, t);
		check_machine(m);
		if (p->on_rq)
			ck_assert_msg(mask >> p->cpu & 1, "runs on CPU %u, mask %llx", p->cpu,
				      (unsigned long long)mask);
	}
	sim_machine_destroy(m);
}
END_TEST

START_TEST(cpus_come_and_go)
{
	static const char *const policies[] = { "eevdf", "cfs", "o1", "bfs" };
	struct sim_program progs[] = {
		hog(0),
		{ .name = "nap", SCRIPT(nap_ops) },
		{ .name = "rt", SCRIPT(nap_ops), .attr = { .policy = SCHED_RR, .priority = 10 } },
		{ .name = "dl",
		  SCRIPT(nap_ops),
		  .attr = { .policy = SCHED_DEADLINE, .runtime = MSEC(1), .deadline = MSEC(10) } }
	};
	struct sim_machine_config cfg = config_for(policies[_i], 4);
	struct sim_machine *m = machine_of(&cfg, progs, 4);
	struct sched *s = sim_machine_sched(m);
	u64 t = MSEC(5);
	struct rand r;

	rand_init(&r, 2);
	for (unsigned i = 0; i < 4; i++)
		sim_machine_spawn(m, i, 5);
	sim_machine_run(m, t);
	for (unsigned n = 0; n < 300; n++) {
		unsigned cpu = (unsigned)rand_below(&r, 4);
		struct rq *rq = s->rq[cpu];

		if (!cpu_online(s, cpu))
			sched_cpu_online(s, cpu);
		else if (bitmap_weight(s->online, 4) == 1)
			ck_assert_int_eq(sched_cpu_offline(s, cpu), -EBUSY);
		else
			ck_assert_int_eq(sched_cpu_offline(s, cpu), 0);
		t += MSEC(3);
		sim_machine_run(m, t);
		check_machine(m);
		if (!rq->online)
			ck_assert_msg(!rq->nr_running && rq->curr == rq->idle, "%u tasks left",
				      rq->nr_running);
	}
	ck_assert_uint_gt(sim_machine_stats(m, 0)->run_ns, MSEC(100));
	sim_machine_destroy(m);
}
END_TEST

/* ---- spreading ------------------------------------------------------------------------------------------- */

/* As many hogs as CPUs: one each. Twice as many: two each. */
START_TEST(hogs_spread_evenly)
{
	static const char *const policies[] = { "eevdf", "cfs", "o1" };

	for (unsigned per = 1; per <= 2; per++) {
		struct sim_program progs[] = { hog(0) };
		struct sim_machine_config cfg = config_for(policies[_i], 16);
		struct sim_machine *m;

		cfg.topo.threads_per_core = 2;
		cfg.topo.cores_per_llc = 4;
		cfg.topo.llcs_per_node = 1;
		m = machine_of(&cfg, progs, 1);
		sim_machine_spawn(m, 0, 16 * per);
		sim_machine_run(m, SEC(4));
		check_machine(m);
		for (unsigned cpu = 0; cpu < 16; cpu++)
			ck_assert_uint_eq(sim_machine_sched(m)->rq[cpu]->nr_running, per);
		sim_machine_destroy(m);
	}
}
END_TEST

/* All hogs are bound to CPU 0, then let go: they find the other CPUs by balancing alone. */
START_TEST(balancing_pulls)
{
	struct sim_program progs[] = { hog(0), hog(0) };
	struct sim_machine_config cfg = config_for("eevdf", 8);
	u64 one = 1, all = 255;
	struct sim_machine *m;

	progs[0].affinity = &one;
	m = machine_of(&cfg, progs, 2);
	sim_machine_spawn(m, 0, 24);
	sim_machine_spawn(m, 1, 8);
	sim_machine_run(m, MSEC(100));
	ck_assert_uint_ge(sim_machine_sched(m)->rq[0]->nr_running, 24);
	for (unsigned i = 0; i < 24; i++)
		set_cpus_allowed(&sim_machine_task(m, 0, i)->t, &all);
	sim_machine_run(m, SEC(2));
	check_machine(m);
	for (unsigned cpu = 0; cpu < 8; cpu++) {
		ck_assert_uint_ge(sim_machine_sched(m)->rq[cpu]->nr_running, 3);
		ck_assert_uint_le(sim_machine_sched(m)->rq[cpu]->nr_running, 5);
	}
	sim_machine_destroy(m);
}
END_TEST

/* Few hogs on many threads: each has a core, and the two nodes the same number. */
START_TEST(new_tasks_find_idle_cores_on_all_nodes)
{
	struct sim_program progs[] = { hog(0) };
	struct sim_machine_config cfg = config_for("eevdf", 32);
	unsigned node[2] = { 0 };
	struct sim_machine *m;

	cfg.topo.threads_per_core = 2;
	cfg.topo.cores_per_llc = 8;
	cfg.topo.llcs_per_node = 1;
	m = machine_of(&cfg, progs, 1);
	sim_machine_spawn(m, 0, 8);
	sim_machine_run(m, MSEC(200));
	for (unsigned core = 0; core < 16; core++) {
		struct sched *s = sim_machine_sched(m);

		ck_assert_uint_le(s->rq[2 * core]->nr_running + s->rq[2 * core + 1]->nr_running, 1);
		node[core / 8] += s->rq[2 * core]->nr_running + s->rq[2 * core + 1]->nr_running;
	}
	ck_assert_uint_eq(node[0], 4);
	ck_assert_uint_eq(node[1], 4);
	sim_machine_destroy(m);
}
END_TEST

START_TEST(domains)
{
	struct sched_topology_desc topo = {
		.nr_cpus = 16, .threads_per_core = 2, .cores_per_llc = 2, .llcs_per_node = 2
	};
	static const unsigned weights[] = { 2, 4, 8, 16 }, groups[] = { 2, 2, 2, 2 };
	struct sched_tunables tun;
	struct sched_domain *sd;
	unsigned level = 0;
	struct sched *s;

	sched_tunables_default(&tun, 16);
	s = sched_create(&topo, &tun, NULL);
	for (sd = s->rq[5]->sd; sd; sd = sd->parent, level++) {
		ck_assert_uint_eq(sd->weight, weights[level]);
		ck_assert_uint_eq(sd->nr_groups, groups[level]);
		ck_assert(test_bit(5, sd->span));
	}
	ck_assert_uint_eq(level, 4);
	sched_destroy(s);
	topo.threads_per_core = 0;
	ck_assert_ptr_null(sched_create(&topo, &tun, NULL));
}
END_TEST

/* ---- groups ------------------------------------------------------------------------------------------------ */

/* Two groups with shares 2:1, five tasks in one and one in the other; a group inside a group. */
START_TEST(groups_share_by_shares)
{
	struct sim_program progs[] = { hog(0), hog(0), hog(0) };
	struct sim_machine_config cfg = config_for(_i ? "cfs" : "eevdf", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 3);
	struct sched *s = sim_machine_sched(m);
	struct task_group *a = task_group_create(s, NULL, 2048),
			  *b = task_group_create(s, NULL, 1024);
	struct task_group *inner = task_group_create(s, a, 1024);
	double until = SEC(60);

	progs[0].group = a;
	progs[1].group = b;
	progs[2].group = inner;
	sim_machine_spawn(m, 0, 3);
	sim_machine_spawn(m, 1, 5);
	sim_machine_spawn(m, 2, 2);
	sim_machine_run(m, (u64)until);
	check_machine(m);
	/* a: 2/3, of which its own three tasks get three parts of four. */
	ck_assert_double_eq_tol(sim_machine_stats(m, 0)->run_ns / until, 2.0 / 3 * 3 / 4, 0.01);
	ck_assert_double_eq_tol(sim_machine_stats(m, 2)->run_ns / until, 2.0 / 3 / 4, 0.01);
	ck_assert_double_eq_tol(sim_machine_stats(m, 1)->run_ns / until, 1.0 / 3, 0.01);
	task_group_set_shares(b, 2048);
	for (unsigned i = 0; i < 5; i++)
		task_group_move(&sim_machine_task(m, 1, i)->t, i % 2 ? a : b);
	check_machine(m);
	sim_machine_run(m, 2 * (u64)until);
	check_machine(m);
	sched_switch_fair(s, &o1_sched_class);
	sim_machine_run(m, 2 * (u64)until + SEC(1));
	check_machine(m);
	sched_switch_fair(s, &eevdf_sched_class);
	check_machine(m);
	sim_machine_destroy(m);
}
END_TEST

/* Groups on four CPUs keep their ratio, whatever their numbers of tasks. */
START_TEST(groups_over_cpus)
{
	struct sim_program progs[] = { hog(0), hog(0) };
	struct sim_machine_config cfg = config_for("eevdf", 4);
	struct sim_machine *m = machine_of(&cfg, progs, 2);
	struct sched *s = sim_machine_sched(m);
	double until = SEC(40), a;

	progs[0].group = task_group_create(s, NULL, 1024);
	progs[1].group = task_group_create(s, NULL, 1024);
	sim_machine_spawn(m, 0, 4);
	sim_machine_spawn(m, 1, 12);
	sim_machine_run(m, (u64)until);
	check_machine(m);
	a = sim_machine_stats(m, 0)->run_ns / until / 4;
	ck_assert_double_ge(a, 0.40);
	ck_assert_double_le(a, 0.60);
	sim_machine_destroy(m);
}
END_TEST

/* ---- load averages --------------------------------------------------------------------------------------------- */

START_TEST(pelt_decays_by_half_in_32_periods)
{
	for (unsigned n = 0; n < 300; n++) {
		double want = 1e9 * pow(0.5, n / 32.0);

		ck_assert_double_eq_tol(pelt_decay(1000000000, n), want, want * 1e-6 + 2);
	}
	ck_assert_uint_eq(pelt_decay(UINT64_MAX, 63 * 32), 0);
}
END_TEST

START_TEST(pelt_follows_the_formula)
{
	struct sched_avg sa = { 0 };
	struct rand r;
	double util = 0;
	u64 now = 0;

	rand_init(&r, 1);
	for (unsigned n = 0; n < 20000; n++) {
		u64 periods = rand_range(&r, 1, 40);
		bool on = rand_one_in(&r, 2);

		/* Whole periods, so the model needs no fractions. */
		now += periods << 20;
		update_sched_avg(&sa, now, on ? 2048 : 0, on, on);
		for (u64 i = 0; i < periods; i++)
			util = util * pow(0.5, 1 / 32.0) + (on ? 1 - pow(0.5, 1 / 32.0) : 0);
		CHECK(fabs(sa.util_avg - 1024 * util) < 24);
		CHECK(fabs(sa.load_avg - 2048 * util) < 48);
	}
	/* Always on: never above the top. */
	for (unsigned n = 0; n < 20000; n++) {
		now += rand_range(&r, 1, 3000000);
		update_sched_avg(&sa, now, 1024, 1, true);
		CHECK(sa.util_avg <= 1024 && sa.load_avg <= 1024);
	}
	CHECK(sa.util_avg > 1010);
}
END_TEST

/* ---- everything at once ------------------------------------------------------------------------------------------ */

static void random_change(struct sim_machine *m, struct rand *r, struct task_struct *p)
{
	static const char *const policies[] = { "eevdf", "cfs", "o1", "bfs" };
	u64 mask = rand_range(r, 1, 255);

	switch (rand_below(r, 9)) {
	case 0:
		task_setscheduler(p, SCHED_FIFO, 1 + (unsigned)rand_below(r, 99), NULL);
		break;
	case 1:
		task_setscheduler(p, SCHED_RR, 1 + (unsigned)rand_below(r, 99), NULL);
		break;
	case 2:
		task_setscheduler(p, rand_one_in(r, 3) ? SCHED_BATCH : SCHED_NORMAL, 0, NULL);
		break;
	case 3:
		set_user_nice(p, (int)rand_below(r, 40) - 20);
		break;
	case 4:
		set_cpus_allowed(p, rand_one_in(r, 2) ? sim_machine_sched(m)->possible : &mask);
		break;
	case 5:
		task_setattr(p,
			     &(struct sched_attr){ .policy = SCHED_DEADLINE,
						   .runtime = rand_range(r, US(10), MSEC(4)),
						   .deadline = MSEC(5),
						   .period = MSEC(9) },
			     NULL);
		break;
	case 6:
		if (rand_one_in(r, 20))
			sched_switch_fair(sim_machine_sched(m),
					  sched_fair_by_name(policies[rand_below(r, 4)]));
		break;
	case 7:
		task_setscheduler(p, SCHED_IDLE, 0, NULL);
		break;
	default:
		if (rand_one_in(r, 4)) {
			unsigned cpu = (unsigned)rand_below(r, 8);

			if (cpu_online(sim_machine_sched(m), cpu))
				sched_cpu_offline(sim_machine_sched(m), cpu);
			else
				sched_cpu_online(sim_machine_sched(m), cpu);
		}
	}
}

START_TEST(random_everything)
{
	static struct sim_op forks[] = { RUN_RANGE(US(100), MSEC(3)), FORK(3, 2),
					 SLEEP_RANGE(MSEC(1), MSEC(8)), FOREVER };
	static struct sim_op child[] = { RUN_RANGE(US(10), MSEC(3)), SLEEP_RANGE(US(10), MSEC(2)),
					 YIELD, TIMES(4) };
	struct sim_program progs[] = { hog(0),
				       { .name = "nap", SCRIPT(nap_ops) },
				       { .name = "forks", SCRIPT(forks) },
				       { .name = "child", SCRIPT(child) } };
	struct sim_machine_config cfg = config_for("eevdf", 8);
	struct task_group *groups[3];
	struct sim_machine *m;
	struct rand r;
	u64 t = 0;

	rand_init(&r, (u64)_i);
	cfg.seed = (u64)_i;
	cfg.tun.hrtick = _i % 2;
	cfg.ipi_ns = (u64)_i * 300;
	cfg.topo.threads_per_core = 2;
	cfg.topo.cores_per_llc = 2;
	cfg.topo.llcs_per_node = 1;
	m = machine_of(&cfg, progs, 4);
	groups[0] = &sim_machine_sched(m)->root_group;
	groups[1] = task_group_create(sim_machine_sched(m), NULL, 512);
	groups[2] = task_group_create(sim_machine_sched(m), groups[1], 2048);
	sim_machine_spawn(m, 0, 8);
	sim_machine_spawn(m, 1, 30);
	sim_machine_spawn(m, 2, 3);
	for (unsigned n = 0; n < 4000; n++) {
		unsigned prog = (unsigned)rand_below(&r, 2);
		struct task_struct *p = &sim_machine_task(m, prog, (unsigned)rand_below(&r, 8))->t;

		t += rand_range(&r, US(1), US(600));
		sim_machine_run(m, t);
		check_machine(m);
		random_change(m, &r, p);
		if (rand_one_in(&r, 10))
			task_group_move(p, groups[rand_below(&r, 3)]);
		check_machine(m);
	}
	ck_assert_uint_gt(sim_machine_switches(m), 2000);
	sim_machine_destroy(m);
}
END_TEST

/* The same seed gives the same run. */
START_TEST(runs_repeat)
{
	u64 seen[3][4];

	for (unsigned n = 0; n < 3; n++) {
		struct sim_program progs[] = { hog(0), { .name = "nap", SCRIPT(nap_ops) } };
		struct sim_machine_config cfg = config_for("eevdf", 8);
		struct sim_machine *m;

		cfg.seed = n == 2 ? 5 : 4;
		m = machine_of(&cfg, progs, 2);
		sim_machine_spawn(m, 0, 4);
		sim_machine_spawn(m, 1, 40);
		seen[n][0] = sim_machine_run(m, SEC(1));
		seen[n][1] = sim_machine_switches(m);
		seen[n][2] = sim_machine_stats(m, 1)->migrations;
		seen[n][3] = sim_machine_stats(m, 1)->run_ns;
		sim_machine_destroy(m);
	}
	ck_assert_mem_eq(seen[0], seen[1], sizeof(seen[0]));
	ck_assert_mem_ne(seen[0], seen[2], sizeof(seen[0]));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sched_core");
	TCase *t = tcase_create("core");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, setscheduler_errors);
	tcase_add_test(t, fork_inherits);
	tcase_add_loop_test(t, affinity_moves_tasks, 0, 2);
	tcase_add_loop_test(t, cpus_come_and_go, 0, 4);
	tcase_add_loop_test(t, hogs_spread_evenly, 0, 3);
	tcase_add_test(t, balancing_pulls);
	tcase_add_test(t, new_tasks_find_idle_cores_on_all_nodes);
	tcase_add_test(t, domains);
	tcase_add_loop_test(t, groups_share_by_shares, 0, 2);
	tcase_add_test(t, groups_over_cpus);
	tcase_add_test(t, pelt_decays_by_half_in_32_periods);
	tcase_add_test(t, pelt_follows_the_formula);
	tcase_add_loop_test(t, random_everything, 0, 6);
	tcase_add_test(t, runs_repeat);
	suite_add_tcase(s, t);
	return run_suite(s);
}
