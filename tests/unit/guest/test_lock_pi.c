/* SPDX-License-Identifier: MIT */
/* Priority inversion: unbounded with a mutex, bounded with an rt_mutex, along chains of locks too. */
#include "tests/unit/guest/sched_machine.h"

#define FIFO(prio)                                       \
	{                                                \
		.policy = SCHED_FIFO, .priority = (prio) \
	}

/* low takes the lock; high wants it; middle, which needs no lock, keeps low from the CPU. */
static u64 longest_wait(enum sim_lock_kind kind, u64 middle_ms)
{
	struct sim_op low[] = { LOCK(0), RUN(MSEC(2)), UNLOCK(0), SLEEP(MSEC(20)), FOREVER };
	struct sim_op high[] = { SLEEP(MSEC(1)), LOCK(0),	  RUN(MSEC(1)),
				 UNLOCK(0),	 SLEEP(MSEC(20)), FOREVER };
	struct sim_op middle[] = { SLEEP(US(1500)), RUN((s64)middle_ms * MSEC(1)), SLEEP(MSEC(20)),
				   FOREVER };
	struct sim_program progs[] = { { .name = "low", SCRIPT(low), .attr = FIFO(10) },
				       { .name = "high", SCRIPT(high), .attr = FIFO(30) },
				       { .name = "middle", SCRIPT(middle), .attr = FIFO(20) } };
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m;
	u64 wait;

	cfg.tun.rt_runtime = RUNTIME_INF;
	cfg.locks = &kind;
	cfg.nr_locks = 1;
	m = machine_of(&cfg, progs, 3);
	for (unsigned i = 0; i < 3; i++)
		sim_machine_spawn(m, i, 1);
	for (u64 t = 1; t <= 200; t++) {
		sim_machine_run(m, t * MSEC(50));
		check_machine(m);
		if (kind == SIM_RT_MUTEX)
			ck_assert_ptr_null(rt_mutex_check(&sim_machine_lock(m, 0)->rt));
		else
			ck_assert_ptr_null(mutex_check(&sim_machine_lock(m, 0)->mutex));
	}
	ck_assert_uint_gt(sim_machine_stats(m, 1)->lock_wait.n, 2);
	wait = sim_machine_stats(m, 1)->lock_wait.max;
	sim_machine_destroy(m);
	return wait;
}

START_TEST(inversion)
{
	u64 without[3], with[3];

	for (unsigned i = 0; i < 3; i++) {
		without[i] = longest_wait(SIM_MUTEX, 10ULL << (3 * i));
		with[i] = longest_wait(SIM_RT_MUTEX, 10ULL << (3 * i));
		/* At most low's critical section. */
		ck_assert_uint_le(with[i], MSEC(2));
		/* As long as middle likes: without bound. */
		ck_assert_uint_ge(without[i], (10ULL << (3 * i)) * MSEC(1));
	}
	ck_assert_uint_gt(without[2], 50 * without[0]);
}
END_TEST

/* Task i holds lock i and waits for lock i - 1; the best task waits for the last one. */
START_TEST(chain)
{
	enum { N = 8 };
	struct sim_op ops[N][7], last[3];
	struct sim_program progs[N + 2];
	enum sim_lock_kind kinds[N];
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m;

	for (int i = 0; i < N; i++) {
		unsigned n = 0;

		ops[i][n++] = (struct sim_op)LOCK(i);
		if (i) {
			ops[i][n++] = (struct sim_op)RUN(US(100));
			ops[i][n++] = (struct sim_op)LOCK(i - 1);
		}
		ops[i][n++] = (struct sim_op)RUN(MSEC(2));
		if (i)
			ops[i][n++] = (struct sim_op)UNLOCK(i - 1);
		ops[i][n++] = (struct sim_op)UNLOCK(i);
		progs[i] = (struct sim_program){ .name = "link",
						 .ops = ops[i],
						 .nr_ops = n,
						 .attr = FIFO(10 + (unsigned)i),
						 .start = (u64)i * US(200) };
		kinds[i] = SIM_RT_MUTEX;
	}
	last[0] = (struct sim_op)LOCK(N - 1);
	last[1] = (struct sim_op)RUN(US(10));
	last[2] = (struct sim_op)UNLOCK(N - 1);
	progs[N] = (struct sim_program){ .name = "best",
					 .ops = last,
					 .nr_ops = 3,
					 .attr = FIFO(90),
					 .start = MSEC(1) + US(900) };
	progs[N + 1] = (struct sim_program){
		.name = "middle", SCRIPT(hog_ops), .attr = FIFO(50), .start = MSEC(1) + US(950)
	};
	cfg.tun.rt_runtime = RUNTIME_INF;
	cfg.locks = kinds;
	cfg.nr_locks = N;
	m = machine_of(&cfg, progs, N + 2);
	for (unsigned i = 0; i < N + 2; i++)
		sim_machine_spawn(m, i, 1);
	sim_machine_run(m, MSEC(2));
	check_machine(m);
	/* Everybody in the chain runs for the best one. */
	for (unsigned i = 0; i < N; i++) {
		ck_assert_int_eq(sim_machine_task(m, i, 0)->t.prio, 99 - 90);
		ck_assert_int_eq(sim_machine_task(m, i, 0)->t.normal_prio, 99 - 10 - (int)i);
		ck_assert_ptr_null(rt_mutex_check(&sim_machine_lock(m, i)->rt));
	}
	/* A change at the far end is felt at the near one. */
	ck_assert_int_eq(task_setscheduler(&sim_machine_task(m, N, 0)->t, SCHED_FIFO, 70, NULL), 0);
	ck_assert_int_eq(sim_machine_task(m, 0, 0)->t.prio, 99 - 70);
	sim_machine_run(m, MSEC(25));
	ck_assert_uint_eq(sim_machine_stats(m, N)->exited, 1);
	ck_assert_uint_le(sim_machine_stats(m, N)->lock_wait.max, N * MSEC(2));
	/* What was lent has gone back. */
	ck_assert_uint_eq(sim_machine_stats(m, N + 1)->exited, 0);
	sim_machine_destroy(m);
}
END_TEST

/* A fair task holding the lock a deadline task wants runs in the deadline class, unthrottled. */
START_TEST(deadline_lends_too)
{
	static struct sim_op low[] = { LOCK(0), RUN(MSEC(5)), UNLOCK(0), SLEEP(MSEC(3)), FOREVER };
	static struct sim_op dl[] = { LOCK(0), RUN(MSEC(1)), UNLOCK(0), PERIOD(MSEC(20)), FOREVER };
	struct sim_program progs[] = {
		{ .name = "low", SCRIPT(low) },
		{ .name = "dl",
		  SCRIPT(dl),
		  .attr = { .policy = SCHED_DEADLINE,
			    .runtime = MSEC(2),
			    .deadline = MSEC(20),
			    .period = MSEC(20) },
		  .start = MSEC(1) },
		{ .name = "rt", SCRIPT(hog_ops), .attr = FIFO(40), .start = US(500) },
	};
	enum sim_lock_kind kind = SIM_RT_MUTEX;
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m;

	cfg.locks = &kind;
	cfg.nr_locks = 1;
	m = machine_of(&cfg, progs, 3);
	for (unsigned i = 0; i < 3; i++)
		sim_machine_spawn(m, i, 1);
	sim_machine_run(m, MSEC(2));
	ck_assert_ptr_eq(sim_machine_task(m, 0, 0)->t.sched_class, &dl_sched_class);
	sim_machine_run(m, SEC(3));
	check_machine(m);
	ck_assert_uint_eq(sim_machine_stats(m, 1)->missed, 0);
	ck_assert_uint_gt(sim_machine_stats(m, 1)->jobs, 140);
	sim_machine_destroy(m);
}
END_TEST

/* Random scripts over locks in one order, random policies, four CPUs: every rule holds all along. */
START_TEST(random_pi)
{
	enum { LOCKS = 6, PROGS = 24 };
	static struct sim_op ops[PROGS][20];
	struct sim_program progs[PROGS];
	enum sim_lock_kind kinds[LOCKS];
	struct sim_machine_config cfg = config_for("eevdf", 4);
	struct sim_machine *m;
	struct rand r;

	rand_init(&r, 77 + (u64)_i);
	for (unsigned i = 0; i < LOCKS; i++)
		kinds[i] = SIM_RT_MUTEX;
	for (unsigned i = 0; i < PROGS; i++) {
		unsigned n = 0;

		progs[i] = (struct sim_program){ .name = "p", .ops = ops[i] };
		for (int l = 0; l < LOCKS; l++) {
			if (!rand_one_in(&r, 3))
				continue;
			ops[i][n++] = (struct sim_op)LOCK(l);
			ops[i][n++] = (struct sim_op)RUN_RANGE(US(10), US(300));
		}
		for (int l = LOCKS; l-- > 0;)
			for (unsigned k = 0, locked = n; k < locked; k++)
				if (ops[i][k].code == OP_LOCK && ops[i][k].a == l)
					ops[i][n++] = (struct sim_op)UNLOCK(l);
		ops[i][n++] = (struct sim_op)SLEEP_RANGE(US(10), MSEC(2));
		ops[i][n++] = (struct sim_op)FOREVER;
		progs[i].nr_ops = n;
		if (rand_one_in(&r, 2))
			progs[i].attr = (struct sched_attr)FIFO(1 + (unsigned)rand_below(&r, 80));
		else
			progs[i].attr.nice = (int)rand_below(&r, 40) - 20;
	}
	cfg.locks = kinds;
	cfg.nr_locks = LOCKS;
	m = machine_of(&cfg, progs, PROGS);
	for (unsigned i = 0; i < PROGS; i++)
		sim_machine_spawn(m, i, 1);
	for (u64 t = 1; t <= 3000; t++) {
		struct task_struct *p = &sim_machine_task(m, (unsigned)rand_below(&r, PROGS), 0)->t;

		sim_machine_run(m, t * US(333));
		check_machine(m);
		for (unsigned l = 0; l < LOCKS; l++)
			ck_assert_msg(!rt_mutex_check(&sim_machine_lock(m, l)->rt), "%s",
				      rt_mutex_check(&sim_machine_lock(m, l)->rt));
		for (unsigned i = 0; i < PROGS; i++) {
			const struct task_struct *q = &sim_machine_task(m, i, 0)->t;

			CHECK(q->prio <= q->normal_prio);
			if (RB_EMPTY_ROOT(&q->pi_waiters.root))
				CHECK(q->prio == q->normal_prio);
		}
		if (rand_one_in(&r, 2))
			task_setscheduler(p, SCHED_RR, 1 + (unsigned)rand_below(&r, 80), NULL);
		else
			task_setscheduler(p, SCHED_NORMAL, 0, NULL);
	}
	for (unsigned i = 0; i < PROGS; i++)
		ck_assert_uint_gt(sim_machine_stats(m, i)->wakeups, 0);
	sim_machine_destroy(m);
}
END_TEST

/* On behalf of tasks that sleep: owners and waiters are named, and the lock goes from hand to hand. */
START_TEST(proxies)
{
	struct sim_op sleeps[] = { SLEEP(MSEC(1000)), FOREVER };
	struct sim_program progs[] = { { .name = "low", SCRIPT(sleeps), .attr = FIFO(10) },
				       { .name = "middle", SCRIPT(sleeps), .attr = FIFO(20) },
				       { .name = "high", SCRIPT(sleeps), .attr = FIFO(30) } };
	struct sim_machine_config cfg = config_for("eevdf", 1);
	struct sim_machine *m = machine_of(&cfg, progs, 3);
	struct rt_mutex_waiter w[3], back;
	struct task_struct *low, *middle, *high;
	struct rt_mutex lock, other;

	for (unsigned i = 0; i < 3; i++)
		sim_machine_spawn(m, i, 1);
	sim_machine_run(m, MSEC(5));
	low = &sim_machine_task(m, 0, 0)->t;
	middle = &sim_machine_task(m, 1, 0)->t;
	high = &sim_machine_task(m, 2, 0)->t;
	rt_mutex_proxy_init(&lock, low);
	ck_assert_ptr_null(rt_mutex_top_waiter(&lock));
	ck_assert_int_eq(rt_mutex_proxy_start(&lock, &w[0], low), -EDEADLK);
	ck_assert_int_eq(rt_mutex_proxy_start(&lock, &w[1], middle), 0);
	ck_assert_int_eq(low->prio, 99 - 20);
	ck_assert_int_eq(rt_mutex_proxy_start(&lock, &w[2], high), 0);
	ck_assert_int_eq(low->prio, 99 - 30);
	ck_assert_ptr_eq(rt_mutex_top_waiter(&lock), &w[2]);
	ck_assert_ptr_null(rt_mutex_check(&lock));
	/* high waits for low: low must not wait for high, and is not left waiting. */
	rt_mutex_proxy_init(&other, high);
	ck_assert_int_eq(rt_mutex_proxy_start(&other, &back, low), -EDEADLK);
	ck_assert_ptr_null(rt_mutex_top_waiter(&other));
	ck_assert_ptr_null(low->pi_blocked_on);

	ck_assert_ptr_eq(rt_mutex_hand_over(&lock), &w[2]);
	ck_assert_ptr_eq(lock.owner, high);
	ck_assert_int_eq(low->prio, 99 - 10);
	ck_assert_int_eq(high->prio, 99 - 30);
	ck_assert_ptr_null(high->pi_blocked_on);
	ck_assert_ptr_null(rt_mutex_check(&lock));
	/* The heir is less important than who comes next. */
	ck_assert_int_eq(task_setscheduler(middle, SCHED_FIFO, 50, NULL), 0);
	ck_assert_int_eq(high->prio, 99 - 50);
	rt_mutex_proxy_cancel(&lock, &w[1]);
	ck_assert_int_eq(high->prio, 99 - 30);
	ck_assert_ptr_null(rt_mutex_hand_over(&lock));
	ck_assert_ptr_null(lock.owner);
	check_machine(m);
	sim_machine_destroy(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lock_pi");
	TCase *t = tcase_create("pi");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, inversion);
	tcase_add_test(t, proxies);
	tcase_add_test(t, chain);
	tcase_add_test(t, deadline_lends_too);
	tcase_add_loop_test(t, random_pi, 0, 6);
	suite_add_tcase(s, t);
	return run_suite(s);
}
