/* SPDX-License-Identifier: MIT */
/*
 * slab_lab.h - a machine with two nodes and three CPUs, and one of the slab allocators on it: number
 * i stands for allocator i / 2, with debug flags if i is odd. lab_end() sees that all has come back.
 */
#ifndef TESTS_UNIT_GUEST_SLAB_LAB_H
#define TESTS_UNIT_GUEST_SLAB_LAB_H

#include "guest/mm/slab.h"
#include "tests/unit/guest/mm_env_host.h"

#define MiB	(1UL << 20)
#define NR_CPUS 3

static const struct slab_ops *const all_ops[] = { &slub_ops, &slab_ops, &slob_ops };

struct lab {
	struct world w;
	struct slab_sys s;
	struct free_state boot;
	size_t env_allocs;
};

/* i: allocator * 2 + debug */
static inline void lab_make(struct lab *l, int i)
{
	static const u8 cpu_nid[NR_CPUS] = { 0, 1, 0 };
	struct pgalloc_opts o = {
		.dma_end = 8 * MiB, .dma32_end = 16 * MiB, .nr_cpus = NR_CPUS, .cpu_nid = cpu_nid
	};

	env_host_log_to_stderr(0);
	world_arena(&l->w, 96 * MiB);
	memblock_add(&l->w.mb, 0, 64 * MiB, 0);
	memblock_add(&l->w.mb, 64 * MiB, 32 * MiB, 1);
	memblock_reserve(&l->w.mb, 0, PAGE_SIZE);
	CHECK_EQ(world_start(&l->w, &o), 0);
	l->boot = free_state(&l->w);
	l->env_allocs = env_host_live_allocs();
	CHECK_EQ(slab_sys_init(&l->s, &l->w.pg, all_ops[i / 2], i % 2 ? SLAB_DEBUG_FLAGS : 0), 0);
}

static inline void check_caches(struct lab *l)
{
	struct kmem_cache *c;

	list_for_each_entry (c, &l->s.caches, list) {
		const char *broken = kmem_cache_check(c);

		if (broken)
			ck_abort_msg("%s: %s", c->name, broken);
	}
}

static inline void lab_end(struct lab *l)
{
	struct free_state now;

	check_caches(l);
	CHECK_EQ(slab_sys_destroy(&l->s), 0);
	CHECK_EQ(atomic64_read(&l->s.pages_unreclaimable), 0);
	CHECK_EQ(atomic64_read(&l->s.pages_reclaimable), 0);
	CHECK_EQ(atomic64_read(&l->s.pages_large), 0);
	now = free_state(&l->w);
	CHECK(same_state(&l->boot, &now));
	CHECK_EQ(env_host_live_allocs(), l->env_allocs);
	world_check(&l->w);
	world_end(&l->w);
}

#endif
