/* SPDX-License-Identifier: MIT */
/*
 * packet.h - frames of gdb's remote serial protocol: $payload#checksum, with escapes.
 * Spec: GDB manual, appendix E "Remote Protocol", sections Overview and Packet Acknowledgment.
 *
 * Rule G1: whatever bytes arrive, a reader holds at most one payload of GDB_PACKET_MAX bytes; a
 * longer one is counted to its end and reported as such. Rule G2: a writer never exceeds the
 * buffer it was given; a payload that does not fit becomes an error reply.
 */
#ifndef VMM_GDB_PACKET_H
#define VMM_GDB_PACKET_H

#include "base/types.h"

#define GDB_PACKET_MAX 16384u			/* payload bytes, as PacketSize announces */
#define GDB_FRAME_MAX  (2 * GDB_PACKET_MAX + 4) /* every byte escaped, and $ # xx */

enum gdb_event {
	GDB_NOTHING,   /* all bytes taken, nothing complete yet */
	GDB_PACKET,    /* r->data, r->len: escapes undone, NUL-terminated as well */
	GDB_BAD_SUM,   /* a frame whose checksum is wrong */
	GDB_TOO_LONG,  /* a whole frame with a correct checksum, but a payload beyond the limit */
	GDB_ACK,       /* + */
	GDB_NAK,       /* - */
	GDB_INTERRUPT, /* 0x03 between frames */
};

struct gdb_reader {
	enum { GDB_IDLE, GDB_DATA, GDB_ESCAPED, GDB_SUM1, GDB_SUM2 } state;
	u8 sum, want;
	bool too_long;
	size_t len;
	u8 data[GDB_PACKET_MAX + 1];
};

/*
 * Takes bytes up to and including the first event; returns how many (all n of them with
 * GDB_NOTHING). A zeroed reader is ready for use.
 */
size_t gdb_read(struct gdb_reader *r, const u8 *buf, size_t n, enum gdb_event *ev);

/* Composes one frame at a time at the end of buf[0..used). */
struct gdb_writer {
	u8 *buf;
	size_t size, used;
	size_t start; /* where the open frame begins */
	u8 sum;
	bool full;
};

void gdb_begin(struct gdb_writer *w);
void gdb_put(struct gdb_writer *w, const void *data, size_t n); /* escaped as needed */
void gdb_puts(struct gdb_writer *w, const char *text);
void gdb_put_hex(struct gdb_writer *w, const void *data, size_t n);
void gdb_printf(struct gdb_writer *w, const char *fmt, ...) printf_like(2, 3);
void gdb_end(struct gdb_writer *w);

/* Hex digits at *p, at least one and at most 16, into *out; moves *p behind them. */
bool gdb_hex(const char **p, u64 *out);

/* Exactly n bytes written as 2n hex digits. */
bool gdb_hex_bytes(const char **p, u8 *out, size_t n);

#endif
