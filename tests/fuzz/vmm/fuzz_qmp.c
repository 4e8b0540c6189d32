/* SPDX-License-Identifier: MIT */
/*
 * A QMP client of anything: the input goes to a session over a socket, cut where its first bytes say.
 * Aborts when an answer is no line of JSON, when memory grows beyond what a session may have, or when
 * a well-formed command at the end finds nobody.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/loop.h"
#include "vmm/qmp/qmp_priv.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define LAST "\xff\n{\"execute\": \"query-version\", \"id\": \"the last\"}\n"

struct peer {
	struct qmp_server *server;
	int fd;
	char line[4 * MiB];
	size_t used;
	bool last_answered;
};

/* A command whose arguments go through everything that is checked. */
static int take_all(struct qmp_call *call)
{
	call->ret = json_incref(call->args);
	return 0;
}

static const struct qmp_member inner[] = { { "n", "int", false },
					   { "more", "[Inner]", true },
					   { 0 } };
static const struct qmp_member args[] = { { "s", "str", true },	       { "i", "int", true },
					  { "b", "bool", true },       { "d", "number", true },
					  { "any", "any", true },      { "list", "[str]", true },
					  { "deep", "[[int]]", true }, { "w", "Word", true },
					  { "o", "Inner", true },      { 0 } };
static const char *const word[] = { "one", "two", NULL };
static const struct qmp_table table = {
	.commands = (const struct qmp_command[]){ { "take", args, "any", take_all, 0 }, { 0 } },
	.types = (const struct qmp_type[]){ { "Inner", inner, NULL },
					    { "Word", NULL, word },
					    { 0 } },
};

static void check_line(struct peer *p, size_t n)
{
	json_t *message;
	const char *id;

	if (n < 2 || p->line[n - 2] != '\r')
		abort();
	message = json_loadb(p->line, n, 0, NULL);
	if (!json_is_object(message))
		abort();
	if (!json_object_get(message, "return") && !json_object_get(message, "error"))
		abort();
	id = json_string_value(json_object_get(message, "id"));
	p->last_answered |= id && !strcmp(id, "the last");
	json_decref(message);
}

static void read_answers(struct peer *p)
{
	ssize_t n;
	char *end;

	while ((n = recv(p->fd, p->line + p->used, sizeof(p->line) - p->used, MSG_DONTWAIT)) > 0) {
		p->used += (size_t)n;
		while ((end = memchr(p->line, '\n', p->used))) {
			size_t len = (size_t)(end - p->line) + 1;

			check_line(p, len);
			p->used -= len;
			memmove(p->line, end + 1, p->used);
		}
	}
}

static void send_piece(struct peer *p, const void *buf, size_t n)
{
	struct qmp_session *c = p->server->sessions;

	for (size_t at = 0; c && at < n;) {
		size_t take = MIN(n - at, (size_t)QMP_CHUNK);

		if (send(p->fd, (const char *)buf + at, take, MSG_DONTWAIT | MSG_NOSIGNAL) !=
		    (ssize_t)take)
			abort();
		at += take;
		/* Once for what is read, and as long as answers keep it from being looked at. */
		do {
			qmp_session_event(c, EPOLLIN);
			read_answers(p);
			c = p->server->sessions;
		} while (c && c->chunk_n);
		if (c && (c->in_room > 2 * QMP_MAX_COMMAND || c->out_room > 2 * QMP_MAX_BACKLOG))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct peer p;
	struct loop *loop = loop_create();
	int fd[2];
	size_t step;

	if (size < 2 || !loop || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd))
		goto out;
	p.server = qmp_server_create(loop, NULL);
	p.fd = fd[1];
	p.used = 0;
	p.last_answered = false;
	qmp_server_add(p.server, &table, NULL);
	p.server->sessions = qmp_session_create(p.server, fd[0]);
	p.server->nr_sessions = 1;
	p.server->sessions->negotiated = data[0] & 1;
	step = 1 + data[1];
	for (size_t at = 2; at < size; at += step)
		send_piece(&p, data + at, MIN(step, size - at));
	send_piece(&p, LAST, strlen(LAST));
	if (!p.last_answered)
		abort();
	qmp_server_destroy(p.server);
	close(fd[1]);
out:
	loop_destroy(loop);
	return 0;
}
