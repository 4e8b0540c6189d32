/* SPDX-License-Identifier: MIT */
/* demo_time.c - demo=time: how exact timers are, what an idle CPU is spared, where work goes that is put
 * off. */
#include "guest/arch/x86/smp.h"
#include "guest/kernel/init.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/softirq.h"
#include "guest/kernel/time.h"
#include "guest/kernel/timers.h"
#include "guest/lib/rand.h"
#include "guest/lib/sort.h"
#include "guest/platform/platform.h"

#define NR_SHOTS  64u
#define IDLE_MS	  500u
#define NR_WORKS  6u
#define WORK_MS	  20u
#define SHOW_CPUS 4u

/* ---- exactness ------------------------------------------------------------------------------------------ */

struct shot {
	struct hrtimer hr;
	struct timer_list wheel;
	u64 at, late; /* ns */
};

static struct shot shots[NR_SHOTS];
static atomic_t fired;

static void note(struct shot *s)
{
	u64 now = clock_ns();

	s->late = now - MIN(now, s->at);
	atomic_inc(&fired);
}

static enum hrtimer_restart hr_fires(struct hrtimer *t)
{
	note(container_of(t, struct shot, hr));
	return HRTIMER_NORESTART;
}

static void wheel_fires(struct timer_list *t)
{
	note(container_of(t, struct shot, wheel));
}

static int by_lateness(const void *a, const void *b, void *unused)
{
	u64 x = ((const struct shot *)a)->late, y = ((const struct shot *)b)->late;

	(void)unused;
	return x < y ? -1 : x > y;
}

/* Timers between near and far from now; the tables are sorted only once none is queued. */
static void show_lateness(const char *what, bool wheel, u64 near_ms, u64 far_ms)
{
	struct rand r;
	u64 base;

	rand_init(&r, 3);
	atomic_set(&fired, 0);
	base = clock_ns();
	for (unsigned i = 0; i < NR_SHOTS; i++) {
		struct shot *s = &shots[i];

		s->at = base + rand_range(&r, near_ms * NSEC_PER_MSEC, far_ms * NSEC_PER_MSEC);
		if (wheel) {
			timer_setup(&kernel_timers, &s->wheel, wheel_fires, 0);
			mod_timer(&s->wheel, s->at / kernel_timers.tick_ns + 1);
		} else {
			hrtimer_init(&kernel_hrtimers, &s->hr, HRTIMER_MODE_ABS, hr_fires);
			hrtimer_start(&s->hr, s->at, HRTIMER_MODE_ABS);
		}
	}
	while (atomic_read(&fired) < (s32)NR_SHOTS)
		msleep(5);
	for (unsigned i = 0; i < NR_SHOTS; i++) {
		if (wheel)
			del_timer_sync(&shots[i].wheel);
		else
			hrtimer_cancel(&shots[i].hr);
	}
	sort_r(shots, NR_SHOTS, sizeof(shots[0]), by_lateness, NULL);
	console_printf("  %-22s %4lu-%-4lu ms %9lu %9lu %9lu us\n", what, near_ms, far_ms,
		       shots[NR_SHOTS / 2].late / NSEC_PER_USEC,
		       shots[NR_SHOTS * 9 / 10].late / NSEC_PER_USEC,
		       shots[NR_SHOTS - 1].late / NSEC_PER_USEC);
}

static void show_timers(void)
{
	console_printf("\n%u timers of each kind; clock event: %s, a tick is %lu ms\n", NR_SHOTS,
		       platform_names.tick, kernel_timers.tick_ns / NSEC_PER_MSEC);
	console_printf("  late by                 set to       median      90 %%   longest\n");
	show_lateness("hrtimer", false, 1, 200);
	show_lateness("wheel, level 0", true, 1, 200);
	show_lateness("wheel, levels 0 and 1", true, 500, 1500);
}

/* ---- idling --------------------------------------------------------------------------------------------------- */

static void show_idle(void)
{
	u64 ticks[SHOW_CPUS], saved[SHOW_CPUS];
	unsigned cpus = MIN(nr_cpus, SHOW_CPUS);

	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		ticks[cpu] = tick_count(cpu);
		saved[cpu] = tick_saved(&per_cpu(tick_sched, cpu));
	}
	for (unsigned i = 0; i < 5; i++)
		msleep(IDLE_MS / 5);
	console_printf("\n%u ms with nothing to do%s\n", IDLE_MS,
		       timers_tickless() ? "" : "; idle CPUs keep their ticks");
	console_printf("  CPU   ticks   spared   sleeps without a tick\n");
	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		struct tick_sched *ts = &per_cpu(tick_sched, cpu);
		u64 gone = tick_count(cpu) - ticks[cpu];
		/* What a CPU that still sleeps is spared it has not counted yet. */
		u64 spared = READ_ONCE(ts->stopped)
				     ? IDLE_MS * NSEC_PER_MSEC / kernel_timers.tick_ns - gone
				     : tick_saved(ts) - saved[cpu];

		console_printf("  %3u %7lu %8lu %10lu of %lu\n", cpu, gone, spared, ts->idle_sleeps,
			       ts->idle_calls);
	}
}

/* ---- work ------------------------------------------------------------------------------------------------------- */

static void naps(struct work_struct *work)
{
	(void)work;
	msleep(WORK_MS);
}

static u64 work_ms(struct workqueue_struct *wq)
{
	static struct work_struct works[NR_WORKS];
	u64 start = clock_ns();

	for (unsigned i = 0; i < NR_WORKS; i++) {
		INIT_WORK(&works[i], naps);
		queue_work_on(0, wq, &works[i]);
	}
	flush_workqueue(wq);
	return (clock_ns() - start) / NSEC_PER_MSEC;
}

static void show_work(void)
{
	struct workqueue_struct *ordered =
		alloc_workqueue(&kernel_workqueues, "ordered", WQ_ORDERED, 0);
	const struct worker_pool *pool = &kernel_workqueues.pools[0];

	if (!ordered)
		panic("demo: no memory for a work queue");
	console_printf("\n%u works that sleep %u ms each\n", NR_WORKS, WORK_MS);
	console_printf("  on CPU 0          %5lu ms  ", work_ms(system_wq));
	console_printf("a sleeper's place was taken %lu times, by %u workers\n", pool->nr_rescued,
		       pool->nr_workers);
	console_printf("  wherever          %5lu ms\n", work_ms(system_unbound_wq));
	console_printf("  one at a time     %5lu ms\n", work_ms(ordered));
	destroy_workqueue(ordered);
}

static void show_softirqs(void)
{
	unsigned cpus = MIN(nr_cpus, SHOW_CPUS);

	console_printf("\nsoftirqs since boot\n  %-9s", "");
	for (unsigned cpu = 0; cpu < cpus; cpu++)
		console_printf("     CPU%u", cpu);
	console_printf("\n");
	for (unsigned nr = 0; nr < NR_SOFTIRQS; nr++) {
		if (!kernel_softirqs.action[nr].fn)
			continue;
		console_printf("  %-9s", softirq_name(nr));
		for (unsigned cpu = 0; cpu < cpus; cpu++)
			console_printf("%9lu", kernel_softirqs.cpu[cpu].count[nr]);
		console_printf("\n");
	}
	console_printf("\n");
}

void demo_time(void)
{
	show_timers();
	show_idle();
	show_work();
	show_softirqs();
}
