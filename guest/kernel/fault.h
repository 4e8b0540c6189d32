/* SPDX-License-Identifier: MIT */
/*
 * fault.h - fault=NAME: things that go wrong on purpose, to see that the watchdogs tell. Each fault is
 * over once it has been reported, and the kernel goes on.
 */
#ifndef GUEST_KERNEL_FAULT_H
#define GUEST_KERNEL_FAULT_H

#include "guest/lib/types.h"

/*
 * Commits the fault and waits for its report. The status for the machine: 0 reported as it should
 * be, 1 not, 2 no such fault or not with this number of CPUs. Thread context.
 */
u8 fault_run(const char *name);

/* Hooks: whether a message to this CPU, or its timer's interrupt, gets lost. Any context. */
bool fault_loses_ipi(unsigned cpu);
bool fault_loses_timer(unsigned cpu);

#endif
