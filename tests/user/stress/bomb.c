/* SPDX-License-Identifier: MIT */
/*
 * bomb.c - fork bombs. "count": children that stay, until fork is refused. "spread": each child does the
 * same as its parent. Both end: what was made is killed, collected, and a fork works again.
 *
 *   bomb [-l LIMIT] [count|spread]       LIMIT: RLIMIT_NPROC, as user 65534; without one, the kernel's own
 *
 * In guests only: without the file /fuzz-me it refuses.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST	100000
#define SECONDS 20

static volatile long *made, *refused;

static void limit_to(long limit)
{
	const struct rlimit l = { (rlim_t)limit, (rlim_t)limit };

	if (limit && (setrlimit(RLIMIT_NPROC, &l) || syscall(SYS_setresgid, 65534, 65534, 65534) ||
		      syscall(SYS_setresuid, 65534, 65534, 65534)))
		_exit(3);
}

static void count(void)
{
	while (*made < MOST) {
		pid_t pid = fork();

		if (!pid)
			for (;;)
				pause();
		if (pid < 0) {
			*refused = errno;
			return;
		}
		++*made;
	}
}

static void spread(void)
{
	for (;;) {
		if (fork() < 0) {
			*refused = errno;
			usleep(1000);
		} else {
			__atomic_add_fetch((long *)made, 1, __ATOMIC_RELAXED);
		}
	}
}

int main(int argc, char **argv)
{
	long limit = 0;
	int c, status = -1, left = 0, spreads;
	pid_t pid;

	while ((c = getopt(argc, argv, "l:")) >= 0) {
		if (c != 'l') {
			fputs("usage: bomb [-l LIMIT] [count|spread]\n", stderr);
			return 2;
		}
		limit = atol(optarg);
	}
	spreads = optind < argc && strcmp(argv[optind], "spread") == 0;
	if (access("/fuzz-me", F_OK)) {
		fputs("bomb: this harms what it runs on; in a guest that may be harmed, make a file /fuzz-me\n",
		      stderr);
		return 1;
	}
	made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	refused = made + 8;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		limit_to(limit);
		if (spreads)
			spread();
		count();
		pause();
	}
	setpgid(pid, pid);
	for (int i = 0; i < SECONDS * 10 && !*refused; i++)
		usleep(100000);
	/* One that was being born while the others were killed is met by the next round. */
	for (int round = 0; round < 100 && (kill(-pid, SIGKILL) == 0 || round < 3); round++) {
		usleep(20000);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			left++;
	}
	pid = fork();
	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, &status, 0);
	printf("bomb: %ld made, %d collected, refused with error %ld\n", *made, left, *refused);
	printf("@bomb.%s %s\n", spreads ? "spread" : "count",
	       *refused == EAGAIN || *refused == ENOMEM ? "refused in the end" : "never refused");
	printf("@bomb.after fork %s\n", status == 0 ? "works" : "is broken");
	return status == 0 && *refused ? 0 : 1;
}
