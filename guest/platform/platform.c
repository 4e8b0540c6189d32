/* SPDX-License-Identifier: MIT */
/* platform.c - the table of platforms, and powering off. */
#include "guest/platform/platform.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/fixmap.h"
#include "guest/arch/x86/lapic.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/percpu.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/time.h"
#include "guest/kernel/timers.h"
#include "guest/lib/cmdline.h"
#include "guest/lib/math.h"
#include "guest/lib/string.h"
#include "devices/abi/acpi_pm.h"
#include "devices/abi/pc.h"

#define POWER_OFF_WAIT_US 2000000

/* The sleep control register of hardware-reduced ACPI (ACPI 6.5, 4.8.3.7). */
#define SLEEP_TYP_SHIFT 2
#define SLEEP_EN	0x20

/* The most specific first; pc takes everything. */
static const struct platform *const platforms[] = { &kvm_platform, &pc_platform };

const struct platform *platform = &pc_platform;
struct platform_names platform_names = { "none", "none", "" };

void platform_detect(void)
{
	char wish[32];
	bool wished = cmdline_str(boot_info.cmdline, "platform", wish, sizeof(wish)) >= 0;

	for (size_t i = 0; i < ARRAY_SIZE(platforms); i++) {
		if (wished && strcmp(platforms[i]->name, wish) != 0)
			continue;
		if (!platforms[i]->detect())
			continue;
		platform = platforms[i];
		return;
	}
	/* pc is always there, so this was a wish. */
	pr_err("platform=%s: not this machine, or no such platform (kvm, pc); pc is used", wish);
	platform = &pc_platform;
}

void platform_power_off(void)
{
	u16 port = PC_PM1A_CNT_PORT;
	unsigned typ = PC_ACPI_SLP_S5;

	if (boot_info.has_s5 && boot_info.sleep_cnt) {
		if (!kernel_pt.root)
			return;
		*(volatile u8 *)fixmap_set(FIX_SLEEP, boot_info.sleep_cnt) =
			(u8)(boot_info.s5_typ << SLEEP_TYP_SHIFT | SLEEP_EN);
		udelay(POWER_OFF_WAIT_US);
		return;
	}
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

static void handle_event(void *unused)
{
	(void)unused;
	timers_interrupt();
}

void platform_set_tick(unsigned vector, const char *name, enum irq_ack ack)
{
	platform_names.tick = name;
	irq_set_handler(vector, "clock event", handle_event, NULL, ack);
}

/* ---- the local APIC's timer ----------------------------------------------------------------------- */

#define NS_SHIFT 32

static u64 counts_for_ns; /* with NS_SHIFT bits of fraction, rounded up: never early */
static u64 longest_ns;	  /* that the counter holds; what is later is asked for again */

bool platform_lapic_event_start(u64 lapic_hz, unsigned hz, bool periodic)
{
	if (smp_processor_id() == 0) {
		platform_set_tick(VECTOR_TIMER,
				  periodic ? "local APIC timer, periodic"
					   : "local APIC timer, one-shot",
				  IRQ_ACK_LAPIC);
		counts_for_ns = (lapic_hz << NS_SHIFT) / NSEC_PER_SEC + 1;
		longest_ns = UINT32_MAX * NSEC_PER_SEC / lapic_hz;
	}
	if (periodic)
		lapic_timer_periodic((u32)(lapic_hz / hz));
	else
		lapic_timer_one_shot();
	return !periodic;
}

void platform_lapic_event_set(u64 expires)
{
	u64 now, ns;

	if (expires == UINT64_MAX) {
		lapic_timer_set(0);
		return;
	}
	now = clock_ns();
	ns = expires > now ? MIN(expires - now, longest_ns) : 0;
	lapic_timer_set((u32)mul_u64_u64_shr(ns, counts_for_ns, NS_SHIFT) + 1);
}
