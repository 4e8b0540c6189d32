/* SPDX-License-Identifier: MIT */
/* watchdog.c - see watchdog.h for W1..W6. */
#include "guest/kernel/watchdog.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/backtrace.h"
#include "guest/arch/x86/nmi.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/init.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/kernel/timers.h"
#include "guest/locking/blocked.h"

#define DEFAULT_SECONDS 10
#define BEATS		4u /* in a threshold */
#define HUNG_LOOKS	6u /* a threshold apart */
#define OFF		UINT32_MAX

struct watchdog {
	struct hrtimer timer;
	u64 beats; /* read by the buddy */
	/* W1. */
	u64 switches;
	u32 stuck;
	/* W2, W3: the CPU after this one. */
	unsigned watched;
	u64 watched_beats;
	unsigned missed;
	/* W4. */
	u32 due;
	bool due_reported;
};
static DEFINE_PER_CPU(struct watchdog, watchdog);
static u32 threshold = OFF; /* ticks */
static atomic_t reports[WATCHDOG_NR_KINDS];

unsigned watchdog_reports(enum watchdog_kind kind)
{
	return (unsigned)atomic_read(&reports[kind]);
}

static u64 tick_ns(void)
{
	return NSEC_PER_SEC / tick_hz;
}

void watchdog_setup(void)
{
	u64 ticks = boot_option_u64("watchdog", DEFAULT_SECONDS * tick_hz);

	if (ticks)
		threshold = (u32)MIN(MAX(ticks, (u64)BEATS), (u64)OFF - 1);
}

u64 watchdog_rcu_stall_ns(void)
{
	return threshold == OFF ? UINT64_MAX / 4 : 2 * threshold * tick_ns();
}

/* ---- W1 ------------------------------------------------------------------------------------------- */

void watchdog_tick(bool preemptible)
{
	struct watchdog *w = this_cpu_ptr(&watchdog);
	const struct rq *rq = this_rq();

	if (preemptible || rq->sched_count != w->switches) {
		w->switches = rq->sched_count;
		w->stuck = 0;
		return;
	}
	if (++w->stuck < threshold / 2)
		return;
	set_need_resched(); /* a moment with preemption on, and it counts as a switch */
	if (w->stuck != threshold)
		return;
	pr_emerg("BUG: soft lockup: CPU %u has preemption off for %u ticks, task %d %s", rq->cpu,
		 w->stuck, rq->curr->pid, rq->curr->comm);
	backtrace_print(irq_regs(), NULL);
	atomic_inc(&reports[WATCHDOG_SOFT]);
}

/* ---- W2, W3 --------------------------------------------------------------------------------------- */

static void report_stopped(unsigned cpu, const struct cpu_snapshot *s)
{
	enum watchdog_kind kind = s->irqs_on ? WATCHDOG_TIMER : WATCHDOG_HARD;

	if (s->irqs_on)
		pr_emerg("BUG: lost timer: no timer interrupt on CPU %u for %u ticks, though its "
			 "interrupts are on; starting it again",
			 cpu, threshold);
	else
		pr_emerg("BUG: hard lockup: CPU %u takes no interrupts for %u ticks", cpu,
			 threshold);
	snapshot_print(cpu, s);
	atomic_inc(&reports[kind]);
	if (s->irqs_on)
		smp_restart_timer(cpu);
}

static unsigned next_online(unsigned cpu)
{
	do
		cpu = (cpu + 1) % nr_cpus;
	while (!cpu_is_online(cpu));
	return cpu;
}

static void watch_buddy(struct watchdog *w, unsigned self)
{
	unsigned cpu = next_online(self);
	struct cpu_snapshot s;
	u64 beats;

	if (cpu == self)
		return;
	beats = READ_ONCE(per_cpu(watchdog, cpu).beats);
	if (cpu != w->watched || beats != w->watched_beats) {
		w->watched = cpu;
		w->watched_beats = beats;
		w->missed = 0;
		return;
	}
	/* Asked twice, two beats apart: the host may have kept the CPU from running, but not since it
	 * answered the first time. */
	if (++w->missed != BEATS && w->missed != BEATS + 2)
		return;
	if (!nmi_snapshot(cpu, &s)) {
		if (w->missed == BEATS + 2) {
			pr_emerg("BUG: hard lockup: CPU %u does not even answer NMIs", cpu);
			atomic_inc(&reports[WATCHDOG_HARD]);
		}
	} else if (w->missed == BEATS + 2) {
		report_stopped(cpu, &s);
	}
}

/* ---- W4 ------------------------------------------------------------------------------------------- */

static void watch_interrupts(struct watchdog *w, unsigned self)
{
	u32 due = smp_resched_due(self);

	/* Vectors above the timer's come first: one that was sent before the last beat must be here. */
	if (!due || due != w->due) {
		w->due = due;
		w->due_reported = false;
	} else if (!w->due_reported) {
		w->due_reported = true;
		pr_emerg(
			"BUG: lost interrupt: CPU %u was told to look at its run queue %u ticks ago "
			"or more, and it has not come",
			self, threshold / BEATS);
		atomic_inc(&reports[WATCHDOG_IPI]);
	}
}

/* ---- W5 ------------------------------------------------------------------------------------------- */

void watchdog_rcu_stall(const u64 *cpus)
{
	struct cpu_snapshot s;
	size_t cpu;

	for_each_set_bit (cpu, cpus, nr_cpus) {
		if (cpu == smp_processor_id())
			backtrace_print(irq_regs(), NULL);
		else if (nmi_snapshot((unsigned)cpu, &s))
			snapshot_print((unsigned)cpu, &s);
		else
			pr_emerg("CPU %lu does not even answer NMIs", cpu);
	}
	atomic_inc(&reports[WATCHDOG_RCU]);
}

/* ---- W6 ------------------------------------------------------------------------------------------- */

/* A timer, not work: it needs no thread and no memory, of which it could be the one that is missing. */
static struct timer_list hung_timer;

static __attribute__((noinline)) void report_hung(struct thread *th, const char *line)
{
	pr_emerg("BUG: hung task: %s, for %u ticks or more", line, HUNG_LOOKS * threshold);
	backtrace_print(NULL, thread_frame(th));
	atomic_inc(&reports[WATCHDOG_HUNG]);
}

/* tasks_lock keeps every thread's memory where it is. */
static void look_for_hung(struct timer_list *timer)
{
	char line[BLOCKED_LINE];
	struct task_struct *p;
	u64 flags = spin_lock_irqsave(&kernel_sched->tasks_lock);

	list_for_each_entry (p, &kernel_sched->tasks, sched_node) {
		struct thread *th = thread_of(p);
		u64 switches = READ_ONCE(p->nvcsw) + READ_ONCE(p->nivcsw);

		if (!blocked_describe(kernel_sched, p, line) || switches != th->seen_switches) {
			th->seen_switches = switches;
			th->seen_waiting = 0;
		} else if (++th->seen_waiting == HUNG_LOOKS) {
			report_hung(th, line);
		}
	}
	spin_unlock_irqrestore(&kernel_sched->tasks_lock, flags);
	mod_timer(timer, jiffies() + threshold);
}

void watchdog_start_hung(void)
{
	if (threshold == OFF)
		return;
	timer_setup(&kernel_timers, &hung_timer, look_for_hung, 0);
	mod_timer(&hung_timer, jiffies() + threshold);
}

/* ---- the beat --------------------------------------------------------------------------------------- */

static enum hrtimer_restart beat(struct hrtimer *timer)
{
	struct watchdog *w = container_of(timer, struct watchdog, timer);
	unsigned self = smp_processor_id();

	WRITE_ONCE(w->beats, w->beats + 1);
	watch_interrupts(w, self);
	watch_buddy(w, self);
	hrtimer_forward(timer, clock_ns(), threshold / BEATS * tick_ns());
	return HRTIMER_RESTART;
}

void watchdog_start_cpu(void)
{
	struct watchdog *w = this_cpu_ptr(&watchdog);

	if (threshold == OFF)
		return;
	hrtimer_init(&kernel_hrtimers, &w->timer, HRTIMER_MODE_ABS, beat);
	hrtimer_start(&w->timer, threshold / BEATS * tick_ns(), HRTIMER_MODE_REL);
}

void watchdog_stop_cpu(void)
{
	if (threshold != OFF)
		hrtimer_cancel(&this_cpu_ptr(&watchdog)->timer);
}
