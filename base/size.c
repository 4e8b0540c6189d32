/* SPDX-License-Identifier: MIT */
/* size.c - see size.h. */
#include "base/size.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

static const struct {
	char name[2];
	unsigned shift;
} units[] = { { "T", 40 }, { "G", 30 }, { "M", 20 }, { "K", 10 } };

/* Sets *shift for a suffix that stands alone at the end of the text. */
static int parse_suffix(const char *s, unsigned *shift)
{
	if (!*s) {
		*shift = 20;
		return 0;
	}
	if (!strcasecmp(s, "b")) {
		*shift = 0;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strncasecmp(s, units[i].name, 1))
			continue;
		if (s[1] && strcasecmp(s + 1, "b") && strcasecmp(s + 1, "ib"))
			return -EINVAL;
		*shift = units[i].shift;
		return 0;
	}
	return -EINVAL;
}

int size_parse(const char *text, u64 *out)
{
	const char *s = text;
	bool too_big = false;
	unsigned shift;
	u64 n = 0;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	for (; *s >= '0' && *s <= '9'; s++) {
		too_big |= __builtin_mul_overflow(n, 10, &n);
		too_big |= __builtin_add_overflow(n, (u64)(*s - '0'), &n);
	}
	/* Garbage behind a number that is too big is still garbage. */
	if (parse_suffix(s, &shift))
		return -EINVAL;
	if (too_big || n > UINT64_MAX >> shift)
		return -ERANGE;
	*out = n << shift;
	return 0;
}

void size_format(u64 bytes, char buf[SIZE_TEXT])
{
	int len;

	if (!bytes) {
		snprintf(buf, SIZE_TEXT, "0");
		return;
	}
	len = snprintf(buf, SIZE_TEXT, "%lluB", (unsigned long long)bytes);
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (bytes & ((1ULL << units[i].shift) - 1))
			continue;
		len = snprintf(buf, SIZE_TEXT, "%llu%s",
			       (unsigned long long)(bytes >> units[i].shift), units[i].name);
		break;
	}
	if (len >= SIZE_TEXT)
		snprintf(buf, SIZE_TEXT, "~%lluT", (unsigned long long)(bytes >> 40));
}
