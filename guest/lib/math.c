/* SPDX-License-Identifier: MIT */
/* math.c - division of 128-bit products, integer roots. */
#include "guest/lib/math.h"

#include "guest/lib/bitops.h"

/*
 * (hi:lo) / d for hi < d, so that the quotient fits 64 bits. Schoolbook division in digits of 32
 * bits (Knuth, The Art of Computer Programming, volume 2, section 4.3.1, algorithm D): with the
 * divisor's top bit set, a quotient digit estimated from its upper half is at most 2 too large.
 */
static u64 div_digit(u64 rest, u64 next, u64 d, u64 *rest_out)
{
	u64 d_hi = d >> 32, d_lo = (u32)d;
	u64 q = rest / d_hi, r = rest % d_hi;

	while (q >> 32 || q * d_lo > ((r << 32) | next)) {
		q--;
		r += d_hi;
		if (r >> 32)
			break;
	}
	*rest_out = (rest << 32 | next) - q * d; /* modulo 2^64; the true value is below d */
	return q;
}

static u64 div_u128(u64 hi, u64 lo, u64 d)
{
	unsigned shift = 63 - __fls(d);
	u64 q1, q0, rest;

	if (shift) {
		d <<= shift;
		hi = hi << shift | lo >> (64 - shift);
		lo <<= shift;
	}
	q1 = div_digit(hi, lo >> 32, d, &rest);
	q0 = div_digit(rest, (u32)lo, d, &rest);
	return q1 << 32 | q0;
}

u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 c)
{
	u128 product = (u128)a * b;
	u64 hi = (u64)(product >> 64), lo = (u64)product;

	if (!hi)
		return lo / c;
	if (hi >= c)
		return ~0ULL;
	return div_u128(hi, lo, c);
}

u32 int_sqrt64(u64 x)
{
	u64 root = 0, bit;

	if (!x)
		return 0;
	/* One binary digit of the root after the other, from the highest power of 4 within x. */
	for (bit = 1ULL << (__fls(x) & ~1u); bit; bit >>= 2) {
		if (x >= root + bit) {
			x -= root + bit;
			root = (root >> 1) + bit;
		} else {
			root >>= 1;
		}
	}
	return (u32)root;
}

u64 gcd(u64 a, u64 b)
{
	while (b) {
		u64 r = a % b;

		a = b;
		b = r;
	}
	return a;
}
