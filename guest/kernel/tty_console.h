/* SPDX-License-Identifier: MIT */
/*
 * tty_console.h - the machine's terminals as files: ttyS0, the 16550, and hvc0 where a virtio console is;
 * /dev/console is the one that the kernel's log goes to.
 */
#ifndef GUEST_KERNEL_TTY_CONSOLE_H
#define GUEST_KERNEL_TTY_CONSOLE_H

/* Makes the terminals. Boot context, after devtmpfs. Panics without memory. */
void tty_console_init(void);

/* From now on what is typed belongs to programs; before, to whoever in the kernel polls for it. */
void tty_console_listen(void);

/* The terminal that /dev/console is. */
struct tty_struct;
const struct tty_struct *console_tty(void);

#endif
