/* SPDX-License-Identifier: MIT */
/*
 * console.h - the user's terminal: raw mode, and the Ctrl-a keys that QEMU and kvmtool users know.
 *
 * The terminal is changed only when it is one and this process is in its foreground, and is put
 * back by console_restore() whatever ended the machine.
 */
#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H

#include <termios.h>

#include "base/types.h"

struct console_keys {
	void *arg;
	void (*quit)(void *arg);       /* Ctrl-a x */
	void (*send_break)(void *arg); /* Ctrl-a b */
};

struct console {
	struct termios saved;
	bool raw;      /* saved is valid, the terminal is ours */
	bool prefix;   /* Ctrl-a was the last byte */
	bool readable; /* input may be read: not a terminal in whose background we are */
	struct console_keys keys;
};

/* Takes the terminal on stdin if there is one. */
void console_init(struct console *c, const struct console_keys *keys);
void console_restore(struct console *c);

/*
 * chardev filter (see struct chardev_config): acts on Ctrl-a sequences and removes them. arg is the
 * struct console. Bytes pass unchanged when stdin is no terminal.
 */
size_t console_filter(void *arg, u8 *buf, size_t n);

#endif
