/* SPDX-License-Identifier: MIT */
/* chardev_fixture.h - a chardev in a mock machine, and a client that takes what it is told to. */
#ifndef TESTS_UNIT_DEVICES_CHARDEV_FIXTURE_H
#define TESTS_UNIT_DEVICES_CHARDEV_FIXTURE_H

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>

#include "devices/chardev.h"
#include "tests/unit/devices/mock_env.h"

static struct mock_env m;

/* A client that takes input up to a limit and counts its calls. */
struct sink {
	u8 got[70000];
	size_t n;
	size_t limit;
	unsigned writable_calls;
};

static inline size_t sink_receive(void *arg, const u8 *buf, size_t n)
{
	struct sink *s = arg;
	size_t take = MIN(n, s->limit - s->n);

	memcpy(s->got + s->n, buf, take);
	s->n += take;
	return take;
}

static inline void sink_writable(void *arg)
{
	((struct sink *)arg)->writable_calls++;
}

static struct sink sink;

static inline struct chardev *open_chardev(int in_fd, int out_fd)
{
	const struct chardev_config cfg = { .in_fd = in_fd, .out_fd = out_fd };
	const struct chardev_client client = { &sink, sink_receive, sink_writable };
	struct chardev *cd = chardev_create(&m.env, &cfg);

	ck_assert_ptr_nonnull(cd);
	chardev_set_client(cd, &client);
	ck_assert_int_eq(chardev_start(cd), 0);
	return cd;
}

static inline void setup(void)
{
	mock_init(&m);
	memset(&sink, 0, sizeof(sink));
	sink.limit = sizeof(sink.got);
}

static inline void teardown(void)
{
	mock_fini(&m);
}

static inline u8 pattern(u64 i)
{
	return (u8)(i * 2654435761u >> 13);
}

static inline void make_pipe(int p[2])
{
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
}

static inline int run_tests(const char *name, const TTest *const *tests, size_t n)
{
	Suite *s = suite_create(name);
	TCase *t = tcase_create(name);
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
