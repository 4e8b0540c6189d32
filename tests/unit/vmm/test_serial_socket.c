/* SPDX-License-Identifier: MIT */
/* test_serial_socket.c - clients of a serial port's socket, one after the other, slow and hasty ones. */
#include "vmm/serial_socket.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/loop.h"

#define PATIENCE_MS 20000

struct stand {
	struct sockaddr_un address;
	struct loop *loop;
	struct serial_socket *s;
	int guest;
	pthread_t thread;
};

static void *turn(void *arg)
{
	loop_run(arg);
	return NULL;
}

static void set_up(struct stand *t)
{
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	struct error e;

	memset(t, 0, sizeof(*t));
	t->address.sun_family = AF_UNIX;
	snprintf(t->address.sun_path, sizeof(t->address.sun_path), "/tmp/serial-socket-%d",
		 getpid());
	unlink(t->address.sun_path);
	ck_assert_int_eq(bind(listener, (void *)&t->address, sizeof(t->address)), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
	t->loop = loop_create();
	ck_assert_int_eq(serial_socket_open(listener, &t->s, &t->guest, &e), 0);
	ck_assert_int_eq(serial_socket_start(t->s, t->loop), 0);
	pthread_create(&t->thread, NULL, turn, t->loop);
}

static void tear_down(struct stand *t)
{
	loop_stop(t->loop);
	pthread_join(t->thread, NULL);
	serial_socket_close(t->s);
	loop_destroy(t->loop);
	unlink(t->address.sun_path);
}

static int client(struct stand *t)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (void *)&t->address, sizeof(t->address)), 0);
	return fd;
}

static void expect(int fd, const char *words)
{
	char buf[64] = "";
	size_t n = 0;

	while (n < strlen(words)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got;

		ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
		got = read(fd, buf + n, sizeof(buf) - 1 - n);
		ck_assert_int_gt(got, 0);
		n += (size_t)got;
	}
	ck_assert_str_eq(buf, words);
}

static void say(int fd, const char *words)
{
	ck_assert_int_eq(write(fd, words, strlen(words)), (ssize_t)strlen(words));
}

START_TEST(one_after_the_other)
{
	struct stand t;
	int a, b;

	set_up(&t);
	a = client(&t);
	say(a, "a to guest");
	expect(t.guest, "a to guest");
	say(t.guest, "guest to a");
	expect(a, "guest to a");
	b = client(&t); /* waits in the queue */
	say(b, "b to guest");
	say(a, "a again");
	expect(t.guest, "a again");
	close(a);
	expect(t.guest, "b to guest");
	say(t.guest, "guest to b");
	expect(b, "guest to b");
	close(b);
	tear_down(&t);
}
END_TEST

/* Without a client a guest can say what it likes for as long as it likes. */
START_TEST(nobody_there)
{
	char words[4096];
	struct stand t;
	int a;

	memset(words, 'x', sizeof(words));
	set_up(&t);
	for (int i = 0; i < 256; i++) {
		struct pollfd p = { .fd = t.guest, .events = POLLOUT };

		ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
		ck_assert_int_gt(write(t.guest, words, sizeof(words)), 0);
	}
	/* All of it gone before the client comes, so that it hears none of it. */
	for (int i = 0; i < 1000; i++) {
		struct pollfd p = { .fd = t.guest, .events = POLLOUT };

		poll(&p, 1, 0);
		usleep(1000);
		if (i > 50 && (p.revents & POLLOUT))
			break;
	}
	a = client(&t);
	say(a, "hello");
	expect(t.guest, "hello");
	say(t.guest, "only this");
	expect(a, "only this");
	close(a);
	tear_down(&t);
}
END_TEST

/* A client that reads nothing holds up the guest, loses nothing, and may leave in the middle. */
START_TEST(slow_client)
{
	char words[4096];
	struct stand t;
	size_t sent = 0, got = 0;
	int a, b, quiet = 0;

	memset(words, 'y', sizeof(words));
	set_up(&t);
	a = client(&t);
	say(a, "!");
	expect(t.guest, "!");
	while (quiet < 20) {
		ssize_t n = write(t.guest, words, sizeof(words));

		if (n > 0)
			sent += (size_t)n;
		quiet = n > 0 ? 0 : quiet + 1;
		if (n <= 0)
			usleep(5000);
		ck_assert_uint_lt(sent, 64 * MiB);
	}
	while (got < sent) {
		ssize_t n = read(a, words, sizeof(words));

		ck_assert_int_gt(n, 0);
		for (ssize_t i = 0; i < n; i++)
			ck_assert_int_eq(words[i], 'y');
		got += (size_t)n;
	}
	while (write(t.guest, words, sizeof(words)) > 0)
		;
	close(a);
	b = client(&t);
	say(b, "?");
	expect(t.guest, "?");
	close(b);
	tear_down(&t);
}
END_TEST

START_TEST(last_words)
{
	struct stand t;
	int a;

	set_up(&t);
	a = client(&t);
	say(a, "!");
	expect(t.guest, "!");
	loop_stop(t.loop);
	pthread_join(t.thread, NULL);
	say(t.guest, "the end");
	serial_socket_drain(t.s, 1000);
	expect(a, "the end");
	serial_socket_close(t.s);
	loop_destroy(t.loop);
	unlink(t.address.sun_path);
	close(a);
}
END_TEST

START_TEST(no_listener)
{
	struct serial_socket *s;
	struct error e;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), guest;

	ck_assert_int_eq(serial_socket_open(fd, &s, &guest, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "does not listen"));
	close(fd);
	ck_assert_int_eq(serial_socket_open(fd, &s, &guest, &e), -EBADF);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("serial_socket");
	TCase *tc = tcase_create("serial_socket");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, one_after_the_other);
	tcase_add_test(tc, nobody_there);
	tcase_add_test(tc, slow_client);
	tcase_add_test(tc, last_words);
	tcase_add_test(tc, no_listener);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
