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

/* First of all at boot: the moment that clock_ns() counts from. */
void clock_mark_entry(void);

/* The TSC's rate, when somebody tells it before there is a clock: early log lines get a time. */
void clock_hint_tsc_khz(u64 khz);

/*
 * From now on clock_ns() asks this source. tsc_hz says how long ago the kernel was entered. Once, on
 * the boot CPU.
 */
void clock_register(const struct clocksource *cs, u64 tsc_hz);

/*
 * Nanoseconds since kernel entry; monotonic from clock_register() on. Before it: by the hinted rate,
 * or 0 without one. Any context, any CPU.
 */
u64 clock_ns(void);

/* The TSC's rate as clock_register() was told; 0 before. */
u64 clock_tsc_hz(void);

const struct clocksource *clock_source(void);

/* Spins. For hardware that needs a pause, not for waiting (see schedule_timeout()). */
void udelay(u64 us);

/* Called on every CPU by its tick, IRQs off. An idle CPU may have none. */
void tick_handle(void);

/* Ticks per second, and how many this CPU has seen. */
extern unsigned tick_hz;
u64 tick_count(unsigned cpu);

#endif
