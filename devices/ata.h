/* SPDX-License-Identifier: MIT */
/*
 * ata.h - an ATA disk on a PC's primary IDE channel, device 0; there is no device 1, and no DMA: all
 * data goes through the data register (ATA/ATAPI-6, T13/1410D: PIO data-in and data-out, 9.5, 9.6).
 *
 * The disk works while the vCPU that gave the command waits: its exit lasts as long as the host's
 * I/O. Another vCPU sees BSY meanwhile, and what it writes is dropped, as 9.2 demands.
 *
 * Rule A1: BSY belongs to one thread, which alone touches the image and the buffer.
 * Rule A2: INTRQ rises once for each block of data-in, after each block of data-out and at the end
 *          of other commands; it falls when the status is read, a command written, or reset.
 * Rule A3: no command reaches beyond the capacity that IDENTIFY told (IDNF otherwise).
 */
#ifndef DEVICES_ATA_H
#define DEVICES_ATA_H

#include "devices/block.h"
#include "devices/device.h"

extern const struct device_class ata_class;

/*
 * command: 8 ports, control: 1 port. disk is the device's from here on, also on failure. serial: up
 * to 20 characters, "" for a default. NULL when out of memory. Before the machine runs.
 */
struct device *ata_create(const struct dev_env *env, const struct dev_range *command,
			  const struct dev_range *control, struct irq_line irq, struct block *disk,
			  const char *serial);

#endif
