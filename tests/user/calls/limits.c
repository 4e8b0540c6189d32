/* SPDX-License-Identifier: MIT */
/* limits.c - rlimits, priorities, scheduling policies, affinity. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

static void rlimits(void)
{
	struct rlimit l = { 50, 100 }, old;

	X(getrlimit, RLIMIT_NOFILE, &old);
	IS(old.rlim_cur <= old.rlim_max);
	X(setrlimit, RLIMIT_NOFILE, &l);
	X(getrlimit, RLIMIT_NOFILE, &old);
	say("%ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
	l.rlim_cur = 101;
	X(setrlimit, RLIMIT_NOFILE, &l);
	l = (struct rlimit){ 60, 90 };
	X(prlimit64, 0, RLIMIT_NOFILE, &l, &old);
	say("%ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
	X(prlimit64, getpid(), RLIMIT_NOFILE, NULL, &old);
	say("%ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
	X(prlimit64, 12345678, RLIMIT_NOFILE, NULL, &old);
	X(prlimit64, 0, 16, NULL, &old);
	X(prlimit64, 0, RLIMIT_NOFILE, unmapped(), NULL);
	X(prlimit64, 0, RLIMIT_NOFILE, NULL, unmapped());
	X(getrlimit, 99, &old);
	X(setrlimit, 99, &l);
	X(getrlimit, RLIMIT_CPU, unmapped());
	for (int r = 0; r < 16; r++)
		say("%d: %ld", r, Q(prlimit64, 0, r, NULL, &old));
	Q(setresuid, 1000, 1000, 1000);
	X(prlimit64, getppid(), RLIMIT_NOFILE, NULL, &old);
	l.rlim_max = 91;
	X(setrlimit, RLIMIT_NOFILE, &l);
	l.rlim_max = 80;
	X(setrlimit, RLIMIT_NOFILE, &l);
	l.rlim_max = 90;
	X(setrlimit, RLIMIT_NOFILE, &l);
}

static void niceness(void)
{
	X(getpriority, PRIO_PROCESS, 0);
	X(setpriority, PRIO_PROCESS, 0, 5);
	X(getpriority, PRIO_PROCESS, getpid());
	X(getpriority, PRIO_PGRP, 0);
	X(setpriority, PRIO_PROCESS, 0, 100);
	X(getpriority, PRIO_PROCESS, 0);
	X(setpriority, PRIO_PROCESS, 0, -100);
	X(getpriority, PRIO_PROCESS, 0);
	X(getpriority, 3, 0);
	X(setpriority, 3, 0, 0);
	X(getpriority, PRIO_PROCESS, 12345678);
	X(setpriority, PRIO_PROCESS, 12345678, 1);
	X(getpriority, PRIO_USER, 54321);
	Q(setpriority, PRIO_PROCESS, 0, 3);
	Q(setresuid, 1000, 1000, 1000);
	X(setpriority, PRIO_PROCESS, 0, 2);
	X(setpriority, PRIO_PROCESS, 0, 4);
	X(setpriority, PRIO_PROCESS, getppid(), 10);
	X(getpriority, PRIO_USER, 0);
}

struct k_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static void policies(void)
{
	struct sched_param p = { .sched_priority = 7 };
	struct timespec ts;

	X(sched_getscheduler, 0);
	X(sched_getparam, 0, &p);
	NUM(p.sched_priority);
	for (int policy = 0; policy < 7; policy++) {
		X(sched_get_priority_min, policy);
		X(sched_get_priority_max, policy);
	}
	X(sched_get_priority_min, -1);
	p.sched_priority = 1;
	X(sched_setscheduler, 0, SCHED_OTHER, &p);
	p.sched_priority = 0;
	X(sched_setscheduler, 0, SCHED_FIFO, &p);
	X(sched_setscheduler, 0, SCHED_BATCH, &p);
	X(sched_getscheduler, 0);
	X(sched_setscheduler, 0, SCHED_IDLE, &p);
	X(sched_getscheduler, 0);
	p.sched_priority = 100;
	X(sched_setscheduler, 0, SCHED_RR, &p);
	p.sched_priority = 10;
	X(sched_setscheduler, 0, SCHED_RR | SCHED_RESET_ON_FORK, &p);
	HEX(Q(sched_getscheduler, 0));
	X(sched_rr_get_interval, 0, &ts);
	say("%ld %ld", (long)ts.tv_sec, ts.tv_nsec);
	pid_t pid = fork();
	if (!pid) {
		X(sched_getscheduler, 0);
		_exit(0);
	}
	finish(pid);
	X(sched_setscheduler, 0, SCHED_FIFO, &p);
	X(sched_rr_get_interval, 0, &ts);
	say("%ld %ld", (long)ts.tv_sec, ts.tv_nsec);
	p.sched_priority = 20;
	X(sched_setparam, 0, &p);
	X(sched_getparam, 0, &p);
	NUM(p.sched_priority);
	X(sched_setscheduler, 0, 99, &p);
	X(sched_setscheduler, 0, -1, &p);
	X(sched_setscheduler, -1, SCHED_FIFO, &p);
	X(sched_setscheduler, 12345678, SCHED_FIFO, &p);
	X(sched_setscheduler, 0, SCHED_FIFO, NULL);
	X(sched_setscheduler, 0, SCHED_FIFO, unmapped());
	X(sched_getscheduler, -1);
	X(sched_getscheduler, 12345678);
	X(sched_getparam, 0, unmapped());
	X(sched_getparam, 0, NULL);
	X(sched_setparam, -5, &p);
	X(sched_rr_get_interval, 0, unmapped());
	X(sched_rr_get_interval, -1, &ts);
	X(sched_yield);
	p.sched_priority = 0;
	Q(sched_setscheduler, 0, SCHED_OTHER, &p);
	Q(setresuid, 1000, 1000, 1000);
	p.sched_priority = 5;
	X(sched_setscheduler, 0, SCHED_FIFO, &p);
	p.sched_priority = 0;
	X(sched_setscheduler, getppid(), SCHED_OTHER, &p);
	X(sched_setscheduler, 0, SCHED_BATCH, &p);
	X(sched_setscheduler, 0, SCHED_OTHER, &p);
	X(sched_getscheduler, getppid());
}

static void attributes(void)
{
	struct k_sched_attr a = { .size = 48 };

	X(sched_getattr, 0, &a, 48, 0);
	say("size %u policy %u nice %d priority %u", a.size, a.policy, a.nice, a.priority);
	X(sched_getattr, 0, &a, 40, 0);
	X(sched_getattr, 0, &a, sizeof(a), 0);
	X(sched_getattr, 0, &a, 48, 1);
	X(sched_getattr, 12345678, &a, 48, 0);
	X(sched_getattr, 0, unmapped(), 48, 0);
	a = (struct k_sched_attr){ .size = 48, .policy = 0, .nice = 7 };
	X(sched_setattr, 0, &a, 0);
	X(getpriority, PRIO_PROCESS, 0);
	a = (struct k_sched_attr){ .size = 48, .policy = 1, .priority = 33 };
	X(sched_setattr, 0, &a, 0);
	X(sched_getscheduler, 0);
	X(sched_getattr, 0, &a, 48, 0);
	say("policy %u nice %d priority %u", a.policy, a.nice, a.priority);
	a = (struct k_sched_attr){ .size = 48,
				   .policy = 6,
				   .runtime = 10000000,
				   .deadline = 50000000,
				   .period = 100000000 };
	X(sched_setattr, 0, &a, 0);
	X(sched_getattr, 0, &a, 48, 0);
	say("policy %u runtime %lu deadline %lu period %lu", a.policy, (long)a.runtime,
	    (long)a.deadline, (long)a.period);
	X(fork);
	a.runtime = 60000000;
	X(sched_setattr, 0, &a, 0);
	a.runtime = 0;
	X(sched_setattr, 0, &a, 0);
	a = (struct k_sched_attr){ .size = 48,
				   .policy = 6,
				   .runtime = 200000000,
				   .deadline = 100000000,
				   .period = 100000000 };
	X(sched_setattr, 0, &a, 0);
	a = (struct k_sched_attr){ .size = 20 };
	X(sched_setattr, 0, &a, 0);
	a = (struct k_sched_attr){ .size = 5000 };
	X(sched_setattr, 0, &a, 0);
	a = (struct k_sched_attr){ .size = 48, .flags = 0x100 };
	X(sched_setattr, 0, &a, 0);
	a.flags = 0;
	X(sched_setattr, 0, &a, 1);
	X(sched_setattr, 0, &a, 0);
	X(sched_setattr, 0, NULL, 0);
	X(sched_setattr, -1, &a, 0);
}

static void affinity(void)
{
	uint64_t m[16] = { 0 }, all[16] = { 0 };
	unsigned cpu = 99, node = 99;
	long len = Q(sched_getaffinity, 0, sizeof(all), all);

	IS(len >= 8 && len <= 128 && len % 8 == 0);
	IS(all[0] & 1);
	X(sched_getaffinity, 0, 7, m);
	X(sched_getaffinity, 0, 0, m);
	X(sched_getaffinity, 12345678, sizeof(m), m);
	X(sched_getaffinity, 0, sizeof(m), unmapped());
	m[0] = 1;
	X(sched_setaffinity, 0, sizeof(m), m);
	m[0] = 0;
	Q(sched_getaffinity, 0, sizeof(m), m);
	HEX(m[0]);
	X(getcpu, &cpu, &node);
	NUM(cpu);
	NUM(node);
	X(getcpu, NULL, NULL);
	X(getcpu, unmapped(), NULL);
	m[0] = 0;
	X(sched_setaffinity, 0, sizeof(m), m);
	m[0] = 1ul << 60;
	X(sched_setaffinity, 0, sizeof(m), m);
	m[0] = ~0ul;
	X(sched_setaffinity, 0, 1, m);
	X(sched_setaffinity, 0, sizeof(m), m);
	Q(sched_getaffinity, 0, sizeof(m), m);
	IS(m[0] == all[0]);
	X(sched_setaffinity, 0, sizeof(m), unmapped());
	X(sched_setaffinity, 12345678, sizeof(m), m);
	Q(setresuid, 1000, 1000, 1000);
	X(sched_setaffinity, getppid(), sizeof(m), m);
	X(sched_setaffinity, 0, sizeof(m), m);
	if (all[0] & 2) {
		m[0] = 2;
		Q(sched_setaffinity, 0, 8, m);
		Q(getcpu, &cpu, NULL);
		NUM(cpu);
		pid_t pid = fork();
		if (!pid) {
			Q(sched_getaffinity, 0, sizeof(m), m);
			_exit((int)m[0]);
		}
		say("%s", wait_words(finish(pid)));
	}
}

static const struct test tests[] = {
	T(rlimits), T(niceness), T(policies), T(attributes), T(affinity),
};
MAIN("limits", tests)
