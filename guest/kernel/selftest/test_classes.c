/* SPDX-License-Identifier: MIT */
/* test_classes.c - the scheduler's classes and policies under real interrupts, on real CPUs. */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/selftest/tests_decl.h"
#include "guest/kernel/time.h"

struct spinner {
	struct task_struct *task;
	u64 n;
	bool *stop;
};

static int spin_until_stop(void *arg)
{
	struct spinner *s = arg;

	while (!READ_ONCE(*s->stop))
		WRITE_ONCE(s->n, s->n + 1);
	return 0;
}

/* Not started yet; its numbers can be read until spinner_end(). cpu < 0: anywhere. */
static bool spinner_init(struct ktest *t, struct spinner *s, bool *stop, int cpu)
{
	*s = (struct spinner){ .stop = stop };
	s->task = kthread_create(spin_until_stop, s, "spin/%d", cpu);
	KT_EXPECT(t, s->task != NULL);
	if (!s->task)
		return false;
	get_task(s->task);
	if (cpu >= 0)
		kthread_bind(s->task, (unsigned)cpu);
	return true;
}

static void spinner_end(struct spinner *s)
{
	kthread_join(s->task);
	put_task(s->task);
}

static bool progresses(struct spinner *s)
{
	u64 seen = READ_ONCE(s->n);

	return ktest_eventually(READ_ONCE(s->n) != seen);
}

static const char *check_sched(void *s)
{
	return sched_check(s);
}

static void check_rules(struct ktest *t)
{
	ktest_check_still(t, check_sched, kernel_sched);
}

/* ---- order ---------------------------------------------------------------------------------------- */

static atomic_t next_place;

static int take_place(void *place)
{
	*(int *)place = atomic_fetch_inc(&next_place);
	return 0;
}

/* All wait on the CPU of a thread more important than they; when it sleeps, the best goes first. */
void ktest_sched_order(struct ktest *t)
{
	static const struct {
		unsigned policy, priority;
	} who[] = { { SCHED_IDLE, 0 },
		    { SCHED_FIFO, 10 },
		    { SCHED_NORMAL, 0 },
		    { SCHED_FIFO, 20 },
		    { SCHED_RR, 15 } };
	static const int want[] = { 3, 2, 3, 0, 1 };
	struct sched_tunables *tun = &kernel_sched->tun, old = *tun;
	struct task_struct *task[ARRAY_SIZE(who)];
	int place[ARRAY_SIZE(who)];

	/* A second can pass here: throttled, this thread would let the others go first. */
	tun->rt_runtime = RUNTIME_INF;
	sched_pin(0);
	KT_EXPECT_EQ(t, task_setscheduler(current, SCHED_FIFO, 90, NULL), 0);
	atomic_set(&next_place, 0);
	for (size_t i = 0; i < ARRAY_SIZE(who); i++) {
		task[i] = kthread_create(take_place, &place[i], "place/%lu", i);
		BUG_ON(!task[i]);
		kthread_bind(task[i], 0);
		KT_EXPECT_EQ(t, task_setscheduler(task[i], who[i].policy, who[i].priority, NULL),
			     0);
		kthread_start(task[i]);
	}
	KT_EXPECT_EQ(t, atomic_read(&next_place), 0);
	check_rules(t);
	for (size_t i = 0; i < ARRAY_SIZE(who); i++)
		kthread_join(task[i]);
	/* SCHED_IDLE is a fair task of little weight: the normal one does not always come first. */
	for (size_t i = 0; i < ARRAY_SIZE(who); i++)
		if (rt_policy(who[i].policy))
			KT_EXPECT_EQ(t, place[i], want[i]);
		else
			KT_EXPECT(t, place[i] >= want[i]);
	KT_EXPECT_EQ(t, task_setscheduler(current, SCHED_NORMAL, 0, NULL), 0);
	sched_unpin();
	*tun = old;
}

static u64 rt_throttles(void)
{
	u64 n = 0;

	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		n += READ_ONCE(cpu_rq(kernel_sched, cpu)->rt.nr_throttled);
	return n;
}

/* Every CPU busy with a FIFO thread: a deadline thread runs all the same, a fair one does not. */
void ktest_sched_deadline(struct ktest *t)
{
	const struct sched_attr dl = { .policy = SCHED_DEADLINE,
				       .runtime = 20 * NSEC_PER_MSEC,
				       .deadline = 100 * NSEC_PER_MSEC,
				       .period = 100 * NSEC_PER_MSEC };
	struct spinner fifo[NR_CPUS], fair;
	struct task_struct *task;
	u64 throttles = rt_throttles();
	bool stop = false;
	int place = -1;

	sched_pin(0);
	task_setscheduler(current, SCHED_FIFO, 90, NULL);
	atomic_set(&next_place, 7);
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
		if (!spinner_init(t, &fifo[cpu], &stop, (int)cpu))
			env_panic(__FILE__, __LINE__, "no memory for a thread");
		task_setscheduler(fifo[cpu].task, SCHED_FIFO, 50, NULL);
		kthread_start(fifo[cpu].task);
	}
	msleep(1);
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		KT_EXPECT(t, progresses(&fifo[cpu]));
	if (spinner_init(t, &fair, &stop, 0)) {
		kthread_start(fair.task);
		task = kthread_create(take_place, &place, "deadline");
		BUG_ON(!task);
		KT_EXPECT_EQ(t, task_setattr(task, &dl, NULL), 0);
		kthread_start(task);
		KT_EXPECT(t, ktest_eventually(READ_ONCE(place) >= 0));
		KT_EXPECT_EQ(t, place, 7);
		/* Unless the FIFO threads have used up what RT may have. */
		KT_EXPECT(t, READ_ONCE(fair.n) == 0 || rt_throttles() != throttles);
		WRITE_ONCE(stop, true);
		kthread_join(task);
		spinner_end(&fair);
	}
	WRITE_ONCE(stop, true);
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		spinner_end(&fifo[cpu]);
	task_setscheduler(current, SCHED_NORMAL, 0, NULL);
	sched_unpin();
	check_rules(t);
}

void ktest_sched_rt_throttling(struct ktest *t)
{
	struct sched_tunables *tun = &kernel_sched->tun, old = *tun;
	struct spinner fifo, fair;
	bool stop = false;
	u64 before = rt_throttles();

	if (!spinner_init(t, &fifo, &stop, 0) || !spinner_init(t, &fair, &stop, 0))
		return;
	tun->rt_period = 100 * NSEC_PER_MSEC;
	tun->rt_runtime = 50 * NSEC_PER_MSEC;
	task_setscheduler(fifo.task, SCHED_FIFO, 50, NULL);
	kthread_start(fifo.task);
	kthread_start(fair.task);
	/* The FIFO thread never sleeps: only throttling lets the fair one (and this one) run. */
	KT_EXPECT(t, progresses(&fair));
	KT_EXPECT(t, rt_throttles() > before);
	KT_EXPECT(t, progresses(&fifo));
	WRITE_ONCE(stop, true);
	spinner_end(&fifo);
	spinner_end(&fair);
	*tun = old;
	check_rules(t);
}

/* ---- shares, places, errors -------------------------------------------------------------------------- */

/* Runtimes in the ratio of the weights 1024 and 335, three to one; o1 and bfs know an order only. */
static bool as_weights_say(u64 heavy, u64 light)
{
	if (!kernel_sched->chain[SLOT_FAIR]->fair)
		return light && heavy >= light / 2;
	return heavy >= light + light / 2 && heavy <= 6 * light;
}

void ktest_sched_nice(struct ktest *t)
{
	struct spinner s[2];
	bool stop = false;
	u64 heavy, light, from = tick_count(0), ticks;

	for (unsigned i = 0; i < 2; i++)
		if (!spinner_init(t, &s[i], &stop, 0))
			return;
	set_user_nice(s[1].task, 5);
	KT_EXPECT_EQ(t, task_nice(s[1].task), 5);
	kthread_start(s[0].task);
	kthread_start(s[1].task);
	/* Decisions count, not milliseconds: the host may charge one of them with a long stop. */
	do {
		msleep(50);
		ticks = tick_count(0) - from;
		heavy = READ_ONCE(s[0].task->se.sum_exec_runtime);
		light = READ_ONCE(s[1].task->se.sum_exec_runtime);
	} while (ticks < 16 || (ticks < 300 && !as_weights_say(heavy, light)));
	if (!as_weights_say(heavy, light))
		ktest_fail(t, __FILE__, __LINE__, "nice 0 ran %lu us, nice 5 %lu us", heavy / 1000,
			   light / 1000);
	WRITE_ONCE(stop, true);
	spinner_end(&s[0]);
	spinner_end(&s[1]);
}

struct traveller {
	unsigned cpu; /* where it last looked */
	bool stop;
};

static int travel(void *arg)
{
	struct traveller *tr = arg;

	while (!READ_ONCE(tr->stop))
		WRITE_ONCE(tr->cpu, smp_processor_id());
	return 0;
}

void ktest_sched_affinity(struct ktest *t)
{
	DECLARE_BITMAP(nowhere, NR_CPUS) = { 0 };
	struct traveller tr = { .cpu = UINT32_MAX };
	struct task_struct *task = kthread_run(travel, &tr, "traveller");

	KT_EXPECT(t, task != NULL);
	if (!task)
		return;
	KT_EXPECT_EQ(t, set_cpus_allowed(task, nowhere), -EINVAL);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
			/* It runs, so the stop thread of its CPU must move it. */
			KT_EXPECT_EQ(t, sched_bind(task, cpu), 0);
			KT_EXPECT_EQ(t, READ_ONCE(task->cpu), cpu);
			KT_EXPECT(t, ktest_eventually(READ_ONCE(tr.cpu) == cpu));
			sched_pin(cpu);
			KT_EXPECT_EQ(t, smp_processor_id(), cpu);
		}
	}
	sched_unpin();
	WRITE_ONCE(tr.stop, true);
	kthread_join(task);
	check_rules(t);
}

void ktest_sched_errors(struct ktest *t)
{
	const struct sched_cred nobody = { 0 },
				limited = { .rlimit_rtprio = 10, .rlimit_nice = 25 };
	struct sched_attr dl = { .policy = SCHED_DEADLINE, .runtime = 2, .deadline = 1 };
	struct sched_attr nice = { .policy = SCHED_NORMAL, .nice = -10 };
	struct spinner s;
	bool stop = true;

	if (!spinner_init(t, &s, &stop, -1))
		return;
	KT_EXPECT_EQ(t, task_setscheduler(s.task, 4, 0, NULL), -EINVAL);
	KT_EXPECT_EQ(t, task_setscheduler(s.task, 77, 0, NULL), -EINVAL);
	KT_EXPECT_EQ(t, task_setscheduler(s.task, SCHED_FIFO, 0, NULL), -EINVAL);
	KT_EXPECT_EQ(t, task_setscheduler(s.task, SCHED_FIFO, 100, NULL), -EINVAL);
	KT_EXPECT_EQ(t, task_setscheduler(s.task, SCHED_NORMAL, 1, NULL), -EINVAL);
	KT_EXPECT_EQ(t, task_setscheduler(s.task, SCHED_RR, 1, &nobody), -EPERM);
	KT_EXPECT_EQ(t, task_setscheduler(s.task, SCHED_RR, 11, &limited), -EPERM);
	KT_EXPECT_EQ(t, task_setscheduler(s.task, SCHED_RR, 10, &limited), 0);
	KT_EXPECT_EQ(t, task_setscheduler(s.task, SCHED_BATCH, 0, &nobody), 0);
	KT_EXPECT_EQ(t, task_setattr(s.task, &nice, &nobody), -EPERM);
	KT_EXPECT_EQ(t, task_setattr(s.task, &nice, &limited), -EPERM);
	nice.nice = -5;
	KT_EXPECT_EQ(t, task_setattr(s.task, &nice, &limited), 0);
	nice.nice = 20;
	KT_EXPECT_EQ(t, task_setattr(s.task, &nice, NULL), -EINVAL);
	KT_EXPECT_EQ(t, task_setattr(s.task, &dl, NULL), -EINVAL);
	dl.runtime = dl.deadline = dl.period = 100 * NSEC_PER_MSEC;
	KT_EXPECT_EQ(t, task_setattr(s.task, &dl, &limited), -EPERM);
	KT_EXPECT_EQ(t, task_setattr(s.task, &dl, NULL), nr_cpus == 1 ? -EBUSY : 0);
	KT_EXPECT_EQ(t, task_setscheduler(s.task, SCHED_NORMAL, 0, NULL), 0);
	KT_EXPECT_EQ(t, task_setscheduler(cpu_rq(kernel_sched, 0)->idle, SCHED_FIFO, 1, NULL),
		     -EINVAL);
	KT_EXPECT_EQ(t, policy_priority_max(SCHED_FIFO), 99);
	KT_EXPECT_EQ(t, policy_priority_min(SCHED_NORMAL), 0);
	KT_EXPECT_EQ(t, policy_priority_max(77), -EINVAL);
	kthread_start(s.task);
	spinner_end(&s);
}

/* ---- wake-ups ------------------------------------------------------------------------------------------ */

#define WAKE_ROUNDS 200
#define MIN_ROUNDS  20
#define ENOUGH_NS   (3 * NSEC_PER_SEC) /* then fewer rounds have to do */

struct relay {
	struct task_struct *next;
	u32 *turn, me, of;
	u64 rounds;
	bool *stop;
};

static int run_relay(void *arg)
{
	struct relay *r = arg;

	while (r->rounds < WAKE_ROUNDS && !READ_ONCE(*r->stop)) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (smp_load_acquire(r->turn) != r->me) {
			if (!READ_ONCE(*r->stop))
				schedule();
			__set_current_state(TASK_RUNNING);
			continue;
		}
		__set_current_state(TASK_RUNNING);
		WRITE_ONCE(r->rounds, r->rounds + 1);
		smp_store_release(r->turn, (r->me + 1) % r->of);
		wake_up_process(r->next);
	}
	return 0;
}

/* A baton goes around, each runner asleep but one: a single wake-up lost stops all of them. */
void ktest_sched_no_lost_wake_up(struct ktest *t)
{
	enum { RUNNERS = 3 };
	struct relay r[RUNNERS], *last = &r[RUNNERS - 1];
	struct task_struct *task[RUNNERS];
	u64 start = clock_ns(), rounds;
	bool stop = false;
	u32 turn = RUNNERS;

	for (u32 i = 0; i < RUNNERS; i++) {
		r[i] = (struct relay){ .turn = &turn, .me = i, .of = RUNNERS, .stop = &stop };
		task[i] = kthread_create(run_relay, &r[i], "relay/%u", i);
		BUG_ON(!task[i]);
		if (i < RUNNERS - 1) /* the last one roams */
			kthread_bind(task[i], i % nr_cpus);
	}
	for (u32 i = 0; i < RUNNERS; i++) {
		r[i].next = task[(i + 1) % RUNNERS];
		get_task(task[i]);
		kthread_start(task[i]);
	}
	smp_store_release(&turn, 0);
	wake_up_process(task[0]);
	do {
		rounds = READ_ONCE(last->rounds);
		if (rounds == WAKE_ROUNDS ||
		    (rounds >= MIN_ROUNDS && clock_ns() - start > ENOUGH_NS))
			break;
		/* Standing still is what a lost wake-up looks like; slow is not. */
	} while (ktest_eventually(READ_ONCE(last->rounds) != rounds));
	WRITE_ONCE(stop, true);
	for (u32 i = 0; i < RUNNERS; i++) {
		wake_up_process(task[i]);
		kthread_join(task[i]);
		KT_EXPECT(t, r[i].rounds >= MIN_ROUNDS);
	}
	for (u32 i = 0; i < RUNNERS; i++)
		put_task(task[i]);
}

/* ---- changing the policy under running threads ------------------------------------------------------------ */

static int nap(void *arg)
{
	struct spinner *s = arg;

	while (!READ_ONCE(*s->stop)) {
		msleep(1);
		WRITE_ONCE(s->n, s->n + 1);
	}
	return 0;
}

static bool all_progress(struct spinner *s, unsigned n)
{
	u64 seen[8];
	unsigned moved = 0;

	BUG_ON(n > ARRAY_SIZE(seen));
	for (unsigned i = 0; i < n; i++)
		seen[i] = READ_ONCE(s[i].n);
	(void)ktest_eventually(({
		moved = 0;
		for (unsigned i = 0; i < n; i++)
			moved += READ_ONCE(s[i].n) != seen[i];
		moved == n;
	}));
	return moved == n;
}

void ktest_sched_switch_policy(struct ktest *t)
{
	static const char *const names[] = { "cfs", "o1", "bfs", "eevdf" };
	enum { N = 3 };
	const struct sched_class *before = kernel_sched->chain[SLOT_FAIR];
	struct spinner s[N + 1];
	bool stop = false;

	for (unsigned i = 0; i < N; i++) {
		if (!spinner_init(t, &s[i], &stop, -1))
			env_panic(__FILE__, __LINE__, "no memory for a thread");
		set_user_nice(s[i].task, (int)i - 1);
		kthread_start(s[i].task);
	}
	s[N] = (struct spinner){ .stop = &stop };
	s[N].task = kthread_run(nap, &s[N], "napper");
	BUG_ON(!s[N].task);
	get_task(s[N].task);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct sched_class *fair = sched_fair_by_name(names[i]);

		KT_EXPECT(t, fair != NULL);
		sched_switch_fair(kernel_sched, fair);
		KT_EXPECT(t, kernel_sched->chain[SLOT_FAIR] == fair);
		if (!all_progress(s, N + 1))
			ktest_fail(t, __FILE__, __LINE__, "a thread stands still under %s",
				   names[i]);
		check_rules(t);
	}
	WRITE_ONCE(stop, true);
	for (unsigned j = 0; j <= N; j++)
		spinner_end(&s[j]);
	sched_switch_fair(kernel_sched, before);
}
