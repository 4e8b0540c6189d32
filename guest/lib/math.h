/* SPDX-License-Identifier: MIT */
/*
 * math.h - wide multiplication and division without libgcc.
 *
 * Multiplying into 128 bits is one instruction; dividing 128 bits by a variable would be a call to
 * __udivti3, which a freestanding kernel does not have, so that one is a function here.
 */
#ifndef GUEST_LIB_MATH_H
#define GUEST_LIB_MATH_H

#include "guest/lib/types.h"

typedef unsigned __int128 u128;

/* Positive b; no overflow in a + b - 1. */
#define DIV_ROUND_UP(a, b)	(((a) + (b)-1) / (b))
#define DIV_ROUND_CLOSEST(a, b) (((a) + (b) / 2) / (b))

static inline u64 div_u64_rem(u64 a, u32 b, u32 *rem)
{
	*rem = (u32)(a % b);
	return a / b;
}

static inline u64 div_u64(u64 a, u32 b)
{
	return a / b;
}

static inline u64 div64_u64(u64 a, u64 b)
{
	return a / b;
}

static inline s64 div_s64(s64 a, s32 b)
{
	return a / b;
}

/* The low 64 bits of (a * b) >> shift, the product being 128 bits wide; shift 0..127. */
static inline u64 mul_u64_u64_shr(u64 a, u64 b, unsigned shift)
{
	return (u64)(((u128)a * b) >> shift);
}

static inline u64 mul_u64_u32_shr(u64 a, u32 b, unsigned shift)
{
	return mul_u64_u64_shr(a, b, shift);
}

/* a * b / c with a 128-bit product; UINT64_MAX when the quotient does not fit. c > 0. */
u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 c);

/* Square root, rounded down. */
u32 int_sqrt64(u64 x);

/* Greatest common divisor; gcd(0, b) is b. */
u64 gcd(u64 a, u64 b);

#endif
