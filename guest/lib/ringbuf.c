/* SPDX-License-Identifier: MIT */
/* ringbuf.c - the byte ring behind the kernel log. Rules B1..B3 are in ringbuf.h. */
#include "guest/lib/ringbuf.h"

#include "guest/lib/bitops.h"
#include "guest/lib/env.h"
#include "guest/lib/minmax.h"
#include "guest/lib/string.h"

/* What stands in the ring before the text. Records begin at multiples of 8, so that a copy of the
 * header moves whole words even where it wraps. */
struct header {
	u64 time_ns;
	u16 len;
	u16 cpu;
	u8 level;
	u8 pad[3];
};

static u64 record_size(size_t len)
{
	return ALIGN_UP(sizeof(struct header) + len, (size_t)8);
}

static void copy_in(struct ringbuf *rb, u64 pos, const void *src, size_t n)
{
	size_t at = pos & rb->mask, head = min_t(size_t, n, rb->mask + 1 - at);

	memcpy(rb->buf + at, src, head);
	memcpy(rb->buf, (const u8 *)src + head, n - head);
}

static void copy_out(const struct ringbuf *rb, u64 pos, void *dst, size_t n)
{
	size_t at = pos & rb->mask, head = min_t(size_t, n, rb->mask + 1 - at);

	memcpy(dst, rb->buf + at, head);
	memcpy((u8 *)dst + head, rb->buf, n - head);
}

void ringbuf_init(struct ringbuf *rb, void *buf, size_t size)
{
	BUG_ON(size < 64 || !is_power_of_2(size));
	*rb = (struct ringbuf){ .buf = buf, .mask = size - 1 };
}

/* Pushes out whole records until `need` bytes are free: keeps B1 and B2. */
static void make_room(struct ringbuf *rb, u64 need)
{
	while (rb->next + need - rb->first > rb->mask + 1) {
		struct header h;

		copy_out(rb, rb->first, &h, sizeof(h));
		rb->first += record_size(h.len);
		rb->first_seq++;
	}
}

u64 ringbuf_write(struct ringbuf *rb, u8 level, u16 cpu, u64 time_ns, const char *text, size_t len)
{
	struct header h = { .time_ns = time_ns, .cpu = cpu, .level = level };
	size_t most = min_t(size_t, (rb->mask + 1) / 4, 0xffff);

	h.len = (u16)MIN(len, most);
	make_room(rb, record_size(h.len));
	copy_in(rb, rb->next, &h, sizeof(h));
	copy_in(rb, rb->next + sizeof(h), text, h.len);
	rb->next += record_size(h.len);
	return rb->next_seq++;
}

bool ringbuf_read(const struct ringbuf *rb, struct ringbuf_cursor *cur, struct ringbuf_rec *rec,
		  char *text, size_t size, u64 *lost)
{
	struct header h;
	size_t n;

	if (lost)
		*lost = cur->seq < rb->first_seq ? rb->first_seq - cur->seq : 0;
	if (cur->seq < rb->first_seq) {
		cur->seq = rb->first_seq;
		cur->pos = rb->first;
	}
	if (cur->seq >= rb->next_seq)
		return false;
	copy_out(rb, cur->pos, &h, sizeof(h));
	*rec = (struct ringbuf_rec){
		.seq = cur->seq,
		.time_ns = h.time_ns,
		.len = h.len,
		.cpu = h.cpu,
		.level = h.level,
	};
	if (size) {
		n = min_t(size_t, h.len, size - 1);
		copy_out(rb, cur->pos + sizeof(h), text, n);
		text[n] = 0;
	}
	cur->pos += record_size(h.len);
	cur->seq++;
	return true;
}

void ringbuf_seek_end(const struct ringbuf *rb, struct ringbuf_cursor *cur)
{
	cur->pos = rb->next;
	cur->seq = rb->next_seq;
}

const char *ringbuf_check(const struct ringbuf *rb)
{
	u64 pos, seq = rb->first_seq;

	if (rb->first > rb->next || rb->next - rb->first > rb->mask + 1)
		return "B1: the records are larger than the ring";
	for (pos = rb->first; pos < rb->next; seq++) {
		struct header h;

		copy_out(rb, pos, &h, sizeof(h));
		pos += record_size(h.len);
	}
	if (pos != rb->next)
		return "B2: the last record does not end where the next begins";
	if (seq != rb->next_seq)
		return "B3: records and sequence numbers do not match";
	return NULL;
}
