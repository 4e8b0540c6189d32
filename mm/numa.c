/* SPDX-License-Identifier: MIT */
/* numa.c - see numa.h. */
#include "mm/numa.h"

#include <errno.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LONG_BITS (sizeof(unsigned long) * CHAR_BIT)

/* Reads one id at *s and moves past it. */
static bool parse_id(const char **s, unsigned *id)
{
	unsigned long v;
	char *end;

	if (**s < '0' || **s > '9')
		return false;
	v = strtoul(*s, &end, 10);
	*s = end;
	*id = (unsigned)v;
	return v <= NUMA_MAX_NODE_ID;
}

size_t numa_parse_list(const char *text, unsigned *ids, size_t max)
{
	const char *s = text;
	size_t n = 0;

	for (;;) {
		unsigned first, last;

		if (!parse_id(&s, &first))
			return 0;
		last = first;
		if (*s == '-') {
			s++;
			if (!parse_id(&s, &last) || last < first)
				return 0;
		}
		for (unsigned id = first; id <= last && n < max; id++)
			ids[n++] = id;
		if (*s != ',')
			break;
		s++;
	}
	return *s == '\0' || *s == '\n' ? n : 0;
}

size_t numa_host_nodes(unsigned ids[NUMA_MAX_HOST_NODES])
{
	char text[1024];
	size_t n = 0;
	/* Not "online": a node may have CPUs only, and nothing can be bound to it. */
	FILE *f = fopen("/sys/devices/system/node/has_memory", "re");

	if (!f)
		return 0;
	if (fgets(text, sizeof(text), f))
		n = numa_parse_list(text, ids, NUMA_MAX_HOST_NODES);
	fclose(f);
	return n;
}

int numa_bind(void *host, u64 len, unsigned id, bool strict)
{
	unsigned long mask[(NUMA_MAX_NODE_ID + 1) / LONG_BITS] = { 0 };
	long mode = strict ? MPOL_BIND : MPOL_PREFERRED;

	mask[id / LONG_BITS] = 1UL << id % LONG_BITS;
	/* The kernel reads one bit less than maxnode says. */
	if (syscall(SYS_mbind, host, len, mode, mask, sizeof(mask) * CHAR_BIT + 1, 0UL))
		return -errno;
	return 0;
}
