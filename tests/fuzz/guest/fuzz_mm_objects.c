/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the slab allocators and their misuse detection: the input is a list of allocations, frees,
 * overflows, double frees and wild frees. Objects in use keep their contents, and a debug cache
 * reports every misuse and survives it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/env/host.h"
#include "guest/mm/pgalloc_init.h"
#include "guest/mm/slab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MiB	 (1UL << 20)
#define MAX_HELD 128

static struct pgalloc pg;
static struct memblock mb;
static u8 *arena;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void start(void)
{
	struct pgalloc_opts o = { .dma_end = 4 * MiB, .dma32_end = 8 * MiB };
	struct mm_env env = { 0 };

	if (!arena)
		arena = aligned_alloc(PAGE_SIZE, 16 * MiB);
	env.linear_base = (u64)arena;
	env_host_log_to_stderr(0);
	memblock_init(&mb);
	memblock_add(&mb, 0, 16 * MiB, 0);
	memblock_reserve(&mb, 0, PAGE_SIZE);
	require(pgalloc_init(&pg, &env, &mb, &o) == 0);
}

struct held {
	u8 *p;
	unsigned size, cache;
	u8 mark;
};

static void put(struct kmem_cache **caches, const struct held *h)
{
	for (unsigned i = 0; i < h->size; i++)
		require(h->p[i] == h->mark);
	kmem_cache_free(caches[h->cache], h->p);
}

static void misuse(struct slab_sys *s, struct kmem_cache **caches, struct held *h, uint8_t arg)
{
	u64 before = s->nr_reports;
	struct kmem_cache *c = caches[h->cache], *other = caches[(h->cache + 1) % 3];

	switch (arg % 5) {
	case 0: /* beyond the end */
		h->p[h->size] ^= 0xff;
		kmem_cache_free(c, h->p);
		h->p = NULL;
		break;
	case 1: /* twice */
		kmem_cache_free(c, h->p);
		kmem_cache_free(c, h->p);
		h->p = NULL;
		break;
	case 2:
		kmem_cache_free(other, h->p);
		break;
	case 3:
		kmem_cache_free(c, h->p + 1 + arg % h->size);
		break;
	default:
		kfree(s, (void *)(u64)(arg * 0x1000100010001UL));
		break;
	}
	/* slob cannot tell a pointer into an object from one to it by the address alone. */
	require(s->nr_reports > before || s->ops == &slob_ops);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct slab_ops *const ops[] = { &slub_ops, &slab_ops, &slob_ops };
	static const unsigned sizes[] = { 24, 200, 2000 };
	struct kmem_cache *caches[3];
	struct held held[MAX_HELD];
	struct slab_sys s;
	unsigned nr = 0;
	bool debug;
	u64 all;

	if (size < 2 || size > 4096)
		return 0;
	start();
	all = nr_free_pages(&pg);
	debug = data[0] & 4;
	require(!slab_sys_init(&s, &pg, ops[data[0] % 3], debug ? SLAB_DEBUG_FLAGS : 0));
	for (unsigned c = 0; c < 3; c++) {
		struct kmem_cache_args a = { .name = "fuzz",
					     .size = sizes[c],
					     .flags = SLAB_NO_MERGE };

		caches[c] = kmem_cache_create(&s, &a);
		require(caches[c]);
	}
	for (size_t i = 1; i + 1 < size; i += 2) {
		uint8_t op = data[i], arg = data[i + 1];
		struct held h = { .cache = op % 3, .size = sizes[op % 3], .mark = arg };

		if (op < 140 && nr < MAX_HELD) {
			h.p = kmem_cache_alloc(caches[h.cache], GFP_NOWAIT);
			if (!h.p)
				continue;
			memset(h.p, h.mark, h.size);
			held[nr++] = h;
		} else if (op < 240 && nr) {
			put(caches, &held[arg % nr]);
			held[arg % nr] = held[nr - 1];
			nr--;
		} else if (op < 250 && nr && debug && s.ops != &slob_ops) {
			unsigned k = arg % nr;

			misuse(&s, caches, &held[k], arg);
			if (!held[k].p)
				held[k] = held[--nr];
		} else {
			kmem_cache_shrink(caches[h.cache]);
		}
		if (i % 64 == 1)
			for (unsigned c = 0; c < 3; c++)
				require(!kmem_cache_check(caches[c]));
	}
	while (nr--)
		put(caches, &held[nr]);
	require(!slab_sys_destroy(&s));
	drain_local_pages(&pg);
	require(nr_free_pages(&pg) == all);
	return 0;
}
