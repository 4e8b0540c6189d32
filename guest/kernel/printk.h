/* SPDX-License-Identifier: MIT */
/*
 * printk.h - the kernel log: a ring of records, and a console that shows those of enough weight.
 *
 * Levels are Linux's: 0 emergency .. 7 debug. A record is one line; the newline at its end is
 * optional. Any context, interrupts and panics included.
 */
#ifndef GUEST_KERNEL_PRINTK_H
#define GUEST_KERNEL_PRINTK_H

#include <stdarg.h>

#include "guest/lib/ringbuf.h"
#include "guest/lib/types.h"

enum {
	LOGLEVEL_EMERG,
	LOGLEVEL_ALERT,
	LOGLEVEL_CRIT,
	LOGLEVEL_ERR,
	LOGLEVEL_WARNING,
	LOGLEVEL_NOTICE,
	LOGLEVEL_INFO,
	LOGLEVEL_DEBUG,
};

/* The longest record; what is longer is cut. */
#define PRINTK_MAX	256
#define PRINTK_LOG_SIZE (64 << 10) /* bytes of the newest records that are kept */

/* Where lines go: n bytes, with plain newlines, or as a terminal's driver has them. Called with the
 * console lock held, IRQs off. */
struct console {
	const char *name;
	void (*write)(const char *s, size_t n);
	void (*send)(const char *s, size_t n); /* the second way */
};

void vprintk(int level, const char *fmt, va_list ap) printf_like(2, 0);
void printk(int level, const char *fmt, ...) printf_like(2, 3);

#define pr_emerg(...)  printk(LOGLEVEL_EMERG, __VA_ARGS__)
#define pr_err(...)    printk(LOGLEVEL_ERR, __VA_ARGS__)
#define pr_warn(...)   printk(LOGLEVEL_WARNING, __VA_ARGS__)
#define pr_notice(...) printk(LOGLEVEL_NOTICE, __VA_ARGS__)
#define pr_info(...)   printk(LOGLEVEL_INFO, __VA_ARGS__)
#define pr_debug(...)  printk(LOGLEVEL_DEBUG, __VA_ARGS__)

/* To the console as it is: no time, no level, no log record. For results (TAP, tables). */
void console_printf(const char *fmt, ...) printf_like(1, 2);

/* Records of a level below `level` reach the console: `loglevel=N`; `quiet` is 4. */
int printk_set_level(int level); /* returns the level before */
int printk_level(void);

/* From now on lines reach con; what the log holds already is shown first. */
void console_register(const struct console *con);

bool printk_has_console(void);
bool printk_console_is(const struct console *con);

/* Bytes as they are, whole with respect to the log's lines. Any context. */
void console_send(const struct console *con, const char *s, size_t n);

/* A panic has begun on this CPU: from here on locks are not waited for, other CPUs stay silent. */
void printk_enter_panic(void);

/* Whether that was this CPU. */
bool printk_panic_is_here(void);

/* Sequence numbers of the oldest record that is left, and of the next to come. */
void printk_range(u64 *first, u64 *next);

/* Reads the log; see ringbuf_read(). */
bool printk_read(struct ringbuf_cursor *cur, struct ringbuf_rec *rec, char *text, size_t size);

#endif
