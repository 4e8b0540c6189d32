/* SPDX-License-Identifier: MIT */
/*
 * time_env.h - the third seam: what timers ask of the machine. Chosen by linking, like env.h, which
 * goes with it and has the clock (env_now_ns()).
 *
 * In return the environment calls, on the CPU concerned, IRQs off:
 *	hrtimer_interrupt()	at or after the time of time_env_set_event()
 *	hrtimer_run_softirq(), timer_run_softirq()
 *				soon after time_env_raise(), IRQs on, preemption off
 */
#ifndef GUEST_TIME_TIME_ENV_H
#define GUEST_TIME_TIME_ENV_H

#include "guest/lib/types.h"

struct tick_sched;

/*
 * The next clock event of this CPU, ns of env_now_ns(); a time that has passed brings it at once,
 * UINT64_MAX none at all. Replaces what was asked for before. IRQs off.
 */
void time_env_set_event(unsigned cpu, u64 expires);

/* Asks for one of the two functions above on this CPU. IRQs off. */
enum time_softirq { TIME_SOFTIRQ_HRTIMER, TIME_SOFTIRQ_TIMER };
void time_env_raise(enum time_softirq which);

/* Another CPU, which may sleep without a tick, has got an earlier timer: it shall look again. */
void time_env_kick(unsigned cpu);

/* One tick of this CPU, in the clock interrupt, after ts->jiffies has moved on. */
void time_env_tick(struct tick_sched *ts);

#endif
