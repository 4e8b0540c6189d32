/* SPDX-License-Identifier: MIT */
/* parse.h - numbers out of text that somebody else wrote. All return 0, -EINVAL or -ERANGE. */
#ifndef GUEST_LIB_PARSE_H
#define GUEST_LIB_PARSE_H

#include "guest/lib/types.h"

/*
 * All `len` characters of s as an unsigned number. base 0: 0x.. is hexadecimal, 0.. octal, else
 * decimal; base 2..36 as given (16 also accepts 0x). *out is written on success only.
 */
int parse_u64(const char *s, size_t len, unsigned base, u64 *out);

/* The same with an optional sign in front. */
int parse_s64(const char *s, size_t len, unsigned base, s64 *out);

/* The same (base 0) with an optional suffix K M G T P E in either case: powers of 1024. */
int parse_size(const char *s, size_t len, u64 *out);

/* 1 y yes on true; 0 n no off false; in either case. */
int parse_bool(const char *s, size_t len, bool *out);

#endif
