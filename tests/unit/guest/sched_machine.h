/* SPDX-License-Identifier: MIT */
/*
 * sched_machine.h - a simulated machine inside a test. The simulator's sources are included, because
 * the room's library holds host.c: with env.h's functions defined here, the linker leaves it out.
 */
#ifndef TESTS_UNIT_GUEST_SCHED_MACHINE_H
#define TESTS_UNIT_GUEST_SCHED_MACHINE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest/env/sim.c"
#include "guest/env/sim_histogram.c"
#include "guest/env/sim_lock.c"
#include "guest/env/sim_machine.c"
#include "tests/unit/guest/fast_check.h"

#define US(n)	((s64)(n)*1000)
#define MSEC(n) ((s64)(n)*1000000)
#define SEC(n)	((s64)(n)*1000000000)

/* Scripts. */
#define RUN(ns)                                      \
	{                                            \
		.code = OP_RUN, .a = (ns), .b = (ns) \
	}
#define RUN_RANGE(x, y)                            \
	{                                          \
		.code = OP_RUN, .a = (x), .b = (y) \
	}
#define SLEEP(ns)                                      \
	{                                              \
		.code = OP_SLEEP, .a = (ns), .b = (ns) \
	}
#define SLEEP_RANGE(x, y)                            \
	{                                            \
		.code = OP_SLEEP, .a = (x), .b = (y) \
	}
#define PERIOD(ns)                           \
	{                                    \
		.code = OP_PERIOD, .a = (ns) \
	}
#define LOCK(i)                           \
	{                                 \
		.code = OP_LOCK, .a = (i) \
	}
#define UNLOCK(i)                           \
	{                                   \
		.code = OP_UNLOCK, .a = (i) \
	}
#define YIELD                    \
	{                        \
		.code = OP_YIELD \
	}
#define FOREVER                 \
	{                       \
		.code = OP_LOOP \
	}
#define TIMES(n)                          \
	{                                 \
		.code = OP_LOOP, .a = (n) \
	}
#define FORK(prog, n)                                  \
	{                                              \
		.code = OP_FORK, .a = (prog), .b = (n) \
	}
#define SCRIPT(name) .ops = name, .nr_ops = ARRAY_SIZE(name)

static struct sim_op hog_ops[] __attribute__((unused)) = { RUN(MSEC(10)), FOREVER };

/* One CPU unless said otherwise; a task never waits for an interrupt to arrive. */
static inline struct sim_machine_config config_for(const char *policy, unsigned cpus)
{
	struct sim_machine_config cfg = { .seed = 1,
					  .topo = { .nr_cpus = cpus,
						    .threads_per_core = 1,
						    .cores_per_llc = cpus,
						    .llcs_per_node = 1 } };

	sched_tunables_default(&cfg.tun, cpus);
	cfg.fair = sched_fair_by_name(policy);
	ck_assert_msg(cfg.fair != NULL, "%s", policy);
	return cfg;
}

static inline struct sim_machine *machine_of(struct sim_machine_config *cfg,
					     const struct sim_program *progs, unsigned n)
{
	struct sim_machine *m;

	cfg->programs = progs;
	cfg->nr_programs = n;
	m = sim_machine_create(cfg);
	ck_assert_ptr_nonnull(m);
	return m;
}

static inline void check_machine(struct sim_machine *m)
{
	const char *bad = sched_check(sim_machine_sched(m));

	if (!bad)
		bad = sim_check(sim_machine_engine(m));
	ck_assert_msg(!bad, "%s", bad);
}

static inline int run_suite(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
