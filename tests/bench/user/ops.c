/* SPDX-License-Identifier: MIT */
/*
 * ops.c - what a program pays for the usual things: the same static binary measures any kernel that speaks
 * Linux's calls. Prints "op NAME COUNT TICKS" for each, TICKS of the time stamp counter for COUNT operations,
 * the least of a few rounds. Where one tick is one instruction (QEMU's icount) the figures are exact.
 *
 *   ops [NAME...]      only these
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 5
#define PAGES  256
#define PAGE   4096

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static void must(int fine, const char *what)
{
	if (!fine) {
		perror(what);
		_exit(1);
	}
}

static char *fresh(size_t pages)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	must(p != MAP_FAILED, "mmap");
	return p;
}

static void touch(char *p, size_t pages, int write_it)
{
	volatile char *v = p;

	for (size_t i = 0; i < pages; i++) {
		if (write_it)
			v[i * PAGE] = 1;
		else
			(void)v[i * PAGE];
	}
}

/* ---- the operations: each does N of them and returns the ticks ---------------------------------- */

static uint64_t null_call(unsigned n)
{
	uint64_t t = ticks();

	for (unsigned i = 0; i < n; i++)
		syscall(SYS_getppid);
	return ticks() - t;
}

static uint64_t read_zero(unsigned n)
{
	int fd = open("/dev/zero", O_RDONLY);
	char b[1];
	uint64_t t = ticks();

	for (unsigned i = 0; i < n; i++)
		must(read(fd, b, 1) == 1, "read");
	t = ticks() - t;
	close(fd);
	return t;
}

static uint64_t open_close(unsigned n)
{
	uint64_t t = ticks();

	for (unsigned i = 0; i < n; i++)
		close(open("/dev/null", O_RDONLY));
	return ticks() - t;
}

static uint64_t stat_file(unsigned n)
{
	struct stat st;
	uint64_t t = ticks();

	for (unsigned i = 0; i < n; i++)
		must(stat("/dev/null", &st) == 0, "stat");
	return ticks() - t;
}

static uint64_t pipe_round_trip(unsigned n)
{
	int there[2], back[2];
	char b = 'x';
	uint64_t t;
	pid_t pid;

	must(pipe(there) == 0 && pipe(back) == 0, "pipe");
	pid = fork();
	if (!pid) {
		while (n-- && read(there[0], &b, 1) == 1 && write(back[1], &b, 1) == 1)
			;
		_exit(0);
	}
	t = ticks();
	for (unsigned i = 0; i < n; i++)
		must(write(there[1], &b, 1) == 1 && read(back[0], &b, 1) == 1, "pipe");
	t = ticks() - t;
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
	return t;
}

static uint64_t fork_wait(unsigned n)
{
	uint64_t t = ticks();

	for (unsigned i = 0; i < n; i++) {
		pid_t pid = fork();
		if (!pid)
			_exit(0);
		must(waitpid(pid, NULL, 0) == pid, "fork");
	}
	return ticks() - t;
}

static uint64_t fork_exec_wait(unsigned n)
{
	char *argv[] = { "ops", "--nothing", NULL }, *env[] = { NULL };
	uint64_t t = ticks();

	for (unsigned i = 0; i < n; i++) {
		pid_t pid = fork();
		if (!pid) {
			execve("/proc/self/exe", argv, env);
			_exit(1);
		}
		must(waitpid(pid, NULL, 0) == pid, "exec");
	}
	return ticks() - t;
}

static pid_t vfork_exec(void)
{
	static char *argv[] = { "ops", "--nothing", NULL }, *env[] = { NULL };
	pid_t pid = vfork();

	if (!pid) {
		execve("/proc/self/exe", argv, env);
		_exit(1);
	}
	return pid;
}

static uint64_t vfork_exec_wait(unsigned n)
{
	uint64_t t = ticks();

	for (unsigned i = 0; i < n; i++) {
		pid_t pid = vfork_exec();
		must(waitpid(pid, NULL, 0) == pid, "exec");
	}
	return ticks() - t;
}

static uint64_t fault_anon(unsigned n)
{
	uint64_t t, sum = 0;

	for (unsigned i = 0; i < n; i += PAGES) {
		char *p = fresh(PAGES);
		/* Huge pages would make one fault of 512. */
		madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE);
		t = ticks();
		touch(p, PAGES, 1);
		sum += ticks() - t;
		munmap(p, PAGES * PAGE);
	}
	return sum;
}

static uint64_t fault_file(unsigned n)
{
	static char zeros[PAGE];
	uint64_t t, sum = 0;
	int fd = open("/tmp/ops", O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (int i = 0; i < PAGES; i++)
		must(write(fd, zeros, PAGE) == PAGE, "write");
	for (unsigned i = 0; i < n; i += PAGES) {
		char *p = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
		must(p != MAP_FAILED, "mmap");
		madvise(p, PAGES * PAGE, MADV_RANDOM); /* one page at a time */
		t = ticks();
		touch(p, PAGES, 0);
		sum += ticks() - t;
		munmap(p, PAGES * PAGE);
	}
	close(fd);
	unlink("/tmp/ops");
	return sum;
}

/* The child copies each page that the parent has written. */
static uint64_t fault_copy(unsigned n)
{
	uint64_t *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
				0),
		 sum = 0;
	char *p = fresh(PAGES);

	madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE);
	touch(p, PAGES, 1);
	for (unsigned i = 0; i < n; i += PAGES) {
		pid_t pid = fork();
		if (!pid) {
			uint64_t t = ticks();
			touch(p, PAGES, 1);
			*shared = ticks() - t;
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		sum += *shared;
	}
	munmap(p, PAGES * PAGE);
	munmap(shared, PAGE);
	return sum;
}

static uint64_t map_unmap(unsigned n)
{
	uint64_t t = ticks();

	for (unsigned i = 0; i < n; i++)
		munmap(fresh(16), 16 * PAGE);
	return ticks() - t;
}

static volatile unsigned signals;

static void counts(int sig)
{
	(void)sig;
	signals++;
}

static uint64_t signal_self(unsigned n)
{
	pid_t me = getpid();
	uint64_t t;

	signal(SIGUSR1, counts);
	signals = 0;
	t = ticks();
	for (unsigned i = 0; i < n; i++)
		kill(me, SIGUSR1);
	t = ticks() - t;
	must(signals == n, "signals");
	return t;
}

static void *nothing(void *arg)
{
	return arg;
}

static uint64_t thread_create_join(unsigned n)
{
	pthread_t thread;
	uint64_t t = ticks();

	for (unsigned i = 0; i < n; i++)
		must(pthread_create(&thread, NULL, nothing, NULL) == 0 &&
			     pthread_join(thread, NULL) == 0,
		     "thread");
	return ticks() - t;
}

static volatile int stop;
static volatile unsigned turns;

static void *yields(void *arg)
{
	while (!stop) {
		turns++;
		sched_yield();
	}
	return arg;
}

/*
 * Until both threads have had n turns, whoever keeps the CPU at times. It begins after some turns of the
 * other: a policy may put off a new thread's first one, and yields to nobody are no turns.
 */
static uint64_t yield_to_thread(unsigned n)
{
	pthread_t thread;
	unsigned end;
	uint64_t t;

	stop = 0;
	turns = 0;
	must(pthread_create(&thread, NULL, yields, NULL) == 0, "thread");
	while (turns < n)
		sched_yield();
	end = turns + n;
	t = ticks();
	for (unsigned i = 0; i < n || turns < end; i++)
		sched_yield();
	t = ticks() - t;
	stop = 1;
	pthread_join(thread, NULL);
	return t;
}

/* In turns, whatever the policy of ordinary threads thinks of it: each yield switches. */
static uint64_t yield_in_turns(unsigned n)
{
	struct sched_param param = { .sched_priority = 1 };
	uint64_t t;

	must(sched_setscheduler(0, SCHED_FIFO, &param) == 0, "sched_setscheduler");
	t = yield_to_thread(n);
	param.sched_priority = 0;
	must(sched_setscheduler(0, SCHED_OTHER, &param) == 0, "sched_setscheduler");
	return t;
}

static uint64_t pipe_64k(unsigned n)
{
	static char data[65536];
	uint64_t t;
	int p[2];

	must(pipe(p) == 0, "pipe");
	t = ticks();
	for (unsigned i = 0; i < n; i++)
		must(write(p[1], data, 65536) == 65536 && read(p[0], data, 65536) == 65536, "pipe");
	t = ticks() - t;
	close(p[0]);
	close(p[1]);
	return t;
}

static uint64_t epoll_ready(unsigned n)
{
	struct epoll_event ev = { EPOLLIN, { 0 } }, got;
	int ep = epoll_create1(0), p[2];
	uint64_t t;

	must(ep >= 0 && pipe(p) == 0 && epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev) == 0 &&
		     write(p[1], "x", 1) == 1,
	     "epoll");
	t = ticks();
	for (unsigned i = 0; i < n; i++)
		must(epoll_wait(ep, &got, 1, 0) == 1, "epoll_wait");
	t = ticks() - t;
	close(ep);
	close(p[0]);
	close(p[1]);
	return t;
}

static const struct op {
	const char *name;
	uint64_t (*run)(unsigned n);
	unsigned n;
} ops[] = {
	{ "null_call", null_call, 2000 },
	{ "read_zero", read_zero, 1000 },
	{ "open_close", open_close, 500 },
	{ "stat", stat_file, 500 },
	{ "pipe_round_trip", pipe_round_trip, 300 },
	{ "pipe_64k", pipe_64k, 20 },
	{ "epoll_ready", epoll_ready, 500 },
	{ "fork_wait", fork_wait, 20 },
	{ "fork_exec_wait", fork_exec_wait, 20 },
	{ "vfork_exec_wait", vfork_exec_wait, 20 },
	{ "fault_anon", fault_anon, 2 * PAGES },
	{ "fault_file", fault_file, 2 * PAGES },
	{ "fault_copy", fault_copy, 2 * PAGES },
	{ "map_unmap", map_unmap, 300 },
	{ "signal", signal_self, 300 },
	{ "thread_create_join", thread_create_join, 50 },
	{ "yield", yield_to_thread, 500 },
	{ "yield_in_turns", yield_in_turns, 500 },
};

static int wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return 1;
	return argc < 2;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--nothing") == 0)
		return 0;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		uint64_t least = ~0ul;

		if (!wanted(ops[i].name, argc, argv))
			continue;
		for (int r = 0; r < ROUNDS; r++) {
			uint64_t t = ops[i].run(ops[i].n);
			least = t < least ? t : least;
		}
		printf("op %s %u %lu\n", ops[i].name, ops[i].n, (unsigned long)least);
		fflush(stdout);
	}
	return 0;
}
