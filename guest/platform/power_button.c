/* SPDX-License-Identifier: MIT */
/*
 * power_button.c - the fixed power button (ACPI 6.5, 4.8.3.1.1): an event of the PM1 block, told by the
 * SCI. It is the only event that is enabled, so that each press is one edge of that line.
 */
#include "devices/abi/acpi_pm.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/lapic.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/printk.h"
#include "guest/platform/ioapic.h"
#include "guest/platform/platform.h"

static void handle_sci(void *unused)
{
	u16 port = boot_info.power_button;

	(void)unused;
	if (!(inw(port + ACPI_PM1_STS) & ACPI_PM1_PWRBTN))
		return;
	outw(port + ACPI_PM1_STS, ACPI_PM1_PWRBTN);
	pr_info("power button pressed: powering off\n");
	platform_power_off();
}

void power_button_init(void)
{
	u16 port = boot_info.power_button;
	unsigned vector = VECTOR_GSI + boot_info.sci_gsi;

	if (!port || !lapic_present() || !boot_info.ioapic) {
		pr_info("  this machine has none, or no IOAPIC that would tell\n");
		return;
	}
	irq_set_handler(vector, "ACPI", handle_sci, NULL, IRQ_ACK_LAPIC);
	ioapic_route_edge(boot_info.sci_gsi, vector, lapic_id());
	/* Last: a press during the boot is still in the status, and becomes an edge now. */
	outw(port + ACPI_PM1_EN, ACPI_PM1_PWRBTN);
	pr_info("  ACPI power button, by interrupt %u\n", boot_info.sci_gsi);
}
