/* SPDX-License-Identifier: MIT */
/* test_loop.c - the event loop: timers in order, from any thread; watches that change under way. */
#include "vmm/loop.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MS 1000000ULL

struct fixture {
	struct loop *loop;
	struct loop_timer *timer[4];
	int order[16], n;
};

struct tick {
	struct fixture *f;
	int id;
};

static void on_tick(void *arg)
{
	struct tick *t = arg;

	ck_assert_int_lt(t->f->n, 16);
	t->f->order[t->f->n++] = t->id;
}

static void on_end(void *arg)
{
	loop_stop(arg);
}

START_TEST(timers_in_order)
{
	struct fixture f = { .loop = loop_create() };
	struct tick t[3] = { { &f, 0 }, { &f, 1 }, { &f, 2 } };
	struct loop_timer *end = loop_timer_create(f.loop, on_end, f.loop);
	u64 now = loop_now();

	for (int i = 0; i < 3; i++)
		f.timer[i] = loop_timer_create(f.loop, on_tick, &t[i]);
	loop_timer_arm(f.timer[0], now + 20 * MS);
	loop_timer_arm(f.timer[1], now + 5 * MS);
	loop_timer_arm(f.timer[2], now + 10 * MS);
	loop_timer_arm(end, now + 40 * MS);
	loop_timer_arm(f.timer[1], now + 30 * MS); /* later than first asked for */
	loop_run(f.loop);
	ck_assert_int_eq(f.n, 3);
	ck_assert_int_eq(f.order[0], 2);
	ck_assert_int_eq(f.order[1], 0);
	ck_assert_int_eq(f.order[2], 1);
	ck_assert_uint_ge(loop_now() - now, 40 * MS);
	ck_assert_uint_lt(loop_now() - now, 4000 * MS);
	for (int i = 0; i < 3; i++)
		loop_timer_destroy(f.timer[i]);
	loop_timer_destroy(end);
	loop_destroy(f.loop);
}
END_TEST

START_TEST(cancelled_and_past)
{
	struct fixture f = { .loop = loop_create() };
	struct tick t[2] = { { &f, 0 }, { &f, 1 } };
	struct loop_timer *end = loop_timer_create(f.loop, on_end, f.loop);
	u64 now = loop_now();

	for (int i = 0; i < 2; i++)
		f.timer[i] = loop_timer_create(f.loop, on_tick, &t[i]);
	loop_timer_arm(f.timer[0], now + MS);
	loop_timer_cancel(f.timer[0]);
	loop_timer_cancel(f.timer[0]);
	loop_timer_arm(f.timer[1], 1); /* long past: at once, and once only */
	loop_timer_arm(end, now + 15 * MS);
	loop_run(f.loop);
	ck_assert_int_eq(f.n, 1);
	ck_assert_int_eq(f.order[0], 1);
	for (int i = 0; i < 2; i++)
		loop_timer_destroy(f.timer[i]);
	loop_timer_destroy(end);
	loop_destroy(f.loop);
}
END_TEST

/* A timer that arms itself for the past must not keep others, or the stop, from their turn. */
struct greedy {
	struct loop *loop;
	struct loop_timer *self, *other;
	unsigned rounds;
};

static void on_greedy(void *arg)
{
	struct greedy *g = arg;

	g->rounds++;
	ck_assert_uint_lt(g->rounds, 1000000);
	loop_timer_arm(g->self, 1);
}

START_TEST(greedy_timer)
{
	struct greedy g = { .loop = loop_create() };

	g.self = loop_timer_create(g.loop, on_greedy, &g);
	g.other = loop_timer_create(g.loop, on_end, g.loop);
	loop_timer_arm(g.self, 1);
	loop_timer_arm(g.other, loop_now() + 5 * MS);
	loop_run(g.loop);
	ck_assert_uint_gt(g.rounds, 1);
	loop_timer_destroy(g.self);
	loop_timer_destroy(g.other);
	loop_destroy(g.loop);
}
END_TEST

struct remote {
	struct loop_timer *timer;
	struct loop *loop;
};

static void *arm_from_elsewhere(void *arg)
{
	struct remote *r = arg;

	usleep(20000); /* the loop sleeps by now, with nothing to wait for */
	loop_timer_arm(r->timer, loop_now() + MS);
	return NULL;
}

START_TEST(other_thread_wakes_it)
{
	struct loop *l = loop_create();
	struct remote r = { loop_timer_create(l, on_end, l), l };
	pthread_t thread;
	u64 start = loop_now();

	ck_assert_int_eq(pthread_create(&thread, NULL, arm_from_elsewhere, &r), 0);
	loop_run(l);
	ck_assert_uint_ge(loop_now() - start, 20 * MS);
	pthread_join(thread, NULL);
	loop_timer_destroy(r.timer);
	loop_destroy(l);
}
END_TEST

START_TEST(stop_comes_first)
{
	struct loop *l = loop_create();

	loop_stop(l);
	loop_run(l);
	loop_destroy(l);
}
END_TEST

/* Watches: the first callback removes the second one, which is ready in the same round. */
struct pair {
	struct loop *loop;
	int rd[2], wr[2];
	unsigned calls[2];
};

static void on_readable(struct pair *p, int i, u32 events)
{
	char c;

	ck_assert(events & EPOLLIN);
	p->calls[i]++;
	ck_assert_int_eq(read(p->rd[i], &c, 1), 1);
	loop_unwatch(p->loop, p->rd[!i]);
}

static void on_first(void *arg, u32 events)
{
	on_readable(arg, 0, events);
}

static void on_second(void *arg, u32 events)
{
	on_readable(arg, 1, events);
}

START_TEST(unwatched_under_way)
{
	struct pair p = { .loop = loop_create() };
	struct loop_timer *end = loop_timer_create(p.loop, on_end, p.loop);

	for (int i = 0; i < 2; i++) {
		int fd[2];

		ck_assert_int_eq(pipe(fd), 0);
		p.rd[i] = fd[0];
		p.wr[i] = fd[1];
		ck_assert_int_eq(write(p.wr[i], "x", 1), 1);
		ck_assert_int_eq(loop_watch(p.loop, p.rd[i], EPOLLIN, i ? on_second : on_first, &p),
				 0);
	}
	loop_timer_arm(end, loop_now() + 10 * MS);
	loop_run(p.loop);
	ck_assert_uint_eq(p.calls[0] + p.calls[1], 1);
	for (int i = 0; i < 2; i++) {
		loop_unwatch(p.loop, p.rd[i]);
		close(p.rd[i]);
		close(p.wr[i]);
	}
	loop_timer_destroy(end);
	loop_destroy(p.loop);
}
END_TEST

START_TEST(second_watch_changes_events)
{
	struct pair p = { .loop = loop_create() };
	struct loop_timer *end = loop_timer_create(p.loop, on_end, p.loop);
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	p.rd[0] = fd[0];
	p.rd[1] = -1;
	ck_assert_int_eq(write(fd[1], "x", 1), 1);
	ck_assert_int_eq(loop_watch(p.loop, fd[0], 0, on_second, &p), 0);
	ck_assert_int_eq(loop_watch(p.loop, fd[0], EPOLLIN, on_first, &p), 0);
	loop_timer_arm(end, loop_now() + 10 * MS);
	loop_run(p.loop);
	ck_assert_uint_eq(p.calls[0], 1);
	ck_assert_uint_eq(p.calls[1], 0);
	ck_assert_int_lt(loop_watch(p.loop, -1, EPOLLIN, on_first, &p), 0);
	loop_unwatch(p.loop, fd[0]);
	loop_unwatch(p.loop, fd[0]);
	close(fd[0]);
	close(fd[1]);
	loop_timer_destroy(end);
	loop_destroy(p.loop);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("loop");
	TCase *tc = tcase_create("loop");
	SRunner *r;
	int failed;

	tcase_add_test(tc, timers_in_order);
	tcase_add_test(tc, cancelled_and_past);
	tcase_add_test(tc, greedy_timer);
	tcase_add_test(tc, other_thread_wakes_it);
	tcase_add_test(tc, stop_comes_first);
	tcase_add_test(tc, unwatched_under_way);
	tcase_add_test(tc, second_watch_changes_events);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
