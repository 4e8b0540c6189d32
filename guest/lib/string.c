/* SPDX-License-Identifier: MIT */
/* string.c - the portable bodies behind string.h. */
#include "guest/lib/string.h"

#include "guest/lib/errno.h"

/*
 * Compilers recognise a loop that copies, fills or measures and put a call to memcpy, memset or
 * strlen in its place; below, that call would come straight back here. A value the optimiser
 * cannot see through keeps the loop a loop, at no instruction's cost.
 */
#define OPAQUE(v) __asm__("" : "+r"(v))

static inline u64 load64(const u8 *p)
{
	u64 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline void store64(u8 *p, u64 v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

static void copy_up(u8 *d, const u8 *s, size_t n)
{
	for (; n >= 8; n -= 8, d += 8, s += 8) {
		OPAQUE(d);
		store64(d, load64(s));
	}
	for (; n; n--) {
		OPAQUE(d);
		*d++ = *s++;
	}
}

static void copy_down(u8 *d, const u8 *s, size_t n)
{
	for (; n >= 8; n -= 8) {
		OPAQUE(d);
		store64(d + n - 8, load64(s + n - 8));
	}
	for (; n; n--) {
		OPAQUE(d);
		d[n - 1] = s[n - 1];
	}
}

void *lib_memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	copy_up(dst, src, n);
	return dst;
}

void *lib_memmove(void *dst, const void *src, size_t n)
{
	/* Eight bytes are loaded before they are stored, so that going up is right for any
	 * destination below its source, however near. */
	if ((uintptr_t)dst - (uintptr_t)src >= n)
		copy_up(dst, src, n);
	else
		copy_down(dst, src, n);
	return dst;
}

void *lib_memset(void *dst, int c, size_t n)
{
	u64 pattern = 0x0101010101010101ULL * (u8)c;
	u8 *d = dst;

	for (; n >= 8; n -= 8, d += 8) {
		OPAQUE(d);
		store64(d, pattern);
	}
	for (; n; n--) {
		OPAQUE(d);
		*d++ = (u8)c;
	}
	return dst;
}

int lib_memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;

	for (; n >= 8 && load64(p) == load64(q); n -= 8) {
		p += 8;
		q += 8;
	}
	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

void *lib_memchr(const void *s, int c, size_t n)
{
	const u8 *p = s;

	for (; n; n--, p++)
		if (*p == (u8)c)
			return (void *)p;
	return NULL;
}

void *memchr_inv(const void *s, int c, size_t n)
{
	u64 pattern = 0x0101010101010101ULL * (u8)c;
	const u8 *p = s;

	for (; n >= 8 && load64(p) == pattern; n -= 8)
		p += 8;
	for (; n; n--, p++)
		if (*p != (u8)c)
			return (void *)p;
	return NULL;
}

size_t lib_strlen(const char *s)
{
	const char *p = s;

	while (*p) {
		p++;
		OPAQUE(p);
	}
	return (size_t)(p - s);
}

size_t lib_strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int lib_strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	return (u8)*a - (u8)*b;
}

int lib_strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}

char *lib_strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

char *lib_strrchr(const char *s, int c)
{
	const char *last = NULL;

	do {
		if (*s == (char)c)
			last = s;
	} while (*s++);
	return (char *)last;
}

char *lib_strstr(const char *hay, const char *needle)
{
	size_t n = lib_strlen(needle);

	for (;; hay++) {
		if (lib_strncmp(hay, needle, n) == 0)
			return (char *)hay;
		if (!*hay)
			return NULL;
	}
}

s64 strscpy(char *dst, const char *src, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		dst[i] = src[i];
		if (!src[i])
			return (s64)i;
	}
	if (size)
		dst[size - 1] = 0;
	return -E2BIG;
}

char *skip_spaces(const char *s)
{
	while (is_space(*s))
		s++;
	return (char *)s;
}

char *strim(char *s)
{
	size_t n = lib_strlen(s);

	while (n && is_space(s[n - 1]))
		n--;
	s[n] = 0;
	return skip_spaces(s);
}

bool str_has_prefix(const char *s, const char *prefix)
{
	for (; *prefix; prefix++, s++)
		if (*s != *prefix)
			return false;
	return true;
}
