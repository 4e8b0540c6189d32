/* SPDX-License-Identifier: MIT */
/*
 * timers.h - the kernel's own timers, wheel and ticks: guest/time with real clock events, and the
 * softirqs that serve them. nohz=off keeps idle CPUs ticking; highres=off leaves the clock event
 * periodic, so that all timers wait for the tick.
 */
#ifndef GUEST_KERNEL_TIMERS_H
#define GUEST_KERNEL_TIMERS_H

#include "guest/arch/x86/percpu.h"
#include "guest/time/sleep.h"
#include "guest/time/tick.h"
#include "guest/time/time_env.h"

extern struct hrtimers kernel_hrtimers;
extern struct timers kernel_timers;
DECLARE_PER_CPU(struct tick_sched, tick_sched);

/* Makes them for so many CPUs; before the scheduler, whose timers they carry. Panics without memory. */
void timers_setup(unsigned cpus);
/* Starts this CPU's clock event and tick; IRQs off. */
void timers_start_cpu(void);

/* Whether idle CPUs stop their ticks. */
bool timers_tickless(void);

/* The clock event's interrupt. IRQs off. */
void timers_interrupt(void);

/* The idle task is about to halt, and a task takes its CPU. IRQs off. */
void timers_idle_enter_cpu(void);
void timers_idle_exit_cpu(void);

/* The scheduler's own timer of a CPU has been set from elsewhere; IRQs off. In ring0_sched.c. */
void sched_timer_changed(void);
void sched_timer_init_cpu(unsigned cpu);

#define jiffies() timers_jiffies(&kernel_timers)

#endif
