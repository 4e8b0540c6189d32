/* SPDX-License-Identifier: MIT */
/*
 * detach.c - `parallax run --detach`: the guest's process goes to the background once the guest runs.
 *
 * Until then the user waits, and every error reaches the terminal; from then on messages go to
 * NAME.log in the runtime directory, which stays when there is something in it.
 */
#include "vmm/cmd/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/machine.h"
#include "vmm/qmp/registry.h"

int detach_fork(struct detach *d, struct error *e)
{
	pid_t pid;
	int fd[2], status = 0, nothing;
	char name[64];
	ssize_t n;

	*d = (struct detach){ .ready = -1 };
	if (pipe2(fd, O_CLOEXEC))
		return error_sys(e, -errno, "--detach");
	pid = fork();
	if (pid < 0)
		return error_sys(e, -errno, "--detach");
	if (!pid) {
		close(fd[0]);
		d->ready = fd[1];
		setsid();
		nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(nothing, STDIN_FILENO);
		dup2(nothing, STDOUT_FILENO);
		close(nothing);
		return DETACH_BACKGROUND;
	}
	close(fd[1]);
	do
		n = read(fd[0], name, sizeof(name) - 1);
	while (n < 0 && errno == EINTR);
	close(fd[0]);
	if (n > 0) {
		name[n] = 0;
		puts(name);
		return 0;
	}
	/* Its process has said why. */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_NO_START;
}

static void on_event(void *arg, enum machine_event event, enum machine_cause cause)
{
	struct detach *d = arg;
	const char *name = machine_name(d->machine);
	int fd = -1;

	(void)cause;
	if (event != MACHINE_STARTED || d->ready < 0)
		return;
	if (!registry_log_path(name, d->log, sizeof(d->log), NULL))
		fd = open(d->log, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	/* Without a log there is still a guest; its last words are lost. */
	dup2(fd >= 0 ? fd : STDIN_FILENO, STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	else
		d->log[0] = 0;
	(void)!write(d->ready, name, strlen(name));
	close(d->ready);
	d->ready = -1;
}

void detach_watch(struct detach *d, struct machine *m)
{
	d->machine = m;
	d->listener = (struct machine_listener){ .notice = on_event, .arg = d };
	machine_listen(m, &d->listener);
}

void detach_ended(struct detach *d, int status)
{
	(void)d;
	if (status)
		fprintf(stderr, "parallax: the guest ended with status %d\n", status);
	fflush(stderr);
}
