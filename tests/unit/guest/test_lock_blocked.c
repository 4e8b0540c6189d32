/* SPDX-License-Identifier: MIT */
/* Who waits for whom: tasks that sleep in every kind of lock, and what is said of them. */
#include <stdio.h>

#include "tests/unit/guest/fibers.h"

#include "guest/locking/blocked.h"
#include "guest/locking/mutex.h"
#include "guest/locking/rt_mutex.h"
#include "guest/locking/rwsem.h"
#include "guest/locking/semaphore.h"

#define MAX_LINES 16

static struct mutex first, second;
static struct rt_mutex rt;
static struct rw_semaphore rw;
static struct semaphore sem;
static bool release;
static int interrupted;

static struct lines {
	unsigned nr;
	char line[MAX_LINES][BLOCKED_LINE];
} lines;

static void note(void *ctx, const char *line)
{
	struct lines *l = ctx;

	CHECK(l->nr < MAX_LINES);
	strcpy(l->line[l->nr++], line);
}

static unsigned ask(void)
{
	lines.nr = 0;
	blocked_show(fb.sched, note, &lines);
	return lines.nr;
}

static void until_released(void)
{
	while (!release)
		checkpoint();
}

static void takes_first_then_second(void *arg)
{
	(void)arg;
	mutex_lock(&first);
	while (!mutex_is_locked(&second))
		checkpoint();
	interrupted = mutex_lock_interruptible(&second);
	mutex_unlock(&first);
}

static void takes_second_then_first(void *arg)
{
	(void)arg;
	mutex_lock(&second);
	while (!mutex_is_locked(&first))
		checkpoint();
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void reads(void *arg)
{
	(void)arg;
	down_read(&rw);
	until_released();
	up_read(&rw);
}

static void writes(void *arg)
{
	(void)arg;
	while (!READ_ONCE(rw.readers))
		checkpoint();
	down_write(&rw);
	up_write(&rw);
}

static void reads_late(void *arg)
{
	(void)arg;
	while (list_empty(&rw.wait_list))
		checkpoint();
	down_read(&rw);
	up_read(&rw);
}

static void takes_rt(void *arg)
{
	(void)arg;
	rt_mutex_lock(&rt);
	until_released();
	rt_mutex_unlock(&rt);
}

static void waits_for_rt(void *arg)
{
	(void)arg;
	while (!rt.owner)
		checkpoint();
	rt_mutex_lock(&rt);
	rt_mutex_unlock(&rt);
}

static void waits_for_semaphore(void *arg)
{
	(void)arg;
	down(&sem);
}

static void init_locks(void)
{
	mutex_init(&first);
	mutex_init(&second);
	rt_mutex_init(&rt);
	init_rwsem(&rw);
	sema_init(&sem, 0);
	release = false;
	interrupted = 1;
}

START_TEST(every_kind_of_lock)
{
	void (*const fn[])(void *arg) = { takes_first_then_second,
					  takes_second_then_first,
					  reads,
					  writes,
					  reads_late,
					  takes_rt,
					  waits_for_rt,
					  waits_for_semaphore };
	char semaphore[BLOCKED_LINE];
	const char *const want[] = {
		"fiber (1) waits for mutex &second, held by fiber (2); a deadlock",
		"fiber (2) waits for mutex &first, held by fiber (1); a deadlock",
		"fiber (4) waits for writing rwsem &rw, held by 1 reader",
		"fiber (5) waits for reading rwsem &rw, held by 1 reader",
		"fiber (7) waits for rt_mutex &rt, held by fiber (6)",
		semaphore,
	};

	fibers_init(2, (u64)_i);
	init_locks();
	snprintf(semaphore, sizeof(semaphore), "fiber (8) waits for semaphore %p", (void *)&sem);
	for (unsigned i = 0; i < ARRAY_SIZE(fn); i++)
		fiber_spawn(fn[i], NULL);
	for (unsigned steps = 0; ask() < ARRAY_SIZE(want); steps++) {
		CHECK(steps < 100000);
		fibers_step();
	}
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++)
		ck_assert_str_eq(lines.line[i], want[i]);

	/* A signal opens the circle; then nobody waits any more. */
	fb.fibers[0]->t.signal_pending = true;
	wake_up_state(&fb.fibers[0]->t, TASK_INTERRUPTIBLE);
	up(&sem);
	release = true;
	fibers_run(100000);
	ck_assert_int_eq(interrupted, -EINTR);
	ck_assert_uint_eq(ask(), 0);
	fibers_exit();
}
END_TEST

static void ends_with_the_lock(void *arg)
{
	(void)arg;
	mutex_lock(&first);
}

static void waits_for_first(void *arg)
{
	(void)arg;
	while (!mutex_is_locked(&first))
		checkpoint();
	mutex_lock(&first);
}

/* The address of a task that has ended stays in its lock, and is not followed. */
START_TEST(owner_that_has_ended)
{
	fibers_init(1, 3);
	init_locks();
	fiber_spawn(ends_with_the_lock, NULL);
	fiber_spawn(waits_for_first, NULL);
	for (unsigned steps = 0; !fb.fibers[0]->done || !ask(); steps++) {
		CHECK(steps < 1000);
		fibers_step();
	}
	sched_task_free(&fb.fibers[0]->t);
	ask();
	ck_assert_str_eq(lines.line[0],
			 "fiber (2) waits for mutex &first, held by a task that has ended");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lock_blocked");
	TCase *t = tcase_create("who waits for whom");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, every_kind_of_lock, 0, 20);
	tcase_add_test(t, owner_that_has_ended);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
