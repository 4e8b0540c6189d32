/* SPDX-License-Identifier: MIT */
/*
 * costs.h - what basic services cost on this machine, in nanoseconds each: the best of some
 * batches, a few milliseconds each. 0: cannot be measured here. Thread context, IRQs on.
 */
#ifndef GUEST_KERNEL_COSTS_H
#define GUEST_KERNEL_COSTS_H

#include "guest/lib/types.h"

u64 cost_clock_read(void);
u64 cost_switch(void); /* from one thread to another on this CPU */
u64 cost_call(void);   /* a function on another CPU, until it is done; needs two */
u64 cost_cpuid(void);
u64 cost_port_read(void); /* COM1's line status */

#endif
