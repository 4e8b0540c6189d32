/* SPDX-License-Identifier: MIT */
/* device.c - see device.h. */
#include "guest/drivers/device.h"
#include "guest/arch/x86/lapic.h"
#include "guest/drivers/ata.h"
#include "guest/drivers/ne2000.h"
#include "guest/drivers/virtio/virtio.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/printk.h"
#include "guest/platform/i8259.h"
#include "guest/platform/ioapic.h"
#include "guest/platform/platform.h"
#include "devices/abi/pc.h"

volatile u8 *device_map(phys_t pa)
{
	return ioremap(&kernel_mm.vmalloc, pa, PAGE_SIZE - pa % PAGE_SIZE);
}

bool device_irq(unsigned gsi, const char *name, irq_handler_fn fn, void *arg)
{
	if (lapic_present()) {
		if (gsi >= PC_IOAPIC_PINS || !boot_info.ioapic)
			return false;
		irq_set_handler(VECTOR_GSI + gsi, name, fn, arg, IRQ_ACK_LAPIC);
		ioapic_route_edge(gsi, VECTOR_GSI + gsi, lapic_id());
		return true;
	}
	if (gsi >= 16)
		return false;
	irq_set_handler(VECTOR_PIC + gsi, name, fn, arg, IRQ_ACK_PIC);
	i8259_unmask(gsi);
	return true;
}

void drivers_init(void)
{
	unsigned found = virtio_probe();

	/* A machine that says what it is has said what it has. */
	if (platform == &pc_platform)
		found += ata_probe() + ne2000_probe();
	if (!found)
		pr_info("  none found");
}
