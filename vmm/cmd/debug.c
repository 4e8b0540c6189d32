/* SPDX-License-Identifier: MIT */
/*
 * debug.c - `parallax debug`: a paused guest in the background, gdb connected to it in front.
 *
 * The guest's process is gdb's child (this process becomes gdb) and ends with it. It has a session
 * of its own, so that ^C reaches gdb alone, and its console is output only: the keyboard is gdb's.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/cmd/cmd.h"
#include "vmm/machine.h"
#include "vmm/options.h"

#define MOST_ARGS 256

static void help(const struct option_set *set)
{
	printf("usage: parallax debug [options] [KERNEL] [-- GDB-ARGUMENTS]\n\n"
	       "Starts the guest paused at its first instruction and runs gdb on it, with\n"
	       "KERNEL's symbols and the commands in KERNEL-gdb.py. Quitting gdb ends the\n"
	       "guest. What follows -- is gdb's: a vmlinux with the symbols of a bzImage, say,\n"
	       "or -ex 'break kernel_main' -ex continue. Takes the options of `run`:\n\n");
	options_help(set, stdout);
	printf("\nIn gdb, `monitor help` lists what the VMM can tell besides. PARALLAX_GDB\n"
	       "names another gdb than the one in the PATH.\n");
}

struct place {
	char dir[32], socket[48], address[64];
};

static int make_place(struct place *p, struct error *e)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/parallax-gdb-XXXXXX");
	if (!mkdtemp(p->dir))
		return error_sys(e, -errno, "%s", p->dir);
	snprintf(p->socket, sizeof(p->socket), "%s/socket", p->dir);
	snprintf(p->address, sizeof(p->address), "unix:%s", p->socket);
	return 0;
}

/* ---- the guest's process ----------------------------------------------------------------------- */

/* ready: written to once gdb may connect. */
static int run_guest(const struct machine_config *cfg, const struct place *p, int ready)
{
	const struct machine_result *r;
	struct machine *m;
	struct error e;
	int status, nothing = open("/dev/null", O_RDWR);

	dup2(nothing, STDIN_FILENO);
	close(nothing);
	if (machine_create(cfg, &m, &e)) {
		rmdir(p->dir);
		return cmd_fail("debug", &e, EXIT_NO_START);
	}
	if (write(ready, "", 1) != 1)
		fprintf(stderr, "parallax debug: gdb's side has gone\n");
	close(ready);
	r = machine_run(m);
	fputs(r->report, stderr);
	status = r->status;
	machine_destroy(m);
	rmdir(p->dir);
	return status;
}

static pid_t start_guest(const struct machine_config *cfg, const struct place *p, int *ready)
{
	pid_t parent = getpid(), pid;
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid) {
		close(fd[1]);
		*ready = fd[0];
		return pid;
	}
	close(fd[0]);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_NO_START);
	exit(run_guest(cfg, p, fd[1]));
}

/* ---- gdb's ------------------------------------------------------------------------------------------ */

/* Only an ELF file can have symbols for gdb. */
static bool is_elf(const char *path)
{
	char magic[SELFMAG] = "";
	FILE *f = fopen(path, "re");
	bool elf = f && fread(magic, 1, SELFMAG, f) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG);

	if (f)
		fclose(f);
	return elf;
}

static int become_gdb(const char *kernel, const struct place *p, char **more, struct error *e)
{
	const char *gdb = getenv("PARALLAX_GDB");
	char safe[4200], connect[80], *real = realpath(kernel, NULL), *slash;
	char *argv[MOST_ARGS];
	int n = 0;

	slash = real ? strrchr(real, '/') : NULL;
	if (slash)
		*slash = 0;
	snprintf(safe, sizeof(safe), "add-auto-load-safe-path %s/", slash ? real : "");
	snprintf(connect, sizeof(connect), "target remote %s", p->socket);
	free(real);
	argv[n++] = (char *)(gdb && *gdb ? gdb : "gdb");
	argv[n++] = "-q";
	argv[n++] = "-iex";
	argv[n++] = safe;
	/* Before the guest's paging is on, kernel addresses can be read from the file alone. */
	argv[n++] = "-iex";
	argv[n++] = "set trust-readonly-sections on";
	if (is_elf(kernel) && (!*more || **more == '-'))
		argv[n++] = (char *)kernel;
	else if (*more && **more != '-')
		argv[n++] = *more++;
	argv[n++] = "-ex";
	argv[n++] = connect;
	while (*more && n < MOST_ARGS - 1)
		argv[n++] = *more++;
	argv[n] = NULL;
	execvp(argv[0], argv);
	return error_sys(e, -errno, "%s (is gdb installed?)", argv[0]);
}

static int debug(const struct machine_config *cfg, const struct place *p, char **gdb_args)
{
	int ready, status;
	struct error e;
	char byte;
	pid_t pid = start_guest(cfg, p, &ready);

	if (pid < 0) {
		rmdir(p->dir);
		error_sys(&e, -errno, "starting the guest's process");
		return cmd_fail("debug", &e, EXIT_NO_START);
	}
	if (read(ready, &byte, 1) != 1) {
		/* The guest's process has said why. */
		waitpid(pid, &status, 0);
		return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_NO_START;
	}
	close(ready);
	status = become_gdb(cfg->kernel, p, gdb_args, &e);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return cmd_fail("debug", &e, status ? EXIT_NO_START : 0);
}

int cmd_debug(int argc, char **argv)
{
	struct config_builder b;
	struct option_set set;
	struct place p;
	struct error e;
	int status, rest;

	config_options(&set, &b);
	status = options_parse(&set, argc, argv, &rest, &e);
	if (status == 1) {
		help(&set);
		return 0;
	}
	if (!status && b.cfg.gdb)
		status = error_set(&e, -EINVAL,
				   "--gdb: debug connects gdb itself; use `parallax run`");
	if (!status && b.dry_run)
		status = error_set(&e, -EINVAL, "--dry-run: nothing to debug; use `parallax run`");
	if (!status && b.detach)
		status = error_set(&e, -EINVAL, "--detach: gdb is in front; use `parallax run`");
	if (status)
		return cmd_fail("debug", &e, EXIT_BAD_USAGE);
	b.cfg.gdb = "1"; /* its address is made when nothing else is wrong any more */
	status = config_finish(&b, &e);
	if (status)
		return cmd_fail("debug", &e, status == -ENOENT ? EXIT_NO_START : EXIT_BAD_USAGE);
	if (make_place(&p, &e))
		return cmd_fail("debug", &e, EXIT_NO_START);
	b.cfg.gdb = p.address;
	b.cfg.paused = true;
	return debug(&b.cfg, &p, argv + rest);
}
