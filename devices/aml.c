/* SPDX-License-Identifier: MIT */
/*
 * aml.c - the AML grammar of ACPI 6.5 section 20.2, as far as a static machine needs it.
 *
 * Package lengths come before their contents and are themselves part of the length, so an object
 * is written without one and the length is inserted when the object ends (inner ones first).
 */
#include "devices/aml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_METHOD = 0x14,
	OP_DUAL_NAME = 0x2e,
	OP_MULTI_NAME = 0x2f,
	OP_EXT = 0x5b,
	OP_EXT_DEVICE = 0x82,
	OP_RETURN = 0xa4,
};

enum { OPEN_SCOPE = 1, OPEN_DEVICE, OPEN_METHOD, OPEN_PACKAGE, OPEN_RESOURCES };

#define PKG_LENGTH_MAX 0x0fffffffu /* 28 bits, 20.2.4 */
#define MAX_SEGMENTS   255u

static void fail(struct aml *a, int err)
{
	if (!a->err)
		a->err = err;
}

/* Makes room for n more bytes; false (and remembered) when there is none. */
static bool reserve(struct aml *a, size_t n)
{
	size_t cap = a->cap ? a->cap : 512;
	u8 *data;

	if (a->err)
		return false;
	if (n > PKG_LENGTH_MAX - a->len) {
		fail(a, -EOVERFLOW);
		return false;
	}
	if (a->len + n <= a->cap)
		return true;
	while (cap < a->len + n)
		cap *= 2;
	data = realloc(a->data, cap);
	if (!data) {
		fail(a, -ENOMEM);
		return false;
	}
	a->data = data;
	a->cap = cap;
	return true;
}

static void put_bytes(struct aml *a, const void *bytes, size_t n)
{
	if (!n || !reserve(a, n))
		return;
	memcpy(a->data + a->len, bytes, n);
	a->len += n;
}

static void put8(struct aml *a, u8 v)
{
	put_bytes(a, &v, 1);
}

static void put_le(struct aml *a, u64 v, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		put8(a, (u8)(v >> (8 * i)));
}

static void insert(struct aml *a, size_t at, const u8 *bytes, size_t n)
{
	if (!reserve(a, n))
		return;
	memmove(a->data + at + n, a->data + at, a->len - at);
	memcpy(a->data + at, bytes, n);
	a->len += n;
}

/* 20.2.4: encodes the length of `content` bytes plus its own bytes; returns how many those are. */
static size_t encode_pkg_length(u8 out[4], size_t content)
{
	size_t n = 1, total;

	if (content + 1 > 0x3f)
		n = 2;
	if (n == 2 && content + 2 > 0xfff)
		n = 3;
	if (n == 3 && content + 3 > 0xfffff)
		n = 4;
	total = content + n;
	if (n == 1) {
		out[0] = (u8)total;
		return 1;
	}
	out[0] = (u8)((n - 1) << 6 | (total & 0xf));
	for (size_t i = 1; i < n; i++)
		out[i] = (u8)(total >> (8 * i - 4));
	return n;
}

/* The smallest of the integer forms of 20.2.3; returns its size. */
static size_t encode_int(u8 out[9], u64 v)
{
	unsigned size = v <= 0xff ? 1 : v <= 0xffff ? 2 : v <= 0xffffffff ? 4 : 8;

	if (v <= 1) {
		out[0] = v ? OP_ONE : OP_ZERO;
		return 1;
	}
	out[0] = size == 1 ? OP_BYTE : size == 2 ? OP_WORD : size == 4 ? OP_DWORD : OP_QWORD;
	for (unsigned i = 0; i < size; i++)
		out[1 + i] = (u8)(v >> (8 * i));
	return 1 + size;
}

static void open_object(struct aml *a, u8 kind)
{
	if (a->err)
		return;
	if (a->depth == AML_MAX_DEPTH) {
		fail(a, -EOVERFLOW);
		return;
	}
	a->open[a->depth].kind = kind;
	a->open[a->depth].start = a->len;
	a->depth++;
}

/* Returns the innermost open object's start, or SIZE_MAX when it is not of that kind. */
static size_t innermost(struct aml *a, u8 kind)
{
	if (a->err)
		return SIZE_MAX;
	if (!a->depth || a->open[a->depth - 1].kind != kind) {
		fail(a, -EINVAL);
		return SIZE_MAX;
	}
	return a->open[a->depth - 1].start;
}

static void close_object(struct aml *a, u8 kind)
{
	size_t start = innermost(a, kind);
	u8 length[4];

	if (start == SIZE_MAX)
		return;
	insert(a, start, length, encode_pkg_length(length, a->len - start));
	a->depth--;
}

static bool lead_char(char c)
{
	return (c >= 'A' && c <= 'Z') || c == '_';
}

/* One segment of 1..4 characters, padded; returns the characters used, 0 when it is no name. */
static size_t parse_segment(const char *p, u8 seg[4])
{
	size_t n = 0;

	if (!lead_char(*p))
		return 0;
	memset(seg, '_', 4);
	while (n < 4 && (lead_char(p[n]) || (p[n] >= '0' && p[n] <= '9'))) {
		seg[n] = (u8)p[n];
		n++;
	}
	return n;
}

/* 20.2.2 NameString */
void aml_path(struct aml *a, const char *path)
{
	size_t nr = 0, used;
	const char *p;
	u8 seg[4];

	if (*path == '\\')
		put8(a, (u8)*path++);
	else
		while (*path == '^')
			put8(a, (u8)*path++);

	for (p = path; *p; nr++) {
		used = parse_segment(p, seg);
		p += used;
		if (!used || (*p && (*p != '.' || !p[1])) || nr == MAX_SEGMENTS) {
			fail(a, -EINVAL);
			return;
		}
		p += *p == '.';
	}
	if (nr == 0)
		put8(a, OP_ZERO); /* NullName: the root, or the parent itself */
	if (nr == 2)
		put8(a, OP_DUAL_NAME);
	if (nr > 2) {
		put8(a, OP_MULTI_NAME);
		put8(a, (u8)nr);
	}
	for (p = path; *p; p += *p == '.') {
		p += parse_segment(p, seg);
		put_bytes(a, seg, sizeof(seg));
	}
}

/* What is being defined or opened must be named; only a reference may be the empty name. */
static void define(struct aml *a, const char *name)
{
	if (!*name)
		fail(a, -EINVAL);
	aml_path(a, name);
}

void aml_init(struct aml *a)
{
	memset(a, 0, sizeof(*a));
}

void aml_free(struct aml *a)
{
	free(a->data);
	aml_init(a);
}

int aml_finish(const struct aml *a)
{
	if (a->err)
		return a->err;
	return a->depth ? -EINVAL : 0;
}

void aml_scope_begin(struct aml *a, const char *path)
{
	put8(a, OP_SCOPE);
	open_object(a, OPEN_SCOPE);
	define(a, path);
}

void aml_scope_end(struct aml *a)
{
	close_object(a, OPEN_SCOPE);
}

void aml_device_begin(struct aml *a, const char *name)
{
	put8(a, OP_EXT);
	put8(a, OP_EXT_DEVICE);
	open_object(a, OPEN_DEVICE);
	define(a, name);
}

void aml_device_end(struct aml *a)
{
	close_object(a, OPEN_DEVICE);
}

void aml_method_begin(struct aml *a, const char *name, unsigned nr_args, bool serialized)
{
	if (nr_args > 7)
		fail(a, -EOVERFLOW);
	put8(a, OP_METHOD);
	open_object(a, OPEN_METHOD);
	define(a, name);
	put8(a, (u8)(nr_args | (serialized ? 0x08u : 0)));
}

void aml_method_end(struct aml *a)
{
	close_object(a, OPEN_METHOD);
}

void aml_int(struct aml *a, u64 value)
{
	u8 bytes[9];
	size_t n = encode_int(bytes, value);

	put_bytes(a, bytes, n);
}

void aml_string(struct aml *a, const char *text)
{
	put8(a, OP_STRING);
	for (const char *p = text; *p; p++) {
		if ((u8)*p > 0x7f)
			fail(a, -EINVAL);
		put8(a, (u8)*p);
	}
	put8(a, 0);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * Three letters of five bits and four hex digits, most significant byte first in memory
 * (19.3.4, EISAID): always a DWord, however small the value.
 */
void aml_eisaid(struct aml *a, const char *id)
{
	u32 v = 0;

	for (unsigned i = 0; i < 7; i++) {
		int digit = i < 3 ? id[i] - '@' : hex_digit(id[i]);

		if (digit < (i < 3) || (i < 3 && digit > 26)) {
			fail(a, -EINVAL);
			return;
		}
		v = v << (i < 3 ? 5 : 4) | (u32)digit;
	}
	if (id[7]) {
		fail(a, -EINVAL);
		return;
	}
	put8(a, OP_DWORD);
	put_le(a, __builtin_bswap32(v), 4);
}

void aml_buffer(struct aml *a, const void *bytes, size_t n)
{
	u8 size[9], length[4];
	size_t size_len = encode_int(size, n);

	if (n > PKG_LENGTH_MAX - 16) {
		fail(a, -EOVERFLOW);
		return;
	}
	put8(a, OP_BUFFER);
	put_bytes(a, length, encode_pkg_length(length, size_len + n));
	put_bytes(a, size, size_len);
	put_bytes(a, bytes, n);
}

void aml_return(struct aml *a)
{
	put8(a, OP_RETURN);
}

static void name(struct aml *a, const char *path)
{
	put8(a, OP_NAME);
	define(a, path);
}

void aml_name_int(struct aml *a, const char *path, u64 value)
{
	name(a, path);
	aml_int(a, value);
}

void aml_name_string(struct aml *a, const char *path, const char *text)
{
	name(a, path);
	aml_string(a, text);
}

void aml_name_eisaid(struct aml *a, const char *path, const char *id)
{
	name(a, path);
	aml_eisaid(a, id);
}

void aml_name_buffer(struct aml *a, const char *path, const void *bytes, size_t n)
{
	name(a, path);
	aml_buffer(a, bytes, n);
}

void aml_package_begin(struct aml *a, unsigned nr_elements)
{
	if (nr_elements > 255)
		fail(a, -EOVERFLOW);
	put8(a, OP_PACKAGE);
	open_object(a, OPEN_PACKAGE);
	put8(a, (u8)nr_elements);
}

void aml_name_package_begin(struct aml *a, const char *path, unsigned nr_elements)
{
	name(a, path);
	aml_package_begin(a, nr_elements);
}

void aml_package_end(struct aml *a)
{
	close_object(a, OPEN_PACKAGE);
}

void aml_resources_begin(struct aml *a, const char *path)
{
	name(a, path);
	put8(a, OP_BUFFER);
	open_object(a, OPEN_RESOURCES);
}

/* Descriptors belong directly inside a template. */
static bool in_resources(struct aml *a)
{
	return innermost(a, OPEN_RESOURCES) != SIZE_MAX;
}

/* 6.4.2.5 */
void aml_resource_io(struct aml *a, u16 port, u8 len)
{
	if (!in_resources(a))
		return;
	if (!len || (unsigned)port + len > 0x10000)
		fail(a, -EOVERFLOW);
	put8(a, 0x47);
	put8(a, 1); /* decodes 16 address bits */
	put_le(a, port, 2);
	put_le(a, port, 2);
	put8(a, 1);
	put8(a, len);
}

/* 6.4.2.1 */
void aml_resource_irq(struct aml *a, unsigned irq)
{
	if (!in_resources(a))
		return;
	if (irq > 15) {
		fail(a, -EOVERFLOW);
		return;
	}
	put8(a, 0x22);
	put_le(a, 1ULL << irq, 2);
}

/* 6.4.3.4 */
void aml_resource_memory32(struct aml *a, u32 base, u32 len, bool writable)
{
	if (!in_resources(a))
		return;
	put8(a, 0x86);
	put_le(a, 9, 2);
	put8(a, writable);
	put_le(a, base, 4);
	put_le(a, len, 4);
}

/* 6.4.3.6 */
void aml_resource_interrupt(struct aml *a, u32 gsi, enum aml_trigger trigger,
			    enum aml_polarity polarity, bool shared)
{
	u8 flags = 1; /* consumer */

	if (!in_resources(a))
		return;
	if (trigger == AML_EDGE)
		flags |= 1 << 1;
	if (polarity == AML_ACTIVE_LOW)
		flags |= 1 << 2;
	if (shared)
		flags |= 1 << 3;
	put8(a, 0x89);
	put_le(a, 6, 2);
	put8(a, flags);
	put8(a, 1); /* one interrupt in the table */
	put_le(a, gsi, 4);
}

void aml_resources_end(struct aml *a)
{
	static const u8 end_tag[] = { 0x79, 0x00 };
	size_t start = innermost(a, OPEN_RESOURCES);
	u8 size[9];

	if (start == SIZE_MAX)
		return;
	put_bytes(a, end_tag, sizeof(end_tag));
	insert(a, start, size, encode_int(size, a->len - start));
	close_object(a, OPEN_RESOURCES);
}
