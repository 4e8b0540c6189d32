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
	bool terminal; /* stdin is one, and we are in its foreground; saved is valid */
	bool raw;      /* the terminal is in raw mode */
	bool prefix;   /* Ctrl-a was the last byte */
	bool readable; /* input may be read: not a terminal in whose background we are */
	struct console_keys keys;
};

/* Looks at stdin: whether it is a terminal, and whether input may be read. Changes nothing. */
void console_init(struct console *c, const struct console_keys *keys);

/* Raw mode, from here to console_restore(). Call it once the signals that end us are held. */
void console_enter(struct console *c);
void console_restore(struct console *c);

/*
 * chardev filter (see struct chardev_config): acts on Ctrl-a sequences and removes them. arg is the
 * struct console. Bytes pass unchanged when stdin is no terminal.
 */
size_t console_filter(void *arg, u8 *buf, size_t n);

#endif
