/* SPDX-License-Identifier: MIT */
/* types.h - integer names, the guest-physical address type and small helpers for host code. */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

/*
 * A guest-physical address. A struct, so that adding one to a host pointer, or passing a host
 * pointer where a gpa is meant, does not compile.
 */
typedef struct {
	u64 v;
} gpa_t;

#define GPA(x)				((gpa_t){ .v = (x) })

#define KiB				(1UL << 10)
#define MiB				(1UL << 20)
#define GiB				(1UL << 30)
#define TiB				(1UL << 40)

#define GUEST_PAGE_SIZE			4096UL

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define MIN(a, b)                                  \
	({                                         \
		__typeof__(a) min_a_ = (a);        \
		__typeof__(b) min_b_ = (b);        \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define MAX(a, b)                                  \
	({                                         \
		__typeof__(a) max_a_ = (a);        \
		__typeof__(b) max_b_ = (b);        \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})

/* align must be a power of two; ALIGN_UP wraps to 0 at the top of the type, callers check. */
#define ALIGN_DOWN(x, align)   ((x) & ~((__typeof__(x))(align)-1))
#define ALIGN_UP(x, align)     ALIGN_DOWN((x) + ((__typeof__(x))(align)-1), (align))

#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
#define must_check	       __attribute__((warn_unused_result))

#endif
