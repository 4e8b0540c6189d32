/* SPDX-License-Identifier: MIT */
/* RCU: no reader ever sees what was freed, callbacks come in order, a stuck CPU is reported. */
#include "tests/unit/guest/fibers.h"

#include "guest/locking/rcu.h"

struct thing {
	struct rcu_head rcu;
	u64 a, b; /* b == ~a while it is alive */
	struct thing *next_dead;
};

static struct rcu *rcu;
static struct thing *shared;
static unsigned freed, replaced;
static bool stop;

static void free_thing(struct rcu_head *head)
{
	struct thing *t = container_of(head, struct thing, rcu);

	t->a = t->b = 0xdead; /* a reader would notice, before ASan does */
	free(t);
	freed++;
}

static struct thing *new_thing(u64 v)
{
	struct thing *t = calloc(1, sizeof(*t));

	t->a = v;
	t->b = ~v;
	return t;
}

/* A read side as long as preemption is off: other CPUs go on meanwhile, this one cannot switch. */
static void read_pause(void)
{
	struct fiber *self = fb.curr[env_cpu()];

	fiber_switch(&self->ctx, &fb.driver);
}

static void reader(void *arg)
{
	(void)arg;
	while (!stop) {
		const struct thing *t;

		rcu_read_lock();
		t = rcu_dereference(shared);
		CHECK_EQ(t->b, ~t->a);
		for (u64 n = rand_below(&fb.rand, 4); n; n--) {
			read_pause();
			CHECK_EQ(t->b, ~t->a);
		}
		rcu_read_unlock();
		checkpoint();
	}
}

static void updater(void *arg)
{
	bool sync = arg;

	for (u64 i = 0; i < 150; i++) {
		struct thing *fresh = new_thing(i), *old = shared;

		rcu_assign_pointer(shared, fresh);
		replaced++;
		if (sync) {
			synchronize_rcu(rcu);
			free_thing(&old->rcu);
		} else {
			call_rcu(rcu, &old->rcu, free_thing);
		}
		checkpoint();
	}
	stop = true;
}

/* What a kernel does around tasks: quiescent states at switches and in idle, callbacks after ticks. */
static void rcu_step(bool cpu_seen_idle[])
{
	unsigned cpu = (unsigned)rand_below(&fb.rand, fb.nr_cpus);
	struct rq *rq = fb.sched->rq[cpu];
	bool reading;

	fb.now += rand_range(&fb.rand, 1000, 800000);
	env_host_set_now(fb.now);
	env_host_set_cpu(cpu);
	reading = env_host_preempt_count();
	if (cpu_seen_idle[cpu] && rq->need_resched) {
		rcu_idle_exit(rcu);
		cpu_seen_idle[cpu] = false;
	}
	if (!reading) {
		u64 flags = env_irq_save();

		sched_tick();
		env_irq_restore(flags);
		if (!cpu_seen_idle[cpu])
			rcu_quiescent(rcu);
		env_preempt_disable();
		rcu_process_callbacks(rcu);
		env_preempt_enable();
	}
	fiber_switch(&fb.driver, &fb.curr[cpu]->ctx);
	if (rq->curr == rq->idle && !cpu_seen_idle[cpu]) {
		env_host_set_cpu(cpu);
		rcu_idle_enter(rcu);
		cpu_seen_idle[cpu] = true;
	}
	ck_assert_msg(!rcu_check(rcu), "%s", rcu_check(rcu));
}

START_TEST(readers_never_see_the_freed)
{
	bool idle[FIBER_CPUS] = { true, true, true, true };

	freed = replaced = 0;
	stop = false;
	fibers_init(4, (u64)_i);
	rcu = rcu_create(4, 1000000000);
	shared = new_thing(0);
	for (unsigned i = 0; i < 5; i++)
		fiber_spawn(reader, NULL);
	fiber_spawn(updater, _i % 2 ? fb.sched : NULL);
	for (unsigned n = 0; !fibers_done(); n++) {
		CHECK(n < 400000);
		rcu_step(idle);
	}
	for (unsigned n = 0; n < 200; n++)
		rcu_step(idle);
	ck_assert_uint_eq(freed, replaced);
	free(shared);
	rcu_destroy(rcu);
	fibers_exit();
}
END_TEST

static unsigned order[100], invoked;
static struct numbered {
	struct rcu_head head;
	unsigned n;
} heads[100];

static void note(struct rcu_head *head)
{
	order[invoked++] = container_of(head, struct numbered, head)->n;
}

START_TEST(callbacks_come_in_order_after_a_grace_period)
{
	fibers_init(2, 1);
	rcu = rcu_create(2, 1000000000);
	invoked = 0;
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		env_host_set_cpu(cpu);
		rcu_idle_exit(rcu);
	}
	env_host_set_cpu(0);
	for (unsigned i = 0; i < 100; i++) {
		heads[i].n = i;
		call_rcu(rcu, &heads[i].head, note);
		if (i == 50)
			rcu_quiescent(rcu);
	}
	ck_assert_uint_eq(rcu_process_callbacks(rcu), 0);
	rcu_quiescent(rcu);
	ck_assert_uint_eq(rcu_process_callbacks(rcu), 0); /* CPU 1 may still read */
	env_host_set_cpu(1);
	rcu_quiescent(rcu);
	env_host_set_cpu(0);
	/* The first one's period is over; the others came while it ran and need the next. */
	ck_assert_uint_eq(rcu_process_callbacks(rcu), 1);
	rcu_quiescent(rcu);
	env_host_set_cpu(1);
	rcu_idle_enter(rcu); /* as good as a quiescent state */
	env_host_set_cpu(0);
	ck_assert_uint_eq(rcu_process_callbacks(rcu), 99);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_uint_eq(order[i], i);
	ck_assert_ptr_null(rcu_check(rcu));
	rcu_destroy(rcu);
	fibers_exit();
}
END_TEST

START_TEST(a_stuck_cpu_is_reported)
{
	fibers_init(4, 1);
	env_host_log_to_stderr(-1);
	rcu = rcu_create(4, 21000000000);
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		env_host_set_cpu(cpu);
		rcu_idle_exit(rcu);
	}
	env_host_set_cpu(0);
	invoked = 0;
	call_rcu(rcu, &heads[0].head, note);
	rcu_quiescent(rcu);
	env_host_set_cpu(1);
	rcu_quiescent(rcu);
	env_host_set_now(20000000000);
	ck_assert(!rcu_check_stall(rcu));
	env_host_set_now(21000000000);
	ck_assert(rcu_check_stall(rcu));
	ck_assert_str_eq(env_host_log_text(),
			 "rcu: stall: grace period 1 runs for 21000 ms, waiting for CPUs: 2 3");
	ck_assert(!rcu_check_stall(rcu)); /* not at every tick */
	ck_assert_uint_eq(rcu->nr_stalls, 1);
	for (unsigned cpu = 2; cpu < 4; cpu++) {
		env_host_set_cpu(cpu);
		rcu_quiescent(rcu);
	}
	env_host_set_cpu(0);
	ck_assert_uint_eq(rcu_process_callbacks(rcu), 1);
	env_host_set_now(900000000000);
	ck_assert(!rcu_check_stall(rcu));
	rcu_destroy(rcu);
	fibers_exit();
}
END_TEST

/* Every allocation of every constructor may fail: NULL, and nothing is lost. */
START_TEST(no_memory)
{
	struct sched_topology_desc topo = {
		.nr_cpus = 8, .threads_per_core = 2, .cores_per_llc = 2, .llcs_per_node = 1
	};
	struct sched_tunables tun;
	struct task_struct p = { 0 };
	struct sched *s = NULL;
	u64 mask = 6;
	unsigned n;

	env_host_reset();
	env_host_set_nr_cpus(8);
	sched_tunables_default(&tun, 8);
	for (n = 1; !s; n++) {
		ck_assert_uint_lt(n, 1000);
		env_host_fail_after(n);
		s = sched_create(&topo, &tun, NULL);
		if (!s)
			ck_assert_uint_eq(env_host_live_allocs(), 0);
	}
	ck_assert_uint_gt(n, 40);
	env_host_fail_after(0);
	for (unsigned cpu = 0; cpu < 8; cpu++)
		set_bit(cpu, s->online);
	ck_assert_int_eq(sched_fork(s, &p, NULL), 0);
	for (struct task_group *tg = NULL; !tg;) {
		size_t live = env_host_live_allocs();

		env_host_fail_after(1 + n++ % 20); /* 19 are needed */
		tg = task_group_create(s, NULL, 1024);
		if (!tg)
			ck_assert_uint_eq(env_host_live_allocs(), live);
	}
	for (n = 1; n <= 2; n++) {
		size_t live = env_host_live_allocs();

		env_host_fail_after(n);
		ck_assert_int_eq(set_cpus_allowed(&p, &mask), -ENOMEM);
		ck_assert_uint_eq(env_host_live_allocs(), live);
	}
	env_host_fail_after(0);
	ck_assert_int_eq(set_cpus_allowed(&p, &mask), 0);
	{
		struct task_struct child = { 0 };
		size_t live = env_host_live_allocs();

		env_host_fail_after(1);
		ck_assert_int_eq(sched_fork(s, &child, &p), -ENOMEM);
		ck_assert_uint_eq(env_host_live_allocs(), live);
	}
	for (n = 1; n <= 3; n++) {
		env_host_fail_after(n);
		ck_assert_ptr_null(rcu_create(4, 1));
	}
	env_host_fail_after(0);
	sched_task_free(&p);
	sched_destroy(s);
	ck_assert_uint_eq(env_host_live_allocs(), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lock_rcu");
	TCase *t = tcase_create("rcu");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, readers_never_see_the_freed, 0, 8);
	tcase_add_test(t, callbacks_come_in_order_after_a_grace_period);
	tcase_add_test(t, a_stuck_cpu_is_reported);
	tcase_add_test(t, no_memory);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
