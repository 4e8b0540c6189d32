/* SPDX-License-Identifier: MIT */
/* tsc.h - the time stamp counter as a clock. */
#ifndef GUEST_PLATFORM_TSC_H
#define GUEST_PLATFORM_TSC_H

#include "guest/lib/types.h"

/* Registers the TSC, running at hz, as the clock. */
void tsc_clock_register(u64 hz);

#endif
