/* SPDX-License-Identifier: MIT */
/*
 * mm_env_host.h - memory for tests of guest/mm: an arena that stands for physical memory from
 * address 0, one thread that plays every CPU, and a zone set made from them in one call.
 *
 * The arena is address space without memory behind it until it is touched, so that a test may have
 * 64 GiB of it.
 */
#ifndef TESTS_UNIT_GUEST_MM_ENV_HOST_H
#define TESTS_UNIT_GUEST_MM_ENV_HOST_H

#include <stdlib.h>
#include <sys/mman.h>

#include "guest/env/host.h"
#include "guest/mm/page_alloc.h"
#include "guest/mm/pcp.h"
#include "guest/mm/pgalloc_init.h"
#include "tests/unit/guest/fast_check.h"

struct world {
	struct memblock mb;
	struct pgalloc pg;
	u8 *arena;
	u64 size;
};

static inline void host_on_each_cpu(void (*fn)(void *arg), void *arg)
{
	unsigned me = env_cpu();

	for (unsigned c = 0; c < env_nr_cpus(); c++) {
		env_host_set_cpu(c);
		fn(arg);
	}
	env_host_set_cpu(me);
}

static inline unsigned host_backtrace(u64 *pc, unsigned max)
{
	/* Two made-up frames that differ from call to call. */
	static u64 serial;

	if (max < 2)
		return 0;
	pc[0] = 0x1000 + ++serial;
	pc[1] = 0x2000;
	return 2;
}

static inline void world_arena(struct world *w, u64 size)
{
	w->size = size;
	w->arena = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(w->arena != MAP_FAILED);
	memblock_init(&w->mb);
}

static inline struct mm_env world_env(const struct world *w)
{
	return (struct mm_env){
		.linear_base = (u64)w->arena,
		.on_each_cpu = host_on_each_cpu,
		.backtrace = host_backtrace,
	};
}

/* memblock has been filled by the caller. */
static inline int world_start(struct world *w, const struct pgalloc_opts *opts)
{
	struct mm_env env = world_env(w);

	env_host_set_nr_cpus(opts->nr_cpus ? opts->nr_cpus : 1);
	return pgalloc_init(&w->pg, &env, &w->mb, opts);
}

/* One node, all of [0, size), page 0 taken. */
static inline void world_make(struct world *w, u64 size, const struct pgalloc_opts *opts)
{
	world_arena(w, size);
	CHECK_EQ(memblock_add(&w->mb, 0, size, 0), 0);
	CHECK_EQ(memblock_reserve(&w->mb, 0, PAGE_SIZE), 0);
	CHECK_EQ(world_start(w, opts), 0);
}

static inline void world_end(struct world *w)
{
	munmap(w->arena, w->size);
}

static inline void world_check(struct world *w)
{
	const char *broken = pgalloc_check(&w->pg);

	if (broken)
		ck_abort_msg("%s", broken);
	CHECK(!env_host_irqs_off());
	CHECK_EQ(env_host_preempt_count(), 0);
}

/* What the free lists look like, to see whether all has come back. */
struct free_state {
	u64 nr[MAX_NUMNODES * MAX_NR_ZONES][NR_PAGE_ORDERS];
};

static inline struct free_state free_state(struct world *w)
{
	struct free_state s = { 0 };
	struct zone *z;
	unsigned i = 0;

	drain_all_pages(&w->pg);
	for_each_zone (&w->pg, z) {
		for (unsigned o = 0; o < NR_PAGE_ORDERS; o++)
			s.nr[i][o] = buddy_nr_free(&z->buddy, o);
		i++;
	}
	return s;
}

static inline bool same_state(const struct free_state *a, const struct free_state *b)
{
	for (unsigned i = 0; i < ARRAY_SIZE(a->nr); i++)
		for (unsigned o = 0; o < NR_PAGE_ORDERS; o++)
			if (a->nr[i][o] != b->nr[i][o])
				return false;
	return true;
}

#endif
