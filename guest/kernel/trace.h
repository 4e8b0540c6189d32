/* SPDX-License-Identifier: MIT */
/*
 * trace.h - events for whoever watches from outside (devices/abi/trace.h): with the word `trace`, once
 * trace_start() has run. Otherwise a place that could tell something tests one word that is never set.
 */
#ifndef GUEST_KERNEL_TRACE_H
#define GUEST_KERNEL_TRACE_H

#include "guest/lib/types.h"
#include "devices/abi/trace.h"

extern bool trace_on; /* written at boot only */

/* Appends to this CPU's ring. Any context but NMI. */
void trace_record(enum trace_type type, u32 value, u64 arg0, u64 arg1);
void trace_record_text(enum trace_type type, u32 value, const char *text);

static inline void trace(enum trace_type type, u32 value, u64 arg0, u64 arg1)
{
	if (unlikely(trace_on))
		trace_record(type, value, arg0, arg1);
}

/* text may be NULL. */
static inline void trace_text(enum trace_type type, u32 value, const char *text)
{
	if (unlikely(trace_on))
		trace_record_text(type, value, text);
}

/* If the command line says so: rings for the CPUs that are online, announced. Boot CPU, after smp_boot(). */
void trace_start(void);

#endif
