/* SPDX-License-Identifier: MIT */
/*
 * hog.c - takes memory until there is none, in several ways; a child does it, and the parent tells how that
 * ended. The kernel must refuse or kill the child, and everything else must go on.
 *
 *   hog [anon|shared|file|pipes|tables|threads ...]      default: each of them in turn
 *
 * In guests only: without the file /fuzz-me it refuses.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEP	 (1 << 20)
#define PATIENCE 25 /* seconds for one way */

static volatile unsigned long *taken; /* MiB, for the parent to see */

static int take_anon(void)
{
	for (;;) {
		char *p = mmap(NULL, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);
		if (p == MAP_FAILED)
			return errno;
		for (int i = 0; i < STEP; i += 4096)
			p[i] = 1;
		++*taken;
	}
}

static int take_shared(void)
{
	for (;;) {
		char *p =
			mmap(NULL, STEP, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return errno;
		for (int i = 0; i < STEP; i += 4096)
			p[i] = 1;
		++*taken;
	}
}

static int take_file(void)
{
	static char data[STEP];
	int fd = open("/tmp/hog", O_RDWR | O_CREAT | O_TRUNC, 0600);

	unlink("/tmp/hog");
	while (write(fd, data, STEP) == STEP)
		++*taken;
	return errno;
}

static int take_pipes(void)
{
	static char data[65536];
	const struct rlimit l = { 60000, 60000 };
	int p[2];

	setrlimit(RLIMIT_NOFILE, &l);
	for (unsigned long n = 0;; n++) {
		if (pipe2(p, O_NONBLOCK))
			return errno;
		while (write(p[1], data, sizeof(data)) > 0)
			;
		*taken = n / 16;
	}
}

/* A page here and there: most of what is taken are page tables. */
static int take_tables(void)
{
	for (unsigned long at = 1ul << 32; at < 1ul << 46; at += 1ul << 30) {
		char *p = mmap((void *)at, 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		if (p == MAP_FAILED)
			return errno;
		*p = 1;
		*taken = (at >> 30) * 12 / 1024;
	}
	return 0;
}

static void *sleeps(void *arg)
{
	pause();
	return arg;
}

static int take_threads(void)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 65536);
	for (unsigned long n = 0; n < 100000; n++) {
		int err = pthread_create(&t, &a, sleeps, NULL);
		if (err)
			return err;
		*taken = n;
	}
	return 0;
}

static const struct way {
	const char *name;
	int (*take)(void);
} ways[] = {
	{ "anon", take_anon },	 { "shared", take_shared }, { "file", take_file },
	{ "pipes", take_pipes }, { "tables", take_tables }, { "threads", take_threads },
};

static void make_victim(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	/* The first to go, so that what is tested is the limit and not the choice. */
	if (fd >= 0) {
		if (write(fd, "1000", 4) < 0)
			perror("oom_score_adj");
		close(fd);
	}
}

static int still_works(void)
{
	pid_t pid = fork();
	int status = -1;
	char *p;

	if (!pid) {
		p = malloc(1 << 20);
		if (!p)
			_exit(1);
		memset(p, 1, 1 << 20);
		_exit(p[12345] == 1 ? 0 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int try(const struct way *w)
{
	int status = 0, alive;
	pid_t pid;

	*taken = 0;
	pid = fork();
	if (!pid) {
		make_victim();
		/* A slow machine need not be filled to show that it lives on. */
		alarm(PATIENCE);
		_exit(w->take());
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	alive = still_works();
	if (WIFSIGNALED(status))
		printf("hog: %s: killed by %d at %lu\n", w->name, WTERMSIG(status), *taken);
	else
		printf("hog: %s: stopped by error %d at %lu\n", w->name, WEXITSTATUS(status),
		       *taken);
	printf("@hog.%s %s\n", w->name, alive ? "the others live on" : "nothing works any more");
	fflush(stdout);
	return alive ? 0 : 1;
}

int main(int argc, char **argv)
{
	int bad = 0;

	if (access("/fuzz-me", F_OK)) {
		fputs("hog: this harms what it runs on; in a guest that may be harmed, make a file /fuzz-me\n",
		      stderr);
		return 1;
	}
	taken = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		int wanted = argc < 2;

		for (int a = 1; a < argc; a++)
			wanted |= strcmp(argv[a], ways[i].name) == 0;
		if (wanted)
			bad |= try(&ways[i]);
	}
	return bad;
}
