/* SPDX-License-Identifier: MIT */
/* cpu.max: groups get their quota, no more and hardly less, whatever happens around them; and the ext
 * slot, empty and filled. */
#include "tests/unit/guest/sched_machine.h"

#include "guest/sched/internal.h"

static struct sim_op nap_ops[] = { RUN_RANGE(US(50), MSEC(3)), SLEEP_RANGE(US(50), MSEC(6)),
				   FOREVER };

static u64 run_ns(struct sim_machine *m, unsigned program)
{
	return sim_machine_stats(m, program)->run_ns;
}

/* quota of period on one CPU beside a task without limit. */
START_TEST(one_cpu)
{
	static const struct {
		u64 quota, period;
	} cases[] = { { MSEC(20), MSEC(100) },
		      { MSEC(1), MSEC(10) },
		      { MSEC(50), MSEC(1000) },
		      { MSEC(90), MSEC(100) },
		      { MSEC(300), MSEC(100) } };
	const char *policy = _i % 2 ? "cfs" : "eevdf";
	struct sim_program progs[] = { { .name = "in", SCRIPT(hog_ops) },
				       { .name = "out", SCRIPT(hog_ops) } };
	u64 quota = cases[_i / 2].quota, period = cases[_i / 2].period, share, got;
	struct sim_machine_config cfg = config_for(policy, 1);
	struct sim_machine *m = machine_of(&cfg, progs, 2);
	struct task_group *tg = task_group_create(sim_machine_sched(m), NULL, 1024);

	ck_assert_int_eq(task_group_set_bandwidth(tg, quota, period, 0), 0);
	progs[0].group = tg;
	sim_machine_spawn(m, 0, 3);
	sim_machine_spawn(m, 1, 1);
	for (u64 s = 1; s <= 20; s++) {
		sim_machine_run(m, s * SEC(1));
		check_machine(m);
		/* Never more than its quota, but for what a tick did not see in time. */
		ck_assert_uint_le(run_ns(m, 0), (s * SEC(1) / period + 1) * quota + MSEC(1));
	}
	got = run_ns(m, 0);
	share = MIN(20 * SEC(1) / period * quota, (u64)SEC(10)); /* half the CPU is its fair part */
	ck_assert_uint_ge(got, share * 98 / 100);
	ck_assert_uint_le(got, share * 102 / 100);
	ck_assert_uint_eq(got + run_ns(m, 1), SEC(20));
	if (quota < period / 2) {
		ck_assert_uint_ge(tg->bandwidth.nr_throttled, 20 * SEC(1) / period - 2);
		ck_assert_uint_gt(tg->bandwidth.throttled_ns, SEC(20) * 4 / 10);
	}
	ck_assert_uint_le(tg->bandwidth.nr_throttled, tg->bandwidth.nr_periods + 1);
	sim_machine_destroy(m);
}
END_TEST

/* One and a half CPUs of four, asked for by eight tasks. */
START_TEST(over_cpus)
{
	struct sim_program progs[] = { { .name = "in", SCRIPT(hog_ops) },
				       { .name = "out", SCRIPT(nap_ops) } };
	struct sim_machine_config cfg = config_for("eevdf", 4);
	struct sim_machine *m = machine_of(&cfg, progs, 2);
	struct task_group *tg = task_group_create(sim_machine_sched(m), NULL, 1024);
	u64 least = UINT64_MAX, most = 0;

	ck_assert_int_eq(task_group_set_bandwidth(tg, MSEC(150), MSEC(100), 0), 0);
	progs[0].group = tg;
	sim_machine_spawn(m, 0, 8);
	sim_machine_spawn(m, 1, 4);
	for (u64 s = 1; s <= 20; s++) {
		sim_machine_run(m, s * SEC(1));
		check_machine(m);
	}
	ck_assert_uint_le(run_ns(m, 0), SEC(30) + 4 * MSEC(6));
	ck_assert_uint_ge(run_ns(m, 0), SEC(30) * 98ULL / 100);
	for (unsigned i = 0; i < 8; i++) {
		u64 ran = sim_machine_task(m, 0, i)->t.se.sum_exec_runtime;

		least = MIN(least, ran);
		most = MAX(most, ran);
	}
	ck_assert_uint_gt(least, SEC(1)); /* no CPU is left out */
	(void)most;
	sim_machine_destroy(m);
}
END_TEST

/* The tighter of a group's limit and its parent's holds. */
START_TEST(nested)
{
	struct sim_program progs[] = { { .name = "in", SCRIPT(hog_ops) },
				       { .name = "beside", SCRIPT(hog_ops) } };
	struct sim_machine_config cfg = config_for("eevdf", 2);
	struct sim_machine *m = machine_of(&cfg, progs, 2);
	struct sched *s = sim_machine_sched(m);
	struct task_group *outer = task_group_create(s, NULL, 1024);
	struct task_group *inner = task_group_create(s, outer, 1024);

	task_group_set_bandwidth(outer, MSEC(50), MSEC(100), 0);
	task_group_set_bandwidth(inner, MSEC(30), MSEC(70), 0);
	progs[0].group = inner;
	progs[1].group = outer;
	sim_machine_spawn(m, 0, 4);
	sim_machine_spawn(m, 1, 4);
	sim_machine_run(m, SEC(20));
	check_machine(m);
	ck_assert_uint_le(run_ns(m, 0) + run_ns(m, 1), SEC(10) + MSEC(12));
	ck_assert_uint_ge(run_ns(m, 0) + run_ns(m, 1), SEC(10) * 97ULL / 100);
	ck_assert_uint_le(run_ns(m, 0), SEC(20) * 30ULL / 70 + MSEC(12));
	/* Without the inner group's limit, and then without any. */
	task_group_set_bandwidth(inner, RUNTIME_INF, MSEC(100), 0);
	sim_machine_run(m, SEC(30));
	check_machine(m);
	task_group_set_bandwidth(outer, RUNTIME_INF, MSEC(100), 0);
	{
		u64 before = run_ns(m, 0) + run_ns(m, 1);

		sim_machine_run(m, SEC(40));
		ck_assert_uint_eq(run_ns(m, 0) + run_ns(m, 1) - before, SEC(20));
	}
	check_machine(m);
	sim_machine_destroy(m);
}
END_TEST

/* What was not used in quiet periods may be used in a busy one, up to the burst. */
START_TEST(bursts)
{
	static struct sim_op bursty[] = { RUN(MSEC(30)), PERIOD(MSEC(200)), FOREVER };
	u64 late[2];

	for (unsigned i = 0; i < 2; i++) {
		struct sim_program progs[] = { { .name = "in", SCRIPT(bursty) } };
		struct sim_machine_config cfg = config_for("eevdf", 1);
		struct sim_machine *m = machine_of(&cfg, progs, 1);
		struct task_group *tg = task_group_create(sim_machine_sched(m), NULL, 1024);

		/* 30 ms in every other period of 100: on average below 20, at once above. */
		task_group_set_bandwidth(tg, MSEC(20), MSEC(100), i ? MSEC(20) : 0);
		progs[0].group = tg;
		sim_machine_spawn(m, 0, 1);
		sim_machine_run(m, SEC(10));
		check_machine(m);
		late[i] = tg->bandwidth.nr_throttled;
		sim_machine_destroy(m);
	}
	ck_assert_uint_ge(late[0], 40);
	ck_assert_uint_le(late[1], 1);
}
END_TEST

/* Limits, groups, policies, CPUs and tasks change all the time. */
START_TEST(random_changes)
{
	static const char *const policies[] = { "eevdf", "cfs", "o1", "bfs" };
	struct sim_program progs[] = {
		{ .name = "hog", SCRIPT(hog_ops) },
		{ .name = "nap", SCRIPT(nap_ops) },
		{ .name = "rt", SCRIPT(nap_ops), .attr = { .policy = SCHED_RR, .priority = 3 } }
	};
	struct sim_machine_config cfg = config_for("eevdf", 4);
	struct sim_machine *m = machine_of(&cfg, progs, 3);
	struct sched *s = sim_machine_sched(m);
	struct task_group *g[4];
	struct rand r;
	u64 t = 0, before[18];

	rand_init(&r, (u64)_i + 1);
	g[0] = &s->root_group;
	g[1] = task_group_create(s, NULL, 512);
	g[2] = task_group_create(s, g[1], 2048);
	g[3] = task_group_create(s, g[2], 1024);
	for (unsigned i = 0; i < 3; i++)
		sim_machine_spawn(m, i, 6);
	for (unsigned n = 0; n < 3000; n++) {
		struct task_struct *p = &sim_machine_task(m, (unsigned)rand_below(&r, 3),
							  (unsigned)rand_below(&r, 6))
						 ->t;
		struct task_group *tg = g[1 + rand_below(&r, 3)];
		unsigned cpu = (unsigned)rand_below(&r, 4);
		u64 period = rand_range(&r, MSEC(1), MSEC(100)), mask = rand_range(&r, 1, 15);

		switch (rand_below(&r, 12)) {
		case 0:
		case 1:
			task_group_set_bandwidth(tg, rand_range(&r, MSEC(1), 2 * period), period,
						 0);
			break;
		case 2:
			task_group_set_bandwidth(tg, RUNTIME_INF, period, 0);
			break;
		case 3:
		case 4:
			task_group_move(p, g[rand_below(&r, 4)]);
			break;
		case 5:
			set_user_nice(p, (int)rand_below(&r, 40) - 20);
			break;
		case 6:
			task_setscheduler(p, rand_one_in(&r, 2) ? SCHED_NORMAL : SCHED_IDLE, 0,
					  NULL);
			break;
		case 7:
			task_setscheduler(p, SCHED_FIFO, 5, NULL);
			break;
		case 8:
			if (rand_one_in(&r, 4))
				sched_switch_fair(s,
						  sched_fair_by_name(policies[rand_below(&r, 4)]));
			break;
		case 9:
			set_cpus_allowed(p, &mask);
			break;
		case 10:
			if (!cpu_online(s, cpu))
				sched_cpu_online(s, cpu);
			else
				sched_cpu_offline(s, cpu);
			break;
		default:
			task_group_set_shares(tg, rand_range(&r, 2, 5000));
		}
		t += rand_range(&r, US(10), MSEC(8));
		sim_machine_run(m, t);
		check_machine(m);
	}
	/* Nobody has been forgotten. */
	for (unsigned cpu = 0; cpu < 4; cpu++)
		if (!cpu_online(s, cpu))
			sched_cpu_online(s, cpu);
	sched_switch_fair(s, &eevdf_sched_class);
	for (unsigned i = 1; i < 4; i++)
		task_group_set_bandwidth(g[i], RUNTIME_INF, MSEC(100), 0);
	for (unsigned i = 0; i < 18; i++) {
		struct task_struct *p = &sim_machine_task(m, i / 6, i % 6)->t;

		task_setscheduler(p, SCHED_NORMAL, 0, NULL);
		set_cpus_allowed(p, &(u64){ 15 });
		before[i] = p->se.sum_exec_runtime;
	}
	sim_machine_run(m, t + SEC(2));
	check_machine(m);
	for (unsigned i = 0; i < 18; i++) {
		struct task_struct *p = &sim_machine_task(m, i / 6, i % 6)->t;

		ck_assert_uint_gt(p->se.sum_exec_runtime, before[i]);
	}
	for (unsigned i = 0; i < 18; i++)
		task_group_move(&sim_machine_task(m, i / 6, i % 6)->t, g[0]);
	task_group_set_bandwidth(g[3], MSEC(1), MSEC(100), 0);
	task_group_free(g[3]);
	sim_machine_run(m, t + SEC(3));
	check_machine(m);
	sim_machine_destroy(m);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	struct sim_program progs[] = { { .name = "hog", SCRIPT(hog_ops) } };
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 1);
	struct sched *s = sim_machine_sched(m);
	struct task_group *tg = task_group_create(s, NULL, 1024);

	ck_assert_int_eq(task_group_set_bandwidth(&s->root_group, MSEC(1), MSEC(10), 0), -EINVAL);
	ck_assert_int_eq(task_group_set_bandwidth(tg, MSEC(1), US(999), 0), -EINVAL);
	ck_assert_int_eq(task_group_set_bandwidth(tg, MSEC(1), SEC(1) + 1, 0), -EINVAL);
	ck_assert_int_eq(task_group_set_bandwidth(tg, US(999), MSEC(10), 0), -EINVAL);
	ck_assert_int_eq(task_group_set_bandwidth(tg, MSEC(2), MSEC(10), MSEC(3)), -EINVAL);
	ck_assert_int_eq(task_group_set_bandwidth(tg, MSEC(2), MSEC(10), MSEC(2)), 0);
	sim_machine_destroy(m);
}
END_TEST

/* ---- the ext slot: a class that runs its tasks first in, first out, on the CPU they come to --------------- */

static struct list_head ext_queue = LIST_HEAD_INIT(ext_queue);
static unsigned ext_picks;

static void ext_enqueue(struct rq *rq, struct task_struct *p, int flags)
{
	(void)flags;
	list_add_tail(&p->rt.run_list, &ext_queue);
	add_nr_running(rq, 1);
}

static bool ext_dequeue(struct rq *rq, struct task_struct *p, int flags)
{
	(void)flags;
	list_del_init(&p->rt.run_list);
	sub_nr_running(rq, 1);
	return true;
}

static struct task_struct *ext_pick(struct rq *rq)
{
	struct task_struct *p =
		list_first_entry_or_null(&ext_queue, struct task_struct, rt.run_list);

	ext_picks++;
	return p && p->cpu == rq->cpu ? p : NULL;
}

static void ext_nothing(struct rq *rq)
{
	(void)rq;
}

static void ext_charge(struct rq *rq)
{
	struct sched_entity *se = &rq->curr->se;

	se->sum_exec_runtime += rq->clock_task - se->exec_start;
	se->exec_start = rq->clock_task;
}

static void ext_put(struct rq *rq, struct task_struct *p)
{
	(void)p;
	ext_charge(rq);
}

static void ext_set(struct rq *rq, struct task_struct *p, bool first)
{
	(void)first;
	p->se.exec_start = rq->clock_task;
}

static void ext_wakeup(struct rq *rq, struct task_struct *p, int flags)
{
	(void)rq;
	(void)p;
	(void)flags;
}

static void ext_tick(struct rq *rq, struct task_struct *p)
{
	ext_charge(rq);
	list_move_tail(&p->rt.run_list, &ext_queue);
	resched_curr(rq);
}

static unsigned ext_select(struct task_struct *p, unsigned cpu, int flags)
{
	(void)p;
	(void)flags;
	return cpu;
}

static u64 ext_interval(struct rq *rq, struct task_struct *p)
{
	(void)rq;
	(void)p;
	return 0;
}

static void ext_init(struct task_struct *p)
{
	(void)p;
}

static const char *ext_check(struct rq *rq)
{
	(void)rq;
	return NULL;
}

static const struct sched_class test_ext_class = {
	.name = "test",
	.slot = SLOT_EXT,
	.enqueue_task = ext_enqueue,
	.dequeue_task = ext_dequeue,
	.yield_task = ext_nothing,
	.wakeup_preempt = ext_wakeup,
	.pick_task = ext_pick,
	.put_prev_task = ext_put,
	.set_next_task = ext_set,
	.select_task_rq = ext_select,
	.task_tick = ext_tick,
	.update_curr = ext_charge,
	.get_rr_interval = ext_interval,
	.task_init = ext_init,
	.check = ext_check,
};

START_TEST(the_ext_slot)
{
	struct sim_program progs[] = { { .name = "hog", SCRIPT(hog_ops) },
				       { .name = "ext", SCRIPT(hog_ops) } };
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 2);
	struct sched *s = sim_machine_sched(m);
	struct sched_class broken = test_ext_class;
	struct task_struct *p, *q;
	u64 before;

	sim_machine_spawn(m, 0, 1);
	sim_machine_spawn(m, 1, 2);
	sim_machine_run(m, MSEC(10));
	p = &sim_machine_task(m, 1, 0)->t;
	q = &sim_machine_task(m, 1, 1)->t;
	ck_assert_int_eq(task_setscheduler(p, SCHED_EXT, 0, NULL), -EINVAL);
	ck_assert_ptr_null(s->active[5]); /* stop, deadline, rt, fair, idle */
	sched_ext_unload(s);

	ck_assert_int_eq(sched_ext_load(s, &eevdf_sched_class), -EINVAL);
	broken.pick_task = NULL;
	ck_assert_int_eq(sched_ext_load(s, &broken), -EINVAL);
	ck_assert_int_eq(sched_ext_load(s, &test_ext_class), 0);
	ck_assert_int_eq(sched_ext_load(s, &test_ext_class), -EBUSY);
	ck_assert_ptr_eq(s->active[4], &test_ext_class);
	ck_assert_int_eq(task_setscheduler(p, SCHED_EXT, 0, NULL), 0);
	ck_assert_int_eq(task_setscheduler(q, SCHED_EXT, 0, NULL), 0);
	ck_assert_ptr_eq(p->sched_class, &test_ext_class);
	sim_machine_run(m, MSEC(20));
	check_machine(m);
	/* Below fair: the hog has the CPU to itself, until it is gone. */
	before = p->se.sum_exec_runtime;
	sim_machine_run(m, MSEC(100));
	ck_assert_uint_eq(p->se.sum_exec_runtime, before);
	task_setscheduler(&sim_machine_task(m, 0, 0)->t, SCHED_EXT, 0, NULL);
	sim_machine_run(m, MSEC(400));
	check_machine(m);
	ck_assert_uint_ge(p->se.sum_exec_runtime, before + MSEC(90));
	ck_assert_uint_ge(q->se.sum_exec_runtime, MSEC(90));
	ck_assert_uint_gt(ext_picks, 0);

	sched_ext_unload(s);
	ck_assert(list_empty(&ext_queue));
	ck_assert_ptr_eq(p->sched_class, &eevdf_sched_class);
	ck_assert_uint_eq(p->policy, SCHED_EXT);
	before = p->se.sum_exec_runtime;
	sim_machine_run(m, MSEC(700));
	check_machine(m);
	ck_assert_uint_ge(p->se.sum_exec_runtime, before + MSEC(80));
	/* Those that have asked for it once go over when somebody comes again. */
	ck_assert_int_eq(sched_ext_load(s, &test_ext_class), 0);
	ck_assert_ptr_eq(p->sched_class, &test_ext_class);
	sched_switch_fair(s, &cfs_sched_class);
	ck_assert_ptr_eq(p->sched_class, &test_ext_class);
	sim_machine_run(m, MSEC(800));
	check_machine(m);
	sched_ext_unload(s);
	sim_machine_destroy(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sched_bandwidth");
	TCase *t = tcase_create("bandwidth");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, one_cpu, 0, 10);
	tcase_add_test(t, over_cpus);
	tcase_add_test(t, nested);
	tcase_add_test(t, bursts);
	tcase_add_loop_test(t, random_changes, 0, 8);
	tcase_add_test(t, what_makes_no_sense_is_refused);
	tcase_add_test(t, the_ext_slot);
	suite_add_tcase(s, t);
	return run_suite(s);
}
