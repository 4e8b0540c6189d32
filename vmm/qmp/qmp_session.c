/* SPDX-License-Identifier: MIT */
/*
 * qmp_session.c - one client: bytes to JSON texts, and answers back to bytes.
 *
 * Rule Q1: a text ends where its brackets close; a line break inside a string or after something that
 * is no object, and a byte 0xff with the rest of its line, start afresh: what is bad costs only itself.
 * Rule Q2: nothing is read, nor taken from what was read, while more than QMP_CHUNK * 16 bytes of
 * answers wait; memory stays bounded whatever the client asks and however little it reads.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/loop.h"
#include "vmm/qmp/qmp_priv.h"

#define OUT_HIGH ((size_t)QMP_CHUNK * 16)

struct qmp_session *qmp_session_create(struct qmp_server *s, int fd)
{
	struct qmp_session *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->server = s;
	c->fd = fd;
	return c;
}

void qmp_session_free(struct qmp_session *c)
{
	if (c->fd >= 0) {
		loop_unwatch(c->server->loop, c->fd);
		close(c->fd);
	}
	free(c->in);
	free(c->out);
	free(c);
}

void qmp_session_kill(struct qmp_session *c)
{
	c->dead = true;
	c->server->reap = true;
}

/* --- output ------------------------------------------------------------------------------------- */

static bool grow(char **buf, size_t *room, size_t need)
{
	size_t size = MAX(*room, (size_t)512);
	char *grown;

	if (need <= *room)
		return true;
	while (size < need)
		size *= 2;
	grown = realloc(*buf, size);
	if (!grown)
		return false;
	*buf = grown;
	*room = size;
	return true;
}

static size_t unsent(const struct qmp_session *c)
{
	return c->out_used - c->out_at;
}

void qmp_session_send(struct qmp_session *c, json_t *message)
{
	char *text = message ? json_dumps(message, 0) : NULL;
	size_t n = text ? strlen(text) : 0;

	json_decref(message);
	if (c->out_at) {
		memmove(c->out, c->out + c->out_at, unsent(c));
		c->out_used -= c->out_at;
		c->out_at = 0;
	}
	if (!text || c->out_used + n + 2 > QMP_MAX_BACKLOG ||
	    !grow(&c->out, &c->out_room, c->out_used + n + 2)) {
		qmp_session_kill(c);
	} else {
		memcpy(c->out + c->out_used, text, n);
		/* Line feed alone would keep libvirt waiting. */
		memcpy(c->out + c->out_used + n, "\r\n", 2);
		c->out_used += n + 2;
	}
	free(text);
}

void qmp_session_write(struct qmp_session *c)
{
	while (!c->dead && unsent(c)) {
		ssize_t n = c->fd < 0 ? (ssize_t)unsent(c)
				      : send(c->fd, c->out + c->out_at, unsent(c), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN)
				qmp_session_kill(c);
			return;
		}
		c->out_at += (size_t)n;
	}
	if (!unsent(c)) {
		/* An idle client keeps no buffer. */
		free(c->out);
		c->out = NULL;
		c->out_at = c->out_used = c->out_room = 0;
	}
}

static void complain(struct qmp_session *c, const char *text)
{
	qmp_session_send(c, qmp_error_reply(QMP_GENERIC, text, NULL));
	c->skipping = true;
	c->in_used = 0;
	c->depth = 0;
	c->in_string = c->escaped = false;
}

/* --- input -------------------------------------------------------------------------------------- */

/* Keeps a byte of the text under way; false when that was the last straw. */
static bool keep(struct qmp_session *c, char byte)
{
	if (c->in_used == QMP_MAX_COMMAND) {
		char text[80];

		snprintf(text, sizeof(text), "the command is longer than %lu bytes",
			 (unsigned long)QMP_MAX_COMMAND);
		complain(c, text);
		return false;
	}
	if (!grow(&c->in, &c->in_room, c->in_used + 1)) {
		complain(c, "out of memory");
		return false;
	}
	c->in[c->in_used++] = byte;
	return true;
}

static void complete(struct qmp_session *c)
{
	size_t n = c->in_used;

	c->in_used = 0;
	qmp_dispatch(c, c->in, n);
	if (c->in_room > QMP_CHUNK) {
		free(c->in);
		c->in = NULL;
		c->in_room = 0;
	}
}

static void take_in_string(struct qmp_session *c, char byte)
{
	if (byte == '\n')
		complain(c, "JSON parse error, a string does not end before the line does");
	if (c->skipping) {
		c->skipping = false; /* the line has ended */
		return;
	}
	if (c->escaped)
		c->escaped = false;
	else if (byte == '\\')
		c->escaped = true;
	else if (byte == '"')
		c->in_string = false;
}

static void take_structure(struct qmp_session *c, char byte)
{
	switch (byte) {
	case '"':
		c->in_string = true;
		break;
	case '{':
	case '[':
		if (++c->depth > QMP_MAX_DEPTH)
			complain(c, "JSON parse error, nested too deeply");
		break;
	case '}':
	case ']':
		if (!--c->depth)
			complete(c);
		break;
	}
}

static void take_byte(struct qmp_session *c, char byte)
{
	if (c->skipping) {
		c->skipping = byte != '\n';
		return;
	}
	/* No text has it: clients that lost count of their brackets start afresh with it. */
	if ((u8)byte == 0xff) {
		complain(c, "JSON parse error, a byte 0xff; what came before it is dropped");
		return;
	}
	if (!c->depth) {
		if (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n')
			return;
		if (byte != '{' && byte != '[') {
			complain(c, "JSON parse error, a command is an object: "
				    "{\"execute\": \"query-status\"}");
			return;
		}
	}
	if (!keep(c, byte))
		return;
	if (c->in_string)
		take_in_string(c, byte);
	else
		take_structure(c, byte);
}

/* Looks at what was read, as far as Q2 allows. */
static void consume(struct qmp_session *c)
{
	while (c->chunk_at < c->chunk_n && !c->dead && !c->take_over && unsent(c) < OUT_HIGH)
		take_byte(c, (char)c->chunk[c->chunk_at++]);
	if (c->chunk_at == c->chunk_n)
		c->chunk_at = c->chunk_n = 0;
}

void qmp_session_feed(struct qmp_session *c, const u8 *buf, size_t n)
{
	while (n && !c->dead) {
		size_t take = MIN(n, sizeof(c->chunk) - c->chunk_n);

		memcpy(c->chunk + c->chunk_n, buf, take);
		c->chunk_n += take;
		buf += take;
		n -= take;
		consume(c);
		qmp_session_write(c);
	}
}

static void read_some(struct qmp_session *c)
{
	ssize_t n = recv(c->fd, c->chunk, sizeof(c->chunk), 0);

	if (n > 0)
		c->chunk_n = (size_t)n;
	else if (!n)
		c->eof = true;
	else if (errno != EAGAIN && errno != EINTR)
		qmp_session_kill(c);
}

static void hand_over(struct qmp_session *c)
{
	/* The end of the command's own line is not for the new owner. */
	if (c->chunk_at < c->chunk_n && c->chunk[c->chunk_at] == '\r')
		c->chunk_at++;
	if (c->chunk_at < c->chunk_n && c->chunk[c->chunk_at] == '\n')
		c->chunk_at++;
	loop_unwatch(c->server->loop, c->fd);
	c->take_over(c->take_over_arg, c->fd, c->chunk + c->chunk_at, c->chunk_n - c->chunk_at);
	c->fd = -1;
	qmp_session_kill(c);
}

/* What to wait for next. */
static void settle(struct qmp_session *c)
{
	u32 want = 0;

	if (c->eof && !c->chunk_n && !unsent(c))
		qmp_session_kill(c);
	if (c->take_over && !unsent(c) && !c->dead)
		hand_over(c);
	if (c->dead)
		return;
	if (!c->eof && !c->chunk_n && !c->take_over && unsent(c) < OUT_HIGH)
		want |= EPOLLIN;
	if (unsent(c))
		want |= EPOLLOUT;
	if (want == c->watched)
		return;
	if (loop_watch(c->server->loop, c->fd, want, qmp_session_event, c))
		qmp_session_kill(c);
	c->watched = want;
}

void qmp_session_event(void *arg, u32 events)
{
	struct qmp_session *c = arg;
	struct qmp_server *s = c->server;

	s->busy++;
	/* Both ways closed: nobody waits for an answer. */
	if (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN))
		qmp_session_kill(c);
	if (events & EPOLLIN && !c->dead && !c->chunk_n)
		read_some(c);
	qmp_session_write(c);
	/* What the answers made room for, or what was just read. */
	while (!c->dead && c->chunk_n && !c->take_over && unsent(c) < OUT_HIGH) {
		consume(c);
		qmp_session_write(c);
	}
	if (!c->dead)
		settle(c);
	s->busy--;
	qmp_server_reap(s);
}

void qmp_session_pass_on(struct qmp_session *c)
{
	qmp_session_write(c);
	if (!c->dead && c->fd >= 0)
		settle(c);
}

void qmp_take_over(struct qmp_call *call, void (*fn)(void *arg, int fd, const u8 *early, size_t n),
		   void *arg)
{
	call->session->take_over = fn;
	call->session->take_over_arg = arg;
}
