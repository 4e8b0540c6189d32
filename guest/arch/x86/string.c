/* SPDX-License-Identifier: MIT */
/*
 * string.c - copying and filling by the CPU's string instructions, in place of the portable loops.
 * Starting one costs some dozens of cycles, so short pieces stay with the loops. On a host that
 * interprets the kernel one `rep` is one instruction to decode, whatever its length.
 */
#include "guest/lib/string.h"

#define WORTH_IT 128

static void copy_forward(void *dst, const void *src, size_t n)
{
	size_t words = n / 8, rest = n % 8;

	__asm__ volatile("rep movsq\n\t"
			 "movq %3, %2\n\t"
			 "rep movsb"
			 : "+D"(dst), "+S"(src), "+c"(words)
			 : "r"(rest)
			 : "memory");
}

void *(memcpy)(void *restrict dst, const void *restrict src, size_t n)
{
	if (n < WORTH_IT)
		return lib_memcpy(dst, src, n);
	copy_forward(dst, src, n);
	return dst;
}

void *(memmove)(void *dst, const void *src, size_t n)
{
	/* Forward is right unless dst begins inside the source. */
	if (n < WORTH_IT || (uintptr_t)dst - (uintptr_t)src < n)
		return lib_memmove(dst, src, n);
	copy_forward(dst, src, n);
	return dst;
}

void *(memset)(void *dst, int c, size_t n)
{
	u64 pattern = 0x0101010101010101ULL * (u8)c;
	size_t words = n / 8, rest = n % 8;
	void *d = dst;

	if (n < WORTH_IT)
		return lib_memset(dst, c, n);
	__asm__ volatile("rep stosq\n\t"
			 "movq %3, %1\n\t"
			 "rep stosb"
			 : "+D"(d), "+c"(words)
			 : "a"(pattern), "r"(rest)
			 : "memory");
	return dst;
}
