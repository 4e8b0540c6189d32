/* SPDX-License-Identifier: MIT */
/* main.c - the verb table. */
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "base/types.h"
#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} verbs[] = {
	{ "run", cmd_run, "boot a guest: the tiny kernel, Linux, multiboot or a flat image" },
	{ "ps", cmd_ps, "list the guests that run" },
	{ "console", cmd_console, "attach to a running guest's serial port" },
	{ "stop", cmd_stop, "power a guest off, or end it by force" },
	{ "pause", cmd_pause, "make a guest's CPUs stand still" },
	{ "resume", cmd_resume, "let a paused guest go on" },
	{ "reset", cmd_reset, "reset a guest: it boots again" },
	{ "stat", cmd_stat, "counters of a running guest" },
	{ "events", cmd_events, "what happens to a guest, as it happens" },
	{ "balloon", cmd_balloon, "a guest's memory: show it, or ask for less or more" },
	{ "qmp", cmd_qmp, "raw control commands (QMP)" },
	{ "debug", cmd_debug, "boot a guest under gdb, from its first instruction" },
	{ "contrast", cmd_contrast, "the same kernel fully and para-virtualized, side by side" },
	{ "trace", cmd_trace, "a guest's exits and what its kernel does, on one timeline" },
	{ "simulate", cmd_simulate,
	  "the tiny kernel's scheduler in virtual time: a scenario in, tables out" },
	{ "qemu", cmd_qemu, "a guest from a QEMU command line, as libvirt writes it" },
	{ "doctor", cmd_doctor, "what this host can do, and what to do about the rest" },
};

static void usage(FILE *out)
{
	fprintf(out, "usage: parallax VERB [options]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].help);
	fprintf(out,
		"\n`parallax VERB --help` tells more; `parallax run` boots the tiny kernel.\n");
}

/* Called by one of these names, the program is the verb. A link of the second one, in a path without
 * QEMU, makes libvirt find an emulator for domains that name none. */
static bool is_qemu(const char *program)
{
	const char *self = strrchr(program, '/');

	self = self ? self + 1 : program;
	return !strcmp(self, "parallax-qemu") || !strcmp(self, "qemu-system-x86_64");
}

int main(int argc, char **argv)
{
	const char *names[ARRAY_SIZE(verbs)], *near;

	if (argc > 0 && is_qemu(argv[0]))
		return cmd_qemu(argc, argv);
	if (argc < 2) {
		usage(stderr);
		return EXIT_BAD_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("parallax %s\n", PARALLAX_VERSION);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
		names[i] = verbs[i].name;
	}
	near = suggest(argv[1], names, ARRAY_SIZE(names));
	fprintf(stderr, "parallax: %s: no such verb%s%s%s\n", argv[1],
		near ? "; did you mean `parallax " : "; `parallax --help` lists them",
		near ? near : "", near ? "`?" : "");
	return EXIT_BAD_USAGE;
}
