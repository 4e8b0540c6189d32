/* SPDX-License-Identifier: MIT */
/*
 * kallsyms.h - from an address to a function's name and offset.
 *
 * The build makes the table from the linked kernel's symbols (`nm -n`, types t T w W):
 *   base             the address that offsets count from, at or below the first symbol
 *   addr_offsets[i]  symbol i's address minus base, strictly ascending (of symbols at the same
 *                    address one is kept)
 *   name_offsets[i]  where symbol i's name begins in names
 *   names            NUL-terminated names, one after the other in the same order
 *   count            the number of symbols; the last one stands for the end of the text (`_etext`)
 *                    and is never an answer
 */
#ifndef GUEST_LIB_KALLSYMS_H
#define GUEST_LIB_KALLSYMS_H

#include "guest/lib/types.h"

struct ksym_table {
	const u32 *addr_offsets;
	const u32 *name_offsets;
	const char *names;
	u32 count;
	u64 base;
};

struct ksym {
	const char *name;
	u64 offset; /* of the address within the symbol */
	u64 size;   /* up to the next symbol */
};

/* False when the address is below the first symbol or not below the last. Any context. */
bool ksym_lookup(const struct ksym_table *t, u64 addr, struct ksym *out);

/* "name+0x12/0x40", or "0xffff..." when unknown; returns the whole length as ksnprintf() does. */
int ksym_format(const struct ksym_table *t, u64 addr, char *buf, size_t size);

/* NULL, or what is wrong with the table ("K1: addresses do not ascend"). */
const char *ksym_check(const struct ksym_table *t);

#endif
