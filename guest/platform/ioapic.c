/* SPDX-License-Identifier: MIT */
/* ioapic.c - inputs stay masked, as reset leaves them, until somebody routes one. */
#include "guest/platform/ioapic.h"
#include "guest/arch/x86/fixmap.h"
#include "guest/kernel/boot_info.h"
#include "devices/abi/ioapic.h"

static volatile u8 *regs;

static void ioapic_write(u32 reg, u32 v)
{
	if (!regs)
		regs = fixmap_set(FIX_IOAPIC, boot_info.ioapic);
	*(volatile u32 *)(regs + IOAPIC_REGSEL) = reg;
	*(volatile u32 *)(regs + IOAPIC_WINDOW) = v;
}

void ioapic_route_edge(unsigned gsi, unsigned vector, u32 apic_id)
{
	ioapic_write(IOAPIC_REG_RTE + 2 * gsi + 1, apic_id << IOAPIC_RTE_DEST_SHIFT);
	ioapic_write(IOAPIC_REG_RTE + 2 * gsi, vector);
}

void ioapic_mask(unsigned gsi)
{
	ioapic_write(IOAPIC_REG_RTE + 2 * gsi, IOAPIC_RTE_MASKED);
}
