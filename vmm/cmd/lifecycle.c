/* SPDX-License-Identifier: MIT */
/* lifecycle.c - `parallax pause`, `resume` and `reset`: one QMP command for each named guest. */
#include <errno.h>

#include "vmm/cmd/client.h"
#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"
#include "vmm/options.h"

static const struct option_def options[] = {
	{ "all", 'a', NULL, "every guest of this user", verb_set_all },
};

static int simple(int argc, char **argv, const char *command, const char *text)
{
	struct verb v = { 0 };
	struct error e;
	int r = verb_parse(&v, argc, argv, options, ARRAY_SIZE(options), text), failed = 0;

	if (r >= 0)
		return r;
	if (v.all && v.nr) {
		error_set(&e, -EINVAL, "--all and a name (%s): one of the two", v.name[0]);
		return cmd_fail(argv[0], &e, EXIT_BAD_USAGE);
	}
	if (v.all && verb_all_names(&v, &e))
		return cmd_fail(argv[0], &e, 1);
	/* Without a name: the only one. */
	for (size_t i = 0; i < v.nr || (!i && !v.all); i++) {
		struct client c;
		json_t *reply;

		if (client_open(&c, v.nr ? v.name[i] : NULL, &e)) {
			failed = cmd_fail(argv[0], &e, 1);
			continue;
		}
		reply = client_execute(&c, command, NULL, &e);
		if (!reply)
			failed = cmd_fail(argv[0], &e, 1);
		json_decref(reply);
		client_close(&c);
	}
	return failed;
}

int cmd_pause(int argc, char **argv)
{
	return simple(argc, argv, "stop",
		      "pause [--all] [NAME...]\n\nThe guest's CPUs stand still until `resume`.\n");
}

int cmd_resume(int argc, char **argv)
{
	return simple(argc, argv, "cont",
		      "resume [--all] [NAME...]\n\nLets a paused guest go on.\n");
}

int cmd_reset(int argc, char **argv)
{
	return simple(argc, argv, "system_reset",
		      "reset [--all] [NAME...]\n\nPower-on again, without asking the guest: memory "
		      "cleared, images loaded anew.\n");
}
