/* SPDX-License-Identifier: MIT */
/* size.h - byte counts as people write them on a command line: "256M", "1G", "512". */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include "base/types.h"

/*
 * Reads a whole string of the form DIGITS[SUFFIX] into bytes. Suffixes, in either case, are powers
 * of 1024: K M G T, each also as KB or KiB and so on; B means bytes. A number without a suffix
 * counts MiB. No sign, space, fraction or hexadecimal. Returns 0, -EINVAL for any other text, or
 * -ERANGE when the value does not fit 64 bits; *out is written on success only.
 */
int size_parse(const char *text, u64 *out) must_check;

#define SIZE_TEXT 16

/*
 * Writes bytes with the largest suffix that is exact ("1536M", "4K", "1234567B", "0"), so that
 * size_parse() reads the same value back. A count too long for the buffer (not below 10^14) is
 * rounded down to T and marked: "~16777215T".
 */
void size_format(u64 bytes, char buf[SIZE_TEXT]);

#endif
