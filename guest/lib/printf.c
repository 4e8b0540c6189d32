/* SPDX-License-Identifier: MIT */
/*
 * printf.c - the formatter behind printf.h.
 *
 * Written for a host that emulates every instruction: text moves in blocks, decimal numbers come
 * two digits per division (by a constant, hence a multiplication), and nothing is formatted twice
 * to learn its length.
 */
#include "guest/lib/printf.h"

#include "guest/lib/string.h"

enum { F_MINUS = 1, F_PLUS = 2, F_SPACE = 4, F_ALT = 8, F_ZERO = 16, F_UPPER = 32 };

struct spec {
	unsigned flags;
	int width;
	int precision; /* -1: none */
};

/* Where text goes: len runs on past size, so that the whole length is known. */
struct out {
	char *buf;
	size_t len, size;
};

static const struct printf_ext *printf_ext_table;

void printf_set_ext(const struct printf_ext *table)
{
	printf_ext_table = table;
}

static void put_bytes(struct out *o, const char *s, size_t n)
{
	if (o->len < o->size)
		memcpy(o->buf + o->len, s, MIN(n, o->size - o->len));
	o->len += n;
}

static void put_fill(struct out *o, char c, int n)
{
	if (n <= 0)
		return;
	if (o->len < o->size)
		memset(o->buf + o->len, c, MIN((size_t)n, o->size - o->len));
	o->len += (size_t)n;
}

/* The digits of v, ending at `end`; returns where they begin. Zero gives none. */
static char *digits_10(char *end, u64 v)
{
	static const char pairs[] = "00010203040506070809"
				    "10111213141516171819"
				    "20212223242526272829"
				    "30313233343536373839"
				    "40414243444546474849"
				    "50515253545556575859"
				    "60616263646566676869"
				    "70717273747576777879"
				    "80818283848586878889"
				    "90919293949596979899";

	while (v >= 10) {
		const char *pair = &pairs[v % 100 * 2];

		v /= 100;
		*--end = pair[1];
		*--end = pair[0];
	}
	if (v)
		*--end = (char)('0' + v);
	return end;
}

static char *digits_pow2(char *end, u64 v, unsigned shift, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	for (; v; v >>= shift)
		*--end = digits[v & ((1u << shift) - 1)];
	return end;
}

/* C17 7.21.6.1: precision is the least number of digits; it switches the 0 flag off. A sign goes
 * with decimal numbers only, so that it and 0x never meet. */
static void put_number(struct out *o, const struct spec *sp, u64 v, unsigned base, char sign)
{
	char buf[24], *end = buf + sizeof(buf), *p;
	char prefix[2];
	int n_prefix = 0, n_digits, zeros, pad;

	if (base == 10)
		p = digits_10(end, v);
	else
		p = digits_pow2(end, v, base == 16 ? 4 : 3, sp->flags & F_UPPER);
	n_digits = (int)(end - p);
	if (sign)
		prefix[n_prefix++] = sign;
	if (base == 16 && (sp->flags & F_ALT) && v) {
		prefix[n_prefix++] = '0';
		prefix[n_prefix++] = sp->flags & F_UPPER ? 'X' : 'x';
	}
	zeros = (sp->precision < 0 ? 1 : sp->precision) - n_digits;
	zeros = MAX(zeros, base == 8 && (sp->flags & F_ALT) ? 1 : 0);
	pad = sp->width - n_prefix - n_digits;
	pad = pad > zeros ? pad - zeros : 0;
	if ((sp->flags & (F_ZERO | F_MINUS)) == F_ZERO && sp->precision < 0) {
		zeros += pad;
		pad = 0;
	}
	if (!(sp->flags & F_MINUS))
		put_fill(o, ' ', pad);
	put_bytes(o, prefix, (size_t)n_prefix);
	put_fill(o, '0', zeros);
	put_bytes(o, p, (size_t)n_digits);
	if (sp->flags & F_MINUS)
		put_fill(o, ' ', pad);
}

static void put_padded(struct out *o, const struct spec *sp, const char *s, size_t n)
{
	int pad = (size_t)MAX(sp->width, 0) > n ? sp->width - (int)n : 0;

	if (!(sp->flags & F_MINUS))
		put_fill(o, ' ', pad);
	put_bytes(o, s, n);
	if (sp->flags & F_MINUS)
		put_fill(o, ' ', pad);
}

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
	/* As glibc: a precision too small for the whole word leaves nothing of it. */
	if (!s)
		s = sp->precision < 0 || sp->precision >= 6 ? "(null)" : "";
	put_padded(o, sp, s, sp->precision < 0 ? strlen(s) : strnlen(s, (size_t)sp->precision));
}

static const struct printf_ext *find_ext(char letter)
{
	const struct printf_ext *e = printf_ext_table;

	for (; e && e->letter; e++)
		if (e->letter == letter)
			return e;
	return NULL;
}

/* Returns where the format goes on: behind the extension's letter, if there is one. */
static const char *put_pointer(struct out *o, struct spec *sp, const char *fmt, const void *ptr)
{
	const struct printf_ext *e = *fmt ? find_ext(*fmt) : NULL;
	char text[128];
	int n;

	if (e) {
		n = e->format(e->arg, text, sizeof(text), ptr);
		put_padded(o, sp, text, MIN((size_t)MAX(n, 0), sizeof(text) - 1));
		return fmt + 1;
	}
	sp->precision = -1;
	if (ptr) {
		sp->flags |= F_ALT;
		put_number(o, sp, (u64)(uintptr_t)ptr, 16, 0);
	} else {
		put_padded(o, sp, "(nil)", 5);
	}
	return *fmt == 'S' ? fmt + 1 : fmt;
}

static const char *parse_flags(const char *fmt, unsigned *flags)
{
	for (;; fmt++) {
		switch (*fmt) {
		case '-':
			*flags |= F_MINUS;
			break;
		case '+':
			*flags |= F_PLUS;
			break;
		case ' ':
			*flags |= F_SPACE;
			break;
		case '#':
			*flags |= F_ALT;
			break;
		case '0':
			*flags |= F_ZERO;
			break;
		default:
			return fmt;
		}
	}
}

/* Saturates: a number too large for an int stays the largest. */
static const char *parse_int(const char *fmt, int *out)
{
	unsigned v = 0;

	for (; is_digit(*fmt); fmt++)
		v = v < 200000000u ? v * 10 + (unsigned)(*fmt - '0') : 0x7fffffffu;
	*out = (int)v;
	return fmt;
}

/* Bytes of the integer that a length modifier names; signed char and short arrive as int. */
static const char *parse_length(const char *fmt, unsigned *bytes)
{
	*bytes = 4;
	switch (*fmt) {
	case 'h':
		*bytes = fmt[1] == 'h' ? 1 : 2;
		return fmt + (fmt[1] == 'h' ? 2 : 1);
	case 'l':
		*bytes = 8;
		return fmt + (fmt[1] == 'l' ? 2 : 1);
	case 'z':
	case 't':
	case 'j':
		*bytes = 8;
		return fmt + 1;
	}
	return fmt;
}

static u64 narrow(u64 v, unsigned bytes, bool is_signed)
{
	switch (bytes) {
	case 1:
		return is_signed ? (u64)(s8)v : (u8)v;
	case 2:
		return is_signed ? (u64)(s16)v : (u16)v;
	case 4:
		return is_signed ? (u64)(s32)v : (u32)v;
	}
	return v;
}

/* The argument list inside a structure, so that functions may take from it in turn (C17 7.16). */
struct args {
	va_list ap;
};

static void put_signed(struct out *o, struct spec *sp, unsigned bytes, struct args *a)
{
	u64 raw = bytes == 8 ? va_arg(a->ap, u64) : va_arg(a->ap, u32);
	s64 v = (s64)narrow(raw, bytes, true);
	char sign = v < 0 ? '-' : sp->flags & F_PLUS ? '+' : sp->flags & F_SPACE ? ' ' : 0;

	put_number(o, sp, v < 0 ? -(u64)v : (u64)v, 10, sign);
}

static void put_unsigned(struct out *o, struct spec *sp, unsigned bytes, unsigned base,
			 struct args *a)
{
	u64 raw = bytes == 8 ? va_arg(a->ap, u64) : va_arg(a->ap, u32);

	put_number(o, sp, narrow(raw, bytes, false), base, 0);
}

/* One conversion; fmt is behind the `%`. Returns where the format goes on. */
static const char *convert(struct out *o, const char *fmt, struct args *a)
{
	const char *start = fmt;
	struct spec sp = { .precision = -1 };
	unsigned bytes;
	char c;

	fmt = parse_flags(fmt, &sp.flags);
	if (*fmt == '*') {
		sp.width = va_arg(a->ap, int);
		if (sp.width < 0) {
			sp.flags |= F_MINUS;
			sp.width = sp.width == -0x7fffffff - 1 ? 0x7fffffff : -sp.width;
		}
		fmt++;
	} else if (*fmt) {
		fmt = parse_int(fmt, &sp.width);
	}
	if (*fmt == '.') {
		if (*++fmt == '*') {
			sp.precision = MAX(va_arg(a->ap, int), -1);
			fmt++;
		} else {
			fmt = parse_int(fmt, &sp.precision);
		}
	}
	fmt = parse_length(fmt, &bytes);

	switch (*fmt++) {
	case 'd':
	case 'i':
		put_signed(o, &sp, bytes, a);
		return fmt;
	case 'u':
		put_unsigned(o, &sp, bytes, 10, a);
		return fmt;
	case 'X':
		sp.flags |= F_UPPER;
		/* fall through */
	case 'x':
		put_unsigned(o, &sp, bytes, 16, a);
		return fmt;
	case 'o':
		put_unsigned(o, &sp, bytes, 8, a);
		return fmt;
	case 'c':
		c = (char)va_arg(a->ap, int);
		put_padded(o, &sp, &c, 1);
		return fmt;
	case 's':
		put_string(o, &sp, va_arg(a->ap, const char *));
		return fmt;
	case 'p':
		return put_pointer(o, &sp, fmt, va_arg(a->ap, const void *));
	case '%':
		put_bytes(o, "%", 1);
		return fmt;
	}
	/* Unknown, or the format ends in the middle: show it, so that somebody sees it. */
	put_bytes(o, "%", 1);
	return start;
}

int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { .buf = buf, .size = size };
	struct args a;

	va_copy(a.ap, ap);
	for (;;) {
		const char *literal = fmt;

		while (*fmt && *fmt != '%')
			fmt++;
		if (fmt != literal)
			put_bytes(&o, literal, (size_t)(fmt - literal));
		if (!*fmt)
			break;
		fmt = convert(&o, fmt + 1, &a);
	}
	va_end(a.ap);
	if (size)
		buf[MIN(o.len, size - 1)] = 0;
	return (int)MIN(o.len, (size_t)0x7fffffff);
}

int ksnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

int kvscnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	int n = kvsnprintf(buf, size, fmt, ap);

	if ((size_t)n < size)
		return n;
	return size ? (int)(size - 1) : 0;
}

int kscnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvscnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
