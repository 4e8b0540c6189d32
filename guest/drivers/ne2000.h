/* SPDX-License-Identifier: MIT */
/*
 * ne2000.h - the network card of the full side: an NE2000, by programmed I/O (DP8390D data sheet). Frames lie in
 * the card's own memory, and every two bytes of them cross a port: a small one takes some fifty exits each way.
 */
#ifndef GUEST_DRIVERS_NE2000_H
#define GUEST_DRIVERS_NE2000_H

/* Looks for the card where the PC has it, and registers it as eth0. How many were found: 0 or 1. */
unsigned ne2000_probe(void);

#endif
