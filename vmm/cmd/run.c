/* SPDX-License-Identifier: MIT */
/* run.c - `parallax run`: one guest, from the command line to its exit status. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cmd/cmd.h"
#include "vmm/cmd/detach.h"
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

static int dry_run(struct config_builder *b)
{
	struct machine *m;
	struct error e;

	b->cfg.serial[0] = b->nr_serials ? b->cfg.serial[0] : "null";
	b->cfg.control = (struct control_config){ 0 };
	if (machine_create(&b->cfg, &m, &e))
		return cmd_fail("run", &e, EXIT_NO_START);
	machine_describe(m, stdout);
	machine_destroy(m);
	return 0;
}

static int run(const struct machine_config *cfg, struct detach *d)
{
	const struct machine_result *r;
	struct machine *m;
	struct error e;
	int status;

	if (machine_create(cfg, &m, &e))
		return cmd_fail("run", &e, EXIT_NO_START);
	if (d)
		detach_watch(d, m);
	r = machine_run(m);
	finish_line(r);
	/* On stderr: stdout is the guest's. */
	if (cfg->stats == STATS_TABLE)
		stats_print_table(stderr, &r->stats);
	else if (cfg->stats == STATS_JSON)
		stats_print_json(stderr, &r->stats);
	status = r->status;
	if (d)
		detach_ended(d, status);
	machine_destroy(m);
	return status;
}

static int check_detach(struct config_builder *b, struct error *e)
{
	for (unsigned i = 0; i < b->nr_serials; i++)
		if (!strcmp(b->cfg.serial[i], "stdio"))
			return error_set(e, -EINVAL,
					 "--detach: leaves no terminal for --serial stdio; see "
					 "`parallax console`");
	if (!b->nr_serials)
		b->cfg.serial[0] = "null";
	b->cfg.control.required = true;
	if (!b->cfg.control.registered)
		return error_set(e, -EINVAL, "--detach: --qmp none would leave nothing to stop it");
	if (b->dry_run)
		return error_set(e, -EINVAL, "--dry-run: nothing runs that could be detached");
	return 0;
}

int cmd_run(int argc, char **argv)
{
	struct config_builder b;
	struct option_set set;
	struct detach d;
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
	if (!status && b.detach)
		status = check_detach(&b, &e);
	if (status)
		return cmd_fail("run", &e, status == -ENOENT ? EXIT_NO_START : EXIT_BAD_USAGE);
	if (b.dry_run)
		return dry_run(&b);
	if (!b.detach)
		return run(&b.cfg, NULL);
	status = detach_fork(&d, &e);
	if (status == DETACH_BACKGROUND)
		return run(&b.cfg, &d);
	return status >= 0 ? status : cmd_fail("run", &e, EXIT_NO_START);
}
