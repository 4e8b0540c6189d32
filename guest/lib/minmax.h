/* SPDX-License-Identifier: MIT */
/* minmax.h - comparisons beyond MIN and MAX of types.h; arguments are evaluated once. */
#ifndef GUEST_LIB_MINMAX_H
#define GUEST_LIB_MINMAX_H

#include "guest/lib/types.h"

/* Both sides are converted to the named type first: for mixed signs and widths. */
#define min_t(type, a, b) MIN((type)(a), (type)(b))
#define max_t(type, a, b) MAX((type)(a), (type)(b))

/* lo <= hi. */
#define clamp_t(type, x, lo, hi)                                                                  \
	({                                                                                        \
		type clamp_x_ = (type)(x), clamp_lo_ = (type)(lo);                                \
		type clamp_hi_ = (type)(hi);                                                      \
		clamp_x_ < clamp_lo_ ? clamp_lo_ : (clamp_x_ > clamp_hi_ ? clamp_hi_ : clamp_x_); \
	})

#define swap(a, b)                             \
	do {                                   \
		__typeof__(a) swap_tmp_ = (a); \
		(a) = (b);                     \
		(b) = swap_tmp_;               \
	} while (0)

#endif
