/* SPDX-License-Identifier: MIT */
/* timers.c - see timers.h. */
#include "guest/kernel/timers.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/cputime.h"
#include "guest/kernel/fault.h"
#include "guest/kernel/rcu.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/softirq.h"
#include "guest/kernel/time.h"
#include "guest/kernel/watchdog.h"
#include "guest/process/tick.h"
#include "guest/lib/cmdline.h"
#include "guest/lib/string.h"
#include "guest/platform/platform.h"

struct hrtimers kernel_hrtimers;
struct timers kernel_timers;
DEFINE_PER_CPU(struct tick_sched, tick_sched);

static bool nohz = true;
static bool oneshot; /* the clock event comes when asked for */

static bool switched_off(const char *key)
{
	char word[8];

	return cmdline_str(boot_info.cmdline, key, word, sizeof(word)) >= 0 && !strcmp(word, "off");
}

static void run_hrtimers(unsigned cpu, void *unused)
{
	(void)unused;
	hrtimer_run_softirq(&kernel_hrtimers.base[cpu]);
}

static void run_wheel(unsigned cpu, void *unused)
{
	(void)unused;
	timer_run_softirq(&kernel_timers, cpu);
}

void timers_setup(unsigned cpus)
{
	nohz = !switched_off("nohz");
	if (hrtimers_init(&kernel_hrtimers, cpus) ||
	    timers_init(&kernel_timers, cpus, NSEC_PER_SEC / tick_hz))
		env_panic(__FILE__, __LINE__, "no memory for timers");
	open_softirq(&kernel_softirqs, HRTIMER_SOFTIRQ, run_hrtimers, NULL);
	open_softirq(&kernel_softirqs, TIMER_SOFTIRQ, run_wheel, NULL);
	for (unsigned cpu = 0; cpu < cpus; cpu++)
		sched_timer_init_cpu(cpu);
}

void timers_start_cpu(void)
{
	oneshot = platform->event_start(tick_hz, switched_off("highres"));
	nohz = nohz && oneshot;
	cputime_start_cpu();
	tick_start(this_cpu_ptr(&tick_sched), &kernel_hrtimers, &kernel_timers);
	watchdog_start_cpu();
}

bool timers_tickless(void)
{
	return nohz;
}

void timers_interrupt(void)
{
	unsigned cpu = smp_processor_id();

	if (!fault_loses_timer(cpu))
		hrtimer_interrupt(&kernel_hrtimers.base[cpu]);
}

void timers_idle_enter_cpu(void)
{
	struct tick_sched *ts = this_cpu_ptr(&tick_sched);
	unsigned cpu = smp_processor_id(), deps = nohz ? 0 : TICK_DEP_OFF;

	if (unlikely(!ts->wheel))
		return;
	if (softirq_pending(&kernel_softirqs, cpu))
		deps |= TICK_DEP_SOFTIRQ;
	if (kernel_rcu->cpus[cpu].head)
		deps |= TICK_DEP_RCU;
	tick_idle_enter(ts, this_rq()->clock, deps);
}

void timers_idle_exit_cpu(void)
{
	tick_idle_exit(this_cpu_ptr(&tick_sched), this_rq()->clock);
}

/* ---- the seam of time_env.h --------------------------------------------------------------------- */

void time_env_set_event(unsigned cpu, u64 expires)
{
	(void)cpu;
	if (oneshot)
		platform->event_set(expires);
}

void time_env_raise(enum time_softirq which)
{
	raise_softirq(&kernel_softirqs,
		      which == TIME_SOFTIRQ_TIMER ? TIMER_SOFTIRQ : HRTIMER_SOFTIRQ);
}

void time_env_kick(unsigned cpu)
{
	if (cpu != smp_processor_id())
		smp_send_reschedule(cpu); /* out of its halt, to look again */
}

void time_env_tick(struct tick_sched *ts)
{
	if (timers_due(&kernel_timers, ts->cpu))
		time_env_raise(TIME_SOFTIRQ_TIMER);
	tick_handle();
}

/* ---- sleeping ------------------------------------------------------------------------------------- */

u64 schedule_timeout(u64 ns)
{
	u64 end = clock_ns() + ns, now;

	schedule_timeout_jiffies(&kernel_timers,
				 (ns + kernel_timers.tick_ns - 1) / kernel_timers.tick_ns);
	now = clock_ns();
	return now < end ? end - now : 0;
}

void schedule_until(u64 deadline)
{
	if (deadline == UINT64_MAX)
		schedule();
	else
		schedule_hrtimeout_range(&kernel_hrtimers, deadline, current_timer_slack());
}

void usleep_range(u64 min, u64 max)
{
	u64 end = clock_ns() + min * NSEC_PER_USEC;

	do
		set_current_state(TASK_UNINTERRUPTIBLE);
	while (!schedule_hrtimeout_range(&kernel_hrtimers, end, (max - min) * NSEC_PER_USEC));
}

void msleep(u64 ms)
{
	usleep_range(ms * 1000, ms * 1000);
}
