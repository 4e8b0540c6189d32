/* SPDX-License-Identifier: MIT */
/*
 * device.h - what drivers need of the machine around them: registers, interrupts, and the boot step
 * that finds devices. A machine that describes itself (device tree) is believed; on a plain PC
 * the places where hardware has always been are looked at.
 */
#ifndef GUEST_DRIVERS_DEVICE_H
#define GUEST_DRIVERS_DEVICE_H

#include "guest/kernel/irq.h"
#include "guest/lib/types.h"

/* Boot step: finds devices and starts their drivers. Thread context is not needed, IRQs on. */
void drivers_init(void);

/* Maps one page of device registers, uncached; NULL without memory. Boot context. */
volatile u8 *device_map(phys_t pa);

/*
 * Sends input gsi, an edge, to this CPU, where fn is called. False: this machine has no such input.
 * Boot context.
 */
bool device_irq(unsigned gsi, const char *name, irq_handler_fn fn, void *arg);

#endif
