/* SPDX-License-Identifier: MIT */
/* client.c - see client.h. */
#include "vmm/cmd/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/loop.h"
#include "vmm/qmp/registry.h"

#define MOST_LINE (16 * MiB) /* of an answer: more is no guest of ours */

/* --- lines -------------------------------------------------------------------------------------- */

/* Reads once, waiting until deadline (ns; UINT64_MAX: for ever). Bytes, 0 at the end, or -errno. */
static ssize_t fill(struct client *c, u64 deadline)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	ssize_t n;

	if (c->room - c->used < 4096) {
		char *grown = c->room < MOST_LINE ? realloc(c->buf, c->room * 2 + 8192) : NULL;

		if (!grown)
			return -ENOMEM;
		c->buf = grown;
		c->room = c->room * 2 + 8192;
	}
	for (;;) {
		u64 now = loop_now();
		int ms = -1, r;

		if (deadline != UINT64_MAX)
			ms = deadline > now ? (int)((deadline - now) / 1000000u) + 1 : 0;
		r = poll(&p, 1, ms);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r ? -errno : -ETIMEDOUT;
		n = recv(c->fd, c->buf + c->used, c->room - c->used, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0)
			c->used += (size_t)n;
		return n < 0 ? -errno : n;
	}
}

/* The next message: 1 with *out, 0 at the end, or -errno. */
static int next_message(struct client *c, u64 deadline, json_t **out)
{
	size_t seen = 0;

	for (;;) {
		char *end = c->used > seen ? memchr(c->buf + seen, '\n', c->used - seen) : NULL;
		ssize_t n;

		if (end) {
			size_t len = (size_t)(end - c->buf);

			*out = json_loadb(c->buf, len, 0, NULL);
			c->used -= len + 1;
			memmove(c->buf, end + 1, c->used);
			return *out ? 1 : -EBADMSG;
		}
		seen = c->used;
		n = fill(c, deadline);
		if (n <= 0)
			return n == -ECONNRESET ? 0 : (int)n;
	}
}

static u64 deadline_in(int ms)
{
	return ms < 0 ? UINT64_MAX : loop_now() + (u64)ms * 1000000u;
}

static int explain(const struct client *c, int err, struct error *e)
{
	if (!err)
		return error_set(e, -EPIPE, "%s: the guest has ended", c->name);
	if (err == -ETIMEDOUT)
		return error_set(e, err,
				 "%s: does not answer; `parallax stop --force %s` ends its process",
				 c->name, c->name);
	if (err == -EBADMSG)
		return error_set(e, err, "%s: its answer is no JSON", c->name);
	return error_sys(e, err, "%s", c->name);
}

/* --- connecting --------------------------------------------------------------------------------- */

int client_adopt(struct client *c, const char *name, int fd, pid_t pid, int patience_ms,
		 struct error *e)
{
	json_t *message;
	int r;

	*c = (struct client){ .fd = fd, .pid = pid, .events = json_array() };
	snprintf(c->name, sizeof(c->name), "%s", name);
	r = next_message(c, deadline_in(patience_ms), &message);
	if (r != 1) {
		r = explain(c, r, e);
		client_close(c);
		return r;
	}
	r = json_object_get(message, "QMP") ? 0 : -EPROTO;
	if (r)
		error_set(e, r, "%s: %s", c->name,
			  json_string_value(
				  json_object_get(json_object_get(message, "error"), "desc"))
				  ?: "its socket does not speak QMP");
	json_decref(message);
	if (!r) {
		message = client_execute(c, "qmp_capabilities", NULL, e);
		r = message ? 0 : -EPROTO;
		json_decref(message);
	}
	if (r)
		client_close(c);
	return r;
}

static int open_path(const char *path, int *fd, struct error *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int err = 0;

	if (strlen(path) >= sizeof(sa.sun_path))
		return error_set(e, -ENAMETOOLONG, "%s: too long for a socket", path);
	strncpy(sa.sun_path, path, sizeof(sa.sun_path) - 1);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0 || connect(*fd, (struct sockaddr *)&sa, sizeof(sa)))
		err = error_sys(e, -errno, "%s", path);
	if (err && *fd >= 0)
		close(*fd);
	return err;
}

struct only {
	struct registry_guest g;
	unsigned n;
	char names[120];
};

static int take_only(void *arg, struct registry_guest *g)
{
	struct only *o = arg;
	size_t used = strlen(o->names);

	if (used < sizeof(o->names) - 20)
		snprintf(o->names + used, sizeof(o->names) - used, "%s%s", used ? ", " : "",
			 g->name);
	if (!o->n++)
		o->g = *g;
	else
		close(g->fd);
	return 0;
}

static int open_only(struct registry_guest *g, struct error *e)
{
	struct only o = { 0 };
	unsigned dead;
	int err = registry_each(take_only, &o, &dead, e);

	if (err)
		return err;
	if (o.n == 1) {
		*g = o.g;
		return 0;
	}
	if (!o.n)
		return error_set(e, -ENOENT, "no guest runs");
	close(o.g.fd);
	return error_set(e, -EINVAL, "which guest? %u run: %s", o.n, o.names);
}

int client_open(struct client *c, const char *name, struct error *e)
{
	struct registry_guest g = { .pid = 0 };
	int err;

	if (name && strchr(name, '/')) {
		err = open_path(name, &g.fd, e);
		snprintf(g.name, sizeof(g.name), "%.55s", name);
	} else {
		err = name ? registry_connect(name, &g, e) : open_only(&g, e);
	}
	return err ? err : client_adopt(c, g.name, g.fd, g.pid, CLIENT_PATIENCE_MS, e);
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	free(c->buf);
	c->buf = NULL;
	json_decref(c->events);
	c->events = NULL;
}

/* --- talking ------------------------------------------------------------------------------------- */

static int send_all(struct client *c, const char *text, size_t n)
{
	while (n) {
		ssize_t done = send(c->fd, text, n, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno == EPIPE ? 0 : -errno;
		text += done;
		n -= (size_t)done;
	}
	return 1;
}

/* A reply's value, or NULL with e filled from its error. Takes the reference. */
static json_t *unwrap(const struct client *c, json_t *reply, struct error *e)
{
	json_t *value = json_object_get(reply, "return");
	const char *desc =
		json_string_value(json_object_get(json_object_get(reply, "error"), "desc"));

	json_incref(value);
	if (!value)
		error_set(e, -EREMOTEIO, "%s: %s", c->name, desc ? desc : "a strange answer");
	json_decref(reply);
	return value;
}

json_t *client_execute(struct client *c, const char *command, json_t *args, struct error *e)
{
	json_t *request = json_pack("{s:s}", "execute", command), *message;
	u64 deadline = deadline_in(CLIENT_PATIENCE_MS);
	char *text;
	int r;

	if (args)
		json_object_set_new(request, "arguments", args);
	text = json_dumps(request, 0);
	json_decref(request);
	r = text ? (int)strlen(text) : -ENOMEM;
	if (text) {
		text[r] = '\n'; /* in one piece with the command; no string is needed any more */
		r = send_all(c, text, (size_t)r + 1);
	}
	free(text);
	while (r == 1) {
		r = next_message(c, deadline, &message);
		if (r != 1)
			break;
		if (!json_object_get(message, "event"))
			return unwrap(c, message, e);
		json_array_append_new(c->events, message);
	}
	explain(c, r, e);
	return NULL;
}

int client_event(struct client *c, int ms, json_t **event, struct error *e)
{
	int r;

	if (json_array_size(c->events)) {
		*event = json_incref(json_array_get(c->events, 0));
		json_array_remove(c->events, 0);
		return 1;
	}
	do {
		r = next_message(c, deadline_in(ms), event);
		if (r == 1 && json_object_get(*event, "event"))
			return 1;
		if (r == 1)
			json_decref(*event); /* an answer that nobody waits for any more */
	} while (r == 1);
	return r == 0 || r == -ETIMEDOUT ? r : explain(c, r, e);
}
