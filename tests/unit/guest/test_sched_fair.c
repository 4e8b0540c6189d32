/* SPDX-License-Identifier: MIT */
/* EEVDF and CFS: shares follow the weights, lag stays in its bound, sleepers are not favoured. */
#include "tests/unit/guest/sched_machine.h"

#include <math.h>

#include "guest/sched/fair.h"

static const char *const policies[] = { "eevdf", "cfs" };

static struct sim_program hog(int nice)
{
	struct sim_program p = { .name = "hog", SCRIPT(hog_ops), .attr = { .nice = nice } };

	return p;
}

START_TEST(weights_follow_nice)
{
	for (int i = 0; i < 39; i++) {
		double step = (double)sched_prio_to_weight[i] / sched_prio_to_weight[i + 1];

		ck_assert_double_ge(step, 1.17);
		ck_assert_double_le(step, 1.30);
	}
	ck_assert_uint_eq(sched_prio_to_weight[20], NICE_0_LOAD);
	/* Over the whole range: 1.25 for each of the 39 steps. */
	ck_assert_double_eq_tol(pow((double)sched_prio_to_weight[0] / sched_prio_to_weight[39],
				    1.0 / 39),
				1.25, 0.005);
}
END_TEST

/* Two hogs, nice 0 and n: the time of each within 1 % of its weight's share. */
START_TEST(shares_of_two)
{
	const char *policy = policies[_i / 40];
	int nice = _i % 40 - 20;
	struct sim_program progs[] = { hog(0), hog(nice) };
	struct sim_machine_config cfg = config_for(policy, 1);
	struct sim_machine *m = machine_of(&cfg, progs, 2);
	u64 until = SEC(60);
	double w = sched_prio_to_weight[nice + 20], all = w + NICE_0_LOAD;

	sim_machine_spawn(m, 0, 1);
	sim_machine_spawn(m, 1, 1);
	sim_machine_run(m, until);
	check_machine(m);
	ck_assert_uint_eq(sim_machine_stats(m, 0)->run_ns + sim_machine_stats(m, 1)->run_ns, until);
	ck_assert_double_eq_tol(
		(double)sim_machine_stats(m, 0)->run_ns / (until * NICE_0_LOAD / all), 1, 0.01);
	ck_assert_double_eq_tol((double)sim_machine_stats(m, 1)->run_ns / (until * w / all), 1,
				0.01);
	sim_machine_destroy(m);
}
END_TEST

/* All forty levels at once. A share of 1 in 30,000 takes a while to be had in whole slices. */
START_TEST(shares_of_forty)
{
	struct sim_program progs[40];
	struct sim_machine_config cfg = config_for(policies[_i], 1);
	u64 until = SEC(2400), sum = 0;
	struct sim_machine *m;

	cfg.tun.tick = MSEC(4);
	for (int i = 0; i < 40; i++) {
		progs[i] = hog(i - 20);
		sum += sched_prio_to_weight[i];
	}
	m = machine_of(&cfg, progs, 40);
	for (unsigned i = 0; i < 40; i++)
		sim_machine_spawn(m, i, 1);
	sim_machine_run(m, until);
	check_machine(m);
	for (unsigned i = 0; i < 40; i++) {
		double ideal = (double)until * sched_prio_to_weight[i] / sum;
		double got = sim_machine_stats(m, i)->run_ns;

		/* 1 %, and the slice (to the tick) that is under way. */
		ck_assert_double_eq_tol(got, ideal, ideal * 0.01 + (double)2 * MSEC(4));
	}
	sim_machine_destroy(m);
}
END_TEST

/* SCHED_IDLE weighs 3: against a nice 0 task 3 / 1027 of the time. */
START_TEST(idle_policy_weighs_three)
{
	struct sim_program progs[] = { hog(0), hog(0) };
	struct sim_machine_config cfg = config_for(policies[_i], 1);
	struct sim_machine *m;
	u64 until = SEC(400);

	progs[1].attr.policy = SCHED_IDLE;
	m = machine_of(&cfg, progs, 2);
	sim_machine_spawn(m, 0, 1);
	sim_machine_spawn(m, 1, 1);
	sim_machine_run(m, until);
	ck_assert_double_eq_tol((double)sim_machine_stats(m, 1)->run_ns / until, 3.0 / 1027,
				0.01 * 3 / 1027);
	sim_machine_destroy(m);
}
END_TEST

/* A task that sleeps half the time does not lose to a hog, nor gain more than its share. */
START_TEST(sleepers_get_their_share)
{
	static struct sim_op ops[] = { RUN_RANGE(US(100), US(900)), SLEEP_RANGE(US(100), US(900)),
				       FOREVER };
	struct sim_program progs[] = { hog(0), { .name = "sleeper", SCRIPT(ops) } };
	struct sim_machine_config cfg = config_for(policies[_i], 1);
	struct sim_machine *m = machine_of(&cfg, progs, 2);
	u64 until = SEC(20);
	double share;

	sim_machine_spawn(m, 0, 1);
	sim_machine_spawn(m, 1, 1);
	sim_machine_run(m, until);
	check_machine(m);
	share = (double)sim_machine_stats(m, 1)->run_ns / until;
	ck_assert_double_ge(share, 0.25);
	ck_assert_double_le(share, 0.51);
	sim_machine_destroy(m);
}
END_TEST

/* A short slice brings the CPU sooner under EEVDF; CFS does not know about it. */
START_TEST(short_slice_means_short_latency)
{
	static struct sim_op ops[] = { RUN(US(100)), SLEEP_RANGE(MSEC(3), MSEC(9)), FOREVER };
	u64 p99[2];

	for (unsigned custom = 0; custom < 2; custom++) {
		struct sim_program progs[] = { hog(0), { .name = "lat", SCRIPT(ops) } };
		struct sim_machine_config cfg = config_for("eevdf", 1);
		struct sim_machine *m;

		cfg.tun.base_slice = MSEC(6);
		progs[1].attr.runtime = custom ? US(200) : 0;
		m = machine_of(&cfg, progs, 2);
		sim_machine_spawn(m, 0, 6);
		sim_machine_spawn(m, 1, 1);
		sim_machine_run(m, SEC(20));
		p99[custom] = sim_histogram_at(&sim_machine_stats(m, 1)->latency, 990);
		sim_machine_destroy(m);
	}
	ck_assert_uint_lt(p99[1], (u64)MSEC(2)); /* two ticks */
	ck_assert_uint_gt(p99[0], 3 * p99[1]);
}
END_TEST

/* ---- the bound on lag ------------------------------------------------------------------------------- */

struct lag_watch {
	u64 events, bound; /* ns of service */
	double worst;	   /* in slices of the bound */
};

/* Lag in ns of service of everything on the queue, curr with what it has had since the last charge. */
static void watch_lag(struct sim_machine *m, void *arg)
{
	struct lag_watch *w = arg;
	struct rq *rq = sim_machine_sched(m)->rq[0];
	struct cfs_rq *cfs = &rq->cfs;
	struct rb_node *node;
	u64 v;

	w->events++;
	if (w->events % 7)
		return;
	raw_spin_lock(&rq->lock);
	update_rq_clock(rq);
	if (rq->curr->sched_class->fair)
		fair_update_curr(cfs);
	raw_spin_unlock(&rq->lock);
	v = avg_vruntime(cfs);
	for (node = rb_first_cached(&cfs->timeline); node; node = rb_next(node)) {
		const struct sched_entity *se = se_of(node);
		double lag = (double)(s64)(v - se->vruntime) * se->weight / NICE_0_LOAD;

		w->worst = fmax(w->worst, fabs(lag) / w->bound);
	}
	if (cfs->curr && cfs->curr->on_rq) {
		double lag =
			(double)(s64)(v - cfs->curr->vruntime) * cfs->curr->weight / NICE_0_LOAD;

		w->worst = fmax(w->worst, fabs(lag) / w->bound);
	}
}

/*
 * A million events. Tasks with random weights and requests of up to 3 ms run for ever, change their
 * weight's neighbours by being born and ending when they owe nothing. TR-95-22, theorem 1: in a steady
 * system no lag exceeds the longest request.
 */
START_TEST(lag_within_one_request)
{
	static struct sim_op ops[] = { RUN_RANGE(US(50), MSEC(20)), FOREVER };
	struct sim_program progs[40];
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct lag_watch watch = { .bound = MSEC(3) };
	struct sim_machine *m;
	struct rand r;
	u64 ran = 0;

	cfg.tun.hrtick = true;
	rand_init(&r, 7 + (u64)_i);
	for (unsigned i = 0; i < 40; i++)
		progs[i] = (struct sim_program){
			.name = "req",
			SCRIPT(ops),
			.attr = { .nice = (int)rand_below(&r, 40) - 20,
				  .runtime = rand_range(&r, US(100), MSEC(3)) },
		};
	m = machine_of(&cfg, progs, 40);
	for (unsigned i = 0; i < 40; i++)
		sim_machine_spawn(m, i, 1);
	sim_machine_on_event(m, watch_lag, &watch);
	for (u64 t = SEC(1); ran < 1000000; t += SEC(10))
		ran += sim_machine_run(m, t);
	check_machine(m);
	ck_assert_uint_ge(watch.events, 1000000);
	ck_assert_msg(watch.worst <= 1.001, "worst lag is %.3f requests", watch.worst);
	ck_assert_double_ge(watch.worst, 0.3); /* it does look */
	sim_machine_destroy(m);
}
END_TEST

/* With sleepers the system is not steady; delayed dequeue keeps lag near the bound all the same. */
START_TEST(lag_of_sleepers_stays_small)
{
	static struct sim_op ops[] = { RUN_RANGE(US(20), MSEC(4)), SLEEP_RANGE(US(10), MSEC(30)),
				       FOREVER };
	struct sim_program progs[20];
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct lag_watch watch = { .bound = MSEC(3) };
	struct sim_machine *m;
	struct rand r;

	cfg.tun.hrtick = true;
	rand_init(&r, 3);
	for (unsigned i = 0; i < 20; i++)
		progs[i] = (struct sim_program){
			.name = "sleeper",
			SCRIPT(ops),
			.attr = { .nice = (int)rand_below(&r, 11) - 5,
				  .runtime = rand_range(&r, US(100), MSEC(3)) },
		};
	m = machine_of(&cfg, progs, 20);
	for (unsigned i = 0; i < 20; i++)
		sim_machine_spawn(m, i, 1);
	sim_machine_on_event(m, watch_lag, &watch);
	for (u64 t = 1; t <= 100; t++) {
		sim_machine_run(m, t * SEC(1));
		check_machine(m);
	}
	/* What a sleeper is remembered to be owed: two requests, place_eevdf(). */
	ck_assert_msg(watch.worst <= 2, "worst lag is %.3f requests", watch.worst);
	sim_machine_destroy(m);
}
END_TEST

/* ---- changing horses ---------------------------------------------------------------------------------- */

START_TEST(policies_change_while_tasks_run)
{
	static const char *const all[] = { "eevdf", "cfs", "o1", "bfs" };
	static struct sim_op ops[] = { RUN_RANGE(US(20), MSEC(2)), SLEEP_RANGE(US(10), MSEC(5)),
				       YIELD, FOREVER };
	struct sim_program progs[] = { hog(0), { .name = "sleeper", SCRIPT(ops) }, hog(5) };
	struct sim_machine_config cfg = config_for("eevdf", 4);
	struct sim_machine *m = machine_of(&cfg, progs, 3);
	struct rand r;
	u64 until = 0, run = 0;

	rand_init(&r, 5);
	sim_machine_spawn(m, 0, 6);
	sim_machine_spawn(m, 1, 12);
	sim_machine_spawn(m, 2, 3);
	for (unsigned i = 0; i < 400; i++) {
		until += rand_range(&r, US(10), MSEC(40));
		sim_machine_run(m, until);
		check_machine(m);
		sched_switch_fair(sim_machine_sched(m), sched_fair_by_name(all[rand_below(&r, 4)]));
		check_machine(m);
	}
	for (unsigned i = 0; i < 3; i++)
		run += sim_machine_stats(m, i)->run_ns;
	for (unsigned i = 0; i < 4; i++)
		run += sim_machine_idle_ns(m, i);
	ck_assert_uint_eq(run, 4 * until);
	sim_machine_destroy(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sched_fair");
	TCase *t = tcase_create("fair");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, weights_follow_nice);
	tcase_add_loop_test(t, shares_of_two, 0, 80);
	tcase_add_loop_test(t, shares_of_forty, 0, 2);
	tcase_add_loop_test(t, idle_policy_weighs_three, 0, 2);
	tcase_add_loop_test(t, sleepers_get_their_share, 0, 2);
	tcase_add_test(t, short_slice_means_short_latency);
	tcase_add_loop_test(t, lag_within_one_request, 0, 2);
	tcase_add_test(t, lag_of_sleepers_stays_small);
	tcase_add_test(t, policies_change_while_tasks_run);
	suite_add_tcase(s, t);
	return run_suite(s);
}
