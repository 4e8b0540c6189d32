/* SPDX-License-Identifier: MIT */
/* tick.h - the tick's part in the process layer. */
#ifndef GUEST_PROCESS_TICK_H
#define GUEST_PROCESS_TICK_H

#include "guest/lib/types.h"

/* From the tick interrupt, IRQs off: accounts a tick to the running thread, and rings timers. */
void process_tick(bool user);

/* What a sleep may be late, to share an interrupt with others: as on Linux; and of the running task,
 * which may ask for less (prctl(2), PR_SET_TIMERSLACK). */
#define TIMER_SLACK_NS 50000
u64 current_timer_slack(void);

#endif
