/* SPDX-License-Identifier: MIT */
/*
 * fdt.c - flattened device trees: dt_open() checks, everything else walks what has been checked.
 *
 * Rules that dt_open() establishes, and on which the walkers rely: T1 every token, name and
 * property value lies inside the structure block; T2 nodes nest properly under one root, at most
 * DT_MAX_DEPTH deep, and FDT_END follows; T3 in a node, properties come before subnodes; T4 every
 * property's name is a terminated string in the strings block.
 */
#include "guest/lib/fdt.h"

#include "guest/lib/errno.h"
#include "guest/lib/string.h"

#define FDT_MAGIC 0xd00dfeedu

enum fdt_token { FDT_BEGIN_NODE = 1, FDT_END_NODE, FDT_PROP, FDT_NOP, FDT_END = 9 };

/* Section 5.2; all fields big endian. */
enum fdt_header {
	H_MAGIC = 0,
	H_TOTALSIZE = 4,
	H_OFF_STRUCT = 8,
	H_OFF_STRINGS = 12,
	H_OFF_RSV = 16,
	H_VERSION = 20,
	H_LAST_COMP_VERSION = 24,
	H_BOOT_CPU = 28,
	H_SIZE_STRINGS = 32,
	H_SIZE_STRUCT = 36,
	H_SIZE = 40,
};

/* Whether [off, off + len) lies within [0, size). */
static bool inside(u64 off, u64 len, u64 size)
{
	return off <= size && len <= size - off;
}

static inline u32 align4(u32 n)
{
	return (n + 3) & ~3u;
}

u32 dt_blob_size(const void *header)
{
	const u8 *h = header;

	return dt_be32(h + H_MAGIC) == FDT_MAGIC ? dt_be32(h + H_TOTALSIZE) : 0;
}

/* ---- the door -------------------------------------------------------------------------------- */

static int check_header(struct dt *dt, const u8 *blob, size_t size)
{
	u32 off_struct, off_strings, off_rsv;

	if (size < H_SIZE || dt_be32(blob + H_MAGIC) != FDT_MAGIC)
		return -ENOENT;
	/* Version 17 is the last that changed the layout; 16 only lacks size_dt_struct. */
	if (dt_be32(blob + H_VERSION) < 17 || dt_be32(blob + H_LAST_COMP_VERSION) > 17)
		return -ENOTSUP;
	dt->total_size = dt_be32(blob + H_TOTALSIZE);
	if (dt->total_size > size)
		return -E2BIG;
	off_struct = dt_be32(blob + H_OFF_STRUCT);
	off_strings = dt_be32(blob + H_OFF_STRINGS);
	off_rsv = dt_be32(blob + H_OFF_RSV);
	dt->tree_size = dt_be32(blob + H_SIZE_STRUCT);
	dt->strings_size = dt_be32(blob + H_SIZE_STRINGS);
	dt->boot_cpu = dt_be32(blob + H_BOOT_CPU);
	if (!inside(off_struct, dt->tree_size, dt->total_size) || off_struct % 4 ||
	    !inside(off_strings, dt->strings_size, dt->total_size) ||
	    !inside(off_rsv, 16, dt->total_size) || off_rsv % 8)
		return -EINVAL;
	/* Sums of an offset and a length stay within 32 bits. */
	if (dt->total_size > 0x7fffffff)
		return -E2BIG;
	dt->tree = blob + off_struct;
	dt->strings = blob + off_strings;
	dt->rsv = blob + off_rsv;
	return 0;
}

/* Section 5.3: pairs of 64-bit numbers up to one of size and address 0. */
static int check_reserved(struct dt *dt, u64 room)
{
	for (dt->rsv_count = 0; inside(dt->rsv_count * 16ULL, 16, room); dt->rsv_count++) {
		const u8 *entry = dt->rsv + dt->rsv_count * 16ULL;

		if (!dt_be64(entry) && !dt_be64(entry + 8))
			return 0;
	}
	return -EINVAL;
}

/* A node's name behind the token at *pos; moves *pos behind its padding. */
static int check_name(const struct dt *dt, u32 *pos)
{
	u32 room = dt->tree_size - *pos;
	size_t len = strnlen((const char *)dt->tree + *pos, room);

	/* Without a NUL len is the room, and one byte more is outside. */
	if (!inside(*pos, align4((u32)len + 1), dt->tree_size))
		return -EINVAL;
	*pos += align4((u32)len + 1);
	return 0;
}

static int check_prop(const struct dt *dt, u32 *pos)
{
	u32 len, name, room;

	if (!inside(*pos, 8, dt->tree_size))
		return -EINVAL;
	len = dt_be32(dt->tree + *pos);
	name = dt_be32(dt->tree + *pos + 4);
	*pos += 8;
	if (len > dt->tree_size || !inside(*pos, align4(len), dt->tree_size) ||
	    name >= dt->strings_size)
		return -EINVAL;
	*pos += align4(len);
	room = dt->strings_size - name;
	return strnlen((const char *)dt->strings + name, room) < room ? 0 : -EINVAL; /* T4 */
}

/* Section 5.4, by one pass over the tokens: T1 to T4. */
static int check_structure(const struct dt *dt)
{
	bool props_allowed = false, root_seen = false;
	unsigned depth = 0;
	u32 pos = 0;
	int err = 0;

	while (!err) {
		if (!inside(pos, 4, dt->tree_size))
			return -EINVAL;
		pos += 4;
		switch (dt_be32(dt->tree + pos - 4)) {
		case FDT_BEGIN_NODE:
			if ((depth == 0 && (root_seen || pos != 4)) || depth == DT_MAX_DEPTH)
				return -EINVAL;
			depth++;
			root_seen = true;
			props_allowed = true;
			err = check_name(dt, &pos);
			break;
		case FDT_END_NODE:
			if (depth == 0)
				return -EINVAL;
			depth--;
			props_allowed = false;
			break;
		case FDT_PROP:
			err = props_allowed ? check_prop(dt, &pos) : -EINVAL;
			break;
		case FDT_NOP:
			break;
		case FDT_END:
			return root_seen && depth == 0 ? 0 : -EINVAL;
		default:
			return -EINVAL;
		}
	}
	return err;
}

int dt_open(struct dt *dt, const void *blob, size_t size)
{
	int err;

	*dt = (struct dt){ 0 };
	err = check_header(dt, blob, size);
	if (!err)
		err = check_reserved(dt, dt->total_size - (u64)(dt->rsv - (const u8 *)blob));
	if (err)
		return err;
	/* NOPs may come before the root; DT_ROOT does not move for them. */
	while (dt->tree_size >= 4 && dt_be32(dt->tree) == FDT_NOP) {
		dt->tree += 4;
		dt->tree_size -= 4;
	}
	return check_structure(dt);
}

/* ---- walking what has been checked ----------------------------------------------------------- */

static inline u32 token_at(const struct dt *dt, u32 pos)
{
	return dt_be32(dt->tree + pos);
}

/* Where the token after the one at pos begins. */
static u32 next_token(const struct dt *dt, u32 pos)
{
	switch (token_at(dt, pos)) {
	case FDT_BEGIN_NODE:
		return pos + 4 + align4((u32)strlen((const char *)dt->tree + pos + 4) + 1);
	case FDT_PROP:
		return pos + 12 + align4(dt_be32(dt->tree + pos + 4));
	}
	return pos + 4;
}

bool dt_reserved(const struct dt *dt, u32 i, u64 *addr, u64 *size)
{
	if (i >= dt->rsv_count)
		return false;
	*addr = dt_be64(dt->rsv + i * 16ULL);
	*size = dt_be64(dt->rsv + i * 16ULL + 8);
	return true;
}

const char *dt_name(const struct dt *dt, dt_node node)
{
	return (const char *)dt->tree + node + 4;
}

dt_node dt_next(const struct dt *dt, dt_node node)
{
	u32 pos = node, token;

	do {
		pos = next_token(dt, pos);
		token = token_at(dt, pos);
		if (token == FDT_END)
			return DT_NONE;
	} while (token != FDT_BEGIN_NODE);
	return pos;
}

/* The node that begins at or after pos, unless the one around pos ends before. */
static dt_node next_at_level(const struct dt *dt, u32 pos)
{
	for (;; pos = next_token(dt, pos)) {
		u32 token = token_at(dt, pos);

		if (token == FDT_BEGIN_NODE)
			return pos;
		if (token == FDT_END_NODE || token == FDT_END)
			return DT_NONE;
	}
}

dt_node dt_first_child(const struct dt *dt, dt_node node)
{
	return next_at_level(dt, next_token(dt, node));
}

dt_node dt_next_sibling(const struct dt *dt, dt_node node)
{
	unsigned depth = 0;
	u32 pos = node;

	do {
		u32 token = token_at(dt, pos);

		if (token == FDT_BEGIN_NODE)
			depth++;
		else if (token == FDT_END_NODE)
			depth--;
		pos = next_token(dt, pos);
	} while (depth);
	return next_at_level(dt, pos);
}

dt_node dt_parent(const struct dt *dt, dt_node node)
{
	dt_node open[DT_MAX_DEPTH];
	unsigned depth = 0;

	for (u32 pos = DT_ROOT; pos != node; pos = next_token(dt, pos)) {
		u32 token = token_at(dt, pos);

		if (token == FDT_BEGIN_NODE)
			open[depth++] = pos;
		else if (token == FDT_END_NODE)
			depth--;
		else if (token == FDT_END)
			return DT_NONE;
	}
	return depth ? open[depth - 1] : DT_NONE;
}

/* Whether the node's name is the path component: with its unit address, or without. */
static bool name_matches(const char *name, const char *part, size_t len)
{
	if (strncmp(name, part, len) != 0)
		return false;
	return !name[len] || (name[len] == '@' && !memchr(part, '@', len));
}

dt_node dt_path(const struct dt *dt, const char *path)
{
	dt_node node = DT_ROOT, child;

	if (*path != '/')
		return DT_NONE;
	for (;;) {
		const char *end;

		while (*path == '/')
			path++;
		if (!*path)
			return node;
		for (end = path; *end && *end != '/'; end++)
			;
		dt_for_each_child (dt, child, node)
			if (name_matches(dt_name(dt, child), path, (size_t)(end - path)))
				break;
		if (child == DT_NONE)
			return DT_NONE;
		node = child;
		path = end;
	}
}

dt_node dt_find_compatible(const struct dt *dt, dt_node from, const char *compatible)
{
	dt_node node = from == DT_NONE ? DT_ROOT : dt_next(dt, from);

	for (; node != DT_NONE; node = dt_next(dt, node))
		if (dt_strlist_has(dt, node, "compatible", compatible))
			return node;
	return DT_NONE;
}

/* ---- properties ------------------------------------------------------------------------------ */

/* The first property at or after pos: T3 lets the search stop at anything else. */
static bool prop_from(const struct dt *dt, u32 pos, struct dt_prop *prop)
{
	const u8 *p;

	while (token_at(dt, pos) == FDT_NOP)
		pos += 4;
	if (token_at(dt, pos) != FDT_PROP)
		return false;
	p = dt->tree + pos;
	prop->len = dt_be32(p + 4);
	prop->name = (const char *)dt->strings + dt_be32(p + 8);
	prop->data = p + 12;
	prop->next = next_token(dt, pos);
	return true;
}

bool dt_first_prop(const struct dt *dt, dt_node node, struct dt_prop *prop)
{
	return prop_from(dt, next_token(dt, node), prop);
}

bool dt_next_prop(const struct dt *dt, struct dt_prop *prop)
{
	return prop_from(dt, prop->next, prop);
}

const void *dt_get(const struct dt *dt, dt_node node, const char *name, u32 *len)
{
	struct dt_prop prop;

	for (bool more = dt_first_prop(dt, node, &prop); more; more = dt_next_prop(dt, &prop)) {
		if (strcmp(prop.name, name) == 0) {
			if (len)
				*len = prop.len;
			return prop.data;
		}
	}
	return NULL;
}

bool dt_u32(const struct dt *dt, dt_node node, const char *name, u32 *out)
{
	u32 len;
	const void *data = dt_get(dt, node, name, &len);

	if (!data || len != 4)
		return false;
	*out = dt_be32(data);
	return true;
}

bool dt_u64(const struct dt *dt, dt_node node, const char *name, u64 *out)
{
	u32 len;
	const void *data = dt_get(dt, node, name, &len);

	if (!data || (len != 4 && len != 8))
		return false;
	*out = len == 4 ? dt_be32(data) : dt_be64(data);
	return true;
}

const char *dt_str(const struct dt *dt, dt_node node, const char *name)
{
	u32 len;
	const char *s = dt_get(dt, node, name, &len);

	return s && len && strnlen(s, len) < len ? s : NULL;
}

bool dt_strlist_has(const struct dt *dt, dt_node node, const char *name, const char *s)
{
	u32 len, pos = 0;
	const char *list = dt_get(dt, node, name, &len);
	size_t want = strlen(s);

	if (!list)
		return false;
	while (pos < len) {
		size_t n = strnlen(list + pos, len - pos);

		/* What is not terminated is not a string. */
		if (n == len - pos)
			return false;
		if (n == want && memcmp(list + pos, s, n) == 0)
			return true;
		pos += (u32)n + 1;
	}
	return false;
}

static u64 read_cells(const u8 *p, u32 cells)
{
	return cells == 2 ? dt_be64(p) : cells == 1 ? dt_be32(p) : 0;
}

bool dt_reg(const struct dt *dt, dt_node node, u32 i, u64 *addr, u64 *size)
{
	u32 address_cells = 2, size_cells = 1, len, stride;
	dt_node parent = dt_parent(dt, node);
	const u8 *reg = dt_get(dt, node, "reg", &len);

	if (!reg)
		return false;
	if (parent != DT_NONE) {
		dt_u32(dt, parent, "#address-cells", &address_cells);
		dt_u32(dt, parent, "#size-cells", &size_cells);
	}
	if (address_cells > 2 || size_cells > 2 || address_cells + size_cells == 0)
		return false;
	stride = 4 * (address_cells + size_cells);
	if (len % stride || i >= len / stride)
		return false;
	*addr = read_cells(reg + (u64)i * stride, address_cells);
	*size = read_cells(reg + (u64)i * stride + 4 * address_cells, size_cells);
	return true;
}
