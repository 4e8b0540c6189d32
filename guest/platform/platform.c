/* SPDX-License-Identifier: MIT */
/* platform.c - the table of platforms, and powering off. */
#include "guest/platform/platform.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/lapic.h"
#include "guest/arch/x86/percpu.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/time.h"
#include "devices/abi/acpi_pm.h"
#include "devices/abi/pc.h"

#define POWER_OFF_WAIT_US 2000000

/* The most specific first; pc takes everything. */
static const struct platform *const platforms[] = { &kvm_platform, &pc_platform };

const struct platform *platform = &pc_platform;
struct platform_names platform_names = { "none", "none", "" };
static unsigned tick_vector = VECTOR_TIMER;

void platform_detect(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(platforms); i++) {
		if (!platforms[i]->detect())
			continue;
		platform = platforms[i];
		return;
	}
}

void platform_power_off(void)
{
	u16 port = PC_PM1A_CNT_PORT;
	unsigned typ = PC_ACPI_SLP_S5;

	if (boot_info.has_s5) {
		port = boot_info.pm1a_cnt;
		typ = boot_info.s5_typ;
	} else if (!boot_info.has_fdt) {
		return; /* neither ACPI tables nor our own VMM: nobody listens at these ports */
	}
	outw(port, (u16)(typ << ACPI_PM1_SLP_TYP_SHIFT | ACPI_PM1_SLP_EN));
	/* Some machines finish the instruction stream for a while before they stop. */
	udelay(POWER_OFF_WAIT_US);
}

static void handle_tick(void *unused)
{
	(void)unused;
	tick_handle();
}

void platform_set_tick(unsigned vector, const char *name, enum irq_ack ack)
{
	tick_vector = vector;
	platform_names.tick = name;
	irq_set_handler(vector, "tick", handle_tick, NULL, ack);
}

unsigned platform_tick_vector(void)
{
	return tick_vector;
}

void platform_lapic_tick_start(u64 lapic_hz, unsigned hz)
{
	if (smp_processor_id() == 0)
		platform_set_tick(VECTOR_TIMER, "local APIC timer", IRQ_ACK_LAPIC);
	lapic_timer_periodic((u32)(lapic_hz / hz));
}
