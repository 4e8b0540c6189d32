/* SPDX-License-Identifier: MIT */
/*
 * qemu.c - `parallax qemu`, and the program called as parallax-qemu: a machine from a QEMU command
 * line, for managers that know no other.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"
#include "vmm/machine_control.h"
#include "vmm/qemu/probe.h"
#include "vmm/qemu/replies.h"

#define MANAGER_WAIT_MS 2000

/* What libvirt shows its user when the process has ended early is the last of this. */
static int fail(const struct qemu_command *c, const struct error *e)
{
	struct timespec now;
	struct tm tm;
	char stamp[32];

	if (c->timestamps && !clock_gettime(CLOCK_REALTIME, &now) && gmtime_r(&now.tv_sec, &tm) &&
	    strftime(stamp, sizeof(stamp), "%FT%T", &tm))
		fprintf(stderr, "%s.%06ldZ ", stamp, now.tv_nsec / 1000);
	if (c->guest_name && c->name)
		fprintf(stderr, "%s ", c->name);
	fprintf(stderr, "parallax-qemu: %s\n", e->text);
	return EXIT_NO_START;
}

/* The listening socket that the manager has made for the first monitor, for ourselves; -1: none. */
static int monitor_socket(const struct qemu_command *c)
{
	for (size_t i = 0; i < c->nr_monitors; i++) {
		const struct qemu_chardev *d =
			c->monitors[i].chardev ? qemu_chardev_find(c, c->monitors[i].chardev)
					       : NULL;

		if (d && d->fd >= 0 && d->fd <= INT32_MAX)
			return fcntl((int)d->fd, F_DUPFD_CLOEXEC, 0);
	}
	return -1;
}

/*
 * A manager that is refused a connection says no more than that. One whose connection ends shows
 * its user what we have printed; so it is given one.
 */
static void let_manager_see(int monitor)
{
	struct pollfd p = { .fd = monitor, .events = POLLIN };

	if (poll(&p, 1, MANAGER_WAIT_MS) > 0)
		close(accept(monitor, NULL, NULL));
}

static int run(struct qemu_command *c, struct error *e, int *status)
{
	const struct machine_result *r;
	struct machine *m;
	int err;

	if (c->mem_lock && mlockall(MCL_CURRENT | MCL_FUTURE))
		return error_sys(e, -errno, "-overcommit mem-lock=on; see `ulimit -l`");
	if (c->process)
		prctl(PR_SET_NAME, c->process);
	err = machine_create(&c->cfg, &m, e);
	if (err)
		return err;
	if (machine_qmp(m))
		err = qemu_replies_add(machine_qmp(m), c);
	if (!err)
		err = qemu_write_pidfile(c->pidfile, e);
	if (!err) {
		r = machine_run(m);
		fputs(r->report, stderr);
		*status = r->status;
		if (c->pidfile)
			unlink(c->pidfile);
	}
	machine_destroy(m);
	return err;
}

/* Words that ask about the program; true when one was there. */
static bool about(int argc, char **argv)
{
	if (argc != 2)
		return false;
	if (!strcmp(argv[1], "-version") || !strcmp(argv[1], "--version")) {
		printf("parallax-qemu %s, which takes QEMU's command line\n", PARALLAX_VERSION);
		return true;
	}
	if (!strcmp(argv[1], "-help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		qemu_command_help(stdout);
		return true;
	}
	return false;
}

int cmd_qemu(int argc, char **argv)
{
	struct qemu_command c;
	struct error e;
	int err, status = 0, monitor;

	if (about(argc, argv))
		return 0;
	err = qemu_command_parse(&c, argc, argv, &e);
	monitor = monitor_socket(&c);
	if (!err)
		err = qemu_command_resolve(&c, &e);
	if (!err)
		err = qemu_command_is_probe(&c) ? qemu_probe(&c, &e) : run(&c, &e, &status);
	if (err) {
		status = fail(&c, &e);
		if (monitor >= 0)
			let_manager_see(monitor);
	}
	if (monitor >= 0)
		close(monitor);
	qemu_command_free(&c);
	return status;
}
