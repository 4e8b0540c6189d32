/* SPDX-License-Identifier: MIT */
/*
 * seq.h - where the text of /proc files goes: to the console now, to a reader's buffer later.
 */
#ifndef GUEST_MM_SEQ_H
#define GUEST_MM_SEQ_H

#include "guest/lib/types.h"

struct seq {
	/* Takes n bytes, not ended by a NUL. */
	void (*write)(void *arg, const char *text, size_t n);
	void *arg;
};

/* Any length; pieces of at most 256 bytes come out. Any context that write() allows. */
void seq_printf(struct seq *s, const char *fmt, ...) printf_like(2, 3);
void seq_puts(struct seq *s, const char *text);

/* A sink that fills a buffer and counts what did not fit. Always ended by a NUL. */
struct seq_buf {
	char *buf;
	size_t size, len; /* len without the NUL, as if all had fitted */
};

void seq_to_buf(struct seq *s, struct seq_buf *b, char *buf, size_t size);

#endif
