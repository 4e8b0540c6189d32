/* SPDX-License-Identifier: MIT */
/* test_sched.c - time, threads, and CPUs talking to each other. */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/selftest/tests_decl.h"
#include "guest/kernel/time.h"
#include "guest/lib/atomic.h"

static struct {
	spinlock_t lock;
	u64 last;
	atomic_t backwards, reads;
} mono;

/* What CPUs do in turn under one spinlock is kept short: with fewer real CPUs than virtual ones, each
 * turn may have to wait until the host runs the CPU whose turn it is. */
#define TURNS 25

/* Every CPU reads the clock under one lock: each value must be at least the one before. */
static void read_clock(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < TURNS; i++) {
		u64 now;

		raw_spin_lock(&mono.lock);
		now = clock_ns();
		if (now < mono.last)
			atomic_inc(&mono.backwards);
		mono.last = now;
		raw_spin_unlock(&mono.lock);
		atomic_inc(&mono.reads);
	}
}

void ktest_time_monotonic(struct ktest *t)
{
	u64 start = clock_ns();

	mono.last = 0;
	atomic_set(&mono.backwards, 0);
	atomic_set(&mono.reads, 0);
	on_each_cpu(read_clock, NULL);
	KT_EXPECT_EQ(t, atomic_read(&mono.reads), TURNS * nr_cpus);
	KT_EXPECT_EQ(t, atomic_read(&mono.backwards), 0);
	KT_EXPECT(t, mono.last > start);
}

void ktest_time_sleep(struct ktest *t)
{
	u64 start = clock_ns();

	msleep(15);
	KT_EXPECT(t, clock_ns() - start >= 15 * NSEC_PER_MSEC);
}

void ktest_smp_online(struct ktest *t)
{
	KT_EXPECT_EQ(t, nr_cpus, boot_info.nr_cpus);
}

static DEFINE_PER_CPU(u64, mark);
static atomic_t calls;

static void set_mark(void *base)
{
	this_cpu_write(mark, (u64)base + smp_processor_id());
	atomic_inc(&calls);
}

void ktest_smp_per_cpu(struct ktest *t)
{
	unsigned cpu;

	on_each_cpu(set_mark, (void *)1000);
	for_each_online_cpu (cpu) {
		KT_EXPECT_EQ(t, per_cpu(mark, cpu), 1000 + cpu);
		KT_EXPECT_EQ(t, per_cpu(cpu_number, cpu), cpu);
	}
}

void ktest_smp_call_function(struct ktest *t)
{
	u64 before[NR_CPUS];
	unsigned cpu;

	for_each_online_cpu (cpu)
		before[cpu] = irq_count(VECTOR_CALL_FUNCTION, cpu);
	atomic_set(&calls, 0);
	for (unsigned i = 0; i < 10; i++)
		on_each_cpu(set_mark, NULL);
	KT_EXPECT_EQ(t, atomic_read(&calls), 10 * nr_cpus);
	preempt_disable();
	for_each_online_cpu (cpu) {
		u64 sent = cpu == smp_processor_id() ? 0 : 10;

		KT_EXPECT_EQ(t, irq_count(VECTOR_CALL_FUNCTION, cpu) - before[cpu], sent);
	}
	preempt_enable();
}

struct counter {
	u64 n;
	bool *stop;
};

static int count_up(void *arg)
{
	struct counter *c = arg;

	while (!READ_ONCE(*c->stop))
		WRITE_ONCE(c->n, c->n + 1);
	return 0;
}

void ktest_sched_preemption(struct ktest *t)
{
	bool stop = false;
	struct counter c[2] = { { 0, &stop }, { 0, &stop } };
	struct task_struct *task[2];
	u64 seen[2];

	for (unsigned i = 0; i < 2; i++) {
		task[i] = kthread_create(count_up, &c[i], "count/%u", i);
		KT_EXPECT(t, task[i] != NULL);
		if (!task[i])
			return;
		kthread_bind(task[i], 0);
	}
	kthread_start(task[0]);
	kthread_start(task[1]);
	/* Both on one CPU, neither yields: each may progress only because the other is preempted. */
	KT_EXPECT(t, ktest_eventually(READ_ONCE(c[0].n) && READ_ONCE(c[1].n)));
	seen[0] = READ_ONCE(c[0].n);
	seen[1] = READ_ONCE(c[1].n);
	KT_EXPECT(t,
		  ktest_eventually(READ_ONCE(c[0].n) != seen[0] && READ_ONCE(c[1].n) != seen[1]));
	WRITE_ONCE(stop, true);
	kthread_join(task[0]);
	kthread_join(task[1]);
}

struct ping_pong {
	struct task_struct *other;
	u32 *turn, me;
	unsigned rounds;
};

static int ping(void *arg)
{
	struct ping_pong *p = arg;

	for (unsigned i = 0; i < p->rounds; i++) {
		for (;;) {
			set_current_state(TASK_UNINTERRUPTIBLE);
			if (smp_load_acquire(p->turn) == p->me)
				break;
			schedule();
		}
		set_current_state(TASK_RUNNING);
		smp_store_release(p->turn, !p->me);
		wake_up_process(p->other);
	}
	return 7;
}

void ktest_sched_wake_up(struct ktest *t)
{
	u32 turn = 0;
	struct ping_pong p[2] = { { NULL, &turn, 0, 50 }, { NULL, &turn, 1, 50 } };
	struct task_struct *task[2];

	for (unsigned i = 0; i < 2; i++) {
		task[i] = kthread_create(ping, &p[i], "ping/%u", i);
		KT_EXPECT(t, task[i] != NULL);
		if (!task[i])
			return;
		kthread_bind(task[i], i % nr_cpus);
	}
	p[0].other = task[1];
	p[1].other = task[0];
	kthread_start(task[1]);
	kthread_start(task[0]);
	/* Waking a task that has ended is harmless only while it is not joined: so first both end. */
	while (READ_ONCE(task[0]->state) != TASK_DEAD || READ_ONCE(task[1]->state) != TASK_DEAD)
		msleep(1);
	KT_EXPECT_EQ(t, kthread_join(task[0]), 7);
	KT_EXPECT_EQ(t, kthread_join(task[1]), 7);
}

static int return_data(void *data)
{
	return (int)(u64)data;
}

static int wait_for_stop(void *unused)
{
	(void)unused;
	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
		set_current_state(TASK_RUNNING);
	}
	return 42;
}

void ktest_sched_kthread(struct ktest *t)
{
	struct task_struct *task;

	for (unsigned i = 0; i < 50; i++) {
		task = kthread_run(return_data, (void *)(u64)i, "worker/%u", i);
		KT_EXPECT(t, task != NULL);
		if (!task)
			return;
		KT_EXPECT_EQ(t, kthread_join(task), i);
	}
	task = kthread_run(wait_for_stop, NULL, "waiter");
	KT_EXPECT(t, task != NULL);
	if (task)
		KT_EXPECT_EQ(t, kthread_stop(task), 42);
}

static DEFINE_SPINLOCK(count_lock);
static u64 shared_count;

static int add_under_lock(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < TURNS; i++) {
		u64 flags = spin_lock_irqsave(&count_lock);
		u64 v = READ_ONCE(shared_count);

		WRITE_ONCE(shared_count, v + 1);
		spin_unlock_irqrestore(&count_lock, flags);
	}
	return 0;
}

void ktest_sched_spinlock(struct ktest *t)
{
	enum { THREADS = 4 };
	struct task_struct *task[THREADS];

	shared_count = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		task[i] = kthread_create(add_under_lock, NULL, "adder/%u", i);
		KT_EXPECT(t, task[i] != NULL);
		if (!task[i])
			return;
		kthread_bind(task[i], i % nr_cpus);
		kthread_start(task[i]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		kthread_join(task[i]);
	KT_EXPECT_EQ(t, shared_count, THREADS * TURNS);
	KT_EXPECT(t, !spin_is_locked(&count_lock));
}
