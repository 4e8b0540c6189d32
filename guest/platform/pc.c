/* SPDX-License-Identifier: MIT */
/*
 * pc.c - the plain PC: every device is (or looks like) hardware, and what nobody tells must be
 * measured. Without a local APIC the 8259 and the PIT do all the work, for one CPU.
 */
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/lapic.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/time.h"
#include "guest/lib/env.h"
#include "guest/platform/calibrate.h"
#include "guest/platform/i8254.h"
#include "guest/platform/i8259.h"
#include "guest/platform/ioapic.h"
#include "guest/platform/platform.h"
#include "guest/platform/tsc.h"

static u64 lapic_hz; /* 0: tick by the PIT */

static bool pc_detect(void)
{
	return true;
}

static void handle_nothing(void *unused)
{
	(void)unused; /* the calibration only wants to be woken */
}

static unsigned pit_vector(void)
{
	return lapic_present() ? VECTOR_GSI + boot_info.isa_irq0_gsi : VECTOR_PIC;
}

static void pc_irqchip_init(void)
{
	/* Moved away and masked even when unused: its power-up vectors are the exceptions'. */
	i8259_init();
	if (cpu_features.apic) {
		lapic_setup();
		ioapic_route_edge(boot_info.isa_irq0_gsi, pit_vector(), lapic_id());
		platform_names.irqchip = "local APIC + IOAPIC, 8259 masked";
		pr_info("  8259 pair masked; local APIC (%s) and IOAPIC at %#lx in use\n",
			lapic_mode(), boot_info.ioapic);
	} else {
		i8259_unmask(0);
		platform_names.irqchip = "8259 pair";
		pr_info("  8259 pair at vector %#x; this CPU has no local APIC\n", VECTOR_PIC);
	}
}

static void pc_clock_init(void)
{
	struct calibration c = {
		.tsc_hz = (boot_info.tsc_khz ? boot_info.tsc_khz : cpu_features.tsc_khz) * 1000ULL,
		.lapic_hz = boot_info.lapic_khz * 1000ULL,
	};
	const char *how = "as told by the loader";

	irq_set_handler(pit_vector(), "PIT", handle_nothing, NULL,
			lapic_present() ? IRQ_ACK_LAPIC : IRQ_ACK_PIC);
	if (!c.tsc_hz || (lapic_present() && !c.lapic_hz)) {
		if (calibrate_by_pit(&c))
			how = "measured against the PIT";
		else if (calibrate_by_pm_timer(&c))
			how = "measured against the ACPI PM timer";
		else
			env_panic(
				__FILE__, __LINE__,
				"no clock: nobody tells the TSC's rate, and neither PIT nor PM timer runs");
	}
	if (lapic_present())
		ioapic_mask(boot_info.isa_irq0_gsi); /* the PIT has done its part */
	tsc_clock_register(c.tsc_hz);
	lapic_hz = c.lapic_hz;
	pr_info("  TSC %lu.%03lu MHz, local APIC timer %lu.%03lu MHz, %s\n", c.tsc_hz / 1000000,
		c.tsc_hz / 1000 % 1000, c.lapic_hz / 1000000, c.lapic_hz / 1000 % 1000, how);
}

static bool pc_event_start(unsigned hz, bool periodic)
{
	if (lapic_hz)
		return platform_lapic_event_start(lapic_hz, hz, periodic);
	irq_set_handler(pit_vector(), NULL, NULL, NULL, IRQ_ACK_NONE);
	platform_set_tick(pit_vector(), "PIT", IRQ_ACK_PIC);
	i8254_periodic(hz);
	return false; /* setting it takes three exits: not worth it */
}

const struct platform pc_platform = {
	.name = "pc",
	.description = "a PC: everything is hardware, or looks like it",
	.detect = pc_detect,
	.irqchip_init = pc_irqchip_init,
	.clock_init = pc_clock_init,
	.event_start = pc_event_start,
	.event_set = platform_lapic_event_set,
};
