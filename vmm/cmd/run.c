/* SPDX-License-Identifier: MIT */
/* run.c - `parallax run`: one guest, from the command line to its exit status. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"
#include "vmm/options.h"

static void help(const struct option_set *set)
{
	printf("usage: parallax run [options] [KERNEL]\n\n"
	       "Boots KERNEL: a PVH or multiboot ELF, a Linux bzImage or vmlinux, a flat image.\n\n");
	options_help(set, stdout);
	printf("\nOn a terminal: Ctrl-a x ends the guest, Ctrl-a h lists the keys.\n"
	       "Exit status: 0 powered off or reset, 1-99 the guest's own, 124 timeout,\n"
	       "125 could not start, 126 guest crashed, 2 usage.\n");
}

static void finish_line(const struct machine_result *r)
{
	/* On a terminal the prompt would otherwise follow the guest's last words. */
	if (r->end == MACHINE_END_USER && isatty(STDOUT_FILENO))
		fputc('\n', stderr);
	fputs(r->report, stderr);
}

int cmd_run(int argc, char **argv)
{
	const struct machine_result *r;
	struct config_builder b;
	struct option_set set;
	struct machine *m;
	struct error e;
	int status, rest;

	config_options(&set, &b);
	status = options_parse(&set, argc, argv, &rest, &e);
	if (status == 1) {
		help(&set);
		return 0;
	}
	if (!status && rest < argc)
		status = error_set(&e, -EINVAL, "%s: not expected here; --help tells", argv[rest]);
	if (status)
		return cmd_fail("run", &e, EXIT_BAD_USAGE);
	status = config_finish(&b, &e);
	if (status)
		return cmd_fail("run", &e, status == -ENOENT ? EXIT_NO_START : EXIT_BAD_USAGE);
	if (b.dry_run) {
		b.cfg.serial[0] = b.nr_serials ? b.cfg.serial[0] : "null";
		b.cfg.control = (struct control_config){ 0 };
	}
	if (machine_create(&b.cfg, &m, &e))
		return cmd_fail("run", &e, EXIT_NO_START);
	if (b.dry_run) {
		machine_describe(m, stdout);
		machine_destroy(m);
		return 0;
	}
	r = machine_run(m);
	finish_line(r);
	/* On stderr: stdout is the guest's. */
	if (b.cfg.stats == STATS_TABLE)
		stats_print_table(stderr, &r->stats);
	else if (b.cfg.stats == STATS_JSON)
		stats_print_json(stderr, &r->stats);
	status = r->status;
	machine_destroy(m);
	return status;
}
