/* SPDX-License-Identifier: MIT */
/* test_qmp_session.c - the QMP server on a loop: framing, dispatch, tables, limits, taking over. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/loop.h"
#include "vmm/qmp/qmp_priv.h"

struct fixture {
	struct loop *loop;
	struct qmp_server *server;
	int fd; /* the client's end */
	unsigned clients;
	int taken_fd;
	char early[64];
	char text[QMP_MAX_BACKLOG * 2];
};

static void on_clients(void *arg, unsigned clients)
{
	((struct fixture *)arg)->clients = clients;
}

static struct fixture *set_up(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd[2];

	f->loop = loop_create();
	f->server = qmp_server_create(f->loop, NULL);
	f->taken_fd = -1;
	ck_assert_ptr_nonnull(f->server);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	f->fd = fd[1];
	f->server->sessions = qmp_session_create(f->server, fd[0]);
	f->server->nr_sessions = 1;
	f->server->sessions->negotiated = true;
	qmp_server_on_clients(f->server, on_clients, f);
	return f;
}

static void tear_down(struct fixture *f)
{
	qmp_server_destroy(f->server);
	loop_destroy(f->loop);
	close(f->fd);
	if (f->taken_fd >= 0)
		close(f->taken_fd);
	free(f);
}

/* Sends text and returns everything that came back. */
static const char *talk(struct fixture *f, const char *text)
{
	size_t used = 0;
	ssize_t n;

	ck_assert_int_eq(send(f->fd, text, strlen(text), MSG_DONTWAIT), (ssize_t)strlen(text));
	for (int i = 0; i < 4 && f->server->sessions; i++) {
		qmp_session_event(f->server->sessions, EPOLLIN);
		while ((n = recv(f->fd, f->text + used, sizeof(f->text) - 1 - used, MSG_DONTWAIT)) >
		       0)
			used += (size_t)n;
	}
	f->text[used] = 0;
	return f->text;
}

/* --- a table of our own ------------------------------------------------------------------------- */

static int sum(struct qmp_call *call)
{
	call->ret = json_integer(qmp_arg_int(call, "a", 0) + qmp_arg_int(call, "b", 10));
	return 0;
}

static int say_no(struct qmp_call *call)
{
	call->ret = json_object();
	qmp_fail(call, QMP_DEVICE_NOT_FOUND, "no %s", "way");
	return qmp_fail(call, QMP_GENERIC, "not heard");
}

static void taken(void *arg, int fd, const u8 *early, size_t n)
{
	struct fixture *f = arg;

	f->taken_fd = fd;
	memcpy(f->early, early, n);
}

static int take(struct qmp_call *call)
{
	qmp_take_over(call, taken, call->arg);
	return 0;
}

static const struct qmp_member sum_args[] = { { "a", "int", false }, { "b", "int", true }, { 0 } };
static const struct qmp_table first = {
	.commands = (const struct qmp_command[]){ { "sum", sum_args, "int", sum, 0 },
						  { "no", NULL, NULL, say_no, 0 },
						  { "take", NULL, NULL, take, 0 },
						  { "secret", NULL, NULL, say_no, QMP_HIDDEN },
						  { 0 } },
};
static const struct qmp_table second = {
	.commands = (const struct qmp_command[]){ { "no", sum_args, "int", sum, 0 }, { 0 } },
};

START_TEST(answers)
{
	struct fixture *f = set_up();

	qmp_server_add(f->server, &first, f);
	ck_assert_str_eq(talk(f, "{\"execute\":\"sum\",\"arguments\":{\"a\":1},\"id\":[2]}"),
			 "{\"return\": 11, \"id\": [2]}\r\n");
	ck_assert_str_eq(talk(f, "{\"execute\": \"no\"}"),
			 "{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"no way\"}}\r\n");
	/* A later table's command takes the place of an earlier one's. */
	qmp_server_add(f->server, &second, f);
	ck_assert_str_eq(talk(f, "{\"execute\":\"no\",\"arguments\":{\"a\":1,\"b\":1}}\n"),
			 "{\"return\": 2}\r\n");
	ck_assert_ptr_nonnull(strstr(talk(f, "{\"execute\":\"query-commands\"}"), "\"sum\""));
	ck_assert_ptr_null(strstr(f->text, "\"secret\""));
	qmp_server_hide(f->server, "sum");
	ck_assert_ptr_nonnull(strstr(talk(f, "{\"execute\":\"sum\"}"), "CommandNotFound"));
	ck_assert_ptr_null(strstr(talk(f, "{\"execute\":\"query-commands\"}"), "\"sum\""));
	ck_assert_ptr_nonnull(
		strstr(talk(f, "{\"execute\":\"stop\"}"), "there is no machine here"));
	tear_down(f);
}
END_TEST

START_TEST(pieces)
{
	static const char text[] = "{\"execute\":\n\"query-target\" , \"id\":\"}{\\\"\\\\\"}";
	struct fixture *f = set_up();
	char one[2] = "";
	const char *out = "";

	for (size_t i = 0; text[i]; i++) {
		ck_assert_str_eq(out, "");
		one[0] = text[i];
		out = talk(f, one);
	}
	ck_assert_str_eq(out, "{\"return\": {\"arch\": \"x86_64\"}, \"id\": \"}{\\\"\\\\\"}\r\n");
	talk(f, "{\"execute\":\"query-target\"}{\"execute\":\"query-target\"}\r\n\r\n");
	ck_assert_str_eq(f->text, "{\"return\": {\"arch\": \"x86_64\"}}\r\n"
				  "{\"return\": {\"arch\": \"x86_64\"}}\r\n");
	tear_down(f);
}
END_TEST

/* Each of these earns one error, and the next command is heard. */
static const char *const bad[] = {
	"x\n",
	"]\n",
	"{]\n",
	"{\"execute\": \"a\nb\"}\n",
	"{\"execute\": }\n",
	"{\xff{{{ \n",
	"{\"execute\": \"\xc3(\"}\n",
	"{\"execute\": \"sum\", \"arguments\": []}\n",
};

START_TEST(bad_texts)
{
	struct fixture *f = set_up();
	const char *first_end;

	talk(f, bad[_i]);
	ck_assert_int_eq(strncmp(f->text, "{\"error\": {\"class\": \"GenericError\"", 34), 0);
	first_end = strstr(f->text, "\r\n");
	ck_assert_ptr_nonnull(first_end);
	ck_assert_ptr_nonnull(strstr(talk(f, "{\"execute\":\"query-target\"}"), "x86_64"));
	tear_down(f);
}
END_TEST

START_TEST(too_deep)
{
	struct fixture *f = set_up();
	char text[400];

	memset(text, '[', sizeof(text));
	memcpy(text + sizeof(text) - 2, "\n", 2);
	ck_assert_ptr_nonnull(strstr(talk(f, text), "nested too deeply"));
	ck_assert_uint_le(f->server->sessions->in_room, QMP_CHUNK);
	ck_assert_ptr_nonnull(strstr(talk(f, "{\"execute\":\"query-target\"}"), "x86_64"));
	tear_down(f);
}
END_TEST

/* Who asks and does not read is not read from; once it reads, nothing is missing. */
START_TEST(backpressure)
{
	static const char ask[] = "{\"execute\":\"query-qmp-schema\"}\n";
	struct fixture *f = set_up();
	size_t sent = 0, used, heard = 0, asked;
	ssize_t n;

	for (int i = 0; i < 20000; i++) {
		n = send(f->fd, ask, strlen(ask), MSG_DONTWAIT);
		sent += n > 0 ? (size_t)n : 0;
		qmp_session_event(f->server->sessions, EPOLLIN);
		ck_assert_uint_lt(f->server->sessions->out_room, 512 * KiB);
		if (n != (ssize_t)strlen(ask))
			break;
	}
	ck_assert_uint_gt(f->server->sessions->chunk_n, 0);
	asked = sent / strlen(ask);
	for (used = 0; heard < asked;) {
		n = recv(f->fd, f->text, sizeof(f->text), MSG_DONTWAIT);
		for (ssize_t i = 0; i < n; i++)
			heard += f->text[i] == '\n';
		used += n > 0 ? (size_t)n : 0;
		qmp_session_event(f->server->sessions, EPOLLIN);
	}
	ck_assert_uint_eq(heard, asked);
	tear_down(f);
}
END_TEST

START_TEST(events_nobody_reads)
{
	struct fixture *f = set_up();

	for (int i = 0; i < 200000 && f->server->sessions; i++)
		qmp_server_event(f->server, "STOP", NULL);
	/* It had its share, and is closed. */
	ck_assert_ptr_null(f->server->sessions);
	ck_assert_uint_eq(f->server->nr_sessions, 0);
	tear_down(f);
}
END_TEST

START_TEST(before_negotiation)
{
	struct fixture *f = set_up();

	f->server->sessions->negotiated = false;
	qmp_server_event(f->server, "STOP", json_object());
	ck_assert_ptr_nonnull(strstr(talk(f, "{\"execute\":\"query-target\"}"), "negotiation"));
	ck_assert_ptr_null(strstr(f->text, "STOP"));
	ck_assert_str_eq(talk(f, "{\"execute\":\"qmp_capabilities\"}"), "{\"return\": {}}\r\n");
	qmp_server_event(f->server, "STOP", NULL);
	ck_assert_ptr_nonnull(strstr(talk(f, "\n"), "\"event\": \"STOP\""));
	tear_down(f);
}
END_TEST

START_TEST(end_of_input)
{
	struct fixture *f = set_up();

	ck_assert_int_eq(send(f->fd, "{\"execute\":\"query-target\"}", 26, 0), 26);
	shutdown(f->fd, SHUT_WR);
	qmp_session_event(f->server->sessions, EPOLLIN);
	if (f->server->sessions)
		qmp_session_event(f->server->sessions, EPOLLIN);
	ck_assert_ptr_null(f->server->sessions);
	ck_assert_int_gt((int)recv(f->fd, f->text, sizeof(f->text), 0), 20);
	ck_assert_int_eq((int)recv(f->fd, f->text, sizeof(f->text), 0), 0);
	tear_down(f);
}
END_TEST

START_TEST(taken_over)
{
	struct fixture *f = set_up();

	qmp_server_add(f->server, &first, f);
	ck_assert_str_eq(talk(f, "{\"execute\":\"take\"}\r\nraw\n"), "{\"return\": {}}\r\n");
	ck_assert_int_ge(f->taken_fd, 0);
	ck_assert_str_eq(f->early, "raw\n");
	ck_assert_ptr_null(f->server->sessions);
	ck_assert_int_eq(send(f->taken_fd, "x", 1, 0), 1); /* not closed with its session */
	tear_down(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("qmp");
	TCase *tc = tcase_create("session");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, answers);
	tcase_add_test(tc, pieces);
	tcase_add_loop_test(tc, bad_texts, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tc, too_deep);
	tcase_add_test(tc, backpressure);
	tcase_add_test(tc, events_nobody_reads);
	tcase_add_test(tc, before_negotiation);
	tcase_add_test(tc, end_of_input);
	tcase_add_test(tc, taken_over);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
