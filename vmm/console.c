/* SPDX-License-Identifier: MIT */
/* console.c - see console.h. */
#include "vmm/console.h"

#include <string.h>
#include <unistd.h>

#define CTRL_A 0x01

static const char help_text[] = "\r\n"
				"Ctrl-a h  this help\r\n"
				"Ctrl-a x  end the guest and leave\r\n"
				"Ctrl-a b  send a break\r\n"
				"Ctrl-a a  send Ctrl-a to the guest\r\n";

void console_init(struct console *c, const struct console_keys *keys)
{
	memset(c, 0, sizeof(*c));
	c->keys = *keys;
	c->readable = true;
	if (!isatty(STDIN_FILENO))
		return;
	/* Changing or reading the terminal from the background would stop the whole job. */
	if (tcgetpgrp(STDIN_FILENO) != getpgrp() || tcgetattr(STDIN_FILENO, &c->saved)) {
		c->readable = false;
		return;
	}
	c->terminal = true;
}

void console_enter(struct console *c)
{
	struct termios raw = c->saved;

	if (!c->terminal)
		return;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* a guest's bare newline still starts a line */
	c->raw = !tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

void console_restore(struct console *c)
{
	if (c->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &c->saved);
	c->raw = false;
}

/* The byte after Ctrl-a; true when the guest is to see it. */
static bool console_key(struct console *c, u8 key)
{
	switch (key) {
	case 'x':
	case 'X':
		c->keys.quit(c->keys.arg);
		return false;
	case 'b':
	case 'B':
		c->keys.send_break(c->keys.arg);
		return false;
	case 'h':
	case 'H':
	case '?': {
		ssize_t n = write(STDERR_FILENO, help_text, sizeof(help_text) - 1);

		(void)n; /* help that cannot be shown is no reason to disturb the guest */
		return false;
	}
	case 'a':
	case CTRL_A:
		return true;
	default:
		return false;
	}
}

size_t console_filter(void *arg, u8 *buf, size_t n)
{
	struct console *c = arg;
	size_t out = 0;

	if (!c->terminal)
		return n;
	for (size_t i = 0; i < n; i++) {
		if (c->prefix) {
			c->prefix = false;
			if (console_key(c, buf[i]))
				buf[out++] = CTRL_A;
		} else if (buf[i] == CTRL_A) {
			c->prefix = true;
		} else {
			buf[out++] = buf[i];
		}
	}
	return out;
}
