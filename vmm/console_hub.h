/* SPDX-License-Identifier: MIT */
/*
 * console_hub.h - a serial port seen by several: recent output is kept, whoever attaches gets it and
 * then everything new, and what they type goes to the guest.
 *
 * Rule H1: nobody who watches can slow the guest or the others: a watcher that falls behind by more
 * than CONSOLE_HISTORY bytes loses the oldest, and is told how many.
 * Everything runs on the loop's thread.
 */
#ifndef VMM_CONSOLE_HUB_H
#define VMM_CONSOLE_HUB_H

#include "devices/chardev.h"

#define CONSOLE_HISTORY	     32768u
#define CONSOLE_MAX_WATCHERS 16

struct console_hub;
struct loop;

/* NULL: no memory. The history costs memory as it fills. */
struct console_hub *console_hub_create(struct loop *loop);
/* Sends the watchers what they have not got, waiting at most ms, and closes them. */
void console_hub_destroy(struct console_hub *h, int ms); /* NULL is fine */

/* Where input goes; hooks itself into the configuration before the port is made. */
void console_hub_hook(struct console_hub *h, struct chardev_config *cfg);
void console_hub_bind(struct console_hub *h, struct chardev *cd);

/* Bytes of output that are kept for whoever attaches. */
size_t console_hub_recent(struct console_hub *h);
bool console_hub_full(const struct console_hub *h);

/* Takes over a connected, non-blocking stream; early are its first bytes. */
void console_hub_attach(struct console_hub *h, int fd, const u8 *early, size_t n);

#endif
