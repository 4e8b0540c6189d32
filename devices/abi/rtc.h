/* SPDX-License-Identifier: MIT */
/*
 * rtc.h - MC146818 real-time clock and the PC's use of its CMOS RAM; shared by VMM and guest.
 * Freestanding: plain numbers only. Registers are reached through an index port (PC_RTC_PORT) and
 * a data port (the next one); bit 7 of the index port gates NMI and is not part of the index.
 */
#ifndef DEVICES_ABI_RTC_H
#define DEVICES_ABI_RTC_H

#define RTC_INDEX_MASK	    0x7f
#define RTC_NMI_MASK	    0x80
#define RTC_CMOS_SIZE	    128

#define RTC_SECONDS	    0x00
#define RTC_SECONDS_ALARM   0x01
#define RTC_MINUTES	    0x02
#define RTC_MINUTES_ALARM   0x03
#define RTC_HOURS	    0x04
#define RTC_HOURS_ALARM	    0x05
#define RTC_DAY_OF_WEEK	    0x06 /* 1..7, Sunday is 1 */
#define RTC_DAY_OF_MONTH    0x07
#define RTC_MONTH	    0x08
#define RTC_YEAR	    0x09 /* 0..99 */
#define RTC_REG_A	    0x0a
#define RTC_REG_B	    0x0b
#define RTC_REG_C	    0x0c
#define RTC_REG_D	    0x0d
#define RTC_CENTURY	    0x32 /* the PC's place for it; FADT.CENTURY */

#define RTC_HOURS_PM	    0x80 /* with 12-hour mode */
#define RTC_ALARM_DONT_CARE 0xc0 /* an alarm register with both top bits set matches anything */

#define RTC_A_UIP	    0x80 /* read-only: an update is less than 244 us away */
#define RTC_A_DV	    0x70 /* divider chain */
#define RTC_A_DV_32KHZ	    0x20
#define RTC_A_DV_RESET	    0x60 /* 11x: held in reset */
#define RTC_A_RS	    0x0f /* periodic rate: 32768 >> (rs - 1) Hz, rs 3..15 */
#define RTC_A_DEFAULT	    0x26 /* 32 kHz, 1024 Hz */

#define RTC_B_SET	    0x80 /* time registers hold still */
#define RTC_B_PIE	    0x40
#define RTC_B_AIE	    0x20
#define RTC_B_UIE	    0x10
#define RTC_B_SQWE	    0x08
#define RTC_B_DM	    0x04 /* 1: binary, 0: BCD */
#define RTC_B_24H	    0x02
#define RTC_B_DSE	    0x01

#define RTC_C_IRQF	    0x80 /* register C is cleared by reading it */
#define RTC_C_PF	    0x40 /* flags lie on the bits of their enables in register B */
#define RTC_C_AF	    0x20
#define RTC_C_UF	    0x10

#define RTC_D_VRT	    0x80 /* battery good */

/* What PC firmware leaves in CMOS RAM. Two-byte values: low byte at the lower index. */
#define CMOS_EQUIPMENT	    0x14
#define CMOS_EQUIPMENT_FPU  0x02
#define CMOS_BASE_KB	    0x15 /* 2 bytes: KiB below 640 KiB */
#define CMOS_EXT_KB	    0x17 /* 2 bytes: KiB from 1 MiB up, at most 65535 */
#define CMOS_CHECKSUM_FIRST 0x10
#define CMOS_CHECKSUM_LAST  0x2d
#define CMOS_CHECKSUM	    0x2e /* 2 bytes: high byte at the LOWER index */
#define CMOS_EXT_KB_ACTUAL  0x30 /* 2 bytes: as CMOS_EXT_KB */
#define CMOS_ABOVE_16M_64KB 0x34 /* 2 bytes: 64 KiB blocks from 16 MiB to 4 GiB */
#define CMOS_ABOVE_4G_64KB  0x5b /* 3 bytes: 64 KiB blocks from 4 GiB up */

#endif
