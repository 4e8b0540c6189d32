/* SPDX-License-Identifier: MIT */
/*
 * printf.h - formatted text, as C17 7.21.6.1 describes it, without floating point, %n and wide
 * characters.
 *
 *   %d %i %u %o %x %X %c %s %p %%     flags - + space 0 #, width and .precision (both may be *),
 *                                     lengths hh h l ll z t j
 *   %p      0x1234, or (nil)          %s of NULL: (null)
 *   %pS     an extension: the letter after %p is looked up in the registered table; S is always
 *           taken as one, so a message printed before the table exists shows the plain pointer
 *
 * An unknown conversion is printed as it stands and takes no argument.
 */
#ifndef GUEST_LIB_PRINTF_H
#define GUEST_LIB_PRINTF_H

#include <stdarg.h>

#include "guest/lib/types.h"

/*
 * Writes at most size - 1 characters and a NUL (nothing for size 0). Returns the length the whole
 * text has, so a result >= size means it was cut. Any context; no allocation.
 */
int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap) printf_like(3, 0);
int ksnprintf(char *buf, size_t size, const char *fmt, ...) printf_like(3, 4);

/* The same, but returns the length that is in buf now: safe to add up. */
int kvscnprintf(char *buf, size_t size, const char *fmt, va_list ap) printf_like(3, 0);
int kscnprintf(char *buf, size_t size, const char *fmt, ...) printf_like(3, 4);

/* Formats one pointer into buf as ksnprintf() would; returns the whole length. Any context. */
struct printf_ext {
	char letter; /* 0 ends the table */
	int (*format)(void *arg, char *buf, size_t size, const void *ptr);
	void *arg;
};

/*
 * The one table of pointer extensions of this program: it belongs to the format language, not to
 * any instance, and is set once during start-up (NULL: none). The table must stay.
 */
void printf_set_ext(const struct printf_ext *table);

#endif
