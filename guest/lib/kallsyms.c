/* SPDX-License-Identifier: MIT */
/* kallsyms.c - symbol lookup by binary search. */
#include "guest/lib/kallsyms.h"

#include "guest/lib/printf.h"

/* How many symbols start at or below the offset. */
static u32 count_up_to(const struct ksym_table *t, u64 offset)
{
	u32 lo = 0, hi = t->count;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (t->addr_offsets[mid] <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool ksym_lookup(const struct ksym_table *t, u64 addr, struct ksym *out)
{
	u64 offset = addr - t->base;
	u32 n;

	if (addr < t->base)
		return false;
	n = count_up_to(t, offset);
	if (n == 0 || n == t->count)
		return false;
	out->name = t->names + t->name_offsets[n - 1];
	out->offset = offset - t->addr_offsets[n - 1];
	out->size = t->addr_offsets[n] - t->addr_offsets[n - 1];
	return true;
}

int ksym_format(const struct ksym_table *t, u64 addr, char *buf, size_t size)
{
	struct ksym sym;

	if (!ksym_lookup(t, addr, &sym))
		return ksnprintf(buf, size, "0x%lx", addr);
	return ksnprintf(buf, size, "%s+0x%lx/0x%lx", sym.name, sym.offset, sym.size);
}

const char *ksym_check(const struct ksym_table *t)
{
	for (u32 i = 1; i < t->count; i++) {
		if (t->addr_offsets[i] <= t->addr_offsets[i - 1])
			return "K1: addresses do not ascend";
		if (t->name_offsets[i] <= t->name_offsets[i - 1])
			return "K2: names do not follow each other";
		if (t->names[t->name_offsets[i] - 1])
			return "K3: a name does not end before the next";
	}
	return NULL;
}
