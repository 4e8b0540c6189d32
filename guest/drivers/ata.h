/* SPDX-License-Identifier: MIT */
/*
 * ata.h - a disk on the PC's primary IDE channel, by programmed I/O (ATA/ATAPI-6): what the full side
 * has. Every register is a port, and every port an exit; one request needs about ten.
 */
#ifndef GUEST_DRIVERS_ATA_H
#define GUEST_DRIVERS_ATA_H

/* Looks for device 0, asks what it is, and registers it as hda. How many were found: 0 or 1. */
unsigned ata_probe(void);

#endif
