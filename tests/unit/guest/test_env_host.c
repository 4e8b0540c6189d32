/* SPDX-License-Identifier: MIT */
/* Unit tests of guest/env/host.c: the knobs do what the other tests rely on. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "guest/env/host.h"
#include "guest/lib/env.h"

/* Builds three parts, unwinding on failure: what every portable constructor looks like. */
struct thing {
	void *part[3];
};

static struct thing *thing_new(void)
{
	struct thing *t = env_alloc(sizeof(*t));
	int i;

	if (!t)
		return NULL;
	for (i = 0; i < 3; i++) {
		t->part[i] = env_alloc(10);
		if (!t->part[i])
			goto err_free_parts;
	}
	return t;

err_free_parts:
	while (i--)
		env_free(t->part[i], 10);
	env_free(t, sizeof(*t));
	return NULL;
}

static void thing_free(struct thing *t)
{
	for (int i = 0; i < 3; i++)
		env_free(t->part[i], 10);
	env_free(t, sizeof(*t));
}

START_TEST(every_allocation_can_fail)
{
	unsigned n;
	struct thing *t;

	for (n = 1;; n++) {
		env_host_fail_after(n);
		t = thing_new();
		if (t)
			break;
		ck_assert(env_host_fail_after(0));
		ck_assert_uint_eq(env_host_live_allocs(), 0);
	}
	ck_assert_uint_eq(n, 5);
	ck_assert(!env_host_fail_after(0));
	ck_assert_uint_eq(env_host_live_allocs(), 4);
	thing_free(t);
	ck_assert_uint_eq(env_host_live_allocs(), 0);
}
END_TEST

START_TEST(memory_is_zero_and_aligned)
{
	char *p = env_alloc(33);

	ck_assert_uint_eq((uintptr_t)p % 16, 0);
	for (int i = 0; i < 33; i++)
		ck_assert_int_eq(p[i], 0);
	if (!env_host_expect_panic()) {
		env_free(p, 32);
		ck_abort_msg("a wrong size was accepted");
	}
	env_free(p, 33);
	env_free(NULL, 5);
	ck_assert_ptr_null(env_alloc(SIZE_MAX));
	ck_assert_uint_eq(env_host_live_allocs(), 0);
}
END_TEST

START_TEST(interrupts_and_preemption_per_cpu)
{
	u64 outer, inner;

	env_host_set_nr_cpus(2);
	outer = env_irq_save();
	inner = env_irq_save();
	env_irq_restore(inner);
	ck_assert(env_host_irqs_off());
	env_host_set_cpu(1);
	ck_assert_uint_eq(env_cpu(), 1);
	ck_assert(!env_host_irqs_off());
	env_host_set_cpu(0);
	env_irq_restore(outer);
	ck_assert(!env_host_irqs_off());
	if (!env_host_expect_panic()) {
		env_irq_restore(0);
		ck_abort_msg("an unbalanced restore was accepted");
	}
	env_preempt_disable();
	env_preempt_disable();
	env_preempt_enable();
	ck_assert_uint_eq(env_host_preempt_count(), 1);
	env_preempt_enable();
	if (!env_host_expect_panic()) {
		env_preempt_enable();
		ck_abort_msg("an unbalanced enable was accepted");
	}
	if (!env_host_expect_panic()) {
		env_host_set_cpu(2);
		ck_abort_msg("a CPU that does not exist was played");
	}
}
END_TEST

START_TEST(panics_can_be_expected)
{
	if (!env_host_expect_panic()) {
		env_panic("file.c", 12, "value %d of %s", 7, "seven");
		ck_abort();
	}
	ck_assert_str_eq(env_host_panic_text(), "value 7 of seven");
	if (!env_host_expect_panic()) {
		BUG_ON(1 + 1 == 2);
		ck_abort();
	}
	ck_assert_str_eq(env_host_panic_text(), "BUG: 1 + 1 == 2");
}
END_TEST

START_TEST(unexpected_panic_ends_the_process)
{
	env_panic("file.c", 12, "nobody expects this one");
}
END_TEST

static void release(void *arg)
{
	int *left = arg;

	--*left;
}

START_TEST(waiting_loops)
{
	int left = 5;

	env_host_on_relax(release, &left);
	while (READ_ONCE(left))
		env_relax();
	env_host_on_relax(NULL, NULL);
	if (!env_host_expect_panic()) {
		for (;;)
			env_relax();
	}
}
END_TEST

START_TEST(log_clock_and_reset)
{
	env_host_log_to_stderr(0);
	env_log(ENV_ERR, "cpu %u of %u", env_cpu(), env_nr_cpus());
	ck_assert_str_eq(env_host_log_text(), "cpu 0 of 1");
	env_host_set_now(1234);
	ck_assert_uint_eq(env_now_ns(), 1234);
	env_host_set_nr_cpus(8);
	env_host_set_cpu(7);
	env_host_reset();
	ck_assert_uint_eq(env_now_ns(), 0);
	ck_assert_uint_eq(env_cpu(), 0);
	ck_assert_uint_eq(env_nr_cpus(), 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("env_host");
	TCase *t = tcase_create("env_host");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, every_allocation_can_fail);
	tcase_add_test(t, memory_is_zero_and_aligned);
	tcase_add_test(t, interrupts_and_preemption_per_cpu);
	tcase_add_test(t, panics_can_be_expected);
	tcase_add_test_raise_signal(t, unexpected_panic_ends_the_process, SIGABRT);
	tcase_add_test(t, waiting_loops);
	tcase_add_test(t, log_clock_and_reset);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
