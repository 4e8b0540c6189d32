/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/chardev.c: input, its flow control and its filter. */
#include "tests/unit/devices/chardev_fixture.h"

START_TEST(input_is_kept_until_kicked)
{
	struct chardev *cd;
	int p[2];

	make_pipe(p);
	cd = open_chardev(p[0], -1);
	sink.limit = 4;
	ck_assert_int_eq(write(p[1], "abcdefgh", 8), 8);
	mock_poll(&m);
	ck_assert_uint_eq(sink.n, 4);
	mock_advance(&m, 1000000);
	ck_assert_uint_eq(sink.n, 4);
	sink.limit = 6;
	chardev_kick_input(cd);
	mock_advance(&m, 0);
	ck_assert_uint_eq(sink.n, 6);
	sink.limit = 100;
	chardev_kick_input(cd);
	mock_advance(&m, 0);
	ck_assert_int_eq(memcmp(sink.got, "abcdefgh", 8), 0);
	m.timer_arms = 0;
	chardev_kick_input(cd); /* nothing waits: nothing happens */
	ck_assert_uint_eq(m.timer_arms, 0);
	chardev_destroy(cd);
	close(p[0]);
	close(p[1]);
}
END_TEST

/* 60000 bytes through a client that takes 7 at a time: flow control back to the writer. */
START_TEST(pasted_input_is_not_lost)
{
	struct chardev *cd;
	size_t fed = 0;
	int p[2];
	u8 b[512];

	make_pipe(p);
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	cd = open_chardev(p[0], -1);
	sink.limit = 0;
	for (int turn = 0; sink.n < 60000 && turn < 100000; turn++) {
		size_t n = MIN(sizeof(b), 60000 - fed);
		ssize_t w;

		for (size_t i = 0; i < n; i++)
			b[i] = pattern(fed + i);
		w = n ? write(p[1], b, n) : 0;
		fed += w > 0 ? (size_t)w : 0;
		mock_poll(&m);
		sink.limit = MIN(sink.limit + 7, 60000u);
		chardev_kick_input(cd);
		mock_advance(&m, 0);
	}
	ck_assert_uint_eq(sink.n, 60000);
	for (size_t i = 0; i < sink.n; i++)
		ck_assert_uint_eq(sink.got[i], pattern(i));
	chardev_destroy(cd);
	close(p[0]);
	close(p[1]);
}
END_TEST

START_TEST(end_of_input_stops_watching)
{
	struct chardev *cd;
	int p[2];

	make_pipe(p);
	cd = open_chardev(p[0], -1);
	ck_assert_int_eq(write(p[1], "bye", 3), 3);
	close(p[1]);
	mock_poll(&m);
	mock_poll(&m);
	ck_assert_uint_eq(sink.n, 3);
	ck_assert_uint_eq(mock_poll(&m), 0);
	chardev_destroy(cd);
	close(p[0]);
}
END_TEST

static size_t drop_x(void *arg, u8 *buf, size_t n)
{
	size_t kept = 0;

	(*(unsigned *)arg)++;
	for (size_t i = 0; i < n; i++)
		if (buf[i] != 'x')
			buf[kept++] = buf[i];
	return kept;
}

START_TEST(filter_sees_keys_of_a_hung_guest)
{
	unsigned calls = 0;
	struct chardev_config cfg = { .out_fd = -1, .filter = drop_x, .filter_arg = &calls };
	const struct chardev_client client = { &sink, sink_receive, sink_writable };
	struct chardev *cd;
	int p[2];

	make_pipe(p);
	cfg.in_fd = p[0];
	cd = chardev_create(&m.env, &cfg);
	chardev_set_client(cd, &client);
	ck_assert_int_eq(chardev_start(cd), 0);
	sink.limit = 0;
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(write(p[1], "axb", 3), 3);
		mock_poll(&m);
	}
	ck_assert_uint_eq(calls, 5);
	sink.limit = 100;
	chardev_kick_input(cd);
	mock_advance(&m, 0);
	ck_assert_uint_eq(sink.n, 10);
	ck_assert_int_eq(memcmp(sink.got, "ababababab", 10), 0);
	chardev_destroy(cd);
	close(p[0]);
	close(p[1]);
}
END_TEST

START_TEST(bad_descriptors_are_reported)
{
	const struct chardev_config cfg = { .in_fd = 1000, .out_fd = 1001 };
	struct chardev *cd = chardev_create(&m.env, &cfg);
	u8 b = 0;

	ck_assert_ptr_nonnull(cd);
	ck_assert_int_eq(chardev_start(cd), -EBADF);
	ck_assert_uint_eq(chardev_put(cd, &b, 1), 1);
	ck_assert_int_eq(chardev_flush(cd, 0), -EBADF);
	chardev_destroy(cd);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		input_is_kept_until_kicked,   pasted_input_is_not_lost,
		end_of_input_stops_watching,  filter_sees_keys_of_a_hung_guest,
		bad_descriptors_are_reported,
	};

	return run_tests("chardev_input", tests, ARRAY_SIZE(tests));
}
