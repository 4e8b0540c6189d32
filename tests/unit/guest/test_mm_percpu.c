/* SPDX-License-Identifier: MIT */
/* Per-CPU memory: every CPU's copy is its own, objects do not overlap, all comes back. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "guest/lib/rand.h"
#include "guest/mm/percpu.h"
#include "tests/unit/guest/mm_env_host.h"

#define MiB	(1UL << 20)
#define NR_CPUS 4

static void make(struct world *w)
{
	struct pgalloc_opts o = { .dma_end = 4 * MiB, .dma32_end = 8 * MiB, .nr_cpus = NR_CPUS };

	env_host_log_to_stderr(0);
	world_make(w, 32 * MiB, &o);
}

static void check(struct pcpu *pc)
{
	const char *broken = pcpu_check(pc);

	if (broken)
		ck_abort_msg("%s", broken);
}

struct obj {
	u8 *p;
	size_t size;
	u8 mark;
};

static void fill(struct pcpu *pc, const struct obj *o)
{
	for (unsigned c = 0; c < NR_CPUS; c++)
		memset(percpu_ptr(pc, o->p, c), o->mark + (int)c, o->size);
}

static void verify(struct pcpu *pc, const struct obj *o)
{
	for (unsigned c = 0; c < NR_CPUS; c++) {
		const u8 *p = percpu_ptr(pc, o->p, c);

		CHECK(p[0] == (u8)(o->mark + c) && !memcmp(p, p + 1, o->size - 1));
	}
}

START_TEST(test_random)
{
	static const u64 offs[NR_CPUS] = { 0, 0x10000, 0x8000, 0x30000 };
	struct world w;
	struct pcpu pc;
	struct rand r;
	static struct obj held[3000];
	unsigned nr = 0;
	struct free_state before, after;

	make(&w);
	before = free_state(&w);
	CHECK_EQ(pcpu_init(&pc, &w.pg, 0x8000, _i ? offs : NULL), 0);
	rand_init(&r, (u64)_i);
	for (unsigned n = 0; n < 300000; n++) {
		if (nr < 3000 && rand_below(&r, 100) < ((n >> 14) & 1 ? 40u : 56u)) {
			struct obj o = { .size = rand_one_in(&r, 30) ? rand_range(&r, 1, 4000)
								     : rand_range(&r, 1, 64),
					 .mark = (u8)n };
			size_t align = 1UL << rand_below(&r, 8);

			o.p = alloc_percpu(&pc, o.size, align, GFP_NOWAIT);
			if (!o.p)
				continue;
			CHECK(!((u64)o.p & (align - 1)));
			for (unsigned c = 0; c < NR_CPUS; c++) {
				const u8 *p = percpu_ptr(&pc, o.p, c);

				CHECK(!p[0] && !memcmp(p, p + 1, o.size - 1));
			}
			fill(&pc, &o);
			held[nr++] = o;
		} else if (nr) {
			unsigned k = (unsigned)rand_below(&r, nr);

			verify(&pc, &held[k]);
			free_percpu(&pc, held[k].p);
			held[k] = held[--nr];
		}
		if (n % 3001 == 0)
			check(&pc);
	}
	CHECK(!nr || pcpu_destroy(&pc) == -EBUSY);
	while (nr--) {
		verify(&pc, &held[nr]);
		free_percpu(&pc, held[nr].p);
	}
	check(&pc);
	CHECK(pc.nr_chunks <= 1 && !pc.used_bytes);
	CHECK_EQ(pcpu_destroy(&pc), 0);
	after = free_state(&w);
	CHECK(same_state(&before, &after));
	CHECK_EQ(env_host_live_allocs(), 0);
	world_end(&w);
}
END_TEST

/* Setting up and the first chunk: each thing they ask for fails once, and then nothing is kept. */
START_TEST(test_every_failure)
{
	struct world w;
	static struct pcpu pc;
	struct free_state before, after;
	unsigned failures = 0;
	struct zone *z;

	make(&w);
	before = free_state(&w);
	/* Every page comes the way that can fail. */
	for_each_zone (&w.pg, z)
		for (unsigned c = 0; c < NR_CPUS; c++)
			z->pcp[c].busy = 1;
	for (unsigned site = 0; site < 2; site++) {
		bool failed = true;

		for (unsigned n = 1; failed; n++) {
			void *p = NULL;
			bool ok;

			if (site)
				w.pg.fail_after = n;
			else
				env_host_fail_after(n);
			ok = !pcpu_init(&pc, &w.pg, 0, NULL);
			if (ok)
				p = alloc_percpu(&pc, 64, 8, GFP_KERNEL);
			failed = site ? !w.pg.fail_after : env_host_fail_after(0);
			w.pg.fail_after = 0;
			failures += failed;
			CHECK_EQ(p == NULL, failed);
			free_percpu(&pc, p);
			if (ok)
				CHECK_EQ(pcpu_destroy(&pc), 0);
			CHECK_EQ(env_host_live_allocs(), 0);
		}
	}
	CHECK(failures > 2);
	for_each_zone (&w.pg, z)
		for (unsigned c = 0; c < NR_CPUS; c++)
			z->pcp[c].busy = 0;
	after = free_state(&w);
	CHECK(same_state(&before, &after));
	world_end(&w);
}
END_TEST

START_TEST(test_limits)
{
	static const u64 overlap[NR_CPUS] = { 0, 0x1000, 0x20000, 0x30000 };
	struct world w;
	static struct pcpu pc;
	static void *p;

	make(&w);
	CHECK_EQ(pcpu_init(&pc, &w.pg, 0x8000, overlap), -EINVAL);
	CHECK_EQ(pcpu_init(&pc, &w.pg, 0x200000, NULL), -EINVAL);
	env_host_fail_after(1);
	CHECK_EQ(pcpu_init(&pc, &w.pg, 0, NULL), -ENOMEM);
	env_host_fail_after(0);
	CHECK_EQ(pcpu_init(&pc, &w.pg, 0, NULL), 0);
	CHECK(!alloc_percpu(&pc, 0, 8, GFP_KERNEL));
	CHECK(!alloc_percpu(&pc, pc.unit_size + 1, 8, GFP_KERNEL));
	CHECK(!alloc_percpu(&pc, 8, 3, GFP_KERNEL));
	CHECK(!alloc_percpu(&pc, 8, 8192, GFP_KERNEL));
	env_host_fail_after(1);
	CHECK(!alloc_percpu(&pc, 8, 8, GFP_KERNEL));
	env_host_fail_after(0);
	p = alloc_percpu(&pc, pc.unit_size, 4096, GFP_KERNEL);
	CHECK(p != NULL);
	free_percpu(&pc, NULL);
	if (!env_host_expect_panic()) {
		free_percpu(&pc, (u8 *)p + 8);
		ck_abort();
	}
	/* The panic left the lock behind. */
	env_host_reset();
	env_host_set_nr_cpus(NR_CPUS);
	spin_lock_init(&pc.lock);
	free_percpu(&pc, p);
	CHECK_EQ(pcpu_destroy(&pc), 0);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mm/percpu");
	TCase *tc = tcase_create("percpu");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_random, 0, 2);
	tcase_add_test(tc, test_every_failure);
	tcase_add_test(tc, test_limits);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
