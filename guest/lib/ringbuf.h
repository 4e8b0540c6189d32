/* SPDX-License-Identifier: MIT */
/*
 * ringbuf.h - the kernel log's memory: text records with level, CPU and time in a byte ring, where
 * new records push out the oldest.
 *
 * Positions count bytes since the start and never wrap (64 bits); a record's place is its position
 * modulo the ring's size, and its bytes may wrap around the end. Rules: B1 first <= next, and
 * next - first <= size; B2 the records from first to next tile that range; B3 their sequence
 * numbers are consecutive. The caller serialises all calls.
 */
#ifndef GUEST_LIB_RINGBUF_H
#define GUEST_LIB_RINGBUF_H

#include "guest/lib/types.h"

struct ringbuf {
	u8 *buf;
	u64 mask;	 /* size - 1 */
	u64 first, next; /* positions of the oldest record and of the end */
	u64 first_seq, next_seq;
};

struct ringbuf_rec {
	u64 seq; /* from 0 */
	u64 time_ns;
	u32 len; /* of the text, without a NUL */
	u16 cpu;
	u8 level;
};

/* One reader's place; zero-initialise to read from the oldest record that is still there. */
struct ringbuf_cursor {
	u64 pos, seq;
};

/* size: a power of two, 64 at least. The buffer belongs to the caller and must stay. */
void ringbuf_init(struct ringbuf *rb, void *buf, size_t size);

/* Adds a record; text longer than a quarter of the ring, or than 65535 bytes, is cut. Returns its
 * sequence number. */
u64 ringbuf_write(struct ringbuf *rb, u8 level, u16 cpu, u64 time_ns, const char *text, size_t len);

/*
 * Copies the record at the cursor (text cut to size - 1 and NUL-terminated; rec->len is the whole
 * length) and moves on. False when there is nothing new. *lost (may be NULL) gets the number of
 * records that were pushed out before this reader came to them.
 */
bool ringbuf_read(const struct ringbuf *rb, struct ringbuf_cursor *cur, struct ringbuf_rec *rec,
		  char *text, size_t size, u64 *lost);

/* Sets the cursor behind the newest record. */
void ringbuf_seek_end(const struct ringbuf *rb, struct ringbuf_cursor *cur);

/* NULL, or the broken rule. */
const char *ringbuf_check(const struct ringbuf *rb);

#endif
