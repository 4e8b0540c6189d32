/* SPDX-License-Identifier: MIT */
/* i8254.h - the PC's interval timer, channel 0 (Intel 8254 data sheet): yardstick and spare tick. */
#ifndef GUEST_PLATFORM_I8254_H
#define GUEST_PLATFORM_I8254_H

#include "guest/lib/types.h"

/* Whether a counter counts there at all. Leaves channel 0 in one-shot mode. */
bool i8254_present(void);

/* Starts channel 0 as a one-shot of `ticks` (at most 65535): it interrupts once at zero and counts
 * on through 65535, so that differences of i8254_read() stay right for 55 ms. */
void i8254_one_shot(u16 ticks);

/* The counter now: it counts down, PC_PIT_HZ a second. */
u16 i8254_read(void);

/* Interrupts hz times a second. 19 <= hz. */
void i8254_periodic(unsigned hz);

#endif
