/* SPDX-License-Identifier: MIT */
/*
 * string.h - bytes and C strings.
 *
 * The standard names have their standard prototypes, and each environment brings its own bodies:
 * on the host they are libc's; in the guest guest/env/ring0_string.c (linked by the guest only)
 * exports them over the portable bodies lib_*() of guest/lib/string.c. There memcpy, memmove and
 * memset are weak: an architecture replaces them by defining strong symbols of the same names.
 *
 * memcpy, memmove, memset, memcmp and strlen are also macros over the compiler's builtins, because
 * a freestanding build otherwise calls a function even for eight bytes. A host file includes
 * <string.h> before this one.
 */
#ifndef GUEST_LIB_STRING_H
#define GUEST_LIB_STRING_H

#include "guest/lib/types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *hay, const char *needle);

#define memcpy(dst, src, n)  __builtin_memcpy((dst), (src), (n))
#define memmove(dst, src, n) __builtin_memmove((dst), (src), (n))
#define memset(dst, c, n)    __builtin_memset((dst), (c), (n))
#define memcmp(a, b, n)	     __builtin_memcmp((a), (b), (n))
#define strlen(s)	     __builtin_strlen(s)

/* The portable bodies of the above. */
void *lib_memcpy(void *restrict dst, const void *restrict src, size_t n);
void *lib_memmove(void *dst, const void *src, size_t n);
void *lib_memset(void *dst, int c, size_t n);
int lib_memcmp(const void *a, const void *b, size_t n);
void *lib_memchr(const void *s, int c, size_t n);
size_t lib_strlen(const char *s);
size_t lib_strnlen(const char *s, size_t max);
int lib_strcmp(const char *a, const char *b);
int lib_strncmp(const char *a, const char *b, size_t n);
char *lib_strchr(const char *s, int c);
char *lib_strrchr(const char *s, int c);
char *lib_strstr(const char *hay, const char *needle);

/*
 * Copies src with its NUL into dst of `size` bytes. Returns the length copied, or -E2BIG when it
 * was cut (then dst holds size - 1 bytes and a NUL; size 0 writes nothing).
 */
s64 strscpy(char *dst, const char *src, size_t size);

/* The first byte that is not c, or NULL. */
void *memchr_inv(const void *s, int c, size_t n);

/* The ASCII white space of isspace(): blank, \t \n \v \f \r. */
static inline bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The first character that is not white space. */
char *skip_spaces(const char *s);

/* Cuts white space off the end in place; returns the first character that is not white space. */
char *strim(char *s);

/* Whether s begins with prefix. */
bool str_has_prefix(const char *s, const char *prefix);

#endif
