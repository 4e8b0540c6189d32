/* SPDX-License-Identifier: MIT */
/* ioapic.c - inputs stay masked, as reset leaves them, until somebody routes one. */
#include "guest/platform/ioapic.h"
#include "guest/arch/x86/fixmap.h"
#include "guest/kernel/boot_info.h"
#include "guest/locking/spinlock.h"
#include "devices/abi/ioapic.h"

static volatile u8 *regs;
static DEFINE_SPINLOCK(lock); /* from the choice of a register to the access */

static void ioapic_write(u32 reg, u32 v)
{
	u64 flags;

	if (!regs)
		regs = fixmap_set(FIX_IOAPIC, boot_info.ioapic);
	flags = spin_lock_irqsave(&lock);
	*(volatile u32 *)(regs + IOAPIC_REGSEL) = reg;
	*(volatile u32 *)(regs + IOAPIC_WINDOW) = v;
	spin_unlock_irqrestore(&lock, flags);
}

static u32 ioapic_read(u32 reg)
{
	u64 flags = spin_lock_irqsave(&lock);
	u32 v;

	*(volatile u32 *)(regs + IOAPIC_REGSEL) = reg;
	v = *(volatile u32 *)(regs + IOAPIC_WINDOW);
	spin_unlock_irqrestore(&lock, flags);
	return v;
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

bool ioapic_destination(unsigned gsi, u32 *apic_id)
{
	if (!regs || (ioapic_read(IOAPIC_REG_RTE + 2 * gsi) & IOAPIC_RTE_MASKED))
		return false;
	*apic_id = ioapic_read(IOAPIC_REG_RTE + 2 * gsi + 1) >> IOAPIC_RTE_DEST_SHIFT;
	return true;
}

void ioapic_set_destination(unsigned gsi, u32 apic_id)
{
	ioapic_write(IOAPIC_REG_RTE + 2 * gsi + 1, apic_id << IOAPIC_RTE_DEST_SHIFT);
}
