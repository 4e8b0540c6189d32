/* SPDX-License-Identifier: MIT */
/* irq_threads.h - interrupts whose work is done by a thread: guest/defer/irq_thread.h on a vector. */
#ifndef GUEST_KERNEL_IRQ_THREADS_H
#define GUEST_KERNEL_IRQ_THREADS_H

#include "guest/defer/irq_thread.h"
#include "guest/kernel/irq.h"

/*
 * Gives a free vector to t, whose functions, argument and line the caller has filled in, and to a
 * thread irq/VECTOR-NAME, FIFO of priority 50 (sched(7): below what watches it, above what
 * computes). 0, -EINVAL as irq_thread_init(), -ENOMEM. t stays the caller's and has to stay.
 */
int request_threaded_irq(unsigned vector, const char *name, struct irq_thread *t, enum irq_ack ack);

/* Takes the vector back; afterwards neither function runs. The device is quiet. May sleep. */
void free_threaded_irq(unsigned vector, struct irq_thread *t);

#endif
