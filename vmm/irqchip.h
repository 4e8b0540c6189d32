/* SPDX-License-Identifier: MIT */
/*
 * irqchip.h - who answers interrupt lines: KVM's full PIC/IOAPIC/PIT, or the split irqchip with the
 * local APICs in the kernel and the IOAPIC in devices/ioapic.c.
 */
#ifndef VMM_IRQCHIP_H
#define VMM_IRQCHIP_H

#include <pthread.h>

#include "base/error.h"
#include "devices/abi/pc.h"
#include "devices/device.h"
#include "vmm/config.h"

struct irqchip {
	int vm;
	enum irqchip_mode mode; /* never IRQCHIP_AUTO */
	struct device *ioapic;	/* split only */

	pthread_mutex_t lock; /* guards the routes */
	struct {
		u64 addr;
		u32 data;
		bool wired; /* an irqfd feeds this pin: KVM needs its route whatever it is */
	} route[PC_IOAPIC_PINS];
};

/* Creates the in-kernel part; before the vCPUs. 0 or -errno with e filled. */
int irqchip_init(struct irqchip *ic, int vm, enum irqchip_mode mode, struct error *e);
void irqchip_destroy(struct irqchip *ic);

/*
 * Back to power-on, while the vCPUs stand still; from is one of the same mode that nobody has
 * used. Devices keep their lines. 0 or -errno.
 */
int irqchip_reset(struct irqchip *ic, const struct irqchip *from);

/* Split only: the IOAPIC device that irqchip_line()'s lines lead to. */
void irqchip_set_ioapic(struct irqchip *ic, struct device *ioapic);

/* The line of a GSI (0..23), to be handed to a device. */
struct irq_line irqchip_line(struct irqchip *ic, u32 gsi);

/* From the vCPU that signalled the end of a level-triggered interrupt. */
void irqchip_eoi(struct irqchip *ic, u8 vector);

/* struct dev_env services for the IOAPIC. */
void irqchip_msi_send(struct irqchip *ic, u64 addr, u32 data);
void irqchip_msi_route(struct irqchip *ic, u32 gsi, u64 addr, u32 data);

/* Lets the kernel raise gsi whenever eventfd is signalled, with no VMM thread in between. */
int irqchip_irqfd(struct irqchip *ic, int eventfd, u32 gsi, bool attach);

#endif
