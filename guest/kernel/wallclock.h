/* SPDX-License-Identifier: MIT */
/* wallclock.h - the time of day: read once from the CMOS clock, then carried on by clock_ns(). */
#ifndef GUEST_KERNEL_WALLCLOCK_H
#define GUEST_KERNEL_WALLCLOCK_H

#include "guest/lib/types.h"

/* Reads the CMOS clock (MC146818A data sheet); without a believable one time starts at 0. Boot. */
void wallclock_init(void);

/* Since 1970-01-01 00:00:00 UTC. Any context. */
u64 wallclock_ns(void);

/* What wallclock_ns() is ahead of clock_ns(), and a new time of day. Any context. */
u64 wallclock_offset(void);
void wallclock_set(u64 ns);

#endif
