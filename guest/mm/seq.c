/* SPDX-License-Identifier: MIT */
/* seq.c - see seq.h. */
#include "guest/mm/seq.h"
#include "guest/lib/printf.h"
#include "guest/lib/string.h"

void seq_puts(struct seq *s, const char *text)
{
	s->write(s->arg, text, strlen(text));
}

void seq_printf(struct seq *s, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvscnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->write(s->arg, text, (size_t)n);
}

static void buf_write(void *arg, const char *text, size_t n)
{
	struct seq_buf *b = arg;

	if (b->len + 1 < b->size) {
		size_t fits = MIN(n, b->size - b->len - 1);

		memcpy(b->buf + b->len, text, fits);
		b->buf[b->len + fits] = 0;
	}
	b->len += n;
}

void seq_to_buf(struct seq *s, struct seq_buf *b, char *buf, size_t size)
{
	*b = (struct seq_buf){ buf, size, 0 };
	if (size)
		buf[0] = 0;
	*s = (struct seq){ buf_write, b };
}
