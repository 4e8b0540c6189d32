/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes page allocation: the input is a list of requests to a small machine of two nodes, whose
 * free memory is checked after each, and must all be there at the end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/env/host.h"
#include "guest/mm/compaction.h"
#include "guest/mm/page_alloc.h"
#include "guest/mm/pgalloc_init.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MiB	 (1UL << 20)
#define MAX_HELD 256

static struct pgalloc pg;
static struct memblock mb;
static u8 *arena;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static const gfp_t gfps[] = {
	GFP_NOWAIT,
	GFP_ATOMIC | __GFP_NOWARN,
	GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY,
	GFP_NOWAIT | __GFP_MOVABLE,
	GFP_NOWAIT | __GFP_RECLAIMABLE,
	GFP_NOWAIT | GFP_DMA,
	GFP_HIGHUSER_MOVABLE | __GFP_NOWARN | __GFP_NORETRY,
	GFP_NOWAIT | __GFP_COMP,
	GFP_NOWAIT | __GFP_COLD,
	GFP_NOWAIT | __GFP_THISNODE,
	__GFP_MEMALLOC | __GFP_NOWARN,
};

static void start(uint8_t how)
{
	static const u8 cpu_nid[] = { 0, 1, 1 };
	struct pgalloc_opts o = { .model = how % 3,
				  .nr_cpus = 3,
				  .cpu_nid = cpu_nid,
				  .dma_end = 4 * MiB,
				  .dma32_end = 8 * MiB,
				  .defer_after = how & 4 ? 4 * MiB : 0,
				  .movable_bytes = how & 8 ? 4 * MiB : 0 };
	struct mm_env env = { 0 };

	/* Struct pages and tables are at the top of each node and are the only memory touched. */
	if (!arena)
		arena = aligned_alloc(PAGE_SIZE, 48 * MiB);
	env.linear_base = (u64)arena;
	env_host_log_to_stderr(0);
	env_host_set_nr_cpus(3);
	memblock_init(&mb);
	memblock_add(&mb, 0, 20 * MiB, 0);
	memblock_add(&mb, 20 * MiB, 28 * MiB, 1);
	memblock_reserve(&mb, 0, PAGE_SIZE);
	require(pgalloc_init(&pg, &env, &mb, &o) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct {
		struct page *page;
		unsigned order;
	} held[MAX_HELD];
	unsigned nr = 0;
	u64 all;

	if (size < 2 || size > 4096)
		return 0;
	start(data[0]);
	all = nr_free_pages(&pg);
	for (size_t i = 1; i + 1 < size; i += 2) {
		uint8_t op = data[i], arg = data[i + 1];

		env_host_set_cpu(op >> 6 & 1 ? arg % 3 : 0);
		if (op & 0x80 && nr) {
			unsigned k = arg % nr;

			free_pages(&pg, held[k].page, held[k].order);
			held[k] = held[--nr];
		} else if ((op & 0x3f) == 0x3f) {
			struct zone *z = next_zone(&pg, NULL);

			compact_zone_order(z, arg % NR_PAGE_ORDERS);
		} else if (nr < MAX_HELD) {
			held[nr].order = arg % (NR_PAGE_ORDERS + 1); /* one too large, too */
			held[nr].page = alloc_pages_node(&pg, arg >> 6, gfps[(op & 0x3f) % 11],
							 held[nr].order);
			nr += held[nr].page != NULL;
		}
		if (i % 64 == 1)
			require(!pgalloc_check(&pg));
	}
	while (nr--)
		free_pages(&pg, held[nr].page, held[nr].order);
	for (unsigned c = 0; c < 3; c++) {
		env_host_set_cpu(c);
		drain_local_pages(&pg);
	}
	require(!pgalloc_check(&pg));
	require(nr_free_pages(&pg) == all);
	return 0;
}
