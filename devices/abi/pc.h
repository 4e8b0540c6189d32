/* SPDX-License-Identifier: MIT */
/*
 * pc.h - where the PC's devices answer and on which interrupt inputs; shared by VMM and guest.
 * Freestanding: plain numbers only, usable from C and assembly.
 */
#ifndef DEVICES_ABI_PC_H
#define DEVICES_ABI_PC_H

/* 16550A serial ports (COM1..COM4): 8 ports each. */
#define PC_COM1_PORT 0x3f8
#define PC_COM2_PORT 0x2f8
#define PC_COM3_PORT 0x3e8
#define PC_COM4_PORT 0x2e8
#define PC_COM1_IRQ  4
#define PC_COM2_IRQ  3
#define PC_COM3_IRQ  4
#define PC_COM4_IRQ  3
#define PC_COM_LEN   8

/* MC146818 RTC and CMOS: index and data port. */
#define PC_RTC_PORT 0x70
#define PC_RTC_LEN  2
#define PC_RTC_IRQ  8

/* i8042: data port 0x60, command/status port 0x64. Port 0x61 (system control B) is the PIT's. */
#define PC_I8042_DATA  0x60
#define PC_I8042_CMD   0x64
#define PC_I8042_IRQ   1
#define PC_I8042_RESET 0xfe /* command: pulse the reset line */

/* Reset control register (as in PIIX and ICH): bit 2 resets, bit 1 chooses a hard reset. */
#define PC_RESET_PORT 0xcf9

/* 8259A pair, 8254, system control port B: the kernel's own models in `full`, absent in `para`. */
#define PC_PIC1_PORT 0x20
#define PC_PIC2_PORT 0xa0
#define PC_PIT_PORT  0x40
#define PC_PORT_B    0x61
#define PC_PIT_HZ    1193182

/* ACPI fixed hardware (ACPI 6.5 section 4.8). */
#define PC_PM1A_EVT_PORT 0x600 /* 4 bytes: status, enable */
#define PC_PM1A_CNT_PORT 0x604 /* 2 bytes: SCI_EN, SLP_TYP, SLP_EN */
#define PC_PM_TMR_PORT	 0x608 /* 4 bytes, 3.579545 MHz, 32 bits */
#define PC_PM_TMR_HZ	 3579545
#define PC_ACPI_PM_LEN	 12
#define PC_ACPI_SCI_IRQ	 9
#define PC_ACPI_SLP_S5	 5 /* SLP_TYPa value that means S5 */

/* Exit device, by the isa-debug-exit convention of QEMU: a write ends the machine. */
#define PC_EXIT_PORT 0xf4
#define PC_EXIT_LEN  4

/* Primary IDE channel: command block, and the device control register. */
#define PC_ATA_PORT    0x1f0
#define PC_ATA_LEN     8
#define PC_ATA_CONTROL 0x3f6
#define PC_ATA_IRQ     14

/* NE2000 network card, where such cards have been looked for first. */
#define PC_NE2000_PORT 0x300
#define PC_NE2000_LEN  32
#define PC_NE2000_IRQ  10

/* Interrupt controllers. */
#define PC_IOAPIC_BASE 0xfec00000
#define PC_IOAPIC_LEN  0x1000
#define PC_IOAPIC_PINS 24
#define PC_LAPIC_BASE  0xfee00000

/*
 * virtio-mmio window: one page of registers for each slot. Slot n interrupts at the edge-triggered
 * input PC_VIRTIO_GSI + n: those above the ISA's 16 belong to nobody else.
 */
#define PC_VIRTIO_BASE	0xfeb00000
#define PC_VIRTIO_STEP	0x1000
#define PC_VIRTIO_GSI	16
#define PC_VIRTIO_SLOTS 8

#endif
