/* SPDX-License-Identifier: MIT */
/* Softirqs, tasklets and interrupt threads under random interleavings. */
#include "tests/unit/guest/defer_machine.h"

#include "guest/defer/irq_thread.h"
#include "guest/defer/tasklet.h"

static unsigned ran[FIBER_CPUS], raised[FIBER_CPUS], nested, order[16], nr_order;

static void counts(unsigned cpu, void *arg)
{
	(void)arg;
	CHECK(!nested);
	CHECK(!env_host_irqs_off());
	CHECK(env_host_preempt_count() > 0);
	CHECK(in_serving_softirq(&dm.softirqs));
	nested++;
	ran[cpu]++;
	raised[cpu] = 0;
	/* An interrupt in the middle does not begin another round inside this one, Q2. */
	dm.in_irq = true;
	dm.in_irq = false;
	softirq_irq_exit(&dm.softirqs);
	nested--;
}

static void raises(void *arg)
{
	(void)arg;
	raised[env_cpu()]++;
	raise_softirq(&dm.softirqs, BLOCK_SOFTIRQ);
}

static void user(void *arg)
{
	for (unsigned i = 0; i < 300; i++) {
		switch (rand_below(&fb.rand, 3)) {
		case 0:
			dm_irq(raises, NULL);
			CHECK(!raised[env_cpu()]); /* Q3: done by now */
			break;
		case 1:
			local_bh_disable(&dm.softirqs);
			local_bh_disable(&dm.softirqs);
			raises(arg);
			{
				u64 flags = env_irq_save();

				softirq_irq_exit(&dm.softirqs); /* an interrupt within */
				env_irq_restore(flags);
			}
			CHECK(raised[env_cpu()]);
			local_bh_enable(&dm.softirqs);
			CHECK(raised[env_cpu()]);
			local_bh_enable(&dm.softirqs);
			break;
		default:
			raises(arg); /* from a task: ksoftirqd does it */
		}
		checkpoint();
	}
}

static bool all_served(void *arg)
{
	unsigned users = *(unsigned *)arg;

	for (unsigned i = 0; i < fb.nr_cpus; i++)
		if (softirq_pending(&dm.softirqs, i))
			return false;
	for (unsigned i = fb.nr_cpus; i < fb.nr_cpus + users; i++)
		if (!fb.fibers[i]->done)
			return false;
	return true;
}

START_TEST(nothing_is_forgotten)
{
	unsigned users = 6, total = 0;

	dm_init(1 + (unsigned)_i % FIBER_CPUS, (u64)_i);
	memset(ran, 0, sizeof(ran));
	memset(raised, 0, sizeof(raised));
	open_softirq(&dm.softirqs, BLOCK_SOFTIRQ, counts, NULL);
	for (unsigned i = 0; i < users; i++)
		fiber_spawn(user, NULL);
	dm_until(all_served, &users, 1000000);
	for (unsigned i = 0; i < fb.nr_cpus; i++) {
		CHECK(!raised[i]);
		total += ran[i];
		ck_assert_uint_eq(ran[i], dm.softirqs.cpu[i].count[BLOCK_SOFTIRQ]);
	}
	ck_assert_uint_gt(total, 500);
	dm_exit(100000);
}
END_TEST

static void again(unsigned cpu, void *arg)
{
	ran[cpu]++;
	(void)arg;
	raise_softirq(&dm.softirqs, NET_RX_SOFTIRQ);
}

/* One that raises itself for ever gets ten rounds, then competes as a thread. */
START_TEST(a_flood_goes_to_the_thread)
{
	dm_init(1, 1);
	memset(ran, 0, sizeof(ran));
	open_softirq(&dm.softirqs, NET_RX_SOFTIRQ, again, NULL);
	for (unsigned i = 0; i < 20; i++)
		dm_step();
	env_host_set_cpu(0);
	dm.in_irq = true;
	raise_softirq(&dm.softirqs, NET_RX_SOFTIRQ);
	dm.in_irq = false;
	{
		u64 flags = env_irq_save();

		softirq_irq_exit(&dm.softirqs);
		env_irq_restore(flags);
	}
	ck_assert_uint_eq(ran[0], SOFTIRQ_MAX_ROUNDS);
	ck_assert_uint_eq(dm.softirqs.cpu[0].handed_over, 1);
	ck_assert_uint_eq(dm.wakes, 1);
	ck_assert_uint_eq(dm.ksoftirqd[0]->state, TASK_RUNNING);
	dm.softirqs.cpu[0].pending = 0;
	dm_exit(1000);
}
END_TEST

static void notes(unsigned cpu, void *arg)
{
	(void)cpu;
	order[nr_order++] = (unsigned)(uintptr_t)arg;
}

START_TEST(vectors_go_in_order)
{
	static const unsigned raise[] = { RCU_SOFTIRQ, HI_SOFTIRQ, SCHED_SOFTIRQ, NET_TX_SOFTIRQ };
	static const unsigned expect[] = { HI_SOFTIRQ, NET_TX_SOFTIRQ, SCHED_SOFTIRQ, RCU_SOFTIRQ };

	dm_init(1, 1);
	nr_order = 0;
	env_host_set_cpu(0);
	for (size_t i = 0; i < ARRAY_SIZE(raise); i++)
		open_softirq(&dm.softirqs, raise[i], notes, (void *)(uintptr_t)raise[i]);
	local_bh_disable(&dm.softirqs);
	for (size_t i = 0; i < ARRAY_SIZE(raise); i++)
		raise_softirq(&dm.softirqs, raise[i]);
	local_bh_enable(&dm.softirqs);
	ck_assert_uint_eq(nr_order, 4);
	ck_assert_mem_eq(order, expect, sizeof(expect));
	ck_assert_str_eq(softirq_name(HRTIMER_SOFTIRQ), "HRTIMER");
	ck_assert_str_eq(softirq_name(77), "?");
	dm_exit(1000);
}
END_TEST

/* ---- tasklets ------------------------------------------------------------------------------------------- */

static struct tasklets tasklets;
static struct tasklet one;
static unsigned tasklet_runs;
static bool tasklet_in;

static void tasklet_body(struct tasklet *t)
{
	(void)t;
	CHECK(!tasklet_in);
	CHECK(!atomic_read(&one.disabled));
	tasklet_in = true;
	tasklet_runs++;
	tasklet_in = false;
}

static void tasklet_user(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 200; i++) {
		unsigned before = tasklet_runs;

		local_bh_disable(&dm.softirqs);
		tasklet_schedule(&tasklets, &one);
		tasklet_schedule(&tasklets, &one);
		if (i % 4 == 0)
			tasklet_disable(&one);
		local_bh_enable(&dm.softirqs);
		if (i % 4 == 0) {
			CHECK(tasklet_runs == before);
			tasklet_enable(&one);
		}
		checkpoint();
	}
}

START_TEST(tasklets_run_once)
{
	dm_init(1, (u64)_i);
	tasklet_runs = 0;
	ck_assert_int_eq(tasklets_init(&tasklets, &dm.softirqs), 0);
	tasklet_setup(&one, tasklet_body);
	fiber_spawn(tasklet_user, NULL);
	dm_until(all_served, &(unsigned){ 1 }, 1000000);
	ck_assert_uint_gt(tasklet_runs, 100);
	ck_assert_uint_le(tasklet_runs, 200);
	tasklet_kill(&one);
	tasklets_free(&tasklets);
	dm_exit(1000);
}
END_TEST

/* ---- interrupt threads ------------------------------------------------------------------------------------ */

static struct irq_thread it;
static bool line_masked, device_wants;
static unsigned fired, served;

static void line_mask(void *line, bool on)
{
	CHECK(line == &line_masked);
	line_masked = on;
}

static enum irqreturn it_handler(void *arg)
{
	CHECK(arg == &it);
	CHECK(env_host_irqs_off());
	return device_wants ? IRQ_WAKE_THREAD : IRQ_NONE;
}

static enum irqreturn it_work(void *arg)
{
	(void)arg;
	CHECK(it.active);
	CHECK(line_masked); /* N2 */
	checkpoint();
	CHECK(line_masked);
	served += device_wants;
	device_wants = false;
	checkpoint();
	return IRQ_HANDLED;
}

static void it_body(void *arg)
{
	while (irq_thread_run(arg))
		checkpoint();
}

static void it_fire(void *arg)
{
	irq_thread_fire(arg);
}

static bool finished(void *arg)
{
	return ((struct fiber *)arg)->done;
}

static void it_waits(void *arg)
{
	(void)arg;
	irq_thread_synchronize(&it);
}

START_TEST(one_shot_lines_wait_for_their_thread)
{
	struct fiber *thread, *waiter;

	dm_init(2, (u64)_i);
	it = (struct irq_thread){ .handler = it_handler,
				  .thread_fn = it_work,
				  .arg = &it,
				  .flags = IRQF_ONESHOT,
				  .mask = line_mask,
				  .line = &line_masked };
	ck_assert_int_eq(irq_thread_init(&it), 0);
	line_masked = device_wants = false;
	fired = served = 0;
	thread = fiber_spawn(it_body, &it);
	it.task = &thread->t;
	for (unsigned i = 0; i < 5000; i++) {
		if (rand_one_in(&fb.rand, 5) && !device_wants) {
			device_wants = true;
			fired++;
		}
		if (device_wants && !line_masked)
			dm_irq(it_fire, &it);
		dm_step();
	}
	while (device_wants || it.active || it.run) {
		if (device_wants && !line_masked)
			dm_irq(it_fire, &it);
		dm_step();
	}
	ck_assert(!line_masked);
	ck_assert_uint_eq(fired, served); /* N1 */
	ck_assert_uint_gt(fired, 300);

	device_wants = true;
	dm_irq(it_fire, &it);
	waiter = fiber_spawn(it_waits, NULL);
	dm_until(finished, waiter, 100000);
	ck_assert(!device_wants); /* N3 */

	/* Nobody's interrupts. */
	env_host_log_to_stderr(0);
	for (unsigned i = 0; i < 200000 && !it.disabled; i++) {
		u64 flags = env_irq_save();

		irq_thread_fire(&it);
		env_irq_restore(flags);
	}
	ck_assert(it.disabled);
	ck_assert(line_masked);
	ck_assert_ptr_nonnull(strstr(env_host_log_text(), "nobody cared"));
	irq_thread_stop(&it);
	dm_until(finished, thread, 100000);
	dm_exit(1000);
}
END_TEST

START_TEST(what_cannot_work_is_refused)
{
	struct irq_thread none = { .arg = NULL };
	struct irq_thread level = { .thread_fn = it_work, .mask = line_mask };
	struct irq_thread edge = { .thread_fn = it_work };

	ck_assert_int_eq(irq_thread_init(&none), -EINVAL);
	ck_assert_int_eq(irq_thread_init(&level), -EINVAL);
	ck_assert_int_eq(irq_thread_init(&edge), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("defer_softirq");
	TCase *t = tcase_create("softirq");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, nothing_is_forgotten, 0, 8);
	tcase_add_test(t, a_flood_goes_to_the_thread);
	tcase_add_test(t, vectors_go_in_order);
	tcase_add_loop_test(t, tasklets_run_once, 0, 3);
	tcase_add_loop_test(t, one_shot_lines_wait_for_their_thread, 0, 4);
	tcase_add_test(t, what_cannot_work_is_refused);
	suite_add_tcase(s, t);
	return dm_run_suite(s);
}
