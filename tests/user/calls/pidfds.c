/* SPDX-License-Identifier: MIT */
/* pidfds.c - processes as files: pidfd_open(2), pidfd_send_signal(2), waitid(2) by P_PIDFD, poll(2); and
 * the folders of /proc, which pidfd_send_signal takes too. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

enum { BY_PIDFD = 3 }; /* P_PIDFD, which not each C library names */

static int waits(void *unused)
{
	(void)unused;
	pause();
	return 0;
}

static void arguments(void)
{
	int file, end[2];

	X(pidfd_open, 0, 0);
	X(pidfd_open, -1, 0);
	X(pidfd_open, getpid(), 1);
	X(pidfd_open, 4000000, 0);
	X(pidfd_send_signal, -1, 0, NULL, 0);
	Q(pipe, end);
	X(pidfd_send_signal, end[0], 0, NULL, 0);
	file = open(".", O_RDONLY);
	X(pidfd_send_signal, file, 0, NULL, 0);
	X(waitid, BY_PIDFD, file, NULL, WEXITED, NULL);
	X(waitid, BY_PIDFD, -1, NULL, WEXITED, NULL);
	X(waitid, BY_PIDFD, 700, NULL, WEXITED, NULL);
}

static void sending(void)
{
	pid_t pid = start(waits, NULL);
	int fd = (int)Q(pidfd_open, pid, 0);
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	HEX(fcntl(fd, F_GETFD));
	X(pidfd_send_signal, fd, 0, NULL, 0);
	X(pidfd_send_signal, fd, 65, NULL, 0);
	X(pidfd_send_signal, fd, 0, NULL, 1 << 20);
	X(pidfd_send_signal, fd, SIGTERM, &info, 0);
	X(pidfd_send_signal, fd, SIGUSR1, unmapped(), 0);
	X(poll, &p, 1, 0);
	X(pidfd_send_signal, fd, SIGUSR1, &info, 0);
	X(poll, &p, 1, -1);
	HEX(p.revents);
	X(pidfd_send_signal, fd, SIGKILL, NULL, 0); /* there until somebody waits */
	X(waitid, BY_PIDFD, fd, &info, WEXITED | WNOWAIT, NULL);
	NUM(info.si_status);
	say("%s", wait_words(finish(pid)));
	X(pidfd_send_signal, fd, SIGKILL, NULL, 0);
	X(waitid, BY_PIDFD, fd, &info, WEXITED, NULL);
}

static int open_below(pid_t pid, const char *what, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d%s", pid, what);
	return open(path, flags);
}

static void folders(void)
{
	pid_t pid = start(waits, NULL);
	int folder = open_below(pid, "", O_RDONLY | O_DIRECTORY);
	int name = open_below(pid, "", O_PATH);
	int task = open_below(pid, "/task", O_RDONLY);
	int status = open_below(pid, "/status", O_RDONLY);
	int proc = open("/proc", O_RDONLY);
	int thread = open("/proc/thread-self", O_RDONLY);
	struct pollfd p = { .fd = folder, .events = POLLIN };

	X(pidfd_send_signal, folder, 0, NULL, 0);
	X(pidfd_send_signal, name, 0, NULL, 0);
	X(pidfd_send_signal, task, 0, NULL, 0);
	X(pidfd_send_signal, status, 0, NULL, 0);
	X(pidfd_send_signal, proc, 0, NULL, 0);
	X(pidfd_send_signal, thread, 0, NULL, 0);
	X(waitid, BY_PIDFD, folder, NULL, WEXITED | WNOHANG, NULL);
	X(poll, &p, 1, 0);
	HEX(p.revents);
	X(pidfd_send_signal, folder, SIGTERM, NULL, 0);
	say("%s", wait_words(finish(pid)));
	X(pidfd_send_signal, folder, SIGTERM, NULL, 0);
	X(pidfd_send_signal, folder, 0, NULL, 0);
}

static const struct test tests[] = { T(arguments), T(sending), T(folders) };

MAIN("pidfds", tests)
