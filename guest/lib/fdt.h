/* SPDX-License-Identifier: MIT */
/*
 * fdt.h - a read-only reader of flattened device trees (Devicetree Specification 0.4, chapter 5).
 *
 * dt_open() is the one door: it walks the whole blob once and accepts it only when every token,
 * name, property and string lies inside it. Afterwards nothing can lead outside, so the questions
 * below have no error but "not there". The blob must not change and must outlive the handle. Names
 * begin with dt_, because fdt_ is libfdt's. No allocation, no recursion; any context.
 */
#ifndef GUEST_LIB_FDT_H
#define GUEST_LIB_FDT_H

#include "guest/lib/types.h"

/* A node is the offset of its FDT_BEGIN_NODE token in the structure block. */
typedef u32 dt_node;
#define DT_NONE	     0xffffffffu
#define DT_ROOT	     0u
#define DT_MAX_DEPTH 32

struct dt {
	const u8 *tree;	   /* structure block */
	const u8 *strings; /* strings block */
	const u8 *rsv;	   /* memory reservation block */
	u32 tree_size, strings_size;
	u32 rsv_count; /* entries before the terminator */
	u32 total_size;
	u32 boot_cpu;
};

struct dt_prop {
	const char *name;
	const void *data; /* big endian, 4-byte aligned if the blob is */
	u32 len;
	u32 next; /* where dt_next_prop() goes on */
};

/*
 * Opens the blob at `blob`, of which `size` bytes may be read (the blob's own totalsize may be
 * less). 0; -ENOENT no device tree magic; -ENOTSUP a version that is not readable as 17;
 * -E2BIG totalsize beyond size; -EINVAL broken inside.
 */
int dt_open(struct dt *dt, const void *blob, size_t size);

/* The size the header claims, or 0 without the magic: to be asked before the blob is mapped whole.
 * Reads 8 bytes. */
u32 dt_blob_size(const void *header);

/* Reserved memory area i: false past the last. */
bool dt_reserved(const struct dt *dt, u32 i, u64 *addr, u64 *size);

/* The name with its unit address ("" for the root). */
const char *dt_name(const struct dt *dt, dt_node node);

/* Tree walk; DT_NONE at the end. dt_parent() walks from the root: not for loops. */
dt_node dt_first_child(const struct dt *dt, dt_node node);
dt_node dt_next_sibling(const struct dt *dt, dt_node node);
dt_node dt_parent(const struct dt *dt, dt_node node);
/* All nodes in the order of the blob, starting from DT_ROOT. */
dt_node dt_next(const struct dt *dt, dt_node node);

#define dt_for_each_child(dt, child, node)                               \
	for ((child) = dt_first_child((dt), (node)); (child) != DT_NONE; \
	     (child) = dt_next_sibling((dt), (child)))

/* "/cpus/cpu@0"; a component without @ also matches a name with a unit address, the first wins. */
dt_node dt_path(const struct dt *dt, const char *path);

/* The first node after `from` (DT_NONE: from the start) that has the string in `compatible`. */
dt_node dt_find_compatible(const struct dt *dt, dt_node from, const char *compatible);

/* Properties in order: begin with dt_first_prop(). */
bool dt_first_prop(const struct dt *dt, dt_node node, struct dt_prop *prop);
bool dt_next_prop(const struct dt *dt, struct dt_prop *prop);

/* By name; data and length (len may be NULL), or NULL. A property without value gives a non-NULL
 * pointer and length 0. */
const void *dt_get(const struct dt *dt, dt_node node, const char *name, u32 *len);

/* A property of exactly 4 bytes / of 4 or 8 bytes / a NUL-terminated string; false or NULL when it
 * is absent or not that. */
bool dt_u32(const struct dt *dt, dt_node node, const char *name, u32 *out);
bool dt_u64(const struct dt *dt, dt_node node, const char *name, u64 *out);
const char *dt_str(const struct dt *dt, dt_node node, const char *name);

/* Whether a string list property (compatible, ...) has the string. */
bool dt_strlist_has(const struct dt *dt, dt_node node, const char *name, const char *s);

/*
 * Entry i of `reg` (section 2.3.6), with the parent's #address-cells and #size-cells (2 and 1 when
 * absent; at most 2 each). False past the last entry or for a reg that does not fit the cells.
 * Addresses are the parent bus's; this reader does not apply `ranges`.
 */
bool dt_reg(const struct dt *dt, dt_node node, u32 i, u64 *addr, u64 *size);

/* Big-endian loads from any alignment. */
static inline u32 dt_be32(const void *p)
{
	u32 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline u64 dt_be64(const void *p)
{
	u64 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

#endif
