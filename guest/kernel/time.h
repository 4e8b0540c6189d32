/* SPDX-License-Identifier: MIT */
/* time.h - the clock (one source, chosen by the platform) and the tick that drives preemption. */
#ifndef GUEST_KERNEL_TIME_H
#define GUEST_KERNEL_TIME_H

#include "guest/lib/types.h"

#define NSEC_PER_SEC  1000000000UL
#define NSEC_PER_MSEC 1000000UL
#define NSEC_PER_USEC 1000UL

struct clocksource {
	const char *name;
	u64 (*read_ns)(void); /* any context; need not start at zero */
	bool may_step_back;   /* CPUs may disagree: reads are made monotonic by a shared maximum */
};

/* From now on clock_ns() counts from 0 with this source. Once, on the boot CPU. */
void clock_register(const struct clocksource *cs);

/* Monotonic nanoseconds since clock_register(); 0 before it. Any context, any CPU. */
u64 clock_ns(void);

const struct clocksource *clock_source(void);

/* Called first of all; clock_since_entry_ns() then tells the whole time since, early boot too. */
void clock_mark_entry(void);
u64 clock_since_entry_ns(void);

/* Spins. For hardware that needs a pause, not for waiting (see schedule_timeout()). */
void udelay(u64 us);

/* Called on every CPU by its tick interrupt, IRQs off. */
void tick_handle(void);

/* Ticks per second, and how many this CPU has seen. */
extern unsigned tick_hz;
u64 tick_count(unsigned cpu);

#endif
