/* SPDX-License-Identifier: MIT */
/*
 * sleep.h - tasks that wait for a time. The state is set before, as for schedule(); a wake-up by
 * somebody else, or a signal that the state lets through, ends the sleep early.
 */
#ifndef GUEST_TIME_SLEEP_H
#define GUEST_TIME_SLEEP_H

#include "guest/time/hrtimer.h"
#include "guest/time/timer.h"

/* Until `time` (ns, env_now_ns()), at most slack later. Whether the time has come. */
bool schedule_hrtimeout_range(struct hrtimers *h, u64 time, u64 slack);

/* For a timeout that mostly does not happen: by the wheel, for `jiffies` whole ones at least. The
 * number left; 0: the time has come. */
u64 schedule_timeout_jiffies(struct timers *s, u64 jiffies);

#endif
