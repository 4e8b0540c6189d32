/* SPDX-License-Identifier: MIT */
/* qmp.c - `parallax qmp`: one raw command, or the socket on stdin and stdout. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/cmd/client.h"
#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"
#include "vmm/options.h"

static const char text[] =
	"qmp NAME [COMMAND [ARGUMENTS]]\n\n"
	"Executes a QMP command (ARGUMENTS is a JSON object) and prints what it returns. Without\n"
	"a command: QMP lines from stdin, answers and events on stdout, already past the\n"
	"greeting. NAME may be a path to a socket.\n\n"
	"  parallax qmp web query-status\n"
	"  parallax qmp web query-stats '{\"target\": \"vm\"}'\n"
	"  parallax qmp web query-commands\n";

static int one(struct client *c, const char *command, const char *arguments, struct error *e)
{
	json_error_t why;
	json_t *args = arguments ? json_loads(arguments, 0, &why) : NULL, *reply;

	if (arguments && !json_is_object(args)) {
		json_decref(args);
		return error_set(e, -EINVAL, "%s: a JSON object such as '{\"target\": \"vm\"}'%s%s",
				 arguments, args ? "" : "; ", args ? "" : why.text);
	}
	reply = client_execute(c, command, args, e);
	if (!reply)
		return -EREMOTEIO;
	print_json(reply);
	return 0;
}

static bool copy(int from, int to, bool socket)
{
	char buf[8192];
	ssize_t n = read(from, buf, sizeof(buf));

	for (ssize_t at = 0, done; at < n; at += done) {
		done = socket ? send(to, buf + at, (size_t)(n - at), MSG_NOSIGNAL)
			      : write(to, buf + at, (size_t)(n - at));
		if (done <= 0)
			return false;
	}
	return n > 0;
}

/* Until the guest's side ends; the user's may end before, and answers still come. */
static void relay(struct client *c)
{
	bool input = true;

	(void)!write(STDOUT_FILENO, c->buf, c->used);
	for (;;) {
		struct pollfd p[2] = { { .fd = c->fd, .events = POLLIN },
				       { .fd = input ? STDIN_FILENO : -1, .events = POLLIN } };

		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		if (p[0].revents && !copy(c->fd, STDOUT_FILENO, false))
			return;
		if (p[1].revents && !copy(STDIN_FILENO, c->fd, true)) {
			input = false;
			shutdown(c->fd, SHUT_WR);
		}
	}
}

int cmd_qmp(int argc, char **argv)
{
	struct verb v = { 0 };
	struct client c;
	struct error e;
	int r = verb_parse(&v, argc, argv, NULL, 0, text);

	if (r >= 0)
		return r;
	if (!v.nr || v.nr > 3) {
		error_set(&e, -EINVAL, "NAME [COMMAND [ARGUMENTS]]; --help shows examples");
		return cmd_fail("qmp", &e, EXIT_BAD_USAGE);
	}
	if (client_open(&c, v.name[0], &e))
		return cmd_fail("qmp", &e, 1);
	r = 0;
	if (v.nr == 1)
		relay(&c);
	else
		r = one(&c, v.name[1], v.nr == 3 ? v.name[2] : NULL, &e);
	client_close(&c);
	return r ? cmd_fail("qmp", &e, r == -EINVAL ? EXIT_BAD_USAGE : 1) : 0;
}
