/* SPDX-License-Identifier: MIT */
/* time.c - clock reading and the periodic tick. */
#include "guest/kernel/time.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/percpu.h"
#include "guest/kernel/sched.h"
#include "guest/lib/atomic.h"
#include "guest/lib/math.h"

unsigned tick_hz = 100;

static const struct clocksource *source;
static u64 clock_base;
static u64 entry_tsc, register_tsc; /* TSC at kernel entry and in clock_register() */
static u64 clock_last; /* the largest value returned, when may_step_back */
static DEFINE_PER_CPU(u64, nr_ticks);

void clock_register(const struct clocksource *cs)
{
	clock_base = cs->read_ns();
	register_tsc = rdtsc();
	source = cs;
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
		return 0;
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

void clock_mark_entry(void)
{
	entry_tsc = rdtsc();
}

u64 clock_since_entry_ns(void)
{
	u64 tsc = rdtsc();

	/* The TSC's rate follows from how far clock and TSC have come together since. */
	return mul_u64_u64_div_u64(clock_ns(), tsc - entry_tsc, MAX(tsc - register_tsc, 1UL));
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
	sched_tick(clock_ns());
}

u64 tick_count(unsigned cpu)
{
	return READ_ONCE(per_cpu(nr_ticks, cpu));
}
