/* SPDX-License-Identifier: MIT */
/*
 * ne2000.h - an NE2000 ISA network card on a struct net_backend (DP8390D data sheet, July 1995). Every byte goes
 * through the data port; what a frame costs the guest in exits is what the full side is here to show.
 *
 * Sending and receiving are the loop thread's: it alone talks to the backend. A vCPU that gives the transmit
 * command arms a timer, and goes on; TXP stays set until the frame is out.
 *
 * Rule N1: a page or address that the guest gave is bounded where memory is touched, in one place for each
 *          way: whatever it is, only the card's 16 KiB are written, and no other byte is read.
 * Rule N2: a frame is stored whole or not at all, and CURR never comes to BNRY by storing: equal means empty.
 * Rule N3: a wire holds nothing: a frame for which the ring has no room is missed (OVW). A backend that asks
 *          first is told to wait until a largest frame fits.
 *
 * Not here: the FIFO's contents (0), remote DMA's send-packet command, collisions and bad checksums.
 */
#ifndef DEVICES_NE2000_H
#define DEVICES_NE2000_H

#include "devices/net.h"

#define NE2000_PORTS 32

extern const struct device_class ne2000_class;

/*
 * ports: NE2000_PORTS of them. The backend is the device's from here on, also on failure. NULL when out of
 * memory or timers. Before the machine runs.
 */
struct device *ne2000_create(const struct dev_env *env, const struct dev_range *ports,
			     struct irq_line irq, struct net_backend *backend, const u8 mac[6]);

#endif
