/* SPDX-License-Identifier: MIT */
/* qmp_server.c - see qmp.h: sockets, clients and events. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "vmm/config.h"
#include "vmm/loop.h"
#include "vmm/qmp/qmp_priv.h"

#define BACKLOG	     128
#define ACCEPT_BURST 16

/* --- addresses ------------------------------------------------------------------------------------ */

/* 0 with *path or *fd set. */
static int parse(const char *address, const char **path, int *fd, struct error *e)
{
	struct sockaddr_un sa;
	char *end;
	long n;

	*path = NULL;
	if (!strncmp(address, "unix:", 5) && address[5]) {
		if (strlen(address + 5) >= sizeof(sa.sun_path))
			return error_set(e, -EINVAL,
					 "--qmp %s: a socket's path has at most %zu characters",
					 address, sizeof(sa.sun_path) - 1);
		*path = address + 5;
		return 0;
	}
	if (!strncmp(address, "fd:", 3) && address[3] >= '0' && address[3] <= '9') {
		n = strtol(address + 3, &end, 10);
		*fd = (int)n;
		if (!*end && n >= 0 && n <= 1 << 20)
			return 0;
	}
	return error_set(e, -EINVAL, "--qmp %s: unix:PATH, or fd:N for a listening socket",
			 address);
}

int qmp_address_check(const char *address, struct error *e)
{
	const char *path;
	int fd;

	return parse(address, &path, &fd, e);
}

bool qmp_socket_is_dead(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool dead;

	if (fd < 0)
		return false;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	dead = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) && errno == ECONNREFUSED;
	close(fd);
	return dead;
}

static int bind_path(int fd, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat st;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	/* Linux makes the file with the mode of the socket: it is never open to others. */
	fchmod(fd, 0600);
	if (!bind(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return 0;
	if (errno != EADDRINUSE || lstat(path, &st) || !S_ISSOCK(st.st_mode) ||
	    !qmp_socket_is_dead(path) || unlink(path))
		return -EADDRINUSE;
	return bind(fd, (struct sockaddr *)&sa, sizeof(sa)) ? -errno : 0;
}

static int listen_path(struct qmp_listener *l, const char *path, struct error *e)
{
	struct stat st;
	int err;

	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return error_sys(e, -errno, "--qmp: socket");
	err = bind_path(l->fd, path);
	if (!err && listen(l->fd, BACKLOG))
		err = -errno;
	if (err) {
		close(l->fd);
		return err == -EADDRINUSE
			       ? error_set(e, err,
					   "--qmp unix:%s: in use by somebody, or no socket", path)
			       : error_sys(e, err, "--qmp unix:%s", path);
	}
	snprintf(l->path, sizeof(l->path), "%s", path);
	l->inode = lstat(path, &st) ? 0 : st.st_ino;
	return 0;
}

static int adopt(struct qmp_listener *l, int fd, struct error *e)
{
	int listening = 0;
	socklen_t n = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) || !listening)
		return error_set(e, -EINVAL, "--qmp fd:%d: not a listening socket", fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	l->fd = fd;
	return 0;
}

static void remove_listener(struct qmp_listener *l)
{
	struct stat st;

	loop_unwatch(l->server->loop, l->fd);
	/* Not one that somebody put in its place. */
	if (l->path[0] && !lstat(l->path, &st) && st.st_ino == l->inode)
		unlink(l->path);
	close(l->fd);
}

/* --- clients --------------------------------------------------------------------------------------- */

void qmp_server_reap(struct qmp_server *s)
{
	struct qmp_session **p = &s->sessions;
	unsigned before = s->nr_sessions;

	if (s->busy || !s->reap)
		return;
	s->reap = false;
	while (*p) {
		struct qmp_session *c = *p;

		if (!c->dead) {
			p = &c->next;
			continue;
		}
		*p = c->next;
		qmp_session_free(c);
		s->nr_sessions--;
	}
	if (s->nr_sessions != before && s->on_clients)
		s->on_clients(s->on_clients_arg, s->nr_sessions);
}

/* Makes room for one more, by the oldest client that has not even said hello; false: all are at work. */
static bool make_room(struct qmp_server *s)
{
	struct qmp_session *oldest = NULL;

	if (s->nr_sessions < QMP_MAX_CLIENTS)
		return true;
	for (struct qmp_session *c = s->sessions; c; c = c->next)
		if (!c->negotiated)
			oldest = c;
	if (!oldest)
		return false;
	qmp_session_kill(oldest);
	qmp_server_reap(s);
	return true;
}

static void refuse(int fd)
{
	json_t *reply = qmp_error_reply(QMP_GENERIC, "too many clients; close one of them", NULL);
	char *text = json_dumps(reply, 0);

	if (text) {
		(void)!send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)!send(fd, "\r\n", 2, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	free(text);
	json_decref(reply);
	close(fd);
}

static void welcome(struct qmp_server *s, int fd)
{
	struct qmp_session *c = make_room(s) ? qmp_session_create(s, fd) : NULL;

	if (!c) {
		refuse(fd);
		return;
	}
	c->next = s->sessions;
	s->sessions = c;
	s->nr_sessions++;
	qmp_session_send(c, qmp_greeting(s));
	qmp_session_event(c, 0);
	if (s->on_clients)
		s->on_clients(s->on_clients_arg, s->nr_sessions);
}

static void on_listener(void *arg, u32 events)
{
	struct qmp_listener *l = arg;

	(void)events;
	for (int i = 0; i < ACCEPT_BURST; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		welcome(l->server, fd);
	}
}

/* --- events ------------------------------------------------------------------------------------------ */

void qmp_server_event(struct qmp_server *s, const char *name, json_t *data)
{
	struct timespec now;
	json_t *event;

	if (!s->nr_sessions) {
		json_decref(data);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	event = json_pack("{s:{s:I,s:I},s:s}", "timestamp", "seconds", (json_int_t)now.tv_sec,
			  "microseconds", (json_int_t)(now.tv_nsec / 1000), "event", name);
	if (event && data)
		json_object_set(event, "data", data);
	json_decref(data);
	s->busy++;
	for (struct qmp_session *c = s->sessions; c; c = c->next) {
		if (!c->negotiated || c->dead || c->take_over)
			continue;
		qmp_session_send(c, json_incref(event));
		qmp_session_pass_on(c);
	}
	s->busy--;
	json_decref(event);
	qmp_server_reap(s);
}

static void on_machine(void *arg, enum machine_event event, enum machine_cause cause)
{
	struct qmp_server *s = arg;
	bool stays = machine_config_of(s->machine)->no_shutdown;
	const struct machine_balloon *balloon;
	json_t *data = NULL;
	const char *name;

	if (!s->nr_sessions)
		return; /* jansson stays untouched until somebody looks */
	switch (event) {
	case MACHINE_STOP:
		name = "STOP";
		break;
	case MACHINE_RESUME:
		name = "RESUME";
		break;
	case MACHINE_POWERDOWN:
		name = "POWERDOWN";
		break;
	case MACHINE_RESET_DONE:
	case MACHINE_SHUTDOWN:
		name = event == MACHINE_SHUTDOWN ? "SHUTDOWN" : "RESET";
		data = json_pack("{s:b,s:s}", "guest", machine_cause_is_guest(cause), "reason",
				 machine_cause_name(cause));
		break;
	case MACHINE_PANICKED:
		name = "GUEST_PANICKED";
		data = json_pack("{s:s}", "action", stays ? "pause" : "poweroff");
		break;
	case MACHINE_BALLOON:
		name = "BALLOON_CHANGE";
		balloon = machine_balloon(s->machine);
		data = json_pack("{s:I}", "actual", (json_int_t)balloon->actual(balloon->arg));
		break;
	default:
		return;
	}
	qmp_server_event(s, name, data);
}

/* --- life --------------------------------------------------------------------------------------------- */

struct qmp_server *qmp_server_create(struct loop *loop, struct machine *m)
{
	static const struct qmp_table *const own[] = { &qmp_core_table, &qmp_run_table,
						       &qmp_query_table, &qmp_stats_table,
						       &qmp_monitor_table };
	struct qmp_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->loop = loop;
	s->machine = m;
	qmp_server_set_version(s, 7, 2, 0, "parallax " PARALLAX_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		qmp_server_add(s, own[i], NULL);
	if (m) {
		s->events = (struct machine_listener){ .notice = on_machine, .arg = s };
		machine_listen(m, &s->events);
	}
	return s;
}

void qmp_server_destroy(struct qmp_server *s)
{
	if (!s)
		return;
	if (s->machine)
		machine_unlisten(s->machine, &s->events);
	while (s->nr_listeners)
		remove_listener(&s->listener[--s->nr_listeners]);
	while (s->sessions) {
		struct qmp_session *c = s->sessions;

		s->sessions = c->next;
		qmp_session_free(c);
	}
	free(s);
}

int qmp_server_listen(struct qmp_server *s, const char *address, struct error *e)
{
	struct qmp_listener *l = &s->listener[s->nr_listeners];
	const char *path;
	int fd = -1, err;

	if (s->nr_listeners == QMP_MAX_LISTENERS)
		return error_set(e, -ENOSPC, "--qmp: at most %d sockets", QMP_MAX_LISTENERS);
	err = parse(address, &path, &fd, e);
	if (err)
		return err;
	*l = (struct qmp_listener){ .server = s };
	err = path ? listen_path(l, path, e) : adopt(l, fd, e);
	if (err)
		return err;
	err = loop_watch(s->loop, l->fd, EPOLLIN, on_listener, l);
	if (err) {
		remove_listener(l);
		return error_sys(e, err, "--qmp: watching the socket");
	}
	s->nr_listeners++;
	return 0;
}

int qmp_server_add(struct qmp_server *s, const struct qmp_table *table, void *arg)
{
	if (s->nr_tables == QMP_MAX_TABLES)
		return -ENOSPC;
	s->table[s->nr_tables].table = table;
	s->table[s->nr_tables++].arg = arg;
	return 0;
}

void qmp_server_hide(struct qmp_server *s, const char *command)
{
	if (s->nr_hidden < QMP_MAX_HIDDEN)
		s->hidden[s->nr_hidden++] = command;
}

void qmp_server_set_version(struct qmp_server *s, int major, int minor, int micro,
			    const char *package)
{
	s->major = major;
	s->minor = minor;
	s->micro = micro;
	s->package = package;
}

void qmp_server_on_clients(struct qmp_server *s, void (*fn)(void *arg, unsigned clients), void *arg)
{
	s->on_clients = fn;
	s->on_clients_arg = arg;
}

void qmp_server_flush(struct qmp_server *s, int ms)
{
	u64 until = loop_now() + (u64)ms * 1000000u;

	for (struct qmp_session *c = s->sessions; c; c = c->next) {
		struct pollfd p = { .fd = c->fd, .events = POLLOUT };
		u64 now;

		for (;;) {
			qmp_session_write(c);
			now = loop_now();
			if (c->dead || c->out_at == c->out_used || now >= until)
				break;
			poll(&p, 1, (int)((until - now) / 1000000u) + 1);
		}
	}
}
