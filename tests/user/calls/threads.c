/* SPDX-License-Identifier: MIT */
/* threads.c - pthreads as a C library makes them: creation, locks of every kind, signals, the end. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

#define MANY 8

static pid_t tid(void)
{
	return (pid_t)Q(gettid);
}

static void *returns(void *arg)
{
	return (char *)arg + 1;
}

static void *tells_ids(void *arg)
{
	pid_t main_tid = *(pid_t *)arg;

	IS(tid() != main_tid);
	IS(Q(getpid) == main_tid);
	IS(Q(getppid) > 0);
	IS(Q(tgkill, main_tid, tid(), 0) == 0);
	return NULL;
}

static void creation(void)
{
	pthread_t t[MANY];
	void *ret;
	pid_t me = tid();
	long sum = 0;

	for (long i = 0; i < MANY; i++)
		ERR(pthread_create(&t[i], NULL, returns, (void *)(i * 10)));
	for (int i = 0; i < MANY; i++) {
		pthread_join(t[i], &ret);
		sum += (long)ret;
	}
	NUM(sum);
	pthread_create(&t[0], NULL, tells_ids, &me);
	pthread_join(t[0], NULL);
	/* Threads come and go; none may stay behind. */
	for (int i = 0; i < 60; i++) {
		pthread_create(&t[0], NULL, returns, NULL);
		pthread_join(t[0], NULL);
	}
	char text[4096];
	char *line = NULL;
	/* A thread is joined a moment before it is gone. */
	for (int i = 0; i < 200 && !(line && line[9] == '1'); i++) {
		nap(5);
		get_file("/proc/self/status", text, sizeof(text));
		line = strstr(text, "Threads:");
	}
	say("%.10s", line ? line : "none");
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *adds(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(arg);
		counter++;
		pthread_mutex_unlock(arg);
	}
	return NULL;
}

static void contend(pthread_mutex_t *m)
{
	pthread_t t[4];

	counter = 0;
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, adds, m);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	NUM(counter);
}

static void mutexes(void)
{
	pthread_mutexattr_t a;
	pthread_mutex_t m;
	struct timespec ts;

	contend(&lock);
	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&m, &a);
	ERR(pthread_mutex_lock(&m));
	ERR(pthread_mutex_lock(&m));
	ERR(pthread_mutex_unlock(&m));
	ERR(pthread_mutex_unlock(&m));
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&m, &a);
	ERR(pthread_mutex_lock(&m));
	ERR(pthread_mutex_lock(&m));
	contend(&lock);
	ERR(pthread_mutex_unlock(&m));
	ERR(pthread_mutex_unlock(&m));
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_NORMAL);
	pthread_mutex_init(&m, &a);
	ERR(pthread_mutex_lock(&m));
	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += 30000000;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	ERR(pthread_mutex_timedlock(&m, &ts));
	ERR(pthread_mutex_trylock(&m));
}

static void inheriting(void)
{
	pthread_mutexattr_t a;
	pthread_mutex_t m;

	pthread_mutexattr_init(&a);
	ERR(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT));
	ERR(pthread_mutex_init(&m, &a));
	contend(&m);
	ERR(pthread_mutex_lock(&m));
	ERR(pthread_mutex_trylock(&m));
	ERR(pthread_mutex_unlock(&m));
}

/* A low holds the lock, a high waits for it: the low then has the high's priority, as the kernel shows. */
static pthread_mutex_t pi;
static volatile int stage;

static int shown_priority(pid_t t)
{
	char path[64], text[512];
	const char *p;
	int field = 0, value = 99;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", t);
	get_file(path, text, sizeof(text));
	p = strrchr(text, ')');
	for (field = 2; p && field < 18; field++)
		p = strchr(p + 1, ' ');
	if (p)
		value = atoi(p);
	return value;
}

static void *low(void *arg)
{
	pid_t *id = arg;

	pthread_mutex_lock(&pi);
	*id = tid();
	stage = 1;
	while (stage < 3)
		nap(5);
	pthread_mutex_unlock(&pi);
	return NULL;
}

static void *high(void *arg)
{
	struct sched_param p = { .sched_priority = 20 };

	(void)arg;
	ERR(pthread_setschedparam(pthread_self(), SCHED_FIFO, &p));
	stage = 2;
	pthread_mutex_lock(&pi);
	pthread_mutex_unlock(&pi);
	return NULL;
}

static void inversion(void)
{
	pthread_mutexattr_t a;
	pthread_t l, h;
	pid_t low_tid = 0;
	int own;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&pi, &a);
	pthread_create(&l, NULL, low, &low_tid);
	while (stage < 1)
		nap(5);
	own = shown_priority(low_tid);
	NUM(own);
	pthread_create(&h, NULL, high, NULL);
	/* Between saying so and waiting there may be a while. */
	for (int i = 0; i < 1000 && (stage < 2 || shown_priority(low_tid) == own); i++)
		nap(10);
	NUM(shown_priority(low_tid));
	stage = 3;
	pthread_join(h, NULL);
	pthread_join(l, NULL);
}

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;

static void *takes_turns(void *arg)
{
	int me = (int)(long)arg;

	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(&lock);
		while (turn % 4 != me)
			pthread_cond_wait(&cond, &lock);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void conditions(void)
{
	pthread_t t[4];
	pthread_cond_t timed;
	pthread_condattr_t a;
	struct timespec ts;

	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, takes_turns, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	NUM(turn);
	pthread_condattr_init(&a);
	ERR(pthread_condattr_setclock(&a, CLOCK_MONOTONIC));
	pthread_cond_init(&timed, &a);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	pthread_mutex_lock(&lock);
	ERR(pthread_cond_timedwait(&timed, &lock, &ts));
	ts.tv_nsec = 1000000000;
	ERR(pthread_cond_timedwait(&timed, &lock, &ts));
	pthread_mutex_unlock(&lock);
}

static pthread_barrier_t barrier;
static int arrived;

static void *meets(void *arg)
{
	long serial = 0;

	(void)arg;
	for (int i = 0; i < 20; i++) {
		__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			serial++;
		if (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < 4 * (i + 1))
			serial += 1000;
		pthread_barrier_wait(&barrier);
	}
	return (void *)serial;
}

static void barriers(void)
{
	pthread_t t[4];
	long sum = 0;
	void *ret;

	ERR(pthread_barrier_init(&barrier, NULL, 4));
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, meets, NULL);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &ret);
		sum += (long)ret;
	}
	NUM(sum);
	NUM(arrived);
}

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static int value[2];

static void *reads(void *arg)
{
	long wrong = 0;

	(void)arg;
	for (int i = 0; i < 2000; i++) {
		pthread_rwlock_rdlock(&rw);
		wrong += value[0] != value[1];
		pthread_rwlock_unlock(&rw);
	}
	return (void *)wrong;
}

static void *writes(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++) {
		pthread_rwlock_wrlock(&rw);
		value[0]++;
		sched_yield();
		value[1]++;
		pthread_rwlock_unlock(&rw);
	}
	return NULL;
}

static void others(void)
{
	pthread_t t[4];
	long wrong = 0;
	void *ret;
	sem_t s;
	struct timespec ts;

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, i & 1 ? writes : reads, NULL);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &ret);
		wrong += (long)ret;
	}
	NUM(wrong);
	NUM(value[1]);
	sem_init(&s, 0, 2);
	LIB(sem_trywait(&s));
	LIB(sem_wait(&s));
	LIB(sem_trywait(&s));
	clock_gettime(CLOCK_REALTIME, &ts);
	LIB(sem_timedwait(&s, &ts));
	LIB(sem_post(&s));
	LIB(sem_wait(&s));
}

static void *dies_with_lock(void *arg)
{
	pthread_mutex_lock(arg);
	return NULL;
}

static int child_dies_with_lock(void *arg)
{
	pthread_mutex_lock(arg);
	Q(kill, getpid(), SIGKILL);
	return 0;
}

static void robust(void)
{
	pthread_mutex_t *m =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t a;
	pthread_t t;

	pthread_mutexattr_init(&a);
	ERR(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST));
	ERR(pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED));
	for (int protocol = PTHREAD_PRIO_NONE; protocol <= PTHREAD_PRIO_INHERIT; protocol++) {
		pthread_mutexattr_setprotocol(&a, protocol);
		pthread_mutex_init(m, &a);
		pthread_create(&t, NULL, dies_with_lock, m);
		pthread_join(t, NULL);
		ERR(pthread_mutex_lock(m));
		ERR(pthread_mutex_consistent(m));
		ERR(pthread_mutex_unlock(m));
		say("%s", wait_words(in_child(child_dies_with_lock, m)));
		ERR(pthread_mutex_trylock(m));
		ERR(pthread_mutex_unlock(m));
		ERR(pthread_mutex_lock(m));
	}
}

static __thread int local = 5;

static void *has_own(void *arg)
{
	int before = local;

	local = (int)(long)arg;
	sched_yield();
	return (void *)(long)(before * 100 + local);
}

static void thread_memory(void)
{
	pthread_t t[4];
	void *ret;

	local = 6;
	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, has_own, (void *)i);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &ret);
		NUM((long)ret);
	}
	NUM(local);
}

static volatile pid_t handled_by;

static void on_signal(int sig)
{
	(void)sig;
	handled_by = tid();
}

static volatile pid_t worker_tid;
static volatile bool leave;

static void *works(void *arg)
{
	sigset_t set;

	(void)arg;
	sigemptyset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	worker_tid = tid();
	while (!leave)
		nap(5);
	return NULL;
}

static void thread_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t set;
	pthread_t t;

	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, works, NULL);
	while (!worker_tid)
		nap(5);
	Q(tgkill, getpid(), worker_tid, SIGUSR1);
	for (int i = 0; i < 2000 && !handled_by; i++)
		nap(5);
	IS(handled_by == worker_tid);
	/* Who blocks it does not get what was sent to the process. */
	handled_by = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	Q(kill, getpid(), SIGUSR1);
	for (int i = 0; i < 2000 && !handled_by; i++)
		nap(5);
	IS(handled_by == worker_tid);
	handled_by = 0;
	Q(tkill, tid(), SIGUSR1);
	nap(20);
	NUM(handled_by);
	leave = true;
	pthread_join(t, NULL);
}

static void *waits_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void *leaves_all(void *arg)
{
	Q(exit_group, (long)arg);
	return NULL;
}

static void *runs_another(void *arg)
{
	char *argv[] = { "threads", "after_exec", NULL };

	(void)arg;
	execv("/proc/self/exe", argv);
	return NULL;
}

static int with_threads(void *arg)
{
	void *(*fn)(void *) = (void *(*)(void *))arg;
	pthread_t t;

	for (int i = 0; i < 4; i++)
		pthread_create(&t, NULL, waits_for_ever, NULL);
	pthread_create(&t, NULL, fn, (void *)17l);
	pthread_join(t, NULL);
	return 1;
}

static void *crashes(void *arg)
{
	*(volatile char *)NEAR_NULL = 1;
	return arg;
}

/* The first thread goes; the process lives on until the last. */
static void *outlives(void *arg)
{
	(void)arg;
	nap(50);
	_exit(23);
}

static int first_leaves(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, outlives, NULL);
	pthread_exit(arg);
}

static void endings(void)
{
	say("%s", wait_words(in_child(with_threads, (void *)leaves_all)));
	say("%s", wait_words(in_child(with_threads, (void *)crashes) & 0x7f));
	say("%s", wait_words(in_child(with_threads, (void *)runs_another)));
	say("%s", wait_words(in_child(first_leaves, NULL)));
}

static void *forks(void *arg)
{
	pid_t pid = fork();

	(void)arg;
	if (!pid)
		_exit(tid() == getpid() ? 11 : 12);
	return (void *)(long)finish(pid);
}

static void *clean(void *arg)
{
	(void)arg;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	for (;;)
		nap(1000);
	return NULL;
}

static void mixed(void)
{
	pthread_t t;
	void *ret;

	pthread_create(&t, NULL, forks, NULL);
	pthread_join(t, &ret);
	say("%s", wait_words((int)(long)ret));
	pthread_create(&t, NULL, clean, NULL);
	nap(20);
	ERR(pthread_cancel(t));
	ERR(pthread_join(t, &ret));
	IS(ret == PTHREAD_CANCELED);
}

static const struct test tests[] = {
	T(creation), T(mutexes), T(inheriting),	   T(inversion),      T(conditions), T(barriers),
	T(others),   T(robust),	 T(thread_memory), T(thread_signals), T(endings),    T(mixed),
};

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "after_exec") == 0)
		return Q(gettid) == Q(getpid) ? 41 : 42;
	return check_main("threads", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
