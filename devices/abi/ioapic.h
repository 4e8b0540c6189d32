/* SPDX-License-Identifier: MIT */
/*
 * ioapic.h - 82093AA I/O APIC registers, with the EOI register of its version 0x20 successors;
 * shared by VMM and guest. Freestanding numbers; PC_IOAPIC_BASE is in pc.h.
 */
#ifndef DEVICES_ABI_IOAPIC_H
#define DEVICES_ABI_IOAPIC_H

/* Memory-mapped, 32 bits each. */
#define IOAPIC_REGSEL 0x00
#define IOAPIC_WINDOW 0x10
#define IOAPIC_EOI    0x40 /* write-only: the vector; version 0x20 and later */

/* Reached by selecting an index. */
#define IOAPIC_REG_ID	       0x00 /* bits 27:24 */
#define IOAPIC_REG_VERSION     0x01 /* bits 7:0 version, 23:16 last redirection entry */
#define IOAPIC_REG_ARB	       0x02 /* bits 27:24, follows the ID */
#define IOAPIC_REG_BOOT_CONFIG 0x03 /* bit 0: interrupts travel as memory writes */
#define IOAPIC_REG_RTE	       0x10 /* two registers for each pin: low, high */
#define IOAPIC_ID_SHIFT	       24
#define IOAPIC_ID_MASK	       0x0f000000
#define IOAPIC_MAX_RTE_SHIFT   16
#define IOAPIC_VERSION_EOI     0x20

/* Redirection table entry, low half. */
#define IOAPIC_RTE_VECTOR     0x000000ff
#define IOAPIC_RTE_MODE	      0x00000700
#define IOAPIC_RTE_MODE_SHIFT 8
#define IOAPIC_RTE_LOGICAL    0x00000800
#define IOAPIC_RTE_BUSY	      0x00001000 /* delivery status, read-only */
#define IOAPIC_RTE_ACTIVE_LOW 0x00002000
#define IOAPIC_RTE_REMOTE_IRR 0x00004000 /* read-only: level accepted, EOI awaited */
#define IOAPIC_RTE_LEVEL      0x00008000
#define IOAPIC_RTE_MASKED     0x00010000
/* High half. */
#define IOAPIC_RTE_DEST_SHIFT 24

/* Delivery modes (also those of the local APIC and of MSI data). */
#define APIC_MODE_FIXED	  0
#define APIC_MODE_LOWEST  1
#define APIC_MODE_SMI	  2
#define APIC_MODE_NMI	  4
#define APIC_MODE_INIT	  5
#define APIC_MODE_STARTUP 6
#define APIC_MODE_EXTINT  7

/* MSI address and data (Intel SDM volume 3, 11.11). */
#define MSI_ADDR_BASE	     0xfee00000
#define MSI_ADDR_DEST_SHIFT  12
#define MSI_ADDR_REDIRECTION 0x8
#define MSI_ADDR_LOGICAL     0x4
#define MSI_DATA_MODE_SHIFT  8
#define MSI_DATA_ASSERT	     0x4000
#define MSI_DATA_LEVEL	     0x8000

#endif
