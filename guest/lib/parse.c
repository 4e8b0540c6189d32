/* SPDX-License-Identifier: MIT */
/* parse.c - numbers and switches out of text. */
#include "guest/lib/parse.h"

#include "guest/lib/errno.h"

static inline char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static unsigned digit_value(char c)
{
	c = lower(c);
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 10;
	return ~0u;
}

int parse_u64(const char *s, size_t len, unsigned base, u64 *out)
{
	bool hex_prefix = len > 2 && s[0] == '0' && lower(s[1]) == 'x';
	u64 v = 0;

	if ((base == 0 || base == 16) && hex_prefix) {
		base = 16;
		s += 2;
		len -= 2;
	} else if (base == 0) {
		base = len > 1 && s[0] == '0' ? 8 : 10;
	}
	if (!len)
		return -EINVAL;
	for (; len; s++, len--) {
		unsigned d = digit_value(*s);

		if (d >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, (u64)base, &v) ||
		    __builtin_add_overflow(v, (u64)d, &v))
			return -ERANGE;
	}
	*out = v;
	return 0;
}

int parse_s64(const char *s, size_t len, unsigned base, s64 *out)
{
	bool negative = len && *s == '-';
	u64 v, limit = 0x7fffffffffffffffULL + negative;
	int err;

	if (len && (*s == '-' || *s == '+')) {
		s++;
		len--;
	}
	err = parse_u64(s, len, base, &v);
	if (err)
		return err;
	if (v > limit)
		return -ERANGE;
	*out = (s64)(negative ? -v : v);
	return 0;
}

int parse_size(const char *s, size_t len, u64 *out)
{
	static const char suffixes[] = "kmgtpe";
	unsigned shift = 0;
	u64 v;
	int err;

	if (!len)
		return -EINVAL;
	/* In "0x1e" the letter is a digit, as it is for Linux's memparse(). */
	if (!(len > 2 && s[0] == '0' && lower(s[1]) == 'x' && digit_value(s[len - 1]) < 16)) {
		for (unsigned i = 0; suffixes[i]; i++)
			if (lower(s[len - 1]) == suffixes[i])
				shift = 10 * (i + 1);
		if (shift)
			len--;
	}
	err = parse_u64(s, len, 0, &v);
	if (err)
		return err;
	if (shift && v >> (64 - shift))
		return -ERANGE;
	*out = v << shift;
	return 0;
}

static bool equals_lower(const char *s, size_t len, const char *word)
{
	for (; len && *word; len--, s++, word++)
		if (lower(*s) != *word)
			return false;
	return !len && !*word;
}

int parse_bool(const char *s, size_t len, bool *out)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "1", true },	  { "y", true },      { "yes", true }, { "on", true },
		{ "true", true }, { "0", false },     { "n", false },  { "no", false },
		{ "off", false }, { "false", false },
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (equals_lower(s, len, words[i].word)) {
			*out = words[i].value;
			return 0;
		}
	}
	return -EINVAL;
}
