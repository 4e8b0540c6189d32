/* SPDX-License-Identifier: MIT */
/* times.c - clocks, sleeping, alarms and interval timers, CPU time. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

#define MS 1000000ll

static void burn(int milliseconds)
{
	struct timespec ts;
	long long until;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	until = ts.tv_sec * 1000 * MS + ts.tv_nsec + milliseconds * MS;
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	while (ts.tv_sec * 1000 * MS + ts.tv_nsec < until);
}

static void clocks(void)
{
	struct timespec a, b;
	struct timeval tv;
	long t = 0;
	const clockid_t sane[] = {
		CLOCK_REALTIME,		  CLOCK_MONOTONIC,	   CLOCK_MONOTONIC_RAW,
		CLOCK_BOOTTIME,		  CLOCK_REALTIME_COARSE,   CLOCK_MONOTONIC_COARSE,
		CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, 11
	};

	for (size_t i = 0; i < sizeof(sane) / sizeof(sane[0]); i++) {
		long err = Q(clock_gettime, sane[i], &a);
		bool forward = true;
		for (int n = 0; n < 100; n++) {
			b = a;
			Q(clock_gettime, sane[i], &a);
			forward = forward && (a.tv_sec > b.tv_sec ||
					      (a.tv_sec == b.tv_sec && a.tv_nsec >= b.tv_nsec));
			forward = forward && a.tv_nsec >= 0 && a.tv_nsec < 1000000000;
		}
		say("clock %d: %ld, %s", (int)sane[i], err, forward ? "forward" : "jumps");
	}
	X(clock_gettime, 10, &a);
	X(clock_gettime, 99, &a);
	X(clock_gettime, 12, &a);
	X(clock_gettime, CLOCK_MONOTONIC, unmapped());
	X(clock_gettime, CLOCK_MONOTONIC, KERNEL_LINEAR);
	X(clock_getres, CLOCK_MONOTONIC, &a);
	say("%ld %ld", (long)a.tv_sec, a.tv_nsec);
	X(clock_getres, CLOCK_PROCESS_CPUTIME_ID, &a);
	say("%ld %ld", (long)a.tv_sec, a.tv_nsec);
	X(clock_getres, CLOCK_MONOTONIC, NULL);
	X(clock_getres, 99, &a);
	X(clock_getres, CLOCK_MONOTONIC, unmapped());
	Q(clock_gettime, CLOCK_REALTIME, &a);
	X(gettimeofday, &tv, NULL);
	IS(tv.tv_sec - a.tv_sec >= 0 && tv.tv_sec - a.tv_sec <= 1 && tv.tv_usec < 1000000);
	X(gettimeofday, NULL, NULL);
	X(gettimeofday, unmapped(), NULL);
	IS(Q(time, &t) == t && t - a.tv_sec <= 1 && t >= a.tv_sec);
	X(time, unmapped());
	Q(clock_gettime, CLOCK_MONOTONIC, &a);
	Q(clock_gettime, CLOCK_MONOTONIC_COARSE, &b);
	IS((a.tv_sec - b.tv_sec) * 1000 * MS + a.tv_nsec - b.tv_nsec < 200 * MS);
	/* The C library's clock, which may not call the kernel, is the same one. */
	clock_gettime(CLOCK_MONOTONIC, &a);
	Q(clock_gettime, CLOCK_MONOTONIC, &b);
	IS((b.tv_sec - a.tv_sec) * 1000 * MS + b.tv_nsec - a.tv_nsec >= 0);
}

static void sleeping(void)
{
	struct timespec ts = { 0, 30 * MS }, left = { 7, 7 };
	long long t0 = now_ns();

	X(nanosleep, &ts, &left);
	IS(now_ns() - t0 >= 30 * MS);
	IS(left.tv_sec == 7);
	X(clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, NULL);
	Q(clock_gettime, CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += 30 * MS;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	X(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	IS(now_ns() >= ts.tv_sec * 1000 * MS + ts.tv_nsec);
	X(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	Q(clock_gettime, CLOCK_REALTIME, &ts);
	X(clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL);
	X(clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL);
	X(clock_nanosleep, CLOCK_MONOTONIC_COARSE, 0, &ts, NULL);
	X(clock_nanosleep, 99, 0, &ts, NULL);
	ts = (struct timespec){ 0, 1000000000 };
	X(nanosleep, &ts, NULL);
	ts = (struct timespec){ -1, 0 };
	X(nanosleep, &ts, NULL);
	ts = (struct timespec){ 0, -1 };
	X(nanosleep, &ts, NULL);
	ts = (struct timespec){ 0, 0 };
	X(nanosleep, &ts, NULL);
	X(nanosleep, unmapped(), NULL);
	X(nanosleep, NULL, NULL);
	X(clock_nanosleep, CLOCK_MONOTONIC, 0, unmapped(), NULL);
}

static volatile int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void interrupted_sleep(void)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct timespec ts = { 10, 0 }, left = { 0, 0 };

	sigaction(SIGALRM, &sa, NULL);
	Q(alarm, 1);
	X(nanosleep, &ts, &left);
	IS((left.tv_sec == 8 || left.tv_sec == 9) && left.tv_nsec > 0);
	Q(alarm, 1);
	X(nanosleep, &ts, unmapped());
	Q(alarm, 1);
	X(clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, &left);
	IS(left.tv_sec == 8 || left.tv_sec == 9);
	left.tv_sec = 77;
	Q(clock_gettime, CLOCK_MONOTONIC, &ts);
	ts.tv_sec += 10;
	Q(alarm, 1);
	X(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, &left);
	NUM(left.tv_sec);
}

static void interval_timers(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval it = { { 0, 20000 }, { 0, 30000 } }, old;

	sigaction(SIGALRM, &sa, NULL);
	sigaction(SIGVTALRM, &sa, NULL);
	sigaction(SIGPROF, &sa, NULL);
	X(alarm, 100);
	IS(Q(alarm, 50) >= 99);
	X(getitimer, ITIMER_REAL, &old);
	IS(old.it_value.tv_sec >= 49 && old.it_interval.tv_sec == 0);
	X(setitimer, ITIMER_REAL, &it, &old);
	IS(old.it_value.tv_sec >= 49);
	while (alarms < 5)
		Q(pause);
	IS(alarms == 5);
	Q(getitimer, ITIMER_REAL, &old);
	IS(old.it_interval.tv_usec == 20000 && old.it_value.tv_usec <= 20000);
	it = (struct itimerval){ 0 };
	X(setitimer, ITIMER_REAL, &it, NULL);
	Q(getitimer, ITIMER_REAL, &old);
	NUM(old.it_value.tv_usec + old.it_value.tv_sec);
	it.it_value.tv_usec = 1000000;
	X(setitimer, ITIMER_REAL, &it, NULL);
	it.it_value.tv_usec = -1;
	X(setitimer, ITIMER_REAL, &it, NULL);
	X(setitimer, 7, &it, NULL);
	X(getitimer, 7, &it);
	X(setitimer, ITIMER_REAL, unmapped(), NULL);
	X(getitimer, ITIMER_REAL, unmapped());
	X(setitimer, ITIMER_REAL, NULL, &old);
	for (int which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
		alarms = 0;
		it = (struct itimerval){ { 0, 0 }, { 0, 30000 } };
		X(setitimer, which, &it, NULL);
		nap(60);
		/* Sleeping is no CPU time. */
		NUM(alarms);
		for (int i = 0; i < 100 && !alarms; i++)
			burn(10);
		NUM(alarms);
	}
	X(alarm, 0);
	IS(Q(alarm, 0) == 0);
}

static int burns(void *arg)
{
	burn((int)(long)arg);
	return 0;
}

static void cpu_time(void)
{
	struct rusage self, children;
	struct tms t;
	struct timespec cpu;

	IS(Q(times, &t) > 0);
	NUM(t.tms_cutime + t.tms_cstime);
	in_child(burns, (void *)150l);
	IS(Q(times, &t) > 0);
	IS(t.tms_cutime + t.tms_cstime >= 10);
	IS(t.tms_cutime + t.tms_cstime < 100);
	IS(Q(times, NULL) > 0);
	X(times, unmapped());
	X(getrusage, RUSAGE_CHILDREN, &children);
	IS(children.ru_utime.tv_usec + children.ru_stime.tv_usec +
		   children.ru_utime.tv_sec * 1000000 >=
	   100000);
	burn(150);
	X(getrusage, RUSAGE_SELF, &self);
	IS(self.ru_utime.tv_usec + self.ru_stime.tv_usec + self.ru_utime.tv_sec * 1000000 >=
	   100000);
	Q(clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &cpu);
	IS(cpu.tv_sec * 1000 * MS + cpu.tv_nsec >= 150 * MS);
	IS(self.ru_minflt > 0);
	X(getrusage, RUSAGE_THREAD, &self);
	X(getrusage, 7, &self);
	X(getrusage, RUSAGE_SELF, unmapped());
	long before = (Q(getrusage, RUSAGE_SELF, &self), self.ru_nvcsw);
	nap(5);
	nap(5);
	Q(getrusage, RUSAGE_SELF, &self);
	IS(self.ru_nvcsw >= before + 2);
}

static int over_limit(void *arg)
{
	struct rlimit l = { 1, (long)arg };

	if ((long)arg == 2)
		signal(SIGXCPU, SIG_IGN);
	Q(setrlimit, RLIMIT_CPU, &l);
	burn(4000);
	return 0;
}

static void cpu_limit(void)
{
	struct rlimit none = { 0, 0 };

	Q(setrlimit, RLIMIT_CORE, &none);
	say("%s", wait_words(in_child(over_limit, (void *)3l)));
	say("%s", wait_words(in_child(over_limit, (void *)2l)));
}

static const struct test tests[] = {
	T(clocks), T(sleeping), T(interrupted_sleep), T(interval_timers), T(cpu_time), T(cpu_limit),
};
MAIN("times", tests)
