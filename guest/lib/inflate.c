/* SPDX-License-Identifier: MIT */
/*
 * inflate.c - see inflate.h. Codes of up to FAST_BITS bits are looked up in one step, longer ones bit
 * by bit in the order in which RFC 1951, 3.2.2, hands them out. A set of codes that leaves some bit
 * patterns without a meaning is refused, but for the one case that compressors make: a single code of
 * one bit.
 */
#include "guest/lib/inflate.h"
#include "guest/lib/crc32.h"
#include "guest/lib/env.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"

#define WINDOW	  32768u
#define MAX_BITS  15
#define FAST_BITS 10
#define NR_LENS	  288
#define NR_DISTS  32
#define END	  256

struct huffman {
	u16 fast[1 << FAST_BITS]; /* by the next bits of input: symbol << 4 | length; 0: longer */
	u16 count[MAX_BITS + 1];  /* codes of each length */
	u16 symbol[NR_LENS];	  /* in the order of their codes */
};

struct inflate {
	const u8 *in, *end;
	u64 bits; /* the next nr_bits of input, the first one lowest */
	unsigned nr_bits;
	inflate_sink_fn sink;
	void *arg;
	unsigned at;  /* in the window */
	bool wrapped; /* all of the window has been written */
	u32 crc;
	u64 total;
	struct huffman lens, dists;
	u8 window[WINDOW];
};

/* ---- input: bits ------------------------------------------------------------------------------------------ */

static void refill(struct inflate *s)
{
	while (s->nr_bits <= 56 && s->in < s->end) {
		s->bits |= (u64)*s->in++ << s->nr_bits;
		s->nr_bits += 8;
	}
}

static void drop(struct inflate *s, unsigned n)
{
	s->bits >>= n;
	s->nr_bits -= n;
}

/* n <= 32 bits as a number, or -EIO at the end of input. */
static s64 take(struct inflate *s, unsigned n)
{
	s64 v;

	refill(s);
	if (s->nr_bits < n)
		return -EIO;
	v = (s64)(s->bits & ((1ULL << n) - 1));
	drop(s, n);
	return v;
}

/* ---- output: the window -------------------------------------------------------------------------------------- */

static int flush(struct inflate *s)
{
	int err = 0;

	if (s->at) {
		s->crc = crc32_ieee(s->crc, s->window, s->at);
		s->total += s->at;
		err = s->sink(s->arg, s->window, s->at);
	}
	s->at = 0;
	return err;
}

static inline int put(struct inflate *s, u8 byte)
{
	s->window[s->at++] = byte;
	if (likely(s->at < WINDOW))
		return 0;
	s->wrapped = true;
	return flush(s);
}

static int copy_back(struct inflate *s, unsigned dist, unsigned len)
{
	unsigned from = (s->at - dist) & (WINDOW - 1);

	if (dist > s->at && !s->wrapped)
		return -EINVAL;
	/* The usual case: neither end wraps. Byte by byte, as the two may overlap. */
	if (from < s->at && s->at + len < WINDOW) {
		const u8 *src = s->window + from;
		u8 *dst = s->window + s->at;

		s->at += len;
		while (len--)
			*dst++ = *src++;
		return 0;
	}
	while (len--) {
		int err = put(s, s->window[from]);

		if (err)
			return err;
		from = (from + 1) & (WINDOW - 1);
	}
	return 0;
}

/* ---- codes ------------------------------------------------------------------------------------------------------ */

/* The bits of a code come highest first, those of everything else lowest first. */
static unsigned reversed(unsigned code, unsigned len)
{
	unsigned r = 0;

	while (len--) {
		r = r << 1 | (code & 1);
		code >>= 1;
	}
	return r;
}

static void fill_fast(struct huffman *h, unsigned symbol, unsigned code, unsigned len)
{
	for (unsigned i = reversed(code, len); i < 1u << FAST_BITS; i += 1u << len)
		h->fast[i] = (u16)(symbol << 4 | len);
}

/* From the length of each symbol's code (0: has none). single_ok: see the top of the file. */
static int build(struct huffman *h, const u8 *length, unsigned n, bool single_ok)
{
	u16 next_code[MAX_BITS + 2], place[MAX_BITS + 2];
	unsigned code = 0, used = 0, max = 0;
	int left = 1;

	memset(h->count, 0, sizeof(h->count));
	memset(h->fast, 0, sizeof(h->fast));
	for (unsigned i = 0; i < n; i++)
		h->count[length[i]]++;
	h->count[0] = 0;
	for (unsigned len = 1; len <= MAX_BITS; len++) {
		left = left * 2 - h->count[len];
		if (left < 0)
			return -EINVAL; /* more codes than bit patterns */
		place[len] = (u16)used;
		next_code[len] = (u16)code;
		used += h->count[len];
		code = (code + h->count[len]) << 1;
		if (h->count[len])
			max = len;
	}
	/* Without any code the first use is the error. */
	if (max && left && !(single_ok && max == 1))
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		unsigned len = length[i];

		if (!len)
			continue;
		h->symbol[place[len]++] = (u16)i;
		if (len <= FAST_BITS)
			fill_fast(h, i, next_code[len], len);
		next_code[len]++;
	}
	return 0;
}

static int decode_long(struct inflate *s, const struct huffman *h)
{
	unsigned code = 0, first = 0, index = 0;
	u64 bits = s->bits;

	for (unsigned len = 1; len <= MAX_BITS; len++) {
		unsigned count = h->count[len];

		code |= bits & 1;
		bits >>= 1;
		if (code < first + count) {
			if (len > s->nr_bits)
				return -EIO;
			drop(s, len);
			return h->symbol[index + code - first];
		}
		index += count;
		first = (first + count) << 1;
		code <<= 1;
	}
	return s->nr_bits < MAX_BITS ? -EIO : -EINVAL;
}

/* The next symbol, -EIO or -EINVAL. At least 15 bits are there, or all there are. */
static inline int decode(struct inflate *s, const struct huffman *h)
{
	unsigned hit = h->fast[s->bits & ((1u << FAST_BITS) - 1)], len = hit & 15;

	if (unlikely(!hit))
		return decode_long(s, h);
	if (unlikely(len > s->nr_bits))
		return -EIO;
	drop(s, len);
	return (int)(hit >> 4);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------- */

static int stored_block(struct inflate *s)
{
	s64 len, inverse;

	drop(s, s->nr_bits & 7);
	len = take(s, 16);
	inverse = take(s, 16);
	if (len < 0 || inverse < 0)
		return -EIO;
	if (len != (~inverse & 0xffff))
		return -EINVAL;
	while (len--) {
		s64 byte = take(s, 8);
		int err = byte < 0 ? (int)byte : put(s, (u8)byte);

		if (err)
			return err;
	}
	return 0;
}

/* RFC 1951, 3.2.5. */
static const u16 len_base[29] = { 3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,	 17,  19,  23, 27,
				  31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258 };
static const u8 len_extra[29] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
				  2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };
static const u16 dist_base[30] = { 1,	 2,    3,    4,	   5,	 7,    9,    13,    17,	   25,
				   33,	 49,   65,   97,   129,	 193,  257,  385,   513,   769,
				   1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577 };
static const u8 dist_extra[30] = { 0, 0, 0, 0, 1, 1, 2, 2,  3,	3,  4,	4,  5,	5,  6,
				   6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13 };

static int match(struct inflate *s, unsigned sym)
{
	s64 extra;
	unsigned len, dist;
	int d;

	if (sym >= ARRAY_SIZE(len_base))
		return -EINVAL;
	extra = take(s, len_extra[sym]);
	if (extra < 0)
		return -EIO;
	len = len_base[sym] + (unsigned)extra;
	refill(s);
	d = decode(s, &s->dists);
	if (d < 0)
		return d;
	if (d >= (int)ARRAY_SIZE(dist_base))
		return -EINVAL;
	extra = take(s, dist_extra[d]);
	if (extra < 0)
		return -EIO;
	dist = dist_base[d] + (unsigned)extra;
	return copy_back(s, dist, len);
}

static int coded_block(struct inflate *s)
{
	for (;;) {
		int sym, err;

		refill(s);
		sym = decode(s, &s->lens);
		if (sym < 0)
			return sym;
		if (sym == END)
			return 0;
		err = sym < END ? put(s, (u8)sym) : match(s, (unsigned)sym - END - 1);
		if (err)
			return err;
	}
}

static int fixed_block(struct inflate *s)
{
	u8 length[NR_LENS + NR_DISTS];

	memset(length, 8, 144);
	memset(length + 144, 9, 112);
	memset(length + 256, 7, 24);
	memset(length + 280, 8, 8);
	memset(length + NR_LENS, 5, NR_DISTS);
	if (build(&s->lens, length, NR_LENS, false) ||
	    build(&s->dists, length + NR_LENS, NR_DISTS, false))
		return -EINVAL;
	return coded_block(s);
}

/* The code lengths of a block's two sets, themselves coded (RFC 1951, 3.2.7): by s->lens. */
static int read_lengths(struct inflate *s, u8 *length, unsigned n)
{
	for (unsigned i = 0; i < n;) {
		static const u8 bits[3] = { 2, 3, 7 }, base[3] = { 3, 3, 11 };
		s64 repeat;
		u8 value = 0;
		int sym;

		refill(s);
		sym = decode(s, &s->lens);
		if (sym < 0)
			return sym;
		if (sym < 16) {
			length[i++] = (u8)sym;
			continue;
		}
		if (sym == 16) {
			if (!i)
				return -EINVAL;
			value = length[i - 1];
		}
		repeat = take(s, bits[sym - 16]);
		if (repeat < 0)
			return -EIO;
		repeat += base[sym - 16];
		if (i + (u64)repeat > n)
			return -EINVAL;
		while (repeat--)
			length[i++] = value;
	}
	return 0;
}

static int dynamic_block(struct inflate *s)
{
	static const u8 order[19] = { 16, 17, 18, 0, 8,	 7, 9,	6, 10, 5,
				      11, 4,  12, 3, 13, 2, 14, 1, 15 };
	u8 length[NR_LENS + NR_DISTS] = { 0 };
	s64 nlen = take(s, 5), ndist = take(s, 5), ncode = take(s, 4);
	int err;

	if (nlen < 0 || ndist < 0 || ncode < 0)
		return -EIO;
	nlen += 257;
	ndist += 1;
	if (nlen > 286 || ndist > 30)
		return -EINVAL;
	for (unsigned i = 0; i < ncode + 4; i++) {
		s64 len = take(s, 3);

		if (len < 0)
			return -EIO;
		length[order[i]] = (u8)len;
	}
	err = build(&s->lens, length, 19, false);
	if (err)
		return err;
	memset(length, 0, sizeof(length));
	err = read_lengths(s, length, (unsigned)(nlen + ndist));
	if (err)
		return err;
	if (!length[END])
		return -EINVAL; /* the block could not end */
	err = build(&s->lens, length, (unsigned)nlen, true);
	if (!err)
		err = build(&s->dists, length + nlen, (unsigned)ndist, true);
	return err ? err : coded_block(s);
}

static int blocks(struct inflate *s)
{
	s64 last, type;
	int err;

	do {
		last = take(s, 1);
		type = take(s, 2);
		if (last < 0 || type < 0)
			return -EIO;
		switch (type) {
		case 0:
			err = stored_block(s);
			break;
		case 1:
			err = fixed_block(s);
			break;
		case 2:
			err = dynamic_block(s);
			break;
		default:
			err = -EINVAL;
		}
		if (err)
			return err;
	} while (!last);
	return flush(s);
}

static struct inflate *begin(const u8 *in, size_t len, inflate_sink_fn sink, void *arg)
{
	struct inflate *s = env_alloc(sizeof(*s));

	if (s) {
		s->in = in;
		s->end = in + len;
		s->sink = sink;
		s->arg = arg;
	}
	return s;
}

/* Bytes used; what was read ahead does not count. */
static size_t consumed(const struct inflate *s, const u8 *in)
{
	return (size_t)(s->in - in) - s->nr_bits / 8;
}

int inflate_raw(const void *in, size_t len, size_t *used, inflate_sink_fn sink, void *arg)
{
	struct inflate *s = begin(in, len, sink, arg);
	int err;

	*used = 0;
	if (!s)
		return -ENOMEM;
	err = blocks(s);
	*used = consumed(s, in);
	env_free(s, sizeof(*s));
	return err;
}

/* ---- gzip: RFC 1952 ------------------------------------------------------------------------------------------------ */

#define FTEXT	  0x01
#define FHCRC	  0x02
#define FEXTRA	  0x04
#define FNAME	  0x08
#define FCOMMENT  0x10
#define FRESERVED 0xe0

bool is_gzip(const void *in, size_t len)
{
	const u8 *p = in;

	return len >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}

static size_t skip_text(const u8 *in, size_t len, size_t at)
{
	while (at < len && in[at])
		at++;
	return at + 1;
}

/* The length of the header, or -errno. */
static s64 header(const u8 *in, size_t len)
{
	size_t at = 10;
	u8 flags;

	if (!is_gzip(in, len))
		return -EINVAL;
	if (len < at)
		return -EIO;
	flags = in[3];
	if (in[2] != 8 || flags & FRESERVED)
		return -EINVAL;
	if (flags & FEXTRA) {
		if (len < at + 2)
			return -EIO;
		at += 2 + (in[at] | (size_t)in[at + 1] << 8);
	}
	if (flags & FNAME)
		at = skip_text(in, len, at);
	if (flags & FCOMMENT)
		at = skip_text(in, len, at);
	if (flags & FHCRC) {
		if (len < at + 2)
			return -EIO;
		if ((crc32_ieee(0, in, at) & 0xffff) != (in[at] | (u32)in[at + 1] << 8))
			return -EIO;
		at += 2;
	}
	return at > len ? -EIO : (s64)at;
}

static u32 le32(const u8 *p)
{
	return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

int inflate_gzip(const void *in, size_t len, size_t *used, inflate_sink_fn sink, void *arg)
{
	const u8 *p = in;
	s64 start = header(p, len);
	struct inflate *s;
	int err;

	*used = 0;
	if (start < 0)
		return (int)start;
	s = begin(p + start, len - (size_t)start, sink, arg);
	if (!s)
		return -ENOMEM;
	err = blocks(s);
	*used = (size_t)start + consumed(s, p + start);
	if (!err) {
		if (len - *used < 8 || le32(p + *used) != s->crc ||
		    le32(p + *used + 4) != (u32)s->total)
			err = -EIO;
		else
			*used += 8;
	}
	env_free(s, sizeof(*s));
	return err;
}
