/* SPDX-License-Identifier: MIT */
/* Fuzzes guest/lib/fdt.c: any bytes as a device tree; what is accepted is read completely. */
#include <stdint.h>
#include <string.h>

#include "guest/lib/fdt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile u64 sink;

static void read_node(const struct dt *dt, dt_node node)
{
	struct dt_prop prop;
	dt_node child;
	u64 addr, length;

	sink += strlen(dt_name(dt, node));
	for (bool more = dt_first_prop(dt, node, &prop); more; more = dt_next_prop(dt, &prop)) {
		const u8 *p = prop.data;

		sink += strlen(prop.name);
		for (u32 i = 0; i < prop.len; i++)
			sink += p[i];
		dt_strlist_has(dt, node, prop.name, "abc");
		dt_str(dt, node, prop.name);
	}
	dt_for_each_child (dt, child, node)
		sink += child;
	for (u32 i = 0; dt_reg(dt, node, i, &addr, &length); i++)
		sink += addr + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dt dt;
	unsigned nodes = 0;

	if (dt_open(&dt, data, size))
		return 0;
	for (dt_node n = DT_ROOT; n != DT_NONE && nodes < 100; n = dt_next(&dt, n), nodes++)
		read_node(&dt, n);
	sink += dt_path(&dt, "/a/b@1") + dt_find_compatible(&dt, DT_NONE, "abc");
	return 0;
}
