/* SPDX-License-Identifier: MIT */
/* mem_config.c - names of the backings, and the one place that judges a struct mem_config. */
#include "mm/guest_mem.h"

#include <errno.h>
#include <strings.h>

#include "base/size.h"
#include "mm/backing.h"
#include "mm/layout.h"

static const char *const backing_names[] = {
	[MEM_BACKING_4K] = "off",
	[MEM_BACKING_THP] = "thp",
	[MEM_BACKING_2M] = "2M",
	[MEM_BACKING_1G] = "1G",
};

const char *mem_backing_name(enum mem_backing backing)
{
	return backing_names[backing];
}

bool mem_backing_parse(const char *name, enum mem_backing *out)
{
	if (!strcasecmp(name, "4k")) {
		*out = MEM_BACKING_4K;
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(backing_names); i++) {
		if (!strcasecmp(name, backing_names[i])) {
			*out = (enum mem_backing)i;
			return true;
		}
	}
	return false;
}

static int check_size(u64 size, struct error *e)
{
	char text[SIZE_TEXT];

	size_format(size, text);
	if (size < MEM_MIN_SIZE)
		return error_set(e, -EINVAL, "--mem %s: a guest needs at least 1 MiB", text);
	if (size > MEM_MAX_SIZE)
		return error_set(e, -E2BIG, "--mem %s: above 16 TiB, the most this VMM maps", text);
	if (size % GUEST_PAGE_SIZE)
		return error_set(e, -EINVAL, "--mem %s: not a multiple of 4 KiB", text);
	return 0;
}

static int check_limit(u64 size, u64 limit, struct error *e)
{
	char text[SIZE_TEXT], max[SIZE_TEXT];

	if (!limit || layout_end(size) <= limit)
		return 0;
	size_format(size, text);
	size_format(layout_max_size(limit), max);
	return error_set(e, -E2BIG,
			 "--mem %s: this CPU has %d-bit physical addresses, at most %s of RAM fit",
			 text, 63 - __builtin_clzll(limit), max);
}

static int check_nodes(const struct mem_config *cfg, struct error *e)
{
	u64 unit = backing_unit(cfg->backing);
	char text[SIZE_TEXT], unit_text[SIZE_TEXT];

	if (cfg->nr_nodes < 1 || cfg->nr_nodes > MEM_MAX_NODES)
		return error_set(e, -EINVAL, "--numa %u: a guest has 1 to %d nodes", cfg->nr_nodes,
				 MEM_MAX_NODES);
	if (cfg->nr_nodes == 1 || cfg->size >= cfg->nr_nodes * unit)
		return 0;
	size_format(cfg->size, text);
	size_format(unit, unit_text);
	return error_set(e, -EINVAL,
			 "--numa %u: --mem %s is too small, each node needs at least %s",
			 cfg->nr_nodes, text, unit_text);
}

int mem_config_check(const struct mem_config *cfg, struct error *e)
{
	int err;

	if ((unsigned)cfg->backing >= ARRAY_SIZE(backing_names))
		return error_set(e, -EINVAL, "--hugepages: unknown backing %d", (int)cfg->backing);
	err = check_size(cfg->size, e);
	if (!err)
		err = check_limit(cfg->size, cfg->phys_addr_limit, e);
	if (!err)
		err = check_nodes(cfg, e);
	return err;
}
