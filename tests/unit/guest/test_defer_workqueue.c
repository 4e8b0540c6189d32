/* SPDX-License-Identifier: MIT */
/* Work queues: every promise of workqueue.h under random interleavings of works, queuers, cancels. */
#include "tests/unit/guest/defer_machine.h"

#define NR_WORKS 40

struct item {
	struct work_struct work;
	struct workqueue_struct *wq;
	unsigned queued, ran; /* successes of queue_work(), runs */
	unsigned inside;
	unsigned taken_back;
	bool sleeps;
};

static struct item items[NR_WORKS];
static unsigned in_wq[3], most_in_wq[3];

static void nap(void)
{
	/* A sleep that a timer would end: somebody else wakes it up, sooner or later. */
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule();
}

static void item_body(struct work_struct *work)
{
	struct item *it = container_of(work, struct item, work);

	CHECK(!it->inside++); /* Y1 */
	it->ran++;
	checkpoint();
	if (it->sleeps) {
		nap();
		checkpoint();
	}
	checkpoint();
	it->inside--;
}

static void item_init(struct item *it, struct workqueue_struct *wq, bool sleeps)
{
	*it = (struct item){ .wq = wq, .sleeps = sleeps };
	INIT_WORK(&it->work, item_body);
}

/* Wakes sleeping workers at random, as devices would. */
static void wake_sleepers(void)
{
	for (unsigned i = fb.nr_cpus; i < fb.nr; i++)
		if (!fb.fibers[i]->done && fb.fibers[i]->t.state == TASK_UNINTERRUPTIBLE &&
		    rand_one_in(&fb.rand, 8))
			wake_up_process(&fb.fibers[i]->t);
}

static void steps(unsigned n)
{
	while (n--) {
		dm_step();
		wake_sleepers();
	}
}

static bool quiet(void)
{
	for (unsigned i = 0; i < NR_WORKS; i++)
		if (items[i].work.fn && (items[i].inside || work_pending(&items[i].work)))
			return false;
	return true;
}

static void until_quiet(void)
{
	for (unsigned n = 0; !quiet(); n++) {
		CHECK(n < 1000000);
		steps(1);
	}
}

static bool finished(struct fiber *f)
{
	return f->done;
}

static void until_done(struct fiber *f)
{
	for (unsigned n = 0; !finished(f); n++) {
		CHECK(n < 1000000);
		steps(1);
	}
}

static void wq_begin(unsigned cpus, u64 seed)
{
	dm_init(cpus, seed);
	memset(items, 0, sizeof(items));
	ck_assert_int_eq(workqueues_start(&dm.wqs), 0);
}

static void destroys(void *arg)
{
	destroy_workqueue(arg);
}

static void end(struct workqueue_struct **wq, unsigned n)
{
	while (n--)
		until_done(fiber_spawn(destroys, wq[n]));
	dm_exit(100000);
}

/* Every success of queue_work() is one run, whatever the flags; never two at once. */
START_TEST(each_queueing_runs_once)
{
	struct workqueue_struct *wq[3];

	wq_begin(2, (u64)_i);
	wq[0] = alloc_workqueue(&dm.wqs, "bound", 0, 0);
	wq[1] = alloc_workqueue(&dm.wqs, "unbound", WQ_UNBOUND, 3);
	wq[2] = alloc_workqueue(&dm.wqs, "intensive", WQ_CPU_INTENSIVE | WQ_HIGHPRI, 2);
	for (unsigned i = 0; i < NR_WORKS; i++)
		item_init(&items[i], wq[i % 3], rand_one_in(&fb.rand, 2));
	for (unsigned n = 0; n < 4000; n++) {
		struct item *it = &items[rand_below(&fb.rand, NR_WORKS)];
		bool pending = work_pending(&it->work);

		env_host_set_cpu((unsigned)rand_below(&fb.rand, 2));
		if (rand_one_in(&fb.rand, 6)) {
			if (cancel_work(&it->work)) {
				CHECK(pending);
				it->taken_back++;
			}
			CHECK(!work_pending(&it->work));
		} else {
			bool new = queue_work(it->wq, &it->work);

			CHECK(new == !pending); /* Y2 */
			it->queued += new;
		}
		steps(1);
	}
	until_quiet();
	for (unsigned i = 0; i < NR_WORKS; i++)
		ck_assert_uint_eq(items[i].queued, items[i].ran + items[i].taken_back);
	end(wq, 3);
}
END_TEST

/* When a worker sleeps, another one of its pool takes over; while it runs, none does. */
START_TEST(one_runs_at_a_time)
{
	struct workqueue_struct *wq;
	struct worker_pool *pool;
	unsigned n;

	wq_begin(1, 3);
	wq = alloc_workqueue(&dm.wqs, "bound", 0, 0);
	pool = &dm.wqs.pools[0];
	for (unsigned i = 0; i < 8; i++) {
		item_init(&items[i], wq, true);
		queue_work(wq, &items[i].work);
	}
	for (n = 0; n < 10000; n++) { /* no wake-ups: all get to their sleep */
		unsigned asleep = 0;

		dm_step();
		CHECK(pool->nr_running <= 2); /* a sleeper's wake-up overlaps for a moment */
		for (unsigned i = 0; i < 8; i++)
			asleep += items[i].inside;
		if (asleep == 8 && !pool->nr_running)
			break;
	}
	ck_assert_uint_lt(n, 10000);
	ck_assert_uint_ge(pool->nr_rescued, 7);
	ck_assert_uint_ge(pool->nr_workers, 8);
	until_quiet();

	/* Without sleeping one worker does it all. */
	n = (unsigned)pool->nr_created;
	for (unsigned i = 0; i < 8; i++) {
		item_init(&items[i], wq, false);
		queue_work(wq, &items[i].work);
	}
	while (!quiet()) {
		unsigned inside = 0;

		dm_step();
		for (unsigned i = 0; i < 8; i++)
			inside += items[i].inside;
		CHECK(inside <= 1);
	}
	ck_assert_uint_eq(pool->nr_created, n);
	end(&wq, 1);
}
END_TEST

static unsigned sequence[NR_WORKS], nr_sequence;

static void ordered_body(struct work_struct *work)
{
	struct item *it = container_of(work, struct item, work);

	CHECK(!in_wq[0]++);
	sequence[nr_sequence++] = (unsigned)(it - items);
	if (it->sleeps)
		nap();
	checkpoint();
	in_wq[0]--;
	it->ran++;
}

START_TEST(ordered_means_one_after_the_other)
{
	struct workqueue_struct *wq;

	wq_begin(3, (u64)_i);
	wq = alloc_workqueue(&dm.wqs, "ordered", WQ_ORDERED, 0);
	nr_sequence = in_wq[0] = 0;
	for (unsigned i = 0; i < 20; i++) {
		item_init(&items[i], wq, rand_one_in(&fb.rand, 2));
		items[i].work.fn = ordered_body;
		env_host_set_cpu((unsigned)rand_below(&fb.rand, 3));
		queue_work(wq, &items[i].work);
		steps((unsigned)rand_below(&fb.rand, 3));
	}
	until_quiet();
	for (unsigned i = 0; i < 200 && nr_sequence < 20; i++)
		steps(10);
	ck_assert_uint_eq(nr_sequence, 20);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_uint_eq(sequence[i], i);
	end(&wq, 1);
}
END_TEST

static void limited_body(struct work_struct *work)
{
	(void)work;
	in_wq[1]++;
	most_in_wq[1] = MAX(most_in_wq[1], in_wq[1]);
	checkpoint();
	nap();
	in_wq[1]--;
}

START_TEST(max_active_limits)
{
	struct workqueue_struct *wq;

	wq_begin(1, 4);
	wq = alloc_workqueue(&dm.wqs, "limited", WQ_UNBOUND, 4);
	in_wq[1] = most_in_wq[1] = 0;
	for (unsigned i = 0; i < 30; i++) {
		item_init(&items[i], wq, false);
		items[i].work.fn = limited_body;
		queue_work(wq, &items[i].work);
	}
	until_quiet();
	ck_assert_uint_eq(most_in_wq[1], 4);
	for (unsigned i = 0; in_wq[1] && i < 10000; i++)
		steps(1);
	end(&wq, 1);
}
END_TEST

static void flushes(void *arg)
{
	struct item *it = arg;
	unsigned queued = it->queued - it->taken_back;

	flush_work(&it->work);
	CHECK(it->ran >= queued);
	CHECK(it->ran > queued || !it->inside);
}

static void flushes_all(void *arg)
{
	unsigned before[NR_WORKS];

	for (unsigned i = 0; i < NR_WORKS; i++)
		before[i] = items[i].queued;
	flush_workqueue(arg);
	for (unsigned i = 0; i < NR_WORKS; i++)
		CHECK(items[i].ran + items[i].taken_back >= before[i]);
}

static void cancels(void *arg)
{
	struct item *it = arg;

	it->taken_back += cancel_work_sync(&it->work);
	CHECK(!it->inside);
}

START_TEST(flush_and_cancel_wait)
{
	struct workqueue_struct *wq;
	struct fiber *f[16];

	wq_begin(2, (u64)_i + 50);
	wq = alloc_workqueue(&dm.wqs, "w", _i % 2 ? WQ_UNBOUND : 0, 2);
	for (unsigned i = 0; i < NR_WORKS; i++)
		item_init(&items[i], wq, rand_one_in(&fb.rand, 3));
	for (unsigned i = 0; i < ARRAY_SIZE(f); i++) {
		for (unsigned n = 0; n < 12; n++) {
			struct item *it = &items[rand_below(&fb.rand, NR_WORKS)];

			it->queued += queue_work(wq, &it->work);
			steps((unsigned)rand_below(&fb.rand, 3));
		}
		if (i % 4 == 0)
			f[i] = fiber_spawn(flushes_all, wq);
		else
			f[i] = fiber_spawn(i % 2 ? flushes : cancels,
					   &items[rand_below(&fb.rand, NR_WORKS)]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(f); i++)
		until_done(f[i]);
	until_quiet();
	for (unsigned i = 0; i < NR_WORKS; i++)
		ck_assert_uint_eq(items[i].queued, items[i].ran + items[i].taken_back);
	end(&wq, 1);
}
END_TEST

static bool stop_again;

static void again_body(struct work_struct *work)
{
	struct item *it = container_of(work, struct item, work);

	it->ran++;
	checkpoint();
	if (!stop_again)
		it->queued += queue_work(it->wq, work);
}

/* A work that always queues itself is stopped by cancel_work_sync(), also by two of them. */
START_TEST(cancel_stops_a_work_that_queues_itself)
{
	struct workqueue_struct *wq;
	struct fiber *a, *b;
	unsigned ran;

	wq_begin(2, (u64)_i);
	wq = alloc_workqueue(&dm.wqs, "w", 0, 0);
	item_init(&items[0], wq, false);
	items[0].work.fn = again_body;
	stop_again = false;
	queue_work(wq, &items[0].work);
	steps(100);
	ck_assert_uint_gt(items[0].ran, 3);
	a = fiber_spawn(cancels, &items[0]);
	b = fiber_spawn(cancels, &items[0]);
	until_done(a);
	until_done(b);
	ran = items[0].ran;
	steps(200);
	ck_assert_uint_eq(items[0].ran, ran);
	ck_assert(!work_pending(&items[0].work));
	end(&wq, 1);
}
END_TEST

/* The function may free its work, Y5. */
static void frees_itself(struct work_struct *work)
{
	struct item *it = container_of(work, struct item, work);

	in_wq[2]++;
	checkpoint();
	free(it);
	checkpoint();
}

START_TEST(a_work_may_free_itself)
{
	struct workqueue_struct *wq;

	wq_begin(2, 6);
	wq = alloc_workqueue(&dm.wqs, "w", 0, 0);
	in_wq[2] = 0;
	for (unsigned i = 0; i < 200; i++) {
		struct item *it = malloc(sizeof(*it));

		item_init(it, wq, false);
		it->work.fn = frees_itself;
		queue_work_on(i % 2, wq, &it->work);
		steps(4);
	}
	until_done(fiber_spawn(destroys, wq));
	ck_assert_uint_eq(in_wq[2], 200);
	end(&wq, 0);
}
END_TEST

/* ---- delayed ------------------------------------------------------------------------------------------------- */

static struct delayed_work dw;
static unsigned dw_runs;
static u64 dw_due;

static void dw_body(struct work_struct *work)
{
	CHECK(work == &dw.work);
	CHECK(fb.now >= dw_due);
	dw_runs++;
}

static void dw_cancels(void *arg)
{
	*(int *)arg = cancel_delayed_work_sync(&dw);
}

static void dw_flushes(void *arg)
{
	*(int *)arg = flush_delayed_work(&dw);
}

START_TEST(delayed_work_waits)
{
	struct workqueue_struct *wq;
	int ret = -1;

	wq_begin(2, 8);
	wq = alloc_workqueue(&dm.wqs, "w", 0, 0);
	INIT_DELAYED_WORK(&dm.wqs, &dw, dw_body);
	dw_runs = 0;
	for (unsigned i = 0; i < 20; i++) {
		u64 delay = rand_below(&fb.rand, 50);
		unsigned before = dw_runs;

		env_host_set_cpu(0);
		dw_due = fb.now + delay * DM_TICK;
		ck_assert(queue_delayed_work(wq, &dw, delay));
		ck_assert(!queue_delayed_work(wq, &dw, 1));
		if (i % 3 == 1) {
			dw_due = fb.now + 2 * DM_TICK;
			ck_assert(mod_delayed_work(wq, &dw, 2));
		}
		for (unsigned n = 0; dw_runs == before; n++) {
			CHECK(n < 100000);
			steps(1);
		}
	}
	env_host_set_cpu(0);
	dw_due = 0;
	queue_delayed_work(wq, &dw, 100000);
	ck_assert(cancel_delayed_work(&dw));
	ck_assert(!cancel_delayed_work(&dw));
	queue_delayed_work(wq, &dw, 100000);
	until_done(fiber_spawn(dw_cancels, &ret));
	ck_assert_int_eq(ret, 1);
	ck_assert_uint_eq(dw_runs, 20);
	env_host_set_cpu(0);
	queue_delayed_work(wq, &dw, 100000);
	until_done(fiber_spawn(dw_flushes, &ret));
	ck_assert_int_eq(ret, 1);
	ck_assert_uint_eq(dw_runs, 21);
	ck_assert(!mod_delayed_work(wq, &dw, 5));
	ck_assert(cancel_delayed_work(&dw));
	end(&wq, 1);
}
END_TEST

/* ---- workers come and go ------------------------------------------------------------------------------------------ */

START_TEST(idle_workers_end)
{
	struct workqueue_struct *wq;
	struct worker_pool *pool;

	wq_begin(1, 2);
	wq = alloc_workqueue(&dm.wqs, "w", 0, 0);
	dm.wqs.idle_jiffies = 100;
	pool = &dm.wqs.pools[0];
	for (unsigned i = 0; i < 10; i++) {
		item_init(&items[i], wq, true);
		queue_work(wq, &items[i].work);
	}
	for (unsigned i = 0; pool->nr_workers < 10; i++) {
		CHECK(i < 10000);
		dm_step();
	}
	until_quiet();
	for (unsigned i = 0; pool->nr_workers > 2; i++) {
		CHECK(i < 100000);
		steps(1);
	}
	ck_assert_uint_ge(pool->nr_idle, 2);
	end(&wq, 1);
}
END_TEST

START_TEST(short_of_memory)
{
	struct workqueue_struct *wq;

	wq_begin(1, 2);
	wq = alloc_workqueue(&dm.wqs, "w", 0, 0);
	dm.fail_workers = 5;
	for (unsigned i = 0; i < 10; i++) {
		item_init(&items[i], wq, i % 2);
		items[i].queued = queue_work(wq, &items[i].work);
	}
	until_quiet();
	for (unsigned i = 0; i < 10; i++)
		ck_assert_uint_eq(items[i].ran, 1);
	end(&wq, 1);
	dm_init(1, 1);
	for (unsigned n = 1;; n++) {
		env_host_fail_after(n);
		wq = alloc_workqueue(&dm.wqs, "w", 0, 0);
		if (!env_host_fail_after(0))
			break;
		ck_assert_ptr_null(wq);
	}
	ck_assert_ptr_nonnull(wq);
	end(&wq, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("defer_workqueue");
	TCase *t = tcase_create("workqueue");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, each_queueing_runs_once, 0, 6);
	tcase_add_test(t, one_runs_at_a_time);
	tcase_add_loop_test(t, ordered_means_one_after_the_other, 0, 4);
	tcase_add_test(t, max_active_limits);
	tcase_add_loop_test(t, flush_and_cancel_wait, 0, 8);
	tcase_add_loop_test(t, cancel_stops_a_work_that_queues_itself, 0, 4);
	tcase_add_test(t, a_work_may_free_itself);
	tcase_add_test(t, delayed_work_waits);
	tcase_add_test(t, idle_workers_end);
	tcase_add_test(t, short_of_memory);
	suite_add_tcase(s, t);
	return dm_run_suite(s);
}
