/* SPDX-License-Identifier: MIT */
/*
 * ring0_string.c - the standard names of string.h in the guest, over the bodies of guest/lib.
 *
 * Guest only: on the host these names are libc's (and AddressSanitizer's). memcpy, memmove and
 * memset are the architecture's (guest/arch/x86/string.c).
 */
#include "guest/lib/string.h"

/* A name in parentheses is not taken for the macro of string.h. */
int(memcmp)(const void *a, const void *b, size_t n)
{
	return lib_memcmp(a, b, n);
}

void *memchr(const void *s, int c, size_t n)
{
	return lib_memchr(s, c, n);
}

size_t(strlen)(const char *s)
{
	return lib_strlen(s);
}

size_t strnlen(const char *s, size_t max)
{
	return lib_strnlen(s, max);
}

int strcmp(const char *a, const char *b)
{
	return lib_strcmp(a, b);
}

int strncmp(const char *a, const char *b, size_t n)
{
	return lib_strncmp(a, b, n);
}

char *strchr(const char *s, int c)
{
	return lib_strchr(s, c);
}

char *strrchr(const char *s, int c)
{
	return lib_strrchr(s, c);
}

char *strstr(const char *hay, const char *needle)
{
	return lib_strstr(hay, needle);
}
