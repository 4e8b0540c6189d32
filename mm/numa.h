/* SPDX-License-Identifier: MIT */
/* numa.h - the host's NUMA nodes, and binding memory to one of them (mbind(2), no libnuma). */
#ifndef MM_NUMA_H
#define MM_NUMA_H

#include "base/types.h"

#define NUMA_MAX_HOST_NODES 64
#define NUMA_MAX_NODE_ID    1023 /* CONFIG_NODES_SHIFT is at most 10 */

/* Reads a list such as "0-1,3" into ids; returns the count (at most max), 0 if malformed. */
size_t numa_parse_list(const char *text, unsigned *ids, size_t max);

/* Ids of the host's nodes that have memory; returns the count, 0 if the host does not say. */
size_t numa_host_nodes(unsigned ids[NUMA_MAX_HOST_NODES]);

/*
 * Pages of [host, host + len) not yet touched will come from node `id`; strict: from there alone,
 * else from another node once that one is out of pages. host is page aligned. 0 or -errno.
 */
int numa_bind(void *host, u64 len, unsigned id, bool strict);

#endif
