/* SPDX-License-Identifier: MIT */
/*
 * costs.h - what basic services cost on this machine, in nanoseconds each: the best of some
 * batches, a few milliseconds each. 0: cannot be measured here. Thread context, IRQs on.
 */
#ifndef GUEST_KERNEL_COSTS_H
#define GUEST_KERNEL_COSTS_H

#include "guest/lib/types.h"

u64 cost_clock_read(void);
u64 cost_switch(void); /* from one thread to another on this CPU, woken for it */
/* Of that, from registers and stack of one thread to those of another: without choosing it. */
u64 cost_switch_alone(void);
u64 cost_wake_other(void); /* waking a thread on another CPU and being woken by it; needs two */
u64 cost_call(void);	   /* a function on another CPU, until it is done; needs two */
u64 cost_page(void);	   /* a page taken and freed, from this CPU's stock */
u64 cost_object(void);	   /* the same for an object of 64 bytes */
u64 cost_cpuid(void);
u64 cost_port_read(void); /* COM1's line status */

#endif
