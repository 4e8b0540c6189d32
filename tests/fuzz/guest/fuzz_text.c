/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the text parsers of guest/lib: the input as a kernel command line, and as a format whose
 * conversions all take the same harmless argument.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/lib/cmdline.h"
#include "guest/lib/parse.h"
#include "guest/lib/printf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_cmdline(const char *text, size_t size)
{
	const char *pos = text, *item;
	struct cmdline_arg arg;
	u64 v;
	s64 s;
	bool b;

	while (cmdline_next(&pos, &arg)) {
		size_t at = 0, len;

		if (arg.key < text || arg.key + arg.key_len > text + size)
			abort();
		if (arg.value && arg.value + arg.value_len > text + size)
			abort();
		while (cmdline_list_next(&arg, &at, &item, &len))
			if (!len || item + len > arg.value + arg.value_len)
				abort();
		parse_size(arg.key, arg.key_len, &v);
		parse_s64(arg.key, arg.key_len, 0, &s);
		parse_bool(arg.key, arg.key_len, &b);
	}
	cmdline_rest(text);
	cmdline_list_has(text, "a", "b");
}

/* Not checked by the compiler: the format is the fuzzer's. */
static int format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char text[] = "text";
	char *copy = malloc(size + 1), small[32];
	size_t percents = 0;
	int n;

	memcpy(copy, data, size);
	copy[size] = 0;
	read_cmdline(copy, strlen(copy));
	for (size_t i = 0; i < size; i++)
		percents += copy[i] == '%' || copy[i] == '*';
	/* A pointer to text is right for %s and a number for all others; there are 12 of them. */
	if (percents <= 12) {
		memset(small, 1, sizeof(small));
		n = format(small, sizeof(small), copy, text, text, text, text, text, text, text,
			   text, text, text, text, text);
		if (n < 0 || strlen(small) != ((size_t)n < sizeof(small) ? (size_t)n : 31))
			if (!memchr(small, 0, sizeof(small)))
				abort();
	}
	free(copy);
	return 0;
}
