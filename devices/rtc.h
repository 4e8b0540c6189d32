/* SPDX-License-Identifier: MIT */
/*
 * rtc.h - the PC's real-time clock and CMOS RAM (Motorola MC146818A data sheet; 128 bytes).
 *
 * The time is the machine's wall clock plus an offset, which the guest's writes change. Flags are
 * worked out when somebody looks; a timer is armed only while an interrupt is enabled and its
 * request is not already waiting to be read, so an unused clock never wakes the host.
 *
 * As on a board with a battery, the time survives a machine reset; registers A and B and the
 * firmware's bytes of CMOS RAM (memory sizes, checksum) are set up anew, as firmware does.
 * Not modelled: daylight saving (B.DSE) and the square wave; other time bases than 32 kHz
 * (register A) count like it.
 */
#ifndef DEVICES_RTC_H
#define DEVICES_RTC_H

#include "devices/device.h"

extern const struct device_class rtc_class;

/*
 * pio: the index and the data port. irq: level 1 while register C's IRQF is set. env->mem may be
 * NULL (then the CMOS memory sizes are 0). NULL when out of memory. Before the machine runs.
 */
struct device *rtc_create(const struct dev_env *env, const struct dev_range *pio,
			  struct irq_line irq);

/*
 * Whether periodic interrupts that came while the one before was not yet read are delivered later,
 * one after each read of register C; otherwise they are lost, as on the chip. Before the machine runs.
 */
void rtc_set_catch_up(struct device *dev, bool on);

#endif
