/* SPDX-License-Identifier: MIT */
/* spec.c - see spec.h. */
#include "vmm/spec.h"

#include <errno.h>
#include <string.h>

int spec_next(const char **at, char *buf, size_t room)
{
	const char *p = *at;
	size_t n = 0;

	if (!p)
		return 0;
	for (; *p; p++) {
		if (*p == ',') {
			if (p[1] != ',')
				break;
			p++;
		}
		if (n + 1 >= room)
			return -E2BIG;
		buf[n++] = *p;
	}
	buf[n] = 0;
	*at = *p ? p + 1 : NULL;
	return 1;
}

const char *spec_value(const char *word, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(word, key, n) && word[n] == '=' ? word + n + 1 : NULL;
}
