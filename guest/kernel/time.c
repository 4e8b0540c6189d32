/* SPDX-License-Identifier: MIT */
/* time.c - clock reading and the periodic tick. */
#include "guest/kernel/time.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/percpu.h"
#include "guest/kernel/cputime.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/rcu.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/watchdog.h"
#include "guest/process/tick.h"
#include "guest/lib/atomic.h"
#include "guest/lib/math.h"

unsigned tick_hz = 100;

static const struct clocksource *source;
static u64 clock_base; /* what the source would have said at kernel entry */
static u64 clock_last; /* the largest value returned, when may_step_back */
static u64 entry_tsc, hint_khz, rate;
static DEFINE_PER_CPU(u64, nr_ticks);

void clock_mark_entry(void)
{
	entry_tsc = rdtsc();
}

void clock_hint_tsc_khz(u64 khz)
{
	hint_khz = khz;
}

void clock_register(const struct clocksource *cs, u64 tsc_hz)
{
	u64 since_entry = mul_u64_u64_div_u64(rdtsc() - entry_tsc, NSEC_PER_SEC, tsc_hz);

	clock_base = cs->read_ns() - since_entry;
	source = cs;
	rate = tsc_hz;
}

u64 clock_tsc_hz(void)
{
	return rate;
}

const struct clocksource *clock_source(void)
{
	return source;
}

u64 clock_ns(void)
{
	const struct clocksource *cs = source;
	u64 now, last;

	if (!cs)
		return hint_khz ? mul_u64_u64_div_u64(rdtsc() - entry_tsc, 1000000, hint_khz) : 0;
	now = cs->read_ns() - clock_base;
	if (!cs->may_step_back)
		return now;
	last = READ_ONCE(clock_last);
	do {
		if (now <= last)
			return last;
	} while (!try_cmpxchg(&clock_last, &last, now));
	return now;
}

void udelay(u64 us)
{
	u64 end = clock_ns() + us * NSEC_PER_USEC;

	while (clock_ns() < end)
		cpu_relax();
}

void tick_handle(void)
{
	this_cpu_inc64(nr_ticks);
	process_tick(irq_regs() && user_mode(irq_regs()));
	cputime_tick(irq_regs() && user_mode(irq_regs()));
	sched_tick();
	rcu_tick(preempt_count() == HARDIRQ_OFFSET);
	watchdog_tick(preempt_count() == HARDIRQ_OFFSET);
}

u64 tick_count(unsigned cpu)
{
	return READ_ONCE(per_cpu(nr_ticks, cpu));
}
