/* SPDX-License-Identifier: MIT */
/*
 * irq.h - from a vector to a handler, with counts per CPU.
 *
 * Vectors as in Linux: 0x20..0x2f the 8259 pair, 0x30.. one for each IOAPIC input, the highest for
 * the local APIC and for messages between CPUs.
 */
#ifndef GUEST_KERNEL_IRQ_H
#define GUEST_KERNEL_IRQ_H

#include "guest/arch/x86/ptrace.h"
#include "guest/lib/types.h"

#define VECTOR_PIC	     0x20
#define VECTOR_GSI	     0x30
#define VECTOR_TIMER	     0xec
#define VECTOR_HOST_PAGE     0xf3
#define VECTOR_CALL_FUNCTION 0xfb
#define VECTOR_RESCHEDULE    0xfd
#define VECTOR_ERROR	     0xfe
#define VECTOR_SPURIOUS	     0xff

/* The handler runs with IRQs off; it does not acknowledge, irq_dispatch() does. */
typedef void (*irq_handler_fn)(void *arg);

/* How an interrupt is acknowledged at the controller that delivered it. */
enum irq_ack { IRQ_ACK_LAPIC, IRQ_ACK_PIC, IRQ_ACK_NONE };

/* Names a vector and gives it a handler. The vector must be free (or asked for again with NULL to
 * take the handler away). Boot context. */
void irq_set_handler(unsigned vector, const char *name, irq_handler_fn fn, void *arg,
		     enum irq_ack ack);

/* Called by trap_entry() only. */
void irq_dispatch(struct pt_regs *regs);

/* What the interrupt in service interrupted; NULL outside of one. */
const struct pt_regs *irq_regs(void);

/* What it was named; NULL: nobody has asked for it. */
const char *irq_name(unsigned vector);

/* How often a vector has fired on a CPU. */
u64 irq_count(unsigned vector, unsigned cpu);

#endif
