/* SPDX-License-Identifier: MIT */
/*
 * attach.c - `parallax console`: a running guest's serial port on this terminal; several may watch.
 *
 * Ctrl-a d leaves, and the guest goes on. Input that ends (a file, a pipe) leaves the output open
 * until the guest ends.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/cmd/client.h"
#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"
#include "vmm/options.h"

#define CTRL_A 0x01

static const struct option_def options[] = {
	{ "port", 0, "N", "which serial port, 0 by default", verb_set_port },
	{ "recent", 0, NULL, "print what was kept of the output, and leave", verb_set_recent },
	{ "read-only", 'r', NULL, "watch without typing", verb_set_read_only },
};

static const char text[] =
	"console [options] [NAME]\n\n"
	"Shows the guest's recent output and everything new; what you type goes to the guest.\n"
	"Ctrl-a d leaves (the guest goes on), Ctrl-a a sends Ctrl-a, Ctrl-a h helps.\n";

static const char keys[] = "\r\nCtrl-a h  this help\r\nCtrl-a d  leave; the guest goes on\r\n"
			   "Ctrl-a a  send Ctrl-a to the guest\r\n";

struct attached {
	struct client *c;
	bool input;    /* stdin is still of use */
	bool terminal; /* it is one, in raw mode; saved is valid */
	bool prefix;   /* Ctrl-a was the last byte */
	bool leave;
	long left; /* --recent: bytes to show still; -1: no end */
	struct termios saved;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

static void enter(struct attached *a)
{
	struct termios raw;

	a->terminal = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &a->saved);
	if (!a->terminal)
		return;
	raw = a->saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void restore(struct attached *a)
{
	if (a->terminal)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &a->saved);
}

static bool write_all(int fd, const char *buf, size_t n)
{
	while (n) {
		ssize_t done = write(fd, buf, n);

		if (done < 0 && errno == EINTR && !interrupted)
			continue;
		if (done < 0)
			return false;
		buf += done;
		n -= (size_t)done;
	}
	return true;
}

/* Acts on Ctrl-a keys and removes them; the bytes that are left for the guest. */
static size_t filter(struct attached *a, char *buf, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n && !a->leave; i++) {
		char key = buf[i];

		if (!a->prefix && key == CTRL_A) {
			a->prefix = true;
			continue;
		}
		if (a->prefix) {
			a->prefix = false;
			if (key == 'd' || key == 'D')
				a->leave = true;
			else if (key == 'h' || key == '?')
				write_all(STDERR_FILENO, keys, sizeof(keys) - 1);
			if (key != 'a' && key != CTRL_A)
				continue;
			key = CTRL_A;
		}
		buf[out++] = key;
	}
	return out;
}

static void from_user(struct attached *a)
{
	char buf[512];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
	size_t len;

	if (n <= 0) {
		a->input = n < 0 && errno == EINTR;
		return;
	}
	len = a->terminal ? filter(a, buf, (size_t)n) : (size_t)n;
	for (size_t at = 0; at < len;) {
		ssize_t done = send(a->c->fd, buf + at, len - at, MSG_NOSIGNAL);

		if (done < 0 && errno != EINTR)
			return; /* the guest has ended: reading will tell */
		at += done > 0 ? (size_t)done : 0;
	}
}

/* False when there is no more to show. */
static bool show(struct attached *a, const char *buf, size_t n)
{
	if (a->left >= 0) {
		n = MIN(n, (size_t)a->left);
		a->left -= (long)n;
	}
	return write_all(STDOUT_FILENO, buf, n) && a->left;
}

/* Until the guest ends (true), or the user leaves. */
static bool relay(struct attached *a)
{
	char buf[16384];

	if (!show(a, a->c->buf, a->c->used))
		return false;
	while (!a->leave && !interrupted) {
		struct pollfd p[2] = { { .fd = a->c->fd, .events = POLLIN },
				       { .fd = a->input ? STDIN_FILENO : -1, .events = POLLIN } };
		ssize_t n;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			from_user(a);
		if (!p[0].revents)
			continue;
		n = recv(a->c->fd, buf, sizeof(buf), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		if (!show(a, buf, (size_t)n))
			return false;
	}
	return false;
}

int cmd_console(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct verb v = { 0 };
	struct client c;
	struct attached a = { .c = &c, .left = -1 };
	json_t *reply;
	struct error e;
	bool ended;
	int r = verb_parse(&v, argc, argv, options, ARRAY_SIZE(options), text);

	if (r >= 0)
		return r;
	if (v.nr > 1) {
		error_set(&e, -EINVAL, "%s: one guest at a time", v.name[1]);
		return cmd_fail("console", &e, EXIT_BAD_USAGE);
	}
	if (client_open(&c, v.nr ? v.name[0] : NULL, &e))
		return cmd_fail("console", &e, 1);
	reply = client_execute(&c, "x-console", json_pack("{s:i}", "port", (int)v.port), &e);
	if (!reply) {
		client_close(&c);
		return cmd_fail("console", &e, 1);
	}
	if (v.recent)
		a.left = (long)json_integer_value(json_object_get(reply, "recent"));
	json_decref(reply);
	a.input = !v.recent && !v.read_only;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	if (a.input)
		enter(&a);
	if (a.terminal)
		fprintf(stderr, "[%s: Ctrl-a d leaves]\r\n", c.name);
	ended = relay(&a);
	restore(&a);
	if (a.terminal)
		fprintf(stderr, "\n[%s: %s]\n", c.name, ended ? "the guest has ended" : "left");
	client_close(&c);
	return interrupted ? 128 + interrupted : 0;
}
