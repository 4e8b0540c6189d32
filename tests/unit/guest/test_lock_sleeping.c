/* SPDX-License-Identifier: MIT */
/* Locks that sleep: random tasks on several CPUs against what the locks promise, signals, misuse. */
#include "tests/unit/guest/fibers.h"

#include "guest/locking/mutex.h"
#include "guest/locking/rt_mutex.h"
#include "guest/locking/rwsem.h"
#include "guest/locking/semaphore.h"
#include "guest/locking/seqlock.h"
#include "guest/locking/wait.h"

#define ROUNDS 60
#define TASKS  12

static struct {
	struct mutex mutex;
	struct rt_mutex rt;
	struct semaphore sem;
	struct rw_semaphore rw;
	int inside, readers, writers, units;
	unsigned entered, refused, interrupted;
	struct rand rand;
} w;

static void pause_a_while(void)
{
	for (u64 n = rand_below(&w.rand, 4); n; n--)
		checkpoint();
}

static void mutex_user(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		int how = (int)rand_below(&w.rand, 4);

		if (how == 0 && !mutex_trylock(&w.mutex)) {
			w.refused++;
			pause_a_while();
			continue;
		}
		if (how == 1 && mutex_lock_interruptible(&w.mutex)) {
			w.interrupted++;
			current->signal_pending = false;
			continue;
		}
		if (how >= 2)
			mutex_lock(&w.mutex);
		CHECK_EQ(w.inside, 0);
		w.inside++;
		w.entered++;
		CHECK_EQ(mutex_owner(&w.mutex), current);
		pause_a_while();
		w.inside--;
		mutex_unlock(&w.mutex);
		CHECK(!mutex_check(&w.mutex));
		pause_a_while();
	}
}

static void rt_mutex_user(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (rand_one_in(&w.rand, 4)) {
			if (!rt_mutex_trylock(&w.rt)) {
				pause_a_while();
				continue;
			}
		} else if (rt_mutex_lock_interruptible(&w.rt)) {
			w.interrupted++;
			current->signal_pending = false;
			continue;
		}
		CHECK_EQ(w.inside, 0);
		w.inside++;
		w.entered++;
		pause_a_while();
		w.inside--;
		rt_mutex_unlock(&w.rt);
		CHECK(!rt_mutex_check(&w.rt));
		pause_a_while();
	}
	CHECK_EQ(current->prio, current->normal_prio);
}

static void sem_user(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (rand_one_in(&w.rand, 4)) {
			if (!down_trylock(&w.sem)) {
				pause_a_while();
				continue;
			}
		} else if (down_interruptible(&w.sem)) {
			w.interrupted++;
			current->signal_pending = false;
			continue;
		}
		w.units++;
		w.entered++;
		CHECK(w.units <= 3);
		pause_a_while();
		w.units--;
		up(&w.sem);
		CHECK(!semaphore_check(&w.sem));
		pause_a_while();
	}
}

static void rwsem_user(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		bool write = rand_one_in(&w.rand, 3);

		if (rand_one_in(&w.rand, 5)) {
			if (!(write ? down_write_trylock(&w.rw) : down_read_trylock(&w.rw))) {
				pause_a_while();
				continue;
			}
		} else if (write) {
			if (down_write_killable(&w.rw)) {
				w.interrupted++;
				current->signal_pending = current->fatal_signal_pending = false;
				continue;
			}
		} else {
			down_read(&w.rw);
		}
		w.entered++;
		if (write) {
			CHECK(!w.writers && !w.readers);
			w.writers++;
			pause_a_while();
			w.writers--;
			if (rand_one_in(&w.rand, 3)) {
				w.readers++;
				downgrade_write(&w.rw);
				write = false;
			} else {
				up_write(&w.rw);
			}
		} else {
			CHECK(!w.writers);
			w.readers++;
			pause_a_while();
		}
		if (!write) {
			w.readers--;
			up_read(&w.rw);
		}
		CHECK(!rwsem_check(&w.rw));
		pause_a_while();
	}
}

/* Signals hit random tasks while all run. */
static void run_with_signals(unsigned max)
{
	while (!fibers_done()) {
		struct task_struct *p = &fb.fibers[rand_below(&w.rand, fb.nr)]->t;

		CHECK(max-- > 0);
		fibers_step();
		if (rand_one_in(&w.rand, 20) && !fiber_of(p)->done) {
			p->signal_pending = p->fatal_signal_pending = true;
			wake_up_state(p, TASK_INTERRUPTIBLE | TASK_WAKEKILL);
		}
	}
}

START_TEST(random_users)
{
	static void (*const users[])(void *) = { mutex_user, rt_mutex_user, sem_user, rwsem_user };
	struct lockdep *ld = calloc(1, sizeof(*ld));

	fibers_init(1 + (unsigned)_i % FIBER_CPUS, (u64)_i);
	lockdep_enable(fb.sched, ld);
	memset(&w, 0, sizeof(w));
	rand_init(&w.rand, 1000 + (u64)_i);
	mutex_init(&w.mutex);
	rt_mutex_init(&w.rt);
	sema_init(&w.sem, 3);
	init_rwsem(&w.rw);
	for (unsigned i = 0; i < TASKS; i++) {
		struct fiber *f = fiber_spawn(users[_i / 8 % 4], NULL);

		if (rand_one_in(&w.rand, 2))
			task_setscheduler(&f->t, SCHED_RR, 1 + (unsigned)rand_below(&w.rand, 50),
					  NULL);
	}
	run_with_signals(400000);
	ck_assert_uint_gt(w.entered, TASKS * ROUNDS / 3);
	ck_assert_uint_gt(w.interrupted, 0);
	ck_assert_msg(!ld->reports, "%s", env_host_log_text());
	ck_assert_ptr_null(lockdep_check(ld));
	fibers_exit();
	free(ld);
}
END_TEST

/* ---- nobody starves ------------------------------------------------------------------------------------- */

static unsigned turns[3];

/* Lets go and takes again without a pause: the sleeper would always come too late. */
static void greedy(void *arg)
{
	unsigned *n = arg;

	while (turns[2] < 20) {
		mutex_lock(&w.mutex);
		checkpoint();
		++*n;
		mutex_unlock(&w.mutex);
	}
}

static void patient(void *arg)
{
	unsigned *n = arg;

	while (*n < 20) {
		mutex_lock(&w.mutex);
		++*n;
		mutex_unlock(&w.mutex);
		checkpoint();
	}
}

START_TEST(handover_ends_starvation)
{
	memset(turns, 0, sizeof(turns));
	fibers_init(3, 1);
	mutex_init(&w.mutex);
	fiber_spawn(greedy, &turns[0]);
	fiber_spawn(greedy, &turns[1]);
	fiber_spawn(patient, &turns[2]);
	fibers_run(100000);
	ck_assert_uint_eq(turns[2], 20);
	ck_assert_uint_lt(turns[0] + turns[1], 2000);
	fibers_exit();
}
END_TEST

/* ---- wait queues and completions --------------------------------------------------------------------------- */

static wait_queue_head_t queue;
static struct completion started, all;
static unsigned level, woken;

static void waiter(void *arg)
{
	unsigned want = *(unsigned *)arg;

	complete(&started);
	wait_event(&queue, level >= want);
	CHECK(level >= want);
	woken++;
	wait_for_completion(&all);
}

static void raiser(void *arg)
{
	unsigned n = *(unsigned *)arg;

	for (unsigned i = 0; i < n; i++)
		wait_for_completion(&started);
	for (unsigned i = 1; i <= n; i++) {
		level = i;
		wake_up_all(&queue);
		while (woken < i)
			checkpoint();
		CHECK_EQ(woken, i);
	}
	complete_all(&all);
	CHECK(try_wait_for_completion(&all));
}

START_TEST(waiting_and_completing)
{
	static unsigned want[10], n = 10;

	level = woken = 0;
	fibers_init(1 + (unsigned)_i % 4, (u64)_i);
	init_waitqueue_head(&queue);
	init_completion(&started);
	init_completion(&all);
	for (unsigned i = 0; i < n; i++) {
		want[i] = i + 1;
		fiber_spawn(waiter, &want[i]);
	}
	fiber_spawn(raiser, &n);
	fibers_run(100000);
	ck_assert(!waitqueue_active(&queue));
	fibers_exit();
}
END_TEST

static unsigned tokens, taken;

static void consumer(void *arg)
{
	struct wait_queue_entry e = { .node = { &e.node, &e.node } };

	(void)arg;
	for (;;) {
		prepare_to_wait_exclusive(&queue, &e, TASK_UNINTERRUPTIBLE);
		if (tokens)
			break;
		schedule();
	}
	finish_wait(&queue, &e);
	CHECK(tokens);
	tokens--;
	taken++;
}

static void producer(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 12; i++) {
		tokens++;
		wake_up(&queue);
		checkpoint();
		checkpoint();
	}
}

START_TEST(exclusive_waiters_wake_one_by_one)
{
	tokens = taken = 0;
	fibers_init(3, (u64)_i);
	init_waitqueue_head(&queue);
	for (unsigned i = 0; i < 12; i++)
		fiber_spawn(consumer, NULL);
	fiber_spawn(producer, NULL);
	fibers_run(100000);
	ck_assert_uint_eq(taken, 12);
	ck_assert_uint_eq(tokens, 0);
	fibers_exit();
}
END_TEST

/* ---- seqlock --------------------------------------------------------------------------------------------------- */

static seqlock_t seq;
static u64 pair[2];
static unsigned reads, retries;

static void seq_writer(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 200; i++) {
		write_seqlock(&seq);
		pair[0]++;
		pair[1] += 2;
		write_sequnlock(&seq);
		checkpoint();
	}
}

static void seq_reader(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 200; i++) {
		u64 a, b;
		u32 start;

		for (;;) {
			start = read_seqbegin(&seq);
			a = pair[0];
			checkpoint(); /* a writer may come in between */
			b = pair[1];
			if (!read_seqretry(&seq, start))
				break;
			retries++;
		}
		CHECK_EQ(b, 2 * a);
		reads++;
	}
}

START_TEST(seqlock_readers_see_whole_values)
{
	reads = retries = 0;
	pair[0] = pair[1] = 0;
	fibers_init(4, 3);
	seqlock_init(&seq);
	for (unsigned i = 0; i < 2; i++)
		fiber_spawn(seq_writer, NULL);
	for (unsigned i = 0; i < 4; i++)
		fiber_spawn(seq_reader, NULL);
	fibers_run(100000);
	ck_assert_uint_eq(pair[0], 400);
	ck_assert_uint_gt(retries, 0);
	fibers_exit();
}
END_TEST

/* ---- misuse -------------------------------------------------------------------------------------------------------- */

static struct mutex a, b, c;
static struct lockdep ld;
static const char *expect;

static void report_has(const char *text)
{
	ck_assert_msg(strstr(env_host_log_text(), text) != NULL, "\"%s\" lacks \"%s\"",
		      env_host_log_text(), text);
}

static void lock_a(void *arg)
{
	(void)arg;
	mutex_lock(&a);
	expect = "held";
	while (!strcmp(expect, "held"))
		checkpoint();
	mutex_unlock(&a);
}

static void misuser(void *arg)
{
	u64 reports;

	(void)arg;
	env_host_log_to_stderr(-1);
	while (!expect)
		checkpoint();
	reports = ld.reports;
	mutex_unlock(&a); /* M1: somebody else's */
	ck_assert_uint_eq(ld.reports, ++reports);
	report_has("unlocked by a task that does not own it; owner: fiber");
	expect = "go on";

	env_preempt_disable(); /* M3 */
	mutex_lock(&b);
	env_preempt_enable();
	ck_assert_uint_eq(ld.reports, ++reports);
	report_has("invalid context");
	mutex_unlock(&b);

	up_read(&w.rw);
	ck_assert_uint_eq(ld.reports, ++reports);
	report_has("up_read without a reader");
	up_write(&w.rw);
	ck_assert_uint_eq(ld.reports, ++reports);

	/* a before b, b before c, c before a. */
	mutex_lock(&a);
	mutex_lock(&b);
	mutex_unlock(&b);
	mutex_unlock(&a);
	mutex_lock(&b);
	mutex_lock(&c);
	mutex_unlock(&b);
	ck_assert_uint_eq(ld.reports, reports);
	mutex_lock(&a);
	ck_assert_uint_eq(ld.reports, ++reports);
	report_has("circular");
	report_has("&a -> &b -> &c");
	mutex_unlock(&a);
	mutex_lock(&a); /* reported once */
	ck_assert_uint_eq(ld.reports, reports);
	mutex_unlock(&a);
	ck_assert(lock_is_held(&c.dep));
	ck_assert(!lock_is_held(&a.dep));
	/* Ends with c held. */
}

START_TEST(misuse_is_reported)
{
	expect = NULL;
	fibers_init(2, 1);
	lockdep_enable(fb.sched, &ld);
	mutex_init(&a);
	mutex_init(&b);
	mutex_init(&c);
	init_rwsem(&w.rw);
	fiber_spawn(lock_a, NULL);
	fiber_spawn(misuser, NULL);
	fibers_run(1000);
	report_has("exiting while holding 1 locks, the last one &c");
	ck_assert_uint_eq(fb.backtraces, ld.reports);
	ck_assert_ptr_null(lockdep_check(&ld));
	fibers_exit();
}
END_TEST

static void recurser(void *arg)
{
	(void)arg;
	env_host_log_to_stderr(-1);
	mutex_lock(&a);
	mutex_lock(&a);
}

START_TEST(recursion_is_reported)
{
	fibers_init(1, 1);
	lockdep_enable(fb.sched, &ld);
	mutex_init(&a);
	fiber_spawn(recurser, NULL);
	for (unsigned i = 0; i < 10; i++)
		fibers_step();
	ck_assert_uint_ge(ld.reports, 2);
	report_has("recursive locking");
	ck_assert(!fibers_done()); /* it waits for itself */
}
END_TEST

static struct rt_mutex r1, r2;
static int verdict;

static void takes_r1_then_r2(void *arg)
{
	(void)arg;
	rt_mutex_lock(&r1);
	checkpoint();
	checkpoint();
	rt_mutex_lock(&r2);
	rt_mutex_unlock(&r2);
	rt_mutex_unlock(&r1);
}

static void takes_r2_then_r1(void *arg)
{
	(void)arg;
	rt_mutex_lock(&r2);
	while (!r2.waiters.leftmost)
		checkpoint();
	verdict = rt_mutex_lock_interruptible(&r1);
	rt_mutex_unlock(&r2);
}

START_TEST(rt_mutex_finds_deadlock)
{
	verdict = 0;
	fibers_init(2, 5);
	rt_mutex_init(&r1);
	rt_mutex_init(&r2);
	fiber_spawn(takes_r2_then_r1, NULL);
	fiber_spawn(takes_r1_then_r2, NULL);
	fibers_run(1000);
	ck_assert_int_eq(verdict, -EDEADLK);
	fibers_exit();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lock_sleeping");
	TCase *t = tcase_create("locks");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, random_users, 0, 32);
	tcase_add_test(t, handover_ends_starvation);
	tcase_add_loop_test(t, waiting_and_completing, 0, 12);
	tcase_add_loop_test(t, exclusive_waiters_wake_one_by_one, 0, 6);
	tcase_add_test(t, seqlock_readers_see_whole_values);
	tcase_add_test(t, misuse_is_reported);
	tcase_add_test(t, recursion_is_reported);
	tcase_add_test(t, rt_mutex_finds_deadlock);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
