/* SPDX-License-Identifier: MIT */
/*
 * acpi_pm.h - bits of the ACPI fixed hardware registers (ACPI 6.5 section 4.8.3) and of the reset
 * control register; shared by VMM and guest. Freestanding numbers; ports are in pc.h.
 */
#ifndef DEVICES_ABI_ACPI_PM_H
#define DEVICES_ABI_ACPI_PM_H

/* Offsets inside the block that starts at PC_PM1A_EVT_PORT. */
#define ACPI_PM1_STS 0x0 /* 2 bytes, write 1 to clear */
#define ACPI_PM1_EN  0x2 /* 2 bytes */
#define ACPI_PM1_CNT 0x4 /* 2 bytes */
#define ACPI_PM_TMR  0x8 /* 4 bytes, read-only */

/* PM1 status; the enables of the events (TMR, GBL, PWRBTN, SLPBTN, RTC) have the same bits. */
#define ACPI_PM1_TMR	0x0001 /* the timer's top bit changed */
#define ACPI_PM1_BM	0x0010
#define ACPI_PM1_GBL	0x0020
#define ACPI_PM1_PWRBTN 0x0100
#define ACPI_PM1_SLPBTN 0x0200
#define ACPI_PM1_RTC	0x0400
#define ACPI_PM1_WAK	0x8000

/* PM1 control */
#define ACPI_PM1_SCI_EN	       0x0001
#define ACPI_PM1_BM_RLD	       0x0002
#define ACPI_PM1_GBL_RLS       0x0004
#define ACPI_PM1_SLP_TYP_SHIFT 10
#define ACPI_PM1_SLP_TYP       0x1c00
#define ACPI_PM1_SLP_EN	       0x2000 /* write-only: enter the state of SLP_TYP */

/* Reset control register at PC_RESET_PORT. */
#define PC_RESET_SYSTEM 0x02 /* hard reset rather than processor INIT */
#define PC_RESET_CPU	0x04 /* writing 1 resets */
#define PC_RESET_FULL	0x08 /* power cycle */

#endif
