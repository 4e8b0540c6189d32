/* SPDX-License-Identifier: MIT */
/* packet.c - see packet.h. */
#include "vmm/gdb/packet.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ESCAPE	  '}'
#define ESCAPE_BY 0x20

static int digit(u8 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void open_frame(struct gdb_reader *r)
{
	r->state = GDB_DATA;
	r->sum = 0;
	r->len = 0;
	r->too_long = false;
}

static void store(struct gdb_reader *r, u8 c)
{
	if (r->len < GDB_PACKET_MAX)
		r->data[r->len++] = c;
	else
		r->too_long = true; /* G1 */
}

static enum gdb_event between_frames(struct gdb_reader *r, u8 c)
{
	switch (c) {
	case '$':
		open_frame(r);
		return GDB_NOTHING;
	case '+':
		return GDB_ACK;
	case '-':
		return GDB_NAK;
	case 3:
		return GDB_INTERRUPT;
	default:
		return GDB_NOTHING; /* noise on the line */
	}
}

static enum gdb_event close_frame(struct gdb_reader *r, int low)
{
	r->state = GDB_IDLE;
	r->data[r->len] = 0;
	if (low < 0 || (r->want | (u8)low) != r->sum)
		return GDB_BAD_SUM;
	return r->too_long ? GDB_TOO_LONG : GDB_PACKET;
}

static enum gdb_event take(struct gdb_reader *r, u8 c)
{
	int d;

	switch (r->state) {
	case GDB_IDLE:
		return between_frames(r, c);
	case GDB_DATA:
		if (c == '#') {
			r->state = GDB_SUM1;
		} else if (c == '$') {
			open_frame(r); /* the frame before was cut off */
		} else {
			r->sum = (u8)(r->sum + c);
			if (c == ESCAPE)
				r->state = GDB_ESCAPED;
			else
				store(r, c);
		}
		return GDB_NOTHING;
	case GDB_ESCAPED:
		r->state = GDB_DATA;
		if (c == '#' || c == '$')
			return take(r, c); /* these are never sent as they are, escaped or not */
		r->sum = (u8)(r->sum + c);
		store(r, c ^ ESCAPE_BY);
		return GDB_NOTHING;
	case GDB_SUM1:
		d = digit(c);
		if (d < 0) {
			r->state = GDB_IDLE;
			return GDB_BAD_SUM;
		}
		r->want = (u8)(d << 4);
		r->state = GDB_SUM2;
		return GDB_NOTHING;
	case GDB_SUM2:
		return close_frame(r, digit(c));
	}
	return GDB_NOTHING;
}

size_t gdb_read(struct gdb_reader *r, const u8 *buf, size_t n, enum gdb_event *ev)
{
	*ev = GDB_NOTHING;
	for (size_t i = 0; i < n; i++) {
		*ev = take(r, buf[i]);
		if (*ev != GDB_NOTHING)
			return i + 1;
	}
	return n;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void raw(struct gdb_writer *w, u8 c)
{
	if (w->used < w->size)
		w->buf[w->used++] = c;
	else
		w->full = true; /* G2 */
}

void gdb_begin(struct gdb_writer *w)
{
	w->start = w->used;
	w->sum = 0;
	w->full = false;
	raw(w, '$');
}

static void summed(struct gdb_writer *w, u8 c)
{
	raw(w, c);
	w->sum = (u8)(w->sum + c);
}

void gdb_put(struct gdb_writer *w, const void *data, size_t n)
{
	const u8 *p = data;

	for (size_t i = 0; i < n; i++) {
		/* '*' would be read as a run length. */
		if (p[i] == '#' || p[i] == '$' || p[i] == '*' || p[i] == ESCAPE) {
			summed(w, ESCAPE);
			summed(w, p[i] ^ ESCAPE_BY);
		} else {
			summed(w, p[i]);
		}
	}
}

void gdb_puts(struct gdb_writer *w, const char *text)
{
	gdb_put(w, text, strlen(text));
}

void gdb_put_hex(struct gdb_writer *w, const void *data, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const u8 *p = data;

	for (size_t i = 0; i < n; i++) {
		summed(w, (u8)digits[p[i] >> 4]);
		summed(w, (u8)digits[p[i] & 15]);
	}
}

void gdb_printf(struct gdb_writer *w, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		gdb_put(w, text, MIN((size_t)n, sizeof(text) - 1));
}

static void put_sum(struct gdb_writer *w)
{
	static const char digits[] = "0123456789abcdef";

	raw(w, '#');
	raw(w, (u8)digits[w->sum >> 4]);
	raw(w, (u8)digits[w->sum & 15]);
}

void gdb_end(struct gdb_writer *w)
{
	put_sum(w);
	if (!w->full)
		return;
	w->used = w->start;
	gdb_begin(w);
	gdb_puts(w, "E5a"); /* EMSGSIZE */
	put_sum(w);
	if (w->full)
		w->used = w->start;
}

/* ---- numbers -------------------------------------------------------------------------------- */

bool gdb_hex(const char **p, u64 *out)
{
	u64 v = 0;
	int n = 0, d;

	for (; (d = digit((u8) * *p)) >= 0; (*p)++, n++) {
		if (n == 16)
			return false;
		v = v << 4 | (u64)d;
	}
	*out = v;
	return n > 0;
}

bool gdb_hex_bytes(const char **p, u8 *out, size_t n)
{
	for (size_t i = 0; i < n; i++, *p += 2) {
		int high = digit((u8)(*p)[0]), low = high < 0 ? -1 : digit((u8)(*p)[1]);

		if (low < 0)
			return false;
		out[i] = (u8)(high << 4 | low);
	}
	return true;
}
