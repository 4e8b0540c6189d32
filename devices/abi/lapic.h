/* SPDX-License-Identifier: MIT */
/*
 * lapic.h - local APIC registers and bits (Intel SDM volume 3, chapter 11); used by the guest, and
 * by VMM code that prepares or reads APIC state. Freestanding numbers; PC_LAPIC_BASE is in pc.h.
 * Delivery modes are in ioapic.h.
 */
#ifndef DEVICES_ABI_LAPIC_H
#define DEVICES_ABI_LAPIC_H

#define MSR_APIC_BASE	 0x1b
#define APIC_BASE_BSP	 0x100
#define APIC_BASE_X2APIC 0x400
#define APIC_BASE_ENABLE 0x800

#define MSR_TSC_DEADLINE 0x6e0

/* Memory-mapped offsets, 32 bits each, 16 bytes apart. */
#define LAPIC_ID	    0x020 /* xAPIC: bits 31:24 */
#define LAPIC_VERSION	    0x030
#define LAPIC_TPR	    0x080
#define LAPIC_APR	    0x090
#define LAPIC_PPR	    0x0a0
#define LAPIC_EOI	    0x0b0
#define LAPIC_RRD	    0x0c0
#define LAPIC_LDR	    0x0d0
#define LAPIC_DFR	    0x0e0 /* not in x2APIC mode */
#define LAPIC_SVR	    0x0f0
#define LAPIC_ISR	    0x100 /* 8 registers */
#define LAPIC_TMR	    0x180 /* 8 registers */
#define LAPIC_IRR	    0x200 /* 8 registers */
#define LAPIC_ESR	    0x280
#define LAPIC_LVT_CMCI	    0x2f0
#define LAPIC_ICR	    0x300
#define LAPIC_ICR_HIGH	    0x310 /* x2APIC: the upper half of MSR 0x830 */
#define LAPIC_LVT_TIMER	    0x320
#define LAPIC_LVT_THERMAL   0x330
#define LAPIC_LVT_PERF	    0x340
#define LAPIC_LVT_LINT0	    0x350
#define LAPIC_LVT_LINT1	    0x360
#define LAPIC_LVT_ERROR	    0x370
#define LAPIC_TIMER_INITIAL 0x380
#define LAPIC_TIMER_CURRENT 0x390
#define LAPIC_TIMER_DIVIDE  0x3e0

/* In x2APIC mode the same registers are MSRs. */
#define MSR_X2APIC(offset)	(0x800 + ((offset) >> 4))
#define MSR_X2APIC_SELF_IPI	0x83f

#define LAPIC_VERSION_LVT_SHIFT 16
#define LAPIC_VERSION_NO_BCAST	0x01000000 /* SVR_NO_EOI_BCAST may be used */

#define LAPIC_SVR_ENABLE	0x100
#define LAPIC_SVR_NO_EOI_BCAST	0x1000

#define LAPIC_DFR_FLAT		0xffffffff
#define LAPIC_DFR_CLUSTER	0x0fffffff
#define LAPIC_LDR_SHIFT		24

/* LVT entries; delivery mode in bits 10:8 where the entry has one. */
#define LAPIC_LVT_VECTOR     0x000000ff
#define LAPIC_LVT_MODE_SHIFT 8
#define LAPIC_LVT_PENDING    0x00001000
#define LAPIC_LVT_ACTIVE_LOW 0x00002000
#define LAPIC_LVT_REMOTE_IRR 0x00004000
#define LAPIC_LVT_LEVEL	     0x00008000
#define LAPIC_LVT_MASKED     0x00010000
#define LAPIC_TIMER_ONESHOT  0x00000000
#define LAPIC_TIMER_PERIODIC 0x00020000
#define LAPIC_TIMER_DEADLINE 0x00040000

/* Interrupt command register, low half. */
#define LAPIC_ICR_VECTOR     0x000000ff
#define LAPIC_ICR_MODE_SHIFT 8
#define LAPIC_ICR_LOGICAL    0x00000800
#define LAPIC_ICR_BUSY	     0x00001000 /* delivery status; not in x2APIC mode */
#define LAPIC_ICR_ASSERT     0x00004000
#define LAPIC_ICR_LEVEL	     0x00008000
#define LAPIC_ICR_SELF	     0x00040000
#define LAPIC_ICR_ALL	     0x00080000
#define LAPIC_ICR_OTHERS     0x000c0000
#define LAPIC_ICR_DEST_SHIFT 24

/* Timer divide configuration: bits 3, 1, 0. */
#define LAPIC_DIVIDE_BY_1   0xb
#define LAPIC_DIVIDE_BY_2   0x0
#define LAPIC_DIVIDE_BY_4   0x1
#define LAPIC_DIVIDE_BY_8   0x2
#define LAPIC_DIVIDE_BY_16  0x3
#define LAPIC_DIVIDE_BY_32  0x8
#define LAPIC_DIVIDE_BY_64  0x9
#define LAPIC_DIVIDE_BY_128 0xa

#endif
