/* SPDX-License-Identifier: MIT */
/* irqchip.c - see irqchip.h. */
#include "vmm/irqchip.h"

#include <errno.h>
#include <string.h>

#include "devices/ioapic.h"
#include "vmm/kvm.h"

#define MSI_DATA_LEVEL (1u << 15)

#define PIC_PINS       8
#define PIT_GSI	       0
#define PIT_IOAPIC_PIN 2

/*
 * The wiring of a PC: inputs 0..15 reach both the PIC pair and the IOAPIC, the others the IOAPIC
 * alone; the PIT's output arrives at IOAPIC pin 2, as the MADT's override says. (KVM's own default
 * leads it to pin 0.)
 */
static int wire_pc(int vm)
{
	struct kvm_irq_routing_entry entry[2 * PIC_PINS + PC_IOAPIC_PINS] = { 0 };
	u32 nr = 0;

	for (u32 gsi = 0; gsi < PC_IOAPIC_PINS; gsi++) {
		struct kvm_irq_routing_entry *r = &entry[nr];

		/* Pin 2 of the PIC is the cascade, and the PIT took IOAPIC pin 2. */
		if (gsi < 2 * PIC_PINS && gsi != PIT_IOAPIC_PIN) {
			r->gsi = gsi;
			r->type = KVM_IRQ_ROUTING_IRQCHIP;
			r->u.irqchip.irqchip =
				gsi < PIC_PINS ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
			r->u.irqchip.pin = gsi % PIC_PINS;
			nr++;
			r++;
		}
		if (gsi == PIT_IOAPIC_PIN)
			continue;
		r->gsi = gsi;
		r->type = KVM_IRQ_ROUTING_IRQCHIP;
		r->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		r->u.irqchip.pin = gsi == PIT_GSI ? PIT_IOAPIC_PIN : gsi;
		nr++;
	}
	return kvm_set_gsi_routing(vm, entry, nr);
}

int irqchip_init(struct irqchip *ic, int vm, enum irqchip_mode mode, struct error *e)
{
	int err;

	memset(ic, 0, sizeof(*ic));
	ic->vm = vm;
	ic->mode = mode;
	pthread_mutex_init(&ic->lock, NULL);
	if (mode == IRQCHIP_SPLIT) {
		err = kvm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, PC_IOAPIC_PINS);
		if (err)
			return error_sys(e, err,
					 "this KVM has no split irqchip (try --irqchip kernel)");
		return 0;
	}
	err = kvm_create_irqchip(vm);
	if (err)
		return error_sys(e, err, "KVM_CREATE_IRQCHIP");
	err = kvm_create_pit2(vm);
	if (err)
		return error_sys(e, err, "KVM_CREATE_PIT2");
	err = wire_pc(vm);
	return err ? error_sys(e, err, "KVM_SET_GSI_ROUTING") : 0;
}

void irqchip_destroy(struct irqchip *ic)
{
	pthread_mutex_destroy(&ic->lock);
}

int irqchip_reset(struct irqchip *ic, const struct irqchip *from)
{
	struct kvm_pit_state2 pit;
	int err = 0;

	/* Split: the IOAPIC is a device, and the local APICs are the vCPUs'. */
	if (ic->mode == IRQCHIP_SPLIT)
		return 0;
	for (u32 id = KVM_IRQCHIP_PIC_MASTER; !err && id <= KVM_IRQCHIP_IOAPIC; id++) {
		struct kvm_irqchip chip = { .chip_id = id };

		err = kvm_get_irqchip(from->vm, &chip);
		if (!err)
			err = kvm_set_irqchip(ic->vm, &chip);
	}
	if (!err)
		err = kvm_get_pit2(from->vm, &pit);
	return err ? err : kvm_set_pit2(ic->vm, &pit);
}

void irqchip_set_ioapic(struct irqchip *ic, struct device *ioapic)
{
	ic->ioapic = ioapic;
}

static void kernel_line_set(void *ctx, u32 gsi, int level)
{
	struct irqchip *ic = ctx;

	kvm_irq_line(ic->vm, gsi, level);
}

struct irq_line irqchip_line(struct irqchip *ic, u32 gsi)
{
	if (ic->mode == IRQCHIP_SPLIT)
		return (struct irq_line){ .set = ioapic_set_irq, .ctx = ic->ioapic, .gsi = gsi };
	return (struct irq_line){ .set = kernel_line_set, .ctx = ic, .gsi = gsi };
}

void irqchip_eoi(struct irqchip *ic, u8 vector)
{
	if (ic->ioapic)
		ioapic_eoi(ic->ioapic, vector);
}

void irqchip_msi_send(struct irqchip *ic, u64 addr, u32 data)
{
	kvm_signal_msi(ic->vm, addr, data);
}

/* Hands all 24 routes to KVM. Caller holds ic->lock. */
static int push_routes(struct irqchip *ic)
{
	struct kvm_irq_routing_entry entry[PC_IOAPIC_PINS] = { 0 };

	for (u32 i = 0; i < PC_IOAPIC_PINS; i++) {
		entry[i].gsi = i;
		entry[i].type = KVM_IRQ_ROUTING_MSI;
		entry[i].u.msi.address_lo = (u32)ic->route[i].addr;
		entry[i].u.msi.address_hi = (u32)(ic->route[i].addr >> 32);
		entry[i].u.msi.data = ic->route[i].data;
	}
	return kvm_set_gsi_routing(ic->vm, entry, PC_IOAPIC_PINS);
}

void irqchip_msi_route(struct irqchip *ic, u32 gsi, u64 addr, u32 data)
{
	bool needed;

	if (gsi >= PC_IOAPIC_PINS)
		return;
	pthread_mutex_lock(&ic->lock);
	if (ic->route[gsi].addr != addr || ic->route[gsi].data != data) {
		/*
		 * A new table makes KVM wait for every vCPU to leave the old one, so it is handed
		 * over only when KVM acts on it: for a level-triggered pin, whose end of interrupt
		 * must come back here, and for a pin that an irqfd feeds.
		 */
		needed = ((ic->route[gsi].data | data) & MSI_DATA_LEVEL) || ic->route[gsi].wired;
		ic->route[gsi].addr = addr;
		ic->route[gsi].data = data;
		if (needed)
			push_routes(ic);
	}
	pthread_mutex_unlock(&ic->lock);
}

int irqchip_irqfd(struct irqchip *ic, int eventfd, u32 gsi, bool attach)
{
	int err;

	if (gsi >= PC_IOAPIC_PINS)
		return -EINVAL;
	if (ic->mode == IRQCHIP_SPLIT && attach) {
		pthread_mutex_lock(&ic->lock);
		ic->route[gsi].wired = true;
		err = push_routes(ic);
		pthread_mutex_unlock(&ic->lock);
		if (err)
			return err;
	}
	return kvm_irqfd(ic->vm, eventfd, gsi, attach);
}
