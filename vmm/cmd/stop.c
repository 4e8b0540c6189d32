/* SPDX-License-Identifier: MIT */
/*
 * stop.c - `parallax stop`: the power button, for all named guests at once, then the wait until
 * each is gone; with --force, the end without asking the guest.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cmd/client.h"
#include "vmm/cmd/cmd.h"
#include "vmm/loop.h"
#include "vmm/machine.h"
#include "vmm/options.h"
#include "vmm/qmp/registry.h"

#define DEFAULT_SECONDS 20
#define KILL_WAIT_MS	5000

static const struct option_def options[] = {
	{ "force", 'f', NULL, "end it at once; its process is killed if it does not answer",
	  verb_set_force },
	{ "all", 'a', NULL, "every guest of this user", verb_set_all },
	{ "timeout", 't', "SECONDS", "how long to wait for the guest, 20 by default",
	  verb_set_timeout },
};

static const char text[] = "stop [options] NAME...\n\n"
			   "Presses the power button and waits until the guest has powered off.\n";

/* A process that does not talk any more. */
static int kill_hung(const char *name, pid_t pid, struct error *e)
{
	struct registry_guest g;
	u64 until = loop_now() + KILL_WAIT_MS * 1000000UL;

	if (pid <= 0 || kill(pid, SIGKILL))
		return error_set(e, -ESRCH, "%s: does not answer, and cannot be killed", name);
	fprintf(stderr, "parallax stop: %s did not answer; its process %d was killed\n", name, pid);
	/* Gone once nobody listens any more; this cleans up as well. */
	while (loop_now() < until) {
		unsigned dead;

		if (registry_connect(name, &g, NULL)) {
			struct verb unused = { 0 };

			(void)dead;
			verb_all_names(&unused, NULL);
			return 0;
		}
		close(g.fd);
		usleep(10000);
	}
	return error_set(e, -EBUSY, "%s: its process %d survives SIGKILL", name, pid);
}

/* Opens c and asks for the end. 0, 1: it is gone already, or -errno with e filled. */
static int ask(struct client *c, const char *name, bool force, struct error *e)
{
	struct registry_guest g;
	const char *status;
	json_t *reply;
	int err;

	if (!force || strchr(name, '/')) {
		err = client_open(c, name, e);
	} else {
		err = registry_connect(name, &g, e);
		if (err)
			return err;
		if (client_adopt(c, name, g.fd, g.pid, 2000, e)) {
			err = kill_hung(name, g.pid, e);
			return err ? err : 1;
		}
	}
	if (err)
		return err;
	if (force) {
		json_decref(client_execute(c, "quit", NULL, e));
		return 0;
	}
	reply = client_execute(c, "query-status", NULL, e);
	status = json_string_value(json_object_get(reply, "status"));
	if (status && strcmp(status, "running") != 0)
		err = error_set(e, -EPERM,
				"%s: is %s and cannot hear its power button; `parallax resume` it, "
				"or use --force",
				name, status);
	json_decref(reply);
	reply = err || !status ? NULL : client_execute(c, "system_powerdown", NULL, e);
	if (!reply) {
		client_close(c);
		return -EIO;
	}
	json_decref(reply);
	return 0;
}

/* Until the connection ends, or deadline. */
static int wait_gone(struct client *c, u64 deadline, unsigned seconds, struct error *e)
{
	json_t *event;
	int r;

	do {
		u64 now = loop_now();

		r = client_event(c, deadline > now ? (int)((deadline - now) / 1000000u) : 0, &event,
				 e);
		if (r == 1)
			json_decref(event);
	} while (r == 1);
	if (r == -ETIMEDOUT)
		return error_set(
			e, r, "%s: did not power off within %u s; --force ends it without asking",
			c->name, seconds);
	return r;
}

int cmd_stop(int argc, char **argv)
{
	struct verb v = { .seconds = DEFAULT_SECONDS };
	struct client *c;
	struct error e;
	u64 deadline;
	int r = verb_parse(&v, argc, argv, options, ARRAY_SIZE(options), text), failed = 0;

	if (r >= 0)
		return r;
	if (v.all && v.nr) {
		error_set(&e, -EINVAL, "--all and a name (%s): one of the two", v.name[0]);
		return cmd_fail("stop", &e, EXIT_BAD_USAGE);
	}
	if (v.all && verb_all_names(&v, &e))
		return cmd_fail("stop", &e, 1);
	if (!v.nr && !v.all) {
		error_set(&e, -EINVAL, "which guest? `parallax ps` lists them; --all stops all");
		return cmd_fail("stop", &e, EXIT_BAD_USAGE);
	}
	c = calloc(v.nr + 1, sizeof(*c));
	if (!c)
		return EXIT_NO_START;
	for (size_t i = 0; i < v.nr; i++) {
		c[i].fd = -1;
		r = ask(&c[i], v.name[i], v.force, &e);
		if (r < 0)
			failed = cmd_fail("stop", &e, 1);
		if (r)
			c[i].fd = -1;
	}
	deadline = loop_now() + v.seconds * 1000000000UL;
	for (size_t i = 0; i < v.nr; i++) {
		if (c[i].fd < 0)
			continue;
		if (wait_gone(&c[i], deadline, v.seconds, &e))
			failed = cmd_fail("stop", &e, 1);
		client_close(&c[i]);
	}
	free(c);
	return failed;
}
