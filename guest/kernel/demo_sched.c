/* SPDX-License-Identifier: MIT */
/* demo_sched.c - demo=sched: what a policy decides, in numbers. */
#include "guest/arch/x86/smp.h"
#include "guest/kernel/init.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/lib/sort.h"
#include "guest/locking/mutex.h"
#include "guest/locking/rt_mutex.h"

#define RUN_MS	    250
#define MAX_CPUS    2u /* that take part */
#define NR_NICE	    3u
#define MAX_SAMPLES 64u

static const int nice_of[NR_NICE] = { 0, 5, 10 };

struct sleeper_log {
	u64 delay_ns[MAX_SAMPLES]; /* from woken to running */
	unsigned n;
};

/* Everything one run under one policy needs. */
struct run {
	bool stop;
	struct task_struct *hog[MAX_CPUS * NR_NICE], *sleeper;
	struct sleeper_log log;
};

static int hog(void *arg)
{
	struct run *r = arg;

	while (!READ_ONCE(r->stop))
		barrier();
	return 0;
}

/* Works little and often: wakes with the tick and goes back to sleep at once. */
static int sleeper(void *arg)
{
	struct run *r = arg;

	while (!READ_ONCE(r->stop) && r->log.n < MAX_SAMPLES) {
		u64 before = current->sched_info.run_delay;

		msleep(1);
		r->log.delay_ns[r->log.n++] = current->sched_info.run_delay - before;
	}
	return 0;
}

static struct task_struct *new_thread(int (*fn)(void *arg), void *arg, const char *name, u64 cpus)
{
	struct task_struct *t = kthread_create(fn, arg, "%s", name);

	if (!t || set_cpus_allowed(t, &cpus))
		panic("demo: no memory for a thread");
	get_task(t); /* its numbers outlive it */
	return t;
}

static int compare_u64(const void *a, const void *b, void *unused)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	(void)unused;
	return x < y ? -1 : x > y;
}

static u64 percentile_us(const struct sleeper_log *log, unsigned percent)
{
	return log->n ? log->delay_ns[(log->n - 1) * percent / 100] / 1000 : 0;
}

static void print_run(struct run *r, const char *policy, unsigned nr_hogs)
{
	u64 total = 0, ns[NR_NICE] = { 0 };

	for (unsigned i = 0; i < nr_hogs; i++) {
		ns[i % NR_NICE] += r->hog[i]->se.sum_exec_runtime;
		total += r->hog[i]->se.sum_exec_runtime;
	}
	for (unsigned level = 0; level < NR_NICE; level++) {
		u64 permille = ns[level] * 1000 / MAX(total, 1UL), voluntary = 0, forced = 0;
		u64 moves = 0;

		for (unsigned i = level; i < nr_hogs; i += NR_NICE) {
			voluntary += r->hog[i]->nvcsw;
			forced += r->hog[i]->nivcsw;
			moves += r->hog[i]->stats.nr_migrations;
		}
		console_printf("  %-6s nice %-4d %5lu.%lu %% %10lu %14lu %12lu\n",
			       level ? "" : policy, nice_of[level], permille / 10, permille % 10,
			       voluntary, forced, moves);
	}
	console_printf("  %-6s sleeper          - %10lu %14lu %12lu\n", "", r->sleeper->nvcsw,
		       r->sleeper->nivcsw, r->sleeper->stats.nr_migrations);
}

static void print_delays(const char *policy, struct sleeper_log *log)
{
	sort_r(log->delay_ns, log->n, sizeof(u64), compare_u64, NULL);
	console_printf("  %-6s %11u %11lu us %11lu us %11lu us\n", policy, log->n,
		       percentile_us(log, 50), percentile_us(log, 90), percentile_us(log, 100));
}

static void run_policy(const struct sched_class *fair, unsigned cpus, struct sleeper_log *log)
{
	static struct run r;
	unsigned nr_hogs = NR_NICE * cpus;

	r = (struct run){ 0 };
	sched_switch_fair(kernel_sched, fair);
	for (unsigned i = 0; i < nr_hogs; i++) {
		r.hog[i] = new_thread(hog, &r, "hog", BIT(cpus) - 1);
		set_user_nice(r.hog[i], nice_of[i % NR_NICE]);
	}
	r.sleeper = new_thread(sleeper, &r, "sleeper", BIT(cpus) - 1);
	kthread_start(r.sleeper);
	for (unsigned i = 0; i < nr_hogs; i++)
		kthread_start(r.hog[i]);
	msleep(RUN_MS);
	WRITE_ONCE(r.stop, true);
	kthread_join(r.sleeper);
	for (unsigned i = 0; i < nr_hogs; i++)
		kthread_join(r.hog[i]);
	print_run(&r, fair->name, nr_hogs);
	*log = r.log;
	put_task(r.sleeper);
	for (unsigned i = 0; i < nr_hogs; i++)
		put_task(r.hog[i]);
}

static void show_policies(void)
{
	static const char *const names[] = { "eevdf", "cfs", "o1", "bfs" };
	const struct sched_class *before = kernel_sched->chain[SLOT_FAIR];
	static struct sleeper_log log[ARRAY_SIZE(names)];
	unsigned cpus = MIN(nr_cpus, MAX_CPUS);

	console_printf(
		"\nThree levels of nice, %u thread%s each that never yield%s, and one that sleeps, "
		"on %u CPU%s\nfor %u ms under each fair policy. By their weights the levels are "
		"due 69.7, 22.8 and 7.5 %%.\n",
		cpus, cpus == 1 ? "" : "s", cpus == 1 ? "s" : "", cpus, cpus == 1 ? "" : "s",
		RUN_MS);
	console_printf("  policy thread       share    gave up  was preempted  changed CPU\n");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		run_policy(sched_fair_by_name(names[i]), cpus, &log[i]);
	console_printf("\nHow long the sleeper, once woken, waited for a CPU\n"
		       "  policy       woken    half within  9 of 10 within      longest\n");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		print_delays(names[i], &log[i]);
	sched_switch_fair(kernel_sched, before);
}

/* ---- priority inversion ------------------------------------------------------------------------- */

#define CRITICAL_MS 10
#define MEDIUM_MS   50

struct inversion {
	bool inherit, held;
	struct mutex mutex;
	struct rt_mutex rt_mutex;
	u64 loops;   /* of work in CRITICAL_MS */
	u64 wait_ns; /* of the important thread */
	int lent;    /* priority the holder had at the end of its work */
};

static void lock(struct inversion *x)
{
	if (x->inherit)
		rt_mutex_lock(&x->rt_mutex);
	else
		mutex_lock(&x->mutex);
}

static void unlock(struct inversion *x)
{
	if (x->inherit)
		rt_mutex_unlock(&x->rt_mutex);
	else
		mutex_unlock(&x->mutex);
}

/* Takes CPU time, not time: who is preempted needs longer. */
static void work(u64 loops)
{
	while (loops--)
		barrier();
}

static int low(void *arg)
{
	struct inversion *x = arg;

	lock(x);
	WRITE_ONCE(x->held, true);
	work(x->loops);
	x->lent = MAX_RT_PRIO - 1 - current->prio;
	unlock(x);
	return 0;
}

static int medium(void *arg)
{
	struct inversion *x = arg;

	work(x->loops * (MEDIUM_MS / CRITICAL_MS));
	return 0;
}

static int high(void *arg)
{
	struct inversion *x = arg;
	u64 start = clock_ns();

	lock(x);
	x->wait_ns = clock_ns() - start;
	unlock(x);
	return 0;
}

static u64 loops_in(u64 ms)
{
	u64 loops = 1000, ns;

	do {
		u64 start = clock_ns();

		loops *= 2;
		work(loops);
		ns = clock_ns() - start;
	} while (ns < NSEC_PER_MSEC);
	return loops * ms * NSEC_PER_MSEC / ns;
}

static void run_inversion(struct inversion *x)
{
	static int (*const fn[])(void *arg) = { low, high, medium };
	static const char *const names[] = { "low", "high", "medium" };
	static const unsigned priority[] = { 10, 30, 20 };
	struct task_struct *t[ARRAY_SIZE(fn)];

	mutex_init(&x->mutex);
	rt_mutex_init(&x->rt_mutex);
	for (size_t i = 0; i < ARRAY_SIZE(fn); i++) {
		t[i] = new_thread(fn[i], x, names[i], BIT(0));
		task_setscheduler(t[i], SCHED_FIFO, priority[i], NULL);
	}
	kthread_start(t[0]);
	while (!READ_ONCE(x->held)) /* we are more important than all of them */
		msleep(1);
	kthread_start(t[1]);
	kthread_start(t[2]);
	for (size_t i = 0; i < ARRAY_SIZE(fn); i++) {
		kthread_join(t[i]);
		put_task(t[i]);
	}
	console_printf("  %-18s %8lu.%03lu ms %17d\n",
		       x->inherit ? "rt_mutex: inherits" : "mutex: does not", x->wait_ns / 1000000,
		       x->wait_ns / 1000 % 1000, x->lent);
}

static void show_inversion(void)
{
	u64 loops = loops_in(CRITICAL_MS);

	console_printf(
		"\nPriority inversion on CPU 0: \"low\" (FIFO 10) holds a lock for %u ms of work, \"high\" "
		"(FIFO 30)\nwants it, \"medium\" (FIFO 20) works %u ms and wants nothing.\n",
		CRITICAL_MS, MEDIUM_MS);
	console_printf("  lock               high waited   priority of low when done\n");
	for (unsigned inherit = 0; inherit < 2; inherit++) {
		struct inversion x = { .inherit = inherit, .loops = loops };

		run_inversion(&x);
	}
	console_printf("\n");
}

void demo_sched(void)
{
	sched_pin(0);
	/* More important than what it watches, so that it ends in time. */
	task_setscheduler(current, SCHED_FIFO, 90, NULL);
	show_policies();
	show_inversion();
	task_setscheduler(current, SCHED_NORMAL, 0, NULL);
	sched_unpin();
}
