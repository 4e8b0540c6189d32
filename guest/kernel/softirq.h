/* SPDX-License-Identifier: MIT */
/* softirq.h - the kernel's own softirqs, and a thread ksoftirqd/N for each CPU. */
#ifndef GUEST_KERNEL_SOFTIRQ_H
#define GUEST_KERNEL_SOFTIRQ_H

#include "guest/defer/softirq.h"
#include "guest/defer/tasklet.h"
#include "guest/defer/workqueue.h"

extern struct softirqs kernel_softirqs;
extern struct tasklets kernel_tasklets;
extern struct workqueues kernel_workqueues;

/* For work of no particular kind: on the CPU that queues it; on any CPU; that computes for long. */
extern struct workqueue_struct *system_wq, *system_unbound_wq, *system_long_wq;

/* Boot CPU, before anything raises one; panics without memory. */
void softirqs_setup(unsigned cpus);

/* Starts ksoftirqd/N of the CPUs that are online, and all kworkers; thread or idle context. */
void deferred_work_start(void);

#endif
