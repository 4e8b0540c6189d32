/* SPDX-License-Identifier: MIT */
/*
 * hotplug.h - CPUs that go and come back while the kernel runs.
 *
 * H1 nothing is lost when a CPU goes: its tasks, also those bound to it, run elsewhere meanwhile; its
 * timers, its RCU callbacks and its device interrupts go to the CPU that sends it away. H2 who was
 * bound to it goes back when it next wakes after the CPU has come back. H3 its own threads (rcu/N,
 * ksoftirqd/N) stand aside.
 */
#ifndef GUEST_KERNEL_HOTPLUG_H
#define GUEST_KERNEL_HOTPLUG_H

#include "guest/lib/errno.h"
#include "guest/lib/types.h"

/* 0; -EINVAL: not there or gone already; -EBUSY: the boot CPU stays. Sleeps; thread context. */
int cpu_down(unsigned cpu);
/* 0; -EINVAL: not there, or online; -EIO: it does not come. Sleeps; thread context. */
int cpu_up(unsigned cpu);
/* Whichever of the two is needed; 0 also when neither is, whoever else asks at the same time. */
int cpu_set_online(unsigned cpu, bool on);

/* The idle task looks here before it halts, IRQs off: this CPU is to go, and does not return. */
void hotplug_idle(void);

#endif
