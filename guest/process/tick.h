/* SPDX-License-Identifier: MIT */
/* tick.h - the tick's part in the process layer. */
#ifndef GUEST_PROCESS_TICK_H
#define GUEST_PROCESS_TICK_H

#include "guest/lib/types.h"

/* From the tick interrupt, IRQs off: accounts a tick to the running thread, and rings timers. */
void process_tick(bool user);

#endif
