/* SPDX-License-Identifier: MIT */
/* test_time.c - timers, and work that is put off. What happens too early is a fault; how late it may be
 * is the host's affair. */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/lapic.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/irq_threads.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/selftest/tests_decl.h"
#include "guest/kernel/softirq.h"
#include "guest/kernel/timers.h"
#include "guest/lib/rand.h"
#include "devices/abi/ioapic.h"

#define TEST_VECTOR 0xd0

void ktest_time_tick(struct ktest *t)
{
	unsigned cpu;

	for_each_online_cpu (cpu) {
		u64 before, end = clock_ns() + KT_PATIENCE_NS;

		sched_pin(cpu); /* an idle CPU has none */
		before = tick_count(cpu);
		while (tick_count(cpu) < before + 2 && clock_ns() < end)
			cpu_relax();
		KT_EXPECT(t, tick_count(cpu) >= before + 2);
	}
	sched_unpin();
}

/* ---- high-resolution timers --------------------------------------------------------------------------- */

#define NR_TIMERS 24

struct shot {
	struct hrtimer timer;
	u64 at;
	unsigned cpu, place;
	bool early, elsewhere, disordered;
};

static struct shot shots[NR_TIMERS];
static atomic_t fired;
static u64 last_at;

static enum hrtimer_restart shot_fires(struct hrtimer *timer)
{
	struct shot *s = container_of(timer, struct shot, timer);

	s->early = clock_ns() < s->at;
	s->elsewhere = smp_processor_id() != s->cpu;
	s->disordered = s->at < last_at;
	last_at = s->at;
	atomic_inc(&fired);
	return HRTIMER_NORESTART;
}

static void fire_shots(struct ktest *t, unsigned mode)
{
	struct rand r;
	u64 flags, base;

	rand_init(&r, 7);
	atomic_set(&fired, 0);
	last_at = 0;
	sched_pin(nr_cpus - 1);
	/* All are queued before the first is due, or the order would be another one. */
	flags = local_irq_save();
	base = clock_ns() + 2 * NSEC_PER_MSEC;
	for (unsigned i = 0; i < NR_TIMERS; i++) {
		struct shot *s = &shots[i];

		*s = (struct shot){ .at = base + rand_below(&r, 20 * NSEC_PER_MSEC),
				    .cpu = smp_processor_id() };
		hrtimer_init(&kernel_hrtimers, &s->timer, mode, shot_fires);
		hrtimer_start(&s->timer, s->at, HRTIMER_MODE_ABS);
	}
	local_irq_restore(flags);
	KT_EXPECT(t, ktest_eventually(atomic_read(&fired) == NR_TIMERS));
	for (unsigned i = 0; i < NR_TIMERS; i++) {
		KT_EXPECT(t, !shots[i].early);
		KT_EXPECT(t, !shots[i].elsewhere);
		KT_EXPECT(t, !shots[i].disordered);
		KT_EXPECT_EQ(t, hrtimer_cancel(&shots[i].timer), 0);
	}
	sched_unpin();
}

void ktest_time_hrtimer(struct ktest *t)
{
	fire_shots(t, HRTIMER_MODE_ABS);
	fire_shots(t, HRTIMER_MODE_SOFT);
}

static atomic_t rounds;

static enum hrtimer_restart goes_on(struct hrtimer *timer)
{
	atomic_inc(&rounds);
	hrtimer_forward(timer, clock_ns(), NSEC_PER_MSEC);
	return HRTIMER_RESTART;
}

void ktest_time_cancel(struct ktest *t)
{
	struct hrtimer timer;
	s32 n;

	atomic_set(&rounds, 0);
	hrtimer_init(&kernel_hrtimers, &timer, HRTIMER_MODE_ABS, goes_on);
	hrtimer_start(&timer, NSEC_PER_MSEC, HRTIMER_MODE_REL);
	KT_EXPECT(t, ktest_eventually(atomic_read(&rounds) >= 5));
	KT_EXPECT_EQ(t, hrtimer_cancel(&timer), 1);
	n = atomic_read(&rounds);
	msleep(5);
	KT_EXPECT_EQ(t, atomic_read(&rounds), n);
	KT_EXPECT(t, !hrtimer_active(&timer));
}

/* ---- the wheel ------------------------------------------------------------------------------------------ */

struct spoke {
	struct timer_list timer;
	u64 at;
	bool early;
};

static struct spoke spokes[NR_TIMERS];

static void spoke_fires(struct timer_list *timer)
{
	struct spoke *s = container_of(timer, struct spoke, timer);

	s->early = jiffies() < s->at;
	atomic_inc(&fired);
}

void ktest_time_wheel(struct ktest *t)
{
	struct rand r;

	rand_init(&r, 8);
	atomic_set(&fired, 0);
	for (unsigned i = 0; i < NR_TIMERS; i++) {
		struct spoke *s = &spokes[i];

		s->early = false;
		/* Up to the second level; the last one far away. */
		s->at = jiffies() + (i == NR_TIMERS - 1 ? 1000000 : rand_below(&r, 80));
		timer_setup(&kernel_timers, &s->timer, spoke_fires, 0);
		mod_timer(&s->timer, s->at);
	}
	KT_EXPECT(t, ktest_eventually(atomic_read(&fired) == NR_TIMERS - 1));
	for (unsigned i = 0; i < NR_TIMERS - 1; i++)
		KT_EXPECT(t, !spokes[i].early);
	KT_EXPECT(t, del_timer_sync(&spokes[NR_TIMERS - 1].timer));
	KT_EXPECT(t, !timer_pending(&spokes[NR_TIMERS - 1].timer));
}

/* ---- without a tick --------------------------------------------------------------------------------------- */

void ktest_time_tickless(struct ktest *t)
{
	unsigned cpu = nr_cpus - 1;
	struct tick_sched *ts = &per_cpu(tick_sched, cpu);
	u64 sleeps, saved, end;

	if (!timers_tickless()) {
		ktest_skip(t, "nohz=off, or a clock event that is periodic");
		return;
	}
	/* Whatever else there is to do comes to an end, and then the CPU stops its tick. */
	sched_pin(0);
	sleeps = READ_ONCE(ts->idle_sleeps);
	end = clock_ns() + KT_PATIENCE_NS;
	do
		msleep(100);
	while (!READ_ONCE(ts->stopped) && READ_ONCE(ts->idle_sleeps) == sleeps && clock_ns() < end);
	KT_EXPECT(t, READ_ONCE(ts->stopped) || READ_ONCE(ts->idle_sleeps) > sleeps);
	/* A busy one has it back, on the grid, with nothing forgotten. */
	sched_pin(cpu);
	preempt_disable();
	KT_EXPECT(t, !ts->stopped);
	preempt_enable();
	saved = tick_saved(ts);
	KT_EXPECT(t, saved > 0);
	KT_EXPECT(t,
		  ts->jiffies + 1 >= jiffies() || ktest_eventually(ts->jiffies + 1 >= jiffies()));
	sched_unpin();
}

/* ---- softirqs and tasklets ------------------------------------------------------------------------------------ */

static struct tasklet tasklets[NR_CPUS];
static atomic_t in_place, out_of_place;

static void tasklet_runs(struct tasklet *tasklet)
{
	unsigned cpu = (unsigned)(tasklet - tasklets);
	bool good = cpu == smp_processor_id() && in_serving_softirq(&kernel_softirqs) &&
		    !irqs_disabled() && !in_interrupt();

	atomic_inc(good ? &in_place : &out_of_place);
}

static void schedule_tasklet(void *unused)
{
	struct tasklet *tasklet = &tasklets[smp_processor_id()];
	u64 flags;

	(void)unused;
	tasklet_setup(tasklet, tasklet_runs);
	/* Twice is once, unless an interrupt in between runs it. */
	flags = local_irq_save();
	tasklet_schedule(&kernel_tasklets, tasklet);
	tasklet_schedule(&kernel_tasklets, tasklet);
	local_irq_restore(flags);
}

void ktest_time_softirq(struct ktest *t)
{
	atomic_set(&in_place, 0);
	atomic_set(&out_of_place, 0);
	on_each_cpu(schedule_tasklet, NULL);
	KT_EXPECT(t, ktest_eventually((unsigned)atomic_read(&in_place) >= nr_cpus));
	KT_EXPECT_EQ(t, atomic_read(&in_place), nr_cpus);
	KT_EXPECT_EQ(t, atomic_read(&out_of_place), 0);

	/* From a task: right away at the end of the section, or by ksoftirqd. */
	local_bh_disable(&kernel_softirqs);
	schedule_tasklet(NULL);
	KT_EXPECT_EQ(t, atomic_read(&in_place), nr_cpus);
	local_bh_enable(&kernel_softirqs);
	KT_EXPECT_EQ(t, atomic_read(&in_place), nr_cpus + 1);
	preempt_disable();
	schedule_tasklet(NULL);
	preempt_enable();
	KT_EXPECT(t, ktest_eventually((unsigned)atomic_read(&in_place) == nr_cpus + 2));
	KT_EXPECT_EQ(t, atomic_read(&out_of_place), 0);
}

/* ---- work queues ------------------------------------------------------------------------------------------------ */

struct job {
	struct work_struct work;
	struct completion *waits_for, *says;
	unsigned cpu;
	bool wrong_cpu;
	atomic_t runs;
};

static void job_runs(struct work_struct *work)
{
	struct job *j = container_of(work, struct job, work);

	j->wrong_cpu = smp_processor_id() != j->cpu;
	if (j->waits_for)
		wait_for_completion(j->waits_for);
	if (j->says)
		complete(j->says);
	atomic_inc(&j->runs);
}

static void job_init(struct job *j, unsigned cpu)
{
	*j = (struct job){ .cpu = cpu };
	INIT_WORK(&j->work, job_runs);
}

void ktest_time_work(struct ktest *t)
{
	static struct job jobs[NR_CPUS], first, second;
	struct completion go;
	unsigned cpu;

	for_each_online_cpu (cpu) {
		job_init(&jobs[cpu], cpu);
		KT_EXPECT(t, queue_work_on(cpu, system_wq, &jobs[cpu].work));
	}
	for_each_online_cpu (cpu) {
		flush_work(&jobs[cpu].work);
		KT_EXPECT_EQ(t, atomic_read(&jobs[cpu].runs), 1);
		KT_EXPECT(t, !jobs[cpu].wrong_cpu);
	}

	/* The first sleeps until the second has run, behind it on the same CPU: only another worker
	 * can do that. */
	init_completion(&go);
	job_init(&first, 0);
	job_init(&second, 0);
	first.waits_for = &go;
	second.says = &go;
	queue_work_on(0, system_wq, &first.work);
	queue_work_on(0, system_wq, &second.work);
	KT_EXPECT(t, ktest_eventually(atomic_read(&first.runs) == 1));
	flush_workqueue(system_wq);
	KT_EXPECT_EQ(t, atomic_read(&second.runs), 1);
	KT_EXPECT(t, !workqueues_check(&kernel_workqueues));
}

static atomic_t delayed_early;
static u64 delayed_due;

static void delayed_runs(struct work_struct *work)
{
	(void)work;
	if (clock_ns() < delayed_due)
		atomic_inc(&delayed_early);
	atomic_inc(&rounds);
}

void ktest_time_delayed_work(struct ktest *t)
{
	static struct delayed_work dw;

	atomic_set(&rounds, 0);
	atomic_set(&delayed_early, 0);
	INIT_DELAYED_WORK(&kernel_workqueues, &dw, delayed_runs);
	delayed_due = clock_ns() + 3 * kernel_timers.tick_ns;
	KT_EXPECT(t, queue_delayed_work(system_unbound_wq, &dw, 3));
	KT_EXPECT(t, ktest_eventually(atomic_read(&rounds) == 1));
	KT_EXPECT_EQ(t, atomic_read(&delayed_early), 0);
	queue_delayed_work(system_unbound_wq, &dw, 1000000);
	KT_EXPECT(t, cancel_delayed_work_sync(&dw));
	queue_delayed_work(system_unbound_wq, &dw, 1000000);
	delayed_due = 0;
	KT_EXPECT(t, flush_delayed_work(&dw));
	KT_EXPECT_EQ(t, atomic_read(&rounds), 2);
}

/* ---- interrupt threads -------------------------------------------------------------------------------------------- */

static atomic_t hard_runs, thread_runs;
static bool wrong_context;

static enum irqreturn quiet_device(void *unused)
{
	(void)unused;
	wrong_context |= !in_interrupt();
	atomic_inc(&hard_runs);
	return IRQ_WAKE_THREAD;
}

static enum irqreturn serve_device(void *unused)
{
	(void)unused;
	wrong_context |= in_interrupt() || irqs_disabled() || current->policy != SCHED_FIFO;
	msleep(1); /* it may */
	atomic_inc(&thread_runs);
	return IRQ_HANDLED;
}

void ktest_time_irq_thread(struct ktest *t)
{
	static struct irq_thread it;
	u64 flags;

	if (!lapic_present()) {
		ktest_skip(t, "no local APIC to interrupt itself with");
		return;
	}
	atomic_set(&hard_runs, 0);
	atomic_set(&thread_runs, 0);
	wrong_context = false;
	it = (struct irq_thread){ .handler = quiet_device, .thread_fn = serve_device };
	KT_EXPECT_EQ(t, request_threaded_irq(TEST_VECTOR, "test", &it, IRQ_ACK_LAPIC), 0);
	for (s32 i = 1; i <= 5; i++) {
		flags = local_irq_save();
		lapic_send(lapic_id(), APIC_MODE_FIXED, TEST_VECTOR);
		local_irq_restore(flags);
		KT_EXPECT(t, ktest_eventually(atomic_read(&thread_runs) == i));
	}
	free_threaded_irq(TEST_VECTOR, &it);
	KT_EXPECT_EQ(t, atomic_read(&hard_runs), 5);
	KT_EXPECT(t, !wrong_context);
}
