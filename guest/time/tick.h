/* SPDX-License-Identifier: MIT */
/*
 * tick.h - the tick of a CPU, and doing without it while the CPU has nothing to do.
 *
 * The tick is a high-resolution timer that restarts itself at every multiple of tick_ns. A CPU about
 * to sleep asks for the next thing it has to do: if that is more than a tick away, the tick stops,
 * and the hardware wakes the CPU for that thing only.
 *
 * K1 the tick stays while somebody needs it (TICK_DEP_*), or the next event is within a tick. K2 a
 * stopped CPU's hardware is set to its next event, not later. K3 when the tick starts again it
 * does so at a multiple of tick_ns, and jiffies have caught up with the clock before anything
 * else looks. K4 a CPU whose last sleep was shorter than a tick keeps it for the first tick of the
 * next one: stopping and starting costs more than that.
 *
 * All calls: on the CPU itself, IRQs off.
 */
#ifndef GUEST_TIME_TICK_H
#define GUEST_TIME_TICK_H

#include "guest/time/hrtimer.h"
#include "guest/time/timer.h"

/* Why an idle CPU keeps its tick. */
#define TICK_DEP_RESCHED 0x01 /* a task waits: there will be no sleep */
#define TICK_DEP_SOFTIRQ 0x02 /* deferred work is pending */
#define TICK_DEP_RCU	 0x04 /* a grace period waits for this CPU's callbacks */
#define TICK_DEP_OFF	 0x08 /* nohz=off, or the clock cannot be relied on */
#define TICK_DEP_NEAR	 0x10 /* the next event is too near; found here */
#define TICK_DEP_SHORT	 0x20 /* K4; found here */
#define TICK_NR_DEPS	 6

struct tick_sched {
	struct hrtimer timer;
	struct hrtimer_cpu_base *hrtimers;
	struct timers *wheel;
	unsigned cpu;
	bool idle;    /* between tick_idle_enter() and tick_idle_exit() */
	bool stopped; /* no tick is coming */
	bool slept_shortly;
	u64 tick_ns;
	u64 jiffies, first_jiffy; /* up to which time_env_tick() has been told */
	u64 next_event;		  /* what a stopped CPU waits for */

	/* Numbers for a person. */
	u64 ticks;		/* interrupts for the tick */
	u64 idle_calls;		/* went idle */
	u64 idle_sleeps;	/* ... without a tick */
	u64 idle_entered;	/* ns */
	u64 idle_ns;		/* time spent idle */
	u64 kept[TICK_NR_DEPS]; /* why not, by bit of TICK_DEP_* */
};

/* Starts the tick of this CPU. */
void tick_start(struct tick_sched *ts, struct hrtimers *h, struct timers *wheel);
/* Ends it, for a CPU that goes. */
void tick_end(struct tick_sched *ts);

/*
 * The idle task is about to halt (and halts next, unless there is work after all). deps: what else
 * keeps the tick; now: about what the clock says. Returns whether the tick is stopped. Again after an interrupt that did not end the
 * idleness: the next event may have changed.
 */
bool tick_idle_enter(struct tick_sched *ts, u64 now, unsigned deps);
/* A task will run. */
void tick_idle_exit(struct tick_sched *ts, u64 now);

/* Ticks that would have come but for the idleness. */
static inline u64 tick_saved(const struct tick_sched *ts)
{
	u64 gone = ts->jiffies - ts->first_jiffy;

	return gone > ts->ticks ? gone - ts->ticks : 0;
}

/* NULL, or the broken rule. */
const char *tick_check(const struct tick_sched *ts);

#endif
