/* SPDX-License-Identifier: MIT */
/*
 * ioapic.h - 24-pin I/O APIC in user space, for KVM's split irqchip (Intel 82093AA data sheet).
 *
 * Version 0x20, with the EOI register: in split mode KVM's local APIC offers directed EOI when the
 * guest has x2APIC, and a guest that uses it has no other way to end a level interrupt.
 * Pin n is GSI n. A line's level 1 means asserted, whatever the entry's polarity bit says.
 *
 * Rule A1: a level pin (fixed or lowest-priority mode) that is asserted, unmasked and has no
 *          remote IRR is delivered, and then has it. EOI clears it, and the rule applies again.
 * Rule A2: an edge on a masked pin is lost (data sheet 3.2.4, bit 16; in-kernel KVM does the same).
 * Rule A3: remote IRR falls when an entry is written as edge-triggered. The data sheet is silent;
 *          guests rely on it to end interrupts on I/O APICs without the EOI register.
 * Rule A4: env->msi_route() hears of every change of the message of a pin that is unmasked or
 *          level-triggered, before a level message goes out; the route of a masked edge pin
 *          keeps its last value.
 */
#ifndef DEVICES_IOAPIC_H
#define DEVICES_IOAPIC_H

#include "devices/device.h"

extern const struct device_class ioapic_class;

/* mmio: PC_IOAPIC_LEN bytes. id: as in the MADT, 0..15. NULL when out of memory. */
struct device *ioapic_create(const struct dev_env *env, const struct dev_range *mmio, u8 id);

/* The end of an interrupt's service, as told by KVM_EXIT_IOAPIC_EOI. Any vCPU thread. */
void ioapic_eoi(struct device *dev, u8 vector);

/* irq_line.set: ioapic is the struct device. Any thread. Unknown pins are ignored. */
void ioapic_set_irq(void *ioapic, u32 gsi, int level);

#endif
