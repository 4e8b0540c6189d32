/* SPDX-License-Identifier: MIT */
/* irq_affinity.h - which CPU a device's interrupt goes to: inputs of the IOAPIC, vectors VECTOR_GSI and up. */
#ifndef GUEST_KERNEL_IRQ_AFFINITY_H
#define GUEST_KERNEL_IRQ_AFFINITY_H

#include "guest/kernel/irq.h"
#include "guest/lib/errno.h"

/*
 * From now on the interrupt goes to an online CPU of the mask, the one with the fewest device interrupts
 * routed to it. 0; -EINVAL: none of them is online; -EOPNOTSUPP: no such input. One that was sent
 * before may still arrive where it went. Any context.
 */
int irq_set_affinity(unsigned vector, const u64 *mask);

/* What its driver would like, for whoever distributes interrupts; NULL: does not matter. The mask must
 * stay. 0 or -EOPNOTSUPP. */
int irq_set_affinity_hint(unsigned vector, const u64 *mask);
const u64 *irq_affinity_hint(unsigned vector);

/* The CPU it goes to; -EOPNOTSUPP: no such input, or nobody has routed it. */
int irq_effective_cpu(unsigned vector);

/* The CPU goes offline: its interrupts go elsewhere, within their masks if possible. */
void irq_leave_cpu(unsigned cpu);

#endif
